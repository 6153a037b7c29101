# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Collapse: norms, winners, dead codes, and the cures
#
# | | |
# |---|---|
# | **You will be able to** | measure how much of a codebook is alive, derive why winners win more, and write the usual cures and say what each one mends |
# | **Before you start** | PyTorch gradients; [chapter 00](00_start_here.ipynb) for codes, tokens and perplexity |
# | **Data** | 32×32 patches of seven photographs, on your disk already |
# | **Time** | 60 minutes to read, under a minute to run |
# | **Widget** | the step of a training run, under three rules for the codebook |
# | **The claim** | a code dies because it stands in the wrong place, and its length alone can put it there; putting it elsewhere revives it, and that is not yet a better picture |

# %%
import math
from functools import partial

import torch
from einops import rearrange
from torch.nn import functional as F

# %%
from arcvq_lite import (
    CVQ,
    EMAVQ,
    FSQ,
    VQ,
    VQVAE,
    FactorizedVQ,
    check,
    evaluate_vqvae,
    load_images,
    quantizers,
)
from arcvq_lite.usage import codebook_use, count_codes

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
    readable,
)

# %%
from arcvq_lite.viz.collapse import (
    CollapseScene,
    LoggedStep,
    Polar,
    draw_compass,
    draw_length_paths,
)
from arcvq_lite.widgets import Choice, Slider, SliderFigure

# %% [markdown]
# ## A vocabulary that shrinks to a handful
#
# A small autoencoder may describe each place of a photograph with one of 128
# codes. It is a plain VQ-VAE (van den Oord et al. 2017): the nearest code in
# Euclidean distance is chosen, one loss pulls the code to its latents, another
# pulls the latents to their code. We practise on every third patch of six
# photographs, which is plenty for runs this short, and judge by the seventh, the
# cat of [chapter 00](00_start_here.ipynb), cut into 126 patches that tile it once.

# %%
photos = load_images("photos").images[::3].clone()  # (2034, 3, 32, 32)
cat = load_images("photos", split="test").images  # (459, 3, 32, 32)
overlapping = rearrange(cat, "(r c) d h w -> r c d h w", r=17)
patches = rearrange(overlapping[::2, ::2], "r c d h w -> (r c) d h w")
whole_cat = rearrange(patches, "(r c) d h w -> d (r h) (c w)", r=9)
print(tuple(patches.shape), "tile", tuple(whole_cat.shape))

# %% [markdown]
# We want to watch the codebook from the inside, so the training loop stands in
# view. One step encodes a batch into latents of shape $(B, D, 8, 8)$, quantizes
# them, decodes, and lets Adam move everything. It returns the latents as rows,
# $(N, D)$ with $N = 64 B$, because some cures will ask for them. Every fourth step
# `record` notes all codes, some of the cat's latents, and how often each code is
# chosen on the whole cat.

# %%
STEPS, BATCH, K, D = 100, 16, 128, 16
torch.set_num_threads(1)  # the network is too small to be shared out
SMALL = {"hidden": 16, "residual_layers": 0, "residual_hidden": 8}
variance = photos.var()


def as_rows(latents):
    return rearrange(latents, "b d h w -> (b h w) d")


# %%
def one_step(model, optimizer, batch, step):
    latents = model.latents(batch)  # (B, D, 8, 8)
    out = model.quantizer(latents, step=step)
    painted = model.decoder(out.quantized)  # (B, 3, 32, 32)
    error = F.mse_loss(painted, batch) / variance
    optimizer.zero_grad()
    (error + out.loss).backward()
    optimizer.step()
    return as_rows(latents.detach())  # (N, D)


# %%
@torch.no_grad()
def record(model, step):
    """All codes, some of the cat's latents, and who is chosen on it."""
    parts = [model.encode(part) for part in patches.split(18)]
    indices = torch.cat(parts)  # (126, 8, 8)
    latents = model.latents(patches[::4])  # (32, D, 8, 8)
    painted = model.decode(indices).clamp(-1, 1)
    error = (painted - patches).square().mean().item()
    return {
        "step": step,
        "codes": model.quantizer.codebook.detach().clone(),  # (K, D)
        "latents": as_rows(latents)[::8].clone(),  # (256, D)
        "counts": indices.flatten().bincount(minlength=K),  # (K,)
        "psnr": 10 * math.log10(4 / error),
    }


# %%
def train(make_quantizer, seed=0, begin=None, after=None, log=None):
    torch.manual_seed(seed)
    model = VQVAE(3, make_quantizer(), **SMALL)
    order = torch.Generator().manual_seed(seed)
    draws = torch.randint(len(photos), (STEPS, BATCH), generator=order)
    if begin is not None:
        begin(model, photos[draws[0]])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    for step, drawn in enumerate(draws):
        if log is not None and step % 4 == 0:
            log.append(record(model, step))
        rows = one_step(model, optimizer, photos[drawn], step)
        if after is not None:
            after(model.quantizer, rows)
    return model.eval()


# %%
def plain_vq():
    return VQ(K, D)


plain_log = []
plain = train(plain_vq, log=plain_log)
plain_log.append(record(plain, STEPS))

# %% [markdown]
# What has become of the 128 codes? They live in 16 dimensions, and a page has
# two. We look along the two directions in which the latents of the whole run
# reach furthest from the origin, which are the first two right singular vectors.
# Lengths differ by a factor of a hundred, so the picture is a compass: the angle
# of a point is its direction in that plane, its distance from the middle the
# logarithm of its full length in 16 dimensions.


# %%
def plane_of(log):
    """(D, 2): the two directions that hold most of the latents' length."""
    rows = torch.cat([entry["latents"] for entry in log])  # (steps * 256, D)
    return torch.linalg.svd(rows, full_matrices=False).Vh[:2].T


def polar(vectors, plane):
    return Polar(vectors @ plane, vectors.norm(dim=1))


plane = plane_of(plain_log)
last = plain_log[-1]
counts = last["counts"]  # (K,)

# %% tags=["cover", "nbval-ignore-output"]
figure = new_figure(7.4, 3.1)
compass, bars = figure.subplots(1, 2, width_ratios=[1, 1.45])
latents, codes = polar(last["latents"], plane), polar(last["codes"], plane)
draw_compass(compass, latents, codes, counts)
bars.bar(range(K), counts.sort(descending=True).values, color=CODES)
bars.set(xlabel="codes, the most frequent first", ylabel="tokens on the cat")
bars.locator_params(axis="y", nbins=5)
alive = int((counts > 0).sum())
assert 2 <= alive <= 16
print(f"{alive} of {K} codes describe the whole cat, {last['psnr']:.1f} dB")
caption = (
    "After training. Orange: latents of the cat. Discs: the chosen codes. "
    "Crosses: all others, near the middle. Circles: lengths from 0.01 to 10."
)
Picture(figure, f"A compass, and very few bars. {caption}", caption)

# %% [markdown]
# The latents have left for a place of their own. A few codes have set out after
# them, and all the others point in every direction, short as they were born.
# Nothing is broken: the loss fell, and no number is infinite. A codebook of which
# only a few codes are ever chosen is said to have undergone **codebook
# collapse**. Seven bits a token are paid for, and only a fraction of them is used.
# This chapter asks how that comes about, and what can be done. First we need to
# be sure that we measure it rightly.

# %% [markdown]
# ## Counting codes without fooling oneself
#
# Write $n_j$ for the number of latents that choose code $j$. Chapter 00 has
# defined the usage, the share of codes with $n_j > 0$, and the perplexity,
# $e^H$ with $H = -\sum_j p_j \ln p_j$ and $p_j = n_j/\sum_l n_l$. Both are
# functions of one vector of counts of shape $(K,)$. A code with $n_j = 0$ is
# called a dead code, and one has to add on which set: dead in one batch may
# be alive in the next.


# %%
def usage_and_perplexity(counts):
    """Counts (K,) to two numbers."""
    share = counts.double() / counts.sum()  # (K,)
    entropy = torch.special.entr(share).sum()  # −Σ p ln p, with 0 ln 0 = 0
    return (counts > 0).double().mean().item(), entropy.exp().item()


together = torch.zeros(K, dtype=torch.int64)
for batch in plain.encode(patches).split(20):  # (20, 8, 8) each
    together += count_codes(batch, K)  # counts may be added, shares may not
library = codebook_use(together)
mine = usage_and_perplexity(counts)
for number, name in zip(mine, ("usage", "perplexity"), strict=True):
    torch.testing.assert_close(number, library[name].item())
print("equal to the library's, counted in parts")

# %% [markdown]
# How many tokens must one look at? Suppose that tokens are drawn independently
# with the shares $p_j$. One draw misses code $j$ with the probability
# $1 - p_j$, and $N$ draws all miss it with $(1 - p_j)^N$. The number of codes
# found is a sum of $K$ variables that are 1 or 0, and the expectation of a sum
# is the sum of the expectations, whether or not the variables depend on each
# other. So the expected usage is
#
# $$\mathbb{E}[\text{usage}] = \frac{1}{K}\sum_{j=1}^{K}\left(1 - (1 - p_j)^N\right),
# \qquad\text{and}\qquad 1 - \left(1 - \tfrac1K\right)^N \approx 1 - e^{-N/K}$$
#
# when all codes are equally likely. The shares have the shape $(K,)$ and the
# result is one number. We hold it against dice with 128 faces.


# %%
def expected_usage(share, draws):
    """Shares (K,) and a number of draws to the share of codes to expect."""
    return (1 - (1 - share.double()) ** draws).mean().item()


fair = torch.full((K,), 1 / K)
generator = torch.Generator().manual_seed(0)
for draws in (64, 1024):
    rolled = torch.randint(K, (500, draws), generator=generator)
    seen = torch.zeros(500, K).scatter_(1, rolled, 1.0).mean().item()
    derived = expected_usage(fair, draws)
    assert abs(seen - derived) < 0.01
    print(f"{draws:5} tokens: derived {derived:.1%}, rolled {seen:.1%}")

# %%
figure = new_figure(7, 2.9)
axes = figure.subplots()
sizes = torch.logspace(1, 6, 120)
for codes, line in ((128, "-"), (1024, "--"), (16384, ":")):
    axes.plot(sizes, -torch.expm1(-sizes / codes), line, color=CODES)
    axes.text(1.2 * codes, 0.58, f"K = {codes}", color=CODES)
for tokens, name in ((64, "a patch"), (1024, "a batch"), (8064, "the cat")):
    axes.axvline(tokens, color=NEUTRAL, linewidth=0.9, ymax=0.93)
    axes.text(tokens, 1.03, name, color=readable(NEUTRAL), ha="center")
axes.set(xscale="log", ylim=(0, 1.1), xlim=(10, 1e6))
axes.set(xlabel="tokens looked at", ylabel="expected usage")
caption = "A perfect codebook looks part dead until its codes are outnumbered."
Picture(figure, f"Three rising curves over tokens. {caption}", caption)

# %% [markdown]
# Of a perfect codebook of 128 codes a single patch will show 39.5 % on average, and
# a batch of 1,024 tokens makes a perfect codebook of 16,384 look collapsed. With
# unequal shares it takes longer still, for $1 - (1 - p)^N$ bends downwards in $p$,
# and the mean over equal shares is then the largest. Averaging the usage over batches does not
# help, since every batch is too small in the same way. Sum the counts, then
# measure, and quote the number of tokens beside the number of codes. The whole
# cat has 8,064 tokens for our 128 codes, so what looks dead on it is dead or very
# rare.
#
# The opposite error exists too. Chapter 00 found codes that speak of nothing but
# the zeros with which convolutions pad the border of a patch. Encoding the
# photograph in one piece removes the inner borders and keeps the number of
# tokens, so codes that vanish then were spent on the cuts. We shall look at
# both counts from here on. Plain VQ has a handful either way.


# %% tags=["nbval-ignore-output"]
def codes_on_the_cat(model):
    """Codes found when the cat is told in patches, and in one piece."""
    parts = [model.encode(part) for part in patches.split(18)]
    in_patches = torch.cat(parts)  # (126, 8, 8)
    in_one_piece = model.encode(whole_cat[None])  # (1, 72, 112)
    assert in_patches.numel() == in_one_piece.numel()
    return len(in_patches.unique()), len(in_one_piece.unique())


cut, uncut = codes_on_the_cat(plain)
assert max(cut, uncut) <= 16
print(f"{cut} codes in patches, {uncut} in one piece")

# %% [markdown]
# ## Only winners learn
#
# What keeps the others from learning? Write the codebook loss out. With $k(i)$
# for the code that latent $i$ chooses and $\mathrm{sg}$ for "no gradient
# through here",
#
# $$L = \frac{1}{ND}\sum_{i=1}^{N}\big\|e_{k(i)} - \mathrm{sg} z_i\big\|^2 .$$
#
# A code appears in the terms of its own latents and in no other. Let $n_j$ be
# their number and $\bar z_j$ their mean. Differentiating by $e_j$ leaves those
# $n_j$ terms, and $\sum_{k(i)=j}(e_j - z_i) = n_j\,(e_j - \bar z_j)$, so
#
# $$\frac{\partial L}{\partial e_j} = \frac{2}{ND}\sum_{i:\,k(i)=j}(e_j - z_i)
# = \frac{2\,n_j}{N D}\,\big(e_j - \bar z_j\big).$$
#
# Shapes: $e_j$ and $\bar z_j$ are $(D)$, the gradient of the codebook is $(K, D)$.
# Two things are in it. A code that wins nothing has $n_j = 0$ and no gradient at
# all. And among those that do win something, the pull is proportional to
# $n_j/N$: who has many latents learns fast, who has few learns slowly.
#
# Adam does not change that. Its two averages (Kingma and Ba 2015) of a gradient
# that has always been zero are zero, and so is the step. A code that has never
# been chosen lies, to the last bit, where it was drawn.

# %%
rows = last["latents"]  # (256, D)
quantizer = VQ(K, D, commitment_weight=0.0)
with torch.no_grad():
    quantizer.codebook.copy_(last["codes"])
out = quantizer(rows)
out.loss.backward()

n = out.indices.bincount(minlength=K)[:, None]  # (K, 1)
sums = torch.zeros(K, D).index_add_(0, out.indices, rows)
means = sums / n.clamp(min=1)  # (K, D), z̄
derived = 2 * n / rows.numel() * (last["codes"] - means)  # (K, D)
torch.testing.assert_close(quantizer.codebook.grad, derived)
assert (quantizer.codebook.grad[n[:, 0] == 0] == 0).all()
print("the gradient is the derived one, and zero for every loser")

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
born = VQ(K, D).codebook.detach()  # the same seed, the same first codebook
still = (plain.quantizer.codebook.detach() == born).all(dim=1)  # (K,)
assert still.sum() > 100
print(f"{int(still.sum())} of {K} codes have not moved in {STEPS} steps")

# %% [markdown]
# Standing still is no disadvantage as long as the latents stand still too. They
# do not: the encoder is being trained. Two codes in a plane are enough to see
# what a walking cloud does. Code A starts in its middle and code B at its rim,
# with about two fifths of the latents. Both follow the gradient above. Predict
# who will have what when the cloud has walked for 30 steps. And what happens if
# the cloud stays where it is?

# %%
generator = torch.Generator().manual_seed(6)
cloud = 0.3 * torch.randn(200, 2, generator=generator)


def follow_the_cloud(speed, rate=0.1):
    codes = torch.tensor([[0.15, 0.10], [-0.35, -0.20]])  # A, B
    history = []
    for step in range(31):
        latents = cloud + speed * step * torch.tensor([1.0, 0.6])
        chosen = torch.cdist(latents, codes).argmin(dim=1)  # (200,)
        share = chosen.bincount(minlength=2)[:, None] / 200  # n / N
        pulled = torch.zeros(2, 2).index_add_(0, chosen, latents) / 200
        history.append((latents, codes, share[1].item()))
        codes = codes + rate * (pulled - share * codes)
    return history


# %%
walking, standing = follow_the_cloud(0.05), follow_the_cloud(0.0)
figure = new_figure(7.4, 2.3)
panels = figure.subplots(1, 3)
for axes, step in zip(panels, (0, 6, 30), strict=True):
    latents, codes, share = walking[step]
    axes.scatter(*latents.T, s=6, color=LATENTS, alpha=0.6, linewidths=0)
    axes.scatter(*codes.T, s=60, color=CODES, edgecolors="white", zorder=3)
    for code, name in zip(codes, "AB", strict=True):
        axes.annotate(name, code, (-4, 6), textcoords="offset points")
    middle, (across, up) = codes.mean(dim=0), codes[0] - codes[1]
    axes.axline(middle, middle + torch.stack([-up, across]), color=NEUTRAL)
    axes.set_title(f"step {step}: B has {share:.0%}", fontsize=10)

# %%
for axes in panels:
    axes.set(xlim=(-1.1, 2.5), ylim=(-1.0, 1.8), aspect="equal")
    axes.set_axis_off()
assert walking[-1][2] == 0 and standing[-1][2] >= standing[0][2]
for name, run in (("walking", walking), ("standing", standing)):
    print(f"{name}: B goes from {run[0][2]:.0%} to {run[-1][2]:.0%}")
caption = (
    "The cloud walks to the upper right and takes A with it. The grey border, "
    "half-way between the codes, falls behind at half A's speed."
)
Picture(figure, f"Two codes and a walking cloud. {caption}", caption)

# %% [markdown]
# B dies of being slow. It has fewer latents than A, so it is pulled less, so it
# falls further behind and has fewer still. Once it has none, the geometry seals
# it off. Let the cloud's middle sit at A. The border is the perpendicular
# bisector of A and B, half their distance away from the cloud's middle, and it
# recedes with every step the cloud takes. Only a latent that strays that far
# from the middle could wake B, and soon none does. In a standing cloud the same
# two codes share the latents for ever. So it takes two things together: losers
# that do not move, and latents that do.

# %% [markdown]
# ## Length counts before direction does
#
# In the plane B was too far away. In 16 dimensions there are many ways to be far
# away, and one of them needs no bad direction at all: the wrong length. Take the
# squared distance apart,
#
# $$\|z_i - e_j\|^2 = \|z_i\|^2 - 2\,z_i \cdot e_j + \|e_j\|^2 .$$
#
# The first term is the same for every code, so it cannot influence which is
# nearest. Drop it, divide by $-2$, and the smallest distance becomes the largest
# **score**:
#
# $$k(i) = \arg\max_j \; h_{ij}, \qquad h_{ij} = z_i \cdot e_j - \tfrac12\|e_j\|^2 .$$
#
# Shapes: latents $(N, D)$, codebook $(K, D)$, scores $(N, K)$, choices $(N,)$.


# %%
def scores(latents, codebook):
    """(N, D) and (K, D) to (N, K): the largest in a row wins."""
    half_square = codebook.square().sum(dim=1) / 2  # (K,)
    return latents @ codebook.T - half_square  # (N, K)


chosen = scores(rows, last["codes"]).argmax(dim=1)
torch.testing.assert_close(chosen, plain.quantizer.assign(rows))
by_distance = torch.cdist(rows.double(), last["codes"].double()).argmin(dim=1)
torch.testing.assert_close(chosen, by_distance)
print("the score chooses as VQ does, and as the distance does")

# %% [markdown]
# Now separate direction from length. At an angle $\theta$ between latent and
# code,
#
# $$h = \|z\|\cos\theta\;\|e\| \;-\; \tfrac12\|e\|^2 ,$$
#
# a parabola in $\|e\|$. It rises as long as $\|e\| < \|z\|\cos\theta$ and falls
# beyond. So a code's length is an advantage or a handicap of its own, whatever
# its direction, and which of the two it is depends on the latents. Are they
# *long* beside the codes, then we are on the rising branch, the quadratic term
# hardly matters, and $h \approx \|z\|\cos\theta\,\|e\|$: to be twice as long is
# worth as much as twice the cosine. Are they *short*, then the linear term hardly
# matters, $h \approx -\tfrac12\|e\|^2$, and the shortest code wins everything,
# wherever it points.
#
# Let us give 127 of 128 random codes the length 1, let the last have any length,
# and ask random latents to choose. Its fair share is one in 128. Before you run:
# for latents of length 10, what length would you wish for?

# %%
generator = torch.Generator().manual_seed(0)
codes = F.normalize(torch.randn(K, D, generator=generator), dim=1)
directions = F.normalize(torch.randn(2000, D, generator=generator), dim=1)
lengths = torch.logspace(-1, 1.3, 40)


def share_of_one(latent_length):
    """The share (40,) that code 0 wins at each of its lengths."""
    shares = []
    for length in lengths:
        changed = torch.cat([length * codes[:1], codes[1:]])  # (K, D)
        winner = scores(latent_length * directions, changed).argmax(dim=1)
        shares.append((winner == 0).float().mean())
    return torch.stack(shares)


# %%
won = {length: share_of_one(length) for length in (0.3, 1.0, 3.0, 10.0)}
figure = new_figure(7.4, 2.9)
left, right = figure.subplots(1, 2)
length = torch.linspace(0, 2, 100)
for degrees in (0, 45, 70):
    cosine = math.cos(math.radians(degrees))
    left.plot(length, cosine * length - length.square() / 2, color=CODES)
    left.plot(cosine, cosine**2 / 2, "o", color=CODES, markersize=5)
    left.text(cosine, cosine**2 / 2 + 0.04, f"{degrees}°", ha="center")
left.axhline(0, color=NEUTRAL, linewidth=0.8)
left.set(ylim=(-0.6, 0.66), xlabel="length of the code", ylabel="score")
left.set_title("one latent of length 1", fontsize=10)
lines = ((0.3, ":"), (1.0, "-."), (3.0, "--"), (10.0, "-"))

# %%
for length, line in lines:
    right.plot(lengths, won[length], line, color=CODES)
right.set(xscale="log", yscale="log", ylim=(7e-4, 2.5), xlim=(0.1, 20))
right.set(xlabel="length of one code, the others 1", ylabel="share it wins")
right.axhline(1 / K, color=NEUTRAL, linewidth=0.8)
right.text(0.11, 0.0088, "fair share", color=readable(NEUTRAL))
right.text(0.11, 1.15, "latents 0.3 long", color=CODES)
right.text(0.11, 0.1, "1 long", color=CODES)
right.text(1.65, 0.018, "3 long", color=CODES)
right.text(2.3, 0.13, "10 long", color=CODES)
caption = (
    "Left: the score is best where the length equals ‖z‖ cos θ (dots). Right: "
    "short latents all go to a short code, long ones prefer a longer code."
)
Picture(figure, f"Parabolas, and shares over length. {caption}", caption)

# %%
best = {at: lengths[share.argmax()].item() for at, share in won.items()}
assert won[0.3].max() == 1.0 and best[3.0] > 1 and best[10.0] > best[3.0]
assert won[10.0].max() > 8 / K and (won[1.0][lengths > 1.5] < 1 / K).all()
for at in (3.0, 10.0):
    print(f"latents {at:g} long: best length {best[at]:.1f}")
print(f"at latents of 10 it then wins {won[10.0].max() * K:.0f} fair shares")

# %% [markdown]
# ### Why the skew feeds itself
#
# So far the lengths were given. In training they move, and the score tells where
# to. Add up the scores that code $j$ earns with the latents it has won, and
# differentiate:
#
# $$\frac{\partial}{\partial e_j}\sum_{i:\,k(i)=j} h_{ij} = \sum_{i:\,k(i)=j}(z_i - e_j)
# = n_j\,(\bar z_j - e_j) = -\frac{ND}{2}\,\frac{\partial L}{\partial e_j}.$$
#
# It is the codebook loss's gradient with the sign turned and a factor in front.
# **Descending the loss is ascending the winner's own score.** Each step of
# training raises the very number by which the winner has won, and leaves the
# losers' numbers to chance. The ascent ends at $e_j = \bar z_j$, the mean of the
# latents it has won, where the total is $\tfrac12 n_j\|\bar z_j\|^2$: the longer the
# latents, the higher the score.

# %%
codebook = last["codes"].clone().requires_grad_()
mine = scores(rows, codebook).gather(1, chosen[:, None])  # (256, 1)
(uphill,) = torch.autograd.grad(mine.sum(), codebook)  # (K, D)
factor = rows.numel() / 2  # N D / 2
torch.testing.assert_close(uphill, -factor * quantizer.codebook.grad)
print("one gradient, two readings")

# %% [markdown]
# Put the pieces together. Suppose the latents are long beside the codes, as for
# a plain VQ, whose codes are born in a cube of half-side $1/K$. Some code lies a
# little better than the rest. It wins, and is pulled to its latents' mean, which
# means that it becomes *longer*. On the rising branch longer is better, so it
# wins more: its share $n_j/N$ grows, and with it the speed at which it learns.
# Suppose on the contrary that the latents are short beside the codes. The
# winners are then pulled inwards and become *shorter*. On the falling branch
# shorter is better, so they win more. In both cases winners take on the latents'
# length and losers keep the one they were born with, and the difference of the
# two is what decides. Nothing stops it, for the commitment loss, the only force
# on the latents from this side, draws them to the *winners*.
#
# How far apart must the lengths be for a loser to be lost whatever its
# direction? The triangle inequality knows. A loser $e$ is at least
# $\big|\|z\| - \|e\|\big|$ away from a latent $z$, even if it points exactly at
# it. Let $\delta_i = \|z_i - e_{k(i)}\|$ be the distance to the winner. If
#
# $$\big|\,\|z_i\| - \|e\|\,\big| > \delta_i \quad\text{for every } i,$$
#
# then $e$ is dead, and turning it cannot help. Only length could.


# %%
def dead_by_length(latents, codebook):
    """(N, D) and (K, D) to the share of losing pairs that length decides."""
    distance, winner = torch.cdist(latents, codebook).min(dim=1)  # (N,), (N,)
    gap = latents.norm(dim=1)[:, None] - codebook.norm(dim=1)  # (N, K)
    hopeless = gap.abs() > distance[:, None]  # (N, K)
    losers = torch.ones(len(codebook), dtype=torch.bool)
    losers[winner] = False
    return hopeless[:, losers].float().mean().item()


# %% tags=["nbval-ignore-output"]
shares = {
    entry["step"]: dead_by_length(entry["latents"], entry["codes"])
    for entry in plain_log
}
for step in (0, 20, 60, 100):
    print(f"step {step:3}: {shares[step]:.0%} of latent–loser pairs")
assert shares[0] < 0.1 and shares[100] > 0.5

# %% [markdown]
# At the start length decides almost nothing. From step 20 on, for nearly every pair
# of a latent and a losing code, no direction would have been good enough.
#
# Is it the skew of lengths that kills, or the use that Euclidean matching makes
# of it? Here is an experiment that separates the two, without any network.
# Latents stand still in a cloud at the distance $\|z\|$ of the origin, with a
# spread in proportion, and 32 random codes of length 1 follow the codebook
# gradient for 200 steps. We vary the latents' length by a factor of 1,000, and
# match once by the score above and once by the cosine, that is by
# $\hat z \cdot \hat e$, in which no length occurs.


# %%
def compete(length, by_cosine, seed, steps=200, rate=0.5):
    """Norms (steps, 32) of the codes, and which of them win at the end."""
    generator = torch.Generator().manual_seed(seed)
    codes = F.normalize(torch.randn(32, D, generator=generator), dim=1)
    middle = F.normalize(torch.randn(1, D, generator=generator), dim=1)
    latents = middle + 0.3 * torch.randn(500, D, generator=generator)
    latents, norms = length * latents, []
    for _ in range(steps):
        matched = F.normalize(codes, dim=1) if by_cosine else codes
        chosen = scores(latents, matched).argmax(dim=1)  # (500,)
        share = chosen.bincount(minlength=32)[:, None] / 500
        sums = torch.zeros(32, D).index_add_(0, chosen, latents) / 500
        codes = codes + rate * (sums - share * codes)
        norms.append(codes.norm(dim=1))
    return torch.stack(norms), share[:, 0] > 0  # (steps, 32), (32,)


# %%
sweep = torch.logspace(-1, 2, 7)
winners = torch.zeros(2, 7, 3)  # Euclidean or cosine, length, seed
for place, length in enumerate(sweep.tolist()):
    for by_cosine in (0, 1):
        for seed in range(3):
            _, won = compete(length, by_cosine, seed)
            winners[by_cosine, place, seed] = won.sum()
euclid, cosine = winners.mean(dim=2)
assert euclid[0] < 3 and euclid[-1] < 0.6 * euclid.max()
assert cosine.min() > 20 and cosine.max() - cosine.min() < 5
print("length of the latents:", [f"{length:.1f}" for length in sweep])
print("Euclidean winners:    ", [f"{count:.0f}" for count in euclid])
print("cosine winners:       ", [f"{count:.0f}" for count in cosine])

# %%
figure = new_figure(7.4, 2.8)
panels = figure.subplots(1, 3, width_ratios=[1, 1, 1.3])
for axes, length in zip(panels, (0.1, 30.0), strict=False):
    norms, won = compete(length, False, seed=0)
    draw_length_paths(axes, range(200), norms, won)
    axes.set_title(f"latents {length:g} long", fontsize=10)
    axes.set(ylim=(0.05, 60), ylabel="length of the codes")
right = panels[2]
for counts_of, colour in ((winners[1], SERIES[0]), (winners[0], CODES)):
    right.plot(sweep, counts_of.mean(dim=1), color=colour)
    dots = right.plot(sweep, counts_of, "o", color=colour, ms=4, alpha=0.6)

# %%
right.set(xscale="log", ylim=(0, 33), xlabel="length of the latents")
right.set_ylabel("winners of 32")
right.text(0.1, 29.2, "cosine", color=readable(SERIES[0]))
right.text(10, 4.5, "Euclidean", color=CODES)
apart = compete(100.0, True, seed=0)[0][-1].log10().std()
assert apart > 0.3  # at birth it is 0
print(f"under the cosine log₁₀ of the norms spreads to {apart:.2f}")
caption = (
    "Left and middle, by distance: dark codes win at the end, grey ones do "
    "not. Right: three seeds; distance needs equal lengths, the cosine none."
)
Picture(figure, f"Lengths over steps, and winners. {caption}", caption)

# %% [markdown]
# With latents a tenth as long as the codes, one or two codes take everything and
# sink. With latents many times longer, the winners climb and many codes are left
# behind at length 1; some wake late, since these latents wait for them. Where the
# lengths agree, as many survive as under the cosine. Under the cosine itself
# lengths come apart too, since winners still move to their latents, but the
# number of winners does not care. That is the case for **cosine matching**, to
# which [chapter 07](07_spherical_codebooks.ipynb) is devoted. Keep in mind what
# this toy has left out: its latents stand still, and they spread around in all
# directions.

# %% [markdown]
# ### Which way the real run goes
#
# Back to photographs. Plain VQ is born with codes far shorter than the latents.
# A second rule, which we take apart below, is born with codes of length 1, and
# each code then follows the running mean of its latents. From the derivation:
# which way should the winners of each go?

# %%
DECAY = 0.9
ema_codebook = partial(EMAVQ, K, D, decay=DECAY, restart_below=0)
ema_log = []
ema = train(ema_codebook, log=ema_log)
ema_log.append(record(ema, STEPS))


def path_of(log):
    """Steps, norms (steps, K), latents' norms (steps, 2), who moved (K,)."""
    norms = torch.stack([entry["codes"].norm(dim=1) for entry in log])
    spread = [entry["latents"].norm(dim=1) for entry in log]
    ends = torch.tensor([0.1, 0.9])
    spread = torch.stack([lengths.quantile(ends) for lengths in spread])
    moved = (log[-1]["codes"] - log[0]["codes"]).norm(dim=1) > 1e-4
    return [entry["step"] for entry in log], norms, spread, moved


# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 2.8)
panels = figure.subplots(1, 2, sharey=True)
named = (("plain VQ", plain_log), ("running means, born at 1", ema_log))
for axes, (words, log) in zip(panels, named, strict=True):
    steps, norms, spread, won = path_of(log)
    axes.fill_between(steps, *spread.T, color=LATENTS, alpha=0.3, linewidth=0)
    draw_length_paths(axes, steps, norms, won, words)
panels[0].set(ylabel="length", ylim=(8e-3, 12))
panels[0].text(3, 5.5, "latents", color=readable(LATENTS))
caption = (
    "Lengths in training. Orange: where four fifths of the cat's latents lie. "
    "Dark: codes that have moved by the end. Grey: codes that have not."
)
Picture(figure, f"Lengths over steps in two panels. {caption}", caption)

# %% tags=["nbval-ignore-output"]
_, norms, spread, won = path_of(plain_log)
skew = norms.log10().std(dim=1)
print(f"plain VQ: spread of log₁₀ norms {skew[0]:.2f}, then {skew[-1]:.2f}")
gain = (norms[-1, won] / norms[0, won]).median().item()
assert gain > 2 and (norms[-1, ~won] == norms[0, ~won]).all()
print(f"its moved codes are {gain:.0f} times as long as at birth (median)")

_, norms, spread, won = path_of(ema_log)
low, high = norms[-1, won].min().item(), norms[-1, won].max().item()
assert low < 1 < high and spread[0, 1] < 1
assert spread[-1, 0] < 1 < spread[-1, 1]
print(f"running means: the moved codes end between {low:.2f} and {high:.2f}")
by_length = dead_by_length(ema_log[-1]["latents"], ema_log[-1]["codes"])
assert 0.2 < by_length < 0.97
print(f"length decides {by_length:.0%} of its latent–loser pairs at the end")

# %% [markdown]
# Plain VQ does what the first story says: winners grow towards the latents and
# losers stay at birth length, so the skew runs upwards. The second rule does not
# do the mirror image. Its latents are shorter than its codes at first, and the
# first winners do sink; but then the encoder makes the latents longer, and
# winners are found on both sides of 1. So it is wrong to say that winners are
# the long codes, or that they are the short ones. They are the codes that have
# followed the latents, wherever these went. And the second rule is a warning
# besides. Its losers have a length that lies inside the latents' own range. For
# some pairs of a latent and a loser the length would have done, and the code is
# dead all the same. A wrong length is one way to stand in the wrong
# place. A wrong direction is another.

# %% [markdown]
# ## The cures
#
# Each of the usual cures can now be read as an answer to one question: *who
# brings a code to the latents?*

# %% [markdown]
# ### Follow faster
#
# The winners of plain VQ have a second trouble. The gradient of a code is scaled
# by $n_j/N$ and passes through Adam, whose step is about the learning rate,
# however far the latents are ahead. Now, we know where the ascent of its score
# ends: at the mean $\bar z_j$. So skip the gradient and put the code there. One
# batch is a noisy sample, hence an exponential moving average, the EMA codebook
# of van den Oord et al. (2017), which [chapter 04](04_kmeans_to_vq.ipynb) has
# derived. It keeps a running count $\bar n_j$ and a running sum $s_j$, and renews
# a share $1 - d$ of both with every batch:
#
# $$\bar n_j \leftarrow d\,\bar n_j + (1-d)\,n_j, \qquad
# s_j \leftarrow d\,s_j + (1-d)\,n_j\,\bar z_j, \qquad
# e_j = s_j / \bar n_j .$$
#
# Shapes: $\bar n$ is $(K)$, $s$ and the codebook are $(K, D)$. VQ-VAE-2 is trained
# with it (Razavi et al. 2019). Sum and count decay alike, so a code that wins
# nothing keeps their quotient: up to rounding it stays where it is, exactly as
# before.


# %%
def follow(counts, sums, latents, chosen, decay):
    """(K,), (K, D), (N, D) and (N,) to the next counts and sums."""
    n = chosen.bincount(minlength=len(counts)).float()  # (K,)
    total = torch.zeros_like(sums).index_add_(0, chosen, latents)  # n z̄
    counts = decay * counts + (1 - decay) * n
    sums = decay * sums + (1 - decay) * total
    return counts, sums


# %% [markdown]
# ### Begin among the latents
#
# If codes are born in the wrong place, choose a better one. Encode one batch
# with the untrained encoder, run k-means on its latents, and take the $K$
# centres as first codebook. With $d = 0$ the function above is a step of
# k-means: the new sum divided by the new count is the mean of the latents that
# have chosen the code. [Chapter 04](04_kmeans_to_vq.ipynb) shows that repeating
# it comes to rest. How many codes will it bring to life before the first step of
# training, and how long do you think that will last?


# %%
def begin_with_kmeans(model, batch):
    with torch.no_grad():
        latents = as_rows(model.latents(batch))  # (N, D)
        centres = latents[torch.randperm(len(latents))[:K]]  # (K, D)
        empty = torch.zeros(K), torch.zeros(K, D)
        for _ in range(10):
            chosen = scores(latents, centres).argmax(dim=1)  # (N,)
            n, total = follow(*empty, latents, chosen, decay=0.0)
            mean = total / n.clamp(min=1)[:, None]  # (K, D)
            centres = torch.where(n[:, None] > 0, mean, centres)
        model.quantizer.codebook.copy_(centres)


# %% tags=["nbval-ignore-output"]
kmeans_log = []
from_kmeans = train(plain_vq, begin=begin_with_kmeans, log=kmeans_log)
living = [int((entry["counts"] > 0).sum()) for entry in kmeans_log]
assert living[0] > 40 and living[-1] < living[0] / 2
for step in (0, 24, 48, 72, 96):
    print(f"step {step:3}: {living[step // 4]:3} codes alive")

# %% [markdown]
# ### Restart the idle
#
# The untrained encoder's latents were covered well, and then training moved them
# away, as the cloud in the plane has moved away from B. Łańcucki et al. (2020)
# therefore keep a reservoir of recent latents and fit the codebook to it anew
# from time to time. One may also mend only what is broken, for the running count
# is a record of who is idle. A code whose $\bar n_j$ falls below a threshold is
# taken away from where it is and put on a latent of the present batch. That is a
# **restart**, as in Jukebox (Dhariwal et al. 2020). It mends every kind of wrong
# place at once, because a latent's own place has the right length *and* the right
# direction. Two details matter. No two codes may get the same latent, or one of
# them stays dead. And the count must be set to 1 together with the sum; otherwise
# $s_j/\bar n_j$ flings the code far beyond the latent on which it should have
# been put. Six batches go through the two functions, and through the library's
# `EMAVQ`, from the same first codebook and with the same random draws.


# %%
THRESHOLD = 0.5  # tokens a batch


def restart(counts, sums, latents, threshold):
    """Idle codes take the places of latents (N, D), N ≥ K, drawn at random."""
    idle = counts < threshold  # (K,)
    if idle.any():
        order = torch.randperm(len(latents))[: len(counts)]  # no repeats
        sums = torch.where(idle[:, None], latents[order], sums)
        counts = torch.where(idle, 1.0, counts)
    return counts, sums


# %%
torch.manual_seed(2)
library = EMAVQ(16, 4, decay=0.8, restart_below=0.3)
counts, sums = library.counts.clone(), library.sums.clone()
restarts = 0
for batch in torch.randn(6, 40, 4).square():  # (40, 4), in one corner only
    chosen = scores(batch, sums / counts[:, None]).argmax(dim=1)  # (40,)
    torch.manual_seed(7)
    library(batch)
    torch.manual_seed(7)
    counts, sums = follow(counts, sums, batch, chosen, decay=0.8)
    restarts += int((counts < 0.3).sum())
    counts, sums = restart(counts, sums, batch, threshold=0.3)
    torch.testing.assert_close(library.counts, counts)
    torch.testing.assert_close(library.codebook, sums / counts[:, None])
print(f"equal in six batches, with {restarts} restarts")

# %% [markdown]
# To try several restarts with one training loop, we run the library's EMA
# without its own restarts, and let a hook after each step do them. It is told
# where to put idle codes by a function `place`.


# %%
def restarting(place):
    def after(quantizer, rows):
        counts, sums = quantizer.counts, quantizer.sums
        counts, sums = restart(counts, sums, place(rows), THRESHOLD)
        quantizer.counts.copy_(counts)
        quantizer.sums.copy_(sums)
        quantizer.codebook.copy_(sums / counts[:, None])

    return after


restart_log = []
revived = train(ema_codebook, after=restarting(torch.clone), log=restart_log)
restart_log.append(record(revived, STEPS))

# %% [markdown]
# ### Drag the idle
#
# Online clustering, in CVQ-VAE (Zheng and Vedaldi 2023), needs no threshold. At
# every step each code draws one latent $i(j)$ of the batch, its **anchor**, and
# is dragged towards it, hardly at all if the code is used and nearly the whole
# way if it is idle. With $\bar p_j$ for the running share of latents that have
# chosen code $j$,
#
# $$\bar p_j \leftarrow d\,\bar p_j + (1-d)\,\frac{n_j}{N}, \qquad
# \alpha_j = \exp\left(-\frac{10\,K\bar p_j}{1-d} - 10^{-3}\right), \qquad
# e_j \leftarrow (1-\alpha_j)\,e_j + \alpha_j\,z_{i(j)} .$$
#
# Shapes: $\bar p$ and $\alpha$ are $(K)$, the anchors $(K, D)$. Winners learn by
# gradient, as in plain VQ. The anchor is drawn with a probability proportional to
# $\exp(-\|z_i - e_j\|^2)$: add Gumbel noise to $-\|z_i - e_j\|^2$ and take the
# largest (Jang et al. 2017). The official code matches and draws by cosine. We
# stay with distances, so that dragging is all that is new. Six batches again,
# beside the library's `CVQ`, which on several GPUs draws from the batches of all
# of them.

# %%
torch.manual_seed(2)
library = CVQ(16, 4, decay=0.8, matching="euclidean")
codebook, usage = library.codebook.detach().clone(), torch.zeros(16)
for batch in torch.randn(6, 40, 4).square():  # (40, 4), in one corner only
    n = library.assign(batch).bincount(minlength=16)  # (16,)
    usage = 0.8 * usage + 0.2 * n / 40  # p̄
    closeness = -torch.cdist(batch, codebook).square()  # (40, 16)
    torch.manual_seed(7)
    noise = -torch.empty_like(closeness).exponential_().log()
    anchors = batch[(closeness + noise).argmax(dim=0)]  # (16, 4)
    alpha = torch.exp(-10 * 16 * usage / 0.2 - 1e-3)  # (16,)
    codebook = codebook.lerp(anchors, alpha[:, None])
    torch.manual_seed(7)
    library(batch)
    torch.testing.assert_close(library.codebook.detach(), codebook)

# %% [markdown]
# Both cures have a clock. For the restarts a code that starts with the count 1
# and never wins has $\bar n_j = d^t$ after $t$ batches, so it waits until
# $t > \ln n_{\min}/\ln d$ for a threshold $n_{\min}$. CVQ drags a code that was
# never chosen at once, and has a memory for all others. One that had its fair
# share, $K\bar p_j = 1$, and lost it, has $K\bar p_j = d^t$, and goes half the
# way once $10\,d^t/(1-d) < \ln 2$. Look at the second line below before you rely
# on a default, in a run of 100 steps or of 400.


# %%
def steps_to_restart(decay, threshold):
    return math.floor(math.log(threshold) / math.log(decay)) + 1


def steps_to_drag(decay):
    half_way = math.log(2) * (1 - decay) / 10
    return math.floor(math.log(half_way) / math.log(decay)) + 1


named = (("this chapter", DECAY, THRESHOLD), ("defaults", 0.99, 0.01))
for name, decay, below in named:
    first, then = steps_to_restart(decay, below), steps_to_drag(decay)
    print(f"{name}: restarted after {first} steps, dragged after {then}")

# %% tags=["nbval-ignore-output"]
dragged = partial(CVQ, K, D, decay=DECAY, matching="euclidean")
cvq_log = []
cvq = train(dragged, log=cvq_log)
cvq_log.append(record(cvq, STEPS))
slow = train(partial(dragged, decay=0.99))
alive = [codes_on_the_cat(model)[0] for model in (cvq, slow)]
assert alive[0] > 40 and alive[1] < 32
once = int((slow.quantizer.usage > 0).sum())
assert once > 100
print(f"decay {DECAY}: {alive[0]} codes alive")
print(f"decay 0.99: {alive[1]} alive, {once} chosen at some time")

# %% [markdown]
# ### Leave less room
#
# The slow clock protects codes that have long lost their latents; hence the few
# survivors of the second line. One can also take care that there is less room to
# get lost in. ViT-VQGAN (Yu et al. 2022) projects the latents to a few numbers
# before it looks for a code, and normalises latents and codes to length 1, so
# that the search is by cosine. The decoder gets the code through a second
# projection. This is `FactorizedVQ`. Its losers have no gradient, as ever. But
# with two numbers the codes stand on a circle, less than three degrees apart on
# average, and wherever the latents go, codes are there already.
#
# The last step on this way is to learn no codes at all. Finite scalar
# quantization (Mentzer et al. 2024) squashes each of a few numbers by a tanh and
# rounds it to one of a few levels. Our `FSQ` has $8 \cdot 4 \cdot 4 = 128$ points
# of a grid for codes, and there they stay. Such a code cannot die, for it cannot
# be left behind. Will all of them be used, then? Guess before you look.

# %%
on_a_circle = partial(FactorizedVQ, K, D, code_dim=2)
in_eight = partial(FactorizedVQ, K, D, code_dim=8)
on_a_grid = partial(FSQ, (8, 4, 4))
flat, wide, grid = map(train, (on_a_circle, in_eight, on_a_grid))

circle, points = record(flat, STEPS), record(grid, STEPS)
with torch.no_grad():
    inner = flat.quantizer.project_in(circle["latents"])  # (256, 2)
inner_codes = flat.quantizer.codes.detach()  # (K, 2)
first, second, third = points["codes"].T  # (K,) each
second = second + third / 5  # to be seen in a plane
won = points["counts"] > 0  # (K,)
area = 26 + 200 * points["counts"] / points["counts"].sum()

# %% tags=["nbval-ignore-output"]
figure, three = new_figure(7.4, 2.6), ("CVQ", "factorised to 2", "FSQ")
panels = figure.subplots(1, 3)
end, plane = cvq_log[-1], plane_of(cvq_log)
cloud, codes = polar(end["latents"], plane), polar(end["codes"], plane)
draw_compass(panels[0], cloud, codes, end["counts"])
cloud, codes = (Polar(it, it.norm(dim=1)) for it in (inner, inner_codes))
draw_compass(panels[1], cloud, codes, circle["counts"])
panels[2].plot(first[~won], second[~won], "x", color=NEUTRAL, ms=4)
panels[2].scatter(first[won], second[won], area[won], CODES)
panels[2].set(xlabel="first number", ylabel="second + third / 5")
for axes, name in zip(panels, three, strict=True):
    axes.set_title(name, fontsize=10)
caption = "Orange: latents. Discs: chosen codes. Crosses: idle codes."
Picture(figure, f"A compass, a circle and a grid. {caption}", caption)

# %% [markdown]
# ### Who moves a loser?
#
# The anchors have brought CVQ's codes to the latents. On the circle most codes
# wait where no latent comes, and so they do in the grid's corners. Every codebook
# of the library can be asked the question of this section. The ball and the
# margin of the row `ArcVQ` have [chapter 08](08_ball_schedules.ipynb) and
# [chapter 09](09_arccosine_margin.ipynb) to themselves.
#
# | | who brings a loser to the latents? | what does it cost? |
# |---|---|---|
# | `CVQ` | an anchor | a clock to set, and words that change under the decoder |
# | `FactorizedVQ` | nobody; there is hardly a place without a code | all that the decoder learns has passed through a few numbers |
# | `FSQ` | nobody; the latents are squashed into the grid | a grid that fits no data better than any other |
# | `GumbelVQ` (Jang et al. 2017) | a lottery; a layer reads the odds off the latent | a decoder that hears the noise of the draw |
# | `SQVQ` (Takida et al. 2022) | a lottery by distance, and a share in every mixture of codes | mixtures in training, single codes later; a variance must fall in time |
# | `WassersteinVQ` (Vuong et al. 2023) | a transport plan that owes each code its part of the batch | a plan for each batch, and latents pulled to codes that they had no use for |
# | `ResidualVQ` (Zeghidour et al. 2022), `GroupedVQ` (Kaiser et al. 2018) | nobody; but 16 and 8 codes make 128 pairs, so fewer have to live | two tokens a place, so twice the text for a prior to learn |
# | `ArcVQ` (Kim and Yoo 2026) | nobody; the latents come, as the margin loss asks of the encoder | two schedules, and a pull on the encoder that is not about the picture |
#
# Each of them, fresh from the shelf, shall be fed the same 256 latents and go one
# step down its own loss, with the mean of its output in place of a decoder. Which
# will move codes that have not won? We look at the codes as they are decoded, so
# all of `FactorizedVQ` move together, with its second projection.


# %%
def movers(quantizer):
    """How many codes win a batch, and how many one step has moved."""
    before = quantizer.codebook.detach().clone()  # (K, D)
    latents = last["latents"][:, : quantizer.dim].clone().requires_grad_()
    out = quantizer(latents, step=0)
    (out.loss + out.quantized.mean()).backward()
    with torch.no_grad():
        for weight in quantizer.parameters():
            weight -= weight.grad
    won = count_codes(out.indices, quantizer.num_codes) > 0  # (K,)
    moved = (quantizer.codebook - before).abs().amax(dim=1) > 1e-6
    return int(won.sum()), int(moved.sum()), len(won)


# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
shelf = [VQ(K, D), dragged(), FactorizedVQ(K, D, code_dim=2), FSQ((8, 4, 4))]
shelf += [quantizers.GumbelVQ(K, D), quantizers.SQVQ(K, D)]
shelf += [quantizers.WassersteinVQ(K, D), quantizers.ArcVQ(K, D)]
shelf += [quantizers.ResidualVQ([VQ(16, D), VQ(8, D)])]
shelf += [quantizers.GroupedVQ([VQ(16, D // 2), VQ(8, D // 2)])]
reviving = ("CVQ", "FactorizedVQ", "SQVQ", "WassersteinVQ")
for quantizer in shelf:
    name, (won, moved, size) = type(quantizer).__name__, movers(quantizer)
    assert (moved > won) == (name in reviving)
    print(f"{name:13} {won:3} win and {moved:3} move, of {size}")

# %% [markdown]
# ## A run that you can scrub
#
# Four runs are in the log, all with seed 0: plain VQ, the EMA codebook, the EMA
# codebook with restarts, and CVQ. On the compass you know, each run has the plane of
# its own latents. Beside it stands, for each code, its length and how often it is
# chosen on the cat; the orange band holds four fifths of the latents' lengths.

# %% [markdown]
# ### Predict, then drag
#
# 1. Plain VQ: which way does the first winner set out, inwards or outwards, and
#    when does the ring of idle codes follow it?
# 2. EMA: at step 0 every code has the length 1, and the latents are shorter. Will
#    the first winner move inwards or outwards?
# 3. With restarts: where on the compass will the idle codes be found once the
#    restarts have begun, in a ring or somewhere else?
# 4. CVQ is born like plain VQ, in an inner ring, which its anchors soon empty. What
#    will its codes do when the latents then walk off, with a clock of 48 steps?


# %%
def logged_steps(log):
    plane = plane_of(log)
    return [
        LoggedStep(
            step=entry["step"],
            latents=polar(entry["latents"], plane),
            codes=polar(entry["codes"], plane),
            counts=entry["counts"],
            perplexity=usage_and_perplexity(entry["counts"])[1],
            psnr=entry["psnr"],
        )
        for entry in log
    ]


# %%
logs = {"plain VQ": plain_log, "EMA": ema_log}
logs |= {"EMA, restarts": restart_log, "CVQ": cvq_log}
scene = CollapseScene({name: logged_steps(log) for name, log in logs.items()})

# %% tags=["nbval-ignore-output"]
collapse_figure = SliderFigure(
    scene,
    alt_title="Codes and latents of a training run, step by step",
    size=(7.2, 3.1),
    step=Slider(0, STEPS, 4, 24, "step", frames=11, format=".0f"),
    arm=Choice(tuple(logs), "plain VQ", "rule of the codebook"),
)
collapse_figure

# %% tags=["moves-sliders", "nbval-ignore-output"]
early = collapse_figure.set(step=0, arm="plain VQ")
late = collapse_figure.set(step=STEPS)
cured = collapse_figure.set(arm="EMA, restarts")
assert "step 0:" in early and f"step {STEPS}:" in late
assert "EMA, restarts" in cured and cured != late
collapse_figure.set(step=24, arm="plain VQ")
print(late, cured, sep="\n")

# %% [markdown]
# Plain VQ's first winner sets out at once, outwards to the latents; a few others
# follow it, some of them late, and the inner ring never moves. The EMA's first
# winner moves inwards, and its idle codes stay in a ring at length 1, most of
# them in directions where the latents are not. With restarts the ring is emptied
# when the clock of seven steps runs out. From then on the codes lie among the
# latents, in direction and in length, more loosely as the run goes on. CVQ
# empties its ring in the first steps. Then the latents leave, and the codes stay
# behind in a crowd, held by the memory of having been chosen. Half-way through
# the run the memory fades, and they come after.

# %% [markdown]
# ## Experiment · which cure brings back what?
#
# All arms share the network, the loss, the batches and the seed. The **baseline**
# is plain VQ. Against it stand the k-means start, the EMA codebook, alone and with
# restarts, CVQ, factorised codes of two and of eight numbers, and FSQ.
#
# There are two arms that ought to fail. The first, the **negative control**,
# restarts just as many codes just as often, and puts them on latents multiplied
# by 100: the right direction, and far away. If it is the place that revives a
# code, this must revive nothing. The second puts them at the length of a latent
# in a random direction. If length were the whole story of this chapter, that
# should be cure enough. Which of the two do you expect to be worse?
#
# Usage alone proves nothing; chapter 00 has shuffled tokens and kept it. So each
# run is judged by the codes it uses on the cat, in patches and in one piece, by
# the perplexity, and by the PSNR, all on the whole held-out cat.


# %%
def far_away(rows):
    return 100 * rows


def turned(rows):
    anywhere = F.normalize(torch.randn_like(rows), dim=1)  # (N, D)
    return rows.norm(dim=1, keepdim=True) * anywhere


def judge(model):
    found = evaluate_vqvae(model, patches, batch_size=18)
    return [*codes_on_the_cat(model), found["perplexity"], found["psnr"]]


# %%
arms = {
    "plain VQ": (plain_vq, None, None),
    "k-means start": (plain_vq, begin_with_kmeans, None),
    "EMA": (ema_codebook, None, None),
    "EMA, restarts": (ema_codebook, None, restarting(torch.clone)),
    "CVQ": (dragged, None, None),
    "factorised to 2": (on_a_circle, None, None),
    "factorised to 8": (in_eight, None, None),
    "FSQ": (on_a_grid, None, None),
    "restarts, far": (ema_codebook, None, restarting(far_away)),
    "restarts, turned": (ema_codebook, None, restarting(turned)),
}
first_eight = (plain, from_kmeans, ema, revived, cvq, flat, wide, grid)
trained = dict(zip(((name, 0) for name in arms), first_eight, strict=False))

# %% tags=["nbval-ignore-output"]
results = {}
for name, (make, begin, after) in arms.items():
    for seed in range(3):
        if (name, seed) not in trained:
            trained[name, seed] = train(make, seed, begin, after)
    runs = [judge(trained[name, seed]) for seed in range(3)]
    results[name] = torch.tensor(runs)  # (3 seeds, 4 measures)
heads = ("codes", "in one piece", "perplexity", "PSNR (dB)")
print(f"{'':17}" + "".join(f"{head:>15}" for head in heads))
for name, runs in results.items():
    means, spread = runs.mean(dim=0), runs.std(dim=0)
    row = zip(means, spread, strict=True)
    cells = [f"{mean:.1f} ± {std:.1f}" for mean, std in row]
    print(f"{name:17}" + "".join(f"{cell:>15}" for cell in cells))

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 3.6)
left, right = figure.subplots(1, 2, sharey=True)
for row, runs in enumerate(results.values()):
    colour = WARNING if row > 7 else CODES
    height = torch.tensor([row - 0.15, row, row + 0.15])
    left.plot(runs[:, 0], height, "o", color=colour, alpha=0.8)
    right.plot(runs[:, 3], height, "o", color=colour, alpha=0.8)
left.set(yticks=range(10), yticklabels=list(results), ylim=(9.5, -0.5))
left.set(xscale="log", xlim=(0.8, 150), xlabel="codes used, of 128")
right.set(xlabel="PSNR (dB)", xlim=(15.5, 22.5))
caption = "Three seeds an arm, on the unseen cat; red: the controls."
Picture(figure, f"Codes used and PSNR of ten arms. {caption}", caption)

# %% tags=["nbval-ignore-output"]
codes = {name: runs[:, 0].mean().item() for name, runs in results.items()}
psnr = {name: runs[:, 3].mean().item() for name, runs in results.items()}
few = max(codes[name] for name in ("plain VQ", "k-means start", "EMA"))
assert few < 16 and codes["factorised to 8"] < 16 < codes["factorised to 2"]
assert min(codes["EMA, restarts"], codes["CVQ"]) > 4 * few
assert codes["restarts, far"] < 5 and codes["restarts, turned"] < 24
assert codes["FSQ"] < 48 and psnr["CVQ"] < psnr["FSQ"]
assert psnr["restarts, far"] + 1 < psnr["EMA"] > psnr["plain VQ"] + 0.8
pairs = (("EMA", "plain VQ"), ("EMA, restarts", "EMA"), ("CVQ", "plain VQ"))
pairs += (("CVQ", "EMA"), ("factorised to 2", "factorised to 8"))
pairs += (("FSQ", "EMA, restarts"),)
for one, other in pairs:
    gains = results[one][:, 3] - results[other][:, 3]  # (3,)
    print(f"{one} over {other}:", [f"{gain:+.1f} dB" for gain in gains])

# %% tags=["nbval-ignore-output"]
shown = {"the photograph": whole_cat}
for name in list(arms)[:1] + list(arms)[2:8]:
    told = trained[name, 0].decode(trained[name, 0].encode(patches))
    shown[name] = rearrange(told, "(r c) d h w -> d (r h) (c w)", r=9)
figure = new_figure(7.4, 3.2)
draw_images(figure, torch.stack(list(shown.values())), list(shown), columns=4)
Picture(
    figure,
    "Eight cats: the photograph, one in two tones, and softer ones.",
    "Seed 0. Which of them have a handful of words, and which a hundred?",
)

# %% [markdown]
# Take the number of codes first. The k-means start is forgotten, as we have seen.
# The EMA codebook is named as a cure for collapse now and then, and by itself it
# revives no code: it uses as few as the baseline. Restarts bring back most of the
# codebook, and CVQ brings back three quarters of it. Two numbers keep a third of
# the codes at work. Eight do not, although they are normalised just so; what
# helps is the lack of room. And FSQ, whose codes cannot die, speaks with one code
# in seven. That a code is safe does not make it useful.
#
# Both controls fail, in the way that the derivation predicts. Restarts at a
# hundred times the length revive nothing, although the direction is right, and
# even lose what was there. Restarts at the right length and a random direction do
# hardly better than no restarts. So a code needs both, and a latent's own place
# has both.
#
# Look at the second column before you celebrate. Anchors and restarts are drawn
# from the batch, and 28 of a patch's 64 places lie on its border, so the new
# codes might be words for the cuts between patches and for nothing else. They are
# not: when the photograph is told in one piece, most of them are still spoken. Of
# CVQ's one in seven falls silent.
#
# And now the PSNR. The cleanest comparison is that of CVQ with plain VQ, since
# they differ in the dragging alone. It has multiplied the living codes by almost
# twenty and made the picture better at every seed. The EMA codebook, with its
# handful, is better still, at every seed again. It follows its latents where the
# codes of the other two lag behind, so that the decoder is told something true.
#
# Elsewhere a cure has raised the usage and not the quality. Codes of two numbers
# and of eight differ ninefold in usage, and the seed decides which of the two has
# the better picture. FSQ, with a sixth of the codes that the restarts keep alive,
# is within half a dB of them at every seed. Of the cats, the EMA's and the
# restarts' can hardly be told apart, and CVQ's is the coarser. Restarts have
# moved the PSNR of the EMA up on average, though about as much as the seeds of
# one arm scatter, not at every seed, and far less than the EMA did without
# reviving anybody. Three seeds do not make that more than a hint. Each restart
# also changes the words of the language while the decoder is learning it. In a
# hundred steps we see that cost, and not yet what a rich vocabulary might bring
# later.

# %% [markdown]
# ## Interpretation and limits
#
# What was shown? The codebook loss's gradient is zero for losers and proportional
# to the share for winners, by derivation and to the last digit. Length alone can
# decide a choice, and the side on which it is an advantage depends on the
# latents; the toy without a network shows the loop in both directions, with the
# cosine as its control, which breaks it. In plain VQ on photographs the skew runs
# upwards, and after twenty steps length alone rules out nearly every loser. With
# codes born at length 1 the skew has no single direction, and wrong directions do
# their part of the killing. Restarts cure either, against two controls and with
# three seeds. Anchors do so too, given a clock that is faster than the run.
#
# What was not shown is that fewer dead codes give better pictures. Few of our
# comparisons are pure, besides. The EMA differs from plain VQ in two things: the
# update, and the length of the first codes. The k-means start is a hint about
# which it is. It too begins with codes at the latents, and gains little. FSQ has
# latents of three numbers, and no loss that ties them to the codes; a factorised
# codebook has two projections more to learn. Our toy kept its latents still, and
# in it some losers wake up late; the claim that they are lost needs latents that
# move. Beyond our list, Huh et al. (2023) argue that the straight-through
# gradient itself suffers when codes and latents have drifted apart. One
# photograph, one small network, a hundred steps: which cure is best after a long
# training is open here, and [chapter 10](10_does_it_work.ipynb) measures it for some of
# them.
#
# | | against collapse |
# |---|---|
# | the ArcVQ-VAE paper | cosine matching, the ball and the margin (Kim and Yoo 2026); a usage of 88 % of 1,024 codes on ImageNet, none reported on CIFAR-10 and MNIST |
# | its official code | the same; codes begin on the unit sphere and move by gradient, without EMA and without restarts |
# | ours | plain VQ and nine other codebooks, as published elsewhere; cosine, ball and margin as parts that can be switched on one by one |

# %% [markdown]
# ## Exercises
#
# Replace `return None`, run the cell, and read what the checker says. The
# solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · Enough tokens
#
# *Difficulty ●○○ · 10 minutes*
#
# A perfect codebook has `num_codes` codes, all equally likely. Return the
# smallest whole number of tokens whose *expected* usage is at least `usage`, a
# number between 0 and 1. Use the exact formula.


# %% tags=["exercise"]
def tokens_needed(num_codes, usage):
    return None  # your line here


check.tokens_needed(tokens_needed)


# %% tags=["solution"] jupyter={"source_hidden": true}
def tokens_needed_solution(num_codes, usage):
    missed_by_one = 1 - 1 / num_codes
    return math.ceil(math.log(1 - usage) / math.log(missed_by_one))


check.tokens_needed(tokens_needed_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · The best length
#
# *Difficulty ●●○ · 10 minutes*
#
# A code may point in one given `direction` $(D)$, not necessarily of length 1,
# and may choose how long it is. Which length gives the largest total score
# $\sum_i h_i$ over the `latents` $(N, D)$? A length cannot be negative.
#
# <details><summary>Hint</summary>
#
# Write the code as a length times a unit vector, and the total score as a
# parabola in the length.
#
# </details>


# %% tags=["exercise"]
def best_length(latents, direction):
    return None  # your lines here


check.best_length(best_length)


# %% tags=["solution"] jupyter={"source_hidden": true}
def best_length_solution(latents, direction):
    along = latents @ F.normalize(direction, dim=0)  # (N,), ‖z‖ cos θ
    return along.mean().clamp(min=0)


check.best_length(best_length_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · A threshold for your patience
#
# *Difficulty ●○○ · 10 minutes*
#
# A code starts with the running count 1 and never wins. Return a threshold such
# that it is restarted after exactly `patience` batches with the given `decay`:
# its count is below the threshold then, and was not one batch before.


# %% tags=["exercise"]
def restart_threshold(decay, patience):
    return None  # your line here


check.restart_threshold(restart_threshold)


# %% tags=["solution"] jupyter={"source_hidden": true}
def restart_threshold_solution(decay, patience):
    return decay ** (patience - 0.5)  # between the two counts


check.restart_threshold(restart_threshold_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · Lost whatever its direction
#
# *Difficulty ●●● · 20 minutes*
#
# Given `latents` $(N, D)$ and a `codebook` $(K, D)$ under Euclidean matching,
# return a mask $(K)$ of `True` and `False`: for which codes do the lengths alone
# say that they win none of these latents? Use the condition with $\delta_i$.
# Some dead codes will not be among them.


# %% tags=["exercise"]
def lost_by_length(latents, codebook):
    return None  # your lines here


check.lost_by_length(lost_by_length)


# %% tags=["solution"] jupyter={"source_hidden": true}
def lost_by_length_solution(latents, codebook):
    delta = torch.cdist(latents, codebook).min(dim=1).values  # (N,)
    gap = latents.norm(dim=1)[:, None] - codebook.norm(dim=1)  # (N, K)
    return (gap.abs() > delta[:, None]).all(dim=0)


check.lost_by_length(lost_by_length_solution)

# %% [markdown]
# ## Quiz
#
# **1.** A paper reports the usage of 16,384 codes as the mean over batches of
# 1,024 tokens. What is the most that a perfect codebook could score?
#
# <details><summary>Answer</summary>
#
# About $1 - e^{-1/16}$, some six per cent: a batch cannot show more codes than it
# has tokens. The counts of all batches have to be summed first.
#
# </details>
#
# **2.** A code has never been chosen, and Adam has run for a thousand steps
# without weight decay. How far has the code moved?
#
# <details><summary>Answer</summary>
#
# Not at all. Its gradient has always been exactly zero, so are both of Adam's
# averages, and so is every step.
#
# </details>
#
# **3.** Two codes point in the same direction, at 30° from a latent of length 2.
# One is 1.7 long, the other 3. Which wins?
#
# <details><summary>Answer</summary>
#
# The first. The best length is $2 \cos 30°$, about 1.73, and it is nearly that;
# the other lies far beyond it, on the falling branch.
#
# </details>
#
# **4.** All latents and all codes are multiplied by 10. Does any latent choose
# another code?
#
# <details><summary>Answer</summary>
#
# No. Every score is multiplied by 100. Only the ratio of the lengths matters.
#
# </details>
#
# **5.** In which sense does training help the winner against the losers?
#
# <details><summary>Answer</summary>
#
# The gradient of the codebook loss is the gradient of the winner's own total
# score with the sign turned. Each step of descent raises the score by which it
# has won, and the losers' codes do not move.
#
# </details>
#
# **6.** Somebody restarts idle codes by setting $s_j$ to a latent and forgets
# the count, which stands at 0.01. Where does the code land?
#
# <details><summary>Answer</summary>
#
# At a hundred times the latent, in the right direction and far away. That is the
# negative control of this chapter, and it revived nothing.
#
# </details>
#
# **7.** A CVQ with the decay 0.99 ends a run of 100 steps with a dozen living
# codes, although every code has been chosen at some time. What holds the others
# where they are?
#
# <details><summary>Answer</summary>
#
# The memory of having been chosen. Its $\bar p_j$ falls by a hundredth a step and
# has to become tiny before $\alpha_j$ is felt, which takes longer than the run.
#
# </details>
#
# **8.** An FSQ of 128 codes uses 19. Are the others dead?
#
# <details><summary>Answer</summary>
#
# Idle, and no farther from the latents than on the first day: a grid is not left
# behind. But seven bits a token are paid for all the same.
#
# </details>
#
# **9.** A cure lifts the usage from 4 % to 90 %, and the PSNR stays. Which two
# explanations have to be ruled out before the cure is praised or blamed?
#
# <details><summary>Answer</summary>
#
# The new codes may be spent on the borders between patches, so encode in one
# piece. And the run may be too short for the decoder to have learned them, or the
# difference smaller than the scatter of the seeds, so train longer and with
# several.
#
# </details>

# %% [markdown]
# ## Summary
#
# Only chosen codes get a gradient, in proportion to their share. As the latents
# move, winners follow and losers stay. In Euclidean matching a code's length
# counts beside its direction: it is worth most at $\|z\|\cos\theta$, and descent
# of the codebook loss brings the winners there. A loser whose length differs from
# a latent's by more than the distance to the winner cannot win it, wherever it
# points. Matching by cosine removes that term and leaves wrong directions.
# Restarts put idle codes where latents are and brought most of the codebook back,
# with two controls that failed as they should; anchors did nearly as much, where
# their clock was fast enough. Few numbers leave less room to be lost in, and a
# fixed grid leaves nothing to revive. The EMA codebook revived nobody and did
# more for the PSNR. How many codes live and how good the picture is are two
# questions.

# %% [markdown]
# ## References
#
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>; the codebook loss, and the
#   EMA in its appendix.
# - Razavi, van den Oord, Vinyals: *Generating Diverse High-Fidelity Images with
#   VQ-VAE-2*, NeurIPS 2019, <https://arxiv.org/abs/1906.00446>.
# - Dhariwal, Jun, Payne, Kim, Radford, Sutskever: *Jukebox: A Generative Model for
#   Music*, arXiv 2020, <https://arxiv.org/abs/2005.00341>; restarts.
# - Łańcucki, Chorowski, Sanchez, Marxer, Chen, Dolfing, Khurana, Alumäe, Laurent:
#   *Robust Training of Vector Quantized Bottleneck Models*, IJCNN 2020,
#   <https://arxiv.org/abs/2005.08520>.
# - Zheng, Vedaldi: *Online Clustered Codebook*, ICCV 2023,
#   <https://arxiv.org/abs/2307.15139>.
# - Yu, Li, Koh, Zhang, Pang, Qin, Ku, Xu, Baldridge, Wu: *Vector-quantized Image
#   Modeling with Improved VQGAN*, ICLR 2022, <https://arxiv.org/abs/2110.04627>.
# - Mentzer, Minnen, Agustsson, Tschannen: *Finite Scalar Quantization: VQ-VAE Made
#   Simple*, ICLR 2024, <https://arxiv.org/abs/2309.15505>.
# - Jang, Gu, Poole: *Categorical Reparameterization with Gumbel-Softmax*, ICLR 2017,
#   <https://arxiv.org/abs/1611.01144>.
# - Takida, Shibuya, Liao, Lai, Ohmura, Uesaka, Murata, Takahashi, Kumakura,
#   Mitsufuji: *SQ-VAE: Variational Bayes on Discrete Representation with
#   Self-annealed Stochastic Quantization*, ICML 2022,
#   <https://arxiv.org/abs/2205.07547>.
# - Vuong, Le, Zhao, Zheng, Harandi, Cai, Phung: *Vector Quantized Wasserstein
#   Auto-Encoder*, ICML 2023, <https://arxiv.org/abs/2302.05917>.
# - Zeghidour, Luebs, Omran, Skoglund, Tagliasacchi: *SoundStream: An End-to-End
#   Neural Audio Codec*, IEEE/ACM Transactions on Audio, Speech, and Language
#   Processing 2022, <https://arxiv.org/abs/2107.03312>.
# - Kaiser, Roy, Vaswani, Parmar, Bengio, Uszkoreit, Shazeer: *Fast Decoding in
#   Sequence Models Using Discrete Latent Variables*, ICML 2018,
#   <https://arxiv.org/abs/1803.03382>.
# - Huh, Cheung, Agrawal, Isola: *Straightening Out the Straight-Through Estimator:
#   Overcoming Optimization Challenges in Vector Quantized Networks*, ICML 2023,
#   <https://arxiv.org/abs/2305.08842>.
# - Kingma, Ba: *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   <https://arxiv.org/abs/1412.6980>.
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>.

# %% [markdown]
# ## Next
#
# [Chapter 07](07_spherical_codebooks.ipynb) takes lengths out of the matching for
# good. Direction finds the code, and length is left to tell the decoder something.
