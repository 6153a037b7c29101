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
    ### BEGIN SOLUTION
    norms = torch.linalg.vector_norm(codebook, dim=1, keepdim=True)
    outside = norms > radius  # (K, 1)
    # Rows inside are divided by 1, whose slope is finite.
    divisor = torch.where(outside, norms, 1.0)
    factor = torch.where(outside, radius / divisor, 1.0)
    return codebook * factor
    ### END SOLUTION


# %%
check.project_codes(project_codes)

# %% [markdown]
# ## Task 2. A radius for every step
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
    ### BEGIN SOLUTION
    kind = schedule["kind"]
    if kind == "pieces":
        begun = sum(step >= boundary for boundary in schedule["boundaries"])
        return ball_radius(schedule["pieces"][begun], step)
    if kind == "constant":
        return schedule["radius"]
    if kind == "shrinking":
        left = max(0.0, 1 - step / schedule["total_steps"])
        return schedule["initial"] * math.sqrt(left)
    largest = torch.finfo(torch.float32).max
    exponent = min(schedule["alpha"] * step, math.log(largest))
    return min(math.exp(exponent), largest)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    tokens = F.normalize(latents.movedim(1, -1), dim=-1)  # (B, H, W, D)
    cosine = tokens @ F.normalize(codebook, dim=1).T  # (B, H, W, K)
    indices = cosine.argmax(dim=-1)  # (B, H, W)
    codes = codebook[indices].movedim(-1, 1)  # (B, D, H, W)
    return latents + (codes - latents).detach(), indices
    ### END SOLUTION


# %%
check.decode_by_angle(decode_by_angle)

# %% [markdown]
# ## Task 4. The margin loss, with codes as classes
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
    ### BEGIN SOLUTION
    codes = F.normalize(codebook.detach(), dim=1)
    cosine = codes @ F.normalize(latents, dim=1).T  # (K, N)
    called = cosine.topk(top_k, dim=1)  # values and indices (K, k)
    c = called.values
    sine = ((1 - c) * (1 + c)).clamp(min=1e-30).sqrt()
    moved = c * math.cos(margin) - sine * math.sin(margin)
    past_pi = c < -math.cos(margin)
    moved = torch.where(past_pi, c - margin * math.sin(margin), moved)
    positives = scale * moved  # (K, k)
    logits = (scale * cosine).scatter(1, called.indices, positives)
    rows = logits.logsumexp(dim=1) - positives.logsumexp(dim=1)  # (K,)
    calls = called.indices.flatten().bincount(minlength=len(latents))
    return rows.mean(), calls
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    leaf = latents.detach().clone().requires_grad_()
    directions = F.normalize(codes.detach(), dim=1)  # (R, D)
    cosine = directions @ F.normalize(leaf, dim=1).T  # (R, N)
    called = cosine.topk(top_k, dim=1)
    c = called.values
    sine = ((1 - c) * (1 + c)).clamp(min=1e-30).sqrt()
    moved = c * math.cos(margin) - sine * math.sin(margin)
    past_pi = c < -math.cos(margin)
    moved = torch.where(past_pi, c - margin * math.sin(margin), moved)
    positives = scale * moved  # (R, k)
    logits = (scale * cosine).scatter(1, called.indices, positives)
    rows = logits.logsumexp(dim=1) - positives.logsumexp(dim=1)  # (R,)
    loss = rows.sum() / total
    (gradient,) = torch.autograd.grad(loss, leaf)
    loss = loss.detach()
    if state is not None:
        loss = state["loss"] + loss
        gradient = state["gradient"] + gradient
    return {"loss": loss, "gradient": gradient}
    ### END SOLUTION


# %%
check.add_codes(add_codes)

# %% [markdown]
# ## Task 6. A piece of the batch at a time
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
    ### BEGIN SOLUTION
    codes = F.normalize(codebook, dim=1)
    cosine = codes @ F.normalize(latents, dim=1).T  # (K, n)
    if state is None:
        best = cosine[:, :0]  # (K, 0)
        rest = cosine.new_full((len(codes),), -math.inf)
    else:
        best, rest = state["best"], state["rest"]
    ranked = torch.cat([best, cosine], dim=1)
    ranked = ranked.sort(dim=1, descending=True).values
    best = ranked[:, :top_k]  # (K, k)
    driven_out = (scale * ranked[:, top_k:]).logsumexp(dim=1)  # (K,)
    rest = torch.logaddexp(rest, driven_out)

    sine = ((1 - best) * (1 + best)).clamp(min=0).sqrt()
    moved = best * math.cos(margin) - sine * math.sin(margin)
    past_pi = best < -math.cos(margin)
    moved = torch.where(past_pi, best - margin * math.sin(margin), moved)
    won = (scale * moved).logsumexp(dim=1)  # (K,)
    loss = (torch.logaddexp(won, rest) - won).mean()
    return loss, {"best": best, "rest": rest}
    ### END SOLUTION


# %%
check.add_latents(add_latents)

# %% [markdown]
# ## Question 1. A bound that does not bind
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
# ### BEGIN SOLUTION
# The ball can bind a code of length 1.4 as long as $e^{\alpha t} < 1.4$, that is until
# step $\ln 1.4 / \alpha \approx 1{,}122$, which is under five per cent of the run.
# After that the bound is slack, so a binding share of 0 at step 5,000 could not have
# been anything else. It says nothing about the first thousand steps, in which the
# codes find their directions and it is settled which of them win; what happens there
# may last, although the bound does not.
#
# To decide it, train the same model with the ball and without it, everything else
# equal, with several seeds each, and compare usage, perplexity and the error of the
# reconstruction on held-out images at the end. If the intervals of the differences
# hold 0, then the ball made no difference that so many seeds can show.
# ### END SOLUTION

# %% [markdown]
# ## Question 2. Two axes and a detached codebook
#
# A friend shows you two changes to Task 4. In the first, top-k and softmax run over
# the codes: every latent has its nearest codes as positives. In the second the axes
# are left as they are and the codebook is no longer detached. After training, the
# second has the lowest loss of all, and your friend proposes to keep it.
#
# Say for each of the two what happens to a code that no latent chooses, and why it
# does not happen in the original. Then answer the proposal. At most 200 words.

# %% [markdown] question="two_axes"
# ### BEGIN SOLUTION
# With the softmax over codes a latent asks for the codes that are nearest to it
# already. A code that no latent has among its nearest is nobody's class. It appears in
# denominators only, so latents are pushed away from it and none is drawn to it: it
# stays dead. In the original every code is a class. It has $k$ positives at every
# step, however far off these are, and it enters the mean with the weight $1/K$, so
# latents are drawn out to wherever it lies.
#
# Without the detach there is a shorter way to a low loss. The code moves as well, and
# instead of latents being drawn out to the codes, the codes come to the latents and
# both end in a few places. The dead code is dead no longer, but it has given up the
# part of the sphere that it stood for.
#
# So the lowest loss is no argument. The loss was a means of spreading latents over
# fixed codes, and a program that may move both can lower it without spreading
# anything. Spread, usage and reconstruction on held-out images have to be compared.
# ### END SOLUTION

# %% [markdown]
# ## References
#
# - Deng, Guo, Xue, Zafeiriou: *ArcFace: Additive Angular Margin Loss for Deep Face
#   Recognition*, CVPR 2019, <https://arxiv.org/abs/1801.07698>.
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>.
