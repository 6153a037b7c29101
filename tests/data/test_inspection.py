import json

import numpy as np
import pytest
from pictures import Held, encoded, held, jpeg, picture
from PIL import Image

from arcvq_lite.data.decoding import decode
from arcvq_lite.data.inspection import (
    KINDS,
    InspectionReport,
    inspect_image,
    inspect_source,
)

RAMP = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))


def turned():
    exif = Image.Exif()
    exif[0x0112] = 8
    return encoded(picture(), exif=exif)


def frames(form):
    images = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (250, 10)]
    return encoded(images[0], form, save_all=True, append_images=images[1:])


EXAMPLES = {
    "empty": [b""],
    "not an image": [b"<html>not found</html>", b"\0" * 64],
    "truncated": [jpeg()[:-100], encoded(picture(), "PNG")[:-900]],
    "corrupt": [encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF")],
    "too large": [encoded(Image.new("1", (10_000, 9_000)), "PNG")],
    "CMYK": [encoded(Image.new("CMYK", (8, 8)))],
    "16-bit": [
        encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), form)
        for form in ("PNG", "TIFF", "PPM")
    ],
    "animated": [frames(form) for form in ("GIF", "PNG", "WEBP")],
    "rotated": [turned()],
}


@pytest.mark.parametrize(
    ("kind", "content"),
    [(kind, content) for kind, some in EXAMPLES.items() for content in some],
)
def test_each_kind_is_found_and_said_to_be_usable_only_if_it_is(kind, content):
    (finding,) = inspect_image("name", content)
    assert (finding.name, finding.kind) == ("name", kind)
    assert finding.usable == KINDS[kind].usable
    if finding.usable:
        assert decode(content, shorter=8).shape[0] == 3
    else:
        with pytest.raises(ValueError, match=kind):
            decode(content, shorter=8)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_sound_images_are_not_mentioned(form):
    assert inspect_image("name", encoded(picture(), form)) == []


def mixed():
    source = held(150)
    source.contents[3] = b""
    source.contents[70] = EXAMPLES["CMYK"][0]
    source.contents[71] = PermissionError(13, "Permission denied")
    source.contents[149] = jpeg()[:-100]
    return source


def test_a_report_names_and_counts_everything():
    done = []
    report = inspect_source(mixed(), progress=lambda *at: done.append(at))
    assert report.images == 150
    assert report.unusable == 3
    assert report.counts == {"empty": 1, "truncated": 1, "unreadable": 1, "CMYK": 1}
    names = [finding.name for finding in report.findings]
    assert names == [f"picture-{n}.png" for n in (3, 70, 71, 149)]
    assert done == [(64, 150), (128, 150), (150, 150)]

    table = report.table()
    assert table.startswith("150 images, 3 of them unusable\n")
    assert "        1  CMYK          usable: converted to RGB" in table
    assert "unreadable    picture-71.png (Permission denied)" in table

    read = json.loads(report.to_json())
    assert read["counts"] == report.counts
    assert [finding["usable"] for finding in read["findings"]] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.slow
def test_workers_find_the_same():
    assert inspect_source(mixed(), workers=2) == inspect_source(mixed())


def test_a_sound_source_has_a_short_report():
    report = inspect_source(held(3))
    assert report == InspectionReport(3, ())
    assert report.table() == "3 images, 0 of them unusable"


def test_a_fault_of_the_storage_stops_the_inspection():
    with pytest.raises(OSError, match="Input/output"):
        inspect_source(Held([OSError(5, "Input/output error")]))


def test_names_cannot_steer_a_terminal():
    class Odd(Held):
        def name(self, index):
            return "a\x1b[2J\n\udce9.png"

    table = inspect_source(Odd([b""])).table()
    assert r"a\x1b[2J\n\udce9.png" in table
