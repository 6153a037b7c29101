# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · From k-means to vector quantization, and the straight-through estimator
#
# | | |
# |---|---|
# | **You will be able to** | fit a codebook to data, derive the loss and the gradients that do the same in a network, and compute what the straight-through estimator gets wrong |
# | **Before you start** | PyTorch tensors and autograd; [chapter 00](00_start_here.ipynb) for what a code and a token are |
# | **Data** | one photograph of a flower, then patches of six photographs and a cat, on your disk already |
# | **Time** | 70 minutes to read, half a minute to run |
# | **Widget** | the number of codes $K$, and the steps of Lloyd's algorithm |
# | **The claim** | training a codebook by gradient is k-means; training an encoder in front of it is not gradient descent, and the difference can be computed |

# %%
import math

import torch
from einops import rearrange
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional as F

from arcvq_lite import EMAVQ, VQ, check, load_images

# %%
from arcvq_lite.viz import (
    CODES,
    INK,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    draw_image,
    new_figure,
    readable,
    voronoi,
)
from arcvq_lite.widgets import Slider, SliderFigure

# %% [markdown]
# ## A photograph in eight colours
#
# A printer has room for eight inks and is to print a photograph of a flower. No
# mixing, no dots: every pixel becomes one of the eight. You choose the inks.
# Which do you take?
#
# Here are three answers. The first does not look at the photograph. It takes the
# eight corners of the cube of all colours. The second draws eight of the flower's
# own pixels by lot. The third comes from an algorithm called **k-means**, for now
# as scikit-learn offers it (Pedregosa et al. 2011). In all three, a pixel takes
# the ink that is nearest to its own colour.

# %%
patches = load_images("photos").images[-975:].clone()  # the last photograph
grid = rearrange(patches, "(r c) d h w -> r c d h w", r=25)
tiled = rearrange(grid[::2, ::2], "r c d h w -> d (r h) (c w)")
flower = F.avg_pool2d(tiled, 4)  # (3, 104, 160), values in [-1, 1]
pixels = rearrange(flower, "d h w -> (h w) d")  # (16640, 3)


def as_photograph(rows):
    """(16640, 3) to (3, 104, 160)."""
    return rearrange(rows, "(h w) d -> d h w", h=104)


# %%
generator = torch.Generator().manual_seed(4)
lot = torch.randperm(len(pixels), generator=generator)  # (16640,)
fitted = KMeans(8, n_init=4, random_state=0).fit(pixels.numpy())
palettes = {
    "eight corners": torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3),
    "eight pixels by lot": pixels[lot[:8]],
    "k-means": torch.from_numpy(fitted.cluster_centers_),
}

# %% tags=["cover"]
figure = new_figure(8.4, 1.75)
panels = figure.subplots(2, 4, height_ratios=[7, 1])
draw_image(panels[0, 0], flower, "the photograph")
panels[1, 0].set_axis_off()
for column, (name, inks) in zip(panels.T[1:], palettes.items(), strict=True):
    printed = inks[torch.cdist(pixels, inks).argmin(dim=1)]  # (16640, 3)
    draw_image(column[0], as_photograph(printed), name)
    sorted_inks = inks[inks.sum(dim=1).argsort()]  # (8, 3), dark to bright
    column[1].pcolormesh((sorted_inks[None] + 1) / 2, edgecolors=NEUTRAL)
    column[1].set_axis_off()
caption = "A flower, and three palettes of eight inks that print it again."
Picture(
    figure, f"Four flowers, three rows of eight colours. {caption}", caption
)

# %% [markdown]
# The corners make a poster. The pixels drawn by lot do far better, and yet the
# heart of the flower has been lost on the way: no deep orange was among them. The
# palette of k-means has kept it, with the same eight inks. In the words of
# chapter 00 the palette is a codebook, an ink is a code, and the number of an ink
# is a token. It costs 3 bits, where the pixel had 24.
#
# How does one find such a codebook? This chapter takes the answer apart until
# nothing is left to believe, and then puts an encoder in front of it. That is
# where it becomes interesting, because the encoder must learn from a gradient
# that does not exist.

# %% [markdown]
# ## The nearest code, and the cell around it
#
# Write $x_i \in \mathbb{R}^D$ for sample $i$, here a pixel of $D = 3$ numbers,
# and $e_j$ for code $j$. Every sample takes its nearest code, and what that costs
# on average is the **quantization error**, the mean squared distance from a sample
# to its code:
#
# $$k(i) = \arg\min_j \|x_i - e_j\|^2, \qquad Q = \frac{1}{N}\sum_{i=1}^{N} \|x_i - e_{k(i)}\|^2 .$$
#
# The shapes: samples $(N, D)$, codes $(K, D)$, the choice $k$ one whole number a
# sample, $(N,)$, and $Q$ a single number. No table of differences $(N, K, D)$ is
# needed to find the nearest code. In
# $\|x - e\|^2 = \|x\|^2 - 2\,x\cdot e + \|e\|^2$ the first term is the same for
# every code and cannot change the winner. What remains is one product of matrices.


# %% tags=["nbval-ignore-output"]
def nearest(x, e):
    """Samples (N, D) and codes (K, D) to the nearest codes' numbers (N,)."""
    lengths = e.square().sum(dim=1)  # (K,), ‖e‖²
    return (lengths - 2 * x @ e.T).argmin(dim=1)


def error(x, e, k):
    return (x - e[k]).square().sum(dim=1).mean()


for name, inks in palettes.items():
    q = error(pixels, inks, nearest(pixels, inks)).item()
    print(f"{name:20} Q = {q:.3f}")
torch.testing.assert_close(q * len(pixels), fitted.inertia_, rtol=1e-4, atol=0)

# %% [markdown]
# The numbers agree with the eye, and the last line shows that scikit-learn's
# `inertia_` is our $Q$ without the division by $N$.
#
# To see what choosing the nearest does, we want a picture with two axes. The
# colours of this photograph almost have only two. We lay a plane through their
# cloud, along the two directions in which it spreads most, and measure how much
# of the spread the plane holds.

# %%
middle = pixels.mean(dim=0)  # (3,)
_, spread, right = torch.linalg.svd(pixels - middle, full_matrices=False)
axes_of_plane = right[:2] * right[:2, :1].sign()  # (2, 3)
plane = ((pixels - middle) @ axes_of_plane.T).double()  # (16640, 2)
held = spread[:2].square().sum() / spread.square().sum()
assert held > 0.99
print(f"the plane holds {held:.1%} of the spread of the colours")


def colour_of(places):
    """Places in the plane (M, 2) to their colours (M, 3)."""
    return middle + places.float() @ axes_of_plane


# %% [markdown]
# From now on a sample has $D = 2$ numbers. Dark leaves and blue-green ones form the
# dense streak on the left of the next figure, petals the bow on the right. What
# does the set of all places look like that choose one and the same code?

# %%
figure = new_figure(7.6, 2.75)
two, eight = figure.subplots(1, 2)
some, codes = plane[::16], plane[lot[:8]]  # (1040, 2), (8, 2)
pair = codes[codes[:, 0].topk(2).indices]  # a petal and a leaf
voronoi.draw_cells(two, some, pair, colour_of, title="two codes")
two.plot(*pair.T, ":", color=CODES, linewidth=1.5)
voronoi.draw_cells(eight, some, codes, colour_of, title="eight codes")
caption = (
    "Every point is a pixel in its own colour, every blue dot a code, drawn "
    "by lot. White lines are borders between the cells of the codes."
)
Picture(figure, f"A plane cut by straight lines, twice. {caption}", caption)

# %% [markdown]
# The set of places nearer to a code than to any other is the code's **Voronoi
# cell**. Its borders are straight, and that can be seen in one line. On the border
# between $e_1$ and $e_2$ both distances are equal, $\|x - e_1\|^2 = \|x - e_2\|^2$,
# and as the $\|x\|^2$ cancel,
#
# $$2\,x\cdot(e_2 - e_1) = \|e_2\|^2 - \|e_1\|^2 .$$
#
# This is linear in $x$: a line in the plane, a hyperplane in $D$ dimensions. It is
# perpendicular to $e_2 - e_1$, and the midpoint of the two codes satisfies it. A
# cell is where one code wins on all its borders, so it is an intersection of
# half-spaces, and such a set is convex: whatever lies between two points of a cell
# belongs to it.
#
# What a code costs to send is easily said. To name one of $K$ things takes
# $\log_2 K$ bits, and this number of bits a sample is called the **rate**. The art
# is to make $Q$ small at a given rate (Gray 1984). The rate depends on $K$ alone.
# The error depends on where the codes are.

# %% [markdown]
# ## Two steps that can only help
#
# The error has two sets of unknowns: the choices $k(i)$ and the codes $e_j$. To
# find the best of both together is hard. To find the best of one while the other
# is held is easy, and **Lloyd's algorithm** (Lloyd 1982) does nothing else, in
# turns.
#
# *Step one: hold the codes, choose anew.* $Q$ is a sum with one term a sample, and
# each term is as small as it can be when the sample takes its nearest code. So $Q$
# cannot rise.
#
# *Step two: hold the choices, move the codes.* Let $S_j = \{i : k(i) = j\}$ be the
# samples of code $j$, $n_j$ their number and $\bar x_j$ their mean. Where should
# $e_j$ lie? Write $x_i - e_j = (x_i - \bar x_j) + (\bar x_j - e_j)$ and square:
#
# $$\sum_{i \in S_j} \|x_i - e_j\|^2 = \sum_{i \in S_j} \|x_i - \bar x_j\|^2 + 2\,(\bar x_j - e_j)\cdot\underbrace{\sum_{i \in S_j}(x_i - \bar x_j)}_{=\,0} + \; n_j\,\|\bar x_j - e_j\|^2 .$$
#
# The first sum is the spread of the cell, and no code can change it. The second
# vanishes, since deviations from a mean sum to zero. The third is a squared
# distance, and it is zero in exactly one place. So the best code of a cell is its
# mean, and moving all codes there lowers $Q$ by exactly
# $\frac1N\sum_j n_j\|\bar x_j - e_j\|^2$.


# %%
def means(x, k, e):
    """The mean of each code's samples (K, D); a code without any stays."""
    count = k.bincount(minlength=len(e))[:, None]  # (K, 1)
    total = torch.zeros_like(e).index_add(0, k, x)  # (K, D)
    return torch.where(count > 0, total / count.clamp(min=1), e)


def lloyd_step(x, e):
    return means(x, nearest(x, e), e)


# %% [markdown]
# We start badly on purpose: eight pixels from the top edge of the photograph, all
# of them leaves. After every half of a step we measure. The assertions are the two
# promises just made.

# %% tags=["nbval-ignore-output"]
leaves = plane[:24:3]  # (8, 2), a poor start
e, halves = leaves, [math.inf]
for _ in range(20):
    k = nearest(plane, e)
    chosen_anew = error(plane, e, k).item()
    moved = means(plane, k, e)
    after_move = error(plane, moved, k).item()
    n = k.bincount(minlength=8)
    promised = (n * (moved - e).square().sum(dim=1)).sum() / len(plane)
    assert chosen_anew <= halves[-1] + 1e-12
    assert abs(chosen_anew - after_move - promised) < 1e-12
    halves += [chosen_anew, after_move]
    e = moved
print(f"Q never rose, from {halves[1]:.4f} to {halves[-1]:.4f}")

# %% [markdown]
# Does it ever end? There are finitely many ways to hand $N$ samples to $K$ codes,
# the codes follow from them, and $Q$ falls with every change. So no way comes
# twice, and one day nothing changes any more. But an end is not the best end. The
# error of twelve runs that differ only in their lot shows what that means.


# %%
def until_rest(x, e, most=300):
    for _ in range(most):
        before, e = e, lloyd_step(x, e)
        if torch.equal(before, e):
            break
    return e


quarter, ends = plane[::4], []  # (4160, 2)
for seed in range(12):
    luck = torch.Generator().manual_seed(seed)
    start = quarter[torch.randperm(len(quarter), generator=luck)[:16]]
    e = until_rest(quarter, start)
    ends.append(error(quarter, e, nearest(quarter, e)).item())

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 2.7)
falling, resting = figure.subplots(1, 2, width_ratios=[1.5, 1])
falling.plot(torch.arange(40) / 2, halves[1:], color=NEUTRAL, linewidth=1)
falling.plot(range(20), halves[1::2], "o", color=LATENTS, markersize=4)
falling.plot(torch.arange(20) + 0.5, halves[2::2], "o", color=CODES, ms=4)
falling.text(2.2, 0.3, "samples choose", color=readable(LATENTS))
falling.text(2.2, 0.21, "codes move", color=CODES)
falling.set(yscale="log", xlabel="Lloyd's steps", ylabel="error Q")
resting.plot(sorted(ends), range(12), "o", color=CODES)
resting.set(xlabel="error Q at rest, K = 16", ylabel="runs, best first")
resting.set(xlim=(0, 0.018), yticks=[], xticks=[0, 0.005, 0.01, 0.015])
assert 0 < 1.05 * min(ends) < max(ends) < 0.018
caption = "A fall in half-steps, and where twelve other lots came to rest."
Picture(figure, f"A falling curve, and twelve points. {caption}", caption)

# %% [markdown]
# Most of the fall happens in the first step, when the two outermost codes, which share
# all the petals, jump among them. After the tenth step comes a second, small fall: a
# third code has reached the petals, and the three divide them anew. The right panel
# shows that it is the start which decides where a run comes to rest. There is a good
# way to start: draw the codes one after the other, each preferably far from those
# already drawn. It is called k-means++ (Arthur and Vassilvitskii 2007), it comes with a
# proof that the error will be within a factor of the order of $\log K$ of the best, on
# average, and scikit-learn uses it unless told otherwise.
#
# One kind of start is worse than poor. Put the first code where there are no pixels
# at all, and let Lloyd's algorithm run. What will become of it? Predict, for our
# `means` and for one that divides without asking.

# %%
lost = torch.cat([torch.tensor([[3.0, 3.0]]).double(), codes[1:]])  # (8, 2)
after = until_rest(plane, lost)
k = nearest(plane, after)
assert torch.equal(after[0], lost[0]) and (k != 0).all()
careless = plane[k == 0].sum(dim=0) / (k == 0).sum()
print("the code that nobody chose:", after[0].tolist())
print("the mean of no samples:", careless.tolist())

# %% [markdown]
# Nobody chooses it, so nothing moves it, so nobody chooses it. Half a page of
# algorithm is enough for a **dead code** to appear; [chapter
# 06](06_collapse.ipynb) is about nothing else. And the careless division writes a
# NaN into the codebook.
#
# Here is our algorithm beside scikit-learn's, from the same start, for as many
# steps.

# %%
theirs = KMeans(
    8, init=codes.numpy(), n_init=1, max_iter=12, tol=0, algorithm="lloyd"
).fit(plane.numpy())
ours = codes
for _ in range(12):
    ours = lloyd_step(plane, ours)
torch.testing.assert_close(ours, torch.from_numpy(theirs.cluster_centers_))
q = error(plane, ours, nearest(plane, ours))
torch.testing.assert_close(len(plane) * q.item(), theirs.inertia_)
print("twelve steps, the same eight codes, the same inertia")

# %% [markdown]
# ### Predict, then drag
#
# The codes begin among the leaves again. The first slider doubles their number, the
# second one lets Lloyd's algorithm take steps.
#
# 1. At step 0 every code is the colour of a leaf. How many steps will the flower
#    need to turn orange?
# 2. Which codes travel far, those in the dense streak or those at its edge?
# 3. From 2 codes to 8 the rate rises by two bits, and from 8 to 32 by two more. At
#    step 8, which of the two has helped more?


# %%
def run(num_codes, steps=8):
    e, states = plane[: 3 * num_codes : 3], []
    for _ in range(steps + 1):
        k = nearest(plane, e)
        q = error(plane, e, k).item()
        states.append(voronoi.Clustering(e, k.reshape(104, 160), q))
        e = means(plane, k, e)
    return states


runs = {bits: run(2**bits) for bits in range(1, 6)}

# %% tags=["nbval-ignore-output"]
cells_figure = SliderFigure(
    voronoi.VoronoiScene(plane[::16], flower, colour_of, runs),
    alt_title="Colours of a flower, cells of K codes, the flower repainted",
    size=(7.4, 2.5),
    bits=Slider(1, 5, 1, 3, "bits a pixel", frames=3, format=".0f"),
    step=Slider(0, 8, 1, 0, "Lloyd's steps", frames=9, format=".0f"),
)
cells_figure

# %% tags=["moves-sliders"]
caption = cells_figure.set(bits=1, step=0)
assert caption.startswith("2 codes, 1 bit a pixel, after 0")
caption = cells_figure.set(bits=5, step=8)
assert caption.startswith("32 codes, 5 bits a pixel, after 8")
final = {bits: states[-1].error for bits, states in runs.items()}
assert final[1] - final[3] > 5 * (final[3] - final[5]) > 0
assert runs[3][1].error < 0.1 * runs[3][0].error
cells_figure.set(bits=3, step=0)
print("moved from 2 codes to 32, and from step 0 to step 8")

# %% [markdown]
# One step is enough for a flower: two codes owned all the petals, and the means of
# petals are orange. The codes at the edge of the streak travel, because their
# cells reach far out; those inside are hemmed in by their neighbours. And bits
# bring less and less. The two bits from 2 codes to 8 save more than five times as much
# error as the two from 8 to 32. The first bits buy the shapes, and the later ones
# polish.

# %% [markdown]
# ## The same thing as a loss
#
# Lloyd's second step wants to see a whole cell at once. A network sees batches, and
# it moves by gradients. So let us write the error as a loss, as the VQ-VAE does
# (van den Oord et al. 2017). The **codebook loss** is
#
# $$L_{\text{codebook}} = \mathrm{mse}\big(e_{k},\, \mathrm{sg}(x)\big) = \frac{1}{ND}\sum_{i=1}^{N}\big\|e_{k(i)} - \mathrm{sg}(x_i)\big\|^2 = \frac{Q}{D} .$$
#
# The **stop-gradient** $\mathrm{sg}$ lets a value through and holds the gradient
# back; in PyTorch it is `detach`. Samples that are data would not move anyway, but
# soon they will come out of an encoder. Mind the $D$: `mse_loss` is a mean over all
# $N D$ numbers, not over the $N$ samples.
#
# What is the gradient for code $j$? The choice $k(i)$ is a whole number. Unless a
# sample lies exactly on a border, it stays what it is when a code moves a little,
# so we differentiate as if it were fixed. Then $e_j$ occurs only in the terms of
# its own cell:
#
# $$\frac{\partial L_{\text{codebook}}}{\partial e_j} = \frac{2}{ND}\sum_{i\in S_j}(e_j - x_i) = \frac{2\,n_j}{N D}\,\big(e_j - \bar x_j\big) .$$
#
# The gradient has the shape of the codebook, $(K, D)$.


# %%
def codebook_gradient(x, e):
    """What autograd says, (K, D)."""
    e = e.clone().requires_grad_()
    loss = F.mse_loss(e[nearest(x, e.detach())], x.detach())
    return torch.autograd.grad(loss, e)[0]


N, D = plane.shape
k = nearest(plane, codes)
n = k.bincount(minlength=8)[:, None]  # (8, 1)
derived = 2 * n / (N * D) * (codes - means(plane, k, codes))  # (8, 2)
torch.testing.assert_close(codebook_gradient(plane, codes), derived)
print("autograd and the formula agree for all eight codes")

# %% [markdown]
# Read the formula from right to left. The direction is from the code to the mean of
# its cell. The gradient is zero if and only if the code *is* that mean, or owns
# nothing. So wherever descent comes to rest, two things hold at once: every sample
# has its nearest code, since $k$ is computed anew in each forward pass, and every
# code is the mean of its cell. These are the two conditions under which Lloyd's
# algorithm stands still. The fixed points of the codebook loss are those of k-means.
# Let us go there by gradient and see whether Lloyd finds anything left to do.

# %% tags=["nbval-ignore-output"]
e = codes
for _ in range(600):
    e = e - 4.0 * codebook_gradient(plane, e)
rest = e
at_rest = nearest(plane, rest)
torch.testing.assert_close(rest, means(plane, at_rest, rest))
q = error(plane, rest, at_rest)
stopped = until_rest(plane, codes)
q_lloyd = error(plane, stopped, nearest(plane, stopped))
assert abs(q - q_lloyd) < 0.1 * q_lloyd
print(f"Q at rest: {q:.5f} by gradient, {q_lloyd:.5f} by Lloyd's steps")

# %% [markdown]
# Now the size of a step. With the learning rate $\eta$,
#
# $$e_j - \eta\,\frac{\partial L}{\partial e_j} = (1 - \rho_j)\, e_j + \rho_j\, \bar x_j, \qquad \rho_j = \frac{2\,\eta\,n_j}{N D} .$$
#
# The number $\rho_j$ is the part of the way to its mean that code $j$ goes in one
# step. If every code had its own rate $\eta_j = ND / (2 n_j)$, then $\rho_j$ would
# be 1 for all, and a single gradient step would be Lloyd's step.

# %%
rate = N * D / (2 * n)  # (8, 1), one learning rate a code
one_step = codes - rate * codebook_gradient(plane, codes)
torch.testing.assert_close(one_step, lloyd_step(plane, codes))
print("one gradient step = one Lloyd step")
for num_codes, dim in ((8, 2), (128, 48), (512, 64)):
    part = 2 * 0.1 / (num_codes * dim)
    print(
        f"K = {num_codes:3d}, D = {dim:2d}: the right rate is "
        f"{num_codes * dim / 2:,.0f}; a rate of 0.1 goes {part:.1e} of the way"
    )

# %% [markdown]
# The lines below it are for a code that owns an average share of the samples,
# $n_j = N/K$. They are a warning about means and sums. Whoever writes the loss as a
# sum over everything needs $\eta_j = 1/(2n_j)$; as a mean over samples, $N/(2n_j)$;
# as the element mean, $ND/(2n_j)$. The same codebook, three learning rates that
# differ by factors of thousands, and no error message. Plain gradient descent with
# a rate of 0.1 on an element mean all but stands still. Adam (Kingma and Ba 2015),
# which divides each gradient by its own running size, does not notice the factor.
#
# There is a second difference. One rate for all codes means that $\rho_j$ grows
# with $n_j$. A popular code strides to its mean, and a rare one crawls. If one raises
# the rate for the rare ones, the popular ones overshoot, and where $\rho_j$ exceeds 2
# they end further from the mean than they began.

# %% [markdown]
# ## A running mean is a gradient step too
#
# The oldest remedy is older than Lloyd's publication. MacQueen (1967), who gave
# k-means its name, takes one sample at a time. The nearest code counts it,
# $n_j \leftarrow n_j + 1$, and moves by
#
# $$e_j \leftarrow e_j + \frac{1}{n_j}\,(x - e_j) .$$
#
# This is the mean of all samples that the code has ever received, brought up to
# date without storing them: the mean of $n$ numbers is the mean of the first
# $n - 1$, plus one $n$-th of what the last one deviates from it. It is also a
# gradient step on $\|e_j - x\|^2$, whose gradient is $2(e_j - x)$, with the rate
# $1/(2n_j)$. The rate falls as the code gathers experience.

# %% tags=["nbval-ignore-output"]
e, received = codes.clone(), [[] for _ in range(8)]
stream = plane[lot[:2000]]  # (2000, 2)
for x in stream:
    j = int(nearest(x[None], e))
    received[j].append(x)
    e[j] += (x - e[j]) / len(received[j])
running = torch.stack([torch.stack(got).mean(dim=0) for got in received])
torch.testing.assert_close(e, running)
print("each code is the mean of the", [len(got) for got in received])

# %% [markdown]
# MacQueen's mean never forgets, and in a network it should. The latents of the
# first batch were made by an encoder that no longer exists. Appendix A of the
# VQ-VAE paper (van den Oord et al. 2017) therefore keeps an **exponential moving
# average**: a running count and a running sum for each code, of which a share
# $1 - d$ is renewed with every batch. Let $c_j$ be the number of samples of the
# batch that chose code $j$, and $\bar x_j$ their mean:
#
# $$n_j' = d\,n_j + (1 - d)\,c_j, \qquad s_j' = d\,s_j + (1 - d)\,c_j\,\bar x_j, \qquad e_j' = \frac{s_j'}{n_j'} .$$
#
# No loss and no gradient in sight. But put $s_j = n_j e_j$ into the middle formula,
# and then $d\,n_j = n_j' - (1 - d)\,c_j$ from the first:
#
# $$e_j' = \frac{d\,n_j\,e_j + (1-d)\,c_j\,\bar x_j}{n_j'} = \frac{\big(n_j' - (1-d)\,c_j\big)\,e_j + (1-d)\,c_j\,\bar x_j}{n_j'} = e_j - \frac{(1-d)\,c_j}{n_j'}\,\big(e_j - \bar x_j\big) .$$
#
# That is a step of $\rho_j = (1-d)\,c_j/n_j'$ towards the mean, and so, by the
# formula for $\rho_j$ above, a gradient step on the codebook loss with the rate
# $\eta_j = (1 - d)\,N D/(2 n_j')$. The rate is high for a code that is seldom used,
# which is just what a single rate lacked. While the counts are steady,
# $c_j = n_j'$, every code goes the same part $1 - d$ of its way. With $d = 0$ it is
# Lloyd's step.


# %%
def ema(x, e, n, d):
    """One batch (N, D): new codes (K, D) and new counts (K, 1)."""
    k = nearest(x, e)
    c = k.bincount(minlength=len(e))[:, None]  # (K, 1)
    total = torch.zeros_like(e).index_add(0, k, x)  # (K, D)
    new_n = d * n + (1 - d) * c
    return (d * n * e + (1 - d) * total) / new_n, new_n


batch, n_old = plane[lot[:512]], torch.full((8, 1), 64.0).double()
by_average, n_new = ema(batch, codes, n_old, d=0.9)
rate = (1 - 0.9) * 512 * 2 / (2 * n_new)  # (8, 1)
by_gradient = codes - rate * codebook_gradient(batch, codes)
torch.testing.assert_close(by_average, by_gradient)
print("a moving average is a gradient step with its own rates")

# %%
library = EMAVQ(8, 2, decay=0.9, restart_below=0.0)
library.codebook.copy_(codes)
library.counts.copy_(n_old[:, 0])
library.sums.copy_(n_old * codes)
library(batch.float())
torch.testing.assert_close(library.codebook, by_average.float())
print("and EMAVQ does the same")

# %% [markdown]
# Three ways to move eight codes for one step. We push the codes off their means, so
# that they have somewhere to go. For a code that owns little, which of the three ways
# will be the shortest?

# %% tags=["nbval-ignore-output"]
shove = torch.randn(8, 2, generator=generator, dtype=torch.float64)
pushed = rest + 0.15 * shove  # (8, 2)
n = nearest(plane, pushed).bincount(minlength=8)[:, None].double()
goals = {
    "one rate, η = 4": pushed - 4.0 * codebook_gradient(plane, pushed),
    "moving average, d = 0.5": ema(plane, pushed, n, 0.5)[0],
    "Lloyd": lloyd_step(plane, pushed),
}
way = [(goal - pushed).norm(dim=1) for goal in goals.values()]  # three (8,)
part = way[0] / way[2]
torch.testing.assert_close(part, 4.0 * n[:, 0] / len(plane))
torch.testing.assert_close(way[1] / way[2], torch.full((8,), 0.5).double())
print(f"with one rate, {part.min():.2f} to {part.max():.2f} of the way")

# %%
figure = new_figure(8.4, 2.3)
panels = figure.subplots(1, 3)
for panel, (name, goal) in zip(panels, goals.items(), strict=True):
    voronoi.draw_cells(panel, some, pushed, colour_of, title=name)
    voronoi.draw_steps(panel, pushed, goal)
caption = (
    "Rings before, dots after one step. With one rate popular codes stride "
    "and rare ones crawl; the moving average takes all of them half-way, "
    "Lloyd's step the whole way to the mean."
)
Picture(
    figure, f"Ways from codes towards means, three times. {caption}", caption
)

# %% [markdown]
# ## An encoder in front, and a gradient that is zero
#
# So far the samples were given. In a VQ-VAE they are latents $z$, made by an
# encoder that is to learn as well, from a loss that is computed on the other side
# of the quantizer. To see everything, we make everything small. The input is a
# single number $x$, drawn from the normal density
# $p(x) = e^{-x^2/2}/\sqrt{2\pi}$. The encoder is a single number too, the gain $a$:
#
# $$z = a\,x, \qquad \tilde x = e_{k(z)}, \qquad \ell = (e_{k(z)} - x)^2 .$$
#
# There is no decoder; the code is the reconstruction. The codes are those of
# k-means for $a = 1$, so $a = 1$ is the gain that everything is fitted to.


# %%
def density(u):
    return torch.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def cells(e, a):
    """Of each cell the probability and the integral of x p(x); (K,), (K,)."""
    infinity = torch.tensor([math.inf], dtype=torch.float64)
    borders = (e[1:] + e[:-1]) / 2  # (K - 1,), midpoints, in z
    u = torch.cat([-infinity, borders / a, infinity])  # (K + 1,), in x
    return torch.special.ndtr(u).diff(), -density(u).diff()


# %%
def gaussian_codes(num_codes, steps=1000):
    """Lloyd's algorithm on the density itself, (K,) in ascending order."""
    middles = (torch.arange(num_codes).double() + 0.5) / num_codes
    e = math.sqrt(3) * torch.special.ndtri(middles)
    for _ in range(steps):
        mass, first = cells(e, 1.0)
        e = first / mass  # the mean of each cell
    return e


three = gaussian_codes(3)  # (3,)

# %% [markdown]
# The mean of a cell is an integral here, and the normal density makes it easy,
# because $x\,p(x)$ is the derivative of $-p(x)$. We take three codes, and ask for
# the derivative of the loss with respect to the gain. First we ask autograd, then
# we nudge the gain and look.

# %%
x = torch.randn(1000, generator=generator, dtype=torch.float64)


def losses(x, a, e):
    k = nearest((a * x)[:, None], e[:, None])
    return (e[k] - x).square()


a = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
try:
    losses(x, a, three).mean().backward()
except RuntimeError as fault:
    print("autograd:", str(fault)[:55])
nudged = losses(x, 0.8 + 1e-7, three) - losses(x, 0.8, three)
print("of 1,000 losses", int((nudged != 0).sum()), "change when a is nudged")

# %% [markdown]
# Autograd finds no way from the loss back to $a$: between them stands an index, and
# an index has no derivative. The nudge agrees. A code that has been chosen stays
# chosen under a small change of $z$, so the output of the quantizer does not move,
# and its derivative is zero wherever it exists. Where it does not exist, on the
# borders, it jumps.
#
# And yet the gain matters. Push it from 0.8 to 1 and some samples will cross a
# border. The loss of one sample is a staircase in $a$; what does the mean of many
# staircases look like?

# %%
figure = new_figure(7.6, 2.6)
stairs, mean_loss = figure.subplots(1, 2)
z = torch.linspace(-2.6, 2.6, 521, dtype=torch.float64)
out = three[nearest(z[:, None], three[:, None])]
stairs.plot(z, z, ":", color=LATENTS)
for code in three:
    at = out == code
    stairs.plot(z[at], out[at], color=CODES)
stairs.set(xlabel="latent z", ylabel="its code")
gains = torch.linspace(0.3, 2.5, 441, dtype=torch.float64)
for count, line, colour in ((1, "--", NEUTRAL), (10, "-", NEUTRAL)):
    curve = [losses(x[5 : 5 + count], g, three).mean() for g in gains]
    mean_loss.plot(gains, curve, line, color=colour, linewidth=1.2)

# %%
curve = [losses(x, g, three).mean() for g in gains]
mean_loss.plot(gains, curve, color=INK)
mean_loss.set(xlabel="gain a", ylabel="mean loss", ylim=(0, None))
stairs.text(-2.5, 1.5, "flat between borders", color=CODES)
stairs.text(1.5, 2.2, "z itself", color=readable(LATENTS), ha="right")
caption = (
    "Left: the quantizer as a function. Right: the loss of one sample "
    "(dashed), the mean of ten (grey) and of a thousand (black)."
)
Picture(figure, f"A staircase, and three curves. {caption}", caption)

# %% [markdown]
# ## The true gradient, and the copied one
#
# The more samples, the finer the steps. In the limit the expected loss $L(a)$ is a
# smooth curve with a valley, and it has a perfectly good derivative. It is not the
# mean of the samples' derivatives, all of which are zero. Everything that happens
# to this loss happens at the borders.
#
# Since the density is known we can compute that derivative. Number the codes in
# ascending order and let $b_j$ be the border between $e_j$ and $e_{j+1}$, their
# midpoint. A sample crosses it where $a x = b_j$, that is at $u_j = b_j/a$. With
# $u_0 = -\infty$ and $u_K = \infty$,
#
# $$L(a) = \sum_{j=1}^{K} \int_{u_{j-1}}^{u_j} (e_j - x)^2\, p(x)\, dx .$$
#
# The gain occurs only in the limits. When the limit $u_j$ moves, the cell on its
# left wins a strip and the cell on its right loses it, so the derivative is the
# difference of the two losses at the border, times the density there, times the
# speed of the limit, $du_j/da = -b_j/a^2 = -u_j/a$:
#
# $$L'(a) = \sum_{j=1}^{K-1} \big[(e_j - u_j)^2 - (e_{j+1} - u_j)^2\big]\; p(u_j)\; \Big(-\frac{u_j}{a}\Big) .$$
#
# With $\Delta_j = e_{j+1} - e_j$ and $e_j + e_{j+1} = 2 b_j = 2 a u_j$ the bracket
# is $-\Delta_j\,(2 a u_j - 2 u_j) = -2\,\Delta_j\,(a - 1)\,u_j$, and therefore
#
# $$L'(a) = 2\,\frac{a - 1}{a}\,\sum_{j=1}^{K-1} \Delta_j\,u_j^2\,p(u_j) .$$
#
# The sum is never negative. So the true gradient says what one would hope for: it
# is negative below $a = 1$, zero at $a = 1$ and positive above.
#
# A network cannot compute this, for it knows no density. The way out is as bold as
# it is short. Bengio et al. (2013) had units that fire or do not, and passed the
# gradient through the threshold as if it were not there. The VQ-VAE does the same
# with its quantizer (van den Oord et al. 2017). By the chain rule the latent's
# gradient is the code's, multiplied by the derivative of the code with respect to
# the latent. That derivative is zero, and one writes 1 in its place:
#
# $$\frac{\partial \ell}{\partial z} = \underbrace{\frac{\partial e_{k(z)}}{\partial z}}_{\text{is } 0,\ \text{taken as } 1}\cdot\;\frac{\partial \ell}{\partial e_{k}} \qquad\text{in code: } z + \mathrm{sg}(e_{k} - z) .$$
#
# The value of that expression is the code. Its derivative is 1 with respect to the
# latent, and 0 with respect to the code. This is the **straight-through
# estimator**: the gradient that arrives at the code is copied to the latent. In our
# example the copied gradient of a sample is $2(e_k - x)\cdot 1\cdot x$, and its
# expectation is
#
# $$G(a) = 2\,\mathbb{E}\big[(e_{k} - x)\,x\big] = 2\Big(\sum_{j=1}^{K} e_j \int_{u_{j-1}}^{u_j} x\,p(x)\,dx \;-\; 1\Big),$$
#
# since $\mathbb{E}[x^2] = 1$. All three functions take the codes $(K,)$ and the gain, a
# number. Two checks follow. The true gradient must be the slope of the expected loss.
# The copied one must be what autograd finds through $z + \mathrm{sg}(e - z)$, averaged
# over a sample so fine that it stands for the density.
#
# Then we draw both, side by side, for 3, 8 and 32 codes, each codebook fitted to the
# density. Where the curves lie on different sides of zero, the encoder is sent the
# wrong way. Which of the codebooks do you expect to do that most?


# %%
def expected_loss(e, a):
    mass, first = cells(e, a)
    return (e * e * mass - 2 * e * first).sum() + 1


def true_gradient(e, a):
    u = (e[1:] + e[:-1]) / 2 / a  # (K - 1,)
    return 2 * (a - 1) / a * (e.diff() * u * u * density(u)).sum()


def copied_gradient(e, a):
    return 2 * ((e * cells(e, a)[1]).sum() - 1)


# %%
def straight_through(z, e):
    return z + (e - z).detach()


u = torch.special.ndtri((torch.arange(200_000).double() + 0.5) / 200_000)
for gain in (0.5, 1.0, 1.7):
    high, low = (expected_loss(three, gain + h) for h in (1e-5, -1e-5))
    slope = (high - low) / 2e-5
    assert abs(slope - true_gradient(three, gain)) < 1e-8
    a = torch.tensor(gain, dtype=torch.float64, requires_grad=True)
    code = three[nearest((a * u)[:, None], three[:, None])]  # (200000,)
    (straight_through(a * u, code) - u).square().mean().backward()
    assert abs(a.grad - copied_gradient(three, gain)) < 1e-4
print("both gradients are what they are said to be, at three gains")

# %%
books = {num: gaussian_codes(num) for num in (3, 8, 32)}
gains = torch.linspace(0.5, 2.0, 301, dtype=torch.float64)
figure = new_figure(8.0, 2.6)
panels = figure.subplots(1, 3, sharey=True)
for panel, (num, e) in zip(panels, books.items(), strict=True):
    true = torch.stack([true_gradient(e, g) for g in gains])  # (301,)
    copied = torch.stack([copied_gradient(e, g) for g in gains])
    wrong = (true > 1e-9) & (copied < 0)
    panel.axhline(0, color=NEUTRAL, linewidth=0.8)
    panel.fill_between(gains, -1.2, 1.4, wrong, color=WARNING, alpha=0.13)
    panel.plot(gains, true, color=INK)
    panel.plot(gains, copied, "--", color=WARNING)
    panel.set(xlabel="gain a", ylim=(-1.2, 1.4))
    panel.set_title(f"{num} codes", loc="left", weight="bold")

# %%
panels[0].set_ylabel("gradient")
panels[0].text(0.95, 0.2, "true", color=INK)
panels[0].text(1.9, -0.55, "copied", color=WARNING, ha="right")
caption = (
    "True gradient of the expected loss (solid) and copied gradient (dashed). "
    "In the shaded range their signs differ. Fine cells make it narrow."
)
Picture(figure, f"Two curves over the gain, three times. {caption}", caption)

# %% [markdown]
# With 32 codes the copied gradient is a good stand-in. The curves part only where the
# gain has carried many latents beyond the outermost code. With 8 it is tilted, and just above $a = 1$ it has
# the wrong sign. With 3 codes it is wrong at *every* gain above 1. It asks for more,
# and however much it gets, it asks again, while the loss only rises.
#
# Two limits explain the picture. When the cells become fine, $\Delta_j/a$ is the
# width of a strip in $x$, the sum becomes
# $\frac1a\sum_j \Delta_j\,u_j^2\,p(u_j) \to \int x^2 p(x)\,dx = 1$, and
# $L'(a) \to 2(a - 1)$. The code becomes equal to the latent, $e_k \to a x$, and
# $G(a) \to 2\,\mathbb{E}[(a x - x)\,x] = 2(a - 1)$ as well. Where quantizing hardly
# changes anything, pretending that it changes nothing is right.
#
# At $a = 1$ the bias can be written down exactly. The true gradient is zero there.
# Each code is the mean of its cell, so the mean of $x$ over cell $j$ is $e_j$, and
# $\mathbb{E}[e_k x] = \mathbb{E}[e_k^2]$. Put that into the error,
# $Q = \mathbb{E}[x^2] - 2\,\mathbb{E}[e_k x] + \mathbb{E}[e_k^2] = \mathbb{E}[x^2] - \mathbb{E}[e_k^2]$,
# and into the copied gradient:
#
# $$G(1) = 2\,\big(\mathbb{E}[e_k^2] - \mathbb{E}[x^2]\big) = -2\,Q .$$
#
# The straight-through estimator is wrong by twice the quantization error, and it is
# wrong outwards. Why outwards? Means lie nearer to the centre, on average, than the
# samples they stand for. The reconstruction is too small, the gradient says "more", and
# it says so
# to the encoder, who cannot make it more: a larger latent falls into the same cell
# and gets the same code. With two codes that is all there is: their one border lies at
# zero, no gain carries a sample across it, the true gradient is zero everywhere, and
# the copied one pushes all the same. Huh et al. (2023) study this gap in whole networks, where
# no formula can be had.

# %% tags=["nbval-ignore-output"]
far = 1 + torch.logspace(-3, 1.7, 1000, dtype=torch.float64)
for num, e in books.items():
    q, bias = (f(e, 1.0).item() for f in (expected_loss, copied_gradient))
    assert true_gradient(e, 1.0) == 0 and abs(bias + 2 * q) < 1e-6
    outwards = torch.stack([copied_gradient(e, g) for g in far]) < 0
    reach = "50 and on" if outwards.all() else f"{far[outwards].max():.3f}"
    print(
        f"{num:2d} codes: Q = {q:.4f}, copied gradient at 1: {bias:.4f}, "
        f"wrong sign from 1 to {reach}"
    )

# %% [markdown]
# ## The commitment loss, and who moves what
#
# So nothing holds the latents. The VQ-VAE has a third term against it, the
# **commitment loss**, which is the codebook loss with its stop-gradient on the
# other side. It draws a latent to its code:
#
# $$L = \underbrace{\mathrm{mse}(\tilde x, x)}_{\text{reconstruction}} + \underbrace{\mathrm{mse}(e_k, \mathrm{sg}\,z)}_{\text{codebook}} + \beta\,\underbrace{\mathrm{mse}(\mathrm{sg}\,e_k, z)}_{\text{commitment}} .$$
#
# What does it do to our gain? Its gradient with respect to $a$ is
# $2\beta\,\mathbb{E}[(a x - e_k)\,x]$, and together with the copied one
#
# $$2\,\mathbb{E}[(e_k - x)\,x] + 2\beta\,\mathbb{E}[(a x - e_k)\,x] = 2\,(1 - \beta)\,\mathbb{E}[e_k x] + 2\,(\beta a - 1) .$$
#
# At $a = 1$ with fitted codes this is $-2(1 - \beta)\,Q$. The commitment takes back
# the share $\beta$ of the bias. At $\beta = 1$ something odd happens: the code
# drops out of the formula, and what is left is $2(a - 1)$, the gradient of an
# encoder that has no quantizer behind it at all. Let the four gradients descend
# from the same gain.


# %%
def descend(gradient, a=0.6, steps=600, rate=0.1):
    path = [a]
    for _ in range(steps):
        path.append(path[-1] - rate * float(gradient(path[-1])))
    return path


def committed(beta):
    def gradient(a):
        inner = (three * cells(three, a)[1]).sum()  # E[e_k x]
        return 2 * (1 - beta) * inner + 2 * (beta * a - 1)

    return gradient


# %% tags=["nbval-ignore-output"]
paths = {
    "true gradient": descend(lambda a: true_gradient(three, a)),
    "copied gradient": descend(lambda a: copied_gradient(three, a)),
    "copied, β = 0.25": descend(committed(0.25)),
    "copied, β = 1": descend(committed(1.0)),
}
torch.testing.assert_close(
    committed(0.25)(1.0),
    -2 * (1 - 0.25) * expected_loss(three, 1.0),
    atol=1e-6,
    rtol=0,
)
for name, path in paths.items():
    loss = expected_loss(three, path[-1])
    print(f"{name:17} ends at a = {path[-1]:.2f}, expected loss {loss:.3f}")

# %%
figure = new_figure(7.0, 2.7)
axes = figure.subplots()
looks = ((INK, "-"), (WARNING, "--"), (SERIES[1], "-"), (SERIES[0], ":"))
for path, (colour, line) in zip(paths.values(), looks, strict=True):
    axes.plot(path, line, color=colour)
axes.set(xlabel="step", ylabel="gain a", xlim=(0, 600), ylim=(0, 6.2))
axes.text(330, 5.1, "copied", color=WARNING, ha="right")
axes.text(590, 1.6, "copied, β = 0.25", color=readable(SERIES[1]), ha="right")
axes.text(590, 0.45, "true, and copied with β = 1", color=INK, ha="right")
caption = (
    "Three codes that do not move, and a gain that does. The copied gradient "
    "drifts away; the commitment loss gives it somewhere to stop."
)
Picture(figure, f"Four curves of the gain over steps. {caption}", caption)

# %% [markdown]
# The true gradient finds $a = 1$. The copied one walks past it and never comes
# back. With $\beta = 0.25$ it comes to rest at a gain above 1, and with $\beta = 1$
# exactly at 1.
#
# Do not carry this too far. Here the codes stand still and the loss is a square
# without a decoder. In a network the codes follow the latents, the decoder learns
# what they mean, and $\beta = 1$ holds the latents so firmly that they may stop
# listening to the reconstruction. The toy shows what kind of error the estimator
# makes, and which term answers it.
#
# Three losses and three things to move: encoder, codebook, decoder. Which loss
# moves which? Fill in the table in your mind, nine entries, before autograd does.

# %%
torch.manual_seed(0)
encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
book = nn.Parameter(torch.randn(5, 2))  # (K, D)
x = torch.randn(64, 3)
z = encoder(x)  # (64, 2)
e = book[nearest(z, book)]  # (64, 2)
terms = {
    "reconstruction": F.mse_loss(decoder(straight_through(z, e)), x),
    "codebook": F.mse_loss(e, z.detach()),
    "commitment": F.mse_loss(z, e.detach()),
}

# %%
parts = {"encoder": encoder.weight, "codes": book, "decoder": decoder.weight}
moves = {}
print(f"{'':16}", *[f"{part:>8}" for part in parts])
for name, loss in terms.items():
    found = torch.autograd.grad(
        loss, list(parts.values()), retain_graph=True, allow_unused=True
    )
    moves[name] = [gradient is not None for gradient in found]
    marks = ["moves" if moved else "-" for moved in moves[name]]
    print(f"{name:16}", *[f"{mark:>8}" for mark in marks])
assert moves == {
    "reconstruction": [True, False, True],
    "codebook": [False, True, False],
    "commitment": [True, False, False],
}

# %% [markdown]
# The surprise is in the first row. The reconstruction does not move the codes. The
# straight-through estimator has carried its gradient past them to the encoder, so
# the codes never hear what the decoder wants. They follow the latents, as in
# k-means, and that is all they do. Each of the other two losses moves one thing,
# and it is the stop-gradients that see to it.
#
# Codebook and commitment loss always have the same value, the mean squared
# difference of $e_k$ and $z$. One could write $1 + \beta$ times one `mse` without
# any stop-gradient and see the same number in the log. What would differ is who
# moves. It differs between the two official variants of ArcVQ-VAE (Kim and Yoo
# 2026), too. The VQ-VAE variant weighs the codebook loss with 1 and the commitment
# with 0.25. The VQGAN variant, built on taming-transformers (Esser et al. 2021) with
# its `legacy` switch on, has them the other way round.

# %% tags=["nbval-ignore-output"]
latents = torch.randn(256, 8)
start = torch.randn(16, 8)
found = {}
for name, weights in (("VQ-VAE", (1.0, 0.25)), ("VQGAN", (0.25, 1.0))):
    vq = VQ(16, 8, codebook_weight=weights[0], commitment_weight=weights[1])
    vq.load_state_dict({"codebook": start})
    z = latents.clone().requires_grad_()
    loss = vq(z).loss
    pulls = torch.autograd.grad(loss, (z, vq.codebook))
    found[name] = pulls
    sizes = [f"{pull.norm():.4f}" for pull in pulls]
    print(f"{name:7} loss {loss:.4f}, pull on latents, codes: {sizes}")
torch.testing.assert_close(found["VQGAN"][0], 4 * found["VQ-VAE"][0])
torch.testing.assert_close(found["VQ-VAE"][1], 4 * found["VQGAN"][1])

# %% [markdown]
# The two runs would log the same loss. The pull on the latents is four times as
# strong in the second, the pull on the codes four times weaker. Does the second
# matter? Codes get their gradient from one term only, and Adam divides a gradient
# by its own running size. Predict how far apart two codebooks end whose losses
# differ by a factor of 4: under plain gradient descent, and under Adam.


# %% tags=["nbval-ignore-output"]
def trained(optimiser, weight, rate):
    e = start.clone().requires_grad_()
    descent = optimiser([e], lr=rate)
    for _ in range(50):
        loss = F.mse_loss(e[nearest(latents, e.detach())], latents)
        (e.grad,) = torch.autograd.grad(weight * loss, e)
        descent.step()
    return e.detach()


for optimiser, rate in ((torch.optim.SGD, 5.0), (torch.optim.Adam, 0.01)):
    full, less = (trained(optimiser, weight, rate) for weight in (1.0, 0.25))
    gap = ((full - less).norm() / (full - start).norm()).item()
    assert gap > 0.2 if optimiser is torch.optim.SGD else gap < 0.02
    print(f"{optimiser.__name__:4} the ends are {gap:.4f} of the way apart")

# %% [markdown]
# Under Adam the weight of the codebook loss hardly changes anything. The factor
# cancels, as Kingma and Ba (2015) say it should. The weight of the commitment loss
# does not cancel, because it meets the reconstruction's gradient in the encoder,
# and Adam scales their sum. Both official variants train with Adam. So of the two
# reversals the one that counts is the encoder's: the VQGAN variant commits four times
# as strongly.

# %% [markdown]
# ## The same, from the library
#
# `VQ` is what we have built: nearest code, two losses, straight-through. The next
# cells compare tokens, values, loss, and the gradients of a made-up decoder's loss
# with respect to latents and codes, on latents with a grid of places.
#
# One subtlety will show. In floating point $z + (e - z)$ is not always $e$. The
# library writes $\mathrm{sg}(e) + (z - \mathrm{sg}(z))$, which has the same gradient,
# and whose second part is exactly zero. A token that is looked up later then gives the
# very vector that the decoder was trained on.

# %%
torch.manual_seed(1)
vq = VQ(16, 8, commitment_weight=0.25)
vq.load_state_dict({"codebook": start})
grid_of_z = torch.randn(4, 8, 5, 5, requires_grad=True)  # (B, D, H, W)
wanted = torch.randn(4, 8, 5, 5)

z = rearrange(grid_of_z, "b d h w -> (b h w) d")  # (100, 8)
k = nearest(z, vq.codebook)
e = vq.codebook[k]  # (100, 8)
loss = F.mse_loss(e, z.detach()) + 0.25 * F.mse_loss(z, e.detach())
quantized = rearrange(straight_through(z, e), "(b h w) d -> b d h w", b=4, h=5)
to_move = grid_of_z, vq.codebook
total = loss + F.mse_loss(quantized, wanted)
our_pulls = torch.autograd.grad(total, to_move)

# %% tags=["nbval-ignore-output"]
out = vq(grid_of_z)
torch.testing.assert_close(k.reshape(4, 5, 5), out.indices)
torch.testing.assert_close(out.indices, vq.assign(grid_of_z))
torch.testing.assert_close(quantized, out.quantized)
torch.testing.assert_close(loss, out.loss)
total = out.loss + F.mse_loss(out.quantized, wanted)
pulls = torch.autograd.grad(total, to_move)
for mine, theirs in zip(our_pulls, pulls, strict=True):
    torch.testing.assert_close(mine, theirs)
looked_up = vq.embed(out.indices)
inexact = int((quantized != looked_up).sum())
assert torch.equal(out.quantized, looked_up) and inexact > 0
print(f"all equal; {inexact} of our 800 numbers miss the code by a rounding")

# %% [markdown]
# ## Experiment · does a gradient find what k-means finds?
#
# Now real data, and more dimensions. The samples are patches of 4 × 4 pixels, with
# $D = 48$ numbers each, 10,000 of them from six photographs. With $K = 128$ a patch
# costs 7 bits, the price that chapter 00 paid for a token of a network. Here there
# is no network, and the patch itself is the latent. The held-out photograph is the
# cat.

# %%
cat = load_images("photos", split="test").images
grid = rearrange(cat, "(r c) d h w -> r c d h w", r=17)[::2, ::2]
whole_cat = rearrange(grid, "r c d h w -> d (r h) (c w)")  # (3, 288, 448)


def cut(images):
    """(B, 3, H, W) to all their 4×4 patches, (N, 48)."""
    return rearrange(images, "b d (r h) (c w) -> (b r c) (d h w)", h=4, w=4)


of_photos = cut(load_images("photos", limit=800).images)
of_cat = cut(whole_cat[None])
print(f"{len(of_photos):,} patches to draw from, {len(of_cat):,} of the cat")

# %% [markdown]
# The **baseline** is a codebook of 128 patches drawn by lot. Two arms improve it
# from there: Lloyd's algorithm, in 25 steps, and `VQ` with its codebook loss, in 200
# steps of Adam on batches of 1,024. If the derivation above is right, they should
# meet.
#
# The **negative control** is Lloyd's algorithm on patches that have been torn apart:
# each of their 48 numbers is shuffled among all patches. Every number for itself is
# distributed as before, and nothing is left of what makes them a patch. If k-means
# owed its success to the distribution of single numbers, the control would do as
# well. It ought to fail. (Two gentler controls were tried before it, and are not
# kept here. Permuting the choices before the codes move came out near the baseline,
# and shuffling the pixels within each patch did as well on the cat as k-means itself.
# Neither had failed, so neither told causes apart.)
#
# A last arm is there out of curiosity. It may only use *flat* codes, one colour for
# all 16 pixels, and finds its 128 colours by Lloyd's algorithm on the mean colours.
# Where do you place it, on its own patches and on the cat?
#
# For each arm we measure the PSNR of chapter 00 on the patches it was fitted to and on the cat,
# and the share of the codes that the cat uses. Four seeds draw the patches, the
# starts and the batches.


# %%
def by_lloyd(x, e, steps=25):
    for _ in range(steps):
        e = lloyd_step(x, e)
    return e


def by_vq(x, e, luck, steps=200):
    vq = VQ(*e.shape, commitment_weight=0.0)
    vq.load_state_dict({"codebook": e})
    adam = torch.optim.Adam(vq.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        vq(x[torch.randint(len(x), (1024,), generator=luck)]).loss.backward()
        adam.step()
    return vq.codebook.detach()


# %%
def codebooks(seed):
    luck = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(of_photos), generator=luck)[:10_000]
    x = of_photos[drawn]  # (10000, 48)
    shuffles = [torch.randperm(len(x), generator=luck) for _ in range(48)]
    torn = torch.stack([x[s, d] for d, s in enumerate(shuffles)], dim=1)
    colours = x.reshape(-1, 3, 16).mean(dim=2)  # (10000, 3)
    flat = by_lloyd(colours, colours[:128])  # (128, 3)
    return x, {
        "drawn by lot": x[:128],
        "Lloyd": by_lloyd(x, x[:128]),
        "VQ, by gradient": by_vq(x, x[:128], luck),
        "flat colours": flat.repeat_interleave(16, dim=1),
        "torn patches": by_lloyd(torn, torn[:128]),
    }


# %% tags=["nbval-ignore-output"]
def score(x, e):
    """PSNR in dB for values in [-1, 1], and the share of codes in use."""
    k = nearest(x, e)
    squared = (e[k].clamp(-1, 1) - x).square().mean().item()
    used = k.bincount(minlength=len(e)) > 0
    return 10 * math.log10(4 / squared), used.double().mean().item()


trials = [codebooks(seed) for seed in range(4)]
arms = list(trials[0][1])
table = torch.zeros(len(arms), 4, 3)  # arm, seed, (own, cat, usage)
for seed, (x, books_of_seed) in enumerate(trials):
    for row, e in enumerate(books_of_seed.values()):
        own, (psnr, used) = score(x, e)[0], score(of_cat, e)
        table[row, seed] = torch.tensor([own, psnr, used])

# %% tags=["nbval-ignore-output"]
print(f"{'':17}{'own patches (dB)':20}{'cat (dB)':17}codes used by the cat")
for name, mean, std in zip(
    arms, table.mean(dim=1), table.std(dim=1), strict=True
):
    texts = [f"{m:.2f} ± {d:.2f}" for m, d in zip(mean, std, strict=True)]
    print(f"{name:17}{texts[0]:20}{texts[1]:17}{texts[2]}")
lot_row, lloyd_row, _, flat_row, torn_row = table.mean(dim=1)
assert ((table[1:3] - table[0])[..., :2].mean(dim=1) > 1).all()
assert (table[1] - table[2])[:, 0].abs().max() < 0.15
assert torn_row[0] < lot_row[0] - 8 and torn_row[1] < lot_row[1] - 5
assert lloyd_row[0] > flat_row[0] + 0.8
assert (table[3] - table[1])[:, 1].min() > 0.3

# %%
figure = new_figure(7.6, 2.5)
panels = figure.subplots(1, 2, sharey=True)
names = ("own patches: PSNR (dB)", "the cat: PSNR (dB)")
for panel, column, name in zip(panels, (0, 1), names, strict=True):
    for row in range(len(arms)):
        panel.plot(
            table[row, :, column], [row] * 4, "o", color=SERIES[row], alpha=0.8
        )
    panel.set(yticks=range(5), yticklabels=arms, ylim=(4.5, -0.5))
    panel.set(xlabel=name, xlim=(10.5, 27.5))
caption = "Four seeds an arm. Lloyd and VQ meet; the torn patches fail."
Picture(figure, f"Five rows of points in two panels. {caption}", caption)

# %% [markdown]
# The derivation holds in 48 dimensions. On its own patches the codebook that was
# trained by gradient, in batches, by an optimiser that knows nothing of means, ends
# within a small part of a decibel of Lloyd's, at every seed. Both gain more than one
# decibel on the baseline, at the same rate. The torn patches fail by a wide margin,
# so it is the patch that counts and not its single numbers. What do such codes look
# like, and what do they make of the cat?


# %%
def sheet(e):
    """128 codes as a sheet of tiles, dark to bright, (3, 40, 80)."""
    tiles = e[e.mean(dim=1).argsort()].reshape(8, 16, 3, 4, 4)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=1.0)  # white lines between
    return rearrange(tiles, "r c d h w -> d (r h) (c w)")


def eyes(e):
    """What a codebook makes of the cat's eyes, (3, 144, 224)."""
    rows = e[nearest(of_cat, e)].reshape(72, 112, 3, 4, 4)
    return rearrange(rows[18:54, 24:80], "r c d h w -> d (r h) (c w)")


# %% tags=["nbval-ignore-output"]
shown = ("drawn by lot", "Lloyd", "flat colours", "torn patches")
figure = new_figure(8.4, 2.75)
panels = figure.subplots(2, 4, height_ratios=[1, 1.29])
for column, name in zip(panels.T, shown, strict=True):
    draw_image(column[0], sheet(trials[0][1][name]), name)
    draw_image(column[1], eyes(trials[0][1][name]))
caption = (
    "Four codebooks of 128 patches, 4 by 4 pixels each, dark to bright, and "
    "the eyes of the cat as each of them paints them, at 7 bits a patch."
)
Picture(figure, f"Sheets of small tiles above, cats below. {caption}", caption)

# %% tags=["nbval-ignore-output"]
faults = {}
for name in ("Lloyd", "flat colours"):
    e = trials[0][1][name]
    gap = (of_cat - e[nearest(of_cat, e)]).reshape(-1, 3, 16)  # (8064, 3, 16)
    colour = gap.mean(dim=2).square().mean().item()
    detail = gap.var(dim=2, correction=0).mean().item()
    faults[name] = colour, detail
    print(f"{name:12} on the cat: colour {colour:.4f}, detail {detail:.4f}")
assert faults["Lloyd"][0] > 1.5 * faults["flat colours"][0]

# %% [markdown]
# The means are smoother than patches drawn by lot, and they contain what a picture
# is made of: flat areas, edges in several directions, corners. The torn codebook is
# noise. A mean of what does not belong together is the mean of everything.
#
# And the curious arm? On its own patches it loses to Lloyd's by about a decibel, as one
# would expect, for a flat codebook is a codebook too, and Lloyd's algorithm was free to
# choose one. On the cat it *wins*, at every seed. The numbers under the picture show
# where. They split the error of a patch into that of its mean colour and that of what
# differs inside it. Lloyd's codebook has minimised the error on photographs of flags,
# spokes and roof tiles, and has spent codes on their edges, which the soft fur of the
# cat can hardly use; for the fur's colours it has too few left. K-means makes a promise
# about the samples that it has seen, and about no others.
#
# One question is left, the one about bits. Eight codebooks, from 1 bit to 8 a patch.

# %% tags=["nbval-ignore-output"]
x, own, on_the_cat = trials[0][0], [], []
for bits in range(1, 9):
    e = by_lloyd(x, x[: 2**bits], steps=15)
    own.append(score(x, e)[0])
    on_the_cat.append(score(of_cat, e)[0])
gained = torch.tensor(own).diff().tolist()  # (7,)
assert gained[0] > 2 and min(gained) > 0.6 and max(gained[-3:]) < 1.2
print("dB for each bit after the first:", [f"{gain:.2f}" for gain in gained])
print(f"patches that fill 48 dimensions would give {6 / 48:.2f} dB a bit")

# %% tags=["nbval-ignore-output"]
figure = new_figure(6.4, 2.7)
axes = figure.subplots()
axes.plot(range(1, 9), own, "o-", color=SERIES[0], markersize=4)
axes.plot(range(1, 9), on_the_cat, "o--", color=SERIES[1], markersize=4)
axes.text(8.15, own[-1] - 0.3, "own patches", color=SERIES[0], va="center")
axes.text(8.15, on_the_cat[-1], "the cat", color=readable(SERIES[1]))
axes.set(xlabel="rate: bits a patch, log₂ K", ylabel="PSNR (dB)")
axes.set(xlim=(0.8, 9.4), xticks=range(1, 9))
caption = "Codebooks of 2 to 256 patches, fitted to the photographs of seed 0."
Picture(figure, f"Two rising curves of PSNR over rate. {caption}", caption)

# %% [markdown]
# On the patches that the codebook was fitted to every bit helps, the last ones less
# than half as much as the first. The cat's curve is less even, since nothing was fitted to the cat.
#
# The size of the gain says something about the data. To halve the distance between
# neighbouring codes in $D$ dimensions one needs $2^D$ times as many, which is $D$
# bits for 6 dB, so one bit is worth $6/D$ dB (Gray 1984). Were the patches spread
# over all 48 dimensions, a bit would be worth an eighth of a decibel. Even the last of
# our bits is worth several times as much, as if the patches had fewer than ten
# dimensions; the first bits, with large cells, have seen only two or three. That
# natural data fill so little of their space is why a few bits can say so much about
# them, and why one puts an encoder in front, to find that little.

# %% [markdown]
# ## Interpretation and limits
#
# What was shown? That the gradient of the codebook loss vanishes where k-means
# stands still, by derivation, in a plane to many digits and in 48 dimensions against
# a baseline, with a control that failed. That Lloyd's step, MacQueen's mean and the
# exponential moving average are gradient steps that differ in their rates alone.
# That the straight-through gradient is biased, by $-2Q$ at the fitted gain of a
# one-dimensional example, and that the commitment loss takes back the share
# $\beta$ of it there.
#
# Three sources speak of these losses, and they differ.
#
# | | codebook and commitment |
# |---|---|
# | the paper | the ArcVQ-VAE paper keeps the VQ-VAE's two terms (van den Oord et al. 2017), $\beta$ on the commitment, and changes the matching to angles |
# | its official code | the VQ-VAE variant weighs codebook and commitment 1 and 0.25, the VQGAN variant 0.25 and 1; element means on vectors that are not normalised |
# | ours | both weights are arguments of `VQ` and `ArcVQ`, with 1 and 0.25 unless told otherwise; straight-through exact to the last bit |
#
# The limits are these. The exact bias belongs to one encoder of one parameter, codes
# that stand still and no decoder. In a network codes and decoder move too, and how
# much of the bias survives is open; nothing here measures it. The experiment has
# four seeds, seven photographs and no encoder, and says nothing about a trained
# tokenizer. And everything in this chapter measures distance as Euclid does. What
# becomes of the fixed point when codes are chosen by angle is the subject of
# [chapter 07](07_spherical_codebooks.ipynb).

# %% [markdown]
# ## Exercises
#
# Every exercise has a checker that answers at once. Replace `return None`, run
# the cell, and read what it says. The solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · A step of Lloyd's
#
# *Difficulty ●○○ · 10 minutes*
#
# Write one whole step: samples `x` $(N, D)$ and codes `e` $(K, D)$ to the new codes
# $(K, D)$. A code that no sample chooses stays where it is. Do not use the functions
# from above.


# %% tags=["exercise"]
def my_lloyd_step(x, e):
    return None  # your lines here


check.lloyd_step(my_lloyd_step)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_lloyd_step_solution(x, e):
    k = torch.cdist(x, e).argmin(dim=1)
    new = e.clone()
    for j in range(len(e)):
        if (k == j).any():
            new[j] = x[k == j].mean(dim=0)
    return new


check.lloyd_step(my_lloyd_step_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · The right rates
#
# *Difficulty ●●○ · 10 minutes*
#
# Given the choices `k` $(N,)$ of a batch, the number of codes and the dimension $D$,
# return the learning rate $(K,)$ of each code with which one step on
# `F.mse_loss(e[k], x)` goes all the way to the cell's mean. A code that nobody chose
# gets the rate 0.


# %% tags=["exercise"]
def rates(k, num_codes, dim):
    return None  # your lines here


check.lloyd_rates(rates)


# %% tags=["solution"] jupyter={"source_hidden": true}
def rates_solution(k, num_codes, dim):
    n = k.bincount(minlength=num_codes)  # (K,)
    return torch.where(n > 0, len(k) * dim / (2 * n.clamp(min=1)), 0.0)


check.lloyd_rates(rates_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · Straight through, to the last bit
#
# *Difficulty ●●○ · 10 minutes*
#
# Write a function of latents `z` and codes `e`, both $(N, D)$, whose value is exactly
# `e`, whose gradient is 1 with respect to `z`, and which sends no gradient to `e`.
# The checker knows six ways in which it goes wrong.


# %% tags=["exercise"]
def through(z, e):
    return None  # your line here


check.through_exactly(through)


# %% tags=["solution"] jupyter={"source_hidden": true}
def through_solution(z, e):
    return e.detach() + (z - z.detach())


check.through_exactly(through_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · A shift instead of a gain
#
# *Difficulty ●●● · 25 minutes*
#
# Let the encoder be $z = x + a$, a shift. The loss is $(e_{k(z)} - x)^2$ as before,
# the codes `e` $(K,)$ ascend, and `density` is a function of a tensor. Derive and
# write the *true* derivative of the expected loss at the shift `a`, a scalar tensor.
# Do not assume any particular density.
#
# <details><summary>Hint</summary>
#
# A border $b_j$ in $z$ lies at $u_j = b_j - a$ in $x$, and its speed is $-1$.
#
# </details>


# %% tags=["exercise"]
def shift_gradient(e, a, density):
    return None  # your lines here


check.shifted_gradient(shift_gradient)


# %% tags=["solution"] jupyter={"source_hidden": true}
def shift_gradient_solution(e, a, density):
    borders = (e[1:] + e[:-1]) / 2  # (K - 1,)
    u = borders - a
    left, right = (e[:-1] - u).square(), (e[1:] - u).square()
    return ((right - left) * density(u)).sum()


check.shifted_gradient(shift_gradient_solution)

# %% [markdown]
# ## Quiz
#
# **1.** Why may $\|x\|^2$ be left out when the nearest code is sought?
#
# <details><summary>Answer</summary>
#
# It is the same for every code, so it cannot change which one is nearest.
#
# </details>
#
# **2.** Lloyd's algorithm has come to rest. Is the codebook the best there is?
#
# <details><summary>Answer</summary>
#
# Not necessarily. Neither step alone can improve it, and another start may end
# lower.
#
# </details>
#
# **3.** You change `mse_loss` to the sum over all elements and keep the learning
# rate. By which factor do the codes' steps grow?
#
# <details><summary>Answer</summary>
#
# By $N D$, under plain gradient descent. Under Adam they hardly change.
#
# </details>
#
# **4.** Two codes own 1 % and 10 % of the samples. One learning rate for both: how
# do the parts $\rho$ of their ways compare? And with a moving average whose counts
# are steady?
#
# <details><summary>Answer</summary>
#
# One to ten with one rate, since $\rho_j$ is proportional to $n_j$. With the moving
# average both go the same part, $1 - d$.
#
# </details>
#
# **5.** The expected loss has a slope, although the loss of every single sample has
# the derivative zero. Where does the slope come from?
#
# <details><summary>Answer</summary>
#
# From the samples that cross a border: density there, times the jump of the loss,
# times the speed of the border.
#
# </details>
#
# **6.** Why does the copied gradient ask for larger latents when the codes are means
# of their cells?
#
# <details><summary>Answer</summary>
#
# Means are nearer to the centre than what they stand for, so the reconstruction is
# too small on average. The gradient asks for more, by twice the quantization error
# at the fitted gain.
#
# </details>
#
# **7.** Which of the three losses moves the codes, and does the decoder have a say?
#
# <details><summary>Answer</summary>
#
# The codebook loss alone. The decoder's gradient is carried past the codes to the
# encoder.
#
# </details>
#
# **8.** Two runs log the same VQ loss from the same latents and codes. Must they
# train alike?
#
# <details><summary>Answer</summary>
#
# No. Codebook and commitment loss have the same value, so weights of 1 and 0.25 and
# weights of 0.25 and 1 cannot be told apart by it. The pull on the latents differs
# by a factor of 4.
#
# </details>

# %% [markdown]
# ## Summary
#
# A codebook cuts space into Voronoi cells, and the error falls when samples choose
# anew and when codes move to the means of their cells. The codebook loss has these
# means as its fixed point. Its gradient is $2n_j/(ND)$ times the way from the mean to
# the code, so Lloyd's step, MacQueen's mean and the moving average are gradient steps
# with a rate for each code. In front of a quantizer the derivative is zero almost
# everywhere. The straight-through estimator copies the gradient of the code to the
# latent: nearly right where cells are fine, and wrong in sign where they are coarse,
# by $-2Q$ at the fitted gain of our example. The commitment loss holds the latents
# against it, and the weights of the two losses are worth a look before two papers
# are compared.

# %% [markdown]
# ## References
#
# - Lloyd: *Least Squares Quantization in PCM*, IEEE Transactions on Information
#   Theory 1982, <https://doi.org/10.1109/TIT.1982.1056489>; a report of 1957.
# - MacQueen: *Some Methods for Classification and Analysis of Multivariate
#   Observations*, Fifth Berkeley Symposium 1967,
#   <https://projecteuclid.org/euclid.bsmsp/1200512992>
# - Gray: *Vector Quantization*, IEEE ASSP Magazine 1984,
#   <https://doi.org/10.1109/MASSP.1984.1162229>
# - Arthur, Vassilvitskii: *k-means++: The Advantages of Careful Seeding*, SODA 2007,
#   <https://dl.acm.org/doi/10.5555/1283383.1283494>
# - Pedregosa, Varoquaux, Gramfort, Michel, Thirion, Grisel, Blondel, Prettenhofer,
#   Weiss, Dubourg, Vanderplas, Passos, Cournapeau, Brucher, Perrot, Duchesnay:
#   *Scikit-learn: Machine Learning in Python*, JMLR 2011,
#   <https://jmlr.org/papers/v12/pedregosa11a.html>
# - Bengio, Léonard, Courville: *Estimating or Propagating Gradients Through
#   Stochastic Neurons for Conditional Computation*, arXiv 2013,
#   <https://arxiv.org/abs/1308.3432>
# - Kingma, Ba: *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   <https://arxiv.org/abs/1412.6980>
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>
# - Esser, Rombach, Ommer: *Taming Transformers for High-Resolution Image Synthesis*,
#   CVPR 2021, <https://arxiv.org/abs/2012.09841>
# - Huh, Cheung, Agrawal, Isola: *Straightening Out the Straight-Through Estimator:
#   Overcoming Optimization Challenges in Vector Quantized Networks*, ICML 2023,
#   <https://arxiv.org/abs/2305.08842>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# The patch was its own latent here, and the encoder a single number. [Chapter
# 05](05_vqvae.ipynb) puts real networks on both sides of the codebook, trains them
# with the three losses, and lets you pick a code and look at what it paints.
