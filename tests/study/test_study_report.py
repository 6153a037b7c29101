"""`arcvq study report`: every number from its JSON, and nothing from outside."""

import json
import re

import pytest
from small_studies import (
    ARMS,
    SEEDS,
    kept,
    leaves_of,
    read,
    study_of,
    trained,
    tree,
    written,
)

from arcvq_lite import cli
from arcvq_lite.study.findings import find
from arcvq_lite.study.finished_runs import read_runs
from arcvq_lite.study.report import write_report


def page(study, folder):
    return (write_report(study, folder).folder / "report.md").read_text("utf-8")


def rounded(leaf):
    """Every way in which a page may write a number, and what a text holds."""
    if isinstance(leaf, str):
        yield from numbers_of(leaf)
        return
    for digits in range(5):
        yield f"{leaf:.{digits}f}"
    yield f"{leaf:.3g}"
    yield str(leaf)


def numbers_of(text):
    return [
        found.lstrip("+")
        for found in re.findall(r"[+-]?\d+(?:\.\d+)?(?:e-?\d+)?", text)
    ]


# Of the words around the numbers: a year, the top of PSNR, names of losses and levels.
FIXED = {"1979", "1", "0", "-1"}


def test_every_number_on_the_page_is_in_its_json(study, folder):
    text = page(study, folder)
    stored = read(folder / "report" / "report.json")
    known = {text for leaf in leaves_of(stored) for text in rounded(leaf)} | FIXED
    missing = [number for number in numbers_of(text) if number not in known]
    assert missing == []
    assert len(numbers_of(text)) > 60
    assert "+0.54" in text


def test_a_number_that_is_not_in_the_json_would_be_found(study, folder):
    stored = read_json(study, folder)
    known = {text for leaf in leaves_of(stored) for text in rounded(leaf)} | FIXED
    assert "17.31" not in known


def read_json(study, folder):
    return read(write_report(study, folder).folder / "report.json")


def test_the_json_is_what_the_findings_are(study, folder):
    found = find(study, read_runs(study, folder))
    assert read_json(study, folder) == json.loads(json.dumps(found, allow_nan=False))


def test_the_html_asks_for_nothing_outside_itself(study, folder):
    target = write_report(study, folder).folder
    html = (target / "report.html").read_text("utf-8")
    sources = re.findall(r'(?:src|href|srcset|action)\s*=\s*"([^"]*)"', html)
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    for asking in ("http:", "https:", "url(", "@import", "<script", "<link", "<iframe"):
        assert asking not in html
    assert html.count("<h1>") == 1


def test_both_pages_say_the_same(study, folder):
    target = write_report(study, folder).folder
    html = (target / "report.html").read_text("utf-8")
    html = re.sub(r'data:[^"]*"|style="[^"]*"|<style>.*?</style>', "", html, flags=re.S)
    words = set(numbers_of(re.sub(r"<[^>]*>", " ", html)))
    assert set(numbers_of(page(study, folder))) <= words | {"1", "2"} | set(
        numbers_of(" ".join(re.findall(r'alt="[^"]*"', html)))
    )


def test_the_pictures_lie_beside_the_page(study, folder):
    text = page(study, folder)
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert names == ["effects_usage.png", "effects_psnr.png", "arms.png"]
    for name in names:
        content = (folder / "report" / name).read_bytes()
        assert content.startswith(b"\x89PNG")


def test_the_page_says_what_few_seeds_cannot(study, folder):
    text = page(study, folder)
    assert "With 5 seeds the smallest that it can give is 0.0625" in text
    assert "the verdicts rest on the intervals" in text
    assert "a probability of only 0.9375" in text
    assert "No checkpoint was chosen" in text


def test_words_that_look_like_html_are_words(tmp_path, folder):
    content = tree(("cosine", "both"), seeds=SEEDS, question="Is <b>a</b> & b | c?")
    study = study_of(tmp_path, content)
    target = write_report(study, folder).folder
    html = (target / "report.html").read_text("utf-8")
    assert "Is &lt;b&gt;a&lt;/b&gt; &amp; b | c?" in html


def test_a_report_written_again_has_the_same_bytes(study, folder):
    target = write_report(study, folder).folder
    once = {path.name: path.read_bytes() for path in target.iterdir()}
    write_report(study, folder)
    assert once == {path.name: path.read_bytes() for path in target.iterdir()}


# The verb, over runs that were trained


@pytest.mark.slow
def test_the_verb_reports_trained_runs(tmp_path, capsys):
    content = tree(("cosine", "ball", "swapped", "both"), steps=20)
    study = study_of(tmp_path, content)
    out = tmp_path / "out"
    for arm in content["arms"]:
        for seed in (0, 1):
            kept(study, out, arm, seed, trained(study, arm, seed))
    config = str(written(tmp_path, content))
    assert cli.main(["study", "report", config, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("it_works: ")
    text = (out / "report" / "report.md").read_text("utf-8")
    assert "Does the margin pull against the other losses?" in text
    assert all(f"| {arm} |" in text for arm in content["arms"])
    stored = read(out / "report" / "report.json")
    known = {text for leaf in leaves_of(stored) for text in rounded(leaf)} | FIXED
    assert [n for n in numbers_of(text) if n not in known] == []


def test_without_a_run_there_is_no_report(tmp_path, capsys):
    config = str(written(tmp_path, tree(tuple(ARMS))))
    assert cli.main(["study", "report", config, "--out", str(tmp_path)]) == 2
    assert "`arcvq study run` makes them" in capsys.readouterr().err
