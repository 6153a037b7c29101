# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Margins: CosFace, SphereFace, ArcFace
#
# | | |
# |---|---|
# | **You will be able to** | add a margin to a softmax in three ways, say where each puts its border, and write the angular one so that its gradient never breaks |
# | **Before you start** | PyTorch tensors, `nn.Module` and cross entropy; [chapter 00](00_start_here.ipynb) for how this book works |
# | **Data** | scikit-learn's handwritten digits, on your disk already |
# | **Time** | 50 minutes to read, half a minute to run |
# | **Widget** | the margin $m$, from 0 to 1.2 radians |
# | **The claim** | a margin does not make a classifier right more often; it makes it right by more |

# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import (
    ArcFaceHead,
    CosFaceHead,
    SphereFaceHead,
    add_angular_margin,
    check,
    load_images,
)

# %%
from arcvq_lite.viz import (
    CODES,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    new_figure,
)
from arcvq_lite.viz.circle import (
    MarginScene,
    draw_arrows,
    draw_circle,
    draw_directions,
)
from arcvq_lite.widgets import Slider, SliderFigure

# %% [markdown]
# ## Right by a hair
#
# Two kinds of handwritten digit are easy to confuse: a three and a nine both
# end in the same lower bow. We keep only these two, and ask a network of one
# linear layer to point at one of two arrows.

# %%
digits = {
    name: load_images("digits", split=name) for name in ("train", "test")
}


def threes_and_nines(split):
    kept = torch.isin(split.labels, torch.tensor([3, 9]))
    labels = (split.labels[kept] == 9).long()
    return split.images[kept], labels  # (N, 1, 8, 8), (N,)


images, labels = threes_and_nines(digits["train"])
new_images, new_labels = threes_and_nines(digits["test"])
print(f"{len(images)} to learn from, {len(new_images)} to be judged by")

# %% [markdown]
# The arrows are fixed, each 0.6 radians from the vertical. What the network gives for an image
# is a point in the plane, and only its direction counts: we normalise it onto
# the circle and compare it with the two arrows. Chapters
# [01](01_softmax_is_an_angle.ipynb) and [02](02_sphere_and_scale.ipynb) say why one
# does that. Here it is enough that everything we care about is now an
# angle.

# %%
arrows = torch.tensor([math.pi / 2 + 0.6, math.pi / 2 - 0.6])  # radians
weight = torch.stack([arrows.cos(), arrows.sin()], dim=1)  # (2 classes, 2)

torch.manual_seed(0)
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
for _ in range(60):
    points = F.normalize(network(images), dim=1)  # (N, 2), on the circle
    loss = F.cross_entropy(10 * points @ weight.T, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% [markdown]
# For each new image there are two angles: one to its own arrow, one to the
# other. We call their difference the **gap**. A point is right when its gap is
# positive, and the gap says by how much.

# %%
with torch.no_grad():
    points = F.normalize(network(new_images), dim=1)  # (N, 2)
    theta = (points @ weight.T).clamp(-1, 1).acos()  # (N, 2), radians
positions = torch.atan2(points[:, 1], points[:, 0])  # (N,)
own = theta.gather(1, new_labels[:, None])[:, 0]  # (N,)
other = theta.gather(1, 1 - new_labels[:, None])[:, 0]  # (N,)
gap = other - own  # (N,)

# %% tags=["nbval-ignore-output"]
right = (gap > 0).float().mean().item()
by_half = (gap > 0.5).float().mean().item()
assert right > 0.9 and by_half < 0.9
print(f"right at all: {right:.0%}")
print(f"right by more than 0.5 rad: {by_half:.0%}")

# %%
figure = new_figure(5.6, 3.2)
axes = figure.subplots()
draw_circle(axes)
axes.set_ylim(-0.05, 1.3)
narrow = (gap <= 0.5) & (gap > 0)

# %% tags=["cover"]
draw_directions(axes, positions[gap > 0.5])
draw_directions(axes, positions[narrow], colour=WARNING, radius=1.06)
draw_directions(axes, positions[gap <= 0], colour=NEUTRAL, radius=1.12)
draw_arrows(axes, arrows, ("3", "9"))
Picture(
    figure,
    "A circle with two arrows, 3 and 9, and points between and around them.",
    "Each point is a digit that the network has not seen. Orange ones are "
    "right by more than half a radian; red ones, set outwards a little, are "
    "right by less; grey ones are wrong.",
)

# %% [markdown]
# Nearly every point is on its own side of the middle, so a table of
# accuracies would call this network a success. The red points are on their own
# side too, by a hair. A slightly different hand would have pushed them over.
# Training saw no reason to move them. Let us find out why, and then give it
# one.

# %% [markdown]
# ## What the softmax is content with
#
# Write $x_i \in \mathbb{R}^D$ for the embedding of image $i$, $y_i$ for its
# class, $w_j \in \mathbb{R}^D$ for the arrow of class $j$, and $\theta_{ij}$ for
# the angle between the two. With both sides normalised, the logit of class $j$
# is $s \cos\theta_{ij}$. The factor $s$, the **scale**, stretches cosines, which
# cannot leave $[-1, 1]$, into logits that can express certainty. The loss is
# the cross entropy of these logits:
#
# $$L_i = -\log \frac{e^{s\cos\theta_{i y_i}}}{\sum_{j=1}^{C} e^{s\cos\theta_{ij}}}$$
#
# The shapes: embeddings $(N, D)$, arrows $(C, D)$, cosines and logits
# $(N, C)$, labels $(N,)$, and one loss a row.


# %%
def cosines(embeddings, weight):
    """(N, D) and (C, D) to (N, C)."""
    return F.normalize(embeddings, dim=1) @ F.normalize(weight, dim=1).T


def softmax_loss(cosine, labels, scale):
    """(N, C) and (N,) to (N,)."""
    return F.cross_entropy(scale * cosine, labels, reduction="none")


# %% [markdown]
# Where is the border between two classes? There the two logits are equal,
# $s\cos\theta_1 = s\cos\theta_2$, and since the cosine falls all the way from 0
# to $\pi$, that means $\theta_1 = \theta_2$. The border lies exactly half-way
# between the arrows, whatever $s$ is. What $s$ does change is how quickly the
# loss stops complaining once the border has been crossed.

# %%
angle = torch.linspace(0, 1.2, 241)  # from arrow 3 on the left to arrow 9
on_the_way = torch.stack([angle.cos(), (1.2 - angle).cos()], dim=1)  # (241, 2)
first = torch.zeros(241, dtype=torch.int64)

# %%
figure = new_figure(7, 3)
axes = figure.subplots()
for scale, line in ((5, ":"), (10, "--"), (30, "-")):
    losses = softmax_loss(on_the_way, first, scale)
    axes.plot(angle, losses, line, color=CODES)
    end = int((losses < 7.5).sum()) - 1
    axes.text(angle[end] + 0.01, losses[end], f"s = {scale}", color=CODES)
axes.axvline(0.6, color=NEUTRAL, linewidth=1)
axes.set(xlabel="angle from the own arrow (rad)", ylabel="loss", ylim=(0, 8))
axes.text(0.59, 7.2, "border", color=NEUTRAL, ha="right")
caption = (
    "To the left of the border the loss fades, the faster the larger s is."
)
Picture(figure, f"Three curves of loss over angle. {caption}", caption)

# %% [markdown]
# Read the curve of $s = 30$ from right to left. On the wrong side the loss
# falls steeply. A tenth of a radian past the border it has nearly reached zero,
# and where a curve is flat there is no gradient. The point stops there, although
# its arrow is still half a radian away. This is the whole reason for the red
# points: the softmax asks *which* arrow is nearer, and has no opinion on *how
# much* nearer.

# %% tags=["nbval-ignore-output"]
at_the_border = torch.tensor([[math.cos(0.5), math.cos(0.7)]])
at_the_arrow = torch.tensor([[math.cos(0.0), math.cos(1.2)]])
for name, cosine in (("0.1 past", at_the_border), ("at arrow", at_the_arrow)):
    value = softmax_loss(cosine, torch.tensor([0]), 30).item()
    print(f"{name}: loss {abs(value):.4f} at s = 30")

# %% [markdown]
# ## CosFace: ask for a larger cosine
#
# The remedy is to judge the right class by a stricter measure than the others,
# and only while training. The right class has to win although something has
# been taken from it. **CosFace** (Wang et al. 2018) takes a fixed amount $m$ from
# its cosine:
#
# $$\text{logit}_{ij} = \begin{cases} s\,(\cos\theta_{ij} - m) & j = y_i \\ s\cos\theta_{ij} & j \ne y_i\end{cases}$$
#
# The amount is called the **margin**. To find the right class in a matrix of
# shape $(N, C)$ we use a mask with one `True` in each row.


# %%
def cosface_logits(cosine, labels, scale, margin):
    """(N, C) and (N,) to (N, C)."""
    right = F.one_hot(labels, cosine.shape[1]).bool()  # (N, C)
    return scale * torch.where(right, cosine - margin, cosine)


cosine = torch.tensor([[0.9, 0.6], [0.2, 0.7]])
cosface_logits(cosine, torch.tensor([0, 1]), scale=10.0, margin=0.35)

# %% [markdown]
# In the first row the right class had the larger cosine, 0.9 against 0.6. With
# a margin of 0.35 it loses: $0.9 - 0.35 = 0.55$ against 0.6. The image has not changed, and
# the arrows have not changed. The class has become harder to please.
#
# It matters that the margin meets only one class in each row. Suppose somebody
# subtracts it from the whole matrix. What happens to the loss? Decide before
# you run the next cell.

# %%
labels_of_two = torch.tensor([0, 1])
plain = F.cross_entropy(10 * cosine, labels_of_two)
everywhere = F.cross_entropy(10 * (cosine - 0.35), labels_of_two)
torch.testing.assert_close(plain, everywhere)
print(f"subtracted nowhere {plain:.4f}, everywhere {everywhere:.4f}")

# %% [markdown]
# Nothing happens. The softmax is unchanged when the same number is taken from
# every logit, so a margin on all classes is no margin. It is a mistake that
# raises no error and lowers no accuracy, and it will be back in the exercises.
#
# The border of CosFace lies where $\cos\theta_1 - m = \cos\theta_2$. In cosines
# this is a straight shift. In angles it is not: near an arrow the cosine is
# flat, and 0.35 of cosine is a wide angle there; at right angles to it the
# cosine is steep, and the same 0.35 is a narrow one.

# %%
for own_degrees in (0, 30, 60):
    own_cosine = math.cos(math.radians(own_degrees))
    rival = math.degrees(math.acos(own_cosine - 0.35))
    print(
        f"own angle {own_degrees:2d}°: the rival must be beyond {rival:.0f}°"
    )

# %% [markdown]
# ## ArcFace: ask for a larger angle
#
# If the demand is to be the same everywhere on the sphere, it has to be made in
# angles. **ArcFace** (Deng et al. 2019) adds the margin, now in radians, to the
# angle itself:
#
# $$\text{logit}_{i y_i} = s\cos(\theta_{i y_i} + m)$$
#
# Its border lies where $\cos(\theta_1 + m) = \cos\theta_2$, so
# $\theta_1 + m = \theta_2$: a point must be nearer to its own arrow *by $m$
# radians*, wherever it is. Between two arrows at an angle $\varphi$, a point on
# the arc between them has $\theta_2 = \varphi - \theta_1$, and the condition
# becomes $\theta_1 < (\varphi - m)/2$. The other class has its own border, the
# mirror image of this one. Each has moved by $m/2$ from the middle, and between
# them lies an empty zone of width $m$ that belongs to nobody.
#
# The formula reads like one line of code.


# %%
def naive_margin(cosine, margin):
    return torch.cos(torch.acos(cosine) + margin)


naive_margin(torch.tensor([1.0, 0.5, 0.0]), 0.5)

# %% [markdown]
# The values are right. Now take a point that has arrived exactly at its arrow,
# which is what training is trying to bring about, and ask for the gradient.

# %%
on_its_arrow = torch.tensor([1.0, 0.0], requires_grad=True)
arrow = torch.tensor([1.0, 0.0])
cosine = F.normalize(on_its_arrow, dim=0) @ arrow
naive_margin(cosine, 0.5).backward()
on_its_arrow.grad

# %% [markdown]
# One such row in a batch, and after the next step every weight of the network is
# NaN. The derivative of the arc cosine is $-1/\sqrt{1 - c^2}$, infinite at
# $c = 1$. By the chain rule it is multiplied by the derivative of the cosine
# with respect to the point, which is 0 there. Infinity times zero has no value.
#
# The angle is not needed at all. With $c = \cos\theta$ the addition theorem says
#
# $$\cos(\theta + m) = c\,\cos m - \sqrt{1 - c^2}\,\sin m .$$
#
# Two details make it safe. We write $1 - c^2$ as $(1 - c)(1 + c)$, which keeps
# its digits near $c = 1$. And we put a floor under the root, the smallest
# positive number of the format: where $c = \pm 1$ exactly, the clamp passes no
# gradient and the root contributes nothing.


# %%
def stable_margin(cosine, margin):
    floor = torch.finfo(cosine.dtype).tiny
    sine = ((1 - cosine) * (1 + cosine)).clamp(min=floor).sqrt()
    return cosine * math.cos(margin) - sine * math.sin(margin)


on_its_arrow.grad = None
cosine = F.normalize(on_its_arrow, dim=0) @ arrow
stable_margin(cosine, 0.5).backward()
on_its_arrow.grad

# %% [markdown]
# The gradient is finite, and it is zero: a point on its arrow has nowhere better
# to go. Away from $\pm 1$ the two forms agree to the last digits.

# %%
cosine = torch.linspace(-0.99, 0.99, 100, dtype=torch.float64)
torch.testing.assert_close(
    stable_margin(cosine, 0.5), naive_margin(cosine, 0.5)
)
print("equal on 100 cosines")

# %% [markdown]
# ## SphereFace: multiply the angle
#
# The oldest of the three multiplies. In **SphereFace** (Liu et al. 2017) the right
# class is judged by $\cos(m\theta)$ with a whole number $m$, most often 4. The
# demand then grows with the angle: on the arrow it is nothing, and far away it is severe. But
# $\cos(4\theta)$ swings up and down four times as $\theta$ goes from 0 to $\pi$,
# and a loss that swings would reward some wrong angles. So each piece is
# mirrored and lowered until they join into one falling curve:
#
# $$\psi(\theta) = (-1)^k\cos(m\theta) - 2k, \qquad k = \lfloor m\theta/\pi\rfloor .$$
#
# Only the arrows are normalised in SphereFace. The length of the embedding stays
# and plays the part of $s$, so the logit is $\|x_i\|\,\psi(\theta_{iy_i})$.


# %%
def sphereface_psi(theta, margin):
    piece = (margin * theta / math.pi).floor().clamp(max=margin - 1)
    sign = 1 - 2 * (piece % 2)
    return sign * torch.cos(margin * theta) - 2 * piece


theta = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
falls = sphereface_psi(theta, 4).diff() <= 1e-12
assert falls.all()
print(
    "psi falls from",
    [round(sphereface_psi(t, 4).item(), 2) for t in theta[[0, -1]]],
)

# %% [markdown]
# ## What happens past $\pi$
#
# ArcFace has a corner that its formula does not show. An embedding that points
# away from its arrow may have $\theta + m > \pi$, and beyond $\pi$ the cosine
# *rises* again. There the loss falls when the point moves further away. What
# would gradient descent do with a point at $\theta = 3$ and $m = 0.5$? The
# figure has the answer.

# %%
cosine = theta.cos()
curves = {
    "softmax": (cosine, SERIES[2], "-"),
    "CosFace, m = 0.35": (cosine - 0.35, SERIES[1], "--"),
    "SphereFace, m = 4": (sphereface_psi(theta, 4), SERIES[0], "-."),
    "ArcFace, m = 0.5": (add_angular_margin(cosine, 0.5), CODES, "-"),
}
figure = new_figure(7, 3.6)
axes = figure.subplots()
for name, (values, colour, line) in curves.items():
    axes.plot(theta, values, line, color=colour, label=name)
axes.legend(loc="lower left", frameon=False)
past = theta > math.pi - 0.5
turning_back = torch.cos(theta[past] + 0.5)

# %%
axes.plot(theta[past], turning_back, color=WARNING)
axes.annotate(
    "cos(θ + m) turns back",
    (3.0, -0.93),
    (2.3, 0.1),
    color=WARNING,
    arrowprops={"arrowstyle": "->", "color": WARNING},
)
axes.set(xlabel="θ to the own arrow (rad)", ylabel="logit / scale")
axes.set(xlim=(0, math.pi), ylim=(-3.2, 1.1))
caption = (
    "What each head gives the right class. All must fall with θ; plain "
    "cos(θ + m) rises past θ = π − m, and the library's rule does not."
)
Picture(figure, f"Logit over angle for four heads. {caption}", caption)

# %% [markdown]
# The red piece leads such a point to $\theta = \pi$, the place exactly opposite
# to its arrow. The rule that ArcFace's authors chose, and that this library
# follows, replaces it by a curve that keeps falling: where $\theta + m > \pi$,
# the result is $\cos\theta - m\sin m$. At the seam the new curve lies lower, by
# $m\sin m - (1 - \cos m)$, which is at most $m^2/2$.


# %%
def guarded_margin(cosine, margin):
    past_pi = cosine < -math.cos(margin)
    lowered = cosine - margin * math.sin(margin)
    return torch.where(past_pi, lowered, stable_margin(cosine, margin))


step = 0.5 * math.sin(0.5) - (1 - math.cos(0.5))
assert 0 < step <= 0.5**2 / 2
print(f"at m = 0.5 the curve steps down by {step:.3f} at the seam")

# %% [markdown]
# ## The same, from the library
#
# Everything above fits in one file of the library, with errors for labels out
# of range and for margins that look like degrees. The next cell holds what you
# have just read equal to it: the margin over the whole circle, and the logits
# of three heads on random embeddings.

# %%
torch.manual_seed(1)
embeddings, labels = torch.randn(32, 8), torch.randint(5, (32,))
cosface = CosFaceHead(8, 5, scale=10, margin=0.35)
arcface = ArcFaceHead(8, 5, scale=10, margin=0.5)
cosine = cosines(embeddings, cosface.weight)
torch.testing.assert_close(
    cosface(embeddings, labels), cosface_logits(cosine, labels, 10, 0.35)
)
cosine = cosines(embeddings, arcface.weight)
right = F.one_hot(labels, 5).bool()
torch.testing.assert_close(
    arcface(embeddings, labels),
    10 * torch.where(right, guarded_margin(cosine, 0.5), cosine),
)

# %%
sphereface = SphereFaceHead(8, 5, margin=4)
cosine = cosines(embeddings, sphereface.weight)
psi = sphereface_psi(cosine.clamp(-1, 1).acos(), 4)
lengths = embeddings.norm(dim=1, keepdim=True)  # (N, 1)
torch.testing.assert_close(
    sphereface(embeddings, labels),
    lengths * torch.where(right, psi, cosine),
    rtol=1e-4,
    atol=1e-4,
)
cosine = torch.linspace(-1, 1, 1001, dtype=torch.float64)
torch.testing.assert_close(
    add_angular_margin(cosine, 0.5), guarded_margin(cosine, 0.5)
)
print("four comparisons, all equal")

# %% [markdown]
# The library's SphereFace differs in one respect that its values do not show. It
# never takes an arc cosine that a gradient must pass through: $\cos(4\theta)$ is
# a polynomial in $\cos\theta$, $8c^4 - 8c^2 + 1$, and polynomials have gradients
# everywhere.

# %% [markdown]
# ## A margin that you can move
#
# Back to the threes and nines. The network is trained and stays as it is. The
# slider changes only what is demanded of it: the grey wedge is the zone that
# belongs to nobody, orange points satisfy the margin, crosses are right but too
# near the border.

# %% [markdown]
# ### Predict, then drag
#
# 1. The arrows are 1.2 radians apart. At $m = 0.5$, how far from its own arrow
#    may a point between them be?
# 2. Will the share of satisfied points fall evenly as $m$ grows, or in a rush
#    somewhere?
# 3. What becomes of a point that lies exactly on its arrow as $m$ reaches 1.2?

# %%
scene = MarginScene(own, other, positions, arrows, ("3", "9"))
margin_figure = SliderFigure(
    scene,
    alt_title="Points of two classes on a circle, and the margin they satisfy",
    size=(7.2, 3.3),
    margin=Slider(0.0, 1.2, 0.05, 0.2, "margin m (rad)", frames=25),
)
margin_figure

# %% tags=["moves-sliders"]
before = margin_figure.set(margin=0.0)
after = margin_figure.set(margin=1.2)
assert "margin of 0.00" in before and "margin of 1.20" in after
assert (gap > 1.21).sum() == 0
margin_figure.set(margin=0.2)
print("moved from 0 to 1.2 and back")

# %% [markdown]
# The first answer is $(1.2 - 0.5)/2 = 0.35$ radians. The second is in the
# histogram: each step of the slider takes the points that lie under it, and the
# tall bars stand in the middle, so that is where the rush comes. The third is the
# limit of every
# margin. A point on its arrow has a gap of 1.2, the angle between the arrows.
# No point can have more, so a margin beyond the angle between two classes can be
# met by nobody, however long one trains. With $C$ classes in $D$ dimensions
# there is only so much room, and the margin has to fit into it.

# %% [markdown]
# ## Experiment · does a margin make the gap wider?
#
# So far nothing has been trained with a margin. We now train a small network on
# all ten digits, with the arrows free to move, in 16 dimensions. The
# **baseline** is the head without a margin. Beside ArcFace at $m = 0.5$ stands a
# **negative control**: the same amount, added to the angles of all the *wrong*
# classes. If any disturbance of the logits did the trick, the control would
# widen the gap too. If the margin works for the reason given, the control should
# narrow it, since it demands less than nothing.
#
# We measure three things on digits that were never trained on: the accuracy, the
# gap, now to the nearest wrong arrow, and the angle to the own arrow.


# %%
class MarginOnTheWrong(ArcFaceHead):
    """The negative control: wrong classes are moved away before they count."""

    def forward(self, embeddings, labels=None):
        cosine = cosines(embeddings, self.weight)
        moved = add_angular_margin(cosine, self.margin)
        right = F.one_hot(labels, cosine.shape[1]).bool()
        return self.scale * torch.where(right, cosine, moved)


arms = {
    "no margin": lambda: ArcFaceHead(16, 10, scale=16, margin=0.0),
    "ArcFace 0.5": lambda: ArcFaceHead(16, 10, scale=16, margin=0.5),
    "on the wrong 0.5": lambda: MarginOnTheWrong(16, 10, scale=16, margin=0.5),
}


# %%
def train(make_head, seed, steps=150):
    torch.manual_seed(seed)
    layers = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16)
    body, head = nn.Sequential(nn.Flatten(), *layers), make_head()
    weights = [*body.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    images, labels = digits["train"].images, digits["train"].labels
    for _ in range(steps):
        loss = F.cross_entropy(head(body(images), labels), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return body, head


# %%
@torch.no_grad()
def measure(body, head):
    images, labels = digits["test"].images, digits["test"].labels
    cosine = cosines(body(images), head.weight)  # (500, 10)
    theta = cosine.clamp(-1, 1).acos()
    own = theta.gather(1, labels[:, None])[:, 0]
    wrong = theta.scatter(1, labels[:, None], math.inf)
    gap = wrong.min(dim=1).values - own  # (500,)
    return {
        "accuracy": (gap > 0).float().mean().item(),
        "gap": gap.median().item(),
        "own": own.median().item(),
    }


# %% [markdown]
# Each arm is run with five seeds. The seed sets the initial weights, and the
# arms share it, so that they start from the same body.

# %% tags=["nbval-ignore-output"]
results = {
    name: [measure(*train(make_head, seed)) for seed in range(5)]
    for name, make_head in arms.items()
}
print(f"{'':18} accuracy          gap (rad)       own angle (rad)")
for name, runs in results.items():
    cells = []
    for key in ("accuracy", "gap", "own"):
        values = torch.tensor([run[key] for run in runs])
        cells.append(f"{values.mean():.3f} ± {values.std():.3f}")
    print(f"{name:18} {'   '.join(cells)}")

# %%
figure = new_figure(7, 2.8)
panels = figure.subplots(1, 2)
titles = (("accuracy", "accuracy"), ("gap", "median gap (rad)"))
for axes, (key, title) in zip(panels, titles, strict=True):
    for row, runs in enumerate(results.values()):
        values = [run[key] for run in runs]
        axes.plot(values, [row] * 5, "o", color=SERIES[row], alpha=0.8)
    axes.set(yticks=range(3), yticklabels=list(results), xlabel=title)
    axes.set(ylim=(2.5, -0.5))
panels[0].set_xlim(0, 1.02)
panels[1].set(xlim=(0, 1.3), yticklabels=[])
caption = "Five seeds an arm, on unseen digits. The gap tells the arms apart."
Picture(figure, f"Accuracy and gap of three arms. {caption}", caption)

# %%
means = {
    name: {key: sum(run[key] for run in runs) / 5 for key in runs[0]}
    for name, runs in results.items()
}
plain, arc, wrong = (means[name] for name in arms)
assert abs(arc["accuracy"] - plain["accuracy"]) < 0.02
assert arc["gap"] > 1.5 * plain["gap"]
assert wrong["gap"] < 0.5 * plain["gap"]
assert arc["own"] < 0.8 * plain["own"]
print("the gap is wider, the accuracy the same to within 0.02")

# %% [markdown]
# The margin widens the median gap by more than half and draws every class
# together: the angle to the own arrow shrinks. The control does the opposite. Its
# points hang about the border, more than a radian from their arrows, and many
# unseen digits fall over it. So it is the direction of the demand that matters
# and not the disturbance. And the accuracy of the margin's arm cannot be told from
# the baseline's. On ten clean digits there was little left to win. What the margin
# bought is room.

# %% [markdown]
# ## Interpretation and limits
#
# Why should a book on vector quantization care? In ArcVQ-VAE (Kim and Yoo 2026) the
# classes will be
# the codes of a codebook and the samples will be an encoder's latents. A latent
# that is near its code by a hair changes its token at the slightest noise. A
# margin asks the encoder to leave room between the codes, and
# [chapter 09](09_arccosine_margin.ipynb) writes that loss out. Three sources speak of it, and they are not the same.
#
# | | the margin |
# |---|---|
# | the ArcVQ-VAE paper | adds $m = 0.1$ radians to the angle, as ArcFace does, but between codes and latents |
# | its official code | the same, without a guard for $\theta + m > \pi$ and without a stable root |
# | ours | the same values wherever the official code is defined, with both guards |
#
# The experiment was small. It shows that a margin widens angular gaps on digits,
# against a control, with five seeds. It does not show that wider gaps make a
# better tokenizer. That is the question of [chapter 10](10_does_it_work.ipynb).

# %% [markdown]
# ## Exercises
#
# Every exercise has a checker that answers at once. Replace `return None`, run
# the cell, and read what it says. The solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · The border in radians
#
# *Difficulty ●○○ · 5 minutes*
#
# Two arrows stand at an angle `between` (radians). Write the largest angle that
# a point on the arc between them may have to its own arrow and still satisfy
# ArcFace's margin.


# %% tags=["exercise"]
def arcface_border(between, margin):
    return None  # your line here


check.arcface_border(arcface_border)


# %% tags=["solution"] jupyter={"source_hidden": true}
def arcface_border_solution(between, margin):
    return (between - margin) / 2


check.arcface_border(arcface_border_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · CosFace without a mask
#
# *Difficulty ●●○ · 10 minutes*
#
# Write CosFace's logits again, `cosine` $(N, C)$ and `labels` $(N,)$ to
# $(N, C)$, without `one_hot` and without `where`. The checker knows four wrong
# ways.
#
# <details><summary>Hint</summary>
#
# `cosine[torch.arange(len(labels)), labels]` is the column of right cosines.
# Mind that assigning to it would change the caller's tensor.
#
# </details>


# %% tags=["exercise"]
def cosface_again(cosine, labels, scale, margin):
    return None  # your lines here


check.cosface_logits(cosface_again)


# %% tags=["solution"] jupyter={"source_hidden": true}
def cosface_again_solution(cosine, labels, scale, margin):
    rows = torch.arange(len(labels))
    demanded = cosine.clone()
    demanded[rows, labels] -= margin
    return scale * demanded


check.cosface_logits(cosface_again_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · Where CosFace asks for most
#
# *Difficulty ●●○ · 15 minutes*
#
# CosFace's margin is constant in cosines. Write the *angular* margin that it
# amounts to for a point at angle `theta` from its own arrow: how much further
# away, in radians, must the nearest rival be? Take tensors, and let the result
# be `inf` where no rival can be far enough.


# %% tags=["exercise"]
def cosface_in_radians(theta, margin):
    return None  # your lines here


check.cosface_in_radians(cosface_in_radians)


# %% tags=["solution"] jupyter={"source_hidden": true}
def cosface_in_radians_solution(theta, margin):
    rival = theta.cos() - margin
    extra = rival.clamp(min=-1).acos() - theta
    return torch.where(rival < -1, torch.inf, extra)


check.cosface_in_radians(cosface_in_radians_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · A margin that never breaks
#
# *Difficulty ●●● · 20 minutes*
#
# Write $\cos(\theta + m)$ of `cosine`, a tensor of any shape, so that the value
# is right, the gradient is finite at $\pm 1$ in float32, and the result keeps
# falling with $\theta$ past $\theta + m = \pi$.


# %% tags=["exercise"]
def my_margin(cosine, margin):
    return None  # your lines here


check.angular_margin(my_margin)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_margin_solution(cosine, margin):
    floor = torch.finfo(cosine.dtype).tiny
    sine = ((1 - cosine) * (1 + cosine)).clamp(min=floor).sqrt()
    moved = cosine * math.cos(margin) - sine * math.sin(margin)
    lowered = cosine - margin * math.sin(margin)
    return torch.where(cosine < -math.cos(margin), lowered, moved)


check.angular_margin(my_margin_solution)

# %% [markdown]
# ## Quiz
#
# **1.** Two arrows, no margin, and the scale goes from 10 to 30. Where does the
# border go?
#
# <details><summary>Answer</summary>
#
# It stays half-way. The scale multiplies both logits, and they are equal at the
# same place as before.
#
# </details>
#
# **2.** Why does subtracting $m$ from every logit change nothing?
#
# <details><summary>Answer</summary>
#
# The factor $e^{-sm}$ appears in the numerator and in every term of the
# denominator, and cancels.
#
# </details>
#
# **3.** CosFace at $m = 0.35$: is the demand in radians larger for a point on
# its arrow or for one at 60°?
#
# <details><summary>Answer</summary>
#
# On its arrow, where the cosine is flat: about 49° there, and about 21° more
# at 60°.
#
# </details>
#
# **4.** How wide is the zone between two ArcFace classes that belongs to nobody?
#
# <details><summary>Answer</summary>
#
# $m$ radians: each border moves by $m/2$ from the middle.
#
# </details>
#
# **5.** Which two numbers are multiplied to give NaN in the naive form?
#
# <details><summary>Answer</summary>
#
# The infinite derivative of the arc cosine at 1, and the zero derivative of the
# cosine with respect to a point that lies on its arrow.
#
# </details>
#
# **6.** At $\theta + m > \pi$, what does plain $\cos(\theta + m)$ teach a point?
#
# <details><summary>Answer</summary>
#
# To move further away, until it stands opposite to its own arrow.
#
# </details>
#
# **7.** The classes of a task stand at most 0.8 radians apart. What is wrong
# with $m = 1$?
#
# <details><summary>Answer</summary>
#
# Nobody can meet it. The gap of a point is at most the angle between the arrows.
#
# </details>

# %% [markdown]
# ## Summary
#
# A softmax over angles puts its border half-way and is content a tenth of a
# radian beyond it. A margin judges the right class more strictly while training:
# CosFace takes from the cosine, SphereFace multiplies the angle, ArcFace adds to
# it and so asks for the same $m$ everywhere. Written with the addition theorem
# and a floor under the root, ArcFace's margin has a finite gradient on the arrow
# itself; past $\theta + m = \pi$ it needs a rule. On digits, with five seeds and
# a control, the margin widened the gap and left the accuracy where it was.

# %% [markdown]
# ## References
#
# - Liu, Wen, Yu, Li, Raj, Song: *SphereFace: Deep Hypersphere Embedding for Face
#   Recognition*, CVPR 2017, <https://arxiv.org/abs/1704.08063>
# - Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu: *CosFace: Large Margin Cosine Loss
#   for Deep Face Recognition*, CVPR 2018, <https://arxiv.org/abs/1801.09414>
# - Deng, Guo, Xue, Zafeiriou: *ArcFace: Additive Angular Margin Loss for Deep
#   Face Recognition*, CVPR 2019, <https://arxiv.org/abs/1801.07698>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# [Chapter 04](04_kmeans_to_vq.ipynb) leaves classes behind and lets arrows find their own points: k-means,
# and from there vector quantization. If you want to see first what becomes of the
# codes' lengths when only their directions are compared, go to
# [chapter 08](08_ball_schedules.ipynb).
