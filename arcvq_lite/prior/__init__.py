"""A prior over tokens: what a grid of codes is likely to be, and new ones from it."""

from arcvq_lite.prior.choosing import choice_probabilities
from arcvq_lite.prior.sampling import sample
from arcvq_lite.prior.transformer import TokenPrior, token_loss

__all__ = ["TokenPrior", "choice_probabilities", "sample", "token_loss"]
