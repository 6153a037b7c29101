# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here: a picture becomes 64 tokens and comes back
#
# | | |
# |---|---|
# | **You will be able to** | follow a picture through encoder, codebook and decoder, name the shape of every tensor on the way, and measure what came back |
# | **Before you start** | some Python, and the idea that a PyTorch tensor has a shape |
# | **Data** | 32×32 patches of seven photographs, on your disk already |
# | **Time** | 45 minutes to read, a minute to run |
# | **Widget** | the number of codes $K$, from 2 to 128 |
# | **The claim** | 64 tokens can stand for a picture, and how many different ones a model uses does not say how good the picture is |

# %%
import math

import torch
from einops import rearrange
from torch.nn import functional as F

torch.set_num_threads(1)  # networks as small as ours gain nothing from two

# %%
from arcvq_lite import (
    EMAVQ,
    VQ,
    VQVAE,
    ArcVQ,
    ExponentialDecay,
    ExponentialRadius,
    check,
    evaluate_vqvae,
    load_images,
    train_vqvae,
)
from arcvq_lite.usage import codebook_use, count_codes

# %%
from arcvq_lite.viz import (
    CODES,
    NEUTRAL,
    Picture,
    draw_history,
    draw_images,
    new_figure,
)
from arcvq_lite.viz.tokens import (
    Retelling,
    VocabularyScene,
    draw_there_and_back,
)
from arcvq_lite.widgets import Slider, SliderFigure

# %% [markdown]
# ## A picture, told in 64 numbers
#
# Imagine that you must describe a picture over the telephone. You may say 64
# numbers, each of them between 0 and 127, and nothing else. At the other end
# somebody paints the picture again from your numbers. The two of you may agree
# beforehand on what each number shall mean.
#
# A small neural network can learn both sides of this call. Let it try before we
# explain anything. Its practice material is thousands of small patches, cut from
# six photographs that scikit-image (van der Walt et al. 2014) and scikit-learn
# (Pedregosa et al. 2011) bring with them.

# %%
photos = load_images("photos")
cat = load_images("photos", split="test")
print(photos)
print(cat)

# %%
figure = new_figure(7, 1.7)
some = photos.images[::188]  # 33 of the 6,100 patches
draw_images(figure, some, columns=11)
Picture(
    figure,
    "Small square patches of photographs: hair, sky, metal, petals, roofs.",
    f"A few of the {len(photos):,} patches that the network practises on.",
)

# %% [markdown]
# The seventh photograph shows a cat. It is **held out**: the network never
# trains on it, so what it does to the cat is a fair test. The patches of the cat
# overlap by half. We keep every second one in both directions, and are left with
# 9 rows of 14 patches that tile the photograph exactly once.

# %%
overlapping = rearrange(cat.images, "(r c) d h w -> r c d h w", r=17)
tiles = overlapping[::2, ::2]  # (9, 14, 3, 32, 32)
patches = rearrange(tiles, "r c d h w -> (r c) d h w")
print(tuple(overlapping.shape), "to", tuple(patches.shape))


def put_together(tiles):
    """(126, D, h, w), 9 rows of 14, to one picture (D, 9 h, 14 w)."""
    return rearrange(tiles, "(r c) d h w -> d (r h) (c w)", r=9)


# %% [markdown]
# Here is the network. You need not understand the lines yet; the rest of the
# chapter takes them apart. The numbers to remember are 128, the size of the
# vocabulary, and 16, the length of the vector that stands behind each word of it.

# %%
steps = 450
torch.manual_seed(0)
model = VQVAE(
    3,
    ArcVQ(
        128,
        16,
        radius=ExponentialRadius(3e-4),
        margin_weight=ExponentialDecay(1.0, 5 / steps),
    ),
    hidden=32,
    residual_hidden=8,
)

# %%
options = {"steps": steps, "batch_size": 32, "log_every": 50}
history = train_vqvae(model, photos.images, held_out=patches, **options)

# %% [markdown]
# On two idle cores that takes ten to fifteen seconds. Now comes the call. We pick the
# patch in which the cat's cheek meets its nose, let the network say its 64
# numbers, and let it paint the patch again from the numbers alone.

# %%
indices = model.encode(patches)  # (126, 8, 8) int64
reconstruction = model.decode(indices)  # (126, 3, 32, 32)
nose = 7 * 14 + 7  # row 7, column 7 of the photograph

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.2, 2.7)
draw_there_and_back(
    figure, patches[nose], indices[nose], reconstruction[nose], 128
)
Picture(
    figure,
    "A bright cheek and a dark nose, a grid of 8 by 8 numbers, and the same "
    "patch, blurred.",
    "A patch, the 64 numbers that stand for it, and what was painted from "
    "them. Equal numbers have the same shade; the shades mean nothing more.",
)

# %% [markdown]
# The numbers are the **tokens** of the picture, and what comes back is its
# **reconstruction**. Look along the edge of the nose: where the picture is alike,
# the same number returns. But one patch is little to judge by. Let the network
# speak about the whole cat, patch by patch, and put everything together again.

# %% tags=["cover", "nbval-ignore-output"]
whole_cat = put_together(patches)  # (3, 288, 448)
all_tokens = put_together(indices[:, None])[0]  # (72, 112)
figure = new_figure(7.6, 1.9)
retold_cat = put_together(reconstruction)  # (3, 288, 448)
draw_there_and_back(
    figure, whole_cat, all_tokens, retold_cat, 128, numbers=False
)
Picture(
    figure,
    "A cat, a mosaic of shades of blue, and the cat again, coarser and with "
    "other colours.",
    "The photograph, its 72 by 112 tokens, and the reconstruction.",
)

# %% [markdown]
# It is a cat, and it is this cat: the eyes, the stripes and the nose are where
# they belong. The fur has turned to paste, and most whiskers are gone. Some
# colours are plainly wrong. And there are seams, because every patch was told in
# a call of its own. After so short a practice we should not ask for more. The
# question of this book is how the vocabulary comes about, and what makes it good.

# %% [markdown]
# ## How this book works
#
# Every chapter is a notebook that you run from top to bottom. It begins with
# something you can see. Then it goes round a few times: an idea, the equation for
# it, the shapes of its tensors, and the code in the same letters. After each
# round a cell called a **parity cell** holds what we have just built in view against
# the library `arcvq_lite`, which does the same thing with more care. An
# experiment follows, always with something to compare against and with a control
# that ought to fail. Nothing here needs a network connection or a graphics card.
#
# Wherever there is a slider, there are questions above it, under the heading
# *Predict, then drag*. Write your answers down before you touch the slider. A
# prediction that turns out wrong teaches more than a slider that moves.
#
# The exercises check themselves. You replace `return None`, run the cell, and a
# line such as `check.perplexity(…)` answers with ✓, or says which idea went wrong.
# The solution lies folded in the cell below: click the dots to open it.
# At the end stands a quiz, with its answers folded too.

# %% [markdown]
# ### The map
#
# | | chapter | what you move |
# |---|---|---|
# | 00 | Start here: a picture becomes 64 tokens and comes back | the number of codes |
# | 01 | [Softmax is an angle](01_softmax_is_an_angle.ipynb) | the temperature |
# | 02 | [The unit sphere and the scale $s$](02_sphere_and_scale.ipynb) | scale, number of classes |
# | 03 | [Margins: CosFace, SphereFace, ArcFace](03_margins.ipynb) | the margin |
# | 04 | [From k-means to vector quantization](04_kmeans_to_vq.ipynb) | the number of cells |
# | 05 | [VQ-VAE](05_vqvae.ipynb) | a code of your choice |
# | 06 | [Collapse: winners, dead codes, and the cures](06_collapse.ipynb) | the step of a run |
# | 07 | [Spherical codebooks: direction finds, norm decodes](07_spherical_codebooks.ipynb) | the distance |
# | 08 | [Ball schedules: growing, constant, shrinking](08_ball_schedules.ipynb) | the radius |
# | 09 | [The ArcCosine margin on codes](09_arccosine_margin.ipynb) | margin, scale, positives |
# | 10 | [Does it work? The study: seeds, intervals, a verdict](10_does_it_work.ipynb) | the ablation |
# | 11 | [VQGAN: a critic for the eye](11_vqgan.ipynb) | the critic's weight |
# | 12 | [ImageNet on many GPUs](12_imagenet.ipynb) | the run and its cost |
# | 13 | [From tokens to new pictures](13_prior.ipynb) | temperature and top-p |
#
# Chapters 01 to 03 are about angles, 04 to 07 about codebooks, 08 to 10 join the
# two, and 11 to 13 make them large. Every letter of every equation is listed under
# [notation](notation.md).

# %% [markdown]
# ## The encoder makes a grid of vectors
#
# Back to the telephone. Before anything can be numbered, the picture has to be
# cut into things to number. That is the work of the **encoder**, a stack of
# convolutions. Two of them move in strides of two pixels, and each of these halves
# the height and the width. Let us watch the shape of a single patch on its way.

# %%
x = patches[nose : nose + 1]
print(f"{'a patch':15} {tuple(x.shape)}")
with torch.no_grad():
    for layer in model.encoder:
        x = layer(x)
        print(f"{type(layer).__name__:15} {tuple(x.shape)}")

# %% [markdown]
# Read the shapes as (pictures, channels, rows, columns). A picture of 32 by 32
# pixels with 3 colours has become a grid of 8 by 8 places with 16 numbers at each
# place. In letters, for $B$ pictures, with $D = 16$:
#
# $$x \in \mathbb{R}^{B \times 3 \times 32 \times 32} \;\longrightarrow\; z \in \mathbb{R}^{B \times D \times 8 \times 8}$$
#
# The vector at one place is called a **latent**. It stands above a square of 4 by
# 4 pixels, but it has seen more than these. Each convolution looks a little to
# the side, so a latent also knows what goes on around its square.

# %%
with torch.no_grad():
    latents = model.latents(patches)  # (126, 16, 8, 8)
channels = latents[nose]  # (16, 8, 8)
grey = (channels - channels.mean()) / (2.5 * channels.std())
figure = new_figure(7, 1.9)
draw_images(figure, grey[:, None], columns=8)
Picture(
    figure,
    "Sixteen small grey grids of 8 by 8; the nose's edge shows in several.",
    "The sixteen channels of one patch's latents. Take one place out of all "
    "sixteen grids, and you hold one latent.",
)

# %% [markdown]
# Has the encoder made the picture smaller? Count the bits before you run the next
# cell. The patch has $32 \cdot 32$ pixels, 3 colours and 8 bits a colour. The grid
# has $8 \cdot 8$ places, 16 numbers a place and 32 bits a number.

# %%
patch_bits = 32 * 32 * 3 * 8
grid_bits = 8 * 8 * 16 * 32
token_bits = 8 * 8 * math.log2(128)
print(f"the patch {patch_bits:,} bits")
print(f"the grid of latents {grid_bits:,} bits")
ratio = patch_bits / token_bits
print(f"the tokens {token_bits:,.0f} bits, {ratio:.0f} times fewer")

# %% [markdown]
# The grid of latents is *larger* than the picture. An encoder rearranges; by
# itself it saves nothing. The saving comes from the last line. Each place is
# allowed one word out of $K = 128$, and to name one of 128 things takes
# $\log_2 128 = 7$ bits:
#
# $$\underbrace{32 \cdot 32 \cdot 3 \cdot 8}_{\text{picture}} = 24{,}576 \text{ bits} \qquad\text{against}\qquad \underbrace{8 \cdot 8 \cdot \log_2 K}_{\text{tokens}} = 448 \text{ bits.}$$
#
# So the interesting step is the one from a vector to a word.

# %% [markdown]
# ## A codebook is a dictionary
#
# The network owns a list of 128 vectors, each as long as a latent. The list is
# the **codebook**, and each vector in it is a **code**. To put a latent into
# words means to look for the code that is most like it, and to note down that
# code's number. That number is the token. Replacing a vector by the nearest of a
# few fixed ones is called **vector quantization**.
#
# What shall "most like" mean? Our network compares directions. It takes the code
# at the smallest angle, which is the one with the largest cosine, and the lengths
# of latent and code play no part in the choice. Why one would compare by angle is
# the subject of [chapter 07](07_spherical_codebooks.ipynb). With latents $z_i$ and codes $e_j$, the token of
# latent $i$ is
#
# $$k(i) = \arg\max_{j} \; \frac{z_i \cdot e_j}{\|z_i\|\,\|e_j\|} .$$
#
# For $N$ latents, one a row, the cosines fill a table of shape $(N, K)$, and each
# row of the table picks its best column. That is two lines.


# %%
def nearest_code(latents, codebook):
    """(N, D) and (K, D) to the index (N,) of each latent's code."""
    cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T
    return cosine.argmax(dim=1)


codebook = model.quantizer.codebook.detach()  # (128, 16)
rows = rearrange(latents, "b d h w -> (b h w) d")  # (8064, 16)
print(tuple(rows.shape), "and", tuple(codebook.shape))

# %% [markdown]
# The parity cell asks whether these two lines do what the library does, for every
# one of the 8,064 latents of the cat.

# %%
by_hand = nearest_code(rows, codebook).reshape(indices.shape)  # (126, 8, 8)
torch.testing.assert_close(by_hand, model.encode(patches), rtol=0, atol=0)
print("the same token at", by_hand.numel(), "places")

# %% [markdown]
# How sure is a latent of its word? Take the latent in the middle of our patch and
# draw its cosine with every code.

# %% tags=["nbval-ignore-output"]
middle = latents[nose, :, 4, 4][None]  # (1, 16)
cosine = (F.normalize(middle) @ F.normalize(codebook).T)[0]  # (128,)
winner = int(cosine.argmax())
figure = new_figure(7, 2.5)
axes = figure.subplots()
axes.vlines(range(128), 0, cosine, color=NEUTRAL, linewidth=1.5)
axes.vlines(winner, 0, cosine[winner], color=CODES, linewidth=3)
axes.text(winner, cosine[winner] + 0.04, winner, color=CODES, ha="center")
axes.axhline(0, color=NEUTRAL, linewidth=0.8)
axes.set(xlabel="code j", ylabel="cosine", ylim=(-1.05, 1.2))
caption = "The cosine of one latent with each of the 128 codes. One wins."
Picture(figure, f"Bars from minus one to one. {caption}", caption)

# %% [markdown]
# The winner is seldom alone. Several codes point almost the same way, and a small
# change of the picture would hand the token to one of them.
#
# Now break the look-up, in the two ways in which it is usually broken. The table
# has two axes, and `argmax` must run along the codes. And both sides must be
# normalised. Suppose that somebody forgets to do it for the codes. Will any token
# change, and if so, how many? Decide before you run the cell.

# %% tags=["nbval-ignore-output"]
table = F.normalize(rows, dim=1) @ codebook.T  # the codes keep their lengths
wrong_axis = table.argmax(dim=0)
print("along the wrong axis:", tuple(wrong_axis.shape), "for 8,064 latents")

changed = (table.argmax(dim=1) != indices.flatten()).float().mean().item()
lengths = codebook.norm(dim=1)
assert 0.1 < changed < 0.98
print(f"codes not normalised: {changed:.0%} of the tokens are others")
print(f"lengths of the codes: {lengths.min():.2f} to {lengths.max():.2f}")

# %% [markdown]
# The first mistake shows in the shape: each code has chosen a latent, where each
# latent should have chosen a code. The second raises no error, and it changes a
# large part of the tokens. A long code has a large product with everything that
# lies roughly on its side, and it wins contests that a shorter code with a better
# direction should have won. Exercise 2 comes back to both.

# %% [markdown]
# ## The decoder, and what was lost
#
# At the other end of the line there are only numbers. The **decoder** looks each
# of them up in the same codebook and puts the code, with its own length, at its
# place in the grid. Then it runs convolutions the other way, from 8 by 8 places
# back to 32 by 32 pixels:
#
# $$e_{k} \in \mathbb{R}^{B \times D \times 8 \times 8} \;\longrightarrow\; \tilde x \in \mathbb{R}^{B \times 3 \times 32 \times 32}$$

# %%
with torch.no_grad():
    codes = codebook[indices]  # (126, 8, 8, 16)
    grid = rearrange(codes, "b h w d -> b d h w")  # (126, 16, 8, 8)
    painted = model.decoder(grid)  # (126, 3, 32, 32)
torch.testing.assert_close(painted, reconstruction)
print(f"from {tuple(indices.shape)} to {tuple(painted.shape)}")

# %% [markdown]
# Nothing but tokens went in. Where a latent was replaced by a code, the difference
# is gone for good. Let us see where on the cat it is missed most.

# %% tags=["nbval-ignore-output"]
difference = (reconstruction.clamp(-1, 1) - patches).abs()
error = put_together(difference).mean(dim=0)  # (288, 448)
figure = new_figure(5.6, 3.2)
axes = figure.subplots()
shown = axes.imshow(error, cmap="Greys", vmin=0, vmax=0.6)
axes.set_axis_off()
figure.colorbar(shown, label="mean error (black to white is 2)", shrink=0.8)
Picture(
    figure,
    "A grey map of the cat's face: darkest in the fur and on whiskers.",
    "The darker a place, the further the reconstruction is from the picture.",
)

# %% [markdown]
# The fur is dark, and so is every whisker. What is finer than a token's square
# could not be said in 64 words. Pale areas come back almost unharmed, but for the
# seams between the patches.
#
# For a single number we average the squared error over all pixels and colours
# and put it on a logarithmic scale. The **PSNR**, peak signal-to-noise ratio,
# compares the error with the widest swing that the pixels can make. Ours lie
# between −1 and 1, so the swing is 2:
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{2^2}{\frac{1}{n} \sum_{i=1}^{n} (\tilde x_i - x_i)^2} \;\text{dB.}$$
#
# Larger is better, and every 6 dB halve the error.


# %%
def psnr(reconstruction, images):
    """Two tensors of one shape, in [-1, 1], to decibels."""
    error = reconstruction.clamp(-1, 1) - images
    return 10 * math.log10(2**2 / error.square().mean().item())


measured = evaluate_vqvae(model, patches)
torch.testing.assert_close(
    psnr(reconstruction, patches), measured["psnr"], rtol=0, atol=1e-3
)
print("equal to the library's to a thousandth of a decibel")

# %% [markdown]
# A number needs company. What does somebody score who paints the whole cat in one
# colour, the mean of the training photographs? And what somebody whose every pixel
# is off by one grey level out of 255? Guess both, and where the network will stand
# between them.

# %% tags=["nbval-ignore-output"]
one_colour = photos.images.mean(dim=(0, 2, 3))  # (3,)
flat = one_colour[:, None, None].expand_as(patches)  # (126, 3, 32, 32)
one_level = 2 / 255  # of 256 grey levels between -1 and 1
off_by_one = torch.where(patches > 0, patches - one_level, patches + one_level)
scores = {
    "one colour": psnr(flat, patches),
    "the network": psnr(reconstruction, patches),
    "off by one level": psnr(off_by_one, patches),
}
assert scores["one colour"] + 3 < scores["the network"] < 30
for name, score in scores.items():
    print(f"{name:17} {score:.1f} dB")

# %% [markdown]
# The scale does not begin at zero. One colour for everything already scores about
# 16 dB, and an error that no eye can see scores 48. The network lies nearer to the
# lower end, which agrees with the picture.
#
# What does a single token hold? Take the nose again, replace the token in row 3
# and column 4 by the most frequent code of the cat, and paint. How many of the
# 1,024 pixels do you expect to change? A token stands above 16.

# %% tags=["nbval-ignore-output"]
counts = indices.flatten().bincount(minlength=128)  # (128,)
edited = indices[nose].clone()  # (8, 8)
first, second = counts.topk(2).indices
edited[3, 4] = first if edited[3, 4] != first else second
repainted = model.decode(edited[None])[0]  # (3, 32, 32)
change = (repainted - reconstruction[nose]).abs().mean(dim=0)  # (32, 32)
moved = int((change > 0.01).sum())
assert moved > 30
print(f"{moved} pixels change by more than one grey level")

# %% tags=["nbval-ignore-output"]
figure = new_figure(6.6, 2.4)
grey = (1 - 2 * change / change.max()).expand(3, -1, -1)
draw_images(
    figure,
    torch.stack([reconstruction[nose], repainted, grey]),
    ["64 tokens", "one of them replaced", "where it changed"],
)
Picture(
    figure,
    "Two almost equal patches, and a dark spot that fades over many pixels.",
    "The change reaches far beyond the token's own 4 by 4 pixels.",
)

# %% [markdown]
# Far more than 16 pixels change. The decoder's convolutions look to the side as
# the encoder's do, so a token is not a tile of a mosaic. It is a word in a
# sentence, and its neighbours help to say what it means.

# %% [markdown]
# ## How many words are really spoken
#
# The vocabulary has 128 words. Nobody promised that all of them occur. We count
# how often each code was chosen on the whole cat, and sort the counts.

# %% tags=["nbval-ignore-output"]
figure = new_figure(7, 2.5)
axes = figure.subplots()
axes.bar(range(128), counts.sort(descending=True).values, color=CODES)
even = counts.sum().item() / 128
axes.axhline(even, color=NEUTRAL, linewidth=1)
axes.text(127, even + 12, "if all took turns", color=NEUTRAL, ha="right")
axes.set(xlabel="codes, the most frequent first", ylabel="tokens")
Picture(
    figure,
    "Bars that fall steeply from the left and vanish towards the right.",
    "How often each code occurs among the 8,064 tokens of the cat.",
)

# %% [markdown]
# Two numbers sum such a picture up. Write $n_j$ for the count of code $j$ and
# $p_j = n_j / \sum_l n_l$ for its share. The **usage** is the share of codes that
# occur at all:
#
# $$\text{usage} = \frac{1}{K}\, \#\{j : n_j > 0\} .$$
#
# It treats a code that occurs once like one that occurs a thousand times. The
# other number is finer. The **entropy** $H = -\sum_j p_j \ln p_j$ says how
# uncertain the next token is, and the **perplexity** (Jelinek et al. 1977) turns this
# into a number of codes:
#
# $$\text{perplexity} = e^{H} = \exp\Big(-\sum_{j=1}^{K} p_j \ln p_j\Big), \qquad 0 \ln 0 = 0 .$$
#
# A fair die has a perplexity of 6. A die that shows nothing but ones has a
# perplexity of 1. A loaded die lies between the two: it is as hard to foresee as a
# fair one with that many faces.


# %%
def usage_and_perplexity(counts):
    """Counts (K,) to two floats."""
    usage = (counts > 0).double().mean()
    share = counts.double() / counts.sum()  # (K,), sums to 1
    spoken = share[share > 0]  # a code that never occurs adds nothing
    entropy = -(spoken * spoken.log()).sum()
    return usage.item(), entropy.exp().item()


for die in ([5, 5, 5, 5, 5, 5], [25, 1, 1, 1, 1, 1], [30, 0, 0, 0, 0, 0]):
    usage, perplexity = usage_and_perplexity(torch.tensor(die))
    print(f"{die}: usage {usage:.2f}, perplexity {perplexity:.2f}")

# %%
of_set = codebook_use(count_codes(indices, 128))
usage, perplexity = usage_and_perplexity(counts)
for by_hand, name in ((usage, "usage"), (perplexity, "perplexity")):
    torch.testing.assert_close(by_hand, of_set[name].item())
    torch.testing.assert_close(by_hand, measured[name])
print("equal to codebook_use and to evaluate_vqvae")

# %% tags=["nbval-ignore-output"]
assert 0.4 < usage < 0.95 and 12 < perplexity < 70
print(f"usage {usage:.0%}, {(counts > 0).sum()} of 128 codes")
print(f"perplexity {perplexity:.0f}")
print(f"an ideal coder needs {math.log2(perplexity):.1f} bits a token, not 7")

# %% [markdown]
# Most of the vocabulary occurs, but a minority of it does most of the talking. A
# perplexity far below 128 also means that the 448 bits could be packed more
# tightly, by giving short names to frequent codes.
#
# There is a trap in the first of these numbers. Where in the patches do the codes
# occur? Compare the 28 places along the border of the grid with the 36 inside.

# %% tags=["nbval-ignore-output"]
inside = torch.zeros(8, 8, dtype=torch.bool)
inside[1:-1, 1:-1] = True
found = {}
for name, places in (("inside", inside), ("border", ~inside)):
    part = indices[:, places].flatten().bincount(minlength=128)
    found[name] = usage_and_perplexity(part)
    print(f"{name}: {(part > 0).sum()} codes, ", end="")
    print(f"perplexity {found[name][1]:.0f}")
assert found["border"][0] > found["inside"][0]

# %% [markdown]
# The border is smaller, and it speaks with more words. That cannot lie in the cat,
# for the cuts between patches fall on it without looking. It lies in the padding:
# around every patch the convolutions see a frame of zeros. If this is the reason,
# the surplus must go when the cuts go. The encoder takes pictures of any size whose
# sides can be divided by 4, so we can hand it the whole photograph at once.

# %% tags=["nbval-ignore-output"]
without_cuts = model.encode(whole_cat[None])  # (1, 72, 112)
uncut = without_cuts.flatten().bincount(minlength=128)
uncut_usage, uncut_perplexity = usage_and_perplexity(uncut)
assert uncut.sum() == counts.sum() and uncut_usage < usage
print(f"in patches: usage {usage:.0%}, perplexity {perplexity:.0f}")
print(f"in one piece: usage {uncut_usage:.0%}, ", end="")
print(f"perplexity {uncut_perplexity:.0f}")

# %% [markdown]
# The same cat, the same number of tokens, and fewer words. Part of the vocabulary
# was spent on where a patch ends. A high usage can have causes that have nothing to
# do with pictures. Keep this in mind when you read one.
#
# How did the numbers get where they are? The training run has kept a record.

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 2.4)
draw_history(figure, {"ArcVQ-VAE": history}, ("psnr", "usage", "perplexity"))
caption = (
    "What training did on the held-out cat: PSNR in dB, usage, perplexity."
)
Picture(figure, f"Three curves over 450 steps. {caption}", caption)

# %% [markdown]
# The vocabulary opens up at once, and the picture improves more slowly. Two parts of
# the method are at work on the vocabulary. A *ball* keeps every code within a radius
# that grows during training; [chapter 08](08_ball_schedules.ipynb) is about it. A
# *margin* asks the latents to spread out over the codes; that is
# [chapter 09](09_arccosine_margin.ipynb).

# %% [markdown]
# ## With fewer words
#
# What if the decoder only had $K$ words? We keep the $K$ most used codes, let each
# latent choose again among those, and paint. The network itself stays as it is.
# One line needs care: after the choice among the kept codes, `nearest` counts
# within the short list, and `kept[nearest]` brings back the numbers of the
# codebook.

# %%
most_used = counts.argsort(descending=True, stable=True)  # (128,)


def retell(num_codes):
    kept = most_used[:num_codes]
    nearest = nearest_code(rows, codebook[kept])  # (8064,)
    tokens = kept[nearest].reshape(indices.shape)  # (126, 8, 8)
    painted = model.decode(tokens)
    return Retelling(
        indices=put_together(tokens[:, None])[0],  # (72, 112)
        reconstruction=put_together(painted),  # (3, 288, 448)
        psnr=psnr(painted, patches),
    )


# %%
retellings = {bits: retell(2**bits) for bits in range(1, 8)}
torch.testing.assert_close(retellings[7].indices, all_tokens)
print("with all 128 codes the tokens are those of before")

# %% [markdown]
# ### Predict, then drag
#
# The slider counts bits a token, so each step to the left halves the number of
# words.
#
# 1. With 2 words a token is a single bit. Will you still recognise the cat?
# 2. What goes first as words are taken away, the shapes or the colours?
# 3. From 64 words to 128 the number doubles. How many decibels does that bring?

# %% tags=["nbval-ignore-output"]
words_figure = SliderFigure(
    VocabularyScene(whole_cat, retellings),
    alt_title="The cat, told with fewer and fewer codes",
    size=(7.0, 1.75),
    bits=Slider(1, 7, 1, 7, "bits a token", frames=7, format=".0f"),
)
words_figure

# %% tags=["moves-sliders"]
few = words_figure.set(bits=1)
many = words_figure.set(bits=7)
assert "K = 2 codes" in few and "K = 128 codes" in many
assert retellings[7].psnr > retellings[1].psnr + 1
assert retellings[1].psnr < scores["one colour"] + 4
assert retellings[7].psnr - retellings[6].psnr < 1
print("moved from 2 codes to 128")

# %% [markdown]
# With two words most of the colour is gone, and still there is a cat: one bit at
# each place is enough for eyes, stripes and a nose. By its PSNR this picture is not
# far above one flat colour. An average over pixels and an eye do not ask the same
# question, and chapter 11 will come back to that. Shapes need few words, colours
# need more. And the last doubling brings next to nothing, for the rarest
# words are rare because little depends on them.
#
# This is a model that grew up with 128 words and has had most of them taken away.
# One that had only 8 from the start could fit its eight to the pictures. Chapter 04
# will train such small vocabularies.

# %% [markdown]
# ## Experiment · does a larger vocabulary make a better picture?
#
# So far we have looked at one model, and a single number means little before it
# stands beside another. The **baseline** is the plain VQ-VAE (van den Oord et al.
# 2017):
# the same network, as many codes, the same seed, the same 450 steps. It compares by
# Euclidean distance, and has neither ball nor margin. A second rival, `EMAVQ`, moves
# each code to the running mean of the latents that chose it. (It also puts a code that
# nobody chooses on a fresh latent, as Dhariwal et al. (2020) do, but with its defaults
# not before step 459, so not in this run; [chapter 06](06_collapse.ipynb) works that
# out.)


# %%
def train(make_quantizer):
    torch.manual_seed(0)
    rival = VQVAE(3, make_quantizer(128, 16), hidden=32, residual_hidden=8)
    run = train_vqvae(rival, photos.images, held_out=patches, **options)
    return rival, run


vq, vq_run = train(VQ)
ema, ema_run = train(EMAVQ)

# %% [markdown]
# The third rival has no network at all. Shrink a patch to 8 by 8 pixels, each the
# mean of its 4 by 4. Choose a palette of 128 colours that suits the training
# photographs, by k-means, which [chapter 04](04_kmeans_to_vq.ipynb) explains. Send for each small pixel the
# number of the nearest colour. That is 64 tokens of 7 bits, as many as ours.


# %%
def small_pixels(images):
    """(N, 3, 32, 32) to the mean colours of 4×4 squares, (N * 64, 3)."""
    return rearrange(F.avg_pool2d(images, 4), "n c h w -> (n h w) c")


# %%
def kmeans(points, count, rounds=20):
    """(N, 3) to (count, 3) colours; chapter 04 says why this works."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randperm(len(points), generator=generator)[:count]
    colours = points[drawn]
    for _ in range(rounds):
        chosen = torch.cdist(points, colours).argmin(dim=1)  # (N,)
        counts = chosen.bincount(minlength=count)[:, None]
        sums = torch.zeros_like(colours).index_add_(0, chosen, points)
        colours = torch.where(counts > 0, sums / counts, colours)
    return colours


# %%
colours = kmeans(small_pixels(photos.images)[::20], 128)  # (128, 3)
chosen = torch.cdist(small_pixels(patches), colours).argmin(dim=1)  # (8064,)
palette_indices = chosen.reshape(indices.shape)
small = rearrange(colours[palette_indices], "n h w c -> n c h w")
palette_painted = F.interpolate(small, scale_factor=4)  # (126, 3, 32, 32)

# %% [markdown]
# The **negative control** takes our own model's tokens of the cat and shuffles
# them over all places of all patches, before the decoder sees them. Every code
# occurs exactly as often as before. Write down what you expect of the three
# numbers. Which of them will notice?
# %%
generator = torch.Generator().manual_seed(0)
order = torch.randperm(indices.numel(), generator=generator)
shuffled = indices.flatten()[order].reshape(indices.shape)  # (126, 8, 8)


# %%
def there_and_back(model):
    tokens = model.encode(patches)  # (126, 8, 8)
    return tokens, model.decode(tokens)


arms = {
    "ArcVQ": (indices, reconstruction),
    "VQ, the baseline": there_and_back(vq),
    "EMA": there_and_back(ema),
    "palette, no network": (palette_indices, palette_painted),
    "ArcVQ, shuffled": (shuffled, model.decode(shuffled)),
}

# %% tags=["nbval-ignore-output"]
table = {}
print(f"{'on the held-out cat':20} PSNR (dB)  usage  perplexity")
for name, (tokens, painted) in arms.items():
    counted = tokens.flatten().bincount(minlength=128)
    table[name] = (psnr(painted, patches), *usage_and_perplexity(counted))
    decibels, used, effective = table[name]
    print(f"{name:20} {decibels:9.1f} {used:6.0%} {effective:11.1f}")

# %% tags=["nbval-ignore-output"]
pictures = [put_together(painted) for _, painted in arms.values()]
figure = new_figure(7.4, 3.7)
draw_images(
    figure,
    torch.stack([whole_cat, *pictures]),
    ["the photograph", *arms],
    columns=3,
)
Picture(
    figure,
    "Six cats: the photograph, three reconstructions, a coarse mosaic, noise.",
    "Each of the five was painted from 64 tokens of 7 bits a patch.",
)

# %%
ours, baseline, restarts, mosaic, control = table.values()
assert ours[0] > baseline[0] + 1 and ours[1] > 3 * baseline[1]
assert ours[1] > 1.5 * restarts[1] and restarts[0] > ours[0]
assert control[1:] == ours[1:] and control[0] < ours[0] - 3
assert control[0] < scores["one colour"] + 1.5
assert mosaic[0] > max(ours[0], baseline[0], restarts[0])
print("the order of the arms is the one that the text describes")

# %% tags=["nbval-ignore-output"]
figure = new_figure(7.4, 2.6)
runs = {"ArcVQ": history, "VQ": vq_run, "EMA": ema_run}
draw_history(figure, runs, ("psnr", "usage"))
caption = "PSNR (dB) and usage on the cat while the three models train."
Picture(figure, f"Two panels of three curves each. {caption}", caption)

# %% [markdown]
# Against the baseline our model wins clearly. Plain VQ has settled on a handful of
# codes, which is called collapse and has [chapter 06](06_collapse.ipynb) to itself,
# and its picture is poorer by more than a decibel.
#
# Then the story turns. EMA uses far fewer codes than ours, and its
# picture is *better*. The palette, without any network, beats all three. And the
# control has usage and perplexity equal to ours to the last digit, with a picture
# hardly better than one flat colour. The answer to the question above is no. How
# many words are spoken and how well the picture is described are two things, and a
# model has to be judged by both.

# %% [markdown]
# ## Interpretation and limits
#
# What the run shows is that ball, margin and matching by angle, taken together,
# keep many codes in use where the baseline keeps few. It does not show which of
# them does it, since ArcVQ differs from the baseline in all of them at once, and in
# the length of its first codes too. Nor does it show that a spread-out codebook
# gives a better picture. It is one photograph and one seed, and one seed is only
# one seed. You can draw another: replace the 0 of `torch.manual_seed` in both
# places, run everything again, and see whether the order holds. [Chapter
# 10](10_does_it_work.ipynb) is the study, with several seeds and with each part
# switched off in turn.
#
# Why is the palette so strong? With 64 words one can say little more about a patch
# than 64 mean colours, and a palette says these from the start. The networks have
# had a few seconds in which to find out about colour by themselves. A palette cannot
# learn an edge, however, and a network can. With longer training the order may
# change, and we have not measured where.
#
# | | |
# |---|---|
# | the paper (Kim and Yoo 2026) | $K = 512$, $D = 64$ on CIFAR-10 and MNIST, 500 passes over the data in batches of 1,024; no usage, no perplexity and no error bars for these sets |
# | its official code | the same network, four times as wide; the ball grows as $e^{\alpha t}$ with $\alpha = 0.0003$, the margin's weight fades with the rate $\lambda = 0.0005$ |
# | ours | $K = 128$, $D = 16$, 450 steps of 32 patches; the ball grows at the official rate and ends at 1.14, and only the margin's rate is stretched to the short run, to $5 / 450$. Why one must not stretch the ball as lightly, chapter 08 shows |
#
# So no number of this chapter can be set beside one of the paper's.

# %% [markdown]
# ## Exercises
#
# Replace `return None`, run the cell, and read the answer. An untouched exercise
# says that it has not been attempted, which is no error.

# %% [markdown] tags=["exercise"]
# ### Exercise 1 · Bits for a picture
#
# *Difficulty ●○○ · 5 minutes*
#
# An encoder shrinks the height and the width by the factor `downsampling` each.
# How many bits do the tokens of a picture take, with `num_codes` codes? Both sides
# can be divided by the factor, and $\log_2 K$ stays as it is, without rounding.


# %% tags=["exercise"]
def bits_per_picture(height, width, downsampling, num_codes):
    return None  # your line here


check.bits_per_picture(bits_per_picture)


# %% tags=["solution"] jupyter={"source_hidden": true}
def bits_per_picture_solution(height, width, downsampling, num_codes):
    tokens = (height // downsampling) * (width // downsampling)
    return tokens * math.log2(num_codes)


check.bits_per_picture(bits_per_picture_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 2 · The nearest code, in one line
#
# *Difficulty ●●○ · 10 minutes*
#
# Write the look-up again, `latents` $(N, D)$ and `codebook` $(K, D)$ to indices
# $(N,)$, in a single line. You may leave out one of the two normalisations. Which
# one, and why?
#
# <details><summary>Hint</summary>
#
# Dividing a latent by its length divides a whole row of the table by the same
# positive number. Does that move the largest entry of the row?
#
# </details>


# %% tags=["exercise"]
def nearest_in_one_line(latents, codebook):
    return None  # your line here


check.nearest_by_angle(nearest_in_one_line)


# %% tags=["solution"] jupyter={"source_hidden": true}
def nearest_in_one_line_solution(latents, codebook):
    return (latents @ F.normalize(codebook, dim=1).T).argmax(dim=1)


check.nearest_by_angle(nearest_in_one_line_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 3 · Perplexity of a count vector
#
# *Difficulty ●●○ · 10 minutes*
#
# `counts` is an int64 tensor $(K,)$, and some of its entries may be 0. Return the
# perplexity as a number. Try to do without a mask: `torch.special.entr` computes
# $-p \ln p$.


# %% tags=["exercise"]
def perplexity_of(counts):
    return None  # your lines here


check.perplexity(perplexity_of)


# %% tags=["solution"] jupyter={"source_hidden": true}
def perplexity_of_solution(counts):
    share = counts / counts.sum()
    return torch.special.entr(share).sum().exp()


check.perplexity(perplexity_of_solution)

# %% [markdown] tags=["exercise"]
# ### Exercise 4 · A whole set, in batches
#
# *Difficulty ●●○ · 15 minutes*
#
# A set of pictures is often too large for one pass. You are given `batches`, a list
# of int64 tensors of tokens, of any shapes, not all of one size. Return the usage
# and the perplexity of the *whole set*, as a pair. Many a published usage is the
# mean over batches instead. Can that mean be too high?


# %% tags=["exercise"]
def usage_of_the_set(batches, num_codes):
    return None  # your lines here


check.usage_and_perplexity(usage_of_the_set)


# %% tags=["solution"] jupyter={"source_hidden": true}
def usage_of_the_set_solution(batches, num_codes):
    counts = sum(
        batch.flatten().bincount(minlength=num_codes) for batch in batches
    )
    share = counts / counts.sum()
    usage = (counts > 0).double().mean().item()
    return usage, torch.special.entr(share).sum().exp().item()


check.usage_and_perplexity(usage_of_the_set_solution)

# %% [markdown]
# The set uses every code that any of its batches uses, so the mean over batches can
# only be too low. For the cat, with one row of patches a batch, it looks like this.
# A mean of perplexities can err both ways. A batch in which 100 codes occur once
# each and a batch of 100 times the same code have a mean of 50.5, and the two
# together have a perplexity of 19.

# %% tags=["nbval-ignore-output"]
rows_of_patches = indices.split(14)  # 9 batches of (14, 8, 8)
each = [usage_of_the_set_solution([row], 128)[0] for row in rows_of_patches]
of_all = usage_of_the_set_solution(rows_of_patches, 128)[0]
assert sum(each) / 9 < of_all
print(f"mean over nine batches {sum(each) / 9:.0%}, whole set {of_all:.0%}")

all_once, one_only = torch.arange(100), torch.zeros(100, dtype=torch.int64)
both = usage_of_the_set_solution([all_once, one_only], 128)[1]
print(f"a hundred codes and one code: perplexity {both:.0f} together")

# %% [markdown]
# ## Quiz
#
# **1.** The encoder turns $(B, 3, 32, 32)$ into $(B, 16, 8, 8)$. Why does this
# alone not compress the picture?
#
# <details><summary>Answer</summary>
#
# The grid holds 1,024 numbers of 32 bits, which is more than 3,072 numbers of 8
# bits. Only the choice of one code out of $K$ at each place saves bits.
#
# </details>
#
# **2.** The codebook grows from 128 to 256 codes. How many bits more does a patch
# take?
#
# <details><summary>Answer</summary>
#
# 64. Each of the 64 tokens takes 8 bits instead of 7.
#
# </details>
#
# **3.** All codes are multiplied by 3. Which tokens change, and does the
# reconstruction?
#
# <details><summary>Answer</summary>
#
# No token changes, since only angles are compared. The reconstruction does: the
# decoder gets the codes with their lengths.
#
# </details>
#
# **4.** Your look-up returns a tensor of shape $(K,)$. What has happened?
#
# <details><summary>Answer</summary>
#
# `argmax` ran over the latents. Each code has chosen its best latent; it should be
# the other way round.
#
# </details>
#
# **5.** One reconstruction has a PSNR of 20 dB, another one of 26 dB. How do their
# errors compare?
#
# <details><summary>Answer</summary>
#
# The second one's squared error is a quarter of the first's, so its typical error
# is half as large.
#
# </details>
#
# **6.** Two models both use all of 4 codes. Their counts are $(25, 25, 25, 25)$
# and $(97, 1, 1, 1)$. Which number tells them apart?
#
# <details><summary>Answer</summary>
#
# The perplexity: 4 for the first, about 1.2 for the second. The usage is 100 % for
# both.
#
# </details>
#
# **7.** Why did shuffling the tokens leave the usage alone and destroy the picture?
#
# <details><summary>Answer</summary>
#
# Usage and perplexity are functions of the counts, and the counts do not know where
# a token stood. The decoder does.
#
# </details>
#
# **8.** Somebody reports a usage of 95 % and concludes that the codebook describes
# the pictures well. Which findings of this chapter speak against it?
#
# <details><summary>Answer</summary>
#
# The shuffled tokens have the same usage and no picture. EMA had far
# fewer codes in use and the better picture. A third one: many codes were spent on
# the border of the patches and not on what they show.
#
# </details>

# %% [markdown]
# ## Summary
#
# An encoder turns a picture into a grid of latents, $(B, D, 8, 8)$. Each latent is
# replaced by the code nearest in angle, and only the number of that code is kept.
# A decoder paints the picture again from the numbers, so 24,576 bits have become
# 448. PSNR measures what was lost, usage and perplexity how the vocabulary is
# spoken, both on the whole of a held-out set. After a short training, on one
# photograph and with one seed, the ball, the margin and the angle together kept
# most codes in use where plain VQ kept a few. A rival with fewer codes had the
# better picture, and shuffled tokens had the same usage and no picture.

# %% [markdown]
# ## References
#
# The photographs are shipped with scikit-image and scikit-learn: astronaut (NASA,
# public domain), coffee (Rachel Michetti, CC0), rocket (SpaceX, public domain),
# motorcycle (Middlebury stereo benchmark, 2014), the cat Chelsea (Stéfan van der
# Walt, CC0), china (danielbuechele, CC BY 2.0), flower (vultilion, CC BY 2.0).
#
# - van den Oord, Vinyals, Kavukcuoglu: *Neural Discrete Representation Learning*,
#   NeurIPS 2017, <https://arxiv.org/abs/1711.00937>; in its appendix the codes are
#   running means.
# - Dhariwal, Jun, Payne, Kim, Radford, Sutskever: *Jukebox: A Generative Model for
#   Music*, arXiv 2020, <https://arxiv.org/abs/2005.00341>; the restart of idle codes.
# - Kim, Yoo: *ArcVQ-VAE: A Spherical Vector Quantization Framework with ArcCosine
#   Additive Margin*, ICML 2026, <https://arxiv.org/abs/2605.13517>
# - Jelinek, Mercer, Bahl, Baker: *Perplexity—a Measure of the Difficulty of Speech
#   Recognition Tasks*, Journal of the Acoustical Society of America 1977,
#   <https://doi.org/10.1121/1.2016299>
# - Pedregosa, Varoquaux, Gramfort, Michel, Thirion, Grisel, Blondel, Prettenhofer,
#   Weiss, Dubourg, Vanderplas, Passos, Cournapeau, Brucher, Perrot, Duchesnay:
#   *Scikit-learn: Machine Learning in Python*, JMLR 2011,
#   <https://jmlr.org/papers/v12/pedregosa11a.html>
# - van der Walt, Schönberger, Nunez-Iglesias, Boulogne, Warner, Yager, Gouillart, Yu:
#   *scikit-image: Image Processing in Python*, PeerJ 2014,
#   <https://doi.org/10.7717/peerj.453>

# %% [markdown]
# ## Next
#
# Two ways lead on. [Chapter 01](01_softmax_is_an_angle.ipynb) begins with what a
# classifier does, and goes from there to angles and margins. If you would rather stay
# with codebooks, [chapter 04](04_kmeans_to_vq.ipynb) builds one from k-means, and the
# angles can wait until chapter 07 calls for them.
