# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · From tokens to new pictures: a prior over codes
#
# | | |
# |---|---|
# | **You will be able to** | train a transformer on tokens, say why it may not look ahead, sample from it with a memory and with care, and judge what it writes by a number |
# | **Before you start** | [chapter 00](00_start_here.ipynb) for tokens, [chapter 05](05_vqvae.ipynb) for the model that makes them, [chapter 06](06_collapse.ipynb) for what collapse is |
# | **Data** | photographs from scikit-image and scikit-learn, on your disk already |
# | **Time** | 75 minutes to read, under a minute to run |
# | **Widget** | the temperature and the top-p with which codes are chosen |
# | **The claim** | a collapsed tokenizer makes its tokens easy to predict and the new pictures poor, and only a score in the space of pictures can tell the two apart |

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
    ArcMarginLoss,
    ArcVQ,
    ExponentialDecay,
    ExponentialRadius,
    TokenPrior,
    check,
    evaluate_vqvae,
    load_images,
    train_vqvae,
)

# %%
from arcvq_lite.evaluation import FeatureExtractor
from arcvq_lite.evaluation.frechet import FrechetTally
from arcvq_lite.prior import choice_probabilities, sample
from arcvq_lite.viz import (
    CODES,
    NEUTRAL,
    SERIES,
    WARNING,
    Picture,
    new_figure,
    readable,
)
from arcvq_lite.viz.prior import draw_reading, draw_sheet

# %% [markdown]
# ## Sixteen words in the wrong order
#
# A tokenizer turns a picture into tokens and tokens into a picture. Then why not
# write tokens of our own, and have a picture that nobody has photographed? We train
# an ArcVQ tokenizer on six photographs at half their size, cut into patches of
# 16 by 16 pixels, so that a patch is a grid of $H \times W = 4 \times 4$ tokens out
# of $K = 128$ codes. The cat is held out, as always. Ball and margin follow the
# schedules of chapters [08](08_ball_schedules.ipynb) and
# [09](09_arccosine_margin.ipynb), shortened to the length of the run.


# %%
def halved(split):
    found = load_images("photos", split=split)  # patches of 32 by 32
    return F.avg_pool2d(found.images, 2), found.labels


photos, labels = halved("train")  # (6100, 3, 16, 16), which photograph
cat = halved("test")[0][::3]  # (153, 3, 16, 16)
K, D, PLACES, STEPS = 128, 16, 16, 200


# %%
def arcvq():
    radius = ExponentialRadius(math.log(4) / STEPS)
    fading = ExponentialDecay(1.0, 5 / STEPS)
    options = {"margin": ArcMarginLoss(scale=5.0), "margin_weight": fading}
    return ArcVQ(K, D, radius=radius, **options)


def train_tokenizer(make_quantizer, seed):
    torch.manual_seed(seed)
    model = VQVAE(3, make_quantizer(), hidden=32, residual_hidden=8)
    options = {"batch_size": 32, "learning_rate": 2e-3, "log_every": STEPS}
    train_vqvae(model, photos, steps=STEPS, seed=seed, **options)
    return model


# %%
def encode(model, images):
    """(B, 3, 16, 16) to tokens (B, 16), row by row."""
    return torch.cat([model.encode(i) for i in images.split(64)]).flatten(1)


def decode(model, tokens):
    """Tokens (B, 16) to images (B, 3, 16, 16)."""
    grids = tokens.unflatten(1, (4, 4))
    return torch.cat([model.decode(part) for part in grids.split(64)])


tokenizer = train_tokenizer(arcvq, seed=0)
tokens = encode(tokenizer, photos)  # (6100, 16)
tokens_of_cat = encode(tokenizer, cat)  # (153, 16)
print(f"{tuple(tokens.shape)}, {len(tokens.unique())} different codes")

# %% [markdown]
# Now we write. Three ways come to mind. Draw all 16 tokens evenly from the
# codebook. Or draw at each place as often as the photographs have each code
# there, so that the frequencies are right. Or take the tokens of a real patch and
# shuffle them among its places. Which will look most like a photograph?

# %% tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(0)


def by_place(tokens, count, generator):
    """Each place takes the token that some real patch has there."""
    drawn = torch.randint(len(tokens), (count, PLACES), generator=generator)
    return tokens[drawn, torch.arange(PLACES)]


def shuffled(tokens, generator):
    """Each patch's own tokens, in another order."""
    order = torch.rand(tokens.shape, generator=generator).argsort(dim=1)
    return tokens.gather(1, order)


# %% tags=["nbval-ignore-output"]
some = tokens[torch.randperm(len(tokens), generator=generator)[:36]]
ways = {
    "real tokens": some,
    "evenly drawn": torch.randint(K, (36, PLACES), generator=generator),
    "right frequencies": by_place(tokens, 36, generator),
    "real, but shuffled": shuffled(some, generator),
}
figure = new_figure(7.6, 2.15)
for axes, name in zip(figure.subplots(1, 4), ways, strict=True):
    draw_sheet(axes, decode(tokenizer, ways[name]), 6, name)
caption = (
    "Thirty-six decoded grids each. The decoder is the same, and so are the "
    "codes; on the right even every patch's own tokens are the same."
)
Picture(figure, f"Four sheets of small patches. {caption}", caption)

# %% [markdown]
# None of them. The decoder paints whatever it is told, and it is told nonsense: sky
# beside petals beside chrome. Even with the right words in the right amounts there is
# no picture, because a picture is in how its tokens go *together*. We lack the
# probability of a whole grid. A model of it is called a **prior**, since it says
# what tokens to expect before any image has been seen.

# %% [markdown]
# ## One token at a time
#
# How many grids are there? With 16 places and 128 codes, $128^{16}$, and nobody can
# count how often each occurs. But read the grid like a line of text, row by row,
# and call its tokens $k_1, \ldots, k_{HW}$. By the definition of a conditional
# probability, $p(k_1, k_2) = p(k_1)\,p(k_2 \mid k_1)$, and so on for each further
# token:
#
# $$p(k_1, \ldots, k_{HW}) = \prod_{i=1}^{HW} p(k_i \mid k_1, \ldots, k_{i-1}) .$$
#
# That is the **chain rule**. Nothing has been assumed and any other order would do
# as well. What was one choice out of $128^{16}$ has become 16 choices out of 128, and
# a network can make these: tokens before in, a softmax over $K$ codes out. The
# shapes: tokens $(B, HW)$, logits $(B, HW, K)$, one row of logits for each token.
#
# Training asks that the tokens of real patches be likely. Take minus the logarithm
# and the product becomes a sum, the cross entropy
#
# $$L = -\frac{1}{HW} \sum_{i=1}^{HW} \log_2 p(k_i \mid k_1, \ldots, k_{i-1}) .$$
#
# With the logarithm to the base 2 it is measured in bits: so many yes-or-no answers
# a token would cost, if one wrote it down with a code made for these
# probabilities. Before any network learns, let us see what counting alone can do.
# Knowing nothing, a token costs $\log_2 128$. Knowing how often each code occurs, it
# costs less. And counting the pairs of neighbours tells for each code which one
# tends to follow.


# %%
def frequencies(numbers, size):
    """How often each occurs, (size,); a tenth is lent to those that do not."""
    return numbers.flatten().bincount(minlength=size) + 0.1


single = frequencies(tokens, K)
single = single / single.sum()  # (K,)
pairs = K * tokens[:, :-1] + tokens[:, 1:]  # a number for each pair of codes
follows = frequencies(pairs, K * K).view(K, K)
follows = follows / follows.sum(dim=1, keepdim=True)  # rows: the code before


# %%
def counted(tokens):
    """Bits of each token (B, 16), without and with its predecessor."""
    alone = single[tokens]  # (B, 16)
    pair = follows[tokens[:, :-1], tokens[:, 1:]]  # (B, 15)
    after = torch.cat([alone[:, :1], pair], dim=1)
    return -alone.log2(), -after.log2()


def table_of(bits):
    for name, rows in bits.items():
        seen, new = (float(row.mean()) for row in rows)
        print(f"{name:22} six photographs {seen:.2f}, cat {new:.2f}")


# %% tags=["nbval-ignore-output"]
every = torch.full_like(tokens, math.log2(K), dtype=torch.float32)
bits = {"uniform": (every, every)}
both = [counted(grids) for grids in (tokens, tokens_of_cat)]
for place, name in enumerate(("frequencies", "the token before")):
    bits[name] = [pair[place] for pair in both]
table_of(bits)
assert bits["the token before"][0].mean() < bits["frequencies"][0].mean()
print(f"2 to the entropy of the frequencies: {2 ** both[0][0].mean():.0f}")

# %% [markdown]
# All numbers are bits a token. The last line is the perplexity of chapter 00, the
# same entropy in another unit. The pairs help with the six photographs and less
# with the cat, which brings pairs that were seldom or never counted. Without the
# tenth that we lent to each of them, a single new pair would cost infinitely many
# bits. And a pair is only the beginning: with three tokens before, the table would
# have $128^4$ cells, nearly all of them empty. A network must say something about
# pasts that it has never met.

# %% [markdown]
# ## A reader that may not look ahead
#
# The network is a transformer (Vaswani et al. 2017), as in VQGAN (Esser et al.
# 2021), which wrote pictures from tokens in this way. Each place holds a vector that
# begins as the embedding of the token *before* it, plus one for the place. (The
# first has no token before it and begins with a learnt vector.) Layer by
# layer each place gathers from the others. From its vector it makes a query
# $q_i$, and every place offers a key $r_j$ and a value $v_j$, all of $D$ numbers. What
# place $i$ takes in is
#
# $$o_i = \sum_{j \le i} \alpha_{ij} v_j, \qquad \alpha_{ij} = \frac{e^{q_i \cdot r_j / \sqrt{D}}}{\sum_{l \le i} e^{q_i \cdot r_l / \sqrt{D}}} .$$
#
# The root keeps the products near 1 in size, since a sum of $D$ independent products
# grows like it. The important part is under the sums: $j \le i$. Place $i$ predicts
# token $k_i$ from tokens before it, so it may not read a place to its right, where
# $k_i$ itself is the token before. This is the **causal mask**: scores of later
# places become $-\infty$, and their weights 0. All the 16 predictions of a patch
# are then learnt in one pass, each blind to its own answer.
#
# The shapes, with several heads side by side: queries, keys, values
# $(B, \text{heads}, HW, D)$, scores $(B, \text{heads}, HW, HW)$.


# %%
causal = torch.ones(PLACES, PLACES).tril().bool()  # (16, 16), True: may read


def attend(query, key, value, mask):
    """(B, heads, t, D) three times and (t, t) to what is taken in, weights."""
    scores = query @ key.mT / query.shape[-1] ** 0.5  # (B, heads, t, t)
    scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)  # rows sum to 1
    return weights @ value, weights


def split(its, x):
    """(B, t, width) to queries, keys and values, each (B, heads, t, D)."""
    packed = its.query_key_value(x)
    return rearrange(packed, "b t (n h d) -> n b h t d", n=3, h=its.heads)


# %%
class Reader(nn.Module):
    """The library's weights, read with a mask of our own."""

    def __init__(self, its, mask):
        super().__init__()
        self.its, self.mask = its, mask

    def forward(self, x, memory=None):
        mask = self.mask[: x.shape[1], : x.shape[1]]
        taken, self.weights = attend(*split(self.its, x), mask)
        return self.its.project(rearrange(taken, "b h t d -> b t (h d)"))


# %% [markdown]
# The rest of a transformer (norms, a small network at each place, embeddings, the
# last linear layer to $K$ logits) is the library's `TokenPrior`. With our attention
# in the place of its own it must give the same logits and the same loss.


# %%
def fresh_prior(seed, classes=None):
    torch.manual_seed(seed)
    options = {"width": 64, "layers": 2, "heads": 4, "classes": classes}
    return TokenPrior(K, PLACES, **options)


def with_mask(prior, mask):
    for block in prior.blocks:
        block.attention = Reader(block.attention, mask)
    return prior


# %%
library, mine = fresh_prior(0), with_mask(fresh_prior(0), causal)
with torch.no_grad():
    logits = mine(tokens[:64])  # (64, 16, K)
    torch.testing.assert_close(logits, library(tokens[:64]))
    right = logits.log_softmax(dim=-1).gather(2, tokens[:64, :, None])
    torch.testing.assert_close(-right.mean(), library.loss(tokens[:64]))
print(f"{-right.mean() / math.log(2):.2f} bits a token before training")

# %% [markdown]
# Now leave the mask out. Before you run the cell: will the loss of the prior that
# sees everything be higher or lower? And what will it write?


# %%
def fit(prior, tokens, seed, labels=None, steps=160):
    """Train in place on batches of 32; bits a token, one for each step."""
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(prior.parameters(), lr=2e-3)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, steps)
    bits = []
    for _ in range(steps):
        chosen = torch.randint(len(tokens), (32,), generator=order)
        named = None if labels is None else labels[chosen]
        loss = prior.train().loss(tokens[chosen], named)
        bits.append(loss.item() / math.log(2))
        optimise(optimizer, loss)
        fade.step()
    prior.eval()
    return bits


# %%
def optimise(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


prior, seeing = fresh_prior(0), with_mask(fresh_prior(0), causal | True)
curve = fit(prior, tokens, seed=0)
curve_of_seeing = fit(seeing, tokens, seed=0)

# %% [markdown]
# To write, start with nothing and go on by one token: read what is there, take
# the logits of the next place, choose. In the loop below the places that are not
# yet written hold zeros. Behind a causal mask that is harmless, as the assertion
# holds: changing what comes later does not change a logit.


# %%
@torch.no_grad()
def write(prior, count, seed):
    """Tokens (count, 16), one place after the other."""
    generator = torch.Generator().manual_seed(seed)
    written = torch.zeros(count, PLACES, dtype=torch.int64)
    for place in range(PLACES):
        chance = prior(written)[:, place].softmax(dim=-1)  # (count, K)
        code = torch.multinomial(chance, 1, generator=generator)
        written[:, place] = code[:, 0]
    return written


# %%
changed = tokens[:64].clone()
changed[:, 9:] = 0  # all that comes after the first nine tokens
with torch.no_grad():
    torch.testing.assert_close(
        prior(changed)[:, :10], prior(tokens[:64])[:, :10]
    )
    assert (seeing(changed) - seeing(tokens[:64]))[:, :10].abs().max() > 1
print("behind the mask, the later tokens do not matter")

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 2.5)
left, middle, right = figure.subplots(1, 3, width_ratios=[1.35, 1, 1])
for values, colour in ((curve, CODES), (curve_of_seeing, WARNING)):
    left.plot(range(160), values, color=colour)
left.text(158, 3.2, "causal", color=CODES, ha="right")
left.text(158, 0.75, "no mask", color=WARNING, ha="right")
left.set(xlabel="step", ylabel="bits a token", ylim=(0, 7.2))
blind, sighted = (write(model, 36, seed=1) for model in (prior, seeing))
draw_sheet(middle, decode(tokenizer, blind), 6, "causal writes")
draw_sheet(right, decode(tokenizer, sighted), 6, "no mask writes")
caption = (
    "The prior without a mask has by far the lower loss, and has learnt "
    "nothing about pictures."
)
Picture(figure, f"Two curves and two sheets of patches. {caption}", caption)

# %% tags=["nbval-ignore-output"]
ends = [sum(c[-20:]) / 20 for c in (curve, curve_of_seeing)]
assert ends[1] < 0.5 * ends[0]
print(f"last 20 steps: causal {ends[0]:.2f} bits, no mask {ends[1]:.2f}")
with torch.no_grad():
    rows = []
    for grids in (tokens[::24], tokens_of_cat):
        chance = prior(grids).log_softmax(dim=-1)  # (B, 16, K)
        nats = -chance.gather(2, grids[:, :, None])[..., 0]  # (B, 16)
        rows.append(nats / math.log(2))
bits["prior"] = rows
table_of(bits)
assert rows[1].mean() < bits["the token before"][1].mean() - 0.5

# %% [markdown]
# By its loss the prior without a mask is nearly the best there could be. It has
# copied: the vector at place $i + 1$ begins as the embedding of $k_i$, and the only
# thing to learn was to look there. When it must write, that place holds a zero which
# only stands for "not yet written", and it has learnt nothing else to go by. A loss that
# falls too low has found a way round the question.
#
# The causal prior pays more and has earned it. It is far below the pairs, also on
# the cat. What does it read? And which tokens remain expensive?

# %% tags=["nbval-ignore-output"]
watched = with_mask(copy.deepcopy(prior), causal)
figure = new_figure(7.6, 2.6)
left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
for axes, model, name in (
    (left, watched, "causal"),
    (middle, seeing, "no mask"),
):
    with torch.no_grad():
        model(tokens_of_cat)
    weights = model.blocks[0].attention.weights  # (153, 4, 16, 16)
    draw_reading(axes, weights.mean(dim=(0, 1)), name)

# %% tags=["nbval-ignore-output"]
for name, colour in zip(bits, (NEUTRAL, *SERIES[:2], CODES), strict=True):
    by_places = bits[name][1].mean(dim=0)  # (16,)
    right.plot(range(1, 17), by_places, color=colour)
    height = by_places[-1].item() + (0.25 if name == "frequencies" else 0)
    right.text(16.4, height, name, color=readable(colour), va="center")
right.set(xlabel="place", ylabel="bits, on the cat", xlim=(1, 27))
right.set(xticks=[1, 5, 9, 13], ylim=(0, 8))
caption = (
    "Left: mean attention of the first layer on the cat, a row for each "
    "reading place. Right: what a token costs at each place."
)
Picture(figure, f"Two matrices of weights and four curves. {caption}", caption)

# %% [markdown]
# Behind the mask nothing lies above the diagonal. The prior without one has a dark
# line just above it: that is the copying. On the right the first token of a patch is
# the dearest, since there is nothing to read yet. (It is cheaper for the prior than
# for the frequencies, which do not ask *where* a code stands.) From there the price
# falls, unevenly. It is up again at the fifth place, where a new row of the grid begins
# and the token before stands at the other end of the patch.

# %% [markdown]
# ## Remembering instead of reading again
#
# Our loop `write` is wasteful. For the last token it reads all 16 places, although
# 15 of them were read a moment ago. Has anything changed there? In the first layer
# the key and the value of place $j$ come from the vector of place $j$ alone. What it
# takes in, $o_j$, comes from places up to $j$, because of the mask. So its vector in
# the next layer depends on tokens before $k_j$ only, and so do key and value there,
# and so on up. Nothing that comes later changes them. They can be kept. That is the
# **key-value memory** (often called a cache), and all that is left to do for a new
# token is one query in each layer.


# %%
def read_next(its, x, memory):
    """The newest place (B, width), given a list of keys and values."""
    query, key, value = split(its, x[:, None])  # (B, heads, 1, D) each
    memory.append((key, value))
    keys = torch.cat([pair[0] for pair in memory], dim=2)
    values = torch.cat([pair[1] for pair in memory], dim=2)
    everything = torch.ones(1, len(memory)).bool()  # all of it is the past
    taken, _ = attend(query, keys, values, everything)
    return its.project(rearrange(taken, "b h t d -> b t (h d)"))[:, 0]


# %%
its = prior.blocks[0].attention
x = torch.randn(8, PLACES, 64)  # vectors of 8 patches
for mask, name in ((causal, "causal"), (causal | True, "no mask")):
    memory, whole = [], Reader(its, mask)(x)
    steps = [read_next(its, x[:, place], memory) for place in range(PLACES)]
    gap = (torch.stack(steps, dim=1) - whole).abs().amax(dim=(0, 2))  # (16,)
    print(f"{name}: largest difference {gap.max():.0e}, last {gap[-1]:.0e}")
    if mask is causal:
        torch.testing.assert_close(torch.stack(steps, dim=1), whole)
        torch.testing.assert_close(its(x), whole)

# %% [markdown]
# With the mask the memory is exact up to rounding. Without it only the last place
# agrees, which has read everything either way: what the others took in would have
# to be revised at every new token, and there would be nothing to remember. The mask
# is what makes writing cheap.
#
# How cheap? Reading anew, place $i$ costs $i$ queries a layer, and a patch
# $1 + 2 + \ldots + HW = \tfrac12 HW(HW + 1)$. With a memory it is $HW$. We count
# both in the library's `sample`, and hold the two equal. Rounding can differ
# between the two ways, and a choice that hangs on the last digit with it, so we compare
# in double precision, where it next to never does.

# %%
exact = copy.deepcopy(prior).double()
queries, writings = [], []
exact.blocks[0].attention.query_key_value.register_forward_hook(
    lambda layer, given, result: queries.append(given[0].shape[1])
)
for cached in (True, False):
    queries.clear()
    draws = torch.Generator().manual_seed(3)
    writings.append(sample(exact, 200, cached=cached, generator=draws))
    print(f"memory {cached!s:5}: {sum(queries):3d} queries a layer")
assert torch.equal(*writings)

# %% [markdown]
# The 200 patches agree in every token. The saving is a factor of
# $\tfrac12(HW + 1)$ in queries, so it grows with the picture: the grid of 32 by 32 of
# the paper's VQGAN would need 1,024 queries a layer in the place of
# $\tfrac12\cdot 1024\cdot 1025 = 524{,}800$.

# %% [markdown]
# ## A score that is not a glance
#
# Is what the prior writes any good? We have looked at it, and looking is how one
# fools oneself. Bits a token will not do, either, for a reason that the experiment
# will show. We need a distance between two *sets* of pictures, the written and the
# real ones.
#
# The **Fréchet distance** (Heusel et al. 2017) describes each set by features, takes
# the mean $\mu$ and the covariance $\Sigma$ of these, and asks how far the two
# normal distributions are apart:
#
# $$F = \|\mu_1 - \mu_2\|^2 + \mathrm{tr}\big(\Sigma_1 + \Sigma_2 - 2\,(\Sigma_1\Sigma_2)^{1/2}\big) .$$
#
# It has a plain meaning. Pair each point of one distribution with one of the other
# so that the mean squared distance within the pairs is as small as possible; that
# least value is $F$. In one dimension the best pairing is by rank, and $F$ is
# $(\mu_1 - \mu_2)^2 + (\sigma_1 - \sigma_2)^2$. We check that with dice, then write the
# general one. The trace of the root is the sum of the roots of the eigenvalues, and
# $\Sigma_1\Sigma_2$ has those of the symmetric $\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2}$,
# which are easier to compute.


# %%
def mean_and_spread(features):
    """(N, n) in double precision to the mean (n,), covariance (n, n)."""
    mean = features.mean(dim=0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def frechet(one, other):
    """Features (N, n) and (M, n) to a number."""
    (mean, first), (mean_too, second) = map(mean_and_spread, (one, other))
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T  # (n, n)
    shared = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt()
    spread = first.trace() + second.trace() - 2 * shared.sum()
    return ((mean - mean_too).square().sum() + spread).item()


# %%
torch.manual_seed(0)
narrow = torch.randn(100_000, 1).double()
wide = 1 + 3 * torch.randn(100_000, 1).double()
paired = (narrow.sort(dim=0).values - wide.sort(dim=0).values).square()
print(f"paired {paired.mean():.2f}, formula {frechet(narrow, wide):.2f}")
assert abs(paired.mean() - 5) < 0.2

# %% [markdown]
# On ImageNet the features are those of the Inception network, and the distance is
# then called FID. Its weights are a download, and it was trained on pictures much
# larger than ours. We choose 18 plain features instead and say what they are. The
# first 12 are about colour: for each channel the mean of the patch, how much its
# upper half differs from the lower, its left from its right, and one diagonal from the
# other. The last 6 are about texture: the logarithm of the mean step from a pixel to
# its lower and its right neighbour, at full size, at a half and at a quarter. Each
# feature is divided by its standard deviation over the real patches, so that none
# counts more than another for its unit. Such features see colour, layout and
# sharpness. They do not see whether an eye is an eye.


# %%
def colour_of(images):
    """(B, 3, 16, 16) to (B, 12): means, and how the quarters differ."""
    quarters = F.avg_pool2d(images, 8).flatten(2)  # (B, 3, 4)
    signs = [[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]
    return (quarters @ torch.tensor(signs).float().T).flatten(1)


def texture_of(images):
    """(B, 3, 16, 16) to (B, 6): steps downwards and to the right."""
    grey, steps = images.mean(dim=1, keepdim=True), []
    for size in (1, 2, 4):
        smaller = F.avg_pool2d(grey, size)
        for axis in (2, 3):
            steps.append(smaller.diff(dim=axis).abs().mean(dim=(1, 2, 3)))
    return (torch.stack(steps, dim=1) + 0.01).log()


# %%
shuffle = torch.randperm(6100, generator=torch.Generator().manual_seed(0))
measured, kept_back = shuffle[:3000], shuffle[3000:4024]


def raw(images):
    images = images.clamp(-1, 1)
    return torch.cat([colour_of(images), texture_of(images)], dim=1).double()


unit = raw(photos[measured]).std(dim=0)  # (18,)
real = raw(photos[measured]) / unit  # (3000, 18)


def distance(images):
    return frechet(raw(images) / unit, real)


# %% [markdown]
# The library does the same sum in `arcvq evaluate`, with a network of one's choice.
# It takes pictures in 256 levels, so we give it such.


# %%
class FromLevels(nn.Module):
    def forward(self, levels):
        return raw(levels.float() / 127.5 - 1) / unit


plain = FeatureExtractor(FromLevels(), 18, "ours", {"features": 18})
tally = FrechetTally(plain, torch.device("cpu"))
sides = (photos[kept_back[:153]] + 1) * 127.5, (cat + 1) * 127.5
levels = [side.round().to(torch.uint8) for side in sides]
tally.add(*levels)
mine = frechet(*map(FromLevels(), levels))
torch.testing.assert_close(tally.distance(), mine, rtol=1e-3, atol=0)
print(f"the library and the formula: {mine:.2f}")

# %% [markdown]
# A score needs its ends. The lower end is other patches of the same six photographs,
# which no prior could beat. (They overlap with the measured ones by half, since
# patches are cut at every half, so this end is as low as it can be.) Next to it stands
# the cat: a real photograph, and not one of the six. A warning comes with the
# lower end. Take fewer patches of the same kind, and the distance rises.

# %% tags=["nbval-ignore-output"]
for count in (64, 128, 256, 512, 1024):
    print(
        f"{count:4} real patches: {distance(photos[kept_back[:count]]):5.2f}"
    )
floor = distance(photos[kept_back])
print(f" 153 patches of the cat: {distance(cat):5.2f}")
assert floor < 1 < distance(photos[kept_back[:64]]) < distance(cat)

# %% tags=["nbval-ignore-output"]
draws = torch.Generator().manual_seed(4)
grids = {
    "reconstructions": tokens[kept_back],
    "written by the prior": sample(prior, 1024, generator=draws),
    "real, but shuffled": shuffled(tokens[kept_back], draws),
    "place by place": by_place(tokens, 1024, draws),
}
scores = {name: distance(decode(tokenizer, it)) for name, it in grids.items()}
for name, score in {"other real patches": floor, **scores}.items():
    print(f"{name:21} {score:5.2f}")
rebuilt, own, mixed, placed = scores.values()
assert floor < rebuilt < own + 0.3 and own < mixed - 0.3 and mixed < placed

# %% [markdown]
# A covariance of 18 features estimated from 64 patches is mostly noise, and noise
# looks like distance. So only distances of equal counts may be compared, and within
# each of the tables below the counts are equal.
#
# Now the first picture of the chapter has numbers. What the prior writes lies close
# to the reconstructions of real patches, and both are far from the tokens that know
# nothing of each other. The reconstructions are the prior's own end of the scale: a
# prior that were perfect would write tokens just like those of real patches, and the
# decoder would still paint them as well as it can and no better.

# %% [markdown]
# ## How to choose a code
#
# So far each code was drawn with just the probability that the prior gave it. One
# may be more careful, or bolder. Divide the logits $a_j$ by a **temperature** $\tau$
# before the softmax, $p_j = e^{a_j/\tau} / \sum_l e^{a_l/\tau}$. At $\tau = 1$ the
# prior is left as it is, as $\tau \to 0$ the likeliest code takes everything, and as
# $\tau \to \infty$ all are alike. In between the entropy rises, and this takes three
# lines. With $\beta = 1/\tau$ and $Z = \sum_l e^{\beta a_l}$ the entropy is
#
# $$H = -\sum_j p_j \ln p_j = \ln Z - \beta\,\mathbb{E}[a], \qquad \frac{\partial \ln Z}{\partial\beta} = \mathbb{E}[a], \qquad \frac{\partial\,\mathbb{E}[a]}{\partial\beta} = \operatorname{Var}[a],$$
#
# so $\partial H/\partial\beta = -\beta \operatorname{Var}[a]$, and with
# $\partial\beta/\partial\tau = -1/\tau^2$
#
# $$\frac{\partial H}{\partial \tau} = \frac{\operatorname{Var}[a]}{\tau^3} \;\ge\; 0 .$$
#
# Expectation and variance are over codes, with the probabilities $p_j$.

# %%
a = prior(tokens[:1])[0, 5].detach().double()  # (K,), one place's logits
for value in (0.5, 1.0, 2.0):
    tau = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    p = (a / tau).softmax(dim=0)  # (K,)
    entropy = torch.special.entr(p).sum()
    (slope,) = torch.autograd.grad(entropy, tau)
    p = p.detach()
    variance = (p * a**2).sum() - (p * a).sum() ** 2
    torch.testing.assert_close(slope, variance / tau.detach() ** 3)
print("autograd agrees at three temperatures")

# %% [markdown]
# A temperature below 1 makes the likely codes likelier and the unlikely ones rarer,
# but never impossible. With 128 codes there are many unlikely ones, and together they
# can have some weight: a patch takes 16 choices, and one absurd one is enough to spoil
# it. So cut the tail. **Top-k** keeps the $k$ likeliest codes and shares their
# probabilities out anew. **Top-p**, or nucleus sampling (Holtzman et al. 2020),
# keeps as many of the likeliest as it takes to reach a share, 90 % for example. How
# would you write the second? The obvious line is wrong.


# %%
def obvious_nucleus(p, share):
    ordered, order = p.sort(descending=True)
    kept = ordered * (ordered.cumsum(dim=0) <= share)
    return torch.zeros_like(p).scatter(0, order, kept) / kept.sum()


sure = torch.tensor([0.02, 0.95, 0.03])
print(obvious_nucleus(sure, 0.9))

# %% [markdown]
# The likeliest code holds more than the share all by itself, so the sum is past the
# share at once, nothing is kept, and 0 is divided by 0. What matters is the sum
# *before* a code: whoever is needed to reach the share stays.


# %%
def keep_likeliest(p, count):
    """Top-k: the `count` likeliest of (…, K), their sum 1 again."""
    kept = p * (p >= p.topk(count, dim=-1).values[..., -1:])
    return kept / kept.sum(dim=-1, keepdim=True)


def keep_nucleus(p, share):
    """Top-p: the fewest of the likeliest that reach the share."""
    ordered, order = p.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered  # what the likelier ones hold
    kept = torch.zeros_like(p).scatter(-1, order, ordered * (before < share))
    return kept / kept.sum(dim=-1, keepdim=True)


print(keep_nucleus(sure, 0.9))

# %%
logits = prior(tokens[:40]).detach().double()  # (40, 16, K)
warm = (logits / 1.3).softmax(dim=-1)
for built, options in (
    (warm, {}),
    (keep_likeliest(warm, 10), {"top_k": 10}),
    (keep_nucleus(warm, 0.8), {"top_p": 0.8}),
    (
        keep_nucleus(keep_likeliest(warm, 10), 0.8),
        {"top_k": 10, "top_p": 0.8},
    ),
):
    library = choice_probabilities(logits, temperature=1.3, **options)
    torch.testing.assert_close(built, library)
print("equal to choice_probabilities; first top-k, then top-p")

# %% [markdown]
# Why the second cut, if there is the first? Look at how many codes the nucleus of
# 90 % holds, place by place, in a few hundred patches.

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    p = prior(tokens[::20]).softmax(dim=-1)  # (305, 16, K)
held = (keep_nucleus(p, 0.9) > 0).sum(dim=-1)  # (305, 16)
figure = new_figure(7, 2.6)
axes = figure.subplots()
jitter = torch.rand(held.shape, generator=generator) - 0.5
spots = torch.arange(1, 17) + 0.7 * jitter
axes.plot(spots.flatten(), held.flatten(), ".", color=CODES, ms=3, alpha=0.4)
axes.axhline(10, color=WARNING, linewidth=1)
axes.text(16.6, 10, "top-k\nwith 10", color=WARNING, va="center")
axes.set(xlabel="place", ylabel="codes in the nucleus", xlim=(0.4, 18.4))
axes.set(yscale="log", xticks=[1, 5, 9, 13], yticks=[1, 3, 10, 30])
axes.set_yticklabels(["1", "3", "10", "30"])
caption = "How many codes hold 90 %: a dot for each place of 305 patches."
Picture(figure, f"Columns of dots between 1 and about 80. {caption}", caption)

# %% [markdown]
# From one to dozens. Where the prior is sure, in the middle of a sky, ten codes are
# nine too many. Where it cannot know, at the first place, ten cut off what might well
# be. A fixed number is wrong at both ends, and the nucleus goes with the certainty.

# %% [markdown]
# ### Predict, then drag
#
# The first eight tokens are those of a real patch, from the photograph of the coffee.
# The bars are the chances of the ninth, with each code's colour under its bar. On the
# right are whole patches, every token of which was chosen with the setting. The
# dice are the same for all the settings.
#
# 1. You lower the temperature to 0. How many different patches will there be?
# 2. Will the distance from real patches be smallest at temperature 1, or at a
#    more careful one?
# 3. At temperature 1.5 you lower top-p from 1 to 0.8. Does that undo the damage?

# %%
from arcvq_lite.viz.prior import Chances, ChoiceScene, Draw
from arcvq_lite.widgets import Slider, SliderFigure

chosen = int((labels == 1).nonzero()[433])
begun = decode(tokenizer, tokens[chosen : chosen + 1])[0].detach()
begun[:, 8:] = 0.85  # not written yet
with torch.no_grad():
    next_logits = prior(tokens[chosen : chosen + 1])[0, 8]  # (K,)
likely = next_logits.argsort(descending=True)[:14]
alone = likely[:, None].expand(-1, PLACES)
letters = decode(tokenizer, alone)[..., 6:10, 6:10]  # (14, 3, 4, 4)


# %%
def chances(temperature, top_p):
    cut = {"temperature": temperature, "top_p": top_p}
    softened = choice_probabilities(next_logits, temperature=temperature)
    return Chances(softened, choice_probabilities(next_logits, **cut))


def drawn(temperature, top_p):
    dice = torch.Generator().manual_seed(7)
    cut = {"temperature": temperature, "top_p": top_p, "generator": dice}
    grids = sample(prior, 240, **cut)
    images, different = decode(tokenizer, grids), len(grids.unique(dim=0))
    return Draw(images[:64], distance(images), different, 240)


# %% tags=["nbval-ignore-output"]
stops = [(t / 4, share / 5) for t in range(7) for share in range(2, 6)]
table = {stop: drawn(*stop) for stop in stops}
choice_figure = SliderFigure(
    ChoiceScene(begun, chances, letters, likely, table, columns=8),
    alt_title="The chance of the next code, and patches written with it",
    size=(6.6, 2.5),
    temperature=Slider(0, 1.5, 0.25, 1, "temperature"),
    top_p=Slider(0.4, 1, 0.2, 1, "top-p", format=".1f"),
)
choice_figure

# %% tags=["moves-sliders", "nbval-ignore-output"]
plain = choice_figure.set(temperature=1, top_p=1)
certain = choice_figure.set(temperature=0)
hot = choice_figure.set(temperature=1.5)
cut = choice_figure.set(top_p=0.8)
assert len({plain, certain, hot, cut}) == 4
assert "one code is left" in certain and table[0, 1].different == 1
rising = [table[t, 1].distance for t in (1, 0.5, 0)]
assert rising == sorted(rising)
assert table[1.5, 0.6].distance < table[1.5, 1].distance
choice_figure.set(temperature=1, top_p=1)
print("top-p      " + "".join(f"{p / 5:8.1f}" for p in range(2, 6)))
for t in range(7):
    row = [table[t / 4, p / 5].distance for p in range(2, 6)]
    print(f"τ = {t / 4:.2f}   " + "".join(f"{d:8.1f}" for d in row))

# %% [markdown]
# At temperature 0 there is one patch, 240 times. Always taking the likeliest code
# does not give the best picture: it gives one picture, an even one, since evenness is
# what is most often right. The second answer is in the table. By our score the prior
# is best left as it is, or nearly so. Caution makes each single patch more plausible
# and the set of them too uniform, and the Fréchet distance judges the set. The third
# answer is partly. A share of 0.8 takes back some of the damage of temperature 1.5, and
# 0.6 takes back nearly all. Follow the smallest numbers through the table: they lie on
# a diagonal. The hotter the choice, the more has to be cut from it, and the two dials
# undo one another.
#
# Keep in mind who is the judge. Someone who shows 64 patches to a friend may
# prefer caution, and samples are often shown so.
# It is a trade of variety for likeliness, and a single number hides it.

# %% [markdown]
# ## Asking for a photograph
#
# One more dial. Let the prior be told which of the six photographs a patch is from,
# as a class $c$ at the start of the sequence, so that it learns $p(k_i \mid c,
# k_1, \ldots)$. Now and then hide the class from it, one time in ten, and the same
# network learns to do without. When writing, it can be asked both ways at every
# place, and the difference of the two answers is what the class contributes.
# **Classifier-free guidance** (Ho and Salimans 2022) adds that contribution $g$ times:
#
# $$a^{(g)} = a^{\text{without}} + g\,\big(a^{\text{with}} - a^{\text{without}}\big), \qquad p_g(k) \propto p(k)\,\Big(\frac{p(k \mid c)}{p(k)}\Big)^{g} \propto p(k)\,p(c \mid k)^{g} .$$
#
# The second form is the softmax of the first, and the third is Bayes' rule: the
# quotient $p(k \mid c)/p(k)$ equals $p(c \mid k)/p(c)$, and $p(c)$ is the same for
# all codes. So there is a classifier in it, though none was trained, and its opinion
# counts $g$ times. With $g = 0$ the class is ignored, with $g = 1$ it is as it was
# learnt, and beyond that it is exaggerated. What will $g = 3$ do to the coffee?

# %%
knowing = fresh_prior(0, classes=6)
fit(knowing, tokens, seed=0, labels=labels)
with torch.no_grad():
    coffee, nothing = torch.full((64,), 1), torch.full((64,), knowing.no_class)
    given = knowing(tokens[:64], coffee)  # (64, 16, K)
    without = knowing(tokens[:64], nothing)
guided = (without + 3 * (given - without)).softmax(dim=-1)
p, p_given = without.softmax(dim=-1), given.softmax(dim=-1)
product = p * (p_given / p) ** 3
product = product / product.sum(dim=-1, keepdim=True)
torch.testing.assert_close(guided, product)
print("the two forms agree")


# %%
def asked(name, guidance, count):
    dice = torch.Generator().manual_seed(5)
    options = {"classes": name, "guidance": guidance, "generator": dice}
    return decode(tokenizer, sample(knowing, count, **options))


# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 2.3)
rows = figure.subplots(2, 3)
for row, (name, title) in zip(
    rows, ((1, "coffee"), (5, "flower")), strict=True
):
    for axes, guidance in zip(row, (0, 1, 3), strict=True):
        patches = asked(name, guidance, 30)
        draw_sheet(axes, patches, 10, f"{title}, g = {guidance}")
caption = (
    "Asked for two photographs, with the class ignored, as learnt, and "
    "exaggerated. The dice are the same everywhere."
)
Picture(figure, f"Six sheets of small patches. {caption}", caption)

# %% tags=["nbval-ignore-output"]
names = ("astronaut", "coffee", "rocket", "motorcycle", "china", "flower")
print("photograph  " + "".join(f"   g = {g}" for g in (0, 1, 3)))
by_guidance = []
for name in range(6):
    goal = raw(photos[labels == name]) / unit
    drawn_so = (raw(asked(name, g, 200)) / unit for g in (0, 1, 3))
    by_guidance.append([frechet(it, goal) for it in drawn_so])
    line = "".join(f"{score:8.1f}" for score in by_guidance[-1])
    print(f"{names[name]:12}{line}")
ignored, learnt, _ = torch.tensor(by_guidance).mean(dim=0)
assert learnt < 0.9 * ignored

# %% [markdown]
# With $g = 1$ the patches come from the photograph that was asked for: every distance
# to that photograph's own patches falls. At $g = 3$ they are more typical and more
# alike, the coffee little but its table, the flower mostly its dark background. By our
# score that helps with some photographs and harms with others. A set needs its
# rare members, and exaggeration loses them first.

# %% [markdown]
# ## Experiment · what a collapsed tokenizer does to new pictures
#
# Now the question of the chapter. Two tokenizers of the same size are trained on
# the same patches in the same order: plain Euclidean VQ, which collapses, as the
# **baseline**, and ArcVQ. Each gets a prior of its own, of the same size and with
# the same number of steps, and the two write 1,024 patches each. The **negative
# control** is the same tokenizer without a prior's knowledge, token for token with the
# right frequencies at each place: if the distance did not rise a lot, it would not
# measure what a prior contributes. Three seeds set weights, batches and draws.
#
# The table will have a row for each measure. On the cat: the PSNR (dB), usage and
# perplexity of the tokenizer, and the bits a token of its prior. The distance of three
# sets from the real patches: reconstructions ("rebuilt"), what the prior has written,
# and the control ("by place"). Last, two shares of grids that are "known" from the
# training patches. Before you run it: which prior will need fewer bits a token, and
# which will write the better pictures?


# %%
def euclidean():
    return VQ(K, D)


arms = {"Euclidean VQ": euclidean, "ArcVQ": arcvq}
studies = {("ArcVQ", 0): (tokenizer, tokens, prior)}
for seed in range(3):
    for name, make_quantizer in arms.items():
        if (name, seed) not in studies:
            model = train_tokenizer(make_quantizer, seed)
            its_tokens, its_prior = encode(model, photos), fresh_prior(seed)
            fit(its_prior, its_tokens, seed)
            studies[name, seed] = model, its_tokens, its_prior


# %%
def known(tokens, grids):
    """The share of grids that occur among the tokens, place for place."""
    seen = {tuple(grid) for grid in tokens.tolist()}
    return sum(tuple(grid) in seen for grid in grids.tolist()) / len(grids)


# %%
@torch.no_grad()
def measure(model, tokens, prior, seed):
    dice = torch.Generator().manual_seed(10 + seed)
    new, new_cat = sample(prior, 1024, generator=dice), encode(model, cat)
    row = evaluate_vqvae(model, cat)
    row["bits"] = prior.loss(new_cat).item() / math.log(2)
    sets = {"rebuilt": tokens[kept_back], "written": new}
    sets["by place"] = by_place(tokens, 1024, dice)
    sets = {name: decode(model, grids) for name, grids in sets.items()}
    row |= {name: distance(images) for name, images in sets.items()}
    row["known"], row["known cat"] = known(tokens, new), known(tokens, new_cat)
    return row, sets["written"]


outcome = {key: measure(*parts, key[1]) for key, parts in studies.items()}


# %% tags=["nbval-ignore-output"]
def column(name, key):
    return torch.tensor([outcome[name, seed][0][key] for seed in range(3)])


keys = list(outcome["ArcVQ", 0][0])
print(" " * 13 + "".join(f"{name:>15}" for name in arms))
for key in keys:
    cells = []
    for name in arms:
        values = column(name, key)
        cells.append(f"{values.mean():.2f} ± {values.std():.2f}")
    print(f"{key:13}" + "".join(f"{cell:>15}" for cell in cells))

# %% tags=["cover", "nbval-ignore-output"]
figure = new_figure(7.6, 2.85)
panels = figure.subplots(1, 3)
shown = {"six photographs": photos[kept_back]}
shown |= {f"new, by {name}": outcome[name, 0][1] for name in arms}
for axes, (title, images) in zip(panels, shown.items(), strict=True):
    draw_sheet(axes, images[:64], 8, title)
caption = (
    "Patches of photographs, and patches that nobody has taken: written by "
    "the prior of a collapsed tokenizer, and by that of ArcVQ. Seed 0."
)
Picture(figure, f"Three sheets of 64 small patches. {caption}", caption)

# %% [markdown]
# Read the row of bits first. The prior of the collapsed tokenizer is much surer of
# its tokens, on a photograph that it has never seen. Was its task done better?
# Its usage says why. A handful of codes carries nearly everything, the tokens say
# little, and little is easy to foretell. A tokenizer with a single code would have a
# perfect prior, of 0 bits, and one picture. This is a trap for whoever
# compares tokenizers by the loss of their priors: *the worse tokenizer wins*. Bits
# may be compared only where the tokens are the same.

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 2.7)
left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
left.set(xlabel="bits a token, on the cat", ylabel="distance, written")
top = column("Euclidean VQ", "written").max().item()
left.set(xlim=(0, 5), ylim=(0, 1.2 * top))
colours = dict(zip(arms, (WARNING, CODES), strict=True))
for name, colour in colours.items():
    bits_of, own = column(name, "bits"), column(name, "written")
    left.plot(bits_of, own, "o", color=colour)
    beside = bits_of.max() + 0.2, own.median()
    left.text(*beside, name, color=colour, va="center")

# %% tags=["nbval-ignore-output"]
right.axhline(floor, color=NEUTRAL, linewidth=1)
right.text(3.3, floor + 0.15, "other real patches", ha="right")
for shift, (name, colour) in zip((-0.1, 0.1), colours.items(), strict=True):
    for place, key in enumerate(("rebuilt", "written", "by place"), start=1):
        right.plot([place + shift] * 3, column(name, key), "o", color=colour)
right.set(xlim=(0.6, 3.4), ylim=(0, None), ylabel="distance from real ones")
right.set_xticks([1, 2, 3], ["rebuilt", "written", "place by place"])
caption = (
    "Three seeds an arm. Left: fewer bits, and yet the poorer pictures. "
    "Right: where the distance comes from, in the same colours."
)
Picture(figure, f"Dots of two arms in two panels. {caption}", caption)

# %% tags=["nbval-ignore-output"]
worse, better = (column(name, "written") for name in arms)
easy, hard = (column(name, "bits") for name in arms)
assert (easy < hard).all() and worse.mean() > better.mean()
assert (
    column("ArcVQ", "usage").min() > 2 * column("Euclidean VQ", "usage").max()
)
alone = column("ArcVQ", "by place")
assert (alone > 1.5 * better).all()
for name in arms:
    lost = column(name, "written") - column(name, "rebuilt")
    print(f"{name:13} written less rebuilt: {lost.mean():+.2f}")
    assert column(name, "known").max() < (0.2 if name == "ArcVQ" else 0.8)
pairs = ", ".join(f"{gap:+.2f}" for gap in (worse - better).tolist())
print(f"written, Euclidean less ArcVQ, seed by seed: {pairs}")

# %% [markdown]
# In the space of pictures the order is the other way round. What the collapsed
# tokenizer's prior writes is farther from the photographs, at each of the three seeds.
# Where does that come from? For the collapsed tokenizer the written patches are about as
# far as the reconstructions of real ones, "rebuilt". So its prior has nothing left to
# gain, and the whole distance stands between the photographs and what its few codes can
# say. For ArcVQ the prior adds a part of its own, for it has more to learn, and still
# the sum is smaller. (Distances of this kind do not add up exactly, so the parts are a
# way to read, and no decomposition.)
#
# The negative control tells the arms apart once more. Without its prior, ArcVQ falls
# back to where the collapsed tokenizer is. For that one a prior hardly matters: at a
# perplexity of two there is not much to put in order, and its control lies among what
# it wrote.
#
# Is it the features? We made them ourselves. Would another judge agree? FID's own idea
# is to take them from a network that was trained to tell things apart. We do that in
# miniature: a small network learns which of the six photographs a patch is from, and
# its last layer but one gives 32 features.

# %%
torch.manual_seed(0)
judge = nn.Sequential(
    *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()),
    *(nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU()),
    *(nn.Conv2d(32, 32, 4, stride=2, padding=1), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(512, 32), nn.ReLU()),
)
last = nn.Linear(32, 6)
optimizer = torch.optim.Adam([*judge.parameters(), *last.parameters()], 1e-3)
for _ in range(120):
    picked = torch.randint(len(photos), (64,))
    guess = last(judge(photos[picked]))  # (64, 6)
    optimise(optimizer, F.cross_entropy(guess, labels[picked]))
right_ones = (guess.argmax(dim=1) == labels[picked]).double().mean()
print(f"right about {right_ones:.0%} of its last batch")


# %%
@torch.no_grad()
def judged(images):
    sides = photos[measured[:1024]], images.clamp(-1, 1)
    seen, given = (
        torch.cat([judge(part) for part in side.split(64)]).double()
        for side in sides
    )
    alive = seen.std(dim=0) > 1e-3  # some units are off for all patches
    size = seen.std(dim=0)[alive]
    return frechet(given[:, alive] / size, seen[:, alive] / size)


# %% tags=["nbval-ignore-output"]
second = {key: judged(images) for key, (_, images) in outcome.items()}
print(f"{'other real':13} {judged(photos[kept_back]):5.2f}")
for name in arms:
    line = "".join(f"{second[name, seed]:6.2f}" for seed in range(3))
    print(f"{name:13}{line}")
mixed = decode(tokenizer, shuffled(tokens[kept_back], draws))
print(f"{'ArcVQ, shuffled':13} {judged(mixed):5.2f}")

# %% [markdown]
# The second judge puts the two arms in the same order. It is a different judge, though.
# Shuffle ArcVQ's real tokens and our 18 features put them well behind what its prior
# wrote (a table above has both numbers, for seed 0). The network puts them close to it:
# it names a photograph by its colours, and those survive a shuffling. Each score sees
# what its features see, and a third choice of features might have a third opinion.
#
# One last suspicion. A prior that had learnt the patches by heart would have a splendid
# distance. Are they copies? The row "known" of the table counts the written grids that occur, token for token, among
# the 6,100 patches. Here are the nearest real patches in pixels to some that
# were written.

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.6, 1.4)
panels = figure.subplots(2, 1)
new = outcome["ArcVQ", 0][1][:20].clamp(-1, 1)  # (20, 3, 16, 16)
parts = photos.flatten(1).split(500)
gaps = torch.cat([torch.cdist(new.flatten(1), part) for part in parts], dim=1)
nearest = gaps.argmin(dim=1)  # (20,), out of 6100
draw_sheet(panels[0], new, 20, "written")
draw_sheet(panels[1], photos[nearest], 20, "nearest real patch")
caption = "Above: twenty patches that were written. Below: their nearest ones."
Picture(figure, f"Two rows of small patches. {caption}", caption)

# %% [markdown]
# Nearly all of ArcVQ's grids are new. The collapsed tokenizer's are known far more
# often, and that says more about its tokens than about its prior. The row below shows
# it: most patches of the cat, whom it has never seen, are told in the very same sixteen
# tokens as some patch of a coffee cup or a flower. Where different things have one
# description, every description is a copy.

# %% [markdown]
# ## Interpretation and limits
#
# | | a prior over tokens |
# |---|---|
# | the paper | judges its tokens by new pictures too, with a diffusion model as the prior; an FID of 6.79 on ImageNet, by second-hand notes on its tables (Kim and Yoo 2026) |
# | its official code | the tokenizers; the VQGAN is built on the code of Esser et al. (2021), which has a transformer for tokens; with which commands the published pictures were drawn we do not know |
# | ours | a transformer of two layers, 16 tokens a patch, 160 steps; distances over 18 stated features and over 32 of a small network; three seeds |
#
# What was shown, and by what. That attention with a causal mask and a memory of keys
# and values equals the whole recomputation, token by token. That leaving the mask out
# gives a splendid loss and nothing else. That temperature, top-k and top-p are what
# the library does. That on these patches a collapsed tokenizer led to fewer bits a
# token and to pictures farther from the photographs, at three seeds and by two
# judges.
#
# What was not. The two arms differ in more than their usage: ArcVQ has another
# matching, a ball and a margin, and its decoder was trained on other codes. A
# tokenizer that is collapsed and otherwise the same might do better or worse. The
# runs are short, and their length was chosen: of four settings that we tried, this is
# the cheapest and the one that collapses most. In three others, which are not in this
# chapter, Euclidean VQ had woken more codes, and the two arms stood nearer to each
# other. They kept their order, but for one seed at which our features called it a tie.
# `STEPS` and `batch_size` are yours to change. The floor overlaps with what it is
# compared to. Nothing here says how a prior with millions of weights on ImageNet would
# fare, and a larger codebook in use gives it more to learn: at some size the part that
# the prior adds may be larger than what the tokenizer saves.
#
# None of this chapter needs a GPU, and none of it was run on one. Nor were these
# commands, which train a VQGAN on patches twice as wide and a prior of four layers on
# its 64 tokens, and draw a sheet of new ones. On a CPU each takes minutes; `train` takes
# a GPU where there is one, and with `--run.device cuda` it insists. With a folder
# of your own in the place of `photos`, they learn from that.
#
# ```sh
# arcvq train --config photos_vqgan
# arcvq encode runs/photos_vqgan --data photos --out runs/photos_tokens.npz
# arcvq train --config photos_prior
# arcvq sample runs/photos_prior --model runs/photos_vqgan --out new.png --top_p 0.95
# ```

# %% [markdown]
# ## Exercises
#
# Replace `return None`, run the cell, and read what the checker says. The
# solution is folded in the cell below.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · Who may read whom
#
# *Difficulty ●○○ · 5 minutes*
#
# A caption of `given` tokens is put in front of a picture of `length` tokens. The
# caption may be read by everybody, its own tokens included, in any order. The picture
# is causal. Write the mask of shape (given + length, given + length), `True` where
# the row may read the column.


# %% tags=["exercise"]
def my_mask(given, length):
    return None  # your lines here


check.causal_mask(my_mask)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_mask_solution(given, length):
    mask = torch.ones(given + length, given + length).tril().bool()
    mask[:, :given] = True
    return mask


check.causal_mask(my_mask_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · Bits a token
#
# *Difficulty ●○○ · 10 minutes*
#
# Given `logits` $(B, HW, K)$ and `tokens` $(B, HW)$, return the mean number of bits
# a token, a scalar tensor. It must be finite when a logit is 1,000.


# %% tags=["exercise"]
def my_bits(logits, tokens):
    return None  # your lines here


check.bits_per_token(my_bits)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_bits_solution(logits, tokens):
    chance = logits.log_softmax(dim=-1)  # (B, HW, K), nats
    nats = -chance.gather(2, tokens[:, :, None])
    return nats.mean() / math.log(2)


check.bits_per_token(my_bits_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · The nucleus, from an empty cell
#
# *Difficulty ●●○ · 15 minutes*
#
# Given probabilities `p` $(B, K)$ and a `share`, keep in each row the fewest of the
# likeliest codes whose probabilities reach the share together. Their sum is 1 again,
# all others are 0, and with a share of 1 nothing changes.
#
# <details><summary>Hint</summary>
#
# A code stays if the codes that are likelier than it do not reach the share.
#
# </details>


# %% tags=["exercise"]
def my_nucleus(p, share):
    return None  # your lines here


check.nucleus(my_nucleus)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_nucleus_solution(p, share):
    ordered, order = p.sort(dim=-1, descending=True, stable=True)
    likelier = ordered.cumsum(dim=-1) - ordered
    kept = ordered * ((likelier < share) | (share >= 1))
    kept = torch.zeros_like(p).scatter(-1, order, kept)
    return kept / kept.sum(dim=-1, keepdim=True)


check.nucleus(my_nucleus_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · Guidance as probabilities
#
# *Difficulty ●●● · 15 minutes*
#
# Given `given` and `without`, probabilities $(B, K)$ with and without the class, and
# the weight `guidance`, return the guided probabilities. A probability may be as small
# as $10^{-30}$, and the guidance as large as 10.


# %% tags=["exercise"]
def my_guidance(given, without, guidance):
    return None  # your lines here


check.guided_choice(my_guidance)


# %% tags=["solution"] jupyter={"source_hidden": true}
def my_guidance_solution(given, without, guidance):
    with_class, alone = given.log(), without.log()
    return (alone + guidance * (with_class - alone)).softmax(dim=-1)


check.guided_choice(my_guidance_solution)

# %% [markdown]
# ## Quiz
#
# **1.** Every code occurs in your grids as often as in real ones, at every place. Why
# are the pictures still wrong?
#
# <details><summary>Answer</summary>
#
# Frequencies say nothing of what goes together. A picture is a joint choice.
#
# </details>
#
# **2.** What does the chain rule assume about pictures?
#
# <details><summary>Answer</summary>
#
# Nothing. It holds for any distribution and any order. The network that stands for the
# conditional probabilities is where assumptions come in.
#
# </details>
#
# **3.** The loss of a new prior falls to nearly zero within minutes. What do you
# look at first?
#
# <details><summary>Answer</summary>
#
# The mask, and the shift by one place: can a place read the token that it is to
# predict?
#
# </details>
#
# **4.** Why may keys and values be kept, and why not without the mask?
#
# <details><summary>Answer</summary>
#
# Behind the mask a place depends on nothing that comes later, in any layer. Without
# it every new token changes all of the places before.
#
# </details>
#
# **5.** A grid has 256 places. How many times fewer queries does a memory need?
#
# <details><summary>Answer</summary>
#
# $\tfrac12(256 + 1) = 128.5$ times.
#
# </details>
#
# **6.** A colleague's tokenizer gives 2 bits a token and yours 5, at the same number of
# tokens and codes. Whose prior is better?
#
# <details><summary>Answer</summary>
#
# That cannot be said. The tokens differ, and a tokenizer that says less is easier to
# predict. Compare pictures.
#
# </details>
#
# **7.** Your distance to real pictures was 3.1 with 1,000 samples, and a paper has 2.9
# with 50,000. Are you behind?
#
# <details><summary>Answer</summary>
#
# Not necessarily: fewer samples give a larger distance. Features must be the same, too.
#
# </details>
#
# **8.** At temperature 0, does top-p still matter?
#
# <details><summary>Answer</summary>
#
# No. One code has all of the probability, and it is in every nucleus.
#
# </details>

# %% [markdown]
# ## Summary
#
# Tokens become new pictures only if somebody knows which tokens go together. The chain
# rule makes one choice among many codes out of each place, and a transformer behind a
# causal mask learns all of these choices in one pass. Without the mask it learns to
# copy. The mask is also why keys and values can be remembered, which saves a factor
# of half the number of places. Temperature raises the entropy of a choice, top-p
# cuts its tail where the prior is sure and leaves it where it is not, and guidance
# lets the class count more than once. Bits a token flatter a collapsed tokenizer.
# Measured in the space of pictures, against reconstructions, against a control
# without a prior and by two judges, its new patches were the poorer ones.

# %% [markdown]
# ## References
#
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin: *Attention
#   Is All You Need*, NeurIPS 2017, <https://arxiv.org/abs/1706.03762>
# - Esser, Rombach, Ommer: *Taming Transformers for High-Resolution Image
#   Synthesis*, CVPR 2021, <https://arxiv.org/abs/2012.09841>
# - Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: *GANs Trained by a Two
#   Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NeurIPS 2017,
#   <https://arxiv.org/abs/1706.08500>
# - Holtzman, Buys, Du, Forbes, Choi: *The Curious Case of Neural Text Degeneration*,
#   ICLR 2020, <https://arxiv.org/abs/1904.09751>
# - Ho, Salimans: *Classifier-Free Diffusion Guidance*, arXiv 2022,
#   <https://arxiv.org/abs/2207.12598>
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>

# %% [markdown]
# ## Next
#
# This is the last chapter. The question that the book began with, whether the ball
# and the margin do what their paper claims, is put to the test in [chapter
# 10](10_does_it_work.ipynb). How the same library trains on many GPUs is in [chapter
# 12](12_imagenet.ipynb). What collapse is made of stands in [chapter
# 06](06_collapse.ipynb), and this is a good moment to read it again. And then there are
# your own pictures. The commands of "Interpretation and limits" need a folder of them
# and an evening; the files of the library, `arcvq_lite/prior` first, are short enough
# to be read in the same one.
