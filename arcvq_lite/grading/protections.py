"""Protections: what is denied to submissions on this machine, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protection:
    """One thing that a submission shall not do.

    Args:
        against: what is denied, such as "reading other files".
        by: the means in force here, in words; none where it could not be had.
        lacking: why a means could not be had, or what that leaves open; else "".
    """

    against: str
    by: tuple[str, ...]
    lacking: str = ""

    @property
    def held(self) -> bool:
        """Whether anything denies it here."""
        return bool(self.by)


@dataclass(frozen=True)
class Protections:
    """What was found to be in force, by trying it out when the grader began.

    Args:
        each: one protection for every kind of mischief.
        advice: how the instructor could have more of it; may be empty.
    """

    each: tuple[Protection, ...]
    advice: str = ""

    @property
    def complete(self) -> bool:
        """Whether every kind of mischief is denied here."""
        return all(protection.held for protection in self.each)

    def sentences(self) -> list[str]:
        """One sentence for each protection, for the instructor's page."""
        return [_sentence(protection) for protection in self.each]


def _sentence(protection: Protection) -> str:
    name = protection.against[0].upper() + protection.against[1:]
    if not protection.held:
        return f"{name}: NOT denied here. {protection.lacking}".rstrip()
    told = f"{name}: denied by {' and '.join(protection.by)}."
    return f"{told} {protection.lacking}".rstrip()
