"""What nbval is told to overlook is noise, and numbers are not."""

import re
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns

CONFIGURATION = Path(__file__).with_name("nbval_sanitize.cfg")


def masked(text: str) -> str:
    patterns = get_sanitize_patterns(CONFIGURATION.read_text(encoding="utf-8"))
    assert len(patterns) == 7
    for pattern, replacement in patterns:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            '<img src="data:image/png;base64,AA+/9=">',
            '<img src="data:image/png;base64,B">',
        ),
        (
            "&quot;data:image/webp;base64,AA&quot;",
            "&quot;data:image/webp;base64,BB&quot;",
        ),
        ("<Line2D at 0x7f00deadbeef>", "<Line2D at 0x55aa12345678>"),
        (
            "model 123e4567-e89b-12d3-a456-426614174000",
            "model 00000000e89b12d3a456426614174abc",
        ),
        ('<div id="plot-1a2b">', '<div id="plot-77">'),
        (
            "before\n 50%|#####     | 3/6 [00:01<00:01,  3.5it/s]\nafter",
            "before\n100%|##########| 6/6 [00:12<00:00, 13.5it/s]\nafter",
        ),
        ("finished after 12.5 s.", "finished after 8 s."),
        ("12 ms a step, 3.5 minutes in all", "9.75ms a step, 2 minutes in all"),
    ],
)
def test_noise_is_masked(one: str, other: str) -> None:
    assert masked(one) == masked(other)
    assert masked(one) != one


@pytest.mark.parametrize(
    "text",
    [
        "loss 0.1234 at step 600, 65 % of codes",
        "margin 0.5 s = 10, K = 128",
        "theta + m = 2.1 radians, 44° apart",
        "tokens [12, 63, 7] of shape (1, 8, 8)",
        "<b>valid = 3</b>",
    ],
)
def test_numbers_are_compared(text: str) -> None:
    assert masked(text) == text
