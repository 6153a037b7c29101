"""`arcvq train`: words in, an exit status out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arcvq_lite.training.configuration import OptionError, parse_options

FAILED = 1
REFUSED = 2


def main(
    words: Sequence[str], say: Callable[[str], None], complain: Callable[[str], None]
) -> int:
    """Train as the words say.

    Args:
        words: what stands after `arcvq train`; see `parse_options`.
        say: takes a line about the run.
        complain: takes a line about what went wrong.

    Returns:
        0 when the run is finished; 75 when it was asked to stop and has saved, so
        that a scheduler may start the same command again; 1 when it failed, with
        the last checkpoint standing; 2 when it cannot be done as asked.
    """
    try:
        options = parse_options(words)
    except OptionError as error:
        complain(str(error))
        return REFUSED
    # Only now: whoever mistypes an option need not wait for torch.
    from arcvq_lite.data import DownloadError
    from arcvq_lite.data.batches import TooManySubstitutesError
    from arcvq_lite.training.checkpoint import CheckpointError
    from arcvq_lite.training.divergence import DivergenceError
    from arcvq_lite.training.hold import FolderInUseError
    from arcvq_lite.training.log import LogError
    from arcvq_lite.training.loop import train
    from arcvq_lite.training.processes import FirstRankError

    try:
        return train(options, say)
    except (ValueError, FileNotFoundError, FolderInUseError) as error:
        complain(str(error))
        return REFUSED
    except (
        CheckpointError,
        ConnectionError,
        DivergenceError,
        DownloadError,
        FirstRankError,
        LogError,
        TooManySubstitutesError,
    ) as error:
        complain(str(error))
        return FAILED
