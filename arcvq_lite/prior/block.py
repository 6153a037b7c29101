"""Block: one layer of the transformer, attention to the past and a small network."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.prior.memory import Memory


class CausalAttention(nn.Module):
    """What every place gathers from itself and the places before it.

        softmax(q kᵀ / √(width / heads), over the past) v,   for each head

    Args:
        width: of input and output, a multiple of `heads`.
        heads: how many gather side by side.
        dropout: share of the attention's weights that training sets to 0.

    Source: Attention Is All You Need (Vaswani et al., 2017), section 3.2.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """(B, t, width) to the same shape.

        With a memory, x is the one next place, t = 1, and all places that the
        memory holds are its past.
        """
        query, key, value = rearrange(
            self.query_key_value(x), "b t (n h d) -> n b h t d", n=3, h=self.heads
        )
        if memory is not None:
            key, value = memory.extended(key, value)
        gathered = F.scaled_dot_product_attention(
            query,  # (B, heads, t, width / heads)
            key,
            value,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=memory is None,
        )
        projected: Tensor = self.project(rearrange(gathered, "b h t d -> b t (h d)"))
        return projected


class Block(nn.Module):
    """x + attention, then + a network of two layers, each behind a layer norm.

    Args:
        width: of input and output, a multiple of `heads`.
        heads: of the attention.
        dropout: share that training sets to 0, of the attention's weights and of
            both changes to x.

    Source: GPT-2 (Radford et al., 2019), section 2.3, for the norms' places.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads, dropout)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """(B, t, width) to the same shape; for the memory see `CausalAttention`."""
        x = x + self.drop(self.attention(self.attention_norm(x), memory))
        changed: Tensor = x + self.drop(self.network(self.network_norm(x)))
        return changed
