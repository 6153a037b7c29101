"""PerceptualDistance: how different two images look to a network that sees."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arcvq_lite.models.official_checkpoint import read_plain

_SMALLEST = 16


class PerceptualDistance(nn.Module):
    """LPIPS with VGG-16: weighted differences of its features in five layers.

    The networks and the five layers' weights are the `lpips` package's; the VGG-16
    itself is no part of any package and is given or downloaded. All weights are
    constants. Computed in float32, under autocast too.

    Args:
        weights: a file with torchvision's VGG-16 or with a whole LPIPS (VGG), both
            as state dicts; "download" for torchvision's, from its site or from
            torch's cache; "random" for an untrained VGG-16, the same one in every
            process, which measures nothing and serves tests only.
        dropout: whether half the features are dropped at random while the module
            is in training mode, as the official code does by leaving LPIPS in it.

    Attributes:
        term: what a log may call the distance: "lpips" or "random_perceptual".

    Raises:
        ModuleNotFoundError: if the `lpips` package is missing.
        FileNotFoundError: if there is no such file.
        ConnectionError: if they cannot be downloaded.
        ValueError: if the file is damaged (it is not executed), or no VGG-16.

    Source: LPIPS (Zhang et al., 2018).
    """

    network: Any  # the package states no types

    def __init__(
        self, weights: str | os.PathLike[str], *, dropout: bool = False
    ) -> None:
        super().__init__()
        self.term = "random_perceptual" if weights == "random" else "lpips"
        self.network = _empty_network()
        self.network.load_state_dict(_weights(self.network, weights))
        self.requires_grad_(False)
        self.train()
        if not dropout:
            self._drop(0.0)

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """The distance (B, 1, 1, 1) between images (B, 1 or 3, H, W) in [−1, 1].

        Args:
            images: a batch.
            others: a batch of the same shape.

        Raises:
            ValueError: if the shapes differ, or are smaller than 16×16.
        """
        _check_pair(images, others)
        with torch.autocast(images.device.type, enabled=False):
            distance: Tensor = self.network(images.float(), others.float())
        return distance

    def _drop(self, share: float) -> None:
        for module in self.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = share


def _empty_network() -> nn.Module:
    """The package's LPIPS with room for its weights, but none in it yet."""
    from lpips import LPIPS, ScalingLayer

    with warnings.catch_warnings(), torch.device("meta"):
        # The package names an argument of torchvision's that has a new name.
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        network: nn.Module = LPIPS(
            net="vgg", pretrained=False, pnet_rand=True, verbose=False
        )
    network.to_empty(device="cpu")
    network.scaling_layer = ScalingLayer()
    return network


def _weights(network: nn.Module, source: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Every entry of the network's state dict, from where the user said."""
    state = network.state_dict() | _calibration()
    if source == "random":
        return state | _random_vgg(state)
    if source == "download":
        return state | _in_slices(_download(), state)
    given = _read(Path(source))
    if given.keys() == state.keys():
        return given
    vgg = _in_slices(given, state)
    missing = [key for key in state if key.startswith("net.") and key not in vgg]
    if missing:
        raise ValueError(
            f"weights={str(source)!r} is neither torchvision's VGG-16 nor a whole "
            f"LPIPS with VGG: it has no {missing[0]}"
        )
    return state | vgg


def _download() -> Mapping[str, Tensor]:
    """Torchvision's VGG-16, kept where torch keeps its downloads."""
    from torchvision.models import VGG16_Weights

    published = VGG16_Weights.IMAGENET1K_V1
    try:
        weights: Mapping[str, Tensor] = published.get_state_dict(check_hash=True)
    except OSError as error:
        raise ConnectionError(
            f'weights="download" could not be fetched ({error}); fetch '
            f"{published.url} elsewhere and pass the file's path as weights"
        ) from error
    return weights


def _calibration() -> dict[str, Tensor]:
    """The package's weights of the five layers, under both of their names."""
    import lpips

    path = Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"
    layers = _read(path)
    return layers | {key.replace("lin", "lins.", 1): layers[key] for key in layers}


def _in_slices(
    vgg: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The `features.N.…` of torchvision under the package's `net.sliceS.N.…`."""
    places = {
        "features." + key.split(".", 2)[2]: key
        for key in state
        if key.startswith("net.")
    }
    return {key: vgg[name] for name, key in places.items() if name in vgg}


def _random_vgg(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Untrained weights as torchvision draws them, from a seed of their own."""
    generator = torch.Generator().manual_seed(0)
    drawn = {
        key: torch.zeros_like(value)
        for key, value in state.items()
        if key.startswith("net.")
    }
    for value in drawn.values():
        if value.dim() == 4:
            nn.init.kaiming_normal_(
                value, mode="fan_out", nonlinearity="relu", generator=generator
            )
    return drawn


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(
            f'weights={str(path)!r} is no file; give one, or "download", or "random"'
        )
    content = read_plain(path, argument="weights")
    if not isinstance(content, Mapping):
        raise ValueError(
            f"weights={str(path)!r} must hold a state dict, got "
            f"{type(content).__name__}"
        )
    return dict(content)


def _check_pair(images: Tensor, others: Tensor) -> None:
    shape = tuple(images.shape)
    if shape != tuple(others.shape):
        raise ValueError(f"images are {shape}, the others {tuple(others.shape)}")
    if len(shape) != 4 or shape[1] not in (1, 3) or min(shape[2:]) < _SMALLEST:
        raise ValueError(
            f"images must be (B, 1 or 3, H, W) of at least {_SMALLEST}×{_SMALLEST}, "
            f"got {shape}"
        )
