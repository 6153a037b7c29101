"""Runs so small that they can be killed thirty times, and the processes they run in."""

import dataclasses
import multiprocessing
import os
import signal
import socket
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from arcvq_lite.training.loop import train
from arcvq_lite.training.model_options import (
    CriticOptions,
    MarginOptions,
    QuantizerOptions,
    RadiusOptions,
    VQGANOptions,
    VQVAEOptions,
)
from arcvq_lite.training.options import (
    DataOptions,
    OptimizerOptions,
    RunOptions,
    TrainOptions,
)

QUANTIZER = QuantizerOptions(
    num_codes=8,
    dim=4,
    radius=RadiusOptions(alpha=0.01),
    margin=MarginOptions(decay=0.01),
)
VQVAE = VQVAEOptions(hidden=4, residual_layers=1, residual_hidden=2)
VQGAN = VQGANOptions(
    channels=32,
    multipliers=(1,),
    residual_blocks=1,
    attention_resolutions=(),
    perceptual=None,
    critic=CriticOptions(channels=4, layers=1, start=9),
)


def small_images(folder, count=41):
    """A folder of noise, 8×8 in colour; one file is no image and gets substituted."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    (folder / "05.png").write_bytes(b"no image")
    return folder


def small_run(images, folder, *, quantizer=QUANTIZER, vqgan=None, rate=1e-3, **run):
    """Options of a run with a log row a step; a VQ-VAE unless a VQGAN is given."""
    run = {"steps": 18, "log_every": 1, "save_every": 3, "picture_every": 6} | run
    return TrainOptions(
        data=DataOptions(
            source=str(images), size=8, batch_size=8, max_substituted=0.05
        ),
        quantizer=quantizer,
        optimizer=OptimizerOptions(learning_rate=rate),
        run=RunOptions(folder=str(folder), device="cpu", patience_s=30, **run),
        vqvae=VQVAE if vqgan is None else None,
        vqgan=vqgan,
    )


def changed(options, **run):
    """The same run with other options of its `run` section."""
    return dataclasses.replace(options, run=dataclasses.replace(options.run, **run))


def final_state(folder):
    """Every entry of the newest checkpoint, read without the store."""
    newest = max(Path(folder, "checkpoints").glob("step-*"))
    return {
        path.stem: torch.load(path, weights_only=True)
        for path in sorted(newest.glob("*.pt"))
    }


def same(one, other):
    """Whether two nests of containers and tensors are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def log_of(folder):
    return Path(folder, "log.jsonl").read_bytes()


def pictures_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder, "pictures").iterdir()}


# Processes. A fork server has imported torch once; each child is a fork of it.


def context():
    method = "forkserver" if hasattr(os, "fork") else "spawn"
    forked = multiprocessing.get_context(method)
    if method == "forkserver":
        forked.set_forkserver_preload(["arcvq_lite.training.loop", "small_runs"])
    return forked


def start(target, *arguments):
    process = context().Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def finish(process, patience=60):
    """The exit code of a process; it is ended if it does not end itself."""
    process.join(patience)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f"the process did not end within {patience} s")
    return process.exitcode


def prepare():
    torch.set_num_threads(1)
    os.environ["TQDM_DISABLE"] = "1"


def train_here(options, said=None):
    """What a child does: train, and leave with the status."""
    prepare()
    lines = []
    status = train(options, lines.append)
    if said is not None:
        Path(said).write_text("\n".join(lines), encoding="utf-8")
    raise SystemExit(status)


def as_rank(rank, world_size, port):
    """Make this process one of several, as torchrun would."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def train_as_rank(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    train_here(options)


def train_on(world_size, options, target=train_as_rank):
    """Train on several processes; their exit codes in the order of ranks."""
    port = free_port()
    processes = [
        start(target, rank, world_size, port, options) for rank in range(world_size)
    ]
    return [finish(process) for process in processes]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def die():
    os.kill(os.getpid(), signal.SIGKILL)
