"""A study of five pairs whose results are written, not trained."""

import pytest
from small_studies import GAINS, SEEDS, kept, rows, study_of, tree


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path, tree(("cosine", "both"), seeds=SEEDS))


@pytest.fixture
def folder(study, tmp_path):
    """Five pairs: the ball bound, and both arms' runs are all there."""
    for seed, gain in GAINS.items():
        kept(study, tmp_path, "cosine", seed, rows(20 + seed, 0.3))
        kept(
            study, tmp_path, "both", seed, rows(20 + seed + gain, 0.3 + gain / 10, 0.4)
        )
    return tmp_path
