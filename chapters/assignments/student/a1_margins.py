# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A1 · Margins
#
# | | |
# |---|---|
# | **After** | [chapter 03](../../03_margins.ipynb) |
# | **You exercise** | cosines that survive a vector of zeros, an angular margin without a seam, a head with two margins, a border, a gradient by hand |
# | **You need** | PyTorch tensors; paper and a pencil for tasks 4 and 5 |
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
import math

import torch
from IPython.display import display
from torch.nn import functional as F

from arcvq_lite import check

# %%
from arcvq_lite.viz import CODES, NEUTRAL, Picture, new_figure

# %% [markdown]
# ## Task 1. Only the direction counts
#
# *10 points · ●○○ · 20 minutes*
#
# Marked in parts: right for rows of any length (5), right for very short rows too (2),
# a row of zeros harms nobody (3).
#
# Two photographs of one digit, one of them under-exposed: the network's embedding is
# shorter and points the same way. A head that works with angles gives both the same
# logits. For embeddings $x_i$, $(N, D)$, and class arrows $w_j$, $(C, D)$, write the
# cosines
#
# $$c_{ij} = \frac{x_i \cdot w_j}{\|x_i\|\,\|w_j\|}, \qquad (N, C).$$
#
# Rows may be as short as 0.0001. A row of zeros, which a ReLU in front can produce,
# has no direction; let its cosines be 0, and let no gradient in the batch become
# infinite or NaN because of it.


# %% task="class_cosines"
def class_cosines(embeddings, weight):
    """(N, D) and (C, D) to (N, C)."""
    raise NotImplementedError


# %%
check.class_cosines(class_cosines)

# %% [markdown]
# ## Task 2. A margin without a seam
#
# *18 points · ●●● · 45 minutes*
#
# Marked in parts: cos(θ + m) as far as π, for any shape (5), past π a line that meets
# the curve without a step (5), value and gradient at cosine ±1 (5), the right slope
# everywhere else (3).
#
# Chapter 03 replaces $\cos(\theta + m)$ where $\theta + m$ has passed $\pi$ by
# ArcFace's own rule, and the curve steps down at the seam. A step is a place where the
# loss tells nothing about its neighbourhood. Here you write a margin that has none.
#
# With $c = \cos\theta$ of any shape and $m$ in radians, $0 \le m < \pi$, the result
# is
#
# $$f(c) = \begin{cases} \cos(\theta + m) & \theta + m \le \pi \\ c - d & \theta + m > \pi\end{cases}$$
#
# with the one number $d$, for each $m$, at which both pieces meet. Find $d$ first.
# Then mind the ends. In float32 a cosine can come out as 1 or a rounding error
# above it, and as −1 or a little below. There too the value has to be right to five
# digits and the gradient finite; everywhere else the gradient is the derivative of
# $f$.


# %% task="stable_angular_margin"
def stable_angular_margin(cosine, margin):
    """Cosines of any shape to the same shape."""
    raise NotImplementedError


# %%
check.stable_angular_margin(stable_angular_margin)

# %% [markdown]
# Once your margin is right, the next cell draws it beside the plain cosine, with a
# dashed line where $\theta + m = \pi$.

# %%
if check.stable_angular_margin(stable_angular_margin).passed:
    theta = torch.linspace(0, math.pi, 401)
    figure = new_figure(6, 2.6)
    axes = figure.subplots()
    for m in (0.3, 0.8, 1.3):
        axes.plot(theta, stable_angular_margin(theta.cos(), m), color=CODES)
        axes.axvline(math.pi - m, color=NEUTRAL, linestyle="--", linewidth=1)
    axes.plot(theta, theta.cos(), color=NEUTRAL)
    axes.set(xlabel="θ (rad)", ylabel="value", xlim=(0, math.pi))
    caption = "Blue: m = 0.3, 0.8 and 1.3. Grey: the cosine itself."
    display(Picture(figure, f"Four falling curves. {caption}", caption))

# %% [markdown]
# ## Task 3. Two margins in one head
#
# *14 points · ●●○ · 25 minutes*
#
# Marked in parts: the right class pays both margins, nobody else any (7), a row without
# a label has plain logits (3), nothing overwritten, every gradient in its place (4).
#
# A head may ask for both, a larger angle and a larger cosine: its right class has the
# logit $s\,(\cos(\theta + m_1) - m_2)$ and every other class $s\cos\theta$. You are
# given `cosine`, $(N, C)$; `advanced`, $(N, C)$, which is $\cos(\theta + m_1)$ of
# every entry; `labels`, $(N,)$; the scale $s$; and $m_2$ as `margin`. Return the
# logits $(N, C)$.
#
# Some rows of the batch are unlabelled. Their label is −1, and they have plain
# logits. The tensors that you are given belong to the caller, who will use them
# again.


# %% task="combined_logits"
def combined_logits(cosine, advanced, labels, scale, margin):
    """(N, C), (N, C) and (N,) to (N, C)."""
    raise NotImplementedError


# %%
check.combined_logits(combined_logits)

# %% [markdown]
# ## Task 4. Where CosFace draws its border
#
# *12 points · ●●○ · 35 minutes*
#
# Marked in parts: the angle at which both sides are equal (8), None where no point can
# satisfy the margin (4).
#
# Two arrows stand at an angle `between` (radians, below $\pi$), and a point moves on
# the arc from one to the other, at the angle $\theta$ from the first. Under CosFace's
# margin it belongs to the first class as long as
#
# $$\cos\theta - m \ge \cos(\text{between} - \theta).$$
#
# Return the largest such $\theta$. If not even the point on the arrow satisfies the
# margin, there is none; return `None` then. Take and return plain numbers. A pencil
# leads to a formula of one line; any other way that is right to four digits is
# welcome.


# %% task="cosface_border"
def cosface_border(between, margin):
    """Two numbers to the border's angle from the first arrow, or None."""
    raise NotImplementedError


# %%
check.cosface_border(cosface_border)

# %% [markdown]
# ## Task 5. The gradient by hand
#
# *16 points · ●●● · 45 minutes*
#
# Marked in parts: what pushes the wrong classes away (6), what pulls the right class,
# the margin included (6), no overflow at any scale (4).
#
# Autograd will do this for you for the rest of your life. Do it once yourself, and
# you know what the margin does to every class. For cosines $c_{ij}$, $(N, C)$, labels
# $y_i$, a scale and an angular margin, let the logits be those of ArcFace and the
# loss their cross entropy, averaged over the $N$ rows:
#
# $$u_{ij} = \begin{cases} s\cos(\theta_{ij} + m) & j = y_i \\ s\,c_{ij} & \text{else}\end{cases}, \qquad L = -\frac1N\sum_i \log\frac{e^{u_{iy_i}}}{\sum_j e^{u_{ij}}} .$$
#
# Return $\partial L/\partial c_{ij}$, $(N, C)$. All cosines lie well inside
# $(-1, 1)$, and $\theta + m$ stays below $\pi$. The scale may be 400.


# %% task="arcface_gradient"
def arcface_gradient(cosine, labels, scale, margin):
    """(N, C) and (N,) to the derivatives (N, C)."""
    raise NotImplementedError


# %%
check.arcface_gradient(arcface_gradient)

# %% [markdown]
# ## Task 6. Is there room for the margin?
#
# *10 points · ●●○ · 30 minutes*
#
# Marked in parts: the largest margin that every class can meet (4), the two classes
# that stand in its way (2), right for arrows a few ten-thousandths apart (4).
#
# Before you train a head with a margin, look at its arrows. For class arrows `weight`,
# $(C, D)$, of any lengths, return a pair: the largest angular margin that a point can
# satisfy in every class, in radians, and the numbers of the two classes between which
# there is least room, as in `(0.62, (1, 4))`.
#
# Two arrows may stand less than a thousandth of a radian apart, and your margin
# still has to be right to two per cent.


# %% task="largest_margin"
def largest_margin(weight):
    """(C, D) to (margin, (one class, the other))."""
    raise NotImplementedError


# %%
check.largest_margin(largest_margin)

# %% [markdown]
# ## Question 1. Two kinds of no man's land
#
# *10 points · 20 minutes · read by a person*
#
# Between two arrows lies a zone that satisfies neither class's margin. How wide is it,
# in radians, under ArcFace with $m = 0.5$ and under CosFace with $m = 0.35$, if the
# arrows stand 2 rad apart, and if they stand 0.7 rad apart? Say in two or three
# sentences why the two heads differ.

# %% [markdown] question="zones"
# *Your answer.*

# %% [markdown]
# ## Question 2. A demand that nobody can meet
#
# *10 points · 20 minutes · read by a person*
#
# A colleague trains ArcFace with $s = 30$ and $m = 0.5$ on two classes whose arrows
# are fixed 0.4 rad apart. The accuracy is 100 % from the third epoch on, and the loss
# never falls below 1.5. What has happened, which number would have shown it at once,
# and what do you advise?

# %% [markdown] question="room"
# *Your answer.*
