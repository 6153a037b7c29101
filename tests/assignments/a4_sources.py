"""Right answers to A4, for the mistakes to be made in."""

HEAD = """
import os, tempfile, shutil
from pathlib import Path
import torch
from torch.nn import functional as F
"""

BALANCED = f"""{HEAD}
def balanced_loss(features, weight, images, critic, factor, step, start):
    painted = features @ weight.T
    reconstruction = (painted - images).abs().mean()
    if step < start:
        return reconstruction, 0.0
    gan = -(painted @ critic).mean()
    pulls = []
    for term in (reconstruction, gan):
        (pull,) = torch.autograd.grad(term, weight, retain_graph=True)
        pulls.append(pull.norm())
    weight_of_gan = (pulls[0] / (pulls[1] + 1e-4)).clamp(0, 1e4).detach()
    return reconstruction + factor * weight_of_gan * gan, weight_of_gan
"""

SAMPLER = f"""{HEAD}
def remaining_batches(size, seed, epoch, rank, world_size, batch, start):
    draw = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(size, generator=draw).tolist()
    share = -(-size // world_size)
    order += order[: share * world_size - size]
    mine = order[rank::world_size]
    batches = [mine[i : i + batch] for i in range(0, len(mine), batch)]
    return batches[start:]
"""

MICRO = f"""{HEAD}
def add_micro_batch(gradient, tokens, inputs, labels, weight):
    valid = labels >= 0
    new = int(valid.sum())
    if new == 0:
        return gradient, tokens
    w = weight.clone().requires_grad_()
    loss = F.cross_entropy(inputs[valid] @ w.T, labels[valid])
    (added,) = torch.autograd.grad(loss, w)
    total = tokens + new
    return (tokens * gradient + new * added) / total, total
"""

CHECKPOINT = f"""{HEAD}
def save_checkpoint(state, path):
    aside = path + ".partial"
    with open(aside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
"""

BILL = f"""{HEAD}
def training_bill(images, epochs, batch, trained_gflop, frozen_gflop, peak_tflops,
                  share, gpus, price):
    steps = images // batch * epochs
    flop = steps * batch * (3 * trained_gflop + 2 * frozen_gflop) * 1e9
    seconds = flop / (peak_tflops * 1e12 * share)
    hours = seconds / 3600
    return {{"gpu_hours": hours, "days": hours / gpus / 24, "money": hours * price}}
"""
