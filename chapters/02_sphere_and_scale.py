# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · The unit sphere and the scale s
#
# | | |
# |---|---|
# | **You will be able to** | put a classifier on the unit sphere, derive the lowest loss that it can reach there, choose its scale, and say how much room a sphere has |
# | **Before you start** | PyTorch tensors and gradients; [chapter 01](01_softmax_is_an_angle.ipynb) for the softmax and its gradient |
# | **Data** | scikit-learn's handwritten digits, on your disk already |
# | **Time** | 55 minutes to read, half a minute to run |
# | **Widget** | the scale $s$, from 1 to 31, and the number of classes $C$ |
# | **The claim** | on the sphere the loss has a floor that no training gets under; the scale sets it, and how much scale is needed grows only with the logarithm of $C$ |

# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import (
    ArcFaceHead,
    CosFaceHead,
    SoftmaxHead,
    check,
    codebook_geometry,
    load_images,
    uniform_sphere,
)

# %%
from arcvq_lite.viz import (
    CODES,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    new_figure,
    readable,
)
from arcvq_lite.viz.circle import draw_arrows, draw_circle
from arcvq_lite.viz.sphere import ScaleScene, draw_steps
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## Every digit right, and a loss that will not fall
#
# Here is a classifier of which one cannot complain, and whose loss complains all
# the same. It looks at handwritten digits. A small network turns an image into 16
# numbers, the embedding, and each of the ten classes owns an arrow of 16 numbers
# too. We throw all lengths away: the embedding is divided by its length, and so
# is every arrow. What is left to compare is a cosine, and ten cosines go into
# the softmax as they are: the factor `scale` in the code is 1 and does nothing
# yet.


# %%
def cosines(embeddings, weight):
    """(N, D) and (C, D) to (N, C)."""
    return F.normalize(embeddings, dim=1) @ F.normalize(weight, dim=1).T


class CosineHead(nn.Module):
    def __init__(self, dim, classes, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim) / dim**0.5)
        self.scale = scale

    def forward(self, embeddings):
        return self.scale * cosines(embeddings, self.weight)


# %%
digits = {
    name: load_images("digits", split=name) for name in ("train", "test")
}


def fresh(make_head, seed):
    """A body from images to embeddings (N, 16), and a head to logits."""
    torch.manual_seed(seed)
    layers = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16)
    return nn.Sequential(nn.Flatten(), *layers), make_head()


# %%
def train(make_head, seed, steps):
    body, head = fresh(make_head, seed)
    weights = [*body.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    images, labels = digits["train"].images, digits["train"].labels
    history = []
    for _ in range(steps):
        logits = head(body(images))  # (1297, 10)
        loss = F.cross_entropy(logits, labels)
        right = (logits.argmax(dim=1) == labels).float().mean()
        history.append((right.item(), loss.item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return body, head, history


# %% [markdown]
# Four hundred steps, each over all 1,297 training digits. We note the share that
# is right and the loss before every step.

# %% tags=["nbval-ignore-output"]
body, head, history = train(lambda: CosineHead(16, 10), seed=0, steps=400)
accuracy, loss = torch.tensor(history).T  # (400,), (400,)
with torch.no_grad():
    nine = digits["train"].images[digits["train"].labels == 9][:1]
    certainty = head(body(nine)).softmax(dim=1)[0]  # (10,)

assert accuracy[-1] > 0.998 and 1.376 < loss[-1] < 1.39
assert loss[200] - loss[-1] < 0.01
assert 0.24 < certainty[9] < 0.253
print(f"right: {accuracy[-1]:.1%} of the training digits")
print(f"loss: {loss[0]:.2f} at first, {loss[-1]:.2f} at the end")
print(f"how sure that a nine is a nine: {certainty[9]:.0%}")

# %%
figure = new_figure(8.2, 2.6)
left, middle, bars = figure.subplots(1, 3, width_ratios=[1, 1, 1.2])
left.plot(accuracy, color=CODES)
left.set(xlabel="step", ylim=(0, 1.05), title="share right")
middle.plot(loss, color=WARNING)
middle.set(xlabel="step", ylim=(0, 2.5), title="loss")
held = loss[-1].item()
middle.text(395, held - 0.3, f"stays at {held:.2f}", color=WARNING, ha="right")
colours = [NEUTRAL] * 9 + [LATENTS]

# %% tags=["cover"]
bars.bar(range(10), certainty, color=colours, width=0.8)
bars.set(ylim=(0, 1), xticks=range(10), xlabel="class", title="a nine")
bars.set_ylabel("probability")
bars.text(
    9.4, certainty[9] + 0.03, "right", color=readable(LATENTS), ha="right"
)
caption = (
    "Left, every training digit comes to be right. In the middle, the loss "
    "stops half-way. Right, the answer for one nine: right, and hardly sure."
)
Picture(figure, f"Two curves over steps, and ten bars. {caption}", caption)

# %% [markdown]
# After two hundred steps nothing moves any more. More steps will not help, nor
# will more layers, another optimiser or cleaner digits. The loss has hit
# something. We shall find out what, to four digits, and then move it out of the
# way with a single number.

# %% [markdown]
# ## Onto the sphere
#
# First the throwing away of lengths. We write $\hat x = x / \|x\|$ for an
# embedding divided by its own length, its **direction**. All directions together
# form the **unit sphere**, the points at distance 1 from the origin. In the plane
# it is a circle.
#
# The loss sees $\hat x$, but it is $x$ that the network gives and that gradient
# descent moves. So we need to know how $\hat x$ answers to a small move $v$ of
# $x$. The squared length $\|x\|^2$ changes by $2\,x\cdot v$ to first order, and it
# also changes by $2\|x\|$ times the change of the length. Hence the length
# changes by $\hat x\cdot v$. Now $\hat x$ is $x$ divided by it, and the quotient
# rule gives its change:
#
# $$\frac{v}{\|x\|} - \frac{x\,(\hat x\cdot v)}{\|x\|^2}
# = \frac{v - (\hat x\cdot v)\,\hat x}{\|x\|} .$$
#
# That is the small move with its part along $\hat x$ taken out, divided by the
# length. As a matrix, with $x$ a row and $I$ the identity of shape $(D, D)$:
#
# $$\frac{\partial \hat x}{\partial x} = \frac{I - \hat x^\top \hat x}{\|x\|} .$$

# %%
x = torch.tensor([[1.0, 2.0, -2.0]], dtype=torch.float64)  # (1, 3), length 3
x_hat = x / x.norm()  # (1, 3)
derived = (torch.eye(3) - x_hat.T @ x_hat) / x.norm()  # (3, 3)
measured = torch.autograd.functional.jacobian(
    lambda row: F.normalize(row, dim=0), x[0]
)
torch.testing.assert_close(derived, measured)
print(derived.numpy().round(3))

# %% [markdown]
# The matrix is symmetric, so a gradient takes the same way back. If
# $\nabla_{\hat x}L$ is the gradient of the loss at the direction, then
#
# $$\nabla_x L = \frac{\nabla_{\hat x}L - (\hat x\cdot\nabla_{\hat x}L)\,\hat x}{\|x\|},$$
#
# with $(N, D)$ going in and $(N, D)$ coming out.


# %%
def through_the_sphere(gradient, x):
    """Gradients (N, D) at the directions of x (N, D), taken back to x."""
    length = x.norm(dim=1, keepdim=True)  # (N, 1)
    x_hat = x / length  # (N, D)
    along = (x_hat * gradient).sum(dim=1, keepdim=True)  # (N, 1)
    return (gradient - along * x_hat) / length  # (N, D)


# %%
torch.manual_seed(0)
x = torch.randn(32, 16, requires_grad=True)
gradient = torch.randn(32, 16)
F.normalize(x, dim=1).backward(gradient)
mine = through_the_sphere(gradient, x.detach())
torch.testing.assert_close(mine, x.grad)
sideways = (mine * x.detach()).sum(dim=1)  # (N,)
torch.testing.assert_close(sideways, torch.zeros(32), atol=1e-5, rtol=0)
print("equal to autograd's, and at right angles to x in all 32 rows")

# %% [markdown]
# Two things can be read off. The gradient is **tangential**: it stands at right
# angles to $x$, since the part along $x$ has been taken out. So no gradient ever
# asks for more length or for less. And the gradient is divided by the length. A
# step of size $\eta$ moves $x$ sideways by $\eta\|\nabla_x L\|$, and seen from
# the origin, a sideways move of a vector twice as long turns it by half the
# angle. Both together: twice as long turns a quarter as far. Three embeddings
# point the same way, and their arrow stands straight up. Which of them will get
# there first, and by how much?

# %%
goal = torch.tensor([0.0, 1.0])
lengths = torch.tensor([1.0, 2.0, 4.0])  # (3,)
start = torch.tensor([math.cos(0.3), math.sin(0.3)])
walkers = lengths[:, None] * start  # (3, 2), all in one direction
path, left_to_turn = [walkers], []
for _ in range(10):
    x_hat = F.normalize(walkers, dim=1)
    left_to_turn.append((x_hat @ goal).clamp(max=1).acos())
    gradient = through_the_sphere(-goal.expand(3, 2), walkers)  # of −cos θ
    walkers = walkers - 1.0 * gradient  # η = 1
    path.append(walkers)
left_to_turn = torch.stack(left_to_turn)  # (10, 3), radians

# %%
turned = left_to_turn[0] - left_to_turn[1]  # (3,), radians
for length, angle in zip(lengths, turned, strict=True):
    print(f"length {length:.0f}: the first step turns it by {angle:.3f} rad")
assert 3.8 < turned[1] / turned[2] < 4

# %%
figure = new_figure(7.6, 2.7)
plane, race = figure.subplots(1, 2, width_ratios=[1.25, 1])
plane.set(xlim=(-0.4, 4.3), ylim=(-0.2, 1.75), aspect="equal")
plane.set_axis_off()
plane.plot([0, 4 * start[0]], [0, 4 * start[1]], color=NEUTRAL, linewidth=1)
draw_steps(plane, torch.zeros(1, 2), goal[None], colour=CODES)
draw_steps(plane, path[0], path[1] - path[0])
plane.text(-0.05, 1.1, "arrow", color=CODES, ha="center")
race.set(xlabel="step", ylabel="angle to the arrow (rad)", xlim=(0, 13))
for length, point, curve in zip(lengths, path[0], left_to_turn.T, strict=True):
    words = f"length {length:.0f}"
    plane.text(point[0], point[1] - 0.28, words, color=readable(LATENTS))
    race.plot(curve, color=LATENTS)
    race.text(9.3, curve[-1], words, color=readable(LATENTS), va="center")

# %%
caption = (
    "Left, one direction and three lengths: the first step is sideways, and "
    "shorter for longer ones. Right, the longest has hardly begun to turn."
)
Picture(
    figure, f"Points on a ray, and three falling curves. {caption}", caption
)

# %% [markdown]
# The long ones are late although the loss was the same for all three at first.
# On the sphere length has no meaning, and it acts as a brake. Worse, the brake
# tightens by itself. A sideways step is one leg of a right angle and $x$ the other, so
# Pythagoras makes the new length $\sqrt{\|x\|^2 + \eta^2\|\nabla_x L\|^2}$,
# longer at *every* step of gradient descent. Wang et al. (2017), whose normalised
# softmax is known as NormFace, prove both: the right angle and the growth.

# %%
before, after = lengths, walkers.norm(dim=1)
assert (after > before).all()
for length, longer in zip(before, after, strict=True):
    print(f"length {length:.2f} has become {longer:.2f} in 10 steps")

# %% [markdown]
# A vector of length 0 has no direction at all. PyTorch's `F.normalize` divides by
# at least $10^{-12}$, which saves it from NaN and gives such a vector a gradient
# twelve orders of magnitude too large. Remember this when a codebook begins at
# zero.

# %%
nothing = torch.zeros(1, 2, requires_grad=True)
(F.normalize(nothing, dim=1) @ goal).sum().backward()
print(nothing.grad)

# %% [markdown]
# ## How low the loss can go
#
# Now to what the loss has hit. Let there be $N$ samples; $y_i$ is the class of
# sample $i$, $w_j$ the arrow of class $j$, and $\theta_{ij}$ the angle between
# them. Into the softmax goes $s\cos\theta_{ij}$, where the **scale** $s$ was 1 so
# far. Dividing numerator and denominator by the right class's term, the loss of a
# sample is
#
# $$L_i = \log\Big(1 + \sum_{j\ne y_i} e^{\,s(\cos\theta_{ij} - \cos\theta_{i y_i})}\Big) .$$
#
# It is small when the own cosine is large and the wrong ones are small. A cosine
# lies between $-1$ and $1$, so no term of the sum is below $e^{-2s}$, and there
# are $C - 1$ of them:
#
# $$L_i \;\ge\; \log\left(1 + (C - 1)\,e^{-2s}\right) .$$
#
# With two classes this is reached: two opposite arrows, every sample on its own.
# With three it is not. Both wrong arrows would have to point exactly away from
# the sample, so they would be one and the same arrow, and no sample of theirs
# could tell them apart. For ten classes at $s = 1$ the bound says 0.80. Our
# network came nowhere near it. There must be a stricter one.


# %%
def cosine_bound(scale, classes):
    return math.log1p((classes - 1) * math.exp(-2 * scale))


print(f"cosines alone allow {cosine_bound(1, 10):.2f}")

# %% [markdown]
# We get it in four steps, and each one gives something away only if the
# configuration is not as even as it could be.
#
# *Average over the wrong classes.* The exponential bends upwards, so the mean of
# some exponentials is at least the exponential of their mean. This is **Jensen's
# inequality**. Let $u_i$ be what the wrong classes have over the right one on
# average:
#
# $$u_i = \frac{1}{C - 1}\sum_{j\ne y_i}\cos\theta_{ij} - \cos\theta_{iy_i},
# \qquad L_i \;\ge\; \log\left(1 + (C - 1)\,e^{s u_i}\right) .$$
#
# *Average over the samples.* As a function of $u$ the right-hand side bends
# upwards too: its slope is $s$ times the share of the wrong classes, and that
# rises with $u$. So Jensen once more: with $\bar u$ the mean of all $u_i$ and $L$
# the mean of all $L_i$,
#
# $$L \;\ge\; \log\left(1 + (C - 1)\,e^{s\bar u}\right) ,$$
#
# and since this rises with $\bar u$, all that is left to ask is how low $\bar u$
# can be.
#
# *Write it with vectors.* Let $\bar w$ be the mean of the $C$ directions
# $\hat w_j$. If we add the own cosine to the sum and take it away again, the sum
# runs over all classes and equals $C\,\hat x_i\cdot\bar w$. That turns $u_i$ into
#
# $$u_i = -\frac{C}{C - 1}\;\hat x_i\cdot(\hat w_{y_i} - \bar w)
# \;\ge\; -\frac{C}{C - 1}\,\|\hat w_{y_i} - \bar w\| ,$$
#
# because $\hat x_i$ has length 1. If every class has equally many samples, the
# mean over the samples is a mean over the classes. (Our digits nearly have: their
# classes differ by a handful.)
#
# *The arrows cannot all be far from their mean.* The mean of squared distances
# from the mean is the mean square minus the square of the mean. The directions
# have length 1, and $\|\bar w\|^2$ is not negative:
#
# $$\Big(\frac1C\sum_j\|\hat w_j - \bar w\|\Big)^2 \;\le\;
# \frac1C\sum_j\|\hat w_j - \bar w\|^2 = 1 - \|\bar w\|^2 \;\le\; 1 .$$
#
# So $\bar u \ge -C/(C - 1)$, and there it is, the lowest loss that $C$ classes
# can have on the sphere, in any number of dimensions:
#
# $$L \;\ge\; \log\left(1 + (C - 1)\,e^{-sC/(C - 1)}\right) .$$


# %% tags=["nbval-ignore-output"]
def floor(scale, classes):
    """The lowest mean loss of `classes` classes on the sphere, in nats."""
    even = classes / (classes - 1)
    return math.log1p((classes - 1) * math.exp(-scale * even))


assert abs(loss[-1] - floor(1, 10)) < 0.002
print(f"the floor at s = 1 and C = 10: {floor(1, 10):.4f}")
print(f"the network's loss at its end: {loss[-1]:.4f}")

# %% [markdown]
# That is what the loss had hit. The network has not failed; it has solved its
# task as well as it can be solved, and the task was badly put. The bound is due
# to Wang et al. (2017), who take for granted that every sample lies on its arrow;
# the third step shows that nothing is gained by lying elsewhere.
#
# A chain of inequalities is easy to get wrong, so we walk down it with numbers:
# 50 random samples, ten random arrows, $s = 4$. Every line must be at most the
# line above it.

# %%
torch.manual_seed(1)
y = torch.arange(10).repeat(5)  # (50,), five samples a class
x_hat = F.normalize(torch.randn(50, 16), dim=1)
w_hat = F.normalize(torch.randn(10, 16), dim=1)
cosine = x_hat @ w_hat.T  # (50, 10)
own = cosine.gather(1, y[:, None])[:, 0]  # (50,)
u = (cosine.sum(dim=1) - own) / 9 - own  # (50,)
centred = w_hat - w_hat.mean(dim=0)  # (10, 16)
torch.testing.assert_close(u, -10 / 9 * (x_hat * centred[y]).sum(dim=1))


# %%
def at(u, scale=4.0):
    return torch.log1p(9 * torch.exp(scale * torch.as_tensor(u))).mean().item()


chain = {
    "the loss": F.cross_entropy(4 * cosine, y).item(),
    "mean over wrong classes": at(u),
    "mean over samples": at(u.mean()),
    "samples on their arrows": at(-10 / 9 * centred.norm(dim=1).mean()),
    "arrows around the origin": at(-10 / 9),
}
for name, value in chain.items():
    print(f"{name:25} {value:.4f}")
assert sorted(chain.values(), reverse=True) == list(chain.values())
assert abs(at(-10 / 9) - floor(4, 10)) < 1e-6

# %% [markdown]
# Read the four steps backwards, and they say what the best arrangement looks
# like. Every sample lies on its own arrow. The arrows have their mean at the
# origin. And all wrong cosines are equal, so each two arrows enclose the same
# angle $\varphi$. One arrow's cosines with all of them, itself included, must sum
# to 0, so $1 + (C - 1)\cos\varphi = 0$ and
#
# $$\cos\varphi = -\frac{1}{C - 1} .$$
#
# Such a set of arrows is a **regular simplex**: two opposite points, an
# equilateral triangle, a tetrahedron, and so on. It needs $C - 1$ dimensions. To
# see it, let some weighted sum of the arrows be 0 and multiply it by one arrow.
# That arrow's weight must then be the mean of the other weights, and so the mean
# of all. This holds for every arrow, so all weights are equal. The arrows obey
# one linear relation and no other.
#
# What happens where there are too few dimensions? We set everything free. No
# network, no images: only points and arrows, moved by Adam wherever the loss
# wants them.


# %%
def free_play(scales, classes, dim, steps=300):
    """Losses (S,) and arrows (S, C, dim) when all of them may move."""
    torch.manual_seed(0)
    y = torch.arange(classes).repeat(len(scales), 2)  # (S, 2C)
    x = torch.randn(len(scales), 2 * classes, dim, requires_grad=True)
    w = torch.randn(len(scales), classes, dim, requires_grad=True)
    optimizer = torch.optim.Adam([x, w], lr=0.05)
    for _ in range(steps):
        cosine = F.normalize(x, dim=2) @ F.normalize(w, dim=2).mT
        logits = torch.tensor(scales)[:, None, None] * cosine  # (S, 2C, C)
        loss = F.cross_entropy(logits.mT, y, reduction="none").mean(dim=1)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    return loss.detach(), F.normalize(w.detach(), dim=2)


# %%
figure = new_figure(7, 2.6)
for axes, classes in zip(figure.subplots(1, 3), (2, 3, 4), strict=True):
    lowest, arrows = free_play([2.0], classes, dim=2, steps=150)
    angles = torch.atan2(arrows[0, :, 1], arrows[0, :, 0])  # (C,)
    draw_circle(axes)
    draw_arrows(axes, angles - angles[0] + math.pi / 2, "1234"[:classes])
    gap = lowest.item() - floor(2, classes)
    assert (gap < 1e-3) == (classes < 4)
    verdict = "on the floor" if gap < 1e-3 else f"{gap:.3f} above it"
    axes.set_title(f"C = {classes}: {verdict}")
caption = (
    "Arrows that have sorted themselves out in a plane, at s = 2. Two and "
    "three reach the floor; for four equal angles a plane has no room."
)
Picture(figure, f"Circles with two, three, four arrows. {caption}", caption)

# %% [markdown]
# Now many classes in 16 dimensions, for several scales. Ten arrows need nine
# dimensions and have them. A hundred would need ninety-nine.

# %% tags=["nbval-ignore-output"]
scales = [1.0, 2.0, 4.0, 6.0]
reached = {
    classes: free_play(scales, classes, dim=16)[0] for classes in (3, 10, 100)
}
for classes, lowest in reached.items():
    bounds = torch.tensor([floor(s, classes) for s in scales])
    rise = lowest - bounds  # (S,)
    assert (rise > -1e-5).all()
    assert (rise[:3].max() < 2e-3) == (classes <= 17)
    print(f"C = {classes:3}: above the floor by {rise.numpy().round(4)}")

# %%
figure = new_figure(7, 3.2)
axes = figure.subplots()
s = torch.linspace(0, 8, 161)
for (classes, lowest), line in zip(reached.items(), ":-.", strict=True):
    style = "-." if line == "." else line
    curve = [floor(scale, classes) for scale in s.tolist()]
    axes.plot(s, curve, style, color=NEUTRAL)
    axes.plot(scales, lowest, "o", color=CODES, clip_on=False)
    where = 0.5 if classes < 100 else 1.5
    height = floor(where, classes)
    axes.text(where + 0.1, height + 0.15, f"C = {classes}", color=CODES)

# %%
axes.set(xlabel="scale s", ylabel="loss (nats)", xlim=(0, 8), ylim=(0, 4.8))
caption = (
    "Lines: the floor. Points: what free points and arrows reach in 16 "
    "dimensions. A hundred arrows have no room for a simplex and stay above."
)
Picture(figure, f"Three falling curves with points. {caption}", caption)

# %% [markdown]
# Do trained networks come to this arrangement as well, with images to serve and
# weights in the way? Papyan et al. (2020) watched deep classifiers that were
# trained on, long after the last training image was right, and found the class
# means and the arrows move towards a regular simplex; they call it neural
# collapse. We still have the network from the beginning. Ten arrows make 45
# pairs. If the theory holds, all 45 cosines are near $-1/9 \approx -0.111$.

# %% tags=["nbval-ignore-output"]
pairs = torch.triu_indices(10, 10, offset=1)  # (2, 45)


def pair_cosines(weight):
    return cosines(weight, weight)[pairs[0], pairs[1]]  # (45,)


newborn = pair_cosines(fresh(lambda: CosineHead(16, 10), 0)[1].weight.detach())
trained = pair_cosines(head.weight.detach())
assert newborn.std() > 0.15 and trained.std() < 0.02
assert abs(trained.mean() + 1 / 9) < 0.002
for name, values in (("before", newborn), ("after", trained)):
    print(f"{name:6}: {values.mean():.3f} ± {values.std():.3f}")

# %%
figure = new_figure(7, 1.9)
axes = figure.subplots()
for row, values in enumerate((newborn, trained)):
    axes.plot(values, [row] * 45, "o", color=CODES, alpha=0.35)
axes.axvline(-1 / 9, color=NEUTRAL, linewidth=1, linestyle="--")
axes.text(-0.1, 0.5, "−1/9", color=readable(NEUTRAL), va="center")
axes.set(yticks=(0, 1), yticklabels=("before", "after"), ylim=(1.5, -0.5))
axes.set(xlabel="cosine between the arrows of two digits", xlim=(-0.7, 0.7))
caption = (
    "Each point is a pair of classes. Training has given all 45 pairs the "
    "same angle, that of a regular simplex."
)
Picture(figure, f"Two rows of 45 points. {caption}", caption)

# %% [markdown]
# ## How much scale is enough
#
# On the floor every sample has the same loss, and $e^{-L}$ is the probability of
# its right class. We call it the **confidence** $p$, and turn the floor around.
# From $p = 1/\left(1 + (C - 1)e^{-sC/(C-1)}\right)$ follows
# $(C - 1)\,e^{-sC/(C-1)} = (1 - p)/p$, and with a logarithm
#
# $$s = \frac{C - 1}{C}\,\log\frac{(C - 1)\,p}{1 - p} .$$
#
# With a smaller scale a confidence of $p$ is out of reach, however good the
# network. Wang et al. (2018) give this as the least scale for CosFace.


# %%
def scale_for(confidence, classes):
    odds = (classes - 1) * confidence / (1 - confidence)
    return (classes - 1) / classes * math.log(odds)


print(f"{'confidence':16}      0.5      0.9     0.99")
for classes in (2, 10, 100, 1000, 1_000_000):
    needed = [scale_for(p, classes) for p in (0.5, 0.9, 0.99)]
    assert abs(math.exp(-floor(needed[-1], classes)) - 0.99) < 1e-9
    words = "".join(f"{scale:9.2f}" for scale in needed)
    print(f"C = {classes:<12,}{words}")

# %% [markdown]
# Two things are worth a second look. The classes stand inside a logarithm: from
# ten to a million of them the scale has to grow only about threefold. And ten
# classes need a scale of nearly 2 before even one half comes into reach. At
# $s = 1$ it is a quarter, which is where our nine stood.

# %%
figure = new_figure(7, 3)
axes = figure.subplots()
counts = [round(10 ** (k / 10)) for k in range(4, 61)]
for confidence, line in ((0.5, ":"), (0.9, "--"), (0.99, "-")):
    needed = [scale_for(confidence, count) for count in counts]
    axes.plot(counts, needed, line, color=CODES)
    axes.text(1.2e6, needed[-1], f"p = {confidence}", va="center")
axes.plot([10], [1], "o", color=WARNING)
axes.text(12, 0.6, "the failure", color=WARNING)
axes.set(xscale="log", xlim=(2, 8e6), xlabel="classes C")
axes.set(ylim=(0, 20), yticks=(0, 5, 10, 15, 20), ylabel="scale needed")
caption = (
    "The scale below which a confidence is out of reach. The axis of classes "
    "is logarithmic: each tenfold of classes costs about 2.3 more."
)

# %%
Picture(figure, f"Three rising lines over the classes. {caption}", caption)

# %% [markdown]
# ## Too much of it
#
# Why then not take $s = 1000$ and be done? Because the scale also decides *where*
# a sample feels the loss. Look at two classes, their arrows $\varphi$ apart, and
# at a sample on the arc between them, $\theta$ from its own arrow and
# $\varphi - \theta$ from the rival. The border is half-way. Let
# $\delta = \varphi/2 - \theta$ be how far past the border the sample is on its
# own side. The difference of the two cosines is
# $\cos(\varphi/2 - \delta) - \cos(\varphi/2 + \delta) = 2\sin(\varphi/2)\sin\delta$,
# so the loss and its slope along the arc are
#
# $$L = \log\left(1 + e^{-2s\sin(\varphi/2)\sin\delta}\right), \qquad
# \frac{\partial L}{\partial\theta} = 2s\,\sin(\varphi/2)\,\cos\delta\;(1 - p) .$$
#
# We call the slope the **pull**: so strongly is the sample drawn to its arrow. It
# carries the factor $1 - p$, the doubt that is left, with $p = e^{-L}$. There is
# one angle, and one pull, for each point of the arc.


# %%
def pull(theta, scale, between):
    """Slope of the loss (points,) at angles theta (points,) to the arrow."""
    past = between / 2 - theta  # (points,), δ
    steepness = 2 * scale * math.sin(between / 2)
    doubt = torch.sigmoid(-steepness * past.sin())  # (points,), 1 − p
    return steepness * past.cos() * doubt


# %%
between = math.acos(-1 / 9)  # two arrows of ten in a regular simplex
theta = torch.linspace(0, between, 401, dtype=torch.float64)
moving = theta.clone().requires_grad_()
two = torch.stack([moving.cos(), (between - moving).cos()], dim=1)  # (401, 2)
first = torch.zeros(401, dtype=torch.int64)
F.cross_entropy(16 * two, first, reduction="sum").backward()
torch.testing.assert_close(pull(theta, 16, between), moving.grad)
print("the slope equals autograd's at 401 angles")

# %%
figure = new_figure(7, 3)
axes = figure.subplots()
axes.axvline(math.degrees(between / 2), color=NEUTRAL, linewidth=1)
degrees = torch.rad2deg(theta)
looks = {1: (":", 7, 0.36), 4: ("-.", 27, 0.22), 16: ("--", 39.5, 0.1)}
looks[64] = ("-", 61, 1.52)
for scale, (line, x, y) in looks.items():
    curve = pull(theta, scale, between) / scale
    axes.plot(degrees, curve, line, color=CODES)
    axes.text(x, y, f"s = {scale}", color=CODES, ha="right")

# %%
axes.text(47.5, 1.6, "border", color=readable(NEUTRAL), ha="right")
axes.set(xlabel="angle from the own arrow (°)", ylabel="pull / scale")
axes.set(ylim=(0, 1.75))
caption = (
    "How strongly a sample is drawn to its arrow. At s = 1 everywhere; at "
    "s = 64 only where it is wrong, and a hair's breadth beyond."
)
Picture(figure, f"Four curves of pull over angle. {caption}", caption)

# %% [markdown]
# The larger the scale, the sooner a sample past the border is left in peace. How
# soon? The doubt has fallen to a tenth where
# $2s\sin(\varphi/2)\sin\delta = \log 9$, so the zone that still feels something is
# about $\log 9 / (2s\sin(\varphi/2))$ wide, and doubling $s$ halves it. In the
# limit nothing is left but the border. The loss divided by $s$ becomes
# $\max(0, -2\sin(\varphi/2)\sin\delta)$: zero on the right side, a plain
# difference of cosines on the wrong one. That is the rule of an argmax, which
# asks who is nearest and nothing else. A sample that is right by a hair then has
# no reason to move, and chapter 03 will begin with such samples.

# %%
for scale in (1, 4, 16, 64):
    sine = math.log(9) / (2 * scale * math.sin(between / 2))
    width = f"{math.degrees(math.asin(sine)):4.1f}°" if sine < 1 else "never"
    print(f"s = {scale:2}: the doubt is a tenth after {width}")
limit = (-2 * math.sin(between / 2) * (between / 2 - theta).sin()).clamp(min=0)
hard = F.cross_entropy(1000 * two.detach(), first, reduction="none") / 1000
torch.testing.assert_close(hard, limit, atol=1e-3, rtol=0)

# %% [markdown]
# There is a coarser price as well. Who writes the softmax as it stands in the
# formula, exponential by exponential, leaves the range of float32 as soon as
# $s\cos\theta$ passes the logarithm of the largest float32.

# %%
print(f"the limit: {math.log(torch.finfo(torch.float32).max):.1f}")
logits = 100 * torch.tensor([0.9, 0.2])
by_hand = logits.exp() / logits.exp().sum()
print(by_hand, logits.softmax(dim=0))

# %% [markdown]
# ## How roomy a sphere is
#
# A simplex is the roomiest arrangement, and it ends at $D + 1$ arrows. Codebooks
# hold hundreds of codes in 16 or 64 dimensions. How close do they come to each
# other, if nobody arranges them at all?
#
# First one has to draw a direction at random, every direction being equally
# likely. Draw $D$ independent Gaussian numbers and normalise. Their joint density
# is proportional to $e^{-\|x\|^2/2}$. It depends on the length and on nothing
# else, so no direction is preferred.
#
# Take two such directions. What is their cosine on average, and how much does it
# vary? Because no direction is preferred, we may turn the sphere until the second
# one lies along the first axis, and the cosine is the first coordinate
# $\hat x_1$ of the other. Turning $x$ into $-x$ changes nothing in the odds, so
# its mean is 0. The $D$ coordinates share one distribution, and
# $\sum_d \hat x_d^2 = 1$ always. So each square is $1/D$ on average:
#
# $$\operatorname{mean}(\cos\theta) = 0, \qquad
# \operatorname{var}(\cos\theta) = \frac1D .$$


# %%
def on_the_sphere(count, dim, generator):
    """Directions (count, dim), each equally likely."""
    return F.normalize(torch.randn(count, dim, generator=generator), dim=1)


generator = torch.Generator().manual_seed(2)
angles = {}
for dim in (2, 4, 16, 64):
    one, other = (on_the_sphere(50_000, dim, generator) for _ in "12")
    cosine = (one * other).sum(dim=1)  # (50000,)
    angles[dim] = torch.rad2deg(cosine.clamp(-1, 1).acos())
    spread = dim * cosine.var()
    assert abs(cosine.mean()) < 0.02 and abs(spread - 1) < 0.03
    print(f"D = {dim:2}: mean {cosine.mean():.3f}, D · variance {spread:.2f}")

# %%
figure = new_figure(7, 2.9)
axes = figure.subplots()
middles = torch.arange(1.5, 180, 3)  # (60,), of bins 3° wide
for values, line in zip(angles.values(), (":", "-.", "--", "-"), strict=True):
    share = torch.histc(values, bins=60, min=0, max=180) / len(values)
    axes.plot(middles, share, line, color=LATENTS)
places = {2: (20, 0.023), 4: (50, 0.036), 16: (73, 0.065), 64: (113, 0.14)}
for dim, (x, y) in places.items():
    words = f"D = {dim}"
    axes.text(x, y, words, color=readable(LATENTS), ha="right")

# %%
axes.set(xlabel="angle between two random directions (°)", yticks=[])
axes.set(xlim=(0, 180), ylim=(0, None), xticks=range(0, 181, 45))
caption = (
    "In the plane all angles are equally likely. In 64 dimensions nearly "
    "every pair is close to a right angle."
)
Picture(figure, f"Four histograms of angles. {caption}", caption)

# %% [markdown]
# In many dimensions, then, everything is nearly at right angles to everything
# else. This is what makes room. But it is the *nearest* neighbour that a code
# competes with, and among a thousand there is always one that has come closer
# than most. Guess for 1,024 codes: how far away is the nearest one in 4
# dimensions, in 16, in 64?


# %%
def nearest_angles(codes):
    """Angle in degrees (K,) from each code (K, D) to the nearest other."""
    cosine = cosines(codes.double(), codes.double())  # (K, K)
    cosine.fill_diagonal_(-1)
    return torch.rad2deg(cosine.max(dim=1).values.clamp(max=1).acos())


for dim in (4, 16, 64):
    codes = on_the_sphere(1024, dim, torch.Generator().manual_seed(0))
    print(f"D = {dim:2}: {nearest_angles(codes).mean():.1f}°")

# %%
counts = [2**k for k in range(4, 12)]
figure = new_figure(7, 2.9)
axes = figure.subplots()
for dim, line in ((4, "-."), (16, "--"), (64, "-")):
    mean = [uniform_sphere(count, dim).mean_nearest_angle for count in counts]
    axes.plot(counts, mean, line, color=CODES)
    axes.text(2200, mean[-1], f"D = {dim}", color=CODES, va="center")
axes.set_xscale("log", base=2)
axes.set(xlim=(16, 3400), ylim=(0, 95), yticks=(0, 30, 60, 90))
axes.set(xlabel="codes K", ylabel="nearest other code (°)")
caption = (
    "Each line is one draw of random codes. In 4 dimensions they crowd; in 64 "
    "even two thousand hardly notice each other."
)
Picture(figure, f"Three falling lines over the codes. {caption}", caption)

# %% [markdown]
# These lines are the measure to hold a trained codebook against. An angle of 44°
# between neighbours is nothing special in 16 dimensions, where chance gives it
# for nothing; in 4 dimensions it would be a wonder.
#
# The official code of ArcVQ-VAE draws its first codes in another way (Kim and
# Yoo 2026). It draws every coordinate evenly from $[-1, 1]$, which gives a point
# of a *cube*, and normalises that. Is this uniform? A ray from the origin leaves
# the cube where its largest coordinate reaches 1, after a way of
# $1/\max_d|\hat x_d|$. The thin cone around the ray holds a volume that grows
# with the $D$-th power of the way. Along an axis the way is 1, towards a corner
# it is $\sqrt D$. So a corner's direction is $D^{D/2}$ times as likely as a
# face's: twice in the plane, five times in space, $16^8$ times in 16 dimensions,
# and that is four billion. That sounds like a catastrophe. Before you believe it, look where the
# directions really are: how far each one is from its nearest corner, whose
# cosine is $\sum_d|\hat x_d|/\sqrt D$.

# %%
figure = new_figure(7.6, 2.7)
for axes, dim in zip(figure.subplots(1, 3), (2, 3, 16), strict=True):
    cube = 2 * torch.rand(50_000, dim, generator=generator) - 1
    for rays, colour in (
        (on_the_sphere(50_000, dim, generator), LATENTS),
        (F.normalize(cube, dim=1), WARNING),
    ):
        cosine = rays.abs().sum(dim=1) / dim**0.5
        angle = torch.rad2deg(cosine.clamp(max=1).acos())
        axes.hist(
            angle.numpy(), 40, density=True, histtype="step", color=colour
        )
        name = "sphere" if colour == LATENTS else "cube"
        print(f"D = {dim:2}, {name:6}: {angle.mean():.1f}° on average")
    axes.set(title=f"D = {dim}", yticks=[], xlabel="to the corner (°)")

# %%
axes.text(41, 0.06, "sphere", color=readable(LATENTS))
axes.text(24, 0.06, "cube", color=WARNING, ha="right")
axes.set_xlim(8, 58)
caption = (
    "Angle to the nearest corner of the cube, uniform on the sphere and drawn "
    "in the cube. The cube leans to its corners."
)
Picture(figure, f"Three pairs of histograms. {caption}", caption)

# %% [markdown]
# The lean is real, and in 16 dimensions it is some six degrees. The enormous
# ratio compares two places where hardly anybody lives: a cube of 16 dimensions
# has 65,536 corners, a thousand codes spread over them, and chance alone takes
# a direction nowhere near an axis. What does it do to the angles *between*
# codes? We may not turn a cube as we turned the sphere, but we need not. The cosine
# is a sum of $D$ products, one for each coordinate. Changing the sign of a single
# coordinate changes nothing in the odds, so its mean is 0, and in its square only
# the $D$ squared products survive on average, each of them $1/D \cdot 1/D$. The
# variance is $1/D$, as on the sphere.

# %%
for dim in (2, 3, 16):
    cube = 2 * torch.rand(1024, dim, generator=generator) - 1
    drawn = codebook_geometry(cube).mean_nearest_angle
    even = uniform_sphere(1024, dim).mean_nearest_angle
    assert abs(drawn / even - 1) < 0.1
    print(f"D = {dim:2}: nearest code {drawn:.2f}° cube, {even:.2f}° sphere")

# %% [markdown]
# The cube's codes are closer to their neighbours by a few per cent. Whoever wants
# a uniform sphere takes Gaussians. Whoever has inherited a cube need not worry.

# %% [markdown]
# ## The same, from the library
#
# The library has no head of its own for the plain scaled cosine, because two of
# its heads become one when their margin is 0. Its `codebook_geometry` measures
# nearest angles, by way of chords, which keep their digits where an arc cosine
# loses them; and `uniform_sphere` does it for Gaussian directions of a given
# seed.

# %%
torch.manual_seed(3)
embeddings, labels = torch.randn(32, 16), torch.randint(10, (32,))
for scale in (1.0, 5.0, 64.0):
    mine = CosineHead(16, 10, scale)
    for make in (ArcFaceHead, CosFaceHead):
        library = make(16, 10, scale=scale, margin=0.0)
        library.load_state_dict(mine.state_dict())
        torch.testing.assert_close(library(embeddings), mine(embeddings))
        torch.testing.assert_close(
            library(embeddings, labels), mine(embeddings)
        )
print("two heads, three scales, with labels and without: all equal")

# %%
for dim in (4, 16, 64):
    codes = on_the_sphere(1024, dim, torch.Generator().manual_seed(0))
    mine = nearest_angles(codes).float()  # (1024,), degrees
    theirs = torch.rad2deg(codebook_geometry(codes).nearest_angles)
    torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=0)
    even = uniform_sphere(1024, dim, seed=0).mean_nearest_angle
    assert abs(mine.mean().item() - even) < 1e-3
print("three codebooks of 1,024, angle by angle")

# %% [markdown]
# ## A scale that you can move
#
# The picture puts both sides of the trade into view. We take $C$ arrows in a
# regular simplex and walk a sample from its own arrow to a rival. Its cosine with
# the two is $\cos\theta$ and $\cos(\varphi - \theta)$. The remaining $C - 2$
# arrows all have the same cosine with it, and since all $C$ cosines sum to 0, it
# is minus the sum of the other two, divided by $C - 2$. On the right, the grey
# lines are the floors of the numbers of classes that are not chosen.


# %%
def confidence_on_the_way(scale, classes, points=91):
    """Confidence (points,) on the arc from the own arrow to a rival."""
    between = math.acos(-1 / (classes - 1))
    theta = torch.linspace(0, between, points, dtype=torch.float64)
    own, rival = theta.cos(), (between - theta).cos()
    others = -(own + rival) / (classes - 2)
    crowd = scale * others + math.log(classes - 2)
    logits = torch.stack([scale * own, scale * rival, crowd])  # (3, points)
    return logits.softmax(dim=0)[0]


start_of_the_way = confidence_on_the_way(4, 10)[0].item()
assert abs(start_of_the_way - math.exp(-floor(4, 10))) < 1e-9

# %% [markdown]
# ### Predict, then drag
#
# 1. With ten classes, at which $s$ does the best confidence pass 99 %?
# 2. You go from 10 classes to 1,000, a hundred times as many. Will the scale for
#    the same confidence have to be a hundred times as large, ten times, or twice?
# 3. At $s = 31$ and ten classes, how far from its arrow may a sample be and still
#    be sure? What does that mean for its gradient?

# %%
SCALES, CLASSES = range(1, 32, 3), (3, 10, 100, 1000, 10_000)
arcs = torch.tensor([math.degrees(math.acos(-1 / (c - 1))) for c in CLASSES])
ways = [
    torch.stack([confidence_on_the_way(s, c) for s in SCALES]) for c in CLASSES
]
fine = torch.linspace(1, 31, 121).tolist()  # a dozen steps from s to s
floors = torch.tensor([[floor(s, c) for s in fine] for c in CLASSES])
scene = ScaleScene(SCALES, CLASSES, arcs, torch.stack(ways), floors)

# %%
scale_figure = SliderFigure(
    scene,
    alt_title="Confidence on the way to a rival, and the floor of the loss",
    size=(6.6, 2.7),
    scale=Slider(1, 31, 3, 1, "scale s", frames=11, format=".0f"),
    classes=Choice(CLASSES, 10, "classes C"),
)
scale_figure

# %% tags=["moves-sliders"]
failure = scale_figure.set(scale=1, classes=10)
enough = scale_figure.set(scale=7)
crowded = scale_figure.set(classes=1000)
again = scale_figure.set(scale=13)
steep = scale_figure.set(scale=31, classes=10)
assert "1.377" in failure and "25.2%" in failure
assert "99.6%" in enough and "below one half even" not in crowded
assert "99.8%" in again and "100.0%" in steep
scale_figure.set(scale=1, classes=10)
print(failure, enough, crowded, again, steep, sep="\n")

# %% [markdown]
# With ten classes the step from 4 to 7 passes the 99 %, as `scale_for` had said:
# 6.1. With a thousand classes the same $s = 7$ leaves the sample half unsure on
# its very arrow, and a little less than twice as much scale repairs that. At
# $s = 31$ the curve is a step. A sample is fully sure over nearly the whole way
# to the border, and where the confidence is flat there is nothing to learn from.

# %% [markdown]
# ## Experiment · which scale?
#
# Back to the digits, now with a choice. The **baseline** is the plain softmax
# head, with lengths and all. Against it stand four scales: 1, 4, 16 and 64. All
# arms train for 150 steps from the same bodies, with three seeds.
#
# The **negative control** goes at the explanation. Perhaps $s = 1$ is merely a
# slow start, its logits being small and its gradients gentle. Then patience
# ought to cure it. So we give it four times as many steps. If the floor is what
# we say it is, this must fail: the loss will not move, whatever else does.
#
# We measure on the 500 digits that were never trained on: the share right, the
# loss, the mean confidence that the answers claim, the median angle to the own
# arrow, and the **calibration gap**. That is how far confidence and truth are apart. We sort
# the answers into ten bins by the probability that they claim, and average the
# distance between claim and share right over all answers, as Guo et al. (2017)
# do.

# %%
from functools import partial

arms = {"softmax": (partial(SoftmaxHead, 16, 10), 150)}
for s in (1.0, 4.0, 16.0, 64.0):
    arms[f"s = {s:g}"] = (partial(CosineHead, 16, 10, s), 150)
arms["s = 1, 600 steps"] = (partial(CosineHead, 16, 10, 1.0), 600)


def calibration_gap(claimed, right):
    bins = (10 * claimed).long().clamp(max=9)  # (N,)
    gaps = [
        (claimed[bins == b].sum() - right[bins == b].sum()).abs()
        for b in range(10)
    ]
    return sum(gaps).item() / len(claimed)


# %%
@torch.no_grad()
def measure(body, head):
    images, labels = digits["test"].images, digits["test"].labels
    embeddings = body(images)  # (500, 16)
    logits = head(embeddings)  # (500, 10)
    claimed, answer = logits.softmax(dim=1).max(dim=1)
    right = (answer == labels).float()  # (500,)
    own = cosines(embeddings, head.weight).gather(1, labels[:, None])
    return {
        "right": right.mean().item(),
        "loss": F.cross_entropy(logits, labels).item(),
        "confidence": claimed.mean().item(),
        "calibration": calibration_gap(claimed, right),
        "angle (°)": torch.rad2deg(own.clamp(-1, 1).acos()).median().item(),
    }


# %% tags=["nbval-ignore-output"]
models = {
    (name, seed): train(make_head, seed, steps)
    for name, (make_head, steps) in arms.items()
    for seed in range(3)
}
results = {key: measure(*model[:2]) for key, model in models.items()}
columns = list(results["softmax", 0])
print(" " * 17 + "".join(f"{column:>17}" for column in columns))
for name in arms:
    rows = [list(results[name, seed].values()) for seed in range(3)]
    std, mean = torch.std_mean(torch.tensor(rows), dim=0)
    both = zip(mean, std, strict=True)
    print(f"{name:17}" + "".join(f"{m:9.3f} ± {s:.3f}" for m, s in both))

# %%
figure = new_figure(7.8, 2.9)
panels = figure.subplots(1, 4, sharey=True)
shown = ("right", "loss", "confidence", "angle (°)")
colours = (NEUTRAL, *SERIES[:4], WARNING)
for axes, column in zip(panels, shown, strict=True):
    for row, (name, colour) in enumerate(zip(arms, colours, strict=True)):
        values = [results[name, seed][column] for seed in range(3)]
        axes.plot(values, [row] * 3, "o", color=colour, clip_on=False)
    axes.set(xlabel=column, xlim=(0, 1.05), ylim=(5.5, -0.5))

# %%
panels[0].set(yticks=range(6), yticklabels=list(arms))
panels[1].set_xlim(0, 1.6)
panels[3].set_xlim(0, 95)
caption = (
    "Three seeds an arm, on unseen digits. All are right about equally often. "
    "The scale moves loss, confidence and angle; patience only the angle."
)
Picture(figure, f"Six arms in four panels of points. {caption}", caption)


# %%
def mean(name, column):
    return sum(results[name, seed][column] for seed in range(3)) / 3


low, patient = "s = 1", "s = 1, 600 steps"
shares = [mean(name, "right") for name in arms]
assert min(shares) > 0.94 and max(shares) - min(shares) < 0.025
assert abs(mean(patient, "loss") - mean(low, "loss")) < 0.02
assert min(mean(low, "loss"), mean(patient, "loss")) > floor(1, 10)
angle = {name: mean(name, "angle (°)") for name in arms}
assert angle[low] < 6 and angle["s = 64"] > 60
assert angle[patient] < 0.5 * angle[low]
assert mean("s = 16", "loss") < mean("softmax", "loss") < 0.3
print("the floor holds, on three seeds, with four times the patience")

# %% [markdown]
# The control fails, as it had to. Four times the training leaves the loss of
# $s = 1$ where it was, just above the floor, and its answers as unsure as they
# were. The accuracies of all arms lie within about two points of each other, so
# nothing of this is visible to somebody who looks at accuracies only.
#
# The last column is the surprise. With the smallest scale the digits sit within a
# few degrees of their arrows. With the largest half of them are more than 60°
# away, nearer to a right angle than to their arrow, and almost all are right all
# the same. That is the pull of the figure above at work. A small scale is never
# content and gathers each class tightly; a large one stops as soon as the border
# is passed. The scale $s = 16$ has the lowest loss, and its calibration gap is
# about as small as any. The number that `scale_for` gives for a confidence of 99
# % is smaller, 6.1. It is the least that will do, and something above it leaves
# room for digits that do not sit on their arrow.
#
# If a small scale gathers so well, has it learned the task and only failed to
# say so? One can read its cosines with another scale than they were trained
# with, which is the temperature of [chapter 01](01_softmax_is_an_angle.ipynb).

# %% tags=["nbval-ignore-output"]
images, labels = digits["test"].images, digits["test"].labels
for scale in (1.0, scale_for(0.99, 10), 16.0):
    losses = []
    for seed in range(3):
        body, head, _ = models["s = 1", seed]
        with torch.no_grad():
            logits = scale * cosines(body(images), head.weight)
        losses.append(F.cross_entropy(logits, labels).item())
    print(f"trained at 1, read at {scale:4.1f}: loss {sum(losses) / 3:.3f}")
    if 6 < scale < 7:
        assert sum(losses) / 3 < 0.2

# %% [markdown]
# Read at 6.1 instead of 1, the same networks lose about as little as the
# baseline. The floor had taken nothing from what they knew, only from what they
# could say.

# %% [markdown]
# ## Interpretation and limits
#
# What was shown? The floor was derived step by step, walked down with numbers,
# reached to three decimals by free points and by a trained network, and defended
# against a control with four times the steps, on three seeds. The tightening of
# classes at small scales and its loss at large ones was seen on the same digits.
# That is one small data set and one small network. Which scale is best depends on
# both, and nothing here says that 16 is best elsewhere.
#
# For codebooks the floor matters twice. In ArcVQ-VAE the margin loss has a scale
# too, but its softmax runs over the $N$ latents of a batch and not over classes
# (Kim and Yoo 2026). Suppose that those latents balance each other, so that their
# directions sum to 0. Then a code's cosines with all of them sum to 0 as well,
# and the first of our four steps alone gives the same floor with $N$ in the place
# of $C$. With tens of thousands of latents, how low can that loss go?

# %%
for name, scale, latents in (
    ("VQ-VAE", 5, 1024 * 64),
    ("VQGAN", 10, 32 * 1024),
):
    lowest = floor(scale, latents)
    print(f"{name}: s = {scale}, N = {latents:,}: floor {lowest:.2f} nats")
    print(f"   for a confidence of 99 %: s = {scale_for(0.99, latents):.1f}")

# %% [markdown]
# The floor is high, and the scales are well below what confidence would need. By
# the last section's measure that is no accident to be repaired. A small scale is
# never content, and it is meant to keep pulling. The estimate leaves out the
# margin and the three positives of each code, and whether latents balance each
# other is an assumption. Chapter 09 computes the floor exactly. The sources, side
# by side:
#
# | | the scale | the first codes |
# |---|---|---|
# | the ArcVQ-VAE paper | one factor $s$ before every cosine of the margin loss | on the unit sphere |
# | its official code | 5 in the VQ-VAE variant, 10 in the VQGAN; exponentials written out, which overflow from $s = 89$ | drawn in a cube, then normalised |
# | ours | the same values, with a stable log-sum-exp | drawn in a cube, then normalised, as there |
#
# What remains open is whether a learned scale would settle by itself, which
# NormFace allows and we did not try, and how a floor in too few dimensions
# depends on $D$: for more than $D + 1$ classes we have a lower bound and no
# formula.

# %% [markdown]
# ## Exercises
#
# Every exercise has a checker that answers at once. Replace `return None`, run
# the cell, and read what it says. The solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · A scale for a loss
#
# *Difficulty ●○○ · 10 minutes*
#
# Somebody wants the mean loss of `num_classes` classes on the sphere to be able
# to fall to `loss` nats. Write the smallest scale that allows it.


# %% tags=["exercise"]
def scale_for_a_loss(loss, num_classes):
    return None  # your lines here


check.scale_for_loss(scale_for_a_loss)


# %% tags=["solution"] jupyter={"source_hidden": true}
def scale_for_a_loss_solution(loss, num_classes):
    odds = (num_classes - 1) / math.expm1(loss)
    return (num_classes - 1) / num_classes * math.log(odds)


check.scale_for_loss(scale_for_a_loss_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · How far a step turns
#
# *Difficulty ●●○ · 15 minutes*
#
# `x` has the shape $(N, D)$, and `gradient` $(N, D)$ is the gradient of the loss
# at the *directions* of `x`. One step of gradient descent with the rate `rate` is
# made on `x`. Write the angle in radians, $(N,)$, by which each row is turned.


# %% tags=["exercise"]
def turn_of_a_step(x, gradient, rate):
    return None  # your lines here


check.turned_by_a_step(turn_of_a_step)


# %% tags=["solution"] jupyter={"source_hidden": true}
def turn_of_a_step_solution(x, gradient, rate):
    length = x.norm(dim=1)  # (N,)
    x_hat = x / length[:, None]
    along = (x_hat * gradient).sum(dim=1, keepdim=True)
    sideways = rate * (gradient - along * x_hat).norm(dim=1) / length
    return torch.atan2(sideways, length)


check.turned_by_a_step(turn_of_a_step_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · Every direction equally likely
#
# *Difficulty ●●○ · 10 minutes*
#
# Write `directions(count, dim)`, which returns that many random directions,
# $(\text{count}, D)$, uniform on the sphere. The checker draws many and looks
# where they are.


# %% tags=["exercise"]
def directions(count, dim):
    return None  # your line here


check.uniform_directions(directions)


# %% tags=["solution"] jupyter={"source_hidden": true}
def directions_solution(count, dim):
    return F.normalize(torch.randn(count, dim), dim=1)


check.uniform_directions(directions_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · A regular simplex
#
# *Difficulty ●●● · 20 minutes*
#
# Write `num_classes` arrows of length 1, each pair at the cosine
# $-1/(C - 1)$, as a tensor of shape $(C, C)$. No optimisation is needed.
#
# <details><summary>Hint</summary>
#
# The rows of the identity are already equally far from each other. What do they
# lack? Look at the third of the four steps, and at the condition on the mean.
#
# </details>


# %% tags=["exercise"]
def simplex(num_classes):
    return None  # your lines here


check.simplex_arrows(simplex)


# %% tags=["solution"] jupyter={"source_hidden": true}
def simplex_solution(num_classes):
    corners = torch.eye(num_classes)
    return F.normalize(corners - corners.mean(dim=0), dim=1)


check.simplex_arrows(simplex_solution)

# %% [markdown]
# ## Quiz
#
# **1.** You multiply every embedding by 10 before a normalised head. What changes
# in the loss, and what in the gradient?
#
# <details><summary>Answer</summary>
#
# The loss stays as it is. The gradient is divided by 10, and the same step turns
# the embedding a hundred times less.
#
# </details>
#
# **2.** Why does plain gradient descent make every embedding longer behind a
# normalisation?
#
# <details><summary>Answer</summary>
#
# The step stands at right angles to the embedding, and the hypotenuse is longer
# than the leg.
#
# </details>
#
# **3.** For which number of classes is the bound from cosines in $[-1, 1]$
# reached?
#
# <details><summary>Answer</summary>
#
# For two, with opposite arrows. There $C/(C - 1) = 2$, and both bounds are one.
#
# </details>
#
# **4.** Twelve classes in 8 dimensions. Can the floor be reached?
#
# <details><summary>Answer</summary>
#
# No. A regular simplex of twelve arrows needs eleven dimensions.
#
# </details>
#
# **5.** A colleague raises $s$ from 30 to 300 because the loss had stopped falling
# at 0.001. What will happen to the angles?
#
# <details><summary>Answer</summary>
#
# Samples past the border feel nothing any more and stop further out; the loss of
# those that are wrong grows tenfold.
#
# </details>
#
# **6.** Two directions are drawn uniformly in 100 dimensions. About which angle
# do they enclose, and how far off is it typically?
#
# <details><summary>Answer</summary>
#
# A right angle, give or take 6°: the cosine's standard deviation is
# $1/\sqrt{100} = 0.1$ rad near 90°.
#
# </details>
#
# **7.** Normalised points of a cube have the same mean and variance of the cosine
# as uniform directions. Why does that not make them uniform?
#
# <details><summary>Answer</summary>
#
# Two moments are not a distribution. Both follow from symmetry alone, and the
# cube has that symmetry while it prefers its corners.
#
# </details>

# %% [markdown]
# ## Summary
#
# Behind a normalisation the gradient is tangential and divided by the length, so
# length does nothing but slow a vector down. On the sphere the mean loss of $C$
# classes cannot fall below $\log(1 + (C - 1)e^{-sC/(C-1)})$, and it gets there
# only if the arrows are a regular simplex with every sample on its own. The scale
# that a confidence needs grows with the logarithm of $C$. A scale that is too
# large keeps the gradient at the border and leaves classes loose; one that is too
# small gathers them and cannot say so. Random directions meet at right angles
# with a variance of $1/D$, which is why a sphere of many dimensions has room for
# many codes.

# %% [markdown]
# ## References
#
# - Wang, Xiang, Cheng, Yuille: *NormFace: L2 Hypersphere Embedding for Face
#   Verification*, ACM Multimedia 2017, <https://arxiv.org/abs/1704.06369>
# - Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu: *CosFace: Large Margin Cosine Loss
#   for Deep Face Recognition*, CVPR 2018, <https://arxiv.org/abs/1801.09414>
# - Papyan, Han, Donoho: *Prevalence of Neural Collapse during the Terminal Phase
#   of Deep Learning Training*, PNAS 2020, <https://arxiv.org/abs/2008.08186>
# - Guo, Pleiss, Sun, Weinberger: *On Calibration of Modern Neural Networks*, ICML
#   2017, <https://arxiv.org/abs/1706.04599>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# A softmax on the sphere is content as soon as the border has been passed, and a
# large scale makes it content sooner. [Chapter 03](03_margins.ipynb) takes that
# contentment away without touching the scale: it moves the border.
