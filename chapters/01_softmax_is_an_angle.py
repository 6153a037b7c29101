# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Softmax is an angle
#
# | | |
# |---|---|
# | **You will be able to** | read a logit as two lengths and a cosine, derive the softmax's gradient in angles and in lengths, and mend a classifier that is too sure of itself with one number |
# | **Before you start** | PyTorch tensors, `nn.Linear` and what a derivative is; [chapter 00](00_start_here.ipynb) for how this book works |
# | **Data** | scikit-learn's handwritten digits, on your disk already |
# | **Time** | 60 minutes to read, half a minute to run |
# | **Widget** | the temperature, in doublings from ¼ to 128 |
# | **The claim** | the direction of an embedding says which class it is; its length says how sure to be, and training makes it say too much |

# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import SoftmaxHead, check, load_images

# %%
from arcvq_lite.viz import (
    CODES,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    draw_image,
    new_figure,
    readable,
)

# %%
from arcvq_lite.viz.temperature import (
    Flower,
    TemperatureScene,
    draw_labelled_points,
    draw_territories,
)
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## Twice the ink, twice as sure
#
# A network of one linear layer shall read handwritten digits. It is given 64
# numbers, the ink in each of 8 × 8 pixels, from 0 for paper to 1 for a pixel
# that is full. The digits come with scikit-learn (Pedregosa et al. 2011).

# %%
digits = {
    name: load_images("digits", split=name) for name in ("train", "test")
}


def ink(split):
    """Images (N, 1, 8, 8) to (N, 64): 0 is paper, 1 is full of ink."""
    return ((split.images + 1) / 2).flatten(1)


x, y = ink(digits["train"]), digits["train"].labels  # (N, 64), (N,)
new_x, new_y = ink(digits["test"]), digits["test"].labels
print(f"{len(x):,} to learn from, {len(new_x)} to be judged by")

# %%
torch.manual_seed(0)
linear = nn.Linear(64, 10, bias=False)
optimizer = torch.optim.Adam(linear.parameters(), lr=0.02)
for _ in range(300):
    loss = F.cross_entropy(linear(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% [markdown]
# It does well. We are interested in the digits where it does not, and among
# these in the one mistake of which it is most certain.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    p = linear(new_x).softmax(dim=1)  # (N, 10)
confidence, chosen = p.max(dim=1)  # (N,), (N,)
wrong = chosen != new_y  # (N,)
worst = (confidence * wrong).argmax()

assert 8 <= wrong.sum() <= 35 and confidence[worst] > 0.8
print(f"{int(wrong.sum())} of {len(new_y)} wrong; the surest mistake:")
print(f"a {new_y[worst]} read as a {chosen[worst]}", end=", ")
print(f"with probability {confidence[worst]:.2f}")

# %% [markdown]
# We write this digit again with less ink and with more. Its shape stays exactly
# what it was: all 64 numbers are multiplied by the same factor.

# %%
factors = (0.25, 0.5, 1.0, 2.0)
digit = new_x[worst]  # (64,)
with torch.no_grad():
    answers = [linear(factor * digit).softmax(dim=0) for factor in factors]
colours = [NEUTRAL] * 10
colours[new_y[worst]], colours[chosen[worst]] = CODES, WARNING

# %%
figure = new_figure(7.4, 3.3)
panels = figure.subplots(2, 4, height_ratios=[1, 1.1], sharey="row")
for column, factor in enumerate(factors):
    picture, bars = panels[:, column]
    paper = 1 - factor * digit.reshape(1, 8, 8)  # twice the ink is black
    draw_image(picture, paper, f"ink × {factor:g}")
    bars.bar(range(10), answers[column], color=colours)
    bars.set(ylim=(0, 1), yticks=[0, 1], xticks=range(10))
panels[1, 0].set_ylabel("probability")
caption = (
    "One digit in four strengths of ink, and what the network says of each. "
    "Red is its choice, blue the right class. More ink makes it surer."
)
Picture(figure, f"Four copies of a digit over bars. {caption}", caption)

# %% [markdown]
# The network chooses the same class four times, and it is wrong four times. With
# a quarter of the ink it has doubts. With twice the ink it has none. Nothing
# about the digit has become clearer on the way, so where does this certainty come
# from? And what would it say of an empty page? Decide before you run the next
# cell.

# %%
empty_page = torch.zeros(64)
with torch.no_grad():
    print([round(v, 3) for v in linear(empty_page).softmax(dim=0).tolist()])

# %% [markdown]
# To an empty page every class is equally likely. The answer of this network has
# two parts, it seems, which come from different places: *which* class, and *how
# sure*. The first hangs on the shape, the second on the amount. This chapter
# takes the two apart.

# %% [markdown]
# ## A logit is two lengths and a cosine
#
# Write $x \in \mathbb{R}^D$ for what the last layer is given: here 64 numbers of
# ink, later an **embedding**, the vector that a network makes of an image. The
# layer holds one row of weights $w_j \in \mathbb{R}^D$ for each class $j$. We call
# it the **arrow** of the class. The layer multiplies and sums, and the result is
# the **logit** of the class,
#
# $$a_j = w_j \cdot x = \|w_j\|\,\|x\|\cos\theta_j ,$$
#
# where $\theta_j$ is the angle between $w_j$ and $x$. Why does a sum of 64
# products hold a cosine? Look at the triangle between the origin, the tip of
# $w_j$ and the tip of $x$. Its third side is $x - w_j$. Multiplying out gives
#
# $$\|x - w_j\|^2 = \|x\|^2 + \|w_j\|^2 - 2\,w_j \cdot x ,$$
#
# and the law of cosines, which you know from school, says of the same triangle
#
# $$\|x - w_j\|^2 = \|x\|^2 + \|w_j\|^2 - 2\,\|w_j\|\,\|x\|\cos\theta_j .$$
#
# So $w_j \cdot x$ and $\|w_j\|\|x\|\cos\theta_j$ are the same number. A triangle is
# flat, however many dimensions it lies in, and so school is enough.
#
# The shapes: embeddings $(N, D)$, arrows $(C, D)$, logits and angles $(N, C)$,
# one length for each embedding, $(N, 1)$, and one for each arrow, $(C)$. Doubling the
# ink doubles $\|x\|$. The angles cannot notice, because both sides were divided by
# their lengths before they were compared.


# %%
def parts(x, weight):
    """(N, D) and (C, D) to lengths (N, 1) and (C,), and theta (N, C)."""
    x_length = x.norm(dim=1, keepdim=True)  # (N, 1)
    w_length = weight.norm(dim=1)  # (C,)
    cosine = F.normalize(x, dim=1) @ F.normalize(weight, dim=1).T  # (N, C)
    return x_length, w_length, cosine.clamp(-1, 1).acos()


# %%
weight = linear.weight.detach()  # (10, 64)
x_length, w_length, theta = parts(new_x, weight)
product = x_length * w_length * theta.cos()  # (N, 10)
close = torch.testing.assert_close
close(product, new_x @ weight.T, rtol=1e-4, atol=1e-4)
close(parts(2 * new_x, weight)[2], theta)
print("each logit is the product of its parts; twice the ink turns nothing")

# %% [markdown]
# How do these angles look? One would expect a digit to lie close to the arrow of
# its class. The figure shows the angle of each new digit to its own arrow, and to
# the nine others.

# %% tags=["nbval-ignore-output"]
own = theta.gather(1, new_y[:, None])[:, 0].rad2deg()  # (N,)
is_own = F.one_hot(new_y, 10).bool()  # (N, 10)
others = theta[~is_own].rad2deg()  # (9 N,)
assert 65 < own.mean() < 85 and 85 < others.mean() < 95
print(
    f"to the own arrow {own.mean():.0f}°, to the others {others.mean():.0f}°"
)

# %%
figure = new_figure(7, 2.6)
axes = figure.subplots()
bins = torch.arange(55, 126, 2.5).tolist()
for angles, colour in ((others, NEUTRAL), (own, LATENTS)):
    share = [100 / len(angles)] * len(angles)
    axes.hist(angles, bins=bins, weights=share, color=colour, alpha=0.75)
axes.text(68, 15, "to the own arrow", color=readable(LATENTS), ha="right")
axes.text(97, 11, "to the others", color=readable(NEUTRAL))
axes.set(xlabel="angle θ (degrees)", ylabel="share (%)", xlim=(45, 125))
caption = (
    "Angles between new digits and arrows. Even the own arrow is far away; "
    "it is enough that the others are further."
)
Picture(figure, f"Two histograms of angles. {caption}", caption)

# %% [markdown]
# In 64 dimensions there is so much room that two directions drawn at random stand
# nearly at right angles. The own arrow is nearer than the others, and not near.
# Nothing in the softmax asks for more, as we are about to find.

# %% [markdown]
# ## Where one class ends
#
# The network chooses the class of the largest logit. Between the classes $j$ and
# $j'$ lies a border where the two logits are equal:
#
# $$\|w_j\|\,\|x\|\cos\theta_j = \|w_{j'}\|\,\|x\|\cos\theta_{j'} .$$
#
# The length $\|x\|$ stands on both sides and cancels. Whether $x$ is long or short,
# the border is passed at the same direction, so the class is a matter of
# direction alone. If the two arrows are equally long, their lengths cancel too,
# and what remains is $\theta_j = \theta_{j'}$: the border lies half-way between the
# arrows. If one arrow is longer, its class reaches further.
#
# This can be seen in a plane. We train a small network on the digits 0 to 4 and
# leave it an embedding of two numbers, so that nothing is hidden.


# %%
def zero_to_four(x, y):
    return x[y < 5], y[y < 5]


few_x, few_y = zero_to_four(x, y)
torch.manual_seed(1)
body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
head = nn.Linear(2, 5, bias=False)
optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], 0.01)
for _ in range(150):
    loss = F.cross_entropy(head(body(few_x)), few_y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
plane_x, plane_y = zero_to_four(new_x, new_y)
with torch.no_grad():
    points = body(plane_x)  # (N, 2)
arrows = head.weight.detach()  # (5, 2)

reach = 1.02 * points.abs().max().item()
side = torch.linspace(-reach, reach, 241)
rows, columns = torch.meshgrid(side, side, indexing="ij")
plane = torch.stack([columns, rows], dim=2)  # (241, 241, 2)
bias = torch.tensor([0.0, 0.0, 0.0, 0.0, 12.0])  # for the class 4

# %% tags=["cover"]
figure = new_figure(7.6, 3.9)
left, right = figure.subplots(1, 2)
logits = plane @ arrows.T  # (241, 241, 5)
plain = logits.softmax(dim=2)
draw_territories(left, plain, reach, title="no bias", labelled=False)
draw_labelled_points(left, points, plane_y)
biased = (logits + bias).softmax(dim=2)
draw_territories(right, biased, reach, title="a bias for the 4")
caption = (
    "Territories of five classes, in the plane of the embedding. Lines are "
    "borders; confidence is 0.9 on the outer dotted lines, 0.99 on the inner "
    "ones. Without a bias all borders start at the origin."
)
Picture(figure, f"Two maps of a plane. {caption}", caption)

# %% [markdown]
# On the left, follow a ray from the origin outwards. It never crosses a border,
# and it crosses one dotted line after another. That is the whole chapter in one
# picture: *direction* decides the class, *length* decides the confidence. The numerals
# are digits that the network has not seen. Most of them lie where confidence is above
# 0.99. Look for the ones that lie there and are wrong.
#
# On the right we have changed one thing. The layer now adds a bias $b_j$ to each
# logit, $a_j = w_j \cdot x + b_j$, and the 4 has been given one. Its border with
# another class lies where
#
# $$\|x\|\,\bigl(\|w_j\|\cos\theta_j - \|w_{j'}\|\cos\theta_{j'}\bigr) = b_{j'} - b_j .$$
#
# The length no longer cancels. Near the origin the bias decides everything: a
# short embedding of any direction is a 4. Far away the bracket need only be small to
# balance the bias, and the borders point the same way as before. So "the class is
# a direction" is exact without a bias, and an approximation with one, the better
# the longer the embeddings are. In this book heads have no bias, and the
# experiment below will measure what one would have changed.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    short = 0.02 * points  # every embedding, fifty times shorter
    without = (short @ arrows.T).argmax(dim=1)  # (N,)
    with_bias = (short @ arrows.T + bias).argmax(dim=1)  # (N,)
assert torch.equal(without, (points @ arrows.T).argmax(dim=1))
assert (with_bias == 4).all()
sure = (points @ arrows.T).softmax(dim=1).amax(dim=1) > 0.99  # (N,)
assert sure.float().mean() > 0.5 and (sure & (without != plane_y)).any()
print("fifty times shorter: no class changes without a bias,")
print(f"and with it all {len(with_bias)} digits are a 4")

# %% [markdown]
# ## From logits to a loss
#
# How do logits become probabilities? They must be positive, and they must sum to
# one. The exponential does the first and division does the second. This is the
# **softmax**, named by Bridle (1990):
#
# $$p_j = \frac{e^{a_j}}{\sum_{j'=1}^{C} e^{a_{j'}}}$$
#
# The loss of an image with the right class $y$ is the **cross entropy**: the
# negative logarithm of the probability that the network has given to it. Put the
# softmax in, and the logarithm splits the fraction into two terms:
#
# $$L = -\log p_y = -a_y + \log \sum_{j=1}^{C} e^{a_j}$$
#
# Logits are $(N, C)$, labels $(N)$, and there is one loss an image, $(N)$.


# %%
def softmax_loss(logits, labels):
    """(N, C) and (N,) to (N,), in nats."""
    right = logits.gather(1, labels[:, None])[:, 0]  # (N,)
    return logits.exp().sum(dim=1).log() - right  # (N,)


with torch.no_grad():
    new_logits = linear(new_x)  # (N, 10)
    losses = softmax_loss(new_logits, new_y)  # (N,)
torch.testing.assert_close(losses, -p.log().gather(1, new_y[:, None])[:, 0])
print("the loss is the negative log of the right class's probability")

# %% [markdown]
# Training follows the gradient, so we take the derivative of $L$ by one logit
# $a_j$. The first term, $-a_y$, contains $a_j$ only if $j$ is the right class; its
# derivative is $-1$ then and 0 otherwise. Write $[j = y]$ for the number that is 1
# where $j = y$ and 0 elsewhere. The first term gives $-[j = y]$.
#
# The second term is the logarithm of a sum. The derivative of a logarithm is one
# over what stands inside, times the derivative of what stands inside. In the sum
# only one term contains $a_j$, and the derivative of $e^{a_j}$ is $e^{a_j}$. So the
# second term gives $e^{a_j}$ over the sum, and that is $p_j$. Together:
#
# $$\frac{\partial L}{\partial a_j} = p_j - [j = y]$$
#
# The gradient has the shape of the logits, $(N, C)$.


# %%
def softmax_gradient(logits, labels):
    """(N, C) and (N,) to (N, C): how each loss changes with each logit."""
    return logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])


logits = new_logits.clone().requires_grad_()
softmax_loss(logits, new_y).sum().backward()
torch.testing.assert_close(logits.grad, softmax_gradient(new_logits, new_y))
print("autograd agrees")

# %% [markdown]
# Read it as forces. Descent moves against the gradient: the right logit is pulled
# up with strength $1 - p_y$, and every other is pushed down with strength $p_j$.
# Since probabilities sum to one, the pull equals all pushes together. The figure
# shows the forces on two digits: the mistake from the beginning of the chapter, and
# the right answer of which the network is least sure.

# %%
unsure = (confidence + wrong).argmin()  # the least confidence among the right
force = -softmax_gradient(new_logits, new_y)  # (N, 10)
torch.testing.assert_close(force.sum(dim=1), torch.zeros(len(new_y)))
figure = new_figure(7.4, 2.5)
panels = figure.subplots(1, 2, sharey=True)
for axes, which in zip(panels, (worst, unsure), strict=True):
    colours = [WARNING] * 10
    colours[new_y[which]] = CODES
    axes.bar(range(10), force[which], color=colours)
    axes.axhline(0, color=NEUTRAL, linewidth=0.8)
    axes.set(xlabel="class", xticks=range(10), ylim=(-1.05, 1.05))

# %%
panels[0].set_ylabel("force on the logit")
panels[0].set_title("sure and wrong")
panels[1].set_title("right and unsure")
caption = (
    "Blue, the right class, is pulled up; red ones are pushed down, each by "
    "the probability it was given. In both panels the bars sum to zero."
)
Picture(figure, f"Ten bars up or down, twice. {caption}", caption)

# %% [markdown]
# The softmax punishes in proportion to guilt. A class that had no share in the
# mistake feels nothing. And once $p_y$ is close to one, nobody feels anything.

# %% [markdown]
# ## The gradient in angles
#
# A logit is a length times a cosine, and we know the force on it. What is the
# force on the *angle*? Fix the lengths for a moment and write
# $s_j = \|w_j\|\,\|x\|$, so that $a_j = s_j\cos\theta_j$. Now turn one arrow by a
# small angle, in the plane that it shares with $x$. Only its own $\theta_j$
# changes, and with it only $a_j$. The chain rule has two links. The first is the
# one we have just derived. The second is the derivative of the cosine:
#
# $$\frac{\partial L}{\partial\theta_j} = \frac{\partial L}{\partial a_j}\,\frac{\partial a_j}{\partial\theta_j} = \bigl(p_j - [j = y]\bigr)\cdot\bigl(-s_j\sin\theta_j\bigr)$$
#
# and so
#
# $$\frac{\partial L}{\partial\theta_j} = -\bigl(p_j - [j = y]\bigr)\, s_j \sin\theta_j .$$
#
# Angles, $s_j$ and the gradient all have the shape $(N, C)$. The sign says who is
# drawn where. For the right class the bracket is negative and the derivative
# positive: a larger angle means a larger loss, so descent closes it. For every
# other class it is the reverse, and the angle is opened.


# %%
def angle_gradient(x, weight, labels):
    """(N, D), (C, D) and (N,) to (N, C), per radian."""
    x_length, w_length, theta = parts(x, weight)
    s = x_length * w_length  # (N, C)
    logits = s * theta.cos()  # (N, C)
    return -softmax_gradient(logits, labels) * s * theta.sin()  # (N, C)


# %% [markdown]
# We let autograd check it, and we check what the derivation claims: that an arrow
# is *turned*. Each $w_j$ is split into its part along $\hat x = x / \|x\|$ and the
# part across it. From the two directions it can be put together again at any angle,
# and by that angle we differentiate.

# %%
one_x, one_y = new_x[worst].double(), new_y[worst, None]  # (64,), (1,)
w = weight.double()  # (10, 64)
direction = F.normalize(one_x, dim=0)  # (64,)
across = F.normalize(w - (w @ direction)[:, None] * direction, dim=1)
_, w_length, theta = parts(one_x[None], w)
turn = torch.zeros(10, 1, dtype=torch.float64, requires_grad=True)
angle = theta.T + turn  # (10, 1)
turned = angle.cos() * direction + angle.sin() * across  # (10, 64)
turned = w_length[:, None] * turned

# %%
softmax_loss((turned @ one_x)[None], one_y).sum().backward()
torch.testing.assert_close(turned.detach(), w)
derived = angle_gradient(one_x[None], w, one_y)  # (1, 10)
torch.testing.assert_close(turn.grad.T, derived)
print("turned by hand and differentiated: equal to the formula")

# %% [markdown]
# The formula is a product of three factors, and a product vanishes where one of
# them does. Take the right class and give it nine rivals at right angles to $x$,
# all with the same $s$. Then $p_y = e^{s\cos\theta}/(e^{s\cos\theta} + 9)$, and the
# pull on the own arrow is $(1 - p_y)\,s\sin\theta$. The figure divides it by $s$.

# %%
theta_line = torch.linspace(0, math.pi, 361)
pulls = {}
for s in (2, 8, 32):
    logits = s * theta_line.cos()  # (361,)
    p_own = logits.exp() / (logits.exp() + 9)
    pulls[s] = (1 - p_own) * theta_line.sin()  # (361,), divided by s

# %%
figure = new_figure(7, 3)
axes = figure.subplots()
places = {2: (25, 0.43, ":"), 8: (50, 0.17, "--"), 32: (89, 0.3, "-")}
for s, (degrees, height, line) in places.items():
    axes.plot(theta_line.rad2deg(), pulls[s], line, color=CODES)
    axes.text(degrees, height, f"s = {s}", color=CODES)
axes.set(xlabel="θ to the own arrow (degrees)", ylabel="pull / s")
axes.set(xlim=(0, 180), ylim=(0, 1.05), xticks=range(0, 181, 30))
caption = (
    "The pull that closes the own angle. It dies on the arrow, opposite to "
    "the arrow, and wherever the class is already certain."
)
Picture(figure, f"Three curves of pull over angle. {caption}", caption)

# %% [markdown]
# At $\theta = 0$ the sine is zero: an embedding on its arrow has nowhere better to
# go. At $\theta = \pi$ it is zero as well, although nothing could be more wrong. An
# embedding exactly opposite to its arrow has no reason to prefer one way round
# to another; it needs a nudge before it can turn. Between the two the factor
# $1 - p_y$ rules, and here the curves differ. At $s = 32$ the pull has died as soon
# as the own arrow is a few degrees nearer than the others. At $s = 2$ it never
# dies before the arrow is reached, because with so small a scale the class cannot
# become certain.
#
# This fits the histogram, where digits stood 75° from their arrows and were right. As
# soon as the product of lengths is large, a small lead in angle gives certainty, and
# with certainty the turning stops. What a good value of $s$ is when
# one may choose it belongs to [chapter 02](02_sphere_and_scale.ipynb).

# %% [markdown]
# ## Confidence for free
#
# Turning has stopped, and the loss is not zero yet. Is there anything left that
# would lower it? Split $x$ into length and direction, $x = \|x\|\,\hat x$, keep the
# direction and change the length. Every logit is $a_j = \|x\|\,(w_j \cdot \hat x)$, so
# its derivative by the length is $w_j \cdot \hat x = a_j / \|x\|$. The chain rule now
# runs over all classes, since all logits change at once:
#
# $$\frac{\partial L}{\partial\|x\|} = \sum_{j=1}^{C} \bigl(p_j - [j = y]\bigr)\frac{a_j}{\|x\|} = \frac{\bar a - a_y}{\|x\|}, \qquad \bar a = \sum_{j=1}^{C} p_j\,a_j .$$
#
# Here $\bar a$ is the mean of the logits, each class counted with its probability.
# If the answer is right, $a_y$ is the largest logit, and no mean is larger than the
# largest. The derivative is then negative, always: *a right answer is improved by
# length*, however long it is already, and without learning anything. If the answer is
# wrong, $a_y$ usually lies below the mean, and length hurts.


# %%
def length_gradient(logits, labels, x_length):
    """(N, C), (N,) and (N, 1) to (N,): the loss by the length of x."""
    mean = (logits.softmax(dim=1) * logits).sum(dim=1)  # (N,)
    right = logits.gather(1, labels[:, None])[:, 0]  # (N,)
    return (mean - right) / x_length[:, 0]  # (N,)


exact_x = new_x.double()
x_length = exact_x.norm(dim=1, keepdim=True).requires_grad_()  # (N, 1)
logits = x_length * (F.normalize(exact_x, dim=1) @ w.T)  # (N, 10)
softmax_loss(logits, new_y).sum().backward()
derived = length_gradient(logits, new_y, x_length).detach()  # (N,)
torch.testing.assert_close(x_length.grad[:, 0], derived)
print("autograd agrees")

# %% tags=["nbval-ignore-output"]
assert (derived[~wrong] < 0).all()
assert (derived[wrong] > 0).float().mean() > 0.5
print(f"right: longer is better for all {int((~wrong).sum())}")
print(
    f"wrong: shorter is better for {int((derived[wrong] > 0).sum())}", end=""
)
print(f" of {int(wrong.sum())}")

# %% [markdown]
# What does this do to a network in training? Pixels have the length they have, but
# embeddings are made, and a network can make them longer. We give one only 200
# digits, which it will soon know by heart, and watch three things: the angle to
# the own arrow, the length of the embedding, and the loss. The 1,097 digits that
# it does not see are held out, for later.

# %%
STEPS = 120


def network(bias):
    """A body from ink to 16 numbers, and a head from these to 10 logits."""
    layers = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16)
    return nn.Sequential(*layers), nn.Linear(16, 10, bias=bias)


def split(seed):
    """200 digits to learn from, 1,097 held out; which, the seed decides."""
    order = torch.randperm(
        len(x), generator=torch.Generator().manual_seed(seed)
    )
    return (x[order[:200]], y[order[:200]]), (x[order[200:]], y[order[200:]])


# %%
def train(seed, bias=False, steps=STEPS, watch=None):
    torch.manual_seed(seed)
    body, head = network(bias)
    (known_x, known_y), _ = split(seed)
    weights = [*body.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    for step in range(steps):
        loss = F.cross_entropy(head(body(known_x)), known_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch:
            watch(step + 1, body, head)
    return body, head


# %%
history = []  # step, angle, length, loss, loss on new digits, share right


@torch.no_grad()
def watch(step, body, head):
    (known_x, known_y), _ = split(0)
    known = body(known_x)  # (200, 16)
    logits, new_logits = head(known), head(body(new_x))
    theta = parts(known, head.weight)[2].gather(1, known_y[:, None])
    losses = softmax_loss(logits, known_y), softmax_loss(new_logits, new_y)
    right = (logits.argmax(dim=1) == known_y).float()
    values = theta.rad2deg(), known.norm(dim=1), *losses, right
    history.append([step, *(value.mean().item() for value in values)])


# %%
body, head = train(seed=0, steps=250, watch=watch)
step, angle, length, loss, new_loss, right = torch.tensor(history).T
learned = int(step[right == 1][0])

# %%
figure = new_figure(7.6, 2.7)
panels = figure.subplots(1, 3)
for axes, values, title in zip(
    panels, (angle, length, loss), ("θ (degrees)", "‖x‖", "loss"), strict=True
):
    axes.semilogx(step, values, color=LATENTS)
    axes.axvline(learned, color=NEUTRAL, linestyle="--", linewidth=1)
    axes.set(xlabel="step", title=title, xticks=[1, 10, 100], ylim=(0, None))
    axes.set_xticklabels(["1", "10", "100"])

# %%
panels[0].set_ylim(0, 100)
panels[2].set(ylim=(0, 1.6), yticks=[0, 0.5, 1, 1.5])
panels[2].semilogx(step, new_loss, color=CODES)
panels[2].set_xticks([1, 10, 100], ["1", "10", "100"])
panels[2].text(90, 0.06, "known", color=readable(LATENTS), ha="center")
panels[2].text(90, 0.65, "new", color=CODES, ha="center")
caption = (
    "At the dashed line the network has learned the last of its 200 digits. "
    "From there on angles hardly move, lengths go on growing, and the loss on "
    "new digits rises again."
)
Picture(figure, f"Three curves over training steps. {caption}", caption)

# %% tags=["nbval-ignore-output"]
last = history[-1]
at = history[learned - 1]
lowest = new_loss.min().item()
assert last[2] > 1.1 * at[2] and last[4] > lowest + 0.03
print(f"from step {learned} to {last[0]}:")
print(f"  angle   {at[1]:.0f}° to {last[1]:.0f}°")
print(f"  length  {at[2]:.1f} to {last[2]:.1f}")
print(f"  loss on the 200 digits {at[3]:.4f} to {last[3]:.4f}")
print(f"  new digits' loss at its lowest {lowest:.2f}, now {last[4]:.2f}")

# %% [markdown]
# After the dashed line no answer on the 200 digits is wrong, so every one of them
# asks for length, and gets it. The training loss goes down by orders of magnitude
# while hardly an angle moves. On new digits the same growth does harm: the right
# ones gain little, since they were certain already, and the wrong ones become
# certainly wrong. The loss has bought confidence, and it has bought it on the
# evidence of digits that were known by heart.

# %% [markdown]
# ## Temperature is length upside down
#
# If length is confidence, confidence can be turned without training: divide every
# logit by the same number. It is called the **temperature** $\tau$, a word
# borrowed from physics, where hot means undecided:
#
# $$p_j = \frac{e^{a_j/\tau}}{\sum_{j'=1}^{C} e^{a_{j'}/\tau}}$$
#
# Without a bias $a_j/\tau = w_j \cdot (x/\tau)$. A temperature of 2 does the same as
# half the ink, and $1/\tau$ is a scale like $s$. Hinton et al. (2015) raise the
# temperature of a large network to let a small one learn from its doubts.
#
# What are the limits? Let $a_{\max}$ be the largest logit, and multiply numerator
# and denominator by $e^{-a_{\max}/\tau}$. Nothing changes but the form:
#
# $$p_j = \frac{e^{-(a_{\max} - a_j)/\tau}}{\sum_{j'=1}^{C} e^{-(a_{\max} - a_{j'})/\tau}}$$
#
# Now no exponent is positive. As $\tau \to \infty$ every exponent goes to 0 and
# every term to 1, so $p_j \to 1/C$: the **uniform** distribution. As $\tau \to 0$ the
# exponent of the largest logit stays 0, and all others fall without bound. What
# remains is a one for the largest and a zero for the rest, the **argmax**. If two
# share the lead, each gets a half.

# %%
half_the_ink = linear(0.5 * new_x).softmax(dim=1)
torch.testing.assert_close((linear(new_x) / 2).softmax(dim=1), half_the_ink)
print("temperature 2 is half the ink; and two that share the lead:")
tie = torch.tensor([2.0, 2.0, 1.0])
for temperature in (0.01, 1.0, 100.0):
    row = (tie / temperature).softmax(dim=0)
    print(f"τ = {temperature:6.2f}:", [round(v, 3) for v in row.tolist()])

# %% [markdown]
# Between the limits lies everything else. Here is our surest mistake over five powers
# of ten. As trained, the network names one class and hides the rest. Which class would
# it have thought of second?

# %%
figure = new_figure(7, 2.9)
axes = figure.subplots()
heat = torch.logspace(-2, 3, 201)  # (201,)
shares = (new_logits[worst] / heat[:, None]).softmax(dim=1)  # (201, 10)
assert new_logits[worst].topk(2).indices[1] == new_y[worst]
for label, share in enumerate(shares.T):
    named = {int(chosen[worst]): WARNING, int(new_y[worst]): CODES}
    axes.semilogx(heat, share, color=named.get(label, NEUTRAL), alpha=0.8)
    if label in named:
        column = 98 if label == chosen[worst] else 82
        place = heat[column], share[98].item() + 0.03
        axes.text(*place, f"class {label}", color=named[label])

# %%
axes.axvline(1, color=NEUTRAL, linestyle="--", linewidth=1)
axes.text(1.08, 1.01, "as trained", color=readable(NEUTRAL))
axes.set(xlabel="temperature τ", ylabel="probability", ylim=(0, 1.08))
caption = (
    "The ten probabilities of one digit. Cold, all is certain; hot, every "
    "class has a tenth; and their order never changes."
)
Picture(figure, f"Ten curves over temperature. {caption}", caption)

# %% [markdown]
# The curves never cross. Dividing by a positive number keeps the order of the
# logits, so temperature changes no verdict. But it brings forward what certainty had
# hidden. Warmed up, the network turns out to have thought of the right class all
# along, in second place.
#
# The form with $a_{\max}$ is more than a device for limits. In float32 the largest
# number is about $3.4 \times 10^{38}$, and $e^{89}$ is larger. Where lengths grow
# without end, a logit of 100 is a matter of time. What does the plain formula say of
# it? And what does the loss say when the right class has a
# logit of 0, and a rival 200?

# %%
long = torch.tensor([100.0, 90.0, 80.0])
plain = long.exp() / long.exp().sum()
shifted = (long - long.max()).exp()
print("e^88 and e^89:", torch.tensor([88.0, 89.0]).exp().tolist())
print("plain softmax:  ", plain.tolist())
print("shifted softmax:", (shifted / shifted.sum()).tolist())
row, label = torch.tensor([[0.0, 200.0]]), torch.tensor([0])
from_probability = -row.softmax(dim=1)[0, 0].log()
print("log of a plain sum:     ", softmax_loss(row, label).item())
print("log of shifted softmax: ", from_probability.item())
print("torch's cross entropy:  ", F.cross_entropy(row, label).item())

# %% [markdown]
# Infinity over infinity is NaN. Shifted, the largest term is $e^0 = 1$, the sum is at
# least 1, and nothing can overflow. But the loss needs one more thought. It should be
# 200. Our own `softmax_loss` overflows, and the logarithm of a shifted softmax fails
# as well: $e^{-200}$ has become zero before its logarithm is taken. The remedy is to
# take the logarithm by hand and to move $a_{\max}$ outside,
#
# $$\log\sum_{j=1}^{C} e^{a_j} = a_{\max} + \log\sum_{j=1}^{C} e^{a_j - a_{\max}} ,$$
#
# which is known as **log-sum-exp**. To write it for a batch is Exercise 3.

# %% [markdown]
# ## How long should the embeddings have been?
#
# A network that says 0.9 should be right nine times in ten. If it is, for every
# confidence, it is **calibrated** (Guo et al. 2017). To see whether it is, we sort
# the new digits by confidence into ten bins, and compare in each bin the mean
# confidence with the share of right answers.


# %%
def reliability(p, labels, bins=10):
    """(N, C), (N,) to count, mean confidence and share right, (bins,) each."""
    confidence, chosen = p.max(dim=1)  # (N,), (N,)
    place = (bins * confidence).long().clamp(max=bins - 1)  # (N,)
    count = torch.bincount(place, minlength=bins)
    said = torch.bincount(place, confidence, minlength=bins) / count
    right = (chosen == labels).float()
    held = torch.bincount(place, right, minlength=bins) / count
    return count, said, held  # nan where a bin is empty


def calibration_error(p, labels):
    count, said, held = reliability(p, labels)
    return (count * (said - held).abs()).nansum() / count.sum()


# %% [markdown]
# The function at the end is the **expected calibration error**: the distance
# between what was said and what held, averaged over the bins with their counts.
#
# If the network says too much, its embeddings are too long, all of them, by about
# the same factor. So one temperature should help. We look for it on the 1,097
# held-out digits: the $\tau$ with the lowest loss. The test digits may not be asked,
# since they are to be the judges. And the 200 digits of training may not be
# asked either. What would they answer?


# %%
def best_temperature(logits, labels):
    """(N, C) and (N,) to the temperature with the lowest mean loss."""
    candidates = torch.logspace(-1, 2, 181)  # 4 % apart
    losses = [F.cross_entropy(logits / t, labels).item() for t in candidates]
    return candidates[torch.tensor(losses).argmin()].item()


known, held_out = split(seed=0)
with torch.no_grad():
    new_logits = head(body(new_x))  # (N, 10)
    temperature = best_temperature(head(body(held_out[0])), held_out[1])
    by_heart = best_temperature(head(body(known[0])), known[1])

# %% tags=["nbval-ignore-output"]
assert temperature > 2 and by_heart < 0.11
before, after = (
    (
        F.cross_entropy(logits, new_y),
        calibration_error(logits.softmax(1), new_y),
    )
    for logits in (new_logits, new_logits / temperature)
)
assert after[0] < 0.75 * before[0] and after[1] < before[1]
print(f"held-out digits ask for {temperature:.1f}")
print(f"the 200 digits of training ask for {by_heart:.1f}, the lowest offered")
for name, (loss, error) in (("before", before), ("after", after)):
    print(f"{name:7} loss {loss:.2f}, calibration error {error:.3f}")

# %%
figure = new_figure(6.6, 3.2)
panels = figure.subplots(1, 2, sharey=True)
for axes, heat in zip(panels, (1.0, temperature), strict=True):
    answer = (new_logits / heat).softmax(dim=1)
    count, said, held = reliability(answer, new_y)
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=1)
    size = 12 * count.float().sqrt()
    axes.scatter(said, held, s=size, color=CODES, alpha=0.8, zorder=3)
    axes.set(xlim=(0, 1.06), ylim=(0, 1.06), aspect="equal")
    axes.set(title=f"τ = {heat:.1f}", xlabel="confidence")

# %%
panels[0].set_ylabel("share right")
caption = (
    "Ten bins of new digits; the larger a point, the more digits. On the grey "
    "line the network would be right as often as it says. Below it boasts."
)
Picture(figure, f"Two reliability diagrams. {caption}", caption)

# %% [markdown]
# The digits known by heart ask for the lowest temperature on offer: all of them
# are right, and for a right answer more length is always better. A search has found
# again what the derivative said. The held-out digits ask for embeddings less than
# half as long. Afterwards the points lie about the line, the loss on new digits has
# fallen by more than a quarter, and *not one verdict has changed*. One number was
# enough, which is what Guo et al. (2017) found for networks far larger than ours.

# %% [markdown]
# ## The same, from the library
#
# The library's `SoftmaxHead` is the linear layer without a bias, and [chapter
# 03](03_margins.ipynb) puts its margins into heads of the same shape. The next cell holds what was built
# in view equal to it, and to torch's own cross entropy: logits, losses, and the
# gradient with respect to the arrows, which here is put together from angles and
# lengths.

# %%
torch.manual_seed(2)
library = SoftmaxHead(16, 10).double()
x16, y16 = torch.randn(32, 16).double(), torch.randint(10, (32,))
x_length, w_length, theta = parts(x16, library.weight.detach())
logits = x_length * w_length * theta.cos()  # (32, 10)
torch.testing.assert_close(library(x16, y16), logits)
torch.testing.assert_close(
    F.cross_entropy(library(x16), y16, reduction="none"),
    softmax_loss(logits, y16),
)

# %% [markdown]
# An arrow can be turned, and it can be stretched. The gradient across it is the
# derivative by the angle, divided by the arrow's length, since turning a long arrow
# by one radian moves its tip further. The gradient along it is
# $(p_j - [j = y])\,\|x\|\cos\theta_j$. Both parts, summed over the batch, must give what
# autograd gives.

# %%
F.cross_entropy(library(x16), y16, reduction="sum").backward()
w = library.weight.detach()  # (10, 16)
w_hat, x_hat = F.normalize(w, dim=1), F.normalize(x16, dim=1)
away = w_hat * theta.cos()[..., None] - x_hat[:, None]  # (32, 10, 16)
away = F.normalize(away, dim=2)  # where the tip goes as its angle opens
by_angle = angle_gradient(x16, w, y16) / w_length  # (32, 10)
by_length = softmax_gradient(logits, y16) * x_length * theta.cos()
total = by_angle[..., None] * away + by_length[..., None] * w_hat
torch.testing.assert_close(total.sum(dim=0), library.weight.grad)
print("logits, losses and gradients are equal")

# %% [markdown]
# ## A temperature that you can move
#
# Back to the plane of the digits 0 to 4. We take all directions at the same length,
# the median of the new digits, and draw for each class a petal: along each direction
# it reaches as far from the centre as the class is probable there. The orange point
# is one of two new digits: the clearest, and one so near to a border that its best
# two logits are only about 1 apart.

# %%
length = points.norm(dim=1).median()
turn = 2 * math.pi * torch.arange(720) / 720
circle = length * torch.stack([turn.cos(), turn.sin()], dim=1)  # (720, 2)
even = F.normalize(arrows, dim=1) * arrows.norm(dim=1).mean()
flowers = {
    "as learned": Flower(circle @ arrows.T, arrows),
    "all equally long": Flower(circle @ even.T, even),
}

# %%
on_circle = length * F.normalize(points, dim=1)  # (N, 2)
lead = (on_circle @ arrows.T).topk(2, dim=1).values  # (N, 2)
lead = lead[:, 0] - lead[:, 1]  # (N,), between the two best logits
places = torch.atan2(points[:, 1], points[:, 0])  # (N,), radians
two = {
    "far from a border": places[lead.argmax()].item(),
    "near a border": places[(lead - 1).abs().argmin()].item(),
}
scene = TemperatureScene(flowers, two, "01234")
lengths = arrows.norm(dim=1)  # (5,)
assert lengths[[1, 4]].max() < lengths[[0, 2, 3]].min()

# %% [markdown]
# ### Predict, then drag
#
# 1. You cool the softmax, from $\tau = 8$ to $\tau = \tfrac14$. What shape does a
#    petal take in the end?
# 2. Which moves while you do: the place where two petals cross, or only how steeply
#    they cross?
# 3. Take the digit near a border. At which temperature does the network begin to be
#    sure of it?
# 4. Make all arrows equally long. Which classes gain ground?

# %%
temperature_figure = SliderFigure(
    scene,
    alt_title="Five classes on a circle, and a softmax from cold to hot",
    size=(7.2, 3.4),
    doublings=Slider(-2, 7, 0.5, 3, "log₂ τ", frames=10, format=".1f"),
    digit=Choice(tuple(two), "far from a border", "digit"),
    lengths=Choice(tuple(flowers), "as learned", "arrows"),
)
temperature_figure

# %% tags=["moves-sliders"]
hot = temperature_figure.set(doublings=7)
cold = temperature_figure.set(doublings=-2)
assert "τ = 128" in hot and "τ = 0.25" in cold
border = temperature_figure.set(digit="near a border")
learned_lengths = temperature_figure.caption
equal_lengths = temperature_figure.set(lengths="all equally long")
assert border != cold and equal_lengths != learned_lengths
temperature_figure.set(
    doublings=3, digit="far from a border", lengths="as learned"
)
print("moved from hot to cold, over a border, and back")

# %% [markdown]
# Cold, a petal becomes a slice of a pie: probability one up to the border and zero
# behind it. Where two petals cross, their logits are equal, and no temperature
# moves that place. The digit near a border shows what the softmax does not know. At
# $\tau = 8$ its two best classes nearly share the probability, at $\tau = 1$ one of them
# leads, and at $\tau = \tfrac14$ the doubt is gone. Cool it far enough, and any lead,
# however thin, becomes certainty.
# With equal arrows the borders stand half-way, and the classes with short arrows,
# the 1 and the 4, gain what the long ones had taken from them.

# %% [markdown]
# ## Experiment · what do the lengths know?
#
# Direction holds the class: without a bias that is algebra, and no experiment is
# needed. What an experiment can say is what the *individual* lengths are worth. Does
# a network make its embedding longer where it has reason to be sure, and shorter
# where it has doubts? Then taking an image's length away and giving it another's
# must cost loss.
#
# We train the network of the last sections with five seeds, each of which draws
# its own 200 digits. The **baseline** is the embeddings as they were learned. Then
# we set all lengths to their mean, and then we shuffle them among the images. The
# **negative control** shuffles as well, but the directions, and leaves every length
# in its place. If shuffling of any kind did little harm, the control would do
# little too. Every arm is also given its own best temperature, found on the
# held-out digits under the same treatment, so that the overall length is out of
# the comparison. All this is done twice, without a bias in the head and with one.

# %%
treatments = {
    "as learned": lambda unit, length, _: unit * length,
    "lengths equal": lambda unit, length, _: unit * length.mean(),
    "lengths shuffled": lambda unit, length, order: unit * length[order],
    "directions shuffled": lambda unit, length, order: unit[order] * length,
}


def treated(embeddings, name, seed):
    """(N, 16) to (N, 16), by one of the four treatments."""
    chance = torch.Generator().manual_seed(100 + seed)
    order = torch.randperm(len(embeddings), generator=chance)
    length = embeddings.norm(dim=1, keepdim=True)  # (N, 1)
    return treatments[name](embeddings / length, length, order)


# %%
@torch.no_grad()
def measure(body, head, seed):
    """Of each treatment: accuracy, loss, loss at the best τ, verdicts kept."""
    held_x, held_y = split(seed)[1]
    verdicts = head(body(new_x)).argmax(dim=1)  # (N,)
    rows = {}
    for name in treatments:
        logits = head(treated(body(new_x), name, seed))  # (N, 10)
        held = head(treated(body(held_x), name, seed))
        tau = best_temperature(held, held_y)
        losses = [F.cross_entropy(logits / t, new_y) for t in (1, tau)]
        chosen = logits.argmax(dim=1)  # (N,)
        right, kept = ((chosen == it).float() for it in (new_y, verdicts))
        rows[name] = torch.stack([right.mean(), *losses, kept.mean()])
    return rows


# %% tags=["nbval-ignore-output"]
SEEDS = range(5)
results = {}
print(f"{'':20} accuracy       loss, τ = 1    loss, best τ")
for bias in (False, True):
    runs = [measure(*train(seed, bias), seed) for seed in SEEDS]
    print("with a bias" if bias else "without a bias")
    for name in treatments:
        table = torch.stack([run[name] for run in runs])  # (5, 4)
        results[bias, name] = table
        mean, spread = table.mean(dim=0), table.std(dim=0)
        cells = (f"{mean[n]:6.3f} ± {spread[n]:.3f}" for n in range(3))
        print(f"{name:20}", " ".join(cells))

# %%
figure = new_figure(7.6, 2.6)
panels = figure.subplots(1, 2)
for row, name in enumerate(treatments):
    table = results[False, name]
    colour = SERIES[row % 3] if row < 3 else WARNING
    panels[0].plot(table[:, 0], [row] * 5, "o", color=colour, alpha=0.8)
    panels[1].plot(table[:, 1], [row - 0.15] * 5, "o", color=colour, alpha=0.8)
    panels[1].plot(
        table[:, 2], [row + 0.2] * 5, "o", color=colour, mfc="white"
    )

# %%
panels[0].set(xlim=(0, 1.02), xlabel="accuracy")
panels[0].set_yticks(range(4), list(treatments))
panels[1].set(xscale="log", xlabel="loss on new digits", yticks=[])
panels[1].set_xticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
panels[1].minorticks_off()
for axes in panels:
    axes.set_ylim(3.6, -0.6)
caption = (
    "Four treatments of the same networks, five seeds each, without a bias. "
    "Full dots are at τ = 1, open ones at the best τ. Only shuffled "
    "directions cost accuracy."
)
Picture(figure, f"Accuracy and loss of four treatments. {caption}", caption)

# %% tags=["nbval-ignore-output"]
learned, equal, shuffled, control = (
    results[False, name] for name in treatments
)
assert (equal[:, 3] == 1).all() and (shuffled[:, 3] == 1).all()
assert control[:, 0].max() < 0.2
assert (shuffled[:, 1:3] > learned[:, 1:3]).all()
own_length = (equal - learned)[:, 2].mean().item()
shared = (learned[:, 1] - learned[:, 2]).mean().item()
assert shared > 4 * own_length and (equal[:, 2] - learned[:, 2]).min() > -0.02
kept = results[True, "lengths shuffled"][:, 3].mean().item()
assert 0.97 < kept <= 1
print(f"one temperature for all lowers the loss by {shared:.2f} nats,")
print(f"an own length for each digit, on top of it, by {own_length:.3f}")
print(f"with a bias, shuffled lengths keep {kept:.1%} of the verdicts")

# %% [markdown]
# Without a bias the first three rows have one accuracy, to the last digit: not a
# single verdict has changed, as algebra demands. With a bias the algebra does not
# hold, and we had to measure. Shuffled lengths then change a few verdicts in a
# thousand, so embeddings as long as these leave a bias little to say. The control
# falls to chance. At $\tau = 1$ it is sure and wrong, at ruinous cost, and the best
# that a temperature can do for it is to say nothing, at $\log 10 = 2.3$ nats.
#
# The loss tells what lengths know. In each of the five runs, at either temperature, it
# was better to have one's own length than that of somebody else, so lengths are no noise: they carry
# some evidence of how sure to be. But compare the sizes. Once all embeddings have
# been shortened by their common factor, an own length for each is worth less than a
# quarter of what the common factor was. We had expected more. The network's doubt is
# in its directions too: a digit that is hard to read lies near a border, where even
# a long embedding is unsure. What its length adds to that is little.

# %% [markdown]
# ## Interpretation and limits
#
# Why does a book on vector quantization begin here? In a VQ-VAE (van den Oord et al.
# 2017) each latent is replaced by the nearest code of a codebook. If latents and
# codes are compared by direction, the nearest code is the one with the largest
# cosine. That is the verdict of a head whose arrows are the codes, in other words a
# softmax at temperature zero. What you have seen of arrows will come back for codes:
# lengths that grow because nothing holds them, long ones that claim more than their
# share, and a gradient that stops turning too early. ArcVQ-VAE (Kim and Yoo 2026)
# looks its codes up by angle, and adds a loss that is a softmax over angles, on the
# other axis: for a code it runs over the latents of the batch.
#
# | | the softmax and its angles |
# |---|---|
# | the ArcVQ-VAE paper | matches by cosine alone, and trains with a softmax over $s\cos\theta$, leaving its margin aside, in which $s$ is a fixed number and lengths play no part |
# | its official code | the same, written as plain exponentials and a sum, which overflow in float32 once $s$ reaches 89; its own $s$ is 5 or 10, where nothing happens |
# | ours | the same values, through log-sum-exp, finite at any $s$ |
#
# What was shown? By derivation, and against autograd: the gradient in logits, in
# angles and in length. By experiment, with five seeds and against shuffled
# directions: that direction holds the class, exactly without a bias and nearly with
# one, and that individual lengths hold some of the confidence and the common length
# most of the overconfidence. The experiment was small. The networks saw 200 digits
# each, and the judges were 500 digits of the same collection. Lengths were taken away
# *after* training; it does not say what a network learns that never had any, which is
# the subject of [chapter 02](02_sphere_and_scale.ipynb). And one temperature for all
# mends the mean confidence. Whether each single answer deserves its own is another
# question, which stays open here.

# %% [markdown]
# ## Exercises
#
# Every exercise has a checker that answers at once. Replace `return None`, run
# the cell, and read what it says. The solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · A longer embedding, without its logits
#
# *Difficulty ●○○ · 10 minutes*
#
# A head without a bias has given you the probabilities `p` $(N, C)$ and has kept its
# logits to itself. Write the probabilities $(N, C)$ it would have given if every
# embedding had been `factor` times as long.
#
# <details><summary>Hint</summary>
#
# $\log p_j$ is the logit $a_j$ minus a number that is the same for all classes.
#
# </details>


# %% tags=["exercise"]
def longer(p, factor):
    return None  # your lines here


check.longer_embedding(longer)


# %% tags=["solution"] jupyter={"source_hidden": true}
def longer_solution(p, factor):
    powers = p**factor  # the exponential of factor times log p
    return powers / powers.sum(dim=1, keepdim=True)


check.longer_embedding(longer_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · The border between unequal arrows
#
# *Difficulty ●●○ · 15 minutes*
#
# Two arrows of the lengths `first` and `second` stand at an angle `between`, in
# radians, less than $\pi$. There is no bias. At which angle from the first arrow,
# counted towards the second, does the border lie? When is your answer negative, and
# what does that mean for an embedding that lies exactly on the first arrow?


# %% tags=["exercise"]
def border(first, second, between):
    return None  # your lines here


check.border_of_lengths(border)


# %% tags=["solution"] jupyter={"source_hidden": true}
def border_solution(first, second, between):
    # first cos θ = second cos(between − θ), divided by cos θ
    rise = first - second * math.cos(between)
    return math.atan(rise / (second * math.sin(between)))


check.border_of_lengths(border_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · A loss that does not overflow
#
# *Difficulty ●●○ · 15 minutes*
#
# Write the cross entropy of each row, `logits` $(N, C)$ and `labels` $(N)$ to $(N)$,
# so that it is right for logits of 200 as well. Use no ready-made softmax,
# `logsumexp` or cross entropy. The checker knows eight wrong ways.


# %% tags=["exercise"]
def stable_loss(logits, labels):
    return None  # your lines here


check.stable_cross_entropy(stable_loss)


# %% tags=["solution"] jupyter={"source_hidden": true}
def stable_loss_solution(logits, labels):
    largest = logits.amax(dim=1, keepdim=True)  # (N, 1)
    total = (logits - largest).exp().sum(dim=1).log()  # (N,)
    right = logits.gather(1, labels[:, None])[:, 0]  # (N,)
    return largest[:, 0] + total - right


check.stable_cross_entropy(stable_loss_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · What a temperature wants
#
# *Difficulty ●●● · 25 minutes*
#
# We searched for the best temperature. It can be found by descent too. Derive
# $\partial L / \partial \tau$ of the mean loss at the temperature $\tau$, on paper, and
# write it as a function of `logits` $(N, C)$, `labels` $(N)$ and `temperature` that
# returns one number. Do not use autograd, except to doubt yourself. What must hold
# of the logits at the best temperature?


# %% tags=["exercise"]
def heat_gradient(logits, labels, temperature):
    return None  # your lines here


check.temperature_gradient(heat_gradient)


# %% tags=["solution"] jupyter={"source_hidden": true}
def heat_gradient_solution(logits, labels, temperature):
    p = (logits / temperature).softmax(dim=1)  # (N, C)
    mean = (p * logits).sum(dim=1)  # (N,)
    right = logits.gather(1, labels[:, None])[:, 0]  # (N,)
    # At the best temperature the right logits are what p expects, on average.
    return ((right - mean) / temperature**2).mean()


check.temperature_gradient(heat_gradient_solution)

# %% [markdown]
# ## Quiz
#
# **1.** A head has no bias. You multiply an embedding by 3. What happens to the
# class, and what to the confidence?
#
# <details><summary>Answer</summary>
#
# The class stays, because the angles stay. All logits are multiplied by 3, so the
# confidence in that class grows.
#
# </details>
#
# **2.** You multiply an embedding by −1 instead. Does the class still stay?
#
# <details><summary>Answer</summary>
#
# No. Every angle $\theta_j$ becomes $\pi - \theta_j$ and every logit changes its sign;
# the class that was furthest wins.
#
# </details>
#
# **3.** Why do the ten gradients $p_j - [j = y]$ of an image sum to zero?
#
# <details><summary>Answer</summary>
#
# The probabilities sum to one, and so do the brackets. It is also the reason why a
# number added to all logits changes nothing.
#
# </details>
#
# **4.** An embedding points exactly away from its own arrow. How strongly does the
# softmax turn the arrow towards it?
#
# <details><summary>Answer</summary>
#
# Not at all: $\sin\pi = 0$. The class could hardly be more wrong, but no way round is
# better than another. The smallest nudge to a side ends the stalemate.
#
# </details>
#
# **5.** A network has learned its training set without a mistake. Which cheap way to
# lower the loss is left to it?
#
# <details><summary>Answer</summary>
#
# To make embeddings and arrows longer. For a right answer the derivative of the loss
# by the length is $(\bar a - a_y)/\|x\|$, which is negative.
#
# </details>
#
# **6.** May the temperature be fitted on the training set?
#
# <details><summary>Answer</summary>
#
# No. On digits that are known by heart all answers are right, and the best temperature
# is the lowest one can have. Take digits that training has not seen, and others again
# to judge by.
#
# </details>
#
# **7.** What becomes of the accuracy as $\tau$ goes to infinity, and what of the loss?
#
# <details><summary>Answer</summary>
#
# The accuracy stays: the order of the logits is kept at every finite $\tau$. The loss
# goes to $\log C$, that of a network that has no opinion.
#
# </details>
#
# **8.** Somebody subtracts the largest logit of the whole batch instead of each row's
# own. Nothing overflows. What can still go wrong?
#
# <details><summary>Answer</summary>
#
# A row whose logits all lie far below that number underflows: all its exponentials
# become zero, and the logarithm of zero is minus infinity.
#
# </details>

# %% [markdown]
# ## Summary
#
# A logit is $\|w_j\|\,\|x\|\cos\theta_j$. Without a bias the length of $x$ cancels at
# every border, so direction decides the class and length the confidence. The
# gradient of the softmax loss is $p_j - [j = y]$ in logits and, times
# $-s_j\sin\theta_j$, in angles: it closes the own angle, opens the others, and dies on
# the arrow, opposite to it, and where the answer is certain. When turning has
# stopped, growing goes on, since a right answer is always improved by length. A
# temperature is a length upside down; one number, fitted on digits held out, took
# back what training had said too much. Individual lengths turned out to know
# something, and not much.

# %% [markdown]
# ## References
#
# - Bridle: *Training Stochastic Model Recognition Algorithms as Networks Can Lead to
#   Maximum Mutual Information Estimation of Parameters*, NeurIPS 1990,
#   <https://proceedings.neurips.cc/paper/1989/hash/0336dcbab05b9d5ad24f4333c7658a0e-Abstract.html>,
#   where the softmax got its name.
# - Hinton, Vinyals, Dean: *Distilling the Knowledge in a Neural Network*, arXiv 2015,
#   <https://arxiv.org/abs/1503.02531>.
# - Guo, Pleiss, Sun, Weinberger: *On Calibration of Modern Neural Networks*, ICML
#   2017, <https://arxiv.org/abs/1706.04599>, for temperature scaling.
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>.
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>.
# - Pedregosa, Varoquaux, Gramfort, Michel, Thirion, Grisel, Blondel, Prettenhofer,
#   Weiss, Dubourg, Vanderplas, Passos, Cournapeau, Brucher, Perrot, Duchesnay:
#   *Scikit-learn: Machine Learning in Python*, JMLR 2011,
#   <https://jmlr.org/papers/v12/pedregosa11a.html>.

# %% [markdown]
# ## Next
#
# If lengths know so little and say so much, why not take them away while training?
# [Chapter 02](02_sphere_and_scale.ipynb) puts embeddings and arrows on the unit
# sphere, finds that the loss then refuses to fall, and brings back one length for
# all: the scale $s$.
