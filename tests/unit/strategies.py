"""What hypothesis draws for the property tests: tensors, radii and steps."""

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor

steps = st.integers(0, 10**9)
radii = st.floats(0, 100, allow_subnormal=False)


def tensors(*shape: int, bound: float = 10.0) -> st.SearchStrategy[Tensor]:
    """float32 tensors of one shape, entries within ±bound, zeros among them."""
    entries = st.floats(-bound, bound, width=32, allow_subnormal=False)
    return arrays(np.float32, shape, elements=entries).map(torch.from_numpy)


def codebooks(bound: float = 10.0) -> st.SearchStrategy[Tensor]:
    """Codebooks (K, D) of up to 6 codes in up to 6 dimensions."""
    shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
    return shapes.flatmap(lambda shape: tensors(*shape, bound=bound))
