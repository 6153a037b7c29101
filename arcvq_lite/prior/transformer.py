"""TokenPrior: how likely every code is, given the codes before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.prior.block import Block
from arcvq_lite.prior.memory import Memory


class TokenPrior(nn.Module):
    """A transformer that reads codes in order and predicts each from those before.

        p(k_1 … k_L | c) = Π_t p(k_t | c, k_1 … k_(t−1)) = Π_t softmax(logits_t)[k_t]

    The class is the start of the sequence. In training each class gives way to
    `no_class`, one more class that says nothing, with probability `class_drop`,
    so that one network knows both p(· | c) and p(·) and `sample` can go past the
    first, away from the second. In eval mode nothing is dropped.

    Args:
        num_codes: K.
        length: L, tokens of a picture, row by row.
        classes: how many there are; None for a prior without classes.
        width: of the vectors between the layers, a multiple of `heads`.
        layers: how many blocks follow each other.
        heads: of each block's attention.
        dropout: share of activations that training sets to 0.
        class_drop: probability with which training hides a class.

    Attributes:
        no_class: the number that stands for no class, which is `classes`, or 0 in
            a prior without classes.

    Raises:
        ValueError: if a size or a share is out of its range.

    Source: GPT-2 (Radford et al., 2019); over the codes of pictures, VQGAN (Esser
        et al., 2021), section 3.2; hidden classes, classifier-free guidance (Ho &
        Salimans, 2022), section 3.2.

    Example:
        >>> import torch
        >>> prior = TokenPrior(num_codes=32, length=16, classes=10, width=64)
        >>> indices, classes = torch.randint(32, (2, 16)), torch.tensor([3, 7])
        >>> prior(indices, classes).shape
        torch.Size([2, 16, 32])
        >>> 3 < prior.loss(indices, classes) < 4  # ln 32 nats: it knows nothing yet
        tensor(True)
    """

    def __init__(
        self,
        num_codes: int,
        length: int,
        *,
        classes: int | None = None,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        class_drop: float = 0.1,
    ) -> None:
        super().__init__()
        _check_sizes(
            num_codes=num_codes,
            length=length,
            classes=1 if classes is None else classes,
            width=width,
            layers=layers,
            heads=heads,
        )
        if width % heads:
            raise ValueError(f"width={width} must be a multiple of heads={heads}")
        _check_shares(dropout=dropout, class_drop=class_drop)
        self.num_codes = num_codes
        self.length = length
        self.classes = classes
        self.no_class = 0 if classes is None else classes
        self.class_drop = class_drop
        self.heads = heads
        self.start = nn.Embedding(self.no_class + 1, width)
        self.token = nn.Embedding(num_codes, width)
        self.position = nn.Parameter(torch.empty(length, width))
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_codes)
        self._initialise()

    def forward(self, indices: Tensor, classes: Tensor | None = None) -> Tensor:
        """Logits (B, L, K) of every token, each from the tokens before it.

        Args:
            indices: int64 (B, L).
            classes: int64 (B,); `no_class` is allowed among them. None for a
                prior without classes.

        Raises:
            TypeError: if indices or classes are not int64.
            ValueError: if their shape is another, if one is out of its range, or
                if classes are missing or not wanted.
        """
        _check_integers("indices", indices, self.num_codes - 1)
        if indices.dim() != 2 or indices.shape[1] != self.length:
            raise ValueError(
                f"indices must be (B, {self.length}), got {tuple(indices.shape)}; "
                "of grids (B, H, W) pass indices.flatten(1)"
            )
        starts = self.starts(len(indices), classes, indices.device)  # (B,)
        if self.training and self.classes is not None:
            hidden = torch.rand(len(starts), device=starts.device) < self.class_drop
            starts = starts.masked_fill(hidden, self.no_class)
        # The last token is predicted and predicts nothing, so it is not read.
        x = torch.cat([self.start(starts)[:, None], self.token(indices[:, :-1])], dim=1)
        logits: Tensor = self.head(self.read(x + self.position))
        return logits

    def loss(self, indices: Tensor, classes: Tensor | None = None) -> Tensor:
        """Mean surprise −ln p(k_t | …), a float32 scalar in nats a token.

        It is exp(loss) codes that the prior still hesitates between. A prior in
        `DistributedDataParallel` must be called itself, not by its `loss`:
        `token_loss(wrapped(indices, classes), indices)`.

        Raises:
            TypeError: as from a call of the prior.
            ValueError: as from a call of the prior.
        """
        return token_loss(self(indices, classes), indices)

    def starts(
        self, count: int, classes: Tensor | None, device: torch.device
    ) -> Tensor:
        """The numbers int64 (B,) that `count` = B sequences start with.

        Raises:
            TypeError: if the classes are not int64.
            ValueError: if they are missing, not wanted, out of their range, or not
                as many as `count`.
        """
        if self.classes is None:
            if classes is not None:
                raise ValueError(
                    "classes must be None for a prior without classes; make one with "
                    "TokenPrior(…, classes=number of classes)"
                )
            return torch.zeros(count, dtype=torch.int64, device=device)
        if classes is None:
            raise ValueError(
                f"classes is missing: the prior has {self.classes}; for none of them "
                f"pass prior.no_class, which is {self.no_class}, as the class"
            )
        _check_integers("classes", classes, self.no_class)
        if classes.shape != (count,):
            raise ValueError(
                f"classes must be ({count},), one a sequence, got "
                f"{tuple(classes.shape)}"
            )
        return classes.to(device)

    def read(self, x: Tensor, memories: Sequence[Memory] | None = None) -> Tensor:
        """What the places know of their past, for `head`: (B, t, width).

        Args:
            x: the tokens' vectors (B, t, width), with their positions added.
            memories: of `memories`, one a block; x is then the one next place,
                t = 1, and they hold the places before.
        """
        x = self.drop(x)
        for number, block in enumerate(self.blocks):
            x = block(x, None if memories is None else memories[number])
        known: Tensor = self.norm(x)
        return known

    def memories(self, count: int) -> list[Memory]:
        """Empty memories of `count` sequences, one a block, for `read`."""
        length, width = self.position.shape
        shape = (count, self.heads, length, width // self.heads)
        return [Memory(shape, like=self.position) for _ in self.blocks]

    def _initialise(self) -> None:
        """Small weights, so that at the start all codes are about as likely.

        Each block adds two changes to x; dividing by the root of their number
        keeps the sum's size whatever the depth.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.position, std=0.02)
        for name, weight in self.blocks.named_parameters():
            if name.endswith(("project.weight", "network.2.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * len(self.blocks)))


def token_loss(logits: Tensor, indices: Tensor) -> Tensor:
    """Mean surprise −ln softmax(logits)[index], a float32 scalar in nats a token.

    Args:
        logits: (B, L, K) from a prior, in any floating point dtype.
        indices: int64 (B, L).
    """
    return F.cross_entropy(logits.flatten(0, 1).float(), indices.flatten())


def _check_integers(name: str, given: Tensor, highest: int) -> None:
    if not isinstance(given, Tensor) or given.dtype != torch.int64:
        kind = getattr(given, "dtype", type(given).__name__)
        raise TypeError(f"{name} must be an int64 tensor, got {kind}")
    if given.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(given.shape)}")
    low, high = int(given.min()), int(given.max())
    if low < 0 or high > highest:
        raise ValueError(f"{name} must lie in 0 … {highest}, got {low} … {high}")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1")


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"{name}={share} must be at least 0 and below 1")
