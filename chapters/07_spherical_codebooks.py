# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Spherical codebooks: direction finds, norm decodes
#
# | | |
# |---|---|
# | **You will be able to** | match latents to codes by direction while the decoder receives their lengths, prove where such a codebook comes to rest, and say which error it does not lower |
# | **Before you start** | [chapter 04](04_kmeans_to_vq.ipynb) for k-means and the straight-through estimator, [chapter 05](05_vqvae.ipynb) for the VQ-VAE and its loss |
# | **Data** | photographs from scikit-image and scikit-learn, on your disk already |
# | **Time** | 60 minutes to read, three quarters of a minute to run |
# | **Widget** | the skew of the codes' lengths, under Euclidean or cosine matching |
# | **The claim** | matching by angle does not lower the squared error; with latents held still it raises a sum of cosines weighted by length, so it does come to rest, elsewhere than k-means |

# %%
import copy
import math

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # networks as small as ours gain nothing from two

# %%
from arcvq_lite import (
    VQ,
    VQVAE,
    ArcVQ,
    Quantized,
    check,
    codebook_geometry,
    evaluate_vqvae,
    load_images,
    train_vqvae,
    uniform_sphere,
)
from arcvq_lite.layout import like_indices, like_latents

# %%
from arcvq_lite.viz import (
    CODES,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    draw_images,
    new_figure,
)
from arcvq_lite.viz.spherical import Cells, CellsScene, draw_cells
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## The same plane, cut twice
#
# We begin with latents that no codebook has touched. A small autoencoder is
# trained on photographs for a few steps, with two numbers at each place, so that
# its latents lie in a plane and can be looked at. In the place of a quantizer it
# has a part that hands every latent on. (It can also divide the latent by its
# length on the way. We shall need that at the end.)

# %%
photos = load_images("photos").images  # (6100, 3, 32, 32)
cat = load_images("photos", split="test").images  # (459, 3, 32, 32)


class NoCodebook(nn.Module):
    def __init__(self, dim, unit=False):
        super().__init__()
        self.num_codes, self.dim, self.unit = 2, dim, unit
        self.codebook = torch.eye(2, dim)  # the trainer logs one; it is idle

    def forward(self, latents, step=None):
        kept = F.normalize(latents, dim=1) if self.unit else latents
        nobody = torch.zeros_like(latents[:, 0], dtype=torch.int64)
        return Quantized(kept, nobody, torch.zeros(()), {})


# %%
def train(model, seed, steps):
    options = {"batch_size": 32, "learning_rate": 2e-3, "log_every": steps}
    options["held_out"] = cat[:8]  # only for the log, which we shall not read
    train_vqvae(model, photos, seed=seed, steps=steps, **options)
    return model


def autoencoder(dim, seed, steps, unit=False):
    torch.manual_seed(seed)
    model = VQVAE(3, NoCodebook(dim, unit), hidden=32, residual_hidden=8)
    return train(model, seed, steps)


def rows(latents):
    return rearrange(latents, "b d h w -> (b h w) d")


# %% [markdown]
# The latents are those of the cat, which was not trained on. We move their mean to
# the origin and stretch them until they are equally wide in every direction, a
# change that the decoder's first layer could undo.

# %%
small = autoencoder(2, seed=0, steps=60)
with torch.no_grad():
    flat = rows(small.latents(cat[::9]))  # (3264, 2)
left, _, _ = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False)
plane = math.sqrt(len(left)) * left[::3]  # (1088, 2), mean square 1
print(f"{len(plane):,} latents, half of them shorter than", end=" ")
print(f"{plane.norm(dim=1).median():.1f}")

# %% [markdown]
# Into this plane we put ten codes, their directions spread over the circle. In
# the picture one code is short and the other nine are longer than most latents.
# There are two ways to give each latent a code: the nearest, or the one at the
# smallest angle. Which parts of the plane does each code own?

# %%
turn = 2.4 * torch.arange(10) + 0.5  # radians; neighbours lie far apart
directions = torch.stack([turn.cos(), turn.sin()], dim=1)  # (10, 2)
growth = torch.cat([torch.tensor([-1.0]), torch.linspace(0.5, 1, 9)])


def skewed(skew):
    """Ten codes; with the skew, code 0 shrinks and all the others grow."""
    return (skew * growth).exp()[:, None] * directions


# %%
def by_distance(latents, codebook):
    """(N, D) and (K, D) to the index (N,) of the nearest code."""
    return torch.cdist(latents, codebook).argmin(dim=1)


def by_angle(latents, codebook):
    """(N, D) and (K, D) to the index (N,) of the code at the least angle."""
    cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T
    return cosine.argmax(dim=1)


# %%
line = torch.linspace(-3.4, 3.4, 400)
grid = torch.cartesian_prod(line, line).flip(dims=[1])  # (160000, 2)


def cells(matching, skew):
    codes = skewed(skew)
    owners = matching(grid, codes).reshape(400, 400)
    won = matching(plane, codes).bincount(minlength=10)  # (10,)
    return Cells(codes, owners, won)


# %% tags=["cover"]
near, wedge = cells(by_distance, 1.0), cells(by_angle, 1.0)
figure = new_figure(7.4, 3.6)
panels = figure.subplots(1, 2)
draw_cells(panels[0], near, plane, title="cut by distance")
draw_cells(panels[1], wedge, plane, title="cut by angle")
caption = (
    "The same codes (dark) and latents of a photograph (light). A cell is the "
    "darker the more latents it has won. By distance the short code beside "
    "the cross, the origin, swallows the middle; by angle cells are wedges."
)
Picture(figure, f"A plane cut into cells, twice. {caption}", caption)

# %% tags=["nbval-ignore-output"]
short = [int(cut.counts[0]) for cut in (near, wedge)]
assert short[0] > 0.4 * len(plane) and short[1] < 0.2 * len(plane)
print(f"the short code wins {short[0]} latents by distance")
print(f"and {short[1]} by angle, of {len(plane)}")

# %% [markdown]
# On the left stands a failure. Nobody has chosen the short code for its direction.
# It lies near the origin, most latents lie nearer to the origin than to any other
# code, and so it takes them all, whatever they have to say. On the right it gets
# the share that its direction earns. How lengths come to differ and why the
# difference feeds itself is the subject of [chapter 06](06_collapse.ipynb). This
# chapter is about the remedy on the right: what it is, what it costs, and what
# becomes of k-means once angles do the choosing.

# %% [markdown]
# ## Direction finds
#
# Write $\hat z = z/\|z\|$ for the direction of a latent and $\hat e$ for that of a
# code. **Spherical matching** takes the code at the smallest angle:
#
# $$k(i) = \arg\max_{j} \; \hat z_i \cdot \hat e_j .$$
#
# Latents $(N, D)$ and codes $(K, D)$ give cosines $(N, K)$ and indices $(N,)$;
# that is `by_angle` above. The same choice can be said with distances. For two
# vectors of length 1 at an angle $\theta$, multiply out:
#
# $$\|\hat z - \hat e\|^2 = \|\hat z\|^2 - 2\,\hat z \cdot \hat e + \|\hat e\|^2 = 2 - 2\cos\theta .$$
#
# The smaller the distance of the directions, the larger the cosine. So spherical
# matching is Euclidean matching after both sides have been normalised. And since
# directions are all that it sees, you may multiply every latent and every code by
# a positive number of its own, and no choice changes.

# %%
torch.manual_seed(0)
z = torch.randn(500, 8, dtype=torch.float64)  # (N, D)
e = torch.randn(32, 8, dtype=torch.float64)  # (K, D)
k = by_angle(z, e)  # (N,)

cosine = F.normalize(z, dim=1) @ F.normalize(e, dim=1).T  # (N, K)
squared = torch.cdist(F.normalize(z, dim=1), F.normalize(e, dim=1)).square()
torch.testing.assert_close(squared, 2 - 2 * cosine)
assert torch.equal(
    k, by_distance(F.normalize(z, dim=1), F.normalize(e, dim=1))
)

# %%
stretch_z = torch.rand(500, 1, dtype=torch.float64) + 0.01  # its own factor
stretch_e = 10 * torch.rand(32, 1, dtype=torch.float64) + 0.01
assert torch.equal(k, by_angle(stretch_z * z, stretch_e * e))
changed = by_distance(z, e) != by_distance(stretch_z * z, stretch_e * e)
assert changed.float().mean() > 0.5
print(f"by angle 0 of 500 choices change, by distance {changed.sum()}")

# %% [markdown]
# How far apart are the two matchings when nobody normalises? Multiply out the
# other distance. Of its three parts the first is the same for every code, and half
# of the rest decides:
#
# $$\|z - e_j\|^2 = \|z\|^2 - 2\,z\cdot e_j + \|e_j\|^2 \qquad\Longrightarrow\qquad \arg\min_j \|z - e_j\| = \arg\max_j \Big( z \cdot e_j - \tfrac12 \|e_j\|^2 \Big) .$$
#
# If all codes have one length, the last term is the same for all of them and can
# go. What is left is $z \cdot e_j = \|z\|\,\|e_j\|\cos\theta_j$, and of its factors
# only the cosine depends on $j$. *With codes of equal length, nearest in distance
# is nearest in angle, for every latent of any length.* Only unequal lengths tell
# the matchings apart.

# %%
score = z @ e.T - e.square().sum(dim=1) / 2  # (N, K)
assert torch.equal(score.argmax(dim=1), by_distance(z, e))

equal = 3 * F.normalize(e, dim=1)  # every code has length 3
assert torch.equal(by_distance(z, equal), by_angle(z, equal))
differ = (by_distance(z, e) != by_angle(z, e)).float().mean().item()
print(f"equal lengths: no choice differs; as drawn: {differ:.0%} differ")

# %% [markdown]
# When they are unequal, Euclidean matching hears the length of the latent too.
# Send a latent outwards along a ray, $z = a\,\hat z$ with $a$ growing from 0. The
# score of code $j$ is then $a\,(\hat z\cdot e_j) - \frac12\|e_j\|^2$, a straight
# line in $a$. Before you look: which code has the highest line at $a = 0$, and
# which in the end?

# %%
codes = skewed(1.0)  # those of the picture
ray = torch.tensor([math.cos(1.3), math.sin(1.3)])
slope, drop = codes @ ray, codes.square().sum(dim=1) / 2  # (10,), (10,)
a = torch.linspace(0, 5, 501)  # the length of the latent
scores = a[:, None] * slope - drop  # (501, 10)
by_length = scores.argmax(dim=1).unique_consecutive()
angular = by_angle(ray[None], codes).item()
print(f"along the ray: {by_length.tolist()}, by angle always {angular}")
assert by_length[0] == codes.norm(dim=1).argmin()
assert by_length[-1] == slope.argmax()

# %%
axes = (figure := new_figure(7, 3)).subplots()
axes.plot(a, scores, color=NEUTRAL, linewidth=0.8)
axes.plot(a, scores.max(dim=1).values, color=CODES, linewidth=2.6)
axes.plot(a, scores[:, angular], "--", color=WARNING)
for code, at in zip(by_length.tolist(), (0.45, 2.2, 4.2), strict=True):
    height = scores[int(100 * at)].max() + 0.45
    axes.text(at, height, f"code {code}", color=CODES, ha="right")
axes.text(4.9, 4.4, "smallest angle", color=WARNING, ha="right")
axes.set(xlabel="length a of the latent", ylabel="score", ylim=(-4, 9))
caption = (
    "One direction, ten codes, a line each. The highest line, the nearest "
    "code, changes with the length of the latent; the code at the smallest "
    "angle, dashed, is the same all the way."
)
Picture(figure, f"Ten straight lines and the highest. {caption}", caption)

# %% [markdown]
# At the beginning the shortest code wins, because its line starts highest. At the
# end the one with the largest $\hat z \cdot e_j$ wins, which is a long code that
# points roughly the right way. Between the two the nearest code may be the one
# that matches best in direction, as here, or it may be yet another. So the token
# of a latent under Euclidean matching mixes two messages, *which way* and *how
# much*. Under spherical matching it carries only the first.
#
# The borders say it once more. Between two codes the Euclidean border is a plane
# at right angles to $e_1 - e_2$, as far from the origin as
# $\big(\|e_1\|^2 - \|e_2\|^2\big) / \big(2\,\|e_1 - e_2\|\big)$. The spherical
# border passes through the origin always. That is why the cells on the left were
# polygons and those on the right were wedges.

# %% [markdown]
# ## Norm decodes
#
# A direction has been found. What does the decoder get? In ArcVQ-VAE (Kim and Yoo
# 2026) it gets the code as it is, *with* its length. The forward pass and the two
# terms of the loss are those of the VQ-VAE (van den Oord et al. 2017), on
# un-normalised vectors throughout:
#
# $$\text{to the decoder: } z + \operatorname{sg}(e_{k} - z), \qquad L = \operatorname{mse}\big(e_{k}, \operatorname{sg}(z)\big) + \beta\,\operatorname{mse}\big(\operatorname{sg}(e_{k}), z\big) .$$
#
# Here $\operatorname{sg}$ stops the gradient, and the decoder's gradient at the
# code is handed to the latent unchanged (Bengio et al. 2013). Nothing is
# differentiated through the matching, so the normalisation in it leaves no trace
# in any gradient. It finds an index, and is gone.


# %%
def quantize(latents, codebook, matching):
    """(N, D) and (K, D): what the decoder gets (N, D), indices, loss."""
    k = matching(latents.detach(), codebook.detach())  # (N,)
    codes = codebook[k]  # (N, D), each with its own length
    straight = codes.detach() + (latents - latents.detach())  # (N, D)
    loss = F.mse_loss(codes, latents.detach())
    loss = loss + 0.25 * F.mse_loss(codes.detach(), latents)
    return straight, k, loss


# %%
class Tokenizer(nn.Module):
    def __init__(self, codebook, matching, unit=False):
        super().__init__()
        self.codebook = nn.Parameter(codebook.clone())  # (K, D)
        self.num_codes, self.dim = codebook.shape
        self.matching, self.unit = matching, unit

    def forward(self, latents, step=None):
        z, e = rows(latents), self.codebook  # (N, D), (K, D)
        if self.unit:
            z, e = F.normalize(z, dim=1), F.normalize(e, dim=1)
        straight, k, loss = quantize(z, e, self.matching)
        out = like_latents(straight, latents), like_indices(k, latents)
        return Quantized(*out, loss, {})


# %% [markdown]
# The library has the same under the name of `ArcVQ` with its ball and its margin
# left out, and the Euclidean rival under the name of `VQ`. The parity cell compares
# tokens, what the decoder gets, the loss, and the gradients of latents and codes.

# %%
torch.manual_seed(1)
latents = 2 * torch.randn(2, 8, 5, 5, requires_grad=True)  # (B, D, H, W)
arc, vq = ArcVQ(32, 8, radius=None, margin=None), VQ(32, 8)
for library, matching in ((arc, by_angle), (vq, by_distance)):
    library.codebook.data *= torch.linspace(0.2, 3, 32)[:, None]
    mine = Tokenizer(library.codebook.detach(), matching)
    results = []
    for it in (library, mine):
        out = it(latents)
        total = out.loss + out.quantized.square().mean()
        gradients = torch.autograd.grad(total, (latents, it.codebook))
        results.append([out.quantized, out.indices, out.loss, *gradients])
    torch.testing.assert_close(*results)
    torch.testing.assert_close(library.assign(latents), out.indices)

# %% [markdown]
# ### Who sees the length
#
# One can also refuse the decoder the length. In the factorised codes of ViT-VQGAN
# (Yu et al. 2022) latents and codes are projected to few dimensions and normalised,
# matched there, and the *normalised* code goes on to the decoder; `unit=True`
# above does the same without the projection. The hyperspherical VAE (Davidson et
# al. 2018) is its continuous cousin: it has no codebook, its latents are unit
# vectors drawn from a von Mises–Fisher distribution, and its prior is uniform on
# the sphere. There the decoder never sees a length either.
#
# The difference reaches the encoder. Let $v$ be the gradient that arrives at the
# decoder's input. If the length is kept, the latent receives $v$. If it was
# divided out, $v$ has to pass through $\hat z = z/\|z\|$, and the derivative of
# that map removes the part along $\hat z$ and divides the rest by the length:
#
# $$\frac{v - (v\cdot\hat z)\,\hat z}{\|z\|} .$$
#
# To see it, move $z$ by a little. A move along $\hat z$ changes no direction, so it
# must count for nothing; a move across turns $\hat z$ by the move over $\|z\|$.

# %%
torch.manual_seed(2)
z = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
v = torch.randn(1, 3)  # what the decoder sends back
z_hat = F.normalize(z, dim=1)
(passed,) = torch.autograd.grad((z_hat * v).sum(), z)
derived = (v - (v * z_hat).sum() * z_hat) / z.norm()
torch.testing.assert_close(passed, derived.detach())
print(f"along z: {(passed * z_hat).sum():.1e}, before: ", end="")
print(f"{(v * z_hat).sum():.2f}")

# %% [markdown]
# With unit codes a latent is told which way to turn and never how long to be. The
# price is the division: a latent of length 0.01 is turned a hundred times as hard
# as one of length 1. With un-normalised codes every latent hears the decoder's
# demand in full, the radial part included, and obeys; its code's length then has
# to follow. Both designs match by direction. They differ in what the length is
# *for*.

# %% [markdown]
# ### What the decoder hears
#
# To find out whether a trained decoder makes anything of the lengths, we need one.
# We warm an autoencoder up without a codebook, with eight numbers a place, put 64
# codes onto latents of photographs, drawn by lot, and train on for eighty
# steps. Starting on latents gives every code something to win. (From the usual
# start, runs as short as these end in collapse under either matching, which would
# drown what we want to compare; see [chapter 06](06_collapse.ipynb).) It also
# means that the codes start with the lengths that latents have.

# %%
K, D, SEEDS = 64, 8, (0, 1, 2)


def on_latents(model, seed):
    """K latents (K, D) of training photographs, drawn by lot."""
    generator = torch.Generator().manual_seed(seed)
    some = torch.randperm(len(photos), generator=generator)[:64]
    with torch.no_grad():
        latents = rows(model.latents(photos[some]))  # (4096, D)
    drawn = torch.randperm(len(latents), generator=generator)[:K]
    return latents[drawn]


# %%
def arm(warm, matching, seed, unit=False):
    """A model with a codebook, trained on from a warm one."""
    model = copy.deepcopy(warm)
    model.quantizer = Tokenizer(on_latents(warm, seed), matching, unit)
    return train(model, seed=100 + seed, steps=80)


warm = {seed: autoencoder(D, seed, steps=60) for seed in SEEDS}
cosine_run = arm(warm[0], by_angle, seed=0)

# %% [markdown]
# Now an intervention on the finished model. The tokens of the cat are found once
# and stay as they are. Only the book in which the decoder looks them up is
# changed: all lengths set to their mean over the tokens; lengths dealt out anew among the codes, three
# times; and, as a control that ought to be ruinous, directions dealt out anew while
# every code keeps its length.


# %%
@torch.no_grad()
def look_up(model, codebook, images=cat):
    """The images, decoded from their own tokens in another book."""
    tokens = model.quantizer(model.latents(images)).indices  # (B, 8, 8)
    return model.decoder(codebook[tokens].movedim(-1, 1)).clamp(-1, 1)


def psnr(painted, images=cat):
    return 10 * math.log10(4 / F.mse_loss(painted, images).item())


book = cosine_run.quantizer.codebook.detach()  # (K, D)
measured = evaluate_vqvae(cosine_run, cat)["psnr"]
torch.testing.assert_close(psnr(look_up(cosine_run, book)), measured)

# %%
lengths = book.norm(dim=1, keepdim=True)  # (K, 1)
pure = book / lengths  # (K, D), the directions
with torch.no_grad():
    tokens = cosine_run(cat).quantized.indices  # (459, 8, 8)
usual = lengths[tokens].mean()
generator = torch.Generator().manual_seed(0)
deals = [torch.randperm(K, generator=generator) for _ in range(3)]
books = {
    "as trained": [book],
    "all lengths the mean": [usual * pure],
    "lengths dealt anew": [lengths[deal] * pure for deal in deals],
    "directions dealt anew": [lengths * pure[deal] for deal in deals],
}

# %% tags=["nbval-ignore-output"]
heard = {}
for name, them in books.items():
    heard[name] = sum(psnr(look_up(cosine_run, it)) for it in them) / len(them)
    print(f"{name:22} {heard[name]:5.2f} dB")

own, mean, dealt, turned = heard.values()
assert own > max(16, mean + 0.2, dealt + 0.3, turned + 2)

# %% [markdown]
# Not one token has changed, and the picture has. The decoder listens to the lengths
# as well as to the directions. How much hangs on which differs widely from run to
# run, so read nothing more into the sizes. Here are the same tokens with all codes
# scaled alike. What would you expect of an eye, told in codes that are too short?


# %%
def put_together(tiles):
    return rearrange(tiles, "(r c) d h w -> d (r h) (c w)", r=4)


tiles = rearrange(cat, "(r c) d h w -> r c d h w", r=17)[4:12:2, 4:18:2]
eye = rearrange(tiles, "r c d h w -> (r c) d h w")  # (28, 3, 32, 32)
factors = (0.25, 0.5, 1.0, 2.0)
eyes = [put_together(look_up(cosine_run, it * book, eye)) for it in factors]

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 1.3)
draw_images(figure, torch.stack(eyes), [f"lengths × {it:g}" for it in factors])
caption = (
    "The same tokens, decoded from codes of a quarter, half, all and twice "
    "their length. Matching cannot tell these books apart; the decoder can."
)
Picture(figure, f"A cat's eye, four times. {caption}", caption)

# %% [markdown]
# ## Where the codes begin
#
# A codebook that is matched by direction should start with directions. The
# official code draws each code evenly from a cube and divides it by its length.
# All codes begin at length 1, where the two matchings agree, and that is wise. The
# directions lean to the corners of the cube, as [chapter 02](02_sphere_and_scale.ipynb)
# has derived, and by a factor that sounds ruinous. Is it a poor start? What matters to
# a codebook is how far a code's nearest neighbour is.

# %%
for dim in (2, 8, 16):
    torch.manual_seed(0)
    cube = ArcVQ(512, dim, radius=None, margin=None).codebook.detach()
    found, even = codebook_geometry(cube), uniform_sphere(512, dim)
    print(
        f"D = {dim:2d}: nearest other code at {found.mean_nearest_angle:5.2f}°"
        f" on average, {even.mean_nearest_angle:5.2f}° if drawn evenly"
    )
    assert abs(found.mean_nearest_angle / even.mean_nearest_angle - 1) < 0.15

# %% [markdown]
# It is not. The nearest neighbours are about as far as after an even draw. The
# library keeps the official rule, and a Gaussian draw, normalised, would be the exact
# one.

# %% [markdown]
# ## What matching by angle descends
#
# [Chapter 04](04_kmeans_to_vq.ipynb) has shown what a Euclidean codebook comes to
# rest at. With latents held still, Lloyd's two steps (Lloyd 1982) each lower the
# quantization error
#
# $$Q = \frac1N \sum_{i=1}^{N} \|z_i - e_{k(i)}\|^2 .$$
#
# The first step gives each latent its nearest code, so every summand falls or
# stays. The second puts each code on the mean of its latents. Since there are only
# finitely many ways to hand out latents, the alternation stops. A referee of
# ArcVQ-VAE may ask what is left of this when angles do the choosing. Does the fixed
# point survive?
#
# Take the second step first. Let $S_j$ be the cell of code $j$, the $n_j$ latents
# that chose it, and $\bar z_j$ their mean. For any code $e_j$, with $z_i - e_j$
# written as $(z_i - \bar z_j) + (\bar z_j - e_j)$ and the mixed terms summing to
# zero,
#
# $$\sum_{i \in S_j} \|z_i - e_j\|^2 = \sum_{i \in S_j} \|z_i - \bar z_j\|^2 + n_j\,\|\bar z_j - e_j\|^2 .$$
#
# No angle occurs in it. The codebook loss is squared and un-normalised, so *given
# its cell*, a code at rest is still the mean of its latents. Its gradient is
# $2\,n_j\,(e_j - \bar z_j)$ over the number of entries, and vanishes there.


# %%
def cell_means(vectors, k, codebook):
    """Means (K, D) of each cell; a code without latents stays as it is."""
    won = k.bincount(minlength=len(codebook))[:, None]  # (K, 1)
    sums = torch.zeros_like(codebook).index_add_(0, k, vectors)  # (K, D)
    return torch.where(won > 0, sums / won.clamp(min=1), codebook)


torch.manual_seed(3)
z = torch.randn(200, 4, dtype=torch.float64)
e = torch.randn(6, 4, dtype=torch.float64)
k = by_angle(z, e)
at_rest = cell_means(z, k, e).requires_grad_()
_, k_again, loss = quantize(z, at_rest, lambda *_: k)
(gradient,) = torch.autograd.grad(loss, at_rest)
torch.testing.assert_close(gradient, torch.zeros_like(gradient))

# %% [markdown]
# The trouble is the first step. When angles choose, a latent may leave code 1 for
# a code 2 that points better and lies further away. Its share of the error then
# changes by
#
# $$\|z - e_2\|^2 - \|z - e_1\|^2 = \|e_2\|^2 - \|e_1\|^2 - 2\,z\cdot(e_2 - e_1),$$
#
# and nothing in the angle bounds $\|e_2\|^2$. If code 2 is long enough, the error
# rises. Three latents and two codes are enough to see it. Can you follow them with
# a pencil?

# %%
z = torch.tensor([[2.0, 0.0], [1.0, 1.0], [3.0, 6.0]])
e = torch.tensor([[2.0, 1.0], [0.0, 1.0]])
trace = []  # after each half-step: codes, choices, summed error
for _ in range(3):
    k = by_angle(z, e)
    trace.append((e, k, (z - e[k]).square().sum().item()))
    e = cell_means(z, k, e)
    trace.append((e, k, (z - e[k]).square().sum().item()))
for step, (_, k, error) in enumerate(trace):
    name = "means " if step % 2 else "angles"
    print(f"{name} choices {k.tolist()}, summed squared error {error:g}")
assert [error for *_, error in trace[:4]] == [36, 1, 29.5, 14.5]
assert trace[3][2] == trace[4][2] == trace[5][2]

# %%
figure = new_figure(6.8, 2.9)
panels = figure.subplots(1, 3, sharey=True)
for axes, step in zip(panels, (1, 2, 3), strict=True):
    e, k, error = trace[step]
    for latent, code in zip(z, e[k], strict=True):
        axes.plot(*torch.stack([latent, code]).T, color=NEUTRAL, linewidth=1)
    for code in e:
        ray = 9 * F.normalize(code, dim=0)
        axes.plot(*zip((0, 0), ray, strict=True), ":", color=CODES, lw=1)
    axes.plot(*e.T, "D", color=CODES, markersize=9)
    axes.plot(*z.T, "o", color=LATENTS, markersize=5)
    axes.set_title(f"error {error:g}", loc="left", fontweight="bold")
    axes.set(xlim=(-0.2, 4.2), ylim=(-0.4, 6.6), aspect="equal")

# %%
caption = (
    "Latents are round, codes are diamonds with their directions dotted; a "
    "line joins each latent to its code. The middle latent turns to the code "
    "that points its way, far off, and the error rises from 1 to 29.5. New "
    "means bring it down to 14.5, and there everything rests."
)
Picture(figure, f"Three latents, two codes, three moments. {caption}", caption)

# %% [markdown]
# So the referee is right about the squared error: after one pair of steps it
# stood at 1, after the next at 14.5, and the alternation stays at the worse place.
# Lloyd's argument is gone. Yet it *did* come to rest. Was that luck? What is not a
# descent of one quantity may be an ascent of another.

# %% [markdown]
# ### Spherical k-means, and the mixed scheme
#
# There is a clean algorithm on the sphere, **spherical k-means** (Dhillon and Modha
# 2001). It forgets all lengths and raises the mean cosine
#
# $$J_0 = \frac1N \sum_{i=1}^{N} \hat z_i\cdot\hat e_{k(i)} .$$
#
# Its first step is `by_angle`, which makes every summand as large as it can be. Its
# second step needs the best direction for a cell, the unit vector $u$ with the
# largest $\sum_{i\in S_j} \hat z_i\cdot u = \big(\sum_{i \in S_j}\hat z_i\big)\cdot u$.
# By Cauchy and Schwarz this is at most the length of the sum, and it is that length
# when $u$ points the way of the sum. So a code at rest is the mean of its latents'
# *directions*, normalised. Both steps raise $J_0$, and it stops as Lloyd's does.
#
# ArcVQ's scheme is neither. It chooses by direction, like spherical k-means, and
# moves to the mean of un-normalised latents, like k-means. Look at the direction in
# which that mean points. Since $z_i = \|z_i\|\,\hat z_i$,
#
# $$n_j\,\bar z_j = \sum_{i \in S_j} \|z_i\|\;\hat z_i ,$$
#
# it is a mean of directions in which every latent votes *with its length*. A latent
# twice as long has twice the say in where its code will point, and no more say than
# any other in which code that is.
#
# Now weight the cosines in the same manner:
#
# $$J_1 = \frac1N \sum_{i=1}^{N} \|z_i\|\;\hat z_i\cdot\hat e_{k(i)} = \frac1N\sum_{i=1}^{N} z_i\cdot\hat e_{k(i)} .$$
#
# *First step.* The factor $\|z_i\|$ is positive and the same for all codes, so the
# code with the largest $\hat z_i\cdot\hat e_j$ also has the largest
# $z_i\cdot\hat e_j$. Matching by angle makes every summand of $J_1$ as large as it
# can be. *Second step.* For a unit vector $u$, the cell contributes
# $\sum_{i\in S_j} z_i\cdot u = n_j\,\bar z_j\cdot u \le n_j\,\|\bar z_j\|$, with
# equality when $u$ points along $\bar z_j$, which is where the new code points. Both
# steps raise $J_1$ or leave it. There are finitely many ways to hand out the
# latents, so apart from exact ties the alternation stops, and it can never run in a
# circle.
#
# That answers the objection, for latents held still. The fixed point survives:
# every code is the mean of the latents that lie nearest to it *in angle*. It is a
# fixed point of another objective. The lengths of the codes are in none of this.
# They are read off at the end.
#
# How do the three relate? At rest, each can be written by its cells alone. From
# $\sum_{i\in S_j}\|z_i - \bar z_j\|^2 = \sum_{i\in S_j}\|z_i\|^2 - n_j\|\bar z_j\|^2$
# we get
#
# $$Q = \frac1N\sum_i \|z_i\|^2 - \frac1N\sum_j n_j\,\|\bar z_j\|^2, \qquad J_1 = \frac1N\sum_j n_j\,\|\bar z_j\|, \qquad J_0 = \frac1N\sum_j \Big\|\sum_{i\in S_j}\hat z_i\Big\| .$$
#
# K-means wants the *squares* of its means large, so it will part a long latent from
# a short one in the same direction. The mixed scheme wants the lengths of its means
# large, to the first power, and would gain nothing from parting them. Spherical
# k-means does not know that there are lengths.


# %%
def three_measures(z, k, num_codes):
    """Q, J_0 and J_1 at rest, from the cells alone."""
    nothing = z.new_zeros(num_codes, z.shape[1])
    won = k.bincount(minlength=num_codes).clamp(min=1)  # (K,)
    sums = nothing.index_add(0, k, z).norm(dim=1)  # (K,), n_j ‖z̄_j‖
    turns = nothing.index_add(0, k, F.normalize(z, dim=1)).norm(dim=1)
    q = z.square().sum() - (sums.square() / won).sum()
    return torch.stack([q, turns.sum(), sums.sum()]) / len(z)


# %%
e = trace[-1][0]
k = by_angle(z, e)
by_cells = three_measures(z, k, 2)
cosine = F.cosine_similarity(z, e[k])  # (N,)
directly = [(z - e[k]).square().sum(dim=1), z.norm(dim=1) * cosine]
for value, expected in zip(by_cells[[0, 2]], directly, strict=True):
    torch.testing.assert_close(value, expected.mean())

# %% [markdown]
# ### On photographs
#
# The proof says what must happen. A small numerical experiment says how much. We
# take 4,096 latents of training photographs from the warm autoencoder, hold them
# still, and let all three schemes run from the same 32 latents, five times over.
# Each scheme ought to be monotone in its own measure. Will any be monotone in
# another's?

# %%
SCHEMES = {
    "k-means": (by_distance, lambda z: z),
    "spherical": (by_angle, lambda z: F.normalize(z, dim=1)),
    "mixed (ArcVQ)": (by_angle, lambda z: z),
}


# %%
def alternate(scheme, z, codebook, limit=300):
    """Measures (steps, 3) of a scheme until no choice changes, and k."""
    matching, vote = SCHEMES[scheme]
    measures, before = [], None
    for _ in range(limit):
        k = matching(z, codebook)
        if before is not None and torch.equal(k, before):
            return torch.stack(measures), k
        measures.append(three_measures(z, k, len(codebook)))
        codebook, before = cell_means(vote(z), k, codebook), k
    raise RuntimeError("it has not come to rest")


# %%
generator = torch.Generator().manual_seed(0)
some = torch.randperm(len(photos), generator=generator)[:64]
with torch.no_grad():
    still = rows(warm[0].latents(photos[some])).double()  # (4096, 8)
runs = {name: [] for name in SCHEMES}
for seed in range(5):
    generator.manual_seed(seed)
    start = still[torch.randperm(len(still), generator=generator)[:32]]
    for name, found in runs.items():
        found.append(alternate(name, still, start)[0])
for found, own, sign in zip(runs.values(), (0, 1, 2), (-1, 1, 1), strict=True):
    for measures in found:
        assert (sign * measures[:, own].diff() > -1e-9).all()
print("15 runs at rest; each scheme is monotone in its own measure")

# %% tags=["nbval-ignore-output"]
variance = (still - still.mean(dim=0)).square().sum(dim=1).mean()
unit = torch.stack([variance, variance / variance, still.norm(dim=1).mean()])
print(f"{'':14} steps   Q rises   squared error   mean cosine   weighted")
ends = {}
for name, found in runs.items():
    ends[name] = torch.stack([it[-1] for it in found]).mean(dim=0) / unit
    steps = sum(len(it) for it in found) / 5
    rises = sum((it[:, 0].diff() > 1e-9).sum().item() for it in found) / 5
    q, j0, j1 = ends[name].tolist()
    print(f"{name:14} {steps:5.0f} {rises:9.0f}", end="")
    print(f"{q:16.3f} {j0:13.4f} {j1:10.4f}")
assert 2 < ends["mixed (ArcVQ)"][0] / ends["k-means"][0] < 9
assert abs(ends["mixed (ArcVQ)"][1] - ends["spherical"][1]) < 0.01

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 2.7)
panels = figure.subplots(1, 3)
titles = ("Q, squared error", "J₀, mean cosine", "J₁, weighted by length")
for column, (axes, title) in enumerate(zip(panels, titles, strict=True)):
    for row, (name, found) in enumerate(runs.items()):
        curve, look = found[0][:40, column], ("-", "-.", "--")[row]
        axes.plot(curve, look, color=SERIES[row], label=name)
    axes.set_xlabel("step")
    axes.set_title(title, fontsize=10, fontweight="bold", loc="left")

# %% tags=["nbval-ignore-output"]
panels[1].legend(loc="center right", frameon=False)
panels[0].set_ylim(0, None)
caption = (
    "One start, three schemes. Only k-means lowers the squared error; under "
    "the other two it wanders, and rises again and again. In both cosines the "
    "two schemes that match by angle run close together, above k-means."
)
Picture(figure, f"Three panels of three curves. {caption}", caption)

# %% [markdown]
# All numbers are means of five starts. The squared error is printed as a share of
# the latents' variance, and the weighted cosine as a share of their mean length.
# Read the table by columns. In squared error the mixed scheme pays several times
# what k-means pays, because no wedge can part long latents from short ones, and it
# rises in many of the steps. In mean cosine it can hardly be told from
# spherical k-means, although its codes are swayed by long latents. Of the two
# worlds that it mixes, its cells belong to the sphere's.

# %% [markdown]
# ### And under gradient descent?
#
# A network does not jump to means. It takes steps. With latents held still, a
# gradient step moves code $j$ a part $\rho_j$ of the way to the mean of its cell,
# with $\rho_j = 2\eta\,n_j/(ND)$ at the learning rate $\eta$:
#
# $$e_j \;\leftarrow\; (1 - \rho_j)\,e_j + \rho_j\,\bar z_j, \qquad 0 < \rho_j \le 1 .$$
#
# The new code lies on the straight segment from $e_j$ to $\bar z_j$. Seen from the
# origin, whoever walks along a segment turns steadily towards its end and never
# past it (unless the segment runs through the origin itself). So the angle between
# code and mean shrinks, $n_j\,\bar z_j\cdot\hat e_j$
# grows, and with it $J_1$, however long the codes are and however small the step.
# The result is not tied to Lloyd's large steps. It is tied to a move *along the
# gradient*. Adam (Kingma and Ba 2015) divides every coordinate by its own running
# size, which bends the segment. Will $J_1$ still never fall?


# %%
def falls_of_j1(optimizer_of, steps=150):
    """How often J_1 falls while an optimiser moves 32 codes."""
    codes = still[:: len(still) // 32].clone().requires_grad_()  # (32, 8)
    optimizer, history = optimizer_of([codes]), []
    for _ in range(steps):
        _, k, loss = quantize(still, codes, by_angle)
        cosine = F.cosine_similarity(still, codes[k].detach())
        history.append((still.norm(dim=1) * cosine).mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return int((torch.stack(history).diff() < -1e-12).sum())


# %% tags=["nbval-ignore-output"]
largest = 0.5 * D  # then ρ = 2ηn/(ND) ≤ 1 even for a code with all latents
sgd = falls_of_j1(lambda codes: torch.optim.SGD(codes, lr=largest))
print(f"gradient descent, η = {largest:g}: J₁ falls in {sgd} of 149 steps")
adam = {}
for rate in (0.003, 0.3):
    adam[rate] = falls_of_j1(
        lambda codes, rate=rate: torch.optim.Adam(codes, rate)
    )
    print(f"Adam, η = {rate:g}: J₁ falls in {adam[rate]} of 149 steps")
assert sgd == 0 and adam[0.3] > 20 and adam[0.003] < 5

# %% [markdown]
# At a small rate Adam keeps to the rule, or nearly, and at a large one it throws
# codes past their means. Two more things stand between the proof and a network.
# Mini-batches replace every mean by a noisy one. And the latents move: the
# commitment draws them to their codes, the decoder draws them elsewhere, and no
# sum that is taken with latents held still has to be monotone then. With the ball
# of [chapter 08](08_ball_schedules.ipynb) the resting place is the mean cut back to
# the ball, which changes no direction and so none of this section. What happens as
# the margin's weight fades is left to [chapter 09](09_arccosine_margin.ipynb).

# %% [markdown]
# ## What becomes of the lengths
#
# The gradient on a code points to its mean. Split it into a part along $\hat e_j$,
# which changes the length, and a part across, which turns the code. The part across
# is watched: if a code turns too far it loses latents. The part along is watched by
# nobody, since no choice depends on it. It runs until $\|e_j\| = \|\bar z_j\|$, and
# because at rest the mean points along $\hat e_j$,
#
# $$\|e_j\| = \bar z_j \cdot \hat e_j = \frac{1}{n_j}\sum_{i\in S_j} \|z_i\|\cos\theta_i .$$
#
# The length of a code at rest is the mean of its latents' lengths, each shortened
# by the cosine of its angle. It says how long the latents are *and* how well they
# agree, in one number that cannot tell the two apart. A wide cell has a short code.

# %%
_, k = alternate("mixed (ArcVQ)", still, start)
codes = cell_means(still, k, start)  # (32, 8), at rest
cosine = F.cosine_similarity(still, codes[k])  # (4096,)
won = k.bincount(minlength=32)
shadow = torch.zeros(32, dtype=torch.float64)
shadow = shadow.index_add(0, k, still.norm(dim=1) * cosine) / won
torch.testing.assert_close(codes.norm(dim=1), shadow)
spans = torch.stack([still.norm(dim=1)[k == j].std() for j in range(32)])
apart = (spans / codes.norm(dim=1)).median().item()
print(f"within a cell, lengths spread by {apart:.0%} of the code's length")

# %% [markdown]
# So one length stands for latents of very different lengths, and the squared
# error that k-means would have saved goes here. In a network the lengths drift
# further, since the latents move with them; [chapter 08](08_ball_schedules.ipynb)
# begins with a picture of that drift and bounds it.
#
# A code that no latent chooses is dead. Under Euclidean matching it can die of its
# length alone. Under spherical matching only its direction can kill it. Is
# spherical matching therefore the cure? We spread the lengths of 64 codes more and
# more, keep their directions, and count how many of the 4,096 photo latents each
# code wins. The codes are drawn once around the latents and once evenly from the
# sphere.

# %%
torch.manual_seed(4)
stretch = torch.randn(64, 1, dtype=torch.float64)
draws = {
    "drawn from latents": still[torch.randperm(4096)[:64]],
    "drawn evenly": torch.randn(64, D, dtype=torch.float64),
}
skews = torch.linspace(0, 2, 21)


def alive(matching, directions):
    """The share of codes that win anything, at every skew."""
    base = still.norm(dim=1).median() * F.normalize(directions, dim=1)
    books = [(skew * stretch).exp() * base for skew in skews]
    return [len(matching(still, it).unique()) / 64 for it in books]


# %% tags=["nbval-ignore-output"]
figure = new_figure(7.2, 2.8)
panels = figure.subplots(1, 2, sharey=True)
for axes, (name, where) in zip(panels, draws.items(), strict=True):
    axes.plot(skews, alive(by_angle, where), "--", color=SERIES[0])
    axes.plot(skews, alive(by_distance, where), color=SERIES[2])
    axes.set(xlabel="skew of the lengths", ylim=(0, 1.03))
    axes.set_title(name, loc="left", fontsize=11, fontweight="bold")
panels[0].set_ylabel("codes alive")
panels[0].text(1.98, 0.92, "by angle", color=SERIES[0], ha="right")
panels[0].text(0.9, 0.68, "by distance", color=SERIES[2], ha="right")
caption = (
    "The share of 64 codes that win at least one latent. By angle it does not "
    "depend on the lengths; where directions are badly placed it stays low."
)
Picture(figure, f"Two panels of two curves. {caption}", caption)

# %% [markdown]
# By angle the line is flat, as it must be, and flat at whatever height the
# directions deserve. On the left distance kills codes that angle keeps. On the
# right most codes, drawn evenly from the sphere, point where no latents are. Angle
# gives them nothing, and distance little. A code that wins nothing has no gradient,
# and lies where it lies. Spherical matching removes one cause of death. The other
# one is what the margin of [chapter 09](09_arccosine_margin.ipynb) is for.

# %% [markdown]
# ### A code without a direction
#
# The origin has no direction. Suppose a code has shrunk to exactly zero, as a closed
# ball would make it. The plain formula divides zero by zero. What will the largest
# cosine be, when one of them is not a number?

# %%
torch.manual_seed(5)
z, e = torch.randn(1000, 8), torch.randn(16, 8)
e[3] = 0
naive = (z / z.norm(dim=1, keepdim=True)) @ (e / e.norm(dim=1, keepdim=True)).T
k = naive.argmax(dim=1)
print(f"plain division: code 3 wins {(k == 3).sum()} of 1000 latents")

guarded = ArcVQ(16, 8, radius=None, margin=None)
guarded.codebook.data.copy_(e)
k = guarded.assign(z)
torch.testing.assert_close(k, by_angle(z, e))
print(f"with a floor under the norm: {(k == 3).sum()}")
assert (k != 3).all() and torch.isfinite(guarded(z).loss)
assert guarded.assign(torch.zeros(1, 8)) == 0  # a tie of all, and the first

# %% [markdown]
# A comparison with NaN is neither won nor lost, and `argmax` gives NaN the crown. In
# the official code a single zero code would take every token in the next step, and
# each of them would be trained towards it. The library's `F.normalize` divides by
# the norm or by a tiny floor, whichever is larger. A zero code then has cosine 0 to
# everything, and loses to any code on the latent's own side; a zero latent finds all
# codes equally near and takes the first. Can a code get there
# by training alone? By the formula above the length at rest is a mean of
# $\|z_i\|\cos\theta_i$, which is positive as long as the latents of the cell lie
# within a right angle of their code. In a crowded codebook they do.

# %% [markdown]
# ## Cells that you can move
#
# Back to the plane. The slider is the skew of the lengths: at 0 all ten codes have
# length 1, and with it the first code shrinks and the others grow. The directions
# stay. A hollow code has won nothing.

# %% [markdown]
# ### Predict, then drag
#
# 1. At skew 0, which of the cells will change when you switch from Euclidean to
#    cosine?
# 2. Under Euclidean matching, from which skew on does the short code win a third of
#    all latents?
# 3. Under cosine matching, what will still move when you drag the slider, and what
#    will not?

# %% tags=["nbval-ignore-output"]
matchings = {"Euclidean": by_distance, "cosine": by_angle}
states = {
    (round(0.1 * tick, 2), name): cells(matching, 0.1 * tick)
    for tick in range(13)
    for name, matching in matchings.items()
}
cells_figure = SliderFigure(
    CellsScene(plane, states),
    alt_title="The cells of ten codes in the plane, and the latents they win",
    size=(7.2, 3.3),
    skew=Slider(0, 1.2, 0.1, 0.6, "skew of lengths", 13, ".1f"),
    matching=Choice(("Euclidean", "cosine"), "Euclidean", "matching"),
)
cells_figure

# %% tags=["moves-sliders", "nbval-ignore-output"]
level = cells_figure.set(skew=0.0)
strong = cells_figure.set(skew=1.2)
assert "skew 0.0" in level and "from 1.00 to 1.00" in level
assert states[1.2, "Euclidean"].counts[0] > len(plane) / 3
turned = cells_figure.set(matching="cosine")
assert "cosine matching, skew 1.2" in turned
counts = [states[skew, "cosine"].counts for skew in (0.0, 0.6, 1.2)]
assert all(torch.equal(counts[0], it) for it in counts[1:])
even, same = (states[0.0, name] for name in matchings)
assert torch.equal(even.counts, same.counts)
cells_figure.set(skew=0.6, matching="Euclidean")
print(level, strong, turned, sep="\n")

# %% [markdown]
# At skew 0 nothing changes, because the codes have one length. Under Euclidean
# matching the short code climbs quickly, and passes a third before the slider is
# half-way. Under cosine matching the codes travel along their rays and take nobody
# with them: the wedges and the bars stand still. This is the whole of "direction
# finds", and the travelling codes are what the decoder would get.

# %% [markdown]
# ## Experiment · is it the direction, the length, or the mixture?
#
# Everything so far was about matching. What does it do to pictures? We compare four
# ways to train on from the warm models, with three seeds. The **baseline** finds by
# distance and hands the code on. *Cosine* finds by direction and hands the code on
# with its length, as ArcVQ does without ball and margin. *Unit* finds by direction
# and hands on only the direction; it is warmed up with normalised latents, so that
# its decoder grows up on what it will get. The **negative control** finds by
# length alone: the code whose norm is nearest to the latent's. If any choice that
# spreads the tokens would do, this one does, and its pictures should be fine.
#
# Within a seed, baseline, cosine and control start from the same network and the
# same codes, and see the same batches.


# %%
def by_norm(latents, codebook):
    """The negative control: only lengths are compared."""
    return torch.cdist(
        latents.norm(dim=1, keepdim=True), codebook.norm(dim=1, keepdim=True)
    ).argmin(dim=1)


ARMS = {
    "Euclidean": by_distance,
    "cosine": by_angle,
    "unit": by_angle,
    "by length": by_norm,
}


# %%
def trained(name, seed):
    if (name, seed) == ("cosine", 0):
        return cosine_run
    if name == "unit":
        own = autoencoder(D, seed, steps=60, unit=True)
        return arm(own, by_angle, seed, unit=True)
    return arm(warm[seed], ARMS[name], seed)


models = {(name, seed): trained(name, seed) for name in ARMS for seed in SEEDS}
results = {key: evaluate_vqvae(model, cat) for key, model in models.items()}

# %% tags=["nbval-ignore-output"]
print(f"{'':10} seed  PSNR (dB)   usage  perplexity")
for (name, seed), row in results.items():
    p, used, many = row["psnr"], row["usage"], row["perplexity"]
    print(f"{name:10} {seed:4d} {p:10.2f} {used:7.0%} {many:11.1f}")
table = {
    name: torch.tensor([results[name, seed]["psnr"] for seed in SEEDS])
    for name in ARMS
}
for name in ("Euclidean", "unit"):
    gap = table[name] - table["cosine"]
    print(f"{name} − cosine: " + ", ".join(f"{it:+.2f} dB" for it in gap))

# %%
figure = new_figure(7.4, 2.6)
panels = figure.subplots(1, 3, sharey=True)
keys = {"psnr": "PSNR (dB)", "usage": "usage", "perplexity": "perplexity"}
for axes, (key, words) in zip(panels, keys.items(), strict=True):
    for row, name in enumerate(ARMS):
        for seed, marker in zip(SEEDS, "os^", strict=True):
            value = results[name, seed][key]
            axes.plot(value, row, marker, color=SERIES[row], alpha=0.85)
    axes.set(xlabel=words, yticks=range(4), yticklabels=list(ARMS))
    axes.set(ylim=(3.5, -0.5))
    axes.margins(x=0.08)
caption = "Three seeds an arm, on the unseen cat; compare equal markers."
Picture(figure, f"PSNR, usage and perplexity. {caption}", caption)

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 1.3)
eyes = [put_together(eye)]
for name in ARMS:
    painted, _ = models[name, 0](eye)
    eyes.append(put_together(painted.detach()))
draw_images(figure, torch.stack(eyes), ["the cat", *ARMS])
caption = "The eye at seed 0: as photographed, and out of each arm's tokens."
Picture(figure, f"Five pictures of a cat's eye. {caption}", caption)

# %% tags=["nbval-ignore-output"]
average = {name: it.mean().item() for name, it in table.items()}
spread = {
    name: sum(results[name, seed]["perplexity"] for seed in SEEDS) / 3
    for name in ARMS
}
assert average["by length"] < min(average["cosine"], average["unit"]) - 1.5
assert spread["by length"] == max(spread.values())
assert average["Euclidean"] > average["cosine"] + 0.5
assert average["unit"] > average["cosine"]
print(f"mean perplexity {spread['by length']:.0f} by length, ", end="")
print(f"{spread['Euclidean']:.0f} Euclidean")

# %% tags=["nbval-ignore-output"]
for name in ("Euclidean", "cosine"):
    model = models[name, 0]
    with torch.no_grad():
        own = rows(model.latents(cat))  # (29376, 8)
    codes = model.quantizer.codebook.detach()
    k = ARMS[name](own, codes)
    error = (own - codes[k]).square().sum() / own.square().sum()
    print(f"{name}: squared error {error:.2f} of the latents' own square")

# %% [markdown]
# The control fails as it ought to, and it fails instructively. Its pictures are the
# worst by far, and yet, by perplexity, it spreads its tokens over more codes than any
# other arm. A well-spread codebook is not yet a good one. Directions are what the
# pictures hang on.
#
# The comparison that the chapter is about did not come out as its title might hope.
# Matching by angle with the length handed on reconstructed *worse* than plain
# Euclidean matching, on average and, when this page was built, at every seed. That
# cannot be laid on the angle alone: the unit arm, which had a warm-up of its own,
# matches by angle too, and on average it does better than cosine. What cosine has
# and the two others have not is the mixture. The decoder listens to a length that the
# choice of the code did not look at, as we saw when we dealt lengths out anew, and
# the error between latent and code, which straight-through has to bridge, is larger
# than under Euclidean matching, as the fixed point has told us it would be. This is
# our reading of the table. The table itself says only which arm was better.

# %% [markdown]
# ## Interpretation and limits
#
# | | matching and lengths |
# |---|---|
# | the paper | matches by angle, hands on the un-normalised code; starts all codes at length 1 and adds a ball and a margin |
# | its official code | the same; divides by the norm without a floor, so a zero code becomes NaN and wins every token |
# | ours | the same choices and gradients, held equal in the parity cell; a floor under the norm; the fixed point and its objective $J_1$ are this chapter's derivation and stand in neither of the two |
#
# What has been shown? That equal lengths make the two matchings one, and that
# unequal ones part them, was proved. That the alternation of ArcVQ without ball and
# margin can raise the squared error was shown on three latents. That it comes to
# rest, at a fixed point of $J_1$, was proved for latents held still and seen in five
# starts on photo latents, beside two schemes that ought to be monotone in other
# measures and were. Adam at a large rate breaks the monotony, as it should.
#
# The experiment with pictures is weaker. It has three seeds, eighty steps after a
# warm-up, and codes that start with very unequal lengths, because latents have them.
# That is the case in which the mixture should suffer most. The paper starts
# elsewhere, on the unit sphere, where all lengths are equal, and trains far longer.
# Nor does it propose the mixture alone. On CIFAR-10, by second-hand notes on its
# tables, cosine matching by itself has an rFID of 39.04, hardly better than the
# VQ-VAE's 39.67, and ball and margin together bring it to 26.91 (Kim and Yoo 2026).
# So our result does not speak against the method. It is a reason why the method
# needs its other parts. Whether a longer run closes the gap, and whether equal
# lengths at the start would, is open here; the study of [chapter
# 10](10_does_it_work.ipynb) starts from the sphere.

# %% [markdown]
# ## Exercises
#
# Every exercise has a checker that answers at once. Replace `return None`, run the
# cell, and read what it says. The solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · Where the border runs
#
# *Difficulty ●○○ · 10 minutes*
#
# Two codes `first` and `second`, tensors $(D)$, and Euclidean matching. Write the
# signed distance from the origin to the border between them, positive where the
# origin belongs to the *second* code. At equal lengths it is 0.


# %% tags=["exercise"]
def border_offset(first, second):
    return None  # your line here


check.border_offset(border_offset)


# %% tags=["solution"] jupyter={"source_hidden": true}
def border_offset_solution(first, second):
    difference = first.square().sum() - second.square().sum()
    return difference / (2 * (first - second).norm())


check.border_offset(border_offset_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · Direction finds, norm decodes
#
# *Difficulty ●●○ · 15 minutes*
#
# Write the forward pass from memory: latents $(N, D)$ and codebook $(K, D)$ to what
# the decoder gets, $(N, D)$. The code is found by angle, handed on with its length,
# and the gradient goes straight to the latents and not to the codebook.


# %% tags=["exercise"]
def spherical_quantize(latents, codebook):
    return None  # your lines here


check.spherical_quantize(spherical_quantize)


# %% tags=["solution"] jupyter={"source_hidden": true}
def spherical_quantize_solution(latents, codebook):
    cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T
    codes = codebook[cosine.argmax(dim=1)]
    return latents + (codes - latents).detach()


check.spherical_quantize(spherical_quantize_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · The second step of spherical k-means
#
# *Difficulty ●●○ · 15 minutes*
#
# Given latents $(N, D)$, their choices `indices` $(N,)$ and the present unit
# directions $(K, D)$, return the new directions $(K, D)$ that raise $J_0$ as far as
# it goes. A code without latents keeps its direction.


# %% tags=["exercise"]
def mean_directions(latents, indices, directions):
    return None  # your lines here


check.mean_directions(mean_directions)


# %% tags=["solution"] jupyter={"source_hidden": true}
def mean_directions_solution(latents, indices, directions):
    sums = torch.zeros_like(directions)
    sums.index_add_(0, indices, F.normalize(latents, dim=1))
    won = indices.bincount(minlength=len(directions))[:, None] > 0
    return torch.where(won, F.normalize(sums, dim=1), directions)


check.mean_directions(mean_directions_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · What never falls
#
# *Difficulty ●●● · 20 minutes*
#
# Write the measure that ArcVQ's alternation can only raise, for latents $(N, D)$ and
# a codebook $(K, D)$ whose choices are made by angle. One number. The checker runs
# the alternation, and does not stop at the value: it also multiplies the codes by
# factors of their own.
#
# <details><summary>Hint</summary>
#
# Which lengths take part in $J_1$, and which do not?
#
# </details>


# %% tags=["exercise"]
def never_falls(latents, codebook):
    return None  # your lines here


check.never_falls(never_falls)


# %% tags=["solution"] jupyter={"source_hidden": true}
def never_falls_solution(latents, codebook):
    projections = latents @ F.normalize(codebook, dim=1).T  # (N, K)
    return projections.max(dim=1).values.mean()


check.never_falls(never_falls_solution)

# %% [markdown]
# ## Quiz
#
# **1.** All codes have length 2 and the latents have any lengths. How do Euclidean
# and spherical matching differ?
#
# <details><summary>Answer</summary>
#
# Not at all. In $z\cdot e_j - \frac12\|e_j\|^2$ the second term is the same for
# all codes, and the first is a positive number times the cosine.
#
# </details>
#
# **2.** A latent shrinks towards the origin. Which code wins in the end, by distance
# and by angle?
#
# <details><summary>Answer</summary>
#
# By distance the shortest code. By angle the one that won all along.
#
# </details>
#
# **3.** Does the normalisation in the matching change the gradient of the encoder?
#
# <details><summary>Answer</summary>
#
# No. It only finds an index. The gradient comes straight from the decoder and from
# the commitment, both on un-normalised vectors.
#
# </details>
#
# **4.** And with unit codes, as in ViT-VQGAN?
#
# <details><summary>Answer</summary>
#
# Yes. The decoder's gradient passes through $z/\|z\|$, which removes its radial part
# and divides the rest by $\|z\|$.
#
# </details>
#
# **5.** Why can Lloyd's alternation with angles raise the squared error?
#
# <details><summary>Answer</summary>
#
# A latent may go over to a code that points better and lies far away, because that
# code is long. The angle does not see the distance.
#
# </details>
#
# **6.** Why does it come to rest all the same?
#
# <details><summary>Answer</summary>
#
# Both steps raise the mean of $z_i\cdot\hat e_{k(i)}$ or leave it, and there are
# finitely many ways to hand out the latents.
#
# </details>
#
# **7.** Two cells with equally long latents, one narrow and one wide. Which code
# ends longer?
#
# <details><summary>Answer</summary>
#
# The narrow cell's. At rest the length is the mean of $\|z_i\|\cos\theta_i$, and
# in a wide cell the cosines are smaller.
#
# </details>
#
# **8.** Matching by length had the highest perplexity. Why is that no success?
#
# <details><summary>Answer</summary>
#
# Perplexity says how evenly codes occur, not what they say. Lengths spread the
# tokens, and hardly tell the decoder what the picture looks like.
#
# </details>

# %% [markdown]
# ## Summary
#
# Spherical matching asks which way a latent points and nothing else. It equals
# Euclidean matching after normalising, and without normalising when all codes have
# one length. The decoder gets the code with its length, and listens to it. With
# latents held still a code at rest is the mean of its cell, as in k-means, but the
# pair of steps can raise the squared error; what it raises without fail is the mean
# of the cosines, weighted by the latents' lengths. Lengths are read off at the end,
# drift unwatched, and cannot kill a code. In a short experiment from unequal
# lengths the mixture of the two cost decibels, which is a reason to look after the
# lengths.

# %% [markdown]
# ## References
#
# - Lloyd: *Least Squares Quantization in PCM*, IEEE Transactions on Information
#   Theory 1982, <https://doi.org/10.1109/TIT.1982.1056489>
# - Dhillon, Modha: *Concept Decompositions for Large Sparse Text Data Using
#   Clustering*, Machine Learning 2001, <https://doi.org/10.1023/A:1007612920971>
# - Bengio, Léonard, Courville: *Estimating or Propagating Gradients Through
#   Stochastic Neurons for Conditional Computation*, arXiv 2013,
#   <https://arxiv.org/abs/1308.3432>
# - Kingma, Ba: *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   <https://arxiv.org/abs/1412.6980>
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>
# - Davidson, Falorsi, De Cao, Kipf, Tomczak: *Hyperspherical Variational
#   Auto-Encoders*, UAI 2018, <https://arxiv.org/abs/1804.00891>
# - Yu, Li, Koh, Zhang, Pang, Qin, Ku, Xu, Baldridge, Wu: *Vector-quantized Image
#   Modeling with Improved VQGAN*, ICLR 2022, <https://arxiv.org/abs/2110.04627>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# The lengths are now on their own, and the decoder listens to them. The next
# chapter bounds them from above, with one line of geometry and a clock:
# [chapter 08](08_ball_schedules.ipynb).
