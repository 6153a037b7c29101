"""Official checkpoints that cannot be trusted: refused, named, never executed."""

import pickle
from pathlib import Path

import pytest
import torch

from arcvq_lite import (
    VQVAE,
    ArcVQ,
    load_official,
    official_state_dict,
    save_official,
)


def small_model(quantizer=None, in_channels=3, **options):
    quantizer = quantizer or ArcVQ(8, 4)
    return VQVAE(in_channels, quantizer, hidden=6, residual_hidden=5, **options)


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def state(model):
    return official_state_dict(model)


class Malice:
    """Unpickled, it would create the marker file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def plain_pickle(content, path):
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("write", [torch.save, plain_pickle])
@pytest.mark.parametrize("place", ["alone", "beside weights", "under state_dict"])
def test_a_malicious_pickle_is_refused_and_never_executed(
    write, place, state, tmp_path
):
    marker, path = tmp_path / "executed", tmp_path / "model.pt"
    malice = Malice(marker)
    beside = {**state, "loss.evil": malice}
    content = {
        "alone": malice,
        "beside weights": beside,
        "under state_dict": {"state_dict": beside},
    }
    write(content[place], path)
    with pytest.raises(ValueError, match=r"model\.pt.* was not executed"):
        load_official(path)
    assert not marker.exists()
    torch.load(path, weights_only=False) if write is torch.save else pickle.loads(
        path.read_bytes()
    )
    assert marker.exists(), "the file was harmless, so refusing it proved nothing"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b".",
        lambda content: b"not a checkpoint",
        lambda content: b"\x80\x02\xfa\xc0(K",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content.replace(
            b"_pre_vq_conv", b"\xff\xfe\x80\x80\x80vq_conv"
        ),
    ],
)
def test_a_damaged_file_is_named(damage, model, tmp_path):
    path = tmp_path / "model.pt"
    save_official(model, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"model\.pt"):
        load_official(path)


@pytest.mark.parametrize("name", ["absent.pt", "."])
def test_a_path_that_is_no_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="checkpoint="):
        load_official(tmp_path / name)
