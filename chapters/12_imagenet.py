# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · ImageNet on many GPUs: DDP, precision, exact resume, cost
#
# | | |
# |---|---|
# | **You will be able to** | train on many processes and say what stays the same and what does not, resume a killed run bit for bit and prove that you have, choose a precision knowing what it costs, and tell the price of a training before you pay it |
# | **Before you start** | [chapter 05](05_vqvae.ipynb) for the VQ-VAE, [chapter 09](09_arccosine_margin.ipynb) for the margin on codes, [chapter 11](11_vqgan.ipynb) for the VQGAN that is trained here |
# | **Data** | photographs from scikit-image and scikit-learn, on your disk already; sixty-four of them play ImageNet |
# | **Time** | 75 minutes to read, under a minute to run |
# | **Widget** | a logged run, step by step; and the bill of a training |
# | **The claim** | a run that was killed and resumed can equal one that never was, bit for bit; a run on two processes cannot always equal one on one |

# %%
import copy
import json
import math
import multiprocessing
import os
import runpy
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

# %%
from einops import rearrange
from torch import distributed as dist
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.io import write_jpeg
from torchvision.models import vgg16

torch.set_num_threads(1)  # networks as small as ours gain nothing from two

# %%
from arcvq_lite import (
    VQGAN,
    VQVAE,
    ArcVQ,
    arc_margin_loss,
    check,
    load_images,
)
from arcvq_lite.adversarial import hinge_critic_loss
from arcvq_lite.check.whole_file import NAME, strikes
from arcvq_lite.data.batch_reading import Share
from arcvq_lite.data.order import ShuffledOrder, crop_words, permutation
from arcvq_lite.models import PatchCritic
from arcvq_lite.training.checkpoint import CheckpointStore

# %%
from arcvq_lite.training.configuration import parse_options
from arcvq_lite.training.log import read_rows
from arcvq_lite.viz import CODES, WARNING, Picture, new_figure
from arcvq_lite.viz.cost import Budget, CostScene
from arcvq_lite.viz.scale import (
    RunScene,
    draw_drift,
    draw_resolution,
    draw_shares,
)
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## Almost the same run
#
# The ImageNet configuration of this library takes a million steps. No machine
# stays up that long on your behalf. A scheduler ends the job after a day,
# somebody trips over a cable, a disk fills up. So every long run is really a
# chain of runs, each of which takes up what the one before has left. Does the
# chain do the same as one unbroken run would have done?
#
# We try it small. An autoencoder learns photographs, which are mirrored at
# random, for 20 steps. Then we save it. It goes on to step 50 without a break,
# and that is the run the others shall equal.

# %%
photos = load_images("photos").images  # (6100, 3, 32, 32)
SAVED, END = 20, 50


def fresh():
    torch.manual_seed(0)
    quantizer = ArcVQ(64, 16)
    model = VQVAE(3, quantizer, hidden=16, residual_hidden=4)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def weights_of(model):
    """All weights in one vector, copied."""
    return torch.cat([w.detach().flatten() for w in model.parameters()])


# %%
def train(model, optimizer, steps, order):
    """Sixteen photographs a step; the weights and the loss after each step."""
    weights, losses = [], []
    for place, step in enumerate(steps):
        images = photos[order[16 * place :][:16]]  # (16, 3, 32, 32)
        mirrored = torch.rand(16, 1, 1, 1) < 0.5
        images = torch.where(mirrored, images.flip(3), images)
        reconstruction, quantized = model(images, step=step)
        loss = F.mse_loss(reconstruction, images) + quantized.loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        weights.append(weights_of(model))
        losses.append(loss.item())
    return torch.stack(weights), losses


# %%
order = torch.randperm(6100, generator=torch.Generator().manual_seed(0))
model, optimizer = fresh()
train(model, optimizer, range(SAVED), order)
saved = {
    "weights": copy.deepcopy(model.state_dict()),
    "moments": copy.deepcopy(optimizer.state_dict()),
    "random": torch.get_rng_state(),
}
start = weights_of(model)
unbroken, losses = train(
    model, optimizer, range(SAVED, END), order[16 * SAVED :]
)

# %% [markdown]
# Now the resumed runs. All of them put the weights back. One puts everything
# back. Each of the others forgets one thing: the **moments** of Adam, the two
# running means of every gradient and of its square (Kingma and Ba 2015); the
# state of the random generator, which decides what is mirrored; the place in the
# order of the photographs, so that it begins with the first ones again.


# %%
def resume(forgets=""):
    model, optimizer = fresh()
    model.load_state_dict(saved["weights"])
    if forgets != "moments":
        optimizer.load_state_dict(copy.deepcopy(saved["moments"]))
    if forgets != "random state":
        torch.set_rng_state(saved["random"])
    rest = order if forgets == "order" else order[16 * SAVED :]
    return train(model, optimizer, range(SAVED, END), rest)


runs = {"nothing": resume()}
for thing in ("moments", "random state", "order"):
    runs[thing] = resume(forgets=thing)

# %% [markdown]
# Suppose that all you have is the loss, as on most evenings. Which of the four
# would you suspect?

# %% tags=["nbval-ignore-output"]
tail = sum(losses[-10:]) / 10
print(f"never interrupted:    last ten losses {tail:.3f} on the mean")
for name, (_, its_losses) in runs.items():
    mean = sum(its_losses[-10:]) / 10
    assert abs(mean - tail) < 0.25 * tail
    print(f"forgets {name:12}: last ten losses {mean:.3f} on the mean")

# %% [markdown]
# None of them. Nothing has crashed, and every loss looks like the others. So
# compare the weights themselves. We measure how far a run is from the unbroken
# one, as a share of the way that the unbroken one has gone since the save: at 1
# you are as far from where you should be as if you had not trained at all.

# %% tags=["nbval-ignore-output"]
gone = (unbroken - start).norm(dim=1)  # (30,)
drifts = {
    name: ((weights - unbroken).norm(dim=1) / gone).tolist()
    for name, (weights, _) in runs.items()
}
assert max(drifts["nothing"]) == 0.0
for name in ("moments", "random state", "order"):
    assert 0.05 < drifts[name][-1] < 2
print({name: round(values[-1], 2) for name, values in drifts.items()})

# %% tags=["cover", "nbval-ignore-output"]
figure = new_figure(7.2, 3.2)
axes = figure.subplots()
named = {f"forgets {name}": values for name, values in drifts.items()}
draw_drift(axes, range(1, END - SAVED + 1), named)
axes.set(ylabel="distance / way gone", ylim=(-0.03, 1.3))
caption = (
    "Four resumed runs, measured against the run that was never interrupted. "
    "The blue one lies at zero exactly, at every step. The red ones have each "
    "forgotten one thing and do not come back."
)
Picture(figure, f"Four curves over the steps. {caption}", caption)

# %% [markdown]
# The blue line is not small, it is zero: every weight has every bit that it
# should have. The others have become other runs. Without its moments, Adam begins
# by moving each weight by the whole learning rate, whatever the size of its
# gradient, which is why that curve starts so high. Forgetting the order shows
# again what has been seen already. In a long run it shows the first images of an
# epoch more often than the last ones, after every interruption.
#
# Is an almost equal run not good enough? For the pictures, perhaps. But an
# inexact resume cannot be tested: whatever a fault does to it looks like one more
# random difference. If the run must be equal bit for bit, then a single assertion
# finds every forgotten thing, the ones you have not thought of too. That is why
# this chapter asks for it.

# %% [markdown]
# ## An order that needs no memory
#
# What does the next step depend on? On the weights, the moments, the random
# state, the number of the step, and the place in the data. The last is the
# awkward one. A data loader that reads ahead in eight worker processes has no
# single place; one would have to save what each worker has drawn and not yet
# delivered. There is a better way: have nothing to save. Let the images of a
# batch be a *function* of the seed and the step.
#
# With $N$ images and $B$ in a batch, an epoch has $\lfloor N/B \rfloor$ steps, if
# the incomplete last batch is dropped. Step $t$ is therefore in epoch
# $\lfloor t / \lfloor N/B \rfloor \rfloor$, and the remainder is its place there.
# What is still missing is a shuffled order for every epoch that can be computed
# from the seed and the epoch's number. A **counter-based generator** does this
# (Salmon et al. 2011): it scrambles a key and a counter into a random word
# without any state in between. We draw a word for each image and sort the images
# by their words.


# %%
def shuffled(images, seed, epoch):
    """The order of one epoch, (N,), each image once."""
    bits = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    return np.argsort(bits.random_raw(images), kind="stable")


def batch_of(step, images, batch_size, seed):
    """The images of a batch over all processes, (B,)."""
    epoch, place = divmod(step, images // batch_size)
    return shuffled(images, seed, epoch)[place * batch_size :][:batch_size]


for step in (0, 1, 7, 8):
    print(step, batch_of(step, 64, 8, seed=0))

# %% [markdown]
# With 64 images and 8 in a batch, step 7 ends the first epoch and step 8 begins
# the second. You may ask for batch 3,000,000 first and for batch 0 afterwards.
#
# Several processes share a batch. Each is called a **rank** and has a number $r$
# from 0 to $W - 1$, and there are $W$ of them, the **world size**. A rank takes
# its slice of the batch. (PyTorch's own `DistributedSampler` deals the images out
# like cards, one to each rank in turn, and fills up the last round with repeats.
# Slices or cards, the batch over all ranks is the same.)


# %%
def share_of(batch, rank, world_size):
    """A rank's slice of a batch, (B / W,)."""
    share = len(batch) // world_size
    return batch[rank * share :][:share]


axes = new_figure(7.2, 2.0).subplots()
rows = {f"{w} rank{'s' * (w > 1)}": 8 // w for w in (1, 2, 4)}
readers = [[np.arange(8) // share] * 4 for share in rows.values()]
draw_shares(axes, np.array(readers), list(rows))
caption = (
    "Four batches of eight images. A colour is a rank. More ranks cut the "
    "same batches into smaller slices."
)
Picture(axes.figure, f"Rows of squares. {caption}", caption)

# %% [markdown]
# The cut-out of an image is random as well, and so is its mirroring. Their words
# come from the same generator, with the number of the image in the counter. Thus
# an image is cut in the same way in a given epoch, whoever reads it and whenever.
# The parity cell holds all three to the library.


# %%
def words_of(seed, epoch, index):
    """Three 64-bit words for one image: across, down, mirrored."""
    key = np.array([seed, epoch], dtype=np.uint64)
    counter = np.array([0, 0, index, 1], dtype=np.uint64)
    bits = np.random.Philox(key=key, counter=counter)
    return tuple(bits.random_raw(3).tolist())


library = ShuffledOrder(61, 8, seed=7)
for step in (0, 6, 7, 100, 10**9):
    ours = batch_of(step, 61, 8, seed=7)
    theirs = library.indices(step)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs))
    assert np.array_equal(share_of(ours, 1, 2), Share(1, 2).of(theirs))

# %%
same = np.array_equal(shuffled(61, 7, 3), permutation(61, 7, 3))
assert same and words_of(7, 3, 60) == crop_words(7, 3, 60)
across = words_of(7, 3, 60)[0]
print("order, slices and words equal the library's")
print("a crop of 256 from a width of 500 begins at", across * 245 >> 64)

# %% [markdown]
# The last line shows how a word becomes a place: multiplied by the number of
# places, here $500 - 256 + 1$, and cut to the upper 64 bits. No floating point is
# involved, so it comes out alike on every machine.

# %% [markdown]
# ## Many copies, one gradient
#
# Now the many GPUs. In **data-parallel** training every rank holds a complete
# copy of the model, runs it on its slice, and walks back. Before the optimiser
# moves, the ranks add their gradients and divide by $W$. All copies then take the
# same step, and remain equal. PyTorch's `DistributedDataParallel`, DDP for short,
# does this while the walk back is still going on (Li et al. 2020). Why is it the
# same as one large batch? Write $g_i$ for the gradient of image $i$ alone. If the
# loss is a mean over the images, then
#
# $$\frac1B\sum_{i=1}^{B} g_i \;=\; \frac1W\sum_{r=0}^{W-1}\;\frac{W}{B}\sum_{i\,\in\,r} g_i ,$$
#
# where $i \in r$ runs over the $B/W$ images of rank $r$. On the right is the mean
# over the ranks of each rank's own mean. Two conditions are hidden here. The
# slices must be equally large. And the loss must *be* a mean over images, each of
# which has a gradient of its own that does not ask who else is in the batch.
#
# We play the ranks with copies of the model that we have just trained.


# %%
def gradient_of(model, loss_of, images):
    """The loss, and its gradient at all weights as one vector."""
    model = copy.deepcopy(model)
    loss = loss_of(model, images)
    loss.backward()
    grads = [w.grad for w in model.parameters() if w.grad is not None]
    return loss.detach(), torch.cat([g.flatten() for g in grads])


def over_ranks(model, loss_of, images, world_size):
    """Mean loss and mean gradient of ranks with a slice each."""
    shares = images.chunk(world_size)  # W times (B / W, 3, 32, 32)
    found = [gradient_of(model, loss_of, share) for share in shares]
    losses, gradients = zip(*found, strict=True)
    return torch.stack(losses).mean(), torch.stack(gradients).mean(dim=0)


# %%
cosine_only = ArcVQ(64, 16, radius=None, margin=None)
plain_model = VQVAE(3, cosine_only, hidden=16, residual_hidden=4)
plain_model.load_state_dict(model.state_dict(), strict=False)
batch = photos[::380][:16]  # (16, 3, 32, 32)


def reconstruction_and_codes(model, images):
    reconstruction, quantized = model(images)
    return F.mse_loss(reconstruction, images) + quantized.loss


whole = gradient_of(plain_model, reconstruction_and_codes, batch)
halves = over_ranks(plain_model, reconstruction_and_codes, batch, 2)
torch.testing.assert_close(halves, whole)
print("two halves, one batch: the same loss and the same gradient")

# %% [markdown]
# ### Where the halves do not add up
#
# Which losses of this book are *not* a mean over images? Two come to mind. The
# margin loss (Kim and Yoo 2026) lets every code call its nearest latents *of the
# batch*, and its softmax runs over all of them. And the critic of a VQGAN has
# batch norms, which divide by the spread of the batch. Under DDP each rank knows
# its own slice only. Before you look: by how much will the margin loss change
# when its 1,024 latents are dealt to two ranks?


# %%
def margin_only(model, images):
    latents = rearrange(model.latents(images), "b d h w -> (b h w) d")
    return arc_margin_loss(latents, model.quantizer.codebook, scale=5.0)


def critic_only(critic, images):
    return hinge_critic_loss(critic(images), critic(0.5 * images.flip(3)))


torch.manual_seed(0)
arms = {
    "reconstruction, codes": (plain_model, reconstruction_and_codes),
    "margin": (plain_model, margin_only),
    "critic": (PatchCritic(3, channels=8, layers=2), critic_only),
}

# %% tags=["nbval-ignore-output"]
found = {}
print(f"{'':22} ranks    loss   loss off  gradient off")
for name, (network, loss_of) in arms.items():
    one, straight = gradient_of(network, loss_of, batch)
    for world in (1, 2, 4, 8):
        loss, gradient = over_ranks(network, loss_of, batch, world)
        off = (abs(loss - one) / one).item()
        turned = ((gradient - straight).norm() / straight.norm()).item()
        found[name, world] = loss.item(), off, turned
        print(f"{name:22} {world} {loss:11.4f} {off:8.1%} {turned:12.1%}")
assert found["reconstruction, codes", 8][2] < 1e-4
assert found["margin", 2][1] > 0.05 and found["margin", 2][2] > 0.2
assert found["critic", 2][1] < 0.02 and found["critic", 2][2] > 0.05
values = [found["margin", world][0] for world in (1, 2, 4, 8)]
assert values == sorted(values, reverse=True)

# %% tags=["nbval-ignore-output"]
figure = new_figure(6.4, 2.8)
axes = figure.subplots()
many = np.array([1, 2, 4, 8])
expected = values[0] - np.log(many)
names = ("measured", WARNING, values), ("less log W", "#5F666D", expected)
for name, colour, line in names:
    axes.plot(many, line, "o-" if name == "measured" else "--", color=colour)
    axes.text(8.2, line[-1], name, color=colour, va="center")
axes.set(xlabel="ranks W", ylabel="margin loss", xlim=(0.8, 9.6), xticks=many)
caption = (
    "The same model, the same sixteen photographs, the same loss function. "
    "Only the number of ranks differs."
)
Picture(figure, f"A falling curve over the ranks. {caption}", caption)

# %% [markdown]
# The reconstruction and the codebook's losses are equal to the last digits of a
# float32. The margin loss is not. Chapter 09 found that naming $k$ of $N$ latents
# costs about $\log(N/k)$, so with $N/W$ latents on each rank it should cost
# $\log W$ less. The measured fall goes the same way and is smaller, because the
# nearest $k$ of an eighth of the latents are not as near as the nearest $k$ of
# all. More weighty than the value is the gradient. Other latents are called, and
# the encoder is turned elsewhere: on four ranks the difference is longer than the
# gradient itself. The critic's loss hardly moves, and yet its gradient does.
#
# So a VQGAN with this margin is *another model* on eight GPUs than on one, though
# the batch is the same. One could gather the latents of all ranks before the
# loss. Our library does not, in order to compute in each process what the
# official loss computes. It follows that the world size belongs to the
# description of an experiment, next to the batch. So does accumulation, which
# cuts the batch in the same way.

# %% [markdown]
# ### Counts are not gradients
#
# An EMA codebook (van den Oord et al. 2017) has a third way to go wrong. Its
# codes are moved by counts and sums of latents, and those are buffers: DDP
# averages gradients only. By default it copies rank 0's buffers over everybody
# else's, before each run forward. What will the codebook have learnt from rank
# 1's images?

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    latents = rearrange(plain_model.latents(batch), "b d h w -> (b h w) d")
codes = plain_model.quantizer.codebook.detach()


def counts_and_sums(latents):
    chosen = torch.cdist(latents, codes).argmin(dim=1)  # (N,)
    counts = chosen.bincount(minlength=64).float()  # (K,)
    return counts, torch.zeros(64, 16).index_add(0, chosen, latents)


whole = counts_and_sums(latents)
halves = [counts_and_sums(half) for half in latents.chunk(2)]
added = [sum(part) for part in zip(*halves, strict=True)]
torch.testing.assert_close(added, list(whole))

# %% tags=["nbval-ignore-output"]
used = (halves[0][0] > 0) & (halves[1][0] > 0)  # codes that both ranks chose


def off(means):
    right = whole[1][used] / whole[0][used, None]
    return ((means[used] - right).norm() / right.norm()).item()


alone, other = [sums / counts[:, None] for counts, sums in halves]
assert off(alone) > 0.01 and off((alone + other) / 2) > 1e-4
print(f"cell means from rank 0 alone are off by {off(alone):.1%}")
print(
    f"the mean of both ranks' means by        {off((alone + other) / 2):.1%}"
)
print("from counts and sums that were added:   0.0%")

# %% [markdown]
# Nothing. The codebook follows half of the data and no error is raised. Averaging
# the two codebooks is better and still wrong, since a code that won 90 latents
# here and 10 there must not weigh both alike. Counts and sums have to be added
# over the ranks, each time they are made; the library's `EMAVQ` does it inside
# its forward.

# %% [markdown]
# ## The learning rate follows the batch
#
# A larger batch gives a surer gradient, and allows a longer step. The usual rule
# is linear (Goyal et al. 2017): with a rate of $\eta_1$ for each image, a batch
# of $B$ takes
#
# $$\eta = \eta_1 B, \qquad B = W \times \text{images a pass} \times \text{passes a step} .$$
#
# The last factor is **accumulation**: a rank that has no room for its slice takes
# it in several passes and adds the gradients before it steps. The rule was argued
# for plain gradient descent, and Adam divides the gradient's size out again, so
# here it is a custom and not a law. But the recipe states it: 4.5e-6 for each
# image (Kim and Yoo 2026).
#
# It matters what "the batch" is. In many programs it is the batch of one GPU, and
# whoever starts the same command on eight GPUs has an eightfold batch, and, by
# this rule, an eightfold rate. In ours it is the batch over all ranks.

# %%
words = ["--config", "imagenet_vqgan", "--data.source", "anywhere"]
options = parse_options(words)
size = options.data.batch_size
for world in (1, 2, 4, 8):
    rate = options.optimizer.rate(size)
    print(f"{size} = {world} × {size // world:2d} images: rate {rate:.2e}")
rate = options.optimizer.rate(8 * size)
print(f"{8 * size} = 8 × {size} images: rate {rate:.2e}")

# %% [markdown]
# ## Few digits near one
#
# GPUs compute several times faster in **bfloat16**, a format that keeps the range
# of float32 and only 8 of its 24 binary digits. For the convolutions of a VQGAN
# that is enough (Micikevicius et al. 2018 showed it for float16). Is it enough
# for a cosine? Everything in this book that goes by angles lives near
# $\cos\theta = 1$, and there $\cos\theta \approx 1 - \theta^2/2$: a small angle
# is a tiny difference from 1.

# %%
angles = torch.linspace(0, 0.25, 501, dtype=torch.float64)  # radians
formats = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}
seen = {
    name: angles.cos().to(dtype).double().clamp(-1, 1).acos()
    for name, dtype in formats.items()
}
for name, values in seen.items():
    print(
        f"{name}: the smallest angle above 0 is {values[values > 0].min():.4f}"
    )

# %%
figure = new_figure(6.4, 3.0)
axes = figure.subplots()
draw_resolution(axes, angles, seen)
caption = (
    "An angle whose cosine was stored in three formats, and what comes back. "
    "The steps of bfloat16 are as wide as the margin."
)
Picture(figure, f"A staircase beside a diagonal. {caption}", caption)

# %% [markdown]
# Below 1, bfloat16 has the numbers $1 - 2^{-8}$, $1 - 2\cdot 2^{-8}$ and so on.
# The first of them is the cosine of 0.088 radians. What lies nearer to its code
# has, to bfloat16, either arrived or not come nearer than 0.088. A margin of
# $m = 0.1$ is about one step of this staircase. Two codes 0.1 radians apart show
# what that does to matching.

# %%
for tenths in (0.02, 0.04, 0.06, 0.08):
    to_both = torch.tensor([tenths, 0.1 - tenths]).cos()  # two codes
    rough = to_both.bfloat16()
    verdict = "tie" if rough[0] == rough[1] else f"code {int(rough.argmax())}"
    right = int(to_both.argmax())
    print(f"{tenths:.2f} rad from code 0: {verdict}, in float32 code {right}")

# %% [markdown]
# In a tie the code with the lower number wins, whoever is nearer. So matching,
# norms, the margin and the perceptual distance are computed in float32, even
# where everything around them is in bfloat16. Such a part is a **float32
# island**. Does the library's quantizer keep to it, when autocast would have it
# otherwise?

# %%
features = plain_model.latents(batch).detach()  # (16, D, 8, 8), float32
exact = plain_model.quantizer(features)
with torch.autocast("cpu", torch.bfloat16):
    island = plain_model.quantizer(features)
    product = features.flatten(1) @ features.flatten(1).T
assert product.dtype == torch.bfloat16  # autocast is on
assert torch.equal(island.indices, exact.indices)
assert torch.equal(island.loss, exact.loss)
print("autocast on: the same codes, the same loss in", island.loss.dtype)

# %% [markdown]
# ## A file is there or it is not
#
# The power may go while a checkpoint is being written. Then the new one is half a
# file, and if it was written over the old one, the old one is gone too. A disk
# makes it worse by lying: it says "written" when the bytes are in a cache, and
# writes names and contents in whatever order suits it. Two promises can be had.
# After `sync` the content of a file is safe, and after a sync of the folder its
# names are. And one act is never half done: a rename.
#
# We have a disk on paper, `PaperDisk` in `arcvq_lite/check/whole_file.py`, that
# can be struck after any action. Four ways of saving, then. Which of them survive
# every moment? Where two things are printed, the strike may leave either, since
# the names may or may not have reached the disk.


# %%
def in_place(disk, name, content):
    disk.write(name, content)
    disk.sync(name)


def aside(disk, name, content):
    disk.write("new", content)
    disk.rename("new", name)


def aside_and_synced(disk, name, content):
    disk.write("new", content)
    disk.sync("new")
    disk.rename("new", name)
    disk.sync_folder()


# %%
def removing(disk, name, content):
    disk.write("new", content)
    disk.sync("new")
    disk.remove(name)
    disk.rename("new", name)
    disk.sync_folder()


for save in (in_place, removing, aside, aside_and_synced):
    _, *struck = strikes(save)
    print(f"{save.__name__}, struck after each action:")
    for disk in struck:
        found = " or ".join(map(str, disk.after_a_strike(NAME)))
        print(f"    {disk.actions[-1]:12} {found}")

# %% [markdown]
# "the new" and "the old" without their weights are half a file, and None is no
# file at all. Only the last way always leaves a whole one. The library saves like
# that, a folder at a time: every file is written into a hidden folder and synced,
# the folder is renamed, the folder above is synced, and only then is the oldest
# checkpoint removed. A disk may also go bad later. So a manifest holds the
# SHA-256 of each file, and a checkpoint that does not fit its own is passed over
# for the one before.

# %% [markdown]
# ## Two processes in this notebook
#
# It is time to run the real program. On a terminal the command is
#
# ```sh
# torchrun --nproc-per-node=2 -m arcvq_lite train --config imagenet_vqgan_smoke
# ```
#
# The smoke configuration has every part of the ImageNet one, in small: the VQGAN
# with its critic, the perceptual distance (of an untrained network), ball,
# margin, both optimisers, a running mean of the weights. What does `torchrun` do?
# It keeps a meeting place, starts the processes, and tells each of them in five
# environment variables who it is: `RANK`, `LOCAL_RANK`, `WORLD_SIZE`,
# `MASTER_ADDR` and `MASTER_PORT`. We do the same from here, with a script of a
# few lines for each rank. (A sixth variable says that the meeting place is kept
# by whoever has started them, which here is the notebook.) First the images, in
# ImageNet's layout; then the ranks; then the words after `arcvq`, which make the
# smoke run smaller still, until it fits a notebook: images of 16 pixels, two
# levels of channels, ten steps, a row of the log at every step and a checkpoint
# at every fifth.

# %%
place = tempfile.TemporaryDirectory(prefix="arcvq-")
workshop = Path(place.name)
levels = ((photos[::95][:64] + 1) * 127.5).round().to(torch.uint8)
for number, image in enumerate(levels):
    folder = workshop / "images" / "train" / f"class{number % 4}"
    folder.mkdir(parents=True, exist_ok=True)
    write_jpeg(image, str(folder / f"{number:02d}.jpg"))
script = workshop / "rank.py"
_ = script.write_text("""import os, sys, torch
sys.stdout = sys.stderr = open(said, "a", buffering=1)
os.environ |= names
torch.set_num_threads(1)
from arcvq_lite.cli import main
sys.exit(main(words))
""")

# %%
method = "forkserver" if hasattr(os, "fork") else "spawn"
processes = multiprocessing.get_context(method)
if method == "forkserver":  # the ranks are forks of one that has torch
    processes.set_forkserver_preload(["arcvq_lite.training.loop"])
HERE = {"TORCHELASTIC_USE_AGENT_STORE": "True"}


def start(rank, names, words):
    names = names | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    given = {"said": str(workshop / f"rank{rank}.txt"), "words": words}
    arguments = str(script), given | {"names": names}
    process = processes.Process(target=runpy.run_path, args=arguments)
    process.daemon = True
    process.start()
    return process


# %%
@contextmanager
def ranks(words, world_size=2):
    """The ranks of a run; none of them outlives the `with` block."""
    meeting = dist.TCPStore("127.0.0.1", 0, is_master=True)
    names = HERE | {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": str(world_size)}
    names |= {"MASTER_PORT": str(meeting.port)}
    started = []
    try:
        for rank in range(world_size):
            started.append(start(rank, names, words))
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


# %%
def command(run, steps=10):
    words = f"""train --config imagenet_vqgan_smoke
    --data.source {workshop / "images"} --data.size 16 --data.batch_size 4
    --vqgan.multipliers [1,1] --vqgan.critic.layers 1 --vqgan.critic.start 3
    --run.folder {workshop / run} --run.steps {steps} --run.log_every 1
    --run.save_every 5 --run.picture_every 100 --run.patience_s 120"""
    return words.split()


def finish(started):
    for process in started:
        process.join()
    return [process.exitcode for process in started]


# %% tags=["nbval-ignore-output"]
with ranks(command("whole")) as started:
    print("the ranks left with", finish(started))
whole_rows = read_rows(workshop / "whole" / "log.jsonl")
assert [row["step"] for row in whole_rows] == list(range(10))
print((workshop / "rank0.txt").read_text().splitlines()[0].split("/")[-1])
for row in whole_rows[::3]:
    words = [f"{name} {row[name]:.3f}" for name in ("l1", "margin", "usage")]
    print(f"step {row['step']}:", ", ".join(words), "| images", row["samples"])

# %% [markdown]
# The last column is a fingerprint of the images in the batch and their order. It
# allows a test of two sections at once. The same run on *one* process must read
# the same batches. Will it have the same losses?

# %% tags=["nbval-ignore-output"]
with ranks(command("alone", steps=2), world_size=1) as started:
    assert finish(started) == [0]
one, two = read_rows(workshop / "alone" / "log.jsonl")[0], whole_rows[0]
assert one["samples"] == two["samples"]
assert abs(one["l1"] - two["l1"]) < 1e-5
assert one["margin"] - two["margin"] > 0.2
print("step 0 on one process and on two: the same images")
print(f"l1     {one['l1']:.5f} and {two['l1']:.5f}")
print(f"margin {one['margin']:.5f} and {two['margin']:.5f}")

# %% [markdown]
# The same images and the same error of the reconstruction, and a margin loss that
# is smaller on two, as our copies have told us.
#
# One more thing a scheduler needs. When a job's time is nearly up, it sends
# SIGTERM, which a program may catch. The trainer then finishes the step in hand,
# saves, and leaves with status 75, which in Unix means "try again later".


# %% tags=["nbval-ignore-output"]
def wait_for_rows(run, count):
    log = workshop / run / "log.jsonl"
    while not log.is_file() or log.read_bytes().count(b"\n") < count:
        time.sleep(0.01)


with ranks(command("asked")) as started:
    wait_for_rows("asked", 2)
    for process in started:
        process.terminate()
    assert finish(started) == [75, 75]
saved_at = CheckpointStore(workshop / "asked" / "checkpoints").steps()[-1]
print("asked to stop, both left with 75; saved at step", saved_at)

# %% [markdown]
# ## A run, read from its log
#
# Ten steps make no curve. So a longer run of the smoke configuration was made
# once, with `torchrun`, on two processes for 400 steps. In the middle both were
# killed with SIGKILL, which no program can catch. Then the same command was
# started again. [How it was
# made](../assets/results/runs/imagenet_vqgan_smoke/run.json) stands beside its
# logs. `log.jsonl` says what was computed, `clock.jsonl` when. The two are apart
# because the first shall be the same for every repetition, and times never are.

# %%
stored = Path("../assets/results/runs/imagenet_vqgan_smoke")
log = read_rows(stored / "log.jsonl")
clock = read_rows(stored / "clock.jsonl")
how = json.loads((stored / "run.json").read_text(encoding="utf-8"))
lost = read_rows(stored / "log_killed.jsonl")
print(f"{len(log)} rows of the log, {len(clock)} rows of the clock")
print("killed after step", how["killed_after_step"])
print("resumed at step", how["resumed_at_step"])
again = {row["step"]: row for row in log}
assert all(again[row["step"]] == row for row in lost)
print(len(lost), "rows of the killed start were logged again, all equal")

# %% [markdown]
# ### Predict, then drag
#
# 1. The clock has more rows than the log. Why, and what will the progress look
#    like at the kill?
# 2. The critic begins at step 50. What will its loss do, and what does that
#    say about the pictures?
# 3. Usage, perplexity: which of the two would you watch for a collapse?

# %%
quantities = ("l1", "margin", "critic", "usage", "perplexity")
log_figure = SliderFigure(
    RunScene(log, clock),
    alt_title="A logged run: one quantity over the steps, and its progress",
    size=(7.4, 3.0),
    step=Slider(0, 398, 2, 200, "step", frames=11, format=".0f"),
    quantity=Choice(quantities, "l1", "quantity"),
    smoothing=Slider(0.0, 0.95, 0.05, 0.8, "smoothing", frames=1),
)
log_figure

# %% tags=["moves-sliders"]
twice = log_figure.set(step=210, quantity="margin", smoothing=0.0)
assert "taken twice" in twice
once = log_figure.set(step=398, quantity="perplexity", smoothing=0.9)
assert "taken once" in once and "perplexity" in once
early = log_figure.set(step=20, quantity="critic")
assert "not logged yet" in early
log_figure.set(step=200, quantity="l1", smoothing=0.8)
print("moved through steps, quantities and smoothing, and back")

# %% [markdown]
# The progress is a saw with one tooth. Steps 200 to 232 were taken twice, since
# the last checkpoint before the kill was that of step 200, and both times they
# came out the same: every second step is logged, and all 17 rows are equal to the
# last digit. On the mean a kill costs half the distance between two checkpoints,
# and that is how `save_every` is chosen: so that half of it is no great loss.
#
# The critic's loss falls from 1 to about a quarter in a hundred steps, and leaps
# about from then on. At 1, where it began, it knows nothing; at a quarter it
# tells photographs from reconstructions most of the time. As for the third
# question, the usage stays about where it was while the perplexity falls to less
# than half: most codes are still touched now and then, but fewer of them do the
# work. The perplexity would have told you, the usage not.

# %% [markdown]
# ## What it costs
#
# Before renting eight GPUs for a week one should know whether it will be a week.
# A training costs so many floating-point operations, FLOP, and a GPU delivers so
# many in a second. The first number can be *counted*. PyTorch's `FlopCounterMode`
# adds up the multiplications and additions of convolutions and matrix products
# (one multiply-add counts as two), and on the "meta" device, where tensors have a
# shape and no content, the paper's model takes neither memory nor time.


# %%
def gflop(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


with torch.device("meta"):
    paper = VQGAN(3, ArcVQ(1024, 16))  # the defaults are ImageNet's
    eye = vgg16(weights=None).features.requires_grad_(False)
    judge = PatchCritic(3)
    image = torch.empty(1, 3, 256, 256)
    grid = torch.empty(1, 16, 32, 32)

# %%
forward = {
    "encoder": gflop(lambda: paper.latents(image)),
    "decoder": gflop(lambda: paper.decoder(grid)),
    "VGG": gflop(lambda: eye(image)),
    "critic": gflop(lambda: judge(image)),
}
painted = paper.decoder(grid)
looked = eye(image.clone().requires_grad_())
back = {
    "decoder": gflop(lambda: painted.sum().backward()),
    "VGG": gflop(lambda: looked.sum().backward()),
}
for name, count in forward.items():
    ratio = f", back {back[name] / count:.2f} ×" if name in back else ""
    print(f"{name}: forward {count:3.0f} GFLOP{ratio}")

# %% [markdown]
# The decoder costs twice the encoder: each of its levels has a block more, and
# what it has enlarged it works over on the finer grid. The walk back through it
# costs twice the run forward: a layer that is trained computes two things, the
# gradient of its weights and that of its input, each about as dear as the run. A
# layer whose weights are constant, as in the VGG of the perceptual distance,
# computes the second only, and the walk back costs as much as the run.
#
# Now follow one image through a training step, in the library's `fast` update.
# The autoencoder runs and walks back, $1 + 2$. The VGG looks at the photograph
# and the reconstruction, and the walk back goes to the reconstruction, $2 + 1$.
# From the step `critic_start` on, the critic judges the reconstruction with its
# weights held, $1 + 1$, and is then trained on a real and a false image, $2 + 4$.
# The `official` update runs the autoencoder a second time for the critic,
# $2 + 2$. It compares two gradients at the last layer, which costs one more walk
# back through the VGG and one through the critic. And it lets the critic run
# before its start as well, when in the fast update it rests.


# %%
def step_gflop(autoencoder, vgg, critic):
    both = forward["encoder"] + forward["decoder"]
    return {
        "autoencoder": autoencoder * both,
        "VGG": vgg * forward["VGG"],
        "critic": critic * forward["critic"],
    }


updates = {
    "fast": step_gflop(1 + 2, 2 + 1, 1 + 1 + 2 + 4),
    "official": step_gflop(2 + 2, 2 + 1 + 1, 1 + 1 + 1 + 2 + 4),
}
for name, parts in updates.items():
    print(f"{name}: {sum(parts.values()):,.0f} GFLOP an image and step")

# %% [markdown]
# The rest is division. With $u$ the **utilisation**, the share of a GPU's peak
# that a training really reaches,
#
# $$\text{GPU-hours} = \frac{\text{FLOP an image} \times \text{images}}{u \times \text{peak} \times 3600} .$$
#
# The peak stands in the data sheet: 312 TFLOP/s in bfloat16 for NVIDIA's A100.
# The utilisation stands nowhere. Large language models have been reported at a
# little over a half at best (Korthikanti et al. 2023), and convolutions with four
# images on a GPU will hardly do better. We have not measured it, for want of a
# GPU, so the calculator gives an interval, half as much again on either side of
# what you set. (The VGG stays in float32, where the peak is lower; let the
# utilisation bear that too.) Our configuration has 1,000,000 steps of 32 images;
# how long the paper's model was trained is not stated.

# %%
PEAK = 312.0  # TFLOP/s, NVIDIA A100, bfloat16, from its data sheet
images_seen = options.run.steps * options.data.batch_size
budgets = {
    name: Budget(parts, images_seen, PEAK) for name, parts in updates.items()
}
hours = budgets["fast"].gpu_hours(0.3)
total = sum(updates["fast"].values()) * 1e9 * images_seen
assert math.isclose(hours, total / (0.3 * PEAK * 1e12) / 3600)
print(
    f"{images_seen:,} images, {images_seen / 1_281_167:.0f} epochs of ImageNet"
)
print(f"{total:.1e} FLOP, {hours:.0f} GPU-hours at a utilisation of 30 %")

# %% [markdown]
# ### Predict, then drag
#
# 1. Which is cheaper: to change the update from official to fast, or to raise the
#    utilisation from 30 to 40 per cent?
# 2. Twice the GPUs at the same utilisation: what happens to the days, and what
#    to the bill?
# 3. The critic and the VGG are two further networks. What share of the cost is
#    theirs?

# %%
bill = SliderFigure(
    CostScene(budgets),
    alt_title="What a step computes, and how many days a training takes",
    size=(7.4, 3.0),
    utilisation=Slider(0.05, 0.6, 0.05, 0.3, "utilisation", frames=12),
    gpus=Choice((1, 4, 8, 32), 8, "GPUs"),
    update=Choice(("fast", "official"), "official", "update"),
    price=Slider(0.5, 5.0, 0.25, 2.0, "price of an hour", frames=1),
)
bill

# %% tags=["moves-sliders"]
slow = bill.set(update="official", utilisation=0.3, gpus=8)
quick = bill.set(update="fast")
assert "Fast update" in quick and slow != quick
idle = bill.set(utilisation=0.05, gpus=32)
assert "5% of 312" in idle and "On 32 GPUs" in idle
dear = bill.set(price=4.0, utilisation=0.3, gpus=8)
assert "at 4.00 an hour" in dear
bill.set(update="official", utilisation=0.3, gpus=8, price=2.0)
print("moved the utilisation, the GPUs, the update and the price, and back")

# %%
ratio = sum(updates["official"].values()) / sum(updates["fast"].values())
theirs = 1 - updates["fast"]["autoencoder"] / sum(updates["fast"].values())
print(f"official / fast: {ratio:.2f}, and 40 / 30 per cent: {4 / 3:.2f}")
print(f"share of VGG and critic in the fast update: {theirs:.0%}")

# %% [markdown]
# The two savings are the same to within a hair. Twice the GPUs halve the days and
# leave the bill, *if* the utilisation stays, which it does not: 32 images on 32
# GPUs are one image each. And the two other networks cost next to nothing beside
# a decoder that works on full-sized images.
#
# One cost is not in the bill. At each step the ranks exchange their gradients, in
# float32, and in the usual ring every rank sends $2(W-1)/W$ times their size.

# %%
world = 8
millions = sum(w.numel() for w in paper.parameters()) / 1e6
megabytes = 2 * (world - 1) / world * 4 * millions
flops = sum(updates["fast"].values()) * 1e9 * 32 / world
compute = flops / (0.3 * PEAK * 1e12)
print(f"{compute * 1000:.0f} ms to compute, {megabytes:.0f} MB to send, in")
for link, gigabytes in (("NVLink", 300), ("10-Gbit Ethernet", 1.25)):
    print(f"    {megabytes / gigabytes:.0f} ms over {link}")

# %% [markdown]
# Within a node the exchange hides behind the walk back. Over an ordinary network
# it would take longer than everything else together. That is the difference
# between eight GPUs in one machine and eight machines with a GPU.

# %% [markdown]
# ## On a cluster
#
# *Nothing in this section has been run on a GPU, under Slurm, or on several
# nodes.* What has been run is the two processes above, the library's tests, and
# the line inside `srun` below, with a toy and Slurm's variables set by hand for
# two processes on one machine, which both left with 75 when they were sent
# SIGTERM. These are the exact commands that would run the paper's model. Before
# anything else, look whether all images can be decoded, and pack them into shards
# if the storage dislikes small files:
#
# ```sh
# arcvq data verify /data/imagenet
# arcvq data shard /data/imagenet /data/imagenet-shards
# ```
#
# One node with eight GPUs, for a folder in ImageNet's layout. The weights of the
# perceptual distance are fetched once; where nodes have no internet,
# `--vqgan.perceptual FILE` takes a copy of them.
#
# ```sh
# torchrun --standalone --nproc-per-node=8 -m arcvq_lite train \
#     --config imagenet_vqgan --data.source /data/imagenet \
#     --run.precision bfloat16 --run.channels_last true
# ```
#
# Two nodes, the same command on both, with the first one's name as the meeting
# place:
#
# ```sh
# torchrun --nnodes=2 --nproc-per-node=8 --rdzv-id=arcvq \
#     --rdzv-backend=c10d --rdzv-endpoint=first-node:29400 \
#     -m arcvq_lite train --config imagenet_vqgan \
#     --data.source /data/imagenet --run.folder /shared/runs/imagenet_vqgan \
#     --run.precision bfloat16 --run.channels_last true
# ```
#
# Under Slurm a third way is better. Slurm starts processes itself, and all that a
# rank needs is the five variables that we have set by hand. Without `torchrun` in
# between, the trainer's status 75 arrives where it can be used:
#
# ```sh
# #!/bin/bash
# #SBATCH --job-name=arcvq
# #SBATCH --nodes=2
# #SBATCH --ntasks-per-node=8
# #SBATCH --gpus-per-node=8
# #SBATCH --cpus-per-task=8
# #SBATCH --time=24:00:00
# #SBATCH --signal=TERM@300
# #SBATCH --requeue
# #SBATCH --open-mode=append
#
# export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# export MASTER_PORT=29500
# export OMP_NUM_THREADS=1
# srun --kill-on-bad-exit=0 bash -c '
#     export RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID
#     exec python -m arcvq_lite train --config imagenet_vqgan \
#         --data.source /data/imagenet --run.folder /shared/runs/imagenet_vqgan \
#         --run.precision bfloat16 --run.channels_last true'
# if [ $? -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
# ```
#
# `--signal=TERM@300` sends SIGTERM to the ranks five minutes before the time is
# up, which has to be enough for a step and a checkpoint. `srun` leaves with the
# highest status of its ranks. If that is 75 the job goes back into the queue, and
# the same script goes on from the checkpoint; 0 ends it, and 1 or 2 is for a
# person to look at. A node that dies without a signal is what `--requeue` is for.
# The folder of the run must be on storage that all nodes see. One rank writes
# there, and the others read when they resume.

# %% [markdown]
# ## Experiment · killed in the middle
#
# The claim is that a kill leaves no trace. The **baseline** is the run of ten
# steps on two processes that was never interrupted. Against it stands the same
# command, killed with SIGKILL after its seventh step and started again.
#
# Equality alone proves little. A comparison that cannot tell two runs apart finds
# everything equal. So there are three **negative controls**, each with one of the
# usual mistakes, made in the checkpoint itself: the moments of both optimisers
# are emptied; the random states are thrown away; the number of the step is
# forgotten, as in the official code, whose checkpoint stores none, so that the
# order of the images, the ball and the margin's weight begin anew. Which of the
# three will do the most harm, and will one do none?

# %%
with ranks(command("killed")) as started:
    wait_for_rows("killed", 7)
    for process in started:
        process.kill()
    statuses = finish(started)
assert all(status != 0 for status in statuses)
store = CheckpointStore(workshop / "killed" / "checkpoints")
print("left behind: checkpoints of the steps", store.steps())

# %%
SPOILT = ("no-moments", "no-random-state", "no-step")
for name in SPOILT:
    shutil.copytree(workshop / "killed", workshop / name)
    spoilt = CheckpointStore(workshop / name / "checkpoints")
    state = spoilt.load(5)
    shutil.rmtree(spoilt.folder / "step-00000005")
    if name == "no-moments":
        state["optimizer_autoencoder"]["state"] = {}
        state["optimizer_critic"]["state"] = {}
    if name == "no-random-state":
        state["random"] = []
    if name == "no-step":
        state["progress"]["log_bytes"] = 0
    spoilt.save(0 if name == "no-step" else 5, state)

# %%
for name in ("killed", *SPOILT):
    steps = 5 if name == "no-step" else 10  # five more in each case
    with ranks(command(name, steps)) as started:
        assert finish(started) == [0, 0]


def end_of(run):
    """The state with which a run has ended."""
    return CheckpointStore(workshop / run / "checkpoints").load_latest().state


begun = CheckpointStore(workshop / "whole" / "checkpoints").load(5)
ended = {name: end_of(name) for name in ("whole", "killed", *SPOILT)}
print("read:", ", ".join(ended))

# %% [markdown]
# First the bits. A checkpoint is a nest of dictionaries, lists and tensors, and
# we compare all of it: weights, buffers, moments, random states, the running
# mean.


# %%
def differences(one, other, where=""):
    """The paths at which two nests differ in any bit."""
    if isinstance(one, dict):
        pairs = [(key, one[key], other[key]) for key in one]
    elif isinstance(one, (list, tuple)):
        both = zip(one, other, strict=True)
        pairs = [(place, *pair) for place, pair in enumerate(both)]
    elif isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [where]
    else:
        return [] if one == other else [where]
    deeper = (differences(a, b, f"{where}/{key}") for key, a, b in pairs)
    return [path for paths in deeper for path in paths]


# %% tags=["nbval-ignore-output"]
def flat(state):
    weights = [
        w for w in state["autoencoder"].values() if w.is_floating_point()
    ]
    return torch.cat([w.flatten() for w in weights])


way = (flat(ended["whole"]) - flat(begun)).norm()
off = {}
for name in ("killed", *SPOILT):
    paths = differences(ended["whole"], ended[name])
    off[name] = (
        (flat(ended[name]) - flat(ended["whole"])).norm() / way
    ).item()
    print(f"{name:16} {len(paths):4d} entries differ, off by {off[name]:.2f}")

# %% tags=["nbval-ignore-output"]
logs = [workshop / name / "log.jsonl" for name in ("whole", "killed")]
assert logs[0].read_bytes() == logs[1].read_bytes()
assert differences(ended["whole"], ended["killed"]) == []
assert off["no-moments"] > 0.1 and off["no-step"] > 0.1
assert off["no-random-state"] == 0
print("killed and resumed: every bit of the state and of the log is the same")

# %% tags=["nbval-ignore-output"]
figure = new_figure(6.4, 2.2)
axes = figure.subplots()
labels = {name: name.replace("-", " ") for name in off}
labels["killed"] = "killed, resumed"
for row, name in enumerate(labels):
    axes.barh(row, off[name], 0.6, color=WARNING)
    axes.text(off[name] + 0.02, row, f"{off[name]:.2f}", va="center")
axes.set(yticks=range(4), yticklabels=labels.values(), ylim=(3.5, -0.5))
axes.set(xlabel="distance from the unbroken run / way gone", xlim=(0, 1.5))
axes.axvline(0, color=CODES, linewidth=2.5)
caption = (
    "After five further steps. Nothing is red where every bit is the same: in "
    "the resumed run, and in the control without its random state."
)
Picture(figure, f"Four bars, two of length zero. {caption}", caption)

# %% [markdown]
# The resumed run is the unbroken one. Two controls are far off, so the comparison
# can tell runs apart. Forgetting the step is the worst: five steps later that run
# is further from where it should be than if it had stood still. And the third
# control is off by nothing at all; the two entries that differ are the random
# states themselves. At the beginning of the chapter the lost random state turned
# a run into another. Here nobody draws: the fast update switches off the dropout
# of the perceptual distance, and the crops have words of their own. The official
# update leaves that dropout on, and there the state would matter. A control that
# finds nothing is worth as much as one that does: it says that this experiment
# *cannot* show whether random states are restored. A test of their own must, and
# the library has one.
#
# Last, the damaged disk. We turn over one byte in the newest checkpoint.

# %%
store = CheckpointStore(workshop / "killed" / "checkpoints")
file = store.folder / "step-00000010" / "autoencoder.pt"
content = bytearray(file.read_bytes())
content[len(content) // 2] ^= 1
file.write_bytes(content)
found = store.load_latest()
assert found.step == 5 and len(found.damaged) == 1
print("the newest whole checkpoint is that of step", found.step)
place.cleanup()

# %% [markdown]
# ## Interpretation and limits
#
# | | many processes, interrupted |
# |---|---|
# | the paper | states a batch of 32 and a rate of 4.5e-6 for each image (Kim and Yoo 2026); not on how many GPUs, nor how a run was resumed |
# | its official code | inherits the trainer of VQGAN (Esser et al. 2021); nothing that we know of it gathers latents over processes, so under DDP each has its own margin, batch norms and adaptive weight; a checkpoint stores no step for the ball and the margin; the autoencoder runs twice a step |
# | ours | the step belongs to the checkpoint, batches are a function of it, files are written aside; the margin is each rank's own here too, and the official update can be chosen |
#
# What was shown, and by what. That a killed run equals an unbroken one, by
# comparing every bit of two runs on this machine, with two controls that fail and
# one that cannot. That halves of a batch add up for losses of single images and
# not for the margin, by one small model in one state; in another state the
# figures will be others. That a step costs what it does, by counting its parts;
# the number of times that each part runs was read from the code.
#
# What was not shown. Bit for bit holds on the same machine with the same number
# of ranks and the same versions; another processor may add in another order. On a
# GPU some of cuDNN's kernels add in an order that changes from run to run, and a
# bitwise resume there takes deterministic ones, which cost speed. We have not
# tried it. Utilisation, and with it every hour in the bill, is an assumption. The
# commands for clusters are unproven. And whether a margin over all ranks would
# train better codes than one on each is a question for a study like that of [chapter
# 10](10_does_it_work.ipynb).

# %% [markdown]
# ## Exercises
#
# Replace `return None`, run the cell, and read what the checker says. The
# solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · A rank's share
#
# *Difficulty ●○○ · 5 minutes*
#
# `order` $(N,)$ is the order of one epoch. Return the images of the batch at
# `place` in it that belong to `rank`. `batch_size` is over all `world_size`
# ranks, which divide it.


# %% tags=["exercise"]
def my_share(order, place, batch_size, rank, world_size):
    return None  # your lines here


check.rank_slice(my_share)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_share_solution(order, place, batch_size, rank, world_size):
    share = batch_size // world_size
    first = place * batch_size + rank * share
    return order[first : first + share]


check.rank_slice(my_share_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · Where is step t?
#
# *Difficulty ●○○ · 5 minutes*
#
# Return the epoch and the place of the batch in it, both counted from 0, for a
# `step` of a run over `images` images in batches of `batch_size`.


# %% tags=["exercise"]
def where_is(step, images, batch_size):
    return None  # your line here


check.epoch_and_place(where_is)


# %% tags=["solution"] jupyter={"source_hidden": true}
def where_is_solution(step, images, batch_size):
    return divmod(step, images // batch_size)


check.epoch_and_place(where_is_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · Whole, whatever happens
#
# *Difficulty ●●○ · 15 minutes*
#
# Save `content` under `name` on a paper disk that may be struck after any action,
# without looking up. It has `write(name, content)`, `sync(name)`,
# `rename(old, new)`, `remove(name)` and `sync_folder()`. When your function
# returns, the new content must be safe.


# %% tags=["exercise"]
def my_save(disk, name, content):
    return None  # your lines here


check.whole_save(my_save)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_save_solution(disk, name, content):
    disk.write("beside", content)
    disk.sync("beside")
    disk.rename("beside", name)
    disk.sync_folder()


check.whole_save(my_save_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · Hours, with less memory
#
# *Difficulty ●●● · 15 minutes*
#
# To save memory one may throw away what the autoencoder's layers have computed,
# and run it forward once more during the walk back. Write the GPU-hours of a
# training with the fast update before the critic begins. `autoencoder` and `vgg`
# are GFLOP of an image forward, `images` are those of the whole training, `peak`
# is in TFLOP/s, `utilisation` a share.
#
# <details><summary>Hint</summary>
#
# How often is the autoencoder run in all, if a walk back costs two runs?
#
# </details>


# %% tags=["exercise"]
def my_hours(autoencoder, vgg, images, peak, utilisation):
    return None  # your lines here


check.training_hours(my_hours)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_hours_solution(autoencoder, vgg, images, peak, utilisation):
    flops = (4 * autoencoder + 3 * vgg) * 1e9 * images
    return flops / (peak * 1e12 * utilisation) / 3600


check.training_hours(my_hours_solution)

# %% [markdown]
# ## Quiz
#
# **1.** A run is resumed with the right weights, and Adam's moments are lost. Why
# is the very first step wrong, and not only later ones?
#
# <details><summary>Answer</summary>
#
# With empty moments the first step moves each weight by the whole learning rate
# in the sign of its gradient.
#
# </details>
#
# **2.** Why does the library store no place in the data?
#
# <details><summary>Answer</summary>
#
# The images of a batch and their crops are functions of the seed, the step and
# the image's number.
#
# </details>
#
# **3.** Rank 0 has 12 images and rank 1 has 4. Is the mean of their gradients
# that of the 16?
#
# <details><summary>Answer</summary>
#
# No. Each of the four would count three times as much as each of the twelve.
#
# </details>
#
# **4.** Eight GPUs instead of one, the same batch of 32. Which loss of ArcVQ-VAE
# changes, and why?
#
# <details><summary>Answer</summary>
#
# The margin: each code calls latents of one rank and competes for them with an
# eighth of the others.
#
# </details>
#
# **5.** Under DDP, whose counts does a plain EMA codebook learn from?
#
# <details><summary>Answer</summary>
#
# Rank 0's, whose buffers are copied over the others'.
#
# </details>
#
# **6.** A latent stands 0.05 radians from its code. What angle does a cosine in
# bfloat16 report?
#
# <details><summary>Answer</summary>
#
# Zero. Its cosine is nearer to 1 than to the next number below.
#
# </details>
#
# **7.** A file is written aside, renamed, and then synced. When can half a file
# stand under the good name?
#
# <details><summary>Answer</summary>
#
# If the power goes between the rename and the sync.
#
# </details>
#
# **8.** Why has the perceptual network's walk back half the price of a trained
# layer's?
#
# <details><summary>Answer</summary>
#
# Its weights are constant, so only the gradient of the input is computed.
#
# </details>
#
# **9.** You double the GPUs and keep the batch. What happens to the bill?
#
# <details><summary>Answer</summary>
#
# Nothing, if the utilisation stays. It falls, since each GPU has fewer images and
# the exchange of gradients stays as large; so the bill rises.
#
# </details>

# %% [markdown]
# ## Summary
#
# A resumed run that is almost right is another run, and its loss does not tell.
# So the whole state is saved, files are written aside, synced, hashed and
# renamed, and the order of the images is computed from the seed and the step.
# Killed on two processes and started again, a run ended with the same bits;
# without Adam's moments or without its step it did not, and without its random
# state it did, because nothing drew. Averaging the gradients of ranks gives that
# of the whole batch where a loss is a mean over images. The margin, batch norms
# and counts are not such means. The learning rate goes with the batch over all
# ranks. Matching stays in float32, because bfloat16 sees no angle below 0.088. A
# step of the paper's model has been counted, and days and bills follow from it
# once the utilisation is known, which we do not know.

# %% [markdown]
# ## References
#
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>, appendix A for the running
#   means.
# - Kingma, Ba: *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   <https://arxiv.org/abs/1412.6980>
# - Salmon, Moraes, Dror, Shaw: *Parallel Random Numbers: As Easy as 1, 2, 3*, SC
#   2011, <https://doi.org/10.1145/2063384.2063405>
# - Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He:
#   *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, arXiv 2017,
#   <https://arxiv.org/abs/1706.02677>
# - Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev,
#   Venkatesh, Wu: *Mixed Precision Training*, ICLR 2018,
#   <https://arxiv.org/abs/1710.03740>
# - Li, Zhao, Varma, Salpekar, Noordhuis, Li, Paszke, Smith, Vaughan, Damania,
#   Chintala: *PyTorch Distributed: Experiences on Accelerating Data Parallel
#   Training*, VLDB 2020, <https://arxiv.org/abs/2006.15704>
# - Korthikanti, Casper, Lym, McAfee, Andersch, Shoeybi, Catanzaro: *Reducing
#   Activation Recomputation in Large Transformer Models*, MLSys 2023,
#   <https://arxiv.org/abs/2205.05198>
# - Esser, Rombach, Ommer: *Taming Transformers for High-Resolution Image
#   Synthesis*, CVPR 2021, <https://arxiv.org/abs/2012.09841>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# [Chapter 13](13_prior.ipynb) takes a trained tokenizer and learns to write: a
# prior over the codes, from which new pictures are drawn. The VQGAN itself, its
# critic and its adaptive weight, are the matter of [chapter 11](11_vqgan.ipynb).
