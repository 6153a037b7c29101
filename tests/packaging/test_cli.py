"""The program `arcvq`: its help, its answers to wrong words, and its exit statuses."""

import subprocess
import sys

import pytest

from arcvq_lite import __version__, cli, installation
from arcvq_lite.book import site
from arcvq_lite.installation import Finding


def run(capsys, *words):
    status = cli.main(words)
    written = capsys.readouterr()
    return status, written.out, written.err


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_the_help_shows_every_verb_with_one_line(capsys, words):
    status, out, _ = run(capsys, *words)
    lines = out.splitlines()
    assert status == 0
    for verb in cli.VERBS:
        shown = [
            line
            for line in lines
            if line.split()[: len(verb.words.split())] == verb.words.split()
        ]
        assert len(shown) == 1
        assert shown[0].endswith(verb.summary)


def test_the_module_runs_as_the_program_does():
    command = [sys.executable, "-m", "arcvq_lite", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(verb.words in done.stdout for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.words)
def test_each_verb_has_a_help_of_its_own(capsys, verb):
    with pytest.raises(SystemExit) as left:
        cli.main([*verb.words.split(), "--help"])
    assert left.value.code == 0
    assert verb.summary in capsys.readouterr().out


def test_the_version(capsys):
    assert run(capsys, "--version") == (0, f"arcvq {__version__}\n", "")


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        (("chek",), "arcvq check"),
        (("book", "bild"), "arcvq book build"),
        (("book", "chekc"), "arcvq book check"),
        (("bok", "build"), "arcvq book"),
    ],
)
def test_a_misspelt_verb_is_answered_with_the_nearest(capsys, typed, nearest):
    status, out, err = run(capsys, *typed)
    assert (status, out) == (2, "")
    assert f"did you mean `{nearest}`?" in err


def test_a_verb_like_none_points_to_the_help(capsys):
    status, _, err = run(capsys, "zzz")
    assert status == 2
    assert "arcvq --help" in err


def test_a_group_alone_shows_its_members(capsys):
    status, out, _ = run(capsys, "book")
    assert status == 2
    assert "book build" in out
    assert "book check" in out
    assert "\n  check " not in out


def test_findings_are_shown_one_a_line_with_what_to_do(capsys, monkeypatch):
    findings = [
        Finding("Python", True, "3.12.1"),
        Finding("torch", False, "no module", "pip install torch"),
    ]
    monkeypatch.setattr(installation, "inspect_installation", lambda: findings)
    status, out, _ = run(capsys, "check")
    assert status == 1
    assert out.splitlines() == [
        "[ok] Python: 3.12.1",
        "[missing: pip install torch] torch: no module",
    ]


def test_all_found_is_a_success(capsys, monkeypatch):
    findings = [Finding("Python", True, "3.12.1")]
    monkeypatch.setattr(installation, "inspect_installation", lambda: findings)
    assert run(capsys, "check")[0] == 0


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError])
def test_what_the_user_can_mend_is_one_line_without_a_traceback(
    capsys, monkeypatch, error
):
    def refuse(arguments):
        raise error("top_k=3 needs at least 3 latents,\n  got 2")

    monkeypatch.setattr(cli, "VERBS", (cli.Verb("check", "Look.", refuse),))
    status, out, err = run(capsys, "check")
    assert (status, out) == (2, "")
    assert err == "arcvq: check: top_k=3 needs at least 3 latents, got 2\n"


def test_a_missing_extra_is_named_with_its_remedy(capsys, monkeypatch):
    def need(arguments):
        raise ModuleNotFoundError("No module named 'nbclient'", name="nbclient")

    monkeypatch.setattr(cli, "VERBS", (cli.Verb("check", "Look.", need),))
    status, _, err = run(capsys, "check")
    assert status == 2
    assert "check needs nbclient" in err
    assert "arcvq-lite[lab]" in err


def test_a_verb_with_an_extra_of_its_own_names_that_one(capsys, monkeypatch):
    def need(arguments):
        raise ModuleNotFoundError("No module named 'sphinx'", name="sphinx")

    (site,) = (verb for verb in cli.VERBS if verb.words == "book site")
    monkeypatch.setattr(cli, "VERBS", (site._replace(run=need),))
    assert "arcvq-lite[book]" in run(capsys, "book", "site")[2]


@pytest.mark.parametrize("built", [True, False])
def test_the_site_goes_to_build_and_its_front_page_is_named(
    capsys, monkeypatch, tmp_path, built
):
    def build_site(output, *, root):
        assert (output, root) == (tmp_path / "build" / "site", tmp_path)
        if not built:
            raise site.SiteError("Sphinx is not content")
        return output / "index.html"

    (tmp_path / "chapters").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(site, "build_site", build_site)
    status, out, err = run(capsys, "book", "site")
    assert status == (0 if built else 1)
    told = out.splitlines()[-1] if built else err
    wanted = str(tmp_path / "build" / "site" / "index.html")
    assert (wanted if built else "arcvq: book site: Sphinx is not content") in told


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch):
    def fail(arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "VERBS", (cli.Verb("check", "Look.", fail),))
    with pytest.raises(ZeroDivisionError):
        cli.main(["check"])


def test_the_book_is_checked_from_inside_its_tree_only(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, "book", "check")
    assert status == 2
    assert err.startswith("arcvq: book check: ")


def test_an_unknown_chapter_is_refused_before_anything_runs(
    capsys, monkeypatch, tmp_path
):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "03_margins.py").write_text("# %%\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, "book", "build", "04")
    assert status == 2
    assert "03_margins" in err
