# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A3 · ArcVQ
#
# | | |
# |---|---|
# | **After** | [chapter 09](../../09_arccosine_margin.ipynb), with [07](../../07_spherical_codebooks.ipynb) for the look-up and [08](../../08_ball_schedules.ipynb) for the ball |
# | **You exercise** | a projection whose gradient survives its edges, schedules, direction and length, the margin loss, and the same loss twice more where its matrix does not fit |
# | **You need** | PyTorch tensors and autograd; paper and a pencil for task 6 |
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

import torch
from IPython.display import display
from torch.nn import functional as F

# %%
from arcvq_lite import check
from arcvq_lite.viz import CODES, SERIES, Picture, new_figure, readable

# %% [markdown]
# ## Task 1. A ball that lets the gradient through
#
# *12 points · ●●○ · 30 minutes*
#
# Marked in parts: cuts long codes back to the radius, each by its own factor (4),
# leaves every code inside the ball as it is (4), has the right gradient, at zero and
# without limit (4).
#
# In the official program the codebook is cut back to the ball between two steps,
# where no gradient is looked at. Suppose that the projection stood *inside* a loss
# instead, so that the gradient goes back through it. Then values are not enough. A
# code of length zero, or a ball that has outgrown everything, must not send NaN back
# to the codebook, and one NaN in one row is enough to lose all of it at the next
# step.
#
# Write the projection of `codebook` $(K, D)$ onto the ball of radius `radius`, a
# number $M > 0$:
#
# $$\Pi_M(e) = \begin{cases} M\, e / \|e\| & \|e\| > M \\ e & \text{otherwise.}\end{cases}$$
#
# Return a new tensor $(K, D)$. Lengths lie between 0 and $10^{15}$, and $M$ may be as
# large as the largest float32. Inside the ball the gradient of $\Pi_M$ is that of a
# function that changes nothing, at the zero vector too.


# %% task="project_codes"
def project_codes(codebook, radius):
    """(K, D) and M to (K, D)."""
    raise NotImplementedError


# %%
check.project_codes(project_codes)

# %% [markdown]
# ## Task 2. A radius for every step
#
# *12 points · ●○○ · 25 minutes*
#
# Marked in parts: grows, stays and shrinks as each kind says (4), is finite in float32
# at any step (4), strings pieces together on one clock (4).
#
# A schedule says how large the ball is at step $t = 0, 1, 2, \dots$ It comes from a
# configuration file, so here it is a dictionary:
#
# | `schedule` | $M(t)$ |
# |---|---|
# | `{"kind": "growing", "alpha": α}` | $e^{\alpha t}$, the paper's |
# | `{"kind": "constant", "radius": r}` | $r$ |
# | `{"kind": "shrinking", "initial": r, "total_steps": T}` | $r\sqrt{1 - t/T}$, and 0 from step $T$ on |
# | `{"kind": "pieces", "pieces": [...], "boundaries": [...]}` | that of the piece in force |
#
# There is one boundary fewer than there are pieces. At a boundary the next piece
# takes over, and every piece is called with the same $t$, the step of the whole run.
#
# Two things happen in long runs. $e^{\alpha t}$ passes the largest float32, about
# $3.4028\cdot 10^{38}$; let it stop there, so that no radius is ever larger. And
# somebody trains for longer than `total_steps`. Return the radius as a number, for a
# step up to $10^9$.


# %% task="ball_radius"
def ball_radius(schedule, step):
    """M(t), a number."""
    raise NotImplementedError


# %%
check.ball_radius(ball_radius)

# %% [markdown]
# Once yours is right, the next cell draws three kinds over a thousand steps. From
# which step on does the growing ball no longer bind a code of length 2?

# %%
if check.ball_radius(ball_radius).passed:
    schedules = {
        "growing": {"kind": "growing", "alpha": 1.1e-3},
        "constant": {"kind": "constant", "radius": 1.0},
        "shrinking": {"kind": "shrinking", "initial": 2, "total_steps": 800},
    }
    axes = new_figure(6.4, 2.6).subplots()
    steps = range(0, 1001, 10)
    for colour, name in zip(SERIES, schedules, strict=False):
        line = [ball_radius(schedules[name], step) for step in steps]
        axes.plot(steps, line, color=colour)
        axes.text(1015, line[-1], name, color=readable(colour), va="bottom")
    axes.set(xlabel="step t", ylabel="radius M", xlim=(0, 1180), ylim=(0, 3.2))
    caption = "The radius over the steps, as your function gives it."
    display(Picture(axes.figure, f"Three curves. {caption}", caption))

# %% [markdown]
# ## Task 3. Direction finds, length decodes
#
# *14 points · ●●○ · 30 minutes*
#
# Marked in parts: finds by angle and hands on the code's own length (5), keeps images,
# rows and columns apart (4), lets the gradient straight through (3), survives a code
# and a latent of zero length (2).
#
# A latent looks for the code at the smallest angle. The decoder then gets that code
# as it lies in the codebook, with its own length:
#
# $$k(i) = \arg\max_j \frac{z_i \cdot e_j}{\|z_i\|\,\|e_j\|}, \qquad \text{decoder's input} = e_{k(i)} .$$
#
# This time the latents are laid out as an encoder leaves them: `latents`
# $(B, D, H, W)$ and `codebook` $(K, D)$. Return the pair `(quantized, indices)` of
# shapes $(B, D, H, W)$ and $(B, H, W)$, the second of type int64. Going forward,
# `quantized` holds the codes. Going back, the latents get its gradient as it is, and
# the codebook gets none.
#
# A code of length zero has no direction. It must not win against a code that lies on
# the latent's own side. A latent of length zero may take any code.


# %% task="decode_by_angle"
def decode_by_angle(latents, codebook):
    """(B, D, H, W) and (K, D) to (B, D, H, W) and (B, H, W)."""
    raise NotImplementedError


# %%
check.decode_by_angle(decode_by_angle)

# %% [markdown]
# ## Task 4. The margin loss, with codes as classes
#
# *20 points · ●●● · 50 minutes*
#
# Marked in parts: has the value of the definition (8), moves the latents and not the
# codes (5), holds at any scale, at cosine 1 and past π (4), counts how many codes call
# each latent (3).
#
# Now the loss that gives the method its name. Code $j$ calls $P_j$, the `top_k`
# latents of the batch at the smallest angle to it. With $\theta_{ji}$ for the angle
# between code $j$ and latent $i$,
#
# $$L_j = -\log \frac{\sum_{i\in P_j} e^{s\,g(\theta_{ji})}}{\sum_{i\in P_j} e^{s\,g(\theta_{ji})} + \sum_{i\notin P_j} e^{s\cos\theta_{ji}}}, \qquad L = \frac1K\sum_{j=1}^K L_j ,$$
#
# where $g$ is the cosine with ArcFace's margin and its rule past $\pi$ (Deng et al.
# 2019):
#
# $$g(\theta) = \begin{cases} \cos(\theta + m) & \theta + m \le \pi \\ \cos\theta - m\sin m & \theta + m > \pi . \end{cases}$$
#
# `latents` are $(N, D)$, `codebook` is $(K, D)$, $s$ is `scale`, $m$ is `margin` in
# radians and at most 1. Neither latents nor codes have length 1. Return the pair
# `(loss, calls)`: the scalar, and a tensor $(N)$ that says by how many codes each
# latent is called, a number between 0 and $K$.
#
# The loss moves the latents; the codes are constants. It has to be finite at
# $s = 1000$. Where a latent lies exactly on its code, the loss *and its gradient* have
# to be finite too: think of the slope of the arc cosine at 1.


# %% task="arc_margin"
def arc_margin(latents, codebook, scale, margin, top_k):
    """(N, D) and (K, D) to the loss and the calls, () and (N,)."""
    raise NotImplementedError


# %%
check.arc_margin(arc_margin)

# %% [markdown]
# Once your loss is right, look at who is called. Below, 300 latents lie in a heap and
# 100 codes all around, in three dimensions and in thirty. With $k = 3$ there are 300
# places. How many latents fill them?

# %%
if check.arc_margin(arc_margin).passed:
    figure = new_figure(6.4, 2.4)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, dim in zip(panels, (3, 30), strict=True):
        draw = torch.Generator().manual_seed(0)
        noise = torch.randn(300, dim, generator=draw) / math.sqrt(dim)
        heap = torch.eye(dim)[0] + 0.5 * noise  # (300, D)
        codes = torch.randn(100, dim, generator=draw)
        calls = arc_margin(heap, codes, 5.0, 0.1, 3)[1]  # (300,)
        axes.plot(calls.sort(descending=True).values, color=CODES)
        called = f"latents, {int((calls > 0).sum())} called"
        axes.set(title=f"D = {dim}", xlabel=called)
    panels[0].set_ylabel("codes that call it")
    caption = "Latents in the order of how many codes call them."
    display(Picture(figure, f"Two falling curves. {caption}", caption))

# %% [markdown]
# ## Task 5. A block of codes at a time
#
# *14 points · ●●○ · 40 minutes*
#
# Marked in parts: gives a block its share of the loss (4), gives a block its share of
# the gradient (4), adds blocks of unequal sizes to the plain loss (4), hands on no more
# than one gradient (2).
#
# For 512 codes and 65,536 latents the matrix of cosines has $2^{25}$ numbers, and
# autograd keeps several such matrices for the way back. Your machine has not got the
# room. But the rows of the matrix do not know of each other, so the codes can come in
# blocks, and every block be forgotten before the next.
#
# How can one be sure that a program has forgotten? Here the function is never shown
# more than one block. It is called once for every block, with what it returned the
# time before:
#
# ```python
# state = None
# for block in blocks_of_the_codebook:
#     state = add_codes(latents, block, total, scale, margin, top_k, state)
# ```
#
# `latents` are $(N, D)$, `codes` is one block of $(R, D)$, and `total` is $K$, the
# number of codes in all the blocks together. Blocks may have different sizes. `state`
# is None at the first block. Return a dictionary with two entries: `"loss"`, a scalar,
# and `"gradient"`, $(N, D)$. After every block they hold what the codes *so far* have
# contributed to $L$ and to $\partial L/\partial z$, and after the last one they are
# equal to the loss of Task 4 and its gradient, without any approximation. What you
# hand on is measured: beside the loss it may hold one gradient, and it must not grow.
#
# Autograd may help you inside a block, or you write the gradient by hand with the
# formula of the force in chapter 09. The definition of $L_j$, $g$ and the arguments
# are those of Task 4. Since each function is marked by itself, write here again what
# you need of it.


# %% task="add_codes"
def add_codes(latents, codes, total, scale, margin, top_k, state):
    """(N, D), (R, D), K and the last state to the next."""
    raise NotImplementedError


# %%
check.add_codes(add_codes)

# %% [markdown]
# ## Task 6. A piece of the batch at a time
#
# *14 points · ●●● · 60 minutes*
#
# Marked in parts: has the plain loss for a single piece (3), joins pieces of any size
# in one softmax (5), carries its sums without overflow (3), hands on a state that does
# not grow (3).
#
# Now cut the other way. The latents arrive in pieces, as they do when a batch is taken
# in several passes or lies on several GPUs. The loss of the whole batch is *not* the
# mean of the pieces' losses, for the latents of all the pieces compete in one softmax
# and for the same $k$ places. But it can be had exactly, and with little memory:
#
# ```python
# state = None
# for piece in pieces_of_the_batch:
#     loss, state = add_latents(piece, codebook, scale, margin, top_k, state)
# ```
#
# `latents` is one piece of $(n, D)$, `codebook` is all of $(K, D)$. Return the pair
# `(loss, state)`: the loss of Task 4 over *all the latents so far*, and whatever you
# want to be given back the next time, made of tensors, numbers, lists, tuples and
# dictionaries. `state` is None at the first piece, which has at least `top_k` latents.
# Later pieces may have fewer, down to one. No gradient is asked for.
#
# Two things are hard about it. A latent that was among the $k$ may be driven out by a
# later one; what is it from then on? And at $s = 1000$ no sum of exponentials may
# overflow, nor may one that is handed on. The state is measured again: it may grow
# with $K$ and $k$, but not with the number of latents that have gone by.
#
# <details><summary>Hint</summary>
#
# What does code $j$ have to remember of the latents that it does not call? And what
# of those that it does?
#
# </details>


# %% task="add_latents"
def add_latents(latents, codebook, scale, margin, top_k, state):
    """(n, D), (K, D) and the last state to the loss and the next."""
    raise NotImplementedError


# %%
check.add_latents(add_latents)

# %% [markdown]
# ## Question 1. A bound that does not bind
#
# *7 points · 15 minutes · read by a person*
#
# A run of 24,500 steps has a ball that grows with $\alpha = 3\cdot 10^{-4}$. A
# colleague has logged the lengths of the codes: none ever exceeds 1.4. At step 5,000
# she finds that the share of codes bound by the ball is 0, and so she takes the ball
# out of the program, since it does nothing.
#
# Until which step can the ball have bound any code, and what share of the run is that?
# Is her conclusion sound? Describe a comparison that would decide the matter, and
# say what you would measure. At most 150 words.

# %% [markdown] question="slack_ball"
# *Your answer.*

# %% [markdown]
# ## Question 2. Two axes and a detached codebook
#
# *7 points · 15 minutes · read by a person*
#
# A friend shows you two changes to Task 4. In the first, top-k and softmax run over
# the codes: every latent has its nearest codes as positives. In the second the axes
# are left as they are and the codebook is no longer detached. After training, the
# second has the lowest loss of all, and your friend proposes to keep it.
#
# Say for each of the two what happens to a code that no latent chooses, and why it
# does not happen in the original. Then answer the proposal. At most 200 words.

# %% [markdown] question="two_axes"
# *Your answer.*

# %% [markdown]
# ## References
#
# - Deng, Guo, Xue, Zafeiriou: *ArcFace: Additive Angular Margin Loss for Deep Face
#   Recognition*, CVPR 2019, <https://arxiv.org/abs/1801.07698>.
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>.
