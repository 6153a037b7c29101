"""Right answers to A4 in other styles than the reference's."""

from answers import Right

RIGHT = [
    Right(
        "gradients by hand",
        "balanced_loss",
        """
import torch

def balanced_loss(features, weight, images, critic, factor, step, start):
    painted = torch.einsum("nd,cd->nc", features, weight)
    off = painted - images
    reconstruction = torch.mean(torch.abs(off))
    gan = -torch.mean(torch.einsum("nc,c->n", painted, critic))
    with torch.no_grad():
        pixels = off.sign().T @ features / off.numel()
        pull = torch.outer(critic, features.mean(dim=0))
        ratio = pixels.square().sum().sqrt() / (pull.square().sum().sqrt() + 1e-4)
        ratio = min(float(ratio), 1e4) if step >= start else 0.0
    return reconstruction + factor * ratio * gan, ratio
""",
    ),
    Right(
        "a second, smaller graph",
        "balanced_loss",
        """
import torch
from torch.nn import functional as F

def balanced_loss(features, weight, images, critic, factor, step, start):
    def terms(f, w):
        painted = F.linear(f, w)
        return F.l1_loss(painted, images), -(painted * critic).sum(dim=1).mean()

    w = weight.detach().clone().requires_grad_()
    norms = []
    for number in range(2):
        term = terms(features.detach(), w)[number]
        (pull,) = torch.autograd.grad(term, [w])
        norms.append(torch.linalg.vector_norm(pull))
    weight_of_critic = torch.clamp(norms[0] / (norms[1] + 1e-4), max=1e4)
    reconstruction, gan = terms(features, weight)
    if step < start:
        weight_of_critic = torch.zeros(())
    return [reconstruction + factor * weight_of_critic * gan, weight_of_critic]
""",
    ),
    Right(
        "blocks, the standard library's generator",
        "remaining_batches",
        """
import math
import random

def remaining_batches(size, seed, epoch, rank, world_size, batch, start):
    order = list(range(size))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    share = math.ceil(size / world_size)
    while len(order) < share * world_size:
        order.append(order[len(order) - size])
    mine = order[rank * share : (rank + 1) * share]
    found = []
    for first in range(start * batch, share, batch):
        found.append(mine[first : first + batch])
    return found
""",
    ),
    Right(
        "sorted by words, tensors returned",
        "remaining_batches",
        """
import hashlib
import torch

def word(*numbers):
    text = ",".join(map(str, numbers)).encode()
    return hashlib.sha256(text).hexdigest()

def remaining_batches(size, seed, epoch, rank, world_size, batch, start):
    order = sorted(range(size), key=lambda image: word(seed, epoch, image))
    places = torch.arange(rank, rank + size, world_size)
    mine = torch.tensor(order)[places % size]
    return list(mine.split(batch))[start:]
""",
    ),
    Right(
        "softmax minus one, by hand",
        "add_micro_batch",
        """
import torch

def add_micro_batch(gradient, tokens, inputs, labels, weight):
    total = gradient * tokens
    for sequence, answers in zip(inputs, labels):
        for h, y in zip(sequence, answers.tolist()):
            if y < 0:
                continue
            error = (weight @ h).softmax(dim=0)
            error[y] -= 1
            total = total + torch.outer(error, h)
            tokens += 1
    return total / max(tokens, 1), tokens
""",
    ),
    Right(
        "ignore_index and a running mean",
        "add_micro_batch",
        """
import torch
from torch.nn import functional as F

def add_micro_batch(gradient, tokens, inputs, labels, weight):
    w = torch.nn.Parameter(weight)
    logits = torch.einsum("bld,cd->bcl", inputs, w)
    F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum").backward()
    new = torch.count_nonzero(labels != -1)
    if new > 0:
        tokens = tokens + new
        gradient = gradient + (w.grad - new * gradient) / tokens
    return gradient, tokens
""",
    ),
    Right(
        "pathlib, bytes made first",
        "save_checkpoint",
        """
import io
import os
import pathlib
import torch

def save_checkpoint(state, path):
    path = pathlib.Path(path)
    content = io.BytesIO()
    torch.save(state, content)
    aside = path.with_name("." + path.name + ".new")
    try:
        with aside.open("wb") as file:
            file.write(content.getvalue())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    return path.stat().st_size
""",
    ),
    Right(
        "a folder of its own beside it",
        "save_checkpoint",
        """
import os
import tempfile
import torch

def save_checkpoint(state, path):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        aside = os.path.join(folder, "new")
        torch.save(state, aside)
        os.rename(aside, path)
""",
    ),
    Right(
        "step by step",
        "training_bill",
        """
def training_bill(
    images, epochs, batch, trained_gflop, frozen_gflop, peak_tflops, share, gpus, price
):
    steps = epochs * ((images - images % batch) // batch)
    forward = trained_gflop + frozen_gflop
    back = 2 * trained_gflop + frozen_gflop
    tflop_a_step = batch * (forward + back) / 1000
    speed = gpus * share * peak_tflops  # TFLOP a second, all GPUs together
    wait = steps * tflop_a_step / speed
    days = wait / 86400
    gpu_hours = days * 24 * gpus
    return dict(days=days, gpu_hours=gpu_hours, money=price * gpu_hours)
""",
    ),
    Right(
        "in tensors of float64",
        "training_bill",
        """
import torch

def training_bill(
    images, epochs, batch, trained_gflop, frozen_gflop, peak_tflops, share, gpus, price
):
    runs = torch.tensor([3.0, 2.0], dtype=torch.float64)
    costs = torch.tensor([trained_gflop, frozen_gflop], dtype=torch.float64)
    seen = torch.tensor(images).div(batch, rounding_mode="floor") * batch * epochs
    hours = (runs @ costs) * 1e9 * seen / (share * peak_tflops * 1e12 * 3600)
    return {"gpu_hours": hours, "money": hours * price, "days": hours / (24 * gpus)}
""",
    ),
]
