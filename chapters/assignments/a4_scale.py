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
    ### BEGIN SOLUTION
    painted = features @ weight.T  # (N, C)
    reconstruction = (painted - images).abs().mean()
    if step < start:
        return reconstruction, 0.0
    gan = -(painted @ critic).mean()
    pull, gan_pull = (
        torch.autograd.grad(term, weight, retain_graph=True)[0].norm()
        for term in (reconstruction, gan)
    )
    balance = (pull / (gan_pull + 1e-4)).clamp(0, 1e4).detach()
    return reconstruction + factor * balance * gan, balance
    ### END SOLUTION


# %%
check.balanced_loss(balanced_loss)

# %% [markdown]
# ## Task 2. What is left of the epoch
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
    ### BEGIN SOLUTION
    # Two generators in a row, so that no two pairs are merged into one number.
    of_seed = torch.Generator().manual_seed(seed)
    words = torch.randint(2**62, (epoch + 1,), generator=of_seed)
    draw = torch.Generator().manual_seed(int(words[epoch]))
    order = torch.randperm(size, generator=draw).tolist()
    order += order[: -size % world_size]
    mine = order[rank::world_size]
    batches = [mine[i : i + batch] for i in range(0, len(mine), batch)]
    return batches[start:]
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    valid = labels >= 0  # (B, L)
    new = int(valid.sum())
    if new == 0:
        return gradient, tokens
    leaf = weight.detach().clone().requires_grad_()
    logits = inputs[valid] @ leaf.T  # (T, C)
    loss = F.cross_entropy(logits, labels[valid], reduction="sum")
    (added,) = torch.autograd.grad(loss, leaf)
    total = tokens + new
    return (gradient * tokens + added) / total, total
    ### END SOLUTION


# %%
check.add_micro_batch(add_micro_batch)

# %% [markdown]
# ## Task 4. The old one or the new one
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
    ### BEGIN SOLUTION
    folder = os.path.dirname(os.path.abspath(path))
    handle, aside = tempfile.mkstemp(dir=folder, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    if os.name != "nt":
        names = os.open(folder, os.O_RDONLY)
        os.fsync(names)
        os.close(names)
    ### END SOLUTION


# %%
check.save_checkpoint(save_checkpoint)

# %% [markdown]
# ## Task 5. The bill, before the run
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
    ### BEGIN SOLUTION
    seen = images // batch * batch * epochs
    gflop = (3 * trained_gflop + 2 * frozen_gflop) * seen
    gpu_hours = gflop / (1000 * peak_tflops * share) / 3600
    days = gpu_hours / gpus / 24
    return {"gpu_hours": gpu_hours, "days": days, "money": gpu_hours * price}
    ### END SOLUTION


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
# A friend's `save_checkpoint` writes to a file beside the old one, closes it, and
# renames it. It passes every test of Task 4. One night the power fails a second after
# it has returned.
#
# What may stand under the good name in the morning, and why? Which two calls are
# missing, and what does each of them secure? Why could no full disk have shown it? At
# most 150 words.

# %% [markdown] question="power_cut"
# ### BEGIN SOLUTION
# When the function returned, both content and name may have been in memory only. The
# system writes them to the disk later, and in whatever order it likes. If the name
# arrived first, the good name stands for a file that is empty or half there, and the
# old content has no name any more. If neither arrived, the old checkpoint is back,
# whole, though the program went on believing that the new one was safe.
#
# A sync of the file before the rename secures the content: no name can stand for it
# before it is on the disk. A sync of the folder after the rename secures the name.
#
# On a full disk a write fails, and the program is told. In a power cut nothing fails.
# The writes had been accepted, and what is lost is what had been accepted and not yet
# carried out.
# ### END SOLUTION

# %% [markdown]
# ## Question 2. From four ranks to two
#
# A run of your Task 2 has begun on four ranks with 16 images a batch on each, and is
# resumed in mid-epoch on two ranks with 32 images a batch on each, at the same
# `start`. Write down which places of the order make up the next batch over all ranks
# before and after, for the way in which *your* function deals the images out. Are
# the images the same? If they are not, how would you deal them out so that they are?
# And suppose they are: name a loss of this book that is another one all the same. At
# most 200 words.

# %% [markdown] question="other_ranks"
# ### BEGIN SOLUTION
# Mine deals in turn: rank $r$ of $W$ has the places $r, r + W, r + 2W, \dots$ Its
# batch number $b$, of $n$ images, takes the $n$ of these from place $r + W b n$ on.
# Over all ranks that is every place from $W b n$ up to $W (b + 1) n - 1$. On four ranks
# $W n = 4\cdot 16 = 64$ and on two $2\cdot 32 = 64$, so the batch is the same set of
# places, at every $b$. Only the images that fill up the order may differ, at its end.
#
# Had I given each rank one block of the epoch, the batch would have been four short
# stretches from four quarters on four ranks, and two longer ones on two. Some images
# would be read twice after the change and others never. Cutting the order into
# batches over all ranks first, and each of these into slices, is right as well.
#
# The margin loss is another one, though the images are the same. Each rank lets codes
# call the nearest of its own latents, and with twice as many latents others are called
# and they compete with more. (The batch norms of the critic and the adaptive weight
# are of one rank's share, too.)
# ### END SOLUTION

# %% [markdown]
# ## References
#
# - Esser, Rombach, Ommer: *Taming Transformers for High-Resolution Image Synthesis*,
#   CVPR 2021, <https://arxiv.org/abs/2012.09841>.
