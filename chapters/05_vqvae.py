# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · VQ-VAE
#
# | | |
# |---|---|
# | **You will be able to** | build a VQ-VAE line by line, derive each term of its loss and say what it moves, and find out what a single code means to the decoder |
# | **Before you start** | PyTorch modules and autograd; [chapter 00](00_start_here.ipynb) for tokens, usage and perplexity; [chapter 04](04_kmeans_to_vq.ipynb) for k-means, the straight-through estimator and the commitment |
# | **Data** | 32×32 patches of photographs and 8×8 digits, on your disk already |
# | **Time** | 70 minutes to read, a minute to run |
# | **Widget** | a code of your choice, put into a picture and decoded |
# | **The claim** | a code has no picture of its own that is worth looking at; it is where the codes lie, and which one a place gets, that makes the picture |

# %%
import copy
import math

import torch
from einops import rearrange
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)  # networks as small as ours gain nothing from two

# %%
from arcvq_lite import (
    VQ,
    VQVAE,
    History,
    Quantized,
    check,
    evaluate_vqvae,
    load_images,
    train_vqvae,
)

# %%
from arcvq_lite.viz import (
    CODES,
    NEUTRAL,
    SERIES,
    Picture,
    draw_history,
    draw_images,
    new_figure,
    readable,
)
from arcvq_lite.viz.codes import CodeScene, Edit, draw_alphabet, draw_reach
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## An alphabet
#
# Chapter 00 told a picture over the telephone in 64 tokens and left one question
# open. What does a word *mean*? The way to ask is to say the same word at every
# place and to look at what the decoder paints. Do it for every code, and you have
# the whole alphabet on one page.
#
# We need a trained model for that. The photographs are those of chapter 00: six
# to learn from, and the cat, held out, in 126 patches that tile it. We train in
# three moves, each from an earlier chapter. First the autoencoder alone, with
# nothing in the quantizer's place, so that there are latents worth quantizing. Then
# k-means over these latents, whose centroids become the codes. Then encoder, codes
# and decoder together. The official code begins with codes drawn at random instead,
# as is usual, and further down we look at what that does.

# %%
photos = load_images("photos").images  # (6100, 3, 32, 32)
cat = load_images("photos", split="test").images  # (459, 3, 32, 32)
every_second = rearrange(cat, "(r c) d h w -> r c d h w", r=17)[::2, ::2]
patches = rearrange(every_second, "r c d h w -> (r c) d h w")  # (126, …)
K, D = 64, 16


def put_together(tiles):
    """(126, 3, h, w), 9 rows of 14, to one picture (3, 9 h, 14 w)."""
    return rearrange(tiles, "(r c) d h w -> d (r h) (c w)", r=9)


# %%
class Untouched(nn.Module):
    """Takes a quantizer's place and hands the latents on as they are."""

    num_codes = 2  # the library counts codes; here there are none to count

    def __init__(self, dim):
        super().__init__()
        self.dim = dim
        self.register_buffer("codebook", torch.eye(2, dim))

    def forward(self, latents, step=None):
        none = torch.zeros(())
        indices = torch.zeros_like(latents[:, 0], dtype=torch.int64)
        terms = {"codebook": none, "commitment": none}
        return Quantized(latents, indices, none, terms)


# %%
def fit(model, seed, steps, rate, every=20):
    options = {"steps": steps, "learning_rate": rate, "log_every": every}
    return train_vqvae(
        model, photos, held_out=patches, seed=seed, batch_size=16, **options
    )


def warmed_up(seed):
    torch.manual_seed(seed)
    model = VQVAE(3, Untouched(D), hidden=32, residual_hidden=8)
    fit(model, seed, 160, 2e-3, every=160)
    return model


# %%
@torch.no_grad()
def rows_of(model, images):
    """(N, D): what the encoder says of some images, one latent a row."""
    return rearrange(model.latents(images), "b d h w -> (b h w) d")


def kmeans_codes(model, images, num_codes, seed):
    """(K, D): the centroids of these latents."""
    found = KMeans(num_codes, n_init=1, max_iter=20, random_state=seed)
    found.fit(rows_of(model, images).numpy())
    return torch.from_numpy(found.cluster_centers_)


# %%
def go_on(model, quantizer, codes, seed, every=60):
    """A copy of the model with this quantizer, trained for 60 more steps."""
    model = copy.deepcopy(model)
    model.quantizer = quantizer
    if codes is not None:
        quantizer.codebook.data.copy_(codes)
    return model, fit(model, seed + 10, 60, 5e-4, every)


warm = {1: warmed_up(1)}
starts = {1: kmeans_codes(warm[1], photos[::20], K, seed=1)}
model, history = go_on(warm[1], VQ(K, D), starts[1], seed=1, every=20)

# %% [markdown]
# Now the question. We hand the decoder a grid of 12 by 12 places that all say the
# same, and cut out the middle, where no border of the grid can be felt. Before you
# look: what do you expect 64 codes, trained on hair, sky, metal, petals and roofs,
# to look like one by one?

# %%
tokens = model.encode(patches)  # (126, 8, 8)
counts = tokens.flatten().bincount(minlength=K)  # (K,), on the cat
order = counts.argsort(descending=True, stable=True)  # (K,)
same = order[:, None, None].expand(-1, 12, 12)  # (K, 12, 12)
letters = model.decode(same)[..., 16:32, 16:32]  # (K, 3, 16, 16)

# %% tags=["cover", "nbval-ignore-output"]
figure = new_figure(7.6, 2.75)
draw_alphabet(
    figure.subplots(),
    letters,
    [f"{count:,}" for count in counts[order].tolist()],
    idle=(counts[order] == 0).tolist(),
)
Picture(
    figure,
    "Sixty-four small squares of nearly even colour: browns, greys, blues.",
    "Every code, said everywhere. Below it, how often the cat's 8,064 tokens "
    "say it; a stroke marks the codes that the cat never says.",
)

# %% [markdown]
# It is a box of paints. There is no eye in it, no whisker, no edge, hardly a
# texture: each code alone is a colour, with a faint weave on it. The codes that the
# cat never says are mostly blues and whites, since a cat has no sky. And yet a
# picture told in such words comes back with stripes and a nose, as chapter 00 has
# shown. Where do the shapes come from?

# %% tags=["nbval-ignore-output"]
beside = order[:8, None, None].repeat(1, 12, 12)  # the eight most frequent
beside[:, :, 6:] = order[1:9, None, None]  # each beside the next one
both = torch.cat([beside, beside.transpose(1, 2)])  # (16, 12, 12)
middles = model.decode(both)[..., 12:36, 12:36]  # (16, 3, 24, 24)
figure = new_figure(7.6, 2.05)
draw_alphabet(figure.subplots(), middles, [""] * 16, columns=8)
Picture(
    figure,
    "Two rows of squares, each with two colours that meet in an edge.",
    "Two codes meet: side by side in the upper row, one above the other in "
    "the lower. Every pair has an edge of its own.",
)

# %% [markdown]
# An edge is what happens when two codes meet. Some pairs melt into one another, some
# meet within a pixel or two, although a token stands above four, and some have a
# dark or bright fringe that neither code has alone. Nobody stored that edge in a
# code. The decoder has learnt to draw it wherever these two are neighbours. In this
# chapter we build the machine that does it, and derive every part of its loss.

# %% [markdown]
# ## Encoder, quantizer, decoder
#
# A VQ-VAE (van den Oord et al. 2017) is three parts in a row. The encoder turns
# images $x$ of shape $(B, 3, 32, 32)$ into latents $z$ of shape $(B, D, H, W)$,
# with a fourth of the rows and of the columns. The quantizer puts a code in the
# place of each latent. The decoder paints $\tilde x$, of the shape of $x$. We write
# the encoder first, and read its shapes off as 16 images go through.


# %%
class ResidualBlock(nn.Module):
    """The block of the official code; the next section is about its skip."""

    def __init__(self, channels, inside):
        super().__init__()
        self.narrow = nn.Conv2d(channels, inside, 3, padding=1)
        self.widen = nn.Conv2d(inside, channels, 1)

    def forward(self, x):
        active = F.relu(x)  # (B, channels, H, W)
        change = self.widen(F.relu(self.narrow(active)))  # the same shape
        return active + change


# %%
def make_encoder(in_channels, hidden, inside, dim):
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden // 2, hidden, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, 3, padding=1),
        ResidualBlock(hidden, inside),
        ResidualBlock(hidden, inside),
        nn.ReLU(),
        nn.Conv2d(hidden, dim, 1),
    )


# %%
x = patches[:16]  # (B, 3, 32, 32)
print(f"{'images':15} {tuple(x.shape)}")
with torch.no_grad():
    for layer in make_encoder(3, 32, 8, D):
        x = layer(x)
        print(f"{type(layer).__name__:15} {tuple(x.shape)}")

# %% [markdown]
# Two strided convolutions halve the sides twice. From there on the grid stays as
# it is and only the channels change, until the last convolution, of size 1, brings
# them to $D = 16$. The decoder is the mirror image: it begins where the encoder
# ends, and two transposed convolutions double the sides again.


# %%
def make_decoder(dim, hidden, inside, out_channels):
    return nn.Sequential(
        nn.Conv2d(dim, hidden, 3, padding=1),
        ResidualBlock(hidden, inside),
        ResidualBlock(hidden, inside),
        nn.ReLU(),
        nn.ConvTranspose2d(hidden, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(hidden // 2, out_channels, 4, stride=2, padding=1),
    )


# %% [markdown]
# Between the two stands what [chapter 04](04_kmeans_to_vq.ipynb) built. Each latent
# $z_i$ takes the nearest code, $k(i) = \arg\min_j \|z_i - e_j\|$, and two squared
# distances go into the loss: one that pulls codes to latents and one that pulls
# latents to codes. With $\mathrm{sg}$ for the stopped gradient and $\beta$ for the
# weight of the commitment,
#
# $$L_{\text{vq}} = \underbrace{\tfrac{1}{ND}\sum_i \|e_{k(i)} - \mathrm{sg}[z_i]\|^2}_{\text{codebook}} \;+\; \beta\,\underbrace{\tfrac{1}{ND}\sum_i \|\mathrm{sg}[e_{k(i)}] - z_i\|^2}_{\text{commitment}} .$$
#
# The shapes: latents $(N, D)$ as rows, codebook $(K, D)$, a table of distances
# $(N, K)$, indices $(N,)$, and both terms scalars. What goes on to the decoder
# equals the codes and hands its gradient to the latents, the straight-through
# estimator (Bengio et al. 2013) that chapter 04 takes apart.


# %%
def quantize(latents, codebook):
    """(B, D, H, W) and (K, D) to codes (B, D, H, W), indices, two terms."""
    rows = rearrange(latents, "b d h w -> (b h w) d")  # (N, D)
    gaps = rows[:, None] - codebook  # (N, K, D)
    chosen = gaps.detach().square().sum(dim=2).argmin(dim=1)  # (N,)
    indices = chosen.reshape(latents[:, 0].shape)  # (B, H, W)
    codes = codebook[indices].movedim(3, 1)  # (B, D, H, W)
    terms = {
        "codebook": F.mse_loss(codes, latents.detach()),
        "commitment": F.mse_loss(codes.detach(), latents),
    }
    return codes, indices, terms


# %%
class SmallVQVAE(nn.Module):
    def __init__(self, in_channels, hidden, inside, num_codes, dim):
        super().__init__()
        self.encoder = make_encoder(in_channels, hidden, inside, dim)
        self.codebook = nn.Parameter(torch.empty(num_codes, dim))
        nn.init.uniform_(self.codebook, -1 / num_codes, 1 / num_codes)
        self.decoder = make_decoder(dim, hidden, inside, in_channels)

    def forward(self, images):
        latents = self.encoder(images)  # (B, D, H, W)
        codes, indices, terms = quantize(latents, self.codebook)
        passed = latents + (codes - latents).detach()  # straight through
        return self.decoder(passed), indices, terms  # (B, 3, 32, 32) first


# %% [markdown]
# ## A block that forgets what was negative
#
# A **residual block** adds to its input a small correction, $x + f(x)$. The
# path that carries $x$ unchanged to the sum is called the **skip**, and it is
# there so that nothing gets lost. The official code writes $f$ as a chain that
# begins with a ReLU, and to save memory that ReLU works *in place*. Read the next
# cell and decide what the skip carries.

# %%
torch.manual_seed(0)
block = ResidualBlock(1, 2)
chain = nn.Sequential(
    nn.ReLU(inplace=True), block.narrow, nn.ReLU(inplace=True), block.widen
)
x = torch.tensor([[-2.0, -1.0], [1.0, 2.0]])[None, None]  # (1, 1, 2, 2)
before = x.clone()
with torch.no_grad():
    official = x + chain(x)
    intended = before + chain(before.clone())
    torch.testing.assert_close(block(before), official)
print("x was", before.flatten().tolist(), "and is", x.flatten().tolist())
print("official less intended:", (official - intended).flatten().tolist())

# %% [markdown]
# The sum is written as $x + f(x)$, but by the time it is taken, the first step of
# $f$ has overwritten $x$. What is added is $\mathrm{relu}(x) + f(x)$, which is what
# our block in view says openly. The two forms differ wherever $x$ was negative.
#
# Is it a fault? It is not what a skip is for. A negative number that enters the
# block has no other way through, since the correction too begins with a ReLU, so it
# is gone for good. The model trains well all the same, because the convolution before
# the block can learn to put into positive numbers whatever matters. But weights that
# were trained with one form are wrong in the other. The library follows the official code by
# default, and `VQVAE(…, relu_skip=False)` gives the skip that was meant. How much
# would our trained model mind?

# %% tags=["nbval-ignore-output"]
other = VQVAE(3, VQ(K, D), hidden=32, residual_hidden=8, relu_skip=False)
other.load_state_dict(model.state_dict())
as_trained = evaluate_vqvae(model, patches)["psnr"]
with_true_skip = evaluate_vqvae(other, patches)["psnr"]
assert with_true_skip < as_trained - 1
print(f"PSNR as trained {as_trained:.1f} dB")
print(f"the same weights, with x on the skip: {with_true_skip:.1f} dB")

# %% [markdown]
# ## Three terms, three parts
#
# The loss of a VQ-VAE has three terms and the model has three parts. It is worth
# knowing exactly who moves whom. Fill in the table of nine before you run the
# cell: does the reconstruction move the codebook?
#
# $$L = \frac{1}{\sigma^2}\,\mathrm{mse}(\tilde x, x) \;+\; \mathrm{mse}(e, \mathrm{sg}[z]) \;+\; \beta\,\mathrm{mse}(\mathrm{sg}[e], z)$$


# %%
def terms_of(small, images, variance):
    painted, _, terms = small(images)
    reconstruction = F.mse_loss(painted, images) / variance
    return {"reconstruction": reconstruction, **terms}


torch.manual_seed(0)
small = SmallVQVAE(3, 32, 8, K, D)
variance = photos.var()  # the next section says why
parts = {
    "encoder": list(small.encoder.parameters()),
    "codebook": [small.codebook],
    "decoder": list(small.decoder.parameters()),
}

# %%
moved = {}
for name, term in terms_of(small, photos[:16], variance).items():
    for part, weights in parts.items():
        pulls = torch.autograd.grad(
            term, weights, retain_graph=True, allow_unused=True
        )
        moved[name, part] = any(
            pull is not None and bool(pull.any()) for pull in pulls
        )
    print(f"{name:14} moves", *[p for p in parts if moved[name, p]])
assert moved["codebook", "codebook"] and moved["commitment", "encoder"]
assert not moved["reconstruction", "codebook"]
assert sum(moved.values()) == 4

# %% [markdown]
# The codebook is moved by one term alone, and that term knows nothing of pictures.
# What the decoder would like a code to be has no way to reach it: the
# straight-through line hands the decoder's gradient to the *latent*, past the code.
# The latent moves, and next time the code follows it. So codes are led by the
# hand of the encoder, and a code that no latent chooses is led by nobody. Chapter 06
# begins where this sentence ends.
#
# Now we hold the model in view against `arcvq_lite.VQVAE`. The names of its
# weights are the same but for the codebook, which lives in the quantizer. We copy
# the weights over and compare everything that training sees: the reconstruction,
# both terms, the loss, and the gradient of every single weight.

# %%
torch.manual_seed(3)
library = VQVAE(3, VQ(K, D), hidden=32, residual_hidden=8)
state = library.state_dict()
state["codebook"] = state.pop("quantizer.codebook")
small.load_state_dict(state)

images = photos[::400]  # (16, 3, 32, 32)
theirs = library(images)
mine, indices, terms = small(images)
torch.testing.assert_close(mine, theirs.reconstruction)
assert torch.equal(indices, theirs.quantized.indices)
for name, term in terms.items():
    torch.testing.assert_close(term, theirs.quantized.terms[name])

# %%
error = F.mse_loss(theirs.reconstruction, images) / variance
(error + theirs.quantized.loss).backward()
of_mine = terms_of(small, images, variance)
total = of_mine["reconstruction"] + of_mine["codebook"]
total = total + 0.25 * of_mine["commitment"]
total.backward()
torch.testing.assert_close(total, error + theirs.quantized.loss)

their_pulls = {name: w.grad for name, w in library.named_parameters()}
their_pulls["codebook"] = their_pulls.pop("quantizer.codebook")
for name, weights in small.named_parameters():
    torch.testing.assert_close(weights.grad, their_pulls[name])
print(f"{len(their_pulls)} tensors of weights, all gradients equal")

# %% [markdown]
# ## Why the error is divided by a variance
#
# The squared error stands in the loss as $\mathrm{mse}/\sigma^2$, and the official
# code gives $\sigma^2$ a strange formula: four times the variance of `train/255`.
# Both follow from one assumption. Suppose the decoder does not paint pixels but
# *means*: each of the $V$ numbers of an image is drawn from a Gaussian around
# $\tilde x$, with a variance $\sigma^2$ that is fixed and the same everywhere. The
# negative logarithm of the probability of an image is then
#
# $$-\log p(x \mid \tilde x) = \sum_{i=1}^{V} \Big[\tfrac12\log(2\pi\sigma^2) + \frac{(x_i - \tilde x_i)^2}{2\sigma^2}\Big] .$$
#
# The first part is a constant. The second is the squared error, summed. Multiply
# by $2/V$, which changes no minimum, and
#
# $$\frac{2}{V}\big(-\log p(x \mid \tilde x)\big) = \log(2\pi\sigma^2) + \frac{1}{\sigma^2}\,\mathrm{mse}(x, \tilde x) .$$
#
# So whoever minimises $\mathrm{mse}/\sigma^2$ maximises the likelihood of the
# images under that Gaussian. The shapes: image and mean $(3, 32, 32)$ with
# $V = 3 \cdot 32 \cdot 32$ entries, and one number for $\sigma^2$.

# %% tags=["nbval-ignore-output"]
x, painted = patches[:16], model.decode(tokens[:16])  # (16, 3, 32, 32) each
gaussian = torch.distributions.Normal(painted, variance.sqrt())
nats = -gaussian.log_prob(x).sum(dim=(1, 2, 3)).mean()  # an image's
V = x[0].numel()
mse = F.mse_loss(painted, x)
constant = math.log(2 * math.pi * variance)
torch.testing.assert_close(2 / V * nats, constant + mse / variance)
print(f"V = {V}: both sides are {constant + mse / variance:.4f}")

# %% [markdown]
# Which $\sigma^2$? The one that fits best would be the mean squared error itself:
# the derivative of $\log\sigma^2 + \mathrm{mse}/\sigma^2$ vanishes where
# $\sigma^2 = \mathrm{mse}$. The official code takes the variance of the training
# images instead, all pixels and colours together. That is far too large as a noise,
# and it is a good unit. Whoever paints every image in the mean grey has a squared
# error of exactly $\sigma^2$ and so a term of exactly 1; the term is the share of
# the variance that is *not* explained. And it does not mind in which units pixels
# are written. If all of them are multiplied by one factor, error and variance both
# grow by its square. The distances between latents and codes do not, so without the division
# a change from $[-1, 1]$ to $0 \dots 255$ would drown them.
#
# The four is a change of units of this kind. Bytes divided by 255 lie in $[0, 1]$
# and the images in $[-1, 1]$, with $x = 2\,\text{byte}/255 - 1$. The shift does not
# change a variance, and the factor enters squared, as $2^2$.
#
# Since $\sigma^2$ is only a weight in disguise, be careful when you compare loss
# values. The same model has another reconstruction term on another data set, and
# the balance between pictures and codes moves with it. CVQ-VAE's published code
# weighs the reconstruction four times more (Zheng and Vedaldi 2023), which in this
# language is a $\sigma$ of half the size.

# %%
some = photos[::40]  # (153, 3, 32, 32)
bytes_over_255 = (some + 1) / 2
torch.testing.assert_close(some.var(), 4 * bytes_over_255.var())
share = (some - some.mean()).square().mean() / some.var()
torch.testing.assert_close(share, torch.tensor(1.0), atol=1e-4, rtol=0)

in_bytes = F.mse_loss(127.5 * (painted + 1), 127.5 * (x + 1))
torch.testing.assert_close(in_bytes / (127.5**2 * variance), mse / variance)

sizes = torch.linspace(0.2, 5, 4801) * mse  # candidates for σ²
likeliest = sizes[(sizes.log() + mse / sizes).argmin()]
torch.testing.assert_close(likeliest, mse, rtol=2e-3, atol=0)
print(f"σ² = {variance:.4f}, and grey scores {share:.4f}")

# %% [markdown]
# ## Where the Kullback–Leibler term went
#
# The second half of the name, VAE, promises a term that our loss does not have. A
# variational autoencoder (Kingma and Welling 2014) maximises a bound on $\log p(x)$.
# Let $p(j)$ be a prior over the codes and $q(j \mid x)$ any distribution over them
# that we choose after seeing $x$, the **posterior**. For one latent,
#
# $$\log p(x) = \log \sum_{j=1}^{K} q(j \mid x)\,\frac{p(x \mid j)\,p(j)}{q(j \mid x)} \;\ge\; \sum_{j=1}^{K} q(j \mid x) \log \frac{p(x \mid j)\,p(j)}{q(j \mid x)},$$
#
# because the logarithm of a mean is at least the mean of the logarithms. Split the
# fraction, and the right side becomes the **evidence lower bound**,
#
# $$\sum_j q(j \mid x) \log p(x \mid j) \;-\; \underbrace{\sum_j q(j \mid x) \log\frac{q(j \mid x)}{p(j)}}_{\mathrm{KL}(q \,\|\, p)} .$$
#
# The first part is the reconstruction. The second, the **Kullback–Leibler
# divergence** from prior to posterior, is what the news about $x$ costs in nats.
#
# Now put in what a VQ-VAE does. Its encoder has no doubt: the nearest code gets
# all of the probability, $q(k(i) \mid x) = 1$, and every other code gets 0. Such a
# distribution is called one-hot. Its prior, while it trains, is $p(j) = 1/K$ for
# every code. With $0 \log 0 = 0$ a single term of the sum is left:
#
# $$\mathrm{KL}(q \,\|\, p) = 1 \cdot \log\frac{1}{1/K} + 0 + \dots + 0 = \log K .$$
#
# It is the same number whatever the picture, the encoder or the codes are. A
# constant has no gradient, so it may be left out, and that is why nobody sees it.
# For an image of $H W$ tokens it is $H W \log K$. The next cells check it, and the
# bound too, where everything is small enough to be summed: one pixel, four codes, a
# Gaussian around each.


# %%
def kl(q, p):
    """(N, K) and (K,) to (N,), in nats."""
    return (torch.special.xlogy(q, q) - torch.special.xlogy(q, p)).sum(dim=1)


even = torch.full((K,), 1 / K)
one_hot = F.one_hot(tokens[0].flatten(), K).float()  # (64 tokens, K)
cost = kl(one_hot, even)  # (64,)
torch.testing.assert_close(cost, torch.full((64,), math.log(K)))
torch.testing.assert_close(
    kl(even[None], even), torch.zeros(1), atol=1e-6, rtol=0
)
print(f"every token costs log 64 = {math.log(K):.3f} nats")

# %%
means = torch.tensor([-1.0, -0.2, 0.3, 1.1])  # what four codes paint
x = torch.tensor(0.45)
likelihood = torch.distributions.Normal(means, 0.3).log_prob(x)  # (4,)
evidence = (likelihood - math.log(4)).logsumexp(dim=0)  # log p(x)
true_posterior = likelihood.softmax(dim=0)
quarter = torch.full((4,), 1 / 4)

for name, q in (
    ("one-hot", F.one_hot(likelihood.argmax(), 4).float()),
    ("true posterior", true_posterior),
):
    bound = q @ likelihood - kl(q[None], quarter)[0]
    assert bound <= evidence + 1e-5
    print(f"{name:15} bound {bound:.4f}, log p(x) {evidence:.4f}")

# %% [markdown]
# The one-hot choice gives a true bound, and with the true posterior the bound is
# met. The gap is what the other codes, too, could have said of $x$. Why then not use a posterior with some doubt in it? One could: let the
# probabilities be a softmax of the squared distances with a temperature $\tau$
# ([chapter 01](01_softmax_is_an_angle.ipynb)),
# $q(j \mid x) \propto \exp(-\|z - e_j\|^2/\tau)$. The matching of a VQ-VAE is its
# limit for $\tau \to 0$. Here is the mean KL of the cat's latents as $\tau$ goes
# from cold to hot.

# %%
rows = rows_of(model, patches)[::4]  # (2016, D)
codebook = model.quantizer.codebook.detach()  # (K, D)
squared = torch.cdist(rows, codebook).square()  # (2016, K)
spread = squared.min(dim=1).values.mean()  # to the chosen code, on average
taus = torch.logspace(-3, 4, 29) * spread
costs = [kl((-squared / tau).softmax(1), even).mean() for tau in taus]
assert costs[0] > 0.97 * math.log(K) and costs[-1] < 0.05

# %% tags=["nbval-ignore-output"]
figure = new_figure(7, 2.7)
axes = figure.subplots()
axes.axhline(math.log(K), color=NEUTRAL, linewidth=1)
axes.plot(taus / spread, costs, color=CODES)
axes.text(8e3, 4.25, "log K", color=readable(NEUTRAL), ha="right")
axes.text(1.2e-3, 3.6, "one-hot: no slope", color=CODES)
axes.text(8e3, 0.25, "even: no news", color=CODES, ha="right")
axes.set(xscale="log", ylim=(-0.1, 4.7), ylabel="mean KL (nats)")
axes.set(xlabel="τ, in mean squared distances to the chosen code")
caption = "What a token costs if its choice has a temperature. Cold is VQ."
Picture(figure, f"A curve that falls from log K to zero. {caption}", caption)

# %% [markdown]
# In the middle of the curve the KL has a slope, and a model that trains there is
# pushed towards fewer nats; SQ-VAE (Takida et al. 2022) learns such a width and
# lets it go to zero by itself. A VQ-VAE sits at the far left from the first step
# on, where the curve is flat.
#
# One thing follows that matters for the rest of the book. Average the KL over all
# latents and let $p_j$ be the share of latents that choose code $j$. Each latent
# pays $\log K$, so with a zero put in,
#
# $$\log K = \sum_j p_j \log K = \underbrace{-\sum_j p_j \log p_j}_{\text{entropy of the tokens}} + \underbrace{\sum_j p_j \log\frac{p_j}{1/K}}_{\text{KL of the shares to even}} .$$
#
# The sum is fixed, and the two parts are not. A codebook of which a single code
# does all the talking pays $0 + \log K$, one whose codes take turns pays
# $\log K + 0$. This half of the objective cannot tell them apart and asks for
# neither. The other half, the reconstruction, may have an opinion, but we have seen
# that it does not reach the codes.

# %% tags=["nbval-ignore-output"]
p = counts.double() / counts.sum()  # (K,)
entropy = torch.special.entr(p).sum()
unevenness = torch.special.xlogy(p, K * p).sum()
torch.testing.assert_close(
    entropy + unevenness, torch.tensor(math.log(K)).double()
)
measured = evaluate_vqvae(model, patches)
assert abs(entropy.exp().item() - measured["perplexity"]) < 1e-3
print(f"{entropy:.2f} + {unevenness:.2f} = {math.log(K):.2f} nats a token")
print(f"perplexity exp({entropy:.2f}) = {measured['perplexity']:.1f}")

# %% [markdown]
# ## How far a token sees
#
# A latent stands above 4 by 4 pixels. How many pixels can it *see*? The set of
# pixels that can change a latent at all is its **receptive field**. Count it from
# the image on. Before any layer a place sees itself, $R = 1$ pixel a side, and
# neighbouring places are $J = 1$ pixel apart. A layer makes each new place see as
# many of the old ones as its kernel spans; all but the first of them add $J$ pixels.
# Then its stride sets the new places further apart:
#
# $$R \leftarrow R + (\text{kernel} - 1)\,J, \qquad J \leftarrow \text{stride} \cdot J .$$
#
# The order matters. A kernel spans what is there *before* its own stride acts.
# Before you run the cell, guess the last line: will a latent see its whole patch of
# 32 pixels?
#
# The gradient can tell whether the count is true. Give the encoder pictures larger
# than the field, sum up one latent, and see which pixels have a gradient that is
# not exactly zero. The other direction is as interesting: how many pixels does one
# token *paint*? Change one code in the middle of a large grid, and see which pixels
# move.

# %%
layers = [(4, 2), (4, 2), (3, 1)]  # kernel and stride
layers += [(3, 1), (1, 1)] * 2 + [(1, 1)]  # two blocks, and the last layer
R, J = 1, 1
for kernel, stride in layers:
    R, J = R + (kernel - 1) * J, stride * J
    print(f"kernel {kernel}, stride {stride}: sees {R:2d}, {J} apart")


# %%
def reach(encoder, decoder, codebook):
    """Two (96, 96): what a latent sees, and what a token paints."""
    pictures = torch.randn(12, 3, 96, 96, requires_grad=True)
    latent = encoder(pictures)[:, :, 12, 12].sum()  # row 12, column 12
    (slope,) = torch.autograd.grad(latent, pictures)

    codes = codebook[torch.randint(K, (12, 24, 24))]
    grid = codes.movedim(3, 1)  # (12, D, 24, 24)
    other = grid.clone()
    other[:, :, 12, 12] = codebook[torch.randint(K, (12,))]
    with torch.no_grad():
        change = decoder(other) - decoder(grid)
    return slope.abs().sum(dim=(0, 1)), change.abs().sum(dim=(0, 1))


# %%
def sides(strength):
    rows, columns = torch.nonzero(strength > 0, as_tuple=True)
    return [int(v.max() - v.min()) + 1 for v in (rows, columns)]


torch.manual_seed(0)
wide = torch.randn(K, D)  # codes far apart, for the model before training
for strength in reach(small.encoder, small.decoder, wide):
    assert sides(strength) == [R, R]
sees, paints = reach(model.encoder, model.decoder, codebook)
print(f"before training, sees and paints {R} by {R} pixels")

# %% tags=["nbval-ignore-output"]
figure = new_figure(5.6, 2.9)
window = slice(48 - 20, 48 + 24), slice(48 - 20, 48 + 24)
titles = ("a latent sees", "a token paints")
for axes, strength, title in zip(
    figure.subplots(1, 2), (sees, paints), titles, strict=True
):
    draw_reach(axes, strength[window], (20, 20, 4), title)
    axes.set_xlabel("44 pixels")
Picture(
    figure,
    "Two blots that fade from a dark middle towards a square border.",
    "After training. The darker, the stronger, on a logarithmic scale. The "
    "white square is the token's own 4 by 4 pixels.",
)

# %% tags=["nbval-ignore-output"]
near = slice(48 - 4, 48 + 8), slice(48 - 4, 48 + 8)
held = [float(s[near].sum() / s.sum()) for s in (sees, paints)]
assert min(held) > 0.3
print(f"the 12 by 12 pixels around it hold {held[0]:.0%} of what a latent")
print(f"sees, and {held[1]:.0%} of what a token paints")

# %% [markdown]
# Both are 34, more than the whole patch, and they are equal because the decoder
# mirrors the encoder. The possible and the actual differ, though. The field fades
# from the middle outwards by orders of magnitude, and parts of the outermost ring a
# trained token does not paint at all, because the units that would carry it there
# are switched off. So a token speaks mostly of its own surroundings and has heard a
# rumour of everything else. On photographs this leaves it local. Remember the number
# 34 when we come to digits, which are 8 pixels wide.

# %% [markdown]
# ## Bits for a picture
#
# Chapter 00 counted the bits of a patch: 64 tokens of $\log_2 K$ bits each. With
# $K = 64$ that is $\log_2 64 = 6$ bits a token. The usual unit is **bits per pixel**, bits
# divided by the number of positions, whatever the number of colours. The nominal
# figure takes every code to be equally likely. A coder that knows the shares
# $p_j$ needs the entropy instead, which is $\log_2$ of the perplexity.

# %% tags=["nbval-ignore-output"]
pixels = 32 * 32
nominal = 64 * math.log2(K)
coded = 64 * math.log2(measured["perplexity"])
weights = sum(w.numel() for w in model.decoder.parameters()) + K * D
saved = pixels * 24 - nominal
print(f"as bytes {24:.2f} bits per pixel")
print(
    f"nominal {nominal / pixels:.3f}, {pixels * 24 / nominal:.0f} times fewer"
)
print(f"with an ideal coder about {coded / pixels:.3f}")
print(f"decoder and codes: {weights:,} numbers, {32 * weights:,} bits")
print(f"paid back after {math.ceil(32 * weights / saved)} patches")
assert nominal == 384 and coded < nominal

# %% [markdown]
# Sixty-four times fewer, and the comparison is not quite fair. Whoever receives the
# tokens needs the decoder and the codebook too. Their bits are paid once, and after
# some thirty patches they have been earned back; for a single picture they are not.
# Nor is the other side as large as it looks, for nobody sends photographs as raw
# bytes. The figure says how narrow the bottleneck is. It does not say that this is
# a good way to store photographs.
#
# What bits do *not* tell is how to spend them. Twice as many codes cost one bit a
# token, twice as many rows and columns cost four times as many tokens. VQ-VAE-2
# (Razavi et al. 2019) spends on a second, coarser grid.

# %% [markdown]
# ## Reading a training run
#
# `train_vqvae` returns a `History`: one row every few steps, one column a
# quantity. The model of this chapter was trained in two calls, and we join their
# records. Beside it we train the same model in the usual way, with codes drawn at
# random between $-1/K$ and $1/K$ and the quantizer in place from the first step, for
# as many steps in all.


# %% tags=["nbval-ignore-output"]
def later(run, by):
    """The same record with its steps counted from elsewhere."""
    return History([step + by for step in run.steps], run.columns)


torch.manual_seed(1)
plain = VQVAE(3, VQ(K, D), hidden=32, residual_hidden=8)
runs = {"k-means": later(history, 160), "random": fit(plain, 1, 220, 2e-3)}
for name, run in runs.items():
    print(f"{name:8} PSNR {run.final('psnr'):.1f} dB, ", end="")
    print(f"usage {run.final('usage'):.0%}")
good, poor = runs.values()
assert good.final("usage") > 2 * poor.final("usage")
assert good.final("psnr") > poor.final("psnr") + 1

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 2.3)
names = ("reconstruction", "commitment", "psnr", "usage")
draw_history(figure, runs, names)
Picture(
    figure,
    "Four panels. The k-means run begins at step 160, above the other one.",
    "Two of the batch, reconstruction term and commitment; two of the "
    "held-out cat, PSNR (dB) and usage. The k-means run starts at step 160.",
)

# %% [markdown]
# Read such a picture from left to right. The reconstruction term begins near 1,
# which we can now explain: a network that knows nothing paints grey. It is the
# term of one small batch, so it jumps. The commitment is measured in the units of
# the latents, and these are nobody's but the encoder's own; a run with a larger
# commitment need not be worse, it may have larger latents. That is why the total
# loss cannot be compared between two runs either. PSNR and usage can, because both
# are taken on the same held-out pictures.
#
# The random start has spread over a handful of codes and stays there, with a poor
# picture. Was it unlucky? That is a question for chapter 06, where it will be our
# patient.

# %% [markdown]
# ### What a PSNR is, and what it is not
#
# The PSNR is the mean squared error on a logarithmic scale. Take the widest swing
# of a pixel, 2 for images in $[-1, 1]$, square it as the error is squared, and
# count the factor between them in tenths of powers of ten, which are called
# decibels:
#
# $$\mathrm{PSNR} = 10\log_{10}\frac{2^2}{\mathrm{mse}} = 10\log_{10}\frac{4}{\sigma^2} - 10\log_{10}\frac{\mathrm{mse}}{\sigma^2} .$$
#
# The second form ties it to our loss. On the training photographs, grey for
# everything, a term of 1, scores $10\log_{10}(4/\sigma^2)$; from there every factor
# of ten in the term is worth 10 dB, and every halving 3. The mean must be taken over the error, before the
# logarithm. The mean of the patches' own decibels is another number, and never a
# smaller one, because $-\log$ is convex: the mean of $-\log$ is at least $-\log$ of
# the mean.


# %% tags=["nbval-ignore-output"]
def psnr(painted, images):
    error = painted.clamp(-1, 1) - images
    return 10 * math.log10(4 / error.square().mean().item())


painted = model.decode(tokens)  # (126, 3, 32, 32)
of_set = psnr(painted, patches)
each = [psnr(a, b) for a, b in zip(painted, patches, strict=True)]
mean_of_each = sum(each) / len(each)
assert abs(of_set - measured["psnr"]) < 1e-3 and mean_of_each > of_set
of_grey = 10 * math.log10(4 / variance)
print(f"grey for the training photographs: {of_grey:.1f} dB")
print(f"the set {of_set:.2f} dB, mean over patches {mean_of_each:.2f} dB")

# %% [markdown]
# And the PSNR is blind to *what kind* of error there is. Here are three ways to
# spoil the cat by the same number of decibels. Which is the worst, to your eye?

# %%
face = slice(64, 224), slice(128, 320)  # rows and columns
photograph = put_together(patches)[:, *face]  # (3, 160, 192)
tiny = F.avg_pool2d(photograph[None], 8)
blurred = F.interpolate(tiny, scale_factor=8, mode="bilinear")[0]
size = (blurred - photograph).square().mean().sqrt()  # a typical error
generator = torch.Generator().manual_seed(0)
noise = torch.randn(photograph.shape, generator=generator)
spoilt = [photograph, photograph + size, photograph + size * noise, blurred]
scores = [psnr(picture, photograph) for picture in spoilt[1:]]
assert max(scores) - min(scores) < 0.5

# %%
figure = new_figure(7.6, 1.95)
titles = ("the photograph", "brighter", "noisy", "blurred")
draw_images(figure, torch.stack(spoilt), titles)
caption = (
    f"Three errors of one size: {min(scores):.1f} to {max(scores):.1f} dB. "
    "One is hardly an error, one hides little, one has lost the fur."
)
Picture(figure, f"A cat four times. {caption}", caption)

# %% [markdown]
# A change of brightness is forgiven by every eye and punished in full by the PSNR.
# The blur has destroyed something for good and scores the same. Since squared error
# rewards the mean of all that might be there, and a mean of many furs is a blur, a
# model trained on it paints blur. The usual companion is the **SSIM**, structural
# similarity, which compares means, contrasts and correlations in small windows; it
# forgives brightness and minds the loss of texture. It is a formula too, with
# blind spots of its own. Chapter 11 brings in a critic that has seen pictures.

# %% [markdown]
# ## Write with the alphabet
#
# Back to the box of paints, now as an instrument. The patch of the cat in which
# cheek and nose meet has been encoded. The slider takes one of the 24 codes that
# the cat says most, the most frequent first, and puts it where you say. Everything
# is decoded beforehand, 96 small pictures at once.

# %%
nose = tokens[7 * 14 + 7]  # (8, 8)
before = Edit(nose, model.decode(nose[None])[0], changed=0)
places = {
    "at one place": (slice(3, 4), slice(4, 5)),
    "in a column": (slice(None), slice(4, 5)),
    "in a block": (slice(2, 6), slice(2, 6)),
    "everywhere": (slice(None), slice(None)),
}


# %%
def edited(code, where):
    indices = nose.clone()
    indices[places[where]] = code
    painted = model.decode(indices[None])[0]
    change = (painted - before.painted).abs().mean(dim=0)  # (32, 32)
    return Edit(indices, painted, int((change > 2 / 255).sum()))


ranked = order[:24].tolist()
edits = {
    (rank, where): edited(code, where)
    for where in places
    for rank, code in enumerate(ranked, start=1)
}

# %% [markdown]
# ### Predict, then drag
#
# 1. One place of 64 gets another code. Will the change stay within its 4 by 4
#    pixels?
# 2. Go through the codes with a whole column changed. Do the two borders of the
#    stripe look the same, whatever the code?
# 3. Everywhere: the patch says one word 64 times. What is left of the nose?

# %% tags=["nbval-ignore-output"]
most = max(range(1, 25), key=lambda r: edits[r, "at one place"].changed)
code_figure = SliderFigure(
    CodeScene(before, edits, ranked, K),
    alt_title="A code of your choice, put into a patch of the cat and decoded",
    size=(7.2, 2.05),
    code=Slider(1, 24, 1, most, "code, by frequency", frames=12, format=".0f"),
    where=Choice(tuple(places), "at one place", "put it"),
)
code_figure

# %% tags=["moves-sliders"]
once = code_figure.set(code=18)
assert "number 18 by frequency, at one place" in once
stripe = code_figure.set(where="in a column")
assert "in a column" in stripe
flat = code_figure.set(where="everywhere")
assert "everywhere" in flat
reached = [edits[rank, "at one place"].changed for rank in range(1, 25)]
assert max(reached) > 32  # far more than 16
code_figure.set(code=most, where="at one place")
print("moved through the alphabet and back")

# %% [markdown]
# A single place changes a spot much larger than its own sixteen pixels, with a core
# of the code's colour and a rim that fades. The stripe has two different borders,
# since it meets the cheek on one side and the nose on the other, and the decoder
# draws each meeting in its own way. And said everywhere, a code is a colour again,
# with a frame: near the border of the grid the decoder sees the zeros of its own
# padding, and paints those as a meeting too. A code is a word whose sense comes from
# the words beside it.

# %% [markdown]
# ## Digits: four tokens a picture
#
# The digits are 8 by 8 pixels, so the same architecture leaves 2 by 2 tokens. With
# $K = 16$ a digit is four words, $4 \cdot \log_2 16 = 16$ bits in all. This time the whole
# language fits on a page. What will the alphabet look like now, a box of greys?
# Think of the receptive field before you answer.

# %%
digits = load_images("digits").images  # (1297, 1, 8, 8)
unseen = load_images("digits", split="test").images  # (500, 1, 8, 8)


def fit_digits(model, steps, rate):
    return train_vqvae(
        model, digits, held_out=unseen, steps=steps, learning_rate=rate
    )


torch.manual_seed(0)
scribe = VQVAE(1, Untouched(8), hidden=32, residual_hidden=8)
warm_digits = fit_digits(scribe, 140, 4e-3)

# %%
sixteen = kmeans_codes(scribe, digits, 16, seed=0)
scribe.quantizer = VQ(16, 8)
scribe.quantizer.codebook.data.copy_(sixteen)
digits_history = fit_digits(scribe, 80, 1e-3)
words = scribe.encode(unseen)  # (500, 2, 2)

# %% tags=["nbval-ignore-output"]
spoken = words.flatten().bincount(minlength=16)  # (16,)
by_count = spoken.argsort(descending=True, stable=True)
alone = scribe.decode(by_count[:, None, None].expand(-1, 2, 2))
figure = new_figure(7.6, 0.8)
labels = [str(code) for code in by_count.tolist()]
draw_alphabet(figure.subplots(), alone, labels)
Picture(
    figure,
    "Sixteen small pictures; several look like blurred digits.",
    "The whole alphabet of the digits: each code said at all four places, the "
    "most frequent first, with its number.",
)

# %% [markdown]
# These are no greys. Several codes, said four times, are nearly a digit. A latent
# of the digits sees 34 pixels around it and a digit has 8, so every one of the four
# latents has seen the *whole* digit and can say what kind of shape it belongs to.
# On the photographs a code was a colour; here it is closer to "upper part of
# something round". What a code means depends on how much a latent has seen.

# %% tags=["nbval-ignore-output"]
told = scribe.decode(words[:16])  # (16, 1, 8, 8)
by_lot = torch.randint(16, (16, 2, 2), generator=generator)
nonsense = scribe.decode(by_lot)
figure = new_figure(7.6, 1.9)
above, below = figure.subplots(2, 1, height_ratios=[2, 1])
draw_alphabet(above, torch.cat([unseen[:16], told]), [""] * 32)
draw_alphabet(below, nonsense, [""] * 16)
Picture(
    figure,
    "Handwritten digits, the same digits coarser, and a row of scribbles.",
    "Unseen digits; below them what came back from 16 bits each. Last row: "
    "four tokens drawn by lot, pieces of digits that do not agree.",
)

# %% tags=["nbval-ignore-output"]
used = len(scribe.encode(digits).flatten(1).unique(dim=0))
grey = digits.mean().expand_as(unseen)
score, of_grey = digits_history.final("psnr"), psnr(grey, unseen)
assert used < 1297 and score > of_grey + 3
print(f"{used} of {16**4:,} words stand for 1,297 training digits")
print(f"PSNR on unseen digits {score:.1f} dB, of one grey {of_grey:.1f} dB")
print("the first three:", words[:3].flatten(1).tolist())

# %% [markdown]
# Most digits come back as themselves, in sixteen bits, and different hands often
# share one word. Look at the last row, though. Of more than sixty-five thousand possible
# words only a few hundred are ever said, and four tokens drawn by lot are hardly
# ever one of them. An autoencoder knows the words and not the language. To
# make new pictures one has to learn which tokens go together, which is a second
# model, a prior over the tokens, and chapter 13.

# %% [markdown]
# ## Experiment · what does the bottleneck cost?
#
# How much picture is lost because each latent has to be one of 64 codes? The
# **baseline** is the same autoencoder without a quantizer. It is an upper bound: it
# may hand 16 free numbers where the others hand 6 bits. Every arm of a seed starts
# from the same warmed-up encoder and decoder, and trains for 60 further steps on
# the same batches. Seeds differ by much, since a short run may or may not have found
# out about a colour; what counts is the difference to the baseline of the same seed.
#
# Three arms ask what it takes. *Learned* is our VQ-VAE. *Frozen, k-means* has the
# same first codes, and no gradient ever moves them. *Frozen, random* has codes
# that were drawn from a Gaussian with the mean and the standard deviation of each
# channel of the latents, and these do not move either. If codes have to be learned,
# both frozen arms should fail.
#
# The **negative control** draws every token by lot, in training and afterwards. It
# has the same codes, the same losses and the same straight-through gradient, and
# its tokens know nothing of the picture. Should it come back with more than one
# flat colour, something would be leaking past the bottleneck.


# %%
class FrozenVQ(VQ):
    """Codes that no gradient moves; the encoder may still come to them."""

    def __init__(self, num_codes, dim):
        super().__init__(num_codes, dim)
        self.codebook.requires_grad_(False)


def gaussian_codes(model, seed):
    rows = rows_of(model, photos[::20])  # (N, D)
    drawn = torch.randn(K, D, generator=torch.Generator().manual_seed(seed))
    return rows.mean(dim=0) + rows.std(dim=0) * drawn


# %%
class ByLot(VQ):
    """The negative control: which code a latent gets is drawn by lot."""

    def assign(self, latents):
        return torch.randint(self.num_codes, latents[:, 0].shape)

    def forward(self, latents, step=None):
        indices = self.assign(latents)
        codes = self.embed(indices)  # (B, D, H, W)
        codebook = F.mse_loss(codes, latents.detach())
        commitment = F.mse_loss(codes.detach(), latents)
        loss = codebook + 0.25 * commitment
        terms = {"codebook": codebook, "commitment": commitment}
        passed = latents + (codes - latents).detach()
        return Quantized(passed, indices, loss, terms)


# %%
def arms_of(seed):
    base, codes = warm[seed], starts[seed]
    drawn = gaussian_codes(base, seed)
    learned = (model, history) if seed == 1 else None
    return {
        "no quantizer": go_on(base, Untouched(D), None, seed),
        "learned": learned or go_on(base, VQ(K, D), codes, seed),
        "frozen, k-means": go_on(base, FrozenVQ(K, D), codes, seed),
        "frozen, random": go_on(base, FrozenVQ(K, D), drawn, seed),
        "by lot": go_on(base, ByLot(K, D), codes, seed),
    }


# %%
for seed in (0, 2):
    warm[seed] = warmed_up(seed)
    starts[seed] = kmeans_codes(warm[seed], photos[::20], K, seed)
arms = [arms_of(seed) for seed in (0, 1, 2)]
names = list(arms[0])
score = {
    name: torch.tensor([arm[name][1].final("psnr") for arm in arms])
    for name in names
}  # (3 seeds,) each

# %% tags=["nbval-ignore-output"]
one_colour = photos.mean(dim=(0, 2, 3))[:, None, None].expand_as(patches)
flat = psnr(one_colour, patches)
print(f"{'PSNR (dB)':16} seed 0  seed 1  seed 2    cost   usage")
for name, values in score.items():
    row = "".join(f"{value:8.2f}" for value in values)
    cost = (score["no quantizer"] - values).mean()
    shares = [arm[name][1].final("usage") for arm in arms]
    usage = "" if name == "no quantizer" else f"{sum(shares) / 3:8.0%}"
    print(f"{name:15}{row}{cost:8.2f}{usage}")
print(f"one flat colour {flat:.2f}")

# %% tags=["nbval-ignore-output"]
figure = new_figure(7, 2.5)
axes = figure.subplots()
for seed, marker in enumerate("osD"):
    less = [float((score[n] - score[names[0]])[seed]) for n in names]
    height = torch.arange(5) + 0.16 * (seed - 1)
    look = {"color": SERIES[seed], "label": f"seed {seed}"}
    axes.plot(less, height, marker, **look)
axes.legend(loc="upper left", frameon=False)
axes.axvline(0, color=NEUTRAL, linewidth=1)
axes.set(yticks=range(5), yticklabels=names, ylim=(4.5, -0.5))
axes.set_xlabel("PSNR on the cat, less that of no quantizer (dB)")
caption = "What each bottleneck costs, seed by seed. Farther left costs more."
Picture(figure, f"Three markers an arm. {caption}", caption)

# %% tags=["nbval-ignore-output"]
cost = {name: score["no quantizer"] - score[name] for name in names}
assert cost["learned"].min() > 0.3 and cost["learned"].max() < 4
assert (cost["frozen, k-means"] - cost["learned"]).abs().max() < 0.7
assert cost["frozen, random"].mean() > 2 * cost["learned"].mean()
assert (score["by lot"] < flat + 1).all()

codes = model.quantizer.codebook.detach()  # (K, D)
way = (codes - starts[1]).norm(dim=1)  # (K,), what learning has moved them by
apart = torch.cdist(codes, codes).fill_diagonal_(math.inf).min(dim=1).values
assert way.median() < 0.2 * apart.median()
print(f"learned codes have moved by {way.median():.2f}, median, and their")
print(f"nearest neighbours are {apart.median():.2f} away")

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)  # for the lots
faces = [photograph]  # (3, 160, 192)
for name in names:
    with torch.no_grad():
        painted = arms[1][name][0](patches).reconstruction
    faces.append(put_together(painted)[:, *face])
figure = new_figure(7.6, 3.9)
titles = ["the photograph", *names]
draw_images(figure, torch.stack(faces), titles, columns=3)
caption = "Seed 1. What is left of a face on the way through each bottleneck."
Picture(figure, f"A cat's face six times. {caption}", caption)

# %% [markdown]
# The control fails as it should: tokens by lot score what one flat colour scores,
# in every seed. So whatever the other arms paint has gone through the tokens. The
# green of the eye is missing from all of them, the upper bound included, so it was
# not the quantizer that lost it.
#
# The frozen codes are the surprise. Random ones cost more than twice what learned
# ones cost, and yet they paint a cat. The encoder has walked over to some of them,
# led by the commitment and by the decoder's gradient, and makes do with those. And
# k-means' codes, frozen, do as well as learned ones, in every seed. Before we make
# much of that, look at the way the learned codes have come: a small part of the way
# to their neighbours. They had no time to go anywhere. What the arms compare is
# where the codes lie when the latents arrive, and that counts for more than a short
# training of the codes. Keep it in mind when chapter 06 looks for the cause of
# collapse. Perhaps an idle code is idle less because it learns badly than because it
# lies in the wrong place.

# %% [markdown]
# ## Interpretation and limits
#
# Shown by derivation, and checked to the last gradient: what the model computes,
# which term moves which part, that the squared error over a variance is a Gaussian
# likelihood, and that a one-hot posterior against an even prior pays a constant.
# Shown by measurement, on one photograph with three seeds: against no quantizer, 64
# codes cost this small model a few decibels at most; against tokens by lot, what
# comes back has come through the tokens; and within 60 steps at a small rate,
# learning the codes adds nothing to a good start. Not shown: that codes need not be
# learned in a long run. An encoder that moves far leaves frozen codes behind. Nor
# does a model of this width say anything about the paper's numbers.
#
# | | |
# |---|---|
# | the paper (van den Oord et al. 2017) | $\beta = 0.25$, codes moved by gradient or by running means; images of 128 pixels a side as 32 by 32 tokens of $K = 512$ codes |
# | the official code of ArcVQ-VAE | the same network four times as wide, codes drawn at random, its first ReLU of a block in place, $\mathrm{mse}/\sigma^2$ with $\sigma^2 = 4\,\mathrm{var}(\text{train}/255)$; matches by angle, not by distance (Kim and Yoo 2026) |
# | ours | a quarter of the width, 220 steps of 16 patches, Euclidean matching; a codebook that begins with k-means on a warmed-up encoder's latents, as Łańcucki et al. (2020) do from time to time |
#
# What remains open here is the random start, which ended on a handful of codes. The
# KL did not mind, and we know why: every way of using a codebook pays the same
# $\log K$. Why the other terms did not help it, we have not shown.

# %% [markdown]
# ## Exercises
#
# Replace `return None`, run the cell, and read what the checker says. The solution
# is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · The variance of a data set
#
# *Difficulty ●○○ · 5 minutes*
#
# `levels` are the training images as bytes, a uint8 tensor of shape (images, 3, rows, columns).
# Return $\sigma^2$, the variance that the loss divides by when the same images are
# fed in as numbers in $[-1, 1]$.


# %% tags=["exercise"]
def data_variance(levels):
    return None  # your line here


check.data_variance(data_variance)


# %% tags=["solution"] jupyter={"source_hidden": true}
def data_variance_solution(levels):
    return 4 * (levels / 255).var()


check.data_variance(data_variance_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · A receptive field
#
# *Difficulty ●●○ · 10 minutes*
#
# `layers` is a list of pairs (kernel, stride), the layer at the image first. Return
# how many pixels a side one place of the output sees. The checker knows six wrong
# ways.


# %% tags=["exercise"]
def receptive_field(layers):
    return None  # your lines here


check.receptive_field(receptive_field)


# %% tags=["solution"] jupyter={"source_hidden": true}
def receptive_field_solution(layers):
    side, apart = 1, 1
    for kernel, stride in layers:
        side += (kernel - 1) * apart
        apart *= stride
    return side


check.receptive_field(receptive_field_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · The whole loss
#
# *Difficulty ●●○ · 10 minutes*
#
# Write the loss of a VQ-VAE as one scalar, from `images` and `painted`
# of one shape, `latents` and their chosen `codes` $(B, D, H, W)$, the
# variance and $\beta$. All squared errors are means over elements. The checker
# looks at the value first and then at who is pulled, and how hard.
#
# <details><summary>Hint</summary>
#
# Without a `detach`, the two terms of the quantizer are the same number with the
# same gradient. Where do you have to cut so that each moves one side only?
#
# </details>


# %% tags=["exercise"]
def vqvae_loss(images, painted, latents, codes, variance, beta):
    return None  # your lines here


check.vqvae_loss(vqvae_loss)


# %% tags=["solution"] jupyter={"source_hidden": true}
def vqvae_loss_solution(images, painted, latents, codes, variance, beta):
    reconstruction = F.mse_loss(painted, images) / variance
    codebook = F.mse_loss(codes, latents.detach())
    commitment = F.mse_loss(codes.detach(), latents)
    return reconstruction + codebook + beta * commitment


check.vqvae_loss(vqvae_loss_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · What a posterior costs
#
# *Difficulty ●●○ · 10 minutes*
#
# `q` is $(N, K)$, each row a distribution over the codes. Return the KL divergence
# of each row to even odds, $(N,)$, in nats. It must work for one-hot rows too.


# %% tags=["exercise"]
def kl_to_uniform(q):
    return None  # your lines here


check.kl_to_uniform(kl_to_uniform)


# %% tags=["solution"] jupyter={"source_hidden": true}
def kl_to_uniform_solution(q):
    return math.log(q.shape[1]) - torch.special.entr(q).sum(dim=1)


check.kl_to_uniform(kl_to_uniform_solution)

# %% [markdown]
# ## Quiz
#
# **1.** Which of the three terms moves the codebook, and which moves the decoder?
#
# <details><summary>Answer</summary>
#
# The codebook term alone moves the codebook, the reconstruction alone the decoder.
# The encoder is moved by the reconstruction and by the commitment.
#
# </details>
#
# **2.** Somebody changes the images from $[-1, 1]$ to bytes and keeps the same
# $\sigma^2$. What happens to the training?
#
# <details><summary>Answer</summary>
#
# The reconstruction term grows by $127.5^2$, some sixteen thousand times, and the
# quantizer's terms no longer count. With the variance of the new images nothing
# would have changed.
#
# </details>
#
# **3.** A codebook of 64 codes is doubled. By how much does the KL of a token grow,
# and what does the gradient notice of it?
#
# <details><summary>Answer</summary>
#
# By $\log 2$, from $\log 64$ to $\log 128$. The gradient notices nothing; it is a
# constant before and after.
#
# </details>
#
# **4.** Why does a negative number never come out of the official residual block's
# skip?
#
# <details><summary>Answer</summary>
#
# The first ReLU of the other branch works in place and overwrites the input before
# the sum is taken, so the skip carries $\mathrm{relu}(x)$.
#
# </details>
#
# **5.** You add one more $3 \times 3$ convolution, stride 1, at the end of the
# encoder. How far does a latent see then?
#
# <details><summary>Answer</summary>
#
# $34 + 2 \cdot 4 = 42$ pixels. Places are 4 pixels apart there, and the kernel spans
# two more of them.
#
# </details>
#
# **6.** On photographs a code alone is a colour, on digits nearly a digit. Why?
#
# <details><summary>Answer</summary>
#
# A latent sees 34 pixels. On the digits, 8 pixels wide, that is all of the picture,
# so each of the four latents can say something about the whole.
#
# </details>
#
# **7.** The total loss of one run is half that of another. Does it paint better?
#
# <details><summary>Answer</summary>
#
# Not necessarily. The quantizer's terms are measured in the units of each run's own latents.
# Compare PSNR on the same held-out pictures, and look at them.
#
# </details>
#
# **8.** In the experiment the tokens were drawn by lot. What would it have meant if
# that arm had painted a cat?
#
# <details><summary>Answer</summary>
#
# That something reaches the decoder past the tokens: a leak in the straight-through
# line, for instance, or statistics of the batch.
#
# </details>

# %% [markdown]
# ## Summary
#
# A VQ-VAE is an encoder that shrinks the sides by four, a look-up, and a decoder
# that mirrors the encoder. Its loss has three terms. The squared error is divided
# by the data's variance because that makes it a Gaussian likelihood in units that
# no rescaling changes; the codebook term moves codes alone; the commitment moves
# the encoder alone. The KL of a VAE is there too, but for a one-hot posterior and an
# even prior it is $\log K$ per token, a constant, so it does not ask for the codes to
# be used. A code by itself is a colour on photographs and nearly a shape on digits,
# depending on what a latent sees; pictures arise where codes meet. Against the same
# autoencoder without a quantizer, 64 codes cost a few decibels at most, codes frozen
# where k-means had put them did as well as learned ones, and tokens by lot lost
# everything.

# %% [markdown]
# ## References
#
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>, section 3 for the loss.
# - Bengio, Léonard, Courville: *Estimating or Propagating Gradients Through
#   Stochastic Neurons for Conditional Computation*, arXiv 2013,
#   <https://arxiv.org/abs/1308.3432>
# - Kingma, Welling: *Auto-Encoding Variational Bayes*, ICLR 2014,
#   <https://arxiv.org/abs/1312.6114>
# - Takida, Shibuya, Liao, Lai, Ohmura, Uesaka, Murata, Takahashi, Kumakura,
#   Mitsufuji: *SQ-VAE: Variational Bayes on Discrete Representation with
#   Self-annealed Stochastic Quantization*, ICML 2022,
#   <https://arxiv.org/abs/2205.07547>
# - Zheng, Vedaldi: *Online Clustered Codebook*, ICCV 2023,
#   <https://arxiv.org/abs/2307.15139>
# - Razavi, van den Oord, Vinyals: *Generating Diverse High-Fidelity Images with
#   VQ-VAE-2*, NeurIPS 2019, <https://arxiv.org/abs/1906.00446>
# - Łańcucki, Chorowski, Sanchez, Marxer, Chen, Dolfing, Khurana, Alumäe, Laurent:
#   *Robust Training of Vector Quantized Bottleneck Models*, IJCNN 2020,
#   <https://arxiv.org/abs/2005.08520>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# The random start left most of its codes idle.
# [Chapter 06](06_collapse.ipynb) watches it happen step by step: who wins, why
# winners go on winning, and what can be done for the others.
