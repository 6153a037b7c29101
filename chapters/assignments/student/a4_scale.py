# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A4 · Scale
#
# | | |
# |---|---|
# | **After** | [chapter 12](../../12_imagenet.ipynb), with [11](../../11_vqgan.ipynb) for the critic |
# | **You exercise** | a weight that a loss sets itself, an order of images that survives an interruption, gradients that add up, a file that is never half there, a bill |
# | **You need** | PyTorch, autograd, and files; no GPU and no second process |
# | **You hand in** | this notebook, or the `.py` file beside it, under the name that your course asks for |
#
# How to work: replace `raise NotImplementedError` by your code and run the cell
# below it. The checker answers at once. It says what is wrong, shows an example that
# fails, and never the solution. Your function may use `torch`, `math` and the
# standard library, and it is judged alone, so a mistake in one task costs nothing in
# another. Nothing from `arcvq_lite` may be used inside an answer, since the library
# holds the answers.
#
# How marks are given: each task consists of parts, and a part gives all of its
# points or none. The grader asks what the checker asks, with other numbers. Two
# questions at the end are read by a person. Talk about the ideas with whomever you
# like, and write every line that you hand in yourself.

# %%
import math
import os
import tempfile

import torch
from IPython.display import display
from torch.nn import functional as F

# %%
from arcvq_lite import check
from arcvq_lite.viz import SERIES, Picture, new_figure

# %% [markdown]
# ## Task 1. As loud as the pixels
#
# *18 points · ●●○ · 40 minutes*
#
# Marked in parts: weighs two pulls at the last layer (6), guards the ratio below and
# above (4), treats the weight as a constant (5), leaves the critic out before its start
# (3).
#
# A VQGAN (Esser et al. 2021) is pulled in two directions: by the pixels, which have
# to be right, and by a critic, who has to be pleased. How loud should the critic be?
# Its gradient may be a thousand times as long as that of the pixels or a thousandth,
# and changes while both learn. So the critic's term gets a weight that makes the two
# pulls equally long, at the last layer that both go through.
#
# Here is the smallest such model. The last layer paints $\tilde x = f W^\top$ from
# `features` $f$, $(N, D)$, with its `weight` $W$, $(C, D)$. The pixels' term and the
# critic's, with `images` $x$, $(N, C)$, and a linear `critic` $v$, $(C)$, are
#
# $$R = \frac{1}{NC}\sum_{i,c} |\tilde x_{ic} - x_{ic}|, \qquad A = -\frac1N\sum_i \tilde x_i\cdot v .$$
#
# From the step `start` on, with a number `factor`,
#
# $$\text{total} = R + \text{factor}\cdot\lambda\cdot A, \qquad \lambda = \frac{\|\partial R/\partial W\|}{\|\partial A/\partial W\| + 10^{-4}} \text{ within } 0 \dots 10^4 .$$
#
# Before `start`, $\lambda = 0$ and the total is $R$. Return the pair `(total, λ)`. The
# total is a scalar from which the gradient goes back to `features` and `weight`, both
# of which ask for one when your function is called; to the gradient, $\lambda$ is a
# constant.


# %% task="balanced_loss"
def balanced_loss(features, weight, images, critic, factor, step, start):
    """(N, D), (C, D), (N, C), (C,) and numbers to the total and λ."""
    raise NotImplementedError


# %%
check.balanced_loss(balanced_loss)

# %% [markdown]
# ## Task 2. What is left of the epoch
#
# *20 points · ●●● · 45 minutes*
#
# Marked in parts: names every image of the epoch once (5), gives every rank a share of
# its own, all equally long (6), shuffles by seed and epoch and by nothing else (5),
# goes on where the rank was interrupted (4).
#
# A run on several ranks is stopped in the middle of an epoch. Tomorrow it goes on, and
# every image that has not been read shall still be read. Write what one rank has
# before it.
#
# The order of an epoch is a permutation of $0 \dots \texttt{size} - 1$ that is decided
# by `seed` and `epoch`, and by nothing else: not by what other parts of the program
# have drawn, nor by how often you ask. Every epoch has another order, and so has every
# seed; no pair of seed and epoch shares its order with another pair. Any generator of
# random numbers will do.
#
# All ranks have the same order and take parts of it that do not overlap. If
# `world_size` does not divide `size`, the order is first filled up with images from
# its own beginning, so that every rank gets $\lceil \texttt{size} / \texttt{world\_size} \rceil$
# of them; otherwise one rank would take a step more than the others, and wait for
# them for ever. How you deal the images out is up to you (question 2 will ask).
#
# Each rank takes its images in batches of `batch`, and its last batch may be shorter.
# The first `start` of its batches have been trained on already. Return the rest, as a
# list of lists of indices; where nothing is left, an empty list.


# %% task="remaining_batches"
def remaining_batches(size, seed, epoch, rank, world_size, batch, start):
    """Whole numbers to a list of lists of indices."""
    raise NotImplementedError


# %%
check.remaining_batches(remaining_batches)

# %% [markdown]
# Once your sampler is right, the next cell shows two epochs of 24 images on three
# ranks. A column is a place in the epoch, a row a rank, and the grey level is the
# number of the image. In the lower picture the run was stopped after two batches.

# %%
if check.remaining_batches(remaining_batches).passed:
    figure = new_figure(6.4, 3)
    panels = figure.subplots(2, 2)
    for row, begun in enumerate((0, 2)):
        for epoch, axes in enumerate(panels[row]):
            ranks = [
                remaining_batches(24, 0, epoch, r, 3, 2, begun)
                for r in range(3)
            ]
            rows = [[i for batch in rank for i in batch] for rank in ranks]
            axes.imshow(rows, cmap="Greys", vmin=-6, vmax=24)
            axes.set(yticks=range(3), xticks=[])
            axes.set_title(f"epoch {epoch}, {begun} batches done", fontsize=9)
    caption = "Which image each rank reads, in grey: no square comes twice."
    display(Picture(figure, f"Four grids of squares. {caption}", caption))

# %% [markdown]
# ## Task 3. Small batches, one gradient
#
# *16 points · ●●○ · 35 minutes*
#
# Marked in parts: has the gradient of a mean over tokens (6), adds unequal micro-
# batches to the large batch (6), survives a micro-batch of padding (4).
#
# A batch that does not fit is taken in micro-batches, and the gradient of the large
# batch put together from theirs. Where all have the same weight, one adds and divides
# by their number. Here they have not. The tokens of a prior come in sequences of
# different lengths, filled up with padding, and the loss is a mean over the *valid*
# tokens of the whole batch:
#
# $$L = \frac{1}{T}\sum_{(b, l)\,:\,y_{bl} \ge 0} \Big(\log\sum_{c} e^{a_{blc}} - a_{b l y_{bl}}\Big), \qquad a_{blc} = h_{bl}\cdot w_c ,$$
#
# with `inputs` $h$, $(B, L, D)$, `labels` $y$, $(B, L)$ int64, where −1 is padding, and
# `weight` $w$, $(C, D)$. $T$ is the number of valid tokens. Your function takes one
# micro-batch after the other:
#
# ```python
# gradient, tokens = torch.zeros_like(weight), 0
# for inputs, labels in micro_batches:
#     gradient, tokens = add_micro_batch(gradient, tokens, inputs, labels, weight)
# ```
#
# After each of them `gradient` $(C, D)$ is that of the mean over all the valid tokens
# so far, and `tokens` is their number. How many will come is not known beforehand.
# A micro-batch may hold nothing but padding; it changes nothing, even as the first.


# %% task="add_micro_batch"
def add_micro_batch(gradient, tokens, inputs, labels, weight):
    """(C, D), T, (B, L, D), (B, L) and (C, D) to (C, D) and T."""
    raise NotImplementedError


# %%
check.add_micro_batch(add_micro_batch)

# %% [markdown]
# ## Task 4. The old one or the new one
#
# *20 points · ●●○ · 40 minutes*
#
# Marked in parts: saves what can be loaded again (5), keeps the old file whole on a
# full disk (7), replaces the old file in one act (4), leaves nothing beside it (4).
#
# The disk is full, and the checkpoint of this hour is half written. What the run needs
# now is the checkpoint of the hour before. So a new one is never written *into* the
# old one.
#
# Write `save_checkpoint(state, path)`. `state` is a nest of dictionaries and lists with
# tensors, numbers, strings and None in it, `path` is a string, and the folder is there.
# Afterwards `torch.load(path, weights_only=True)` gives the state back. If there was a
# file before, then at every moment either the old content stands under that name or
# the new one, and both are whole. If the new one cannot be written, let the error out
# and leave the old one as it was. When your function returns, nothing of yours but
# the checkpoint lies in the folder or anywhere else. What it returns does not matter.
#
# The checker lets no file grow beyond a certain length, which is how a full disk looks
# to a program. It cannot pull the plug. Question 1 is about that.


# %% task="save_checkpoint"
def save_checkpoint(state, path):
    """A nest of plain values, and where to put it."""
    raise NotImplementedError


# %%
check.save_checkpoint(save_checkpoint)

# %% [markdown]
# ## Task 5. The bill, before the run
#
# *12 points · ●○○ · 25 minutes*
#
# Marked in parts: counts runs and walks back in hours (6), turns them into days and
# money (3), leaves out what is never trained on (3).
#
# Before GPUs are rented one should know what the training will cost. For each image a
# step runs two networks. One is trained; forward it computes `trained_gflop` GFLOP.
# The other is frozen and looks at what the first has painted, as the network of a
# perceptual distance does; forward it computes `frozen_gflop`, and the gradient goes
# back through it to the picture. A walk back computes for each layer the gradient of
# its input, and where the layer is trained also that of its weights. Each of these
# costs as much as the run forward.
#
# There are `images` in the set, in batches of `batch` over all GPUs, for `epochs`
# epochs. An incomplete last batch is not trained on. Each of the `gpus` could do
# `peak_tflops` TFLOP (a TFLOP is 1,000 GFLOP) in a second and sustains the share
# `share` of that. An hour of one GPU costs `price`.
#
# Return a dictionary with `"gpu_hours"`, those of all GPUs together; `"days"`, how
# long you will have to wait; and `"money"`.


# %% task="training_bill"
def training_bill(
    images,
    epochs,
    batch,
    trained_gflop,
    frozen_gflop,
    peak_tflops,
    share,
    gpus,
    price,
):
    """Numbers to GPU-hours, days and money."""
    raise NotImplementedError


# %%
check.training_bill(training_bill)

# %% [markdown]
# Once your bill is right, the next cell draws what the share does to it, for a million
# steps of 32 images on A100s, 312 TFLOP/s each at their peak in bfloat16. How sure
# must you be of the share before you sign?

# %%
if check.training_bill(training_bill).passed:
    axes = new_figure(6.4, 2.6).subplots()
    shares = [percent / 100 for percent in range(10, 61)]
    for gpus, colour in zip((1, 8), SERIES, strict=False):
        run = [32_000_000, 1, 32, 600, 40, 312]
        bills = [training_bill(*run, share, gpus, 2.0) for share in shares]
        days = [bill["days"] for bill in bills]
        axes.plot(shares, days, color=colour)
        label = f"{gpus} GPU{'s' * (gpus > 1)}"
        axes.text(0.61, days[-1], label, color=colour, va="center")
    axes.set(xlabel="share of the peak", ylabel="days", yscale="log")
    axes.set_xlim(0.1, 0.7)
    money = [math.floor(bills[place]["money"]) for place in (0, -1)]
    caption = f"Days of waiting. The money is {money[0]} to {money[1]}."
    display(Picture(axes.figure, f"Two falling curves. {caption}", caption))

# %% [markdown]
# ## Question 1. What a test cannot unplug
#
# *7 points · 15 minutes · read by a person*
#
# A friend's `save_checkpoint` writes to a file beside the old one, closes it, and
# renames it. It passes every test of Task 4. One night the power fails a second after
# it has returned.
#
# What may stand under the good name in the morning, and why? Which two calls are
# missing, and what does each of them secure? Why could no full disk have shown it? At
# most 150 words.

# %% [markdown] question="power_cut"
# *Your answer.*

# %% [markdown]
# ## Question 2. From four ranks to two
#
# *7 points · 15 minutes · read by a person*
#
# A run of your Task 2 has begun on four ranks with 16 images a batch on each, and is
# resumed in mid-epoch on two ranks with 32 images a batch on each, at the same
# `start`. Write down which places of the order make up the next batch over all ranks
# before and after, for the way in which *your* function deals the images out. Are
# the images the same? If they are not, how would you deal them out so that they are?
# And suppose they are: name a loss of this book that is another one all the same. At
# most 200 words.

# %% [markdown] question="other_ranks"
# *Your answer.*

# %% [markdown]
# ## References
#
# - Esser, Rombach, Ommer: *Taming Transformers for High-Resolution Image Synthesis*,
#   CVPR 2021, <https://arxiv.org/abs/2012.09841>.
