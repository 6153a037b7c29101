# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A2 · Quantization
#
# | | |
# |---|---|
# | **After** | [chapter 06](../../06_collapse.ipynb); chapters 04 and 05 have the losses |
# | **You exercise** | a look-up that survives large numbers, straight-through with padding, a moving average, honest counting, two cures for dead codes |
# | **You need** | PyTorch tensors and autograd |
# | **You hand in** | this notebook, or the `.py` file beside it, under the name that your course asks for |
#
# How to work: replace `raise NotImplementedError` by your code and run the cell
# below it. The checker answers at once. It says what is wrong, shows an example that
# fails, and never the solution. Your function may use `torch` and `math`, and it is
# judged alone, so a mistake in one task costs nothing in another. Nothing from
# `arcvq_lite` may be used inside an answer, since the library holds the answers.
#
# How marks are given: each task consists of parts, and a part gives all of its
# points or none. The grader asks what the checker asks, with other numbers. Two
# questions at the end are read by a person. Talk about the ideas with whomever you
# like, and write every line that you hand in yourself.

# %%
import torch
from IPython.display import display
from torch.nn import functional as F

from arcvq_lite import check

# %%
from arcvq_lite.viz import CODES, LATENTS, Picture, new_figure

# %% [markdown]
# ## Task 1. The nearest code at every place
#
# *12 points · ●●○ · 30 minutes*
#
# Marked in parts: the nearest code at each place of a map (5), codes of unequal length
# (4), right far from the origin too (3).
#
# An encoder has turned two pictures into maps, at each place a vector of $D$ numbers.
# For `latents` of shape $(B, D, H, W)$ and a `codebook` $(K, D)$ return the number of
# the nearest code at every place, in Euclidean distance, int64 of shape $(B, H, W)$.
#
# The codes have different lengths. And a network without a normalisation may put all
# of its latents 600 away from the origin and 0.5 away from each other; your choice
# has to be the nearest there too, in float32.


# %% task="nearest_codes"
def nearest_codes(latents, codebook):
    """(B, D, H, W) and (K, D) to int64 (B, H, W)."""
    raise NotImplementedError


# %%
check.nearest_codes(nearest_codes)

# %% [markdown]
# ## Task 2. Straight through, with padding
#
# *18 points · ●●● · 45 minutes*
#
# Marked in parts: the decoder is given the codes (3), its gradient goes to the latents
# and nowhere else (5), two losses, each moving one side, β on the right one (6),
# padding counts for nothing, whatever it holds (4).
#
# Spoken sentences are of unequal length, so a batch of them is filled up to one
# length, and a mask says which tokens are real. What the filling holds is anybody's
# guess; after a division by a length of zero it may well be NaN.
#
# Given are `latents` $(N, D)$, a `codebook` $(K, D)$, the `indices` $(N,)$ of the
# chosen codes, the mask `valid` $(N,)$, `True` for real tokens, and the weight
# $\beta$ as `commitment_weight`. Return a pair:
#
# - `quantized` $(N, D)$: the chosen code at every real token and 0 at the padding. A
#   gradient that arrives here goes to the latents unchanged, as if there were no
#   quantizer, and to nobody else.
# - `loss`, a scalar. With $V$ the set of real tokens and $\mathrm{sg}$ for "no
#   gradient through here",
#
# $$L = \frac{1}{|V| D}\sum_{i \in V}\Big(\|e_{k(i)} - \mathrm{sg}\,z_i\|^2 + \beta\,\|z_i - \mathrm{sg}\,e_{k(i)}\|^2\Big).$$
#
# The padding takes no part: it moves no code, receives no gradient, not even NaN, and
# does not count in the mean.


# %% task="quantize_padded"
def quantize_padded(latents, codebook, indices, valid, commitment_weight):
    """(N, D), (K, D), (N,) and (N,) to (N, D) and a scalar."""
    raise NotImplementedError


# %%
check.quantize_padded(quantize_padded)

# %% [markdown]
# ## Task 3. A codebook that follows
#
# *16 points · ●●○ · 35 minutes*
#
# Marked in parts: counts that remember and forget (5), sums, not means (5), codes from
# smoothed counts, finite for every code (4), no graph kept from batch to batch (2).
#
# Instead of a gradient, a running count $n_j$ and a running sum $s_j$ move each code.
# With $c_j$ the number of latents of the batch that chose code $j$,
#
# $$n_j \leftarrow d\,n_j + (1 - d)\,c_j, \qquad s_j \leftarrow d\,s_j + (1 - d)\sum_{k(i) = j} z_i .$$
#
# The code would be $s_j/n_j$, which is 0/0 for a code that has never been chosen. So
# the counts are smoothed, as one smooths the counts of rare words: each receives an
# $\varepsilon$, and all are scaled back so that they add up to what they did,
#
# $$\tilde n_j = \frac{n_j + \varepsilon}{\sum_l n_l + K\varepsilon}\,\sum_l n_l, \qquad e_j = s_j / \tilde n_j .$$
#
# Given `counts` $(K,)$, `sums` $(K, D)$, `latents` $(N, D)$, `indices` $(N,)$,
# `decay` and `epsilon`, return the new counts, which are not smoothed, the new sums
# and the codebook. The state lives for thousands of batches, so no graph may hang on
# it.


# %% task="ema_step"
def ema_step(counts, sums, latents, indices, decay, epsilon):
    """State (K,) and (K, D), batch (N, D) and (N,), to counts, sums, codebook."""
    raise NotImplementedError


# %%
check.ema_step(ema_step)

# %% [markdown]
# ## Task 4. How much of the codebook speaks inside?
#
# *10 points · ●●○ · 25 minutes*
#
# Marked in parts: usage of a whole set, away from the border (4), perplexity from
# summed counts (4), no border, and maps that are all border (2).
#
# The codes at the border of a map often speak of the zeros with which convolutions
# pad. To see how rich the language of the pictures themselves is, one counts only
# what lies inside. Given is a list of `batches`, each a tensor of indices
# $(B, H, W)$, and not all of one size. A token counts if at least `border` others
# lie between it and every edge of its map. Return the usage and the perplexity of
# all tokens that count, as a pair: the share of the `num_codes` codes that occur, and
# $e^H$ with $H = -\sum_j p_j \ln p_j$.
#
# The border may be 0, some codes never occur, and a map can be so small that nothing
# is left of it.


# %% task="interior_use"
def interior_use(batches, num_codes, border):
    """A list of (B, H, W), two numbers, to (usage, perplexity)."""
    raise NotImplementedError


# %%
check.interior_use(interior_use)

# %% [markdown]
# ## Task 5. Put the idle where the latents are
#
# *12 points · ●●○ · 30 minutes*
#
# Marked in parts: each dead code on a latent of its own (5), living codes as they were
# (4), the weight of one latent; who gets no draw waits (3).
#
# The codebook is $s_j/n_j$ again. The mask `dead` $(K,)$ says which codes have been
# idle too long, and `draws` is a list of positions in the batch `latents` $(N, D)$,
# already drawn by lot, int64 and without repeats. The first dead code, in the order of
# the codebook, takes the first drawn latent, the second dead code the second, and so
# on; each weighs as much as the one latent it was given. If the draws run out, the
# remaining dead codes wait for the next batch. Living codes stay as they are. Return
# the new `counts` $(K,)$ and `sums` $(K, D)$.


# %% task="restart_dead"
def restart_dead(counts, sums, dead, latents, draws):
    """(K,), (K, D), (K,), (N, D) and (M,) to counts and sums."""
    raise NotImplementedError


# %%
check.restart_dead(restart_dead)

# %% [markdown]
# ## Task 6. A start that leaves no code behind
#
# *14 points · ●●● · 40 minutes*
#
# Marked in parts: the second code, drawn by squared distance (4), every further one, by
# the distance to the nearest so far (6), no place taken twice (4).
#
# Better than to revive codes is to place them well. The first code lies on latent
# number `first`. Every further one is drawn among the `latents` $(N, D)$ with a
# probability in proportion to $\delta_i$, the *squared* distance of latent $i$ to the
# nearest code so far (Arthur and Vassilvitskii 2007). So a latent that is far from
# every code is likely to become one, and a latent that lies on a code cannot be drawn
# again.
#
# To make the lot repeatable, you are given it: `uniforms` $(K - 1,)$ holds a number
# $0 \le u < 1$ for each draw. Go through the latents in their order and add up
# $\delta_0 + \delta_1 + \ldots$; take the first latent at which the sum is *greater*
# than $u$ times the total. Return the indices of all $K$ latents taken, int64, the
# first one included.


# %% task="spread_codes"
def spread_codes(latents, first, uniforms):
    """(N, D), an index and (K - 1,) to int64 (K,)."""
    raise NotImplementedError


# %%
check.spread_codes(spread_codes)

# %% [markdown]
# Once your start is right, the next cell shows what it does to three clouds of very
# unequal size, beside codes drawn evenly.

# %%
if check.spread_codes(spread_codes).passed:
    generator = torch.Generator().manual_seed(5)
    sizes = torch.tensor([180, 15, 5])
    middles = torch.tensor([[0.0, 0.0], [4.0, 1.0], [1.0, 4.0]])
    cloud = middles.repeat_interleave(sizes, dim=0)  # (200, 2)
    cloud = cloud + 0.5 * torch.randn(200, 2, generator=generator)
    lot = torch.rand(5, generator=generator)
    starts = {"evenly": torch.randperm(200, generator=generator)[:6]}
    starts["spread"] = spread_codes(cloud, int(starts["evenly"][0]), lot)
    figure = new_figure(6, 2.6)
    panels = zip(figure.subplots(1, 2), starts.items(), strict=True)
    for axes, (name, taken) in panels:
        axes.plot(*cloud.T, ".", color=LATENTS, markersize=3)
        axes.plot(*cloud[taken].T, "o", color=CODES)
        axes.set(title=name, xticks=[], yticks=[])
    caption = "Orange: 200 latents. Blue: six codes, drawn in two ways."
    display(Picture(figure, f"Two panels of points. {caption}", caption))

# %% [markdown]
# ## Question 1. Dead, or only rare?
#
# *9 points · 20 minutes · read by a person*
#
# Your codebook has 1,024 codes. On 32 pictures of 8 × 8 tokens the usage is 71 %, and a
# colleague concludes that 29 % of the codes are dead. What would a perfect codebook
# show on as many tokens? What would you measure before you agree?

# %% [markdown] question="rare"
# *Your answer.*

# %% [markdown]
# ## Question 2. Silence in the codebook
#
# *9 points · 20 minutes · read by a person*
#
# Somebody forgets the mask of task 2. The padding of each sentence is a row of zeros,
# and half of all tokens are padding. They go through the look-up, the losses, the
# moving average and the perplexity like all others. Name what goes wrong in at least
# three of these places, and in which direction each number moves.

# %% [markdown] question="padding"
# *Your answer.*
