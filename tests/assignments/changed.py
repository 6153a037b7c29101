"""A mistake, written as what stands in a right answer instead of something else."""

from answers import Wrong


def changed(
    source: str, function: str, part: int, name: str, *changes: tuple[str, str]
) -> Wrong:
    """A right answer in which some text is replaced.

    Args:
        source: the right answer.
        function: whose task it answers.
        part: index of the first part that the mistake must lose.
        name: of the mistake.
        changes: pairs of what stands in the source, and what shall stand there.
    """
    for old, new in changes:
        assert old in source, (name, old)
        source = source.replace(old, new)
    return Wrong(name, function, source, part)
