"""Studies so small that a run takes a second, and what they leave."""

import functools
import json
import math

import torch
import yaml

from arcvq_lite.study.arms import plan_run
from arcvq_lite.study.identity import identify_run
from arcvq_lite.study.measures import Instruments
from arcvq_lite.study.options import StudyDataOptions
from arcvq_lite.study.reading import read_study
from arcvq_lite.study.run_file import RunFiles, RunResult
from arcvq_lite.study.run_process import load_split
from arcvq_lite.study.single_run import train_arm
from arcvq_lite.training.history import History

SEEDS = (0, 1, 2, 3, 4)
GAINS = {0: 0.5, 1: 0.7, 2: 0.2, 3: 0.9, 4: 0.4}  # in dB, of "both" over "cosine"
SCORES = {"lpips_weights": None, "fid_weights": None}
WORDS = {"supported": "It holds.", "not_supported": "No.", "undecided": "Who knows."}
MARGIN = {"scale": 5.0, "margin": 0.1, "top_k": 3, "weight": 1.0, "decay": 5e-4}
BALL = {"kind": "exponential", "alpha": 3e-4}
ARMS = {
    "vanilla": {"quantizer": {"kind": "vq"}},
    "ema": {"quantizer": {"kind": "ema"}},
    "cosine": {"quantizer": {}},
    "ball": {"quantizer": {"radius": BALL}},
    "outrun": {"quantizer": {"radius": {**BALL, "alpha": 0.2}}, "clock": "paper"},
    "margin": {"quantizer": {"margin": MARGIN}},
    "both": {"quantizer": {"radius": BALL, "margin": MARGIN}},
    "fixed": {"quantizer": {"radius": {"kind": "constant", "radius": 0.5}}},
    "shrinking": {"quantizer": {"radius": {"kind": "shrinking", "radius": 1.0}}},
    "swapped": {"quantizer": {"margin": MARGIN}, "control": "swapped_axis"},
    "frozen": {"quantizer": {}, "control": "frozen_codebook"},
    "cvq": {"quantizer": {"kind": "cvq"}},
    "gumbel": {"quantizer": {"kind": "gumbel", "temperature": {"rate": 1e-4}}},
    "sq": {"quantizer": {"kind": "sq", "temperature": {"rate": 1e-5}}},
}
CLAIM = {
    "says": "Codes are used.",
    "arm": "margin",
    "against": "cosine",
    "expects": {"usage": "up", "psnr": "up"},
    "refuted_by": {"usage": ["same", "down"], "psnr": ["down"]},
    "words": WORDS,
}


def tree(arms=("cosine", "margin"), *, steps=20, seeds=(0, 1), **changed):
    """A configuration as YAML has it; the arms are names of ARMS, or their options."""
    named = arms if isinstance(arms, dict) else {name: ARMS[name] for name in arms}
    first, *_, last = list(named)
    return {
        "question": "Does it work?",
        "data": {
            "source": "digits",
            "batch_size": 16,
            "size": 12,
            "limit": 64,
            "held_out": 24,
        },
        "model": {"hidden": 8, "residual_layers": 1, "residual_hidden": 4},
        "codebook": {"num_codes": 8, "dim": 4},
        "optimizer": {"learning_rate": 0.01},
        "budget": {"steps": steps, "log_every": 8},
        "seeds": list(seeds),
        "smallest": {"usage": 0.01, "psnr": 0.01},
        "arms": named,
        "claims": {"it_works": {**CLAIM, "arm": last, "against": first}},
        **changed,
    }


def written(folder, content):
    """The path of a configuration."""
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return path


def study_of(folder, content):
    return read_study(written(folder, content))


@functools.cache
def _images():
    options = StudyDataOptions(**tree()["data"])
    return tuple(load_split(options, part) for part in ("train", "test"))


def trained(study, arm, seed=0, said=lambda step: None):
    """The history of one run, made in this process."""
    images, held_out = _images()
    return train_arm(plan_run(study, arm, seed), images, Instruments(held_out), said)


def held_out_images():
    return _images()[1]


def results(folder):
    """The bytes of every result, by the name of its file."""
    names = (folder / "runs").glob("*.json")
    return {p.name: p.read_bytes() for p in names if p.name.count(".") == 1}


def weights_of(module):
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


def leaves_of(content):
    """Every number and every text of a nest of JSON, the keys included."""
    if isinstance(content, dict):
        content = [*content, *content.values()]
    if isinstance(content, list):
        for part in content:
            yield from leaves_of(part)
    elif isinstance(content, str | int | float) and not isinstance(content, bool):
        yield content


def read(path):
    return json.loads(path.read_text("utf-8"))


# Results that nobody trained


def rows(psnr, usage, ball=None):
    """Three rows of a run that ends with these."""
    columns = {
        "psnr": [10.0, 12.0, psnr],
        "usage": [0.1, 0.2, usage],
        "code_angle": [20.0, 30.0, math.nan],
    }
    if ball is not None:
        columns |= {"ball_binding": [0.0, 0.0, ball], "ball_codes": [0.0, 0.0, ball]}
    return History([8, 16, 20], columns)


def kept(study, folder, arm, seed, history):
    identity = identify_run(plan_run(study, arm, seed), "0" * 64, SCORES)
    files = RunFiles(folder, f"{arm}-seed{seed}")
    files.write_result(RunResult(identity, history))
    files.write_cost({"seconds": 3.0 + seed, "peak_memory_bytes": 1000 * (seed + 1)})
