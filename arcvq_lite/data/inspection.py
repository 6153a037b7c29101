"""What is wrong, or merely unusual, with each image of a source."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from PIL import Image

from arcvq_lite.data.decoding import (
    ORIENTATION,
    UPRIGHT,
    UndecodableError,
    decode,
    opened,
)
from arcvq_lite.data.read_ahead import read_ahead
from arcvq_lite.data.source import ImageSource

_CHUNK = 64  # images a worker inspects at a time


@dataclass(frozen=True)
class Kind:
    """A sort of finding.

    Attributes:
        usable: whether training can use such an image.
        meaning: what it is, and what training makes of it.
    """

    usable: bool
    meaning: str


KINDS = {
    "empty": Kind(False, "no content"),
    "not an image": Kind(False, "no known image format"),
    "truncated": Kind(False, "cut short"),
    "corrupt": Kind(False, "damaged, or pixels without an agreed white"),
    "too large": Kind(False, "more pixels than a decompression bomb's limit"),
    "unreadable": Kind(False, "the file cannot be read"),
    "CMYK": Kind(True, "converted to RGB"),
    "16-bit": Kind(True, "scaled to 8 bits"),
    "animated": Kind(True, "several pictures; the first is used"),
    "rotated": Kind(True, "turned upright by its EXIF data"),
}


@dataclass(frozen=True)
class Finding:
    """One thing found at one image.

    Attributes:
        name: of the image.
        kind: a key of `KINDS`.
        detail: what the decoder said, or nothing.
    """

    name: str
    kind: str
    detail: str = ""

    @property
    def usable(self) -> bool:
        """Whether training can use the image."""
        return KINDS[self.kind].usable


@dataclass(frozen=True)
class InspectionReport:
    """What an inspection found.

    Attributes:
        images: how many were inspected.
        findings: in the order of the source; an image may have several.
    """

    images: int
    findings: tuple[Finding, ...]

    @property
    def unusable(self) -> int:
        """How many images training would have to replace."""
        return sum(not finding.usable for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind was found, in the order of `KINDS`."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    def table(self) -> str:
        """Lay the findings out as text: a line a kind, then a line a finding."""
        lines = [f"{self.images} images, {self.unusable} of them unusable"]
        for kind, count in self.counts.items():
            use = "usable" if KINDS[kind].usable else "unusable"
            lines.append(f"{count:>9}  {kind:<12}  {use}: {KINDS[kind].meaning}")
        if self.findings:
            lines.append("")
        for finding in self.findings:
            detail = f" ({finding.detail})" if finding.detail else ""
            lines.append(f"{finding.kind:<12}  {_printable(finding.name + detail)}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Write the report as JSON."""
        return json.dumps(
            {
                "images": self.images,
                "unusable": self.unusable,
                "counts": self.counts,
                "findings": [
                    asdict(finding) | {"usable": finding.usable}
                    for finding in self.findings
                ],
            },
            indent=1,
        )


def inspect_source(
    source: ImageSource,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> InspectionReport:
    """Read and decode every image of a source in full.

    Damage that leaves a JPEG's structure whole, such as a changed byte among its
    coefficients, shows in the picture alone and is not found.

    Args:
        source: the images, from `open_source`.
        workers: processes to share the work; 0 does it here.
        progress: called with the images inspected and their number in all.

    Returns:
        The report.

    Raises:
        OSError: if the storage fails, other than for a single file that is missing
            or may not be read.
    """
    inspector = _Inspector(source)
    findings: list[Finding] = []
    total = len(source)
    for done, found in enumerate(
        read_ahead(inspector, range(-(-total // _CHUNK)), workers), start=1
    ):
        findings += found
        if progress is not None:
            progress(min(done * _CHUNK, total), total)
    return InspectionReport(total, tuple(findings))


def inspect_image(name: str, encoded: bytes) -> list[Finding]:
    """Inspect one image; what is sound and usual gives no finding."""
    try:
        with opened(encoded) as stored:
            unusual = _unusual(stored)
        decode(encoded)
    except UndecodableError as error:
        return [Finding(name, error.kind, error.detail)]
    return [Finding(name, kind) for kind in unusual]


def _unusual(stored: Image.Image) -> list[str]:
    facts = {
        "CMYK": stored.mode == "CMYK",
        # How the pixels are packed in the file, whatever Pillow makes of them.
        "16-bit": ";16" in str(getattr(stored, "tile", "")) or ";16" in stored.mode,
        "animated": bool(getattr(stored, "is_animated", False)),
        "rotated": stored.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT,
    }
    return [kind for kind, found in facts.items() if found]


def _printable(text: str) -> str:
    """Show odd characters of a file name as escapes, lest they steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True, eq=False)
class _Inspector:
    """The findings of one stretch of a source, by its number."""

    source: ImageSource

    def __getitem__(self, number: int) -> list[Finding]:
        stretch = range(number * _CHUNK, (number + 1) * _CHUNK)
        findings: list[Finding] = []
        for index in stretch[: len(self.source) - stretch.start]:
            name = self.source.name(index)
            try:
                encoded = self.source.read(index)
            except (FileNotFoundError, PermissionError) as error:
                detail = error.strerror or str(error)
                findings.append(Finding(name, "unreadable", detail))
            else:
                findings += inspect_image(name, encoded)
        return findings
