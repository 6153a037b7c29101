"""Words that are refused: one sentence, with what to type."""

import pytest

from arcvq_lite import cli

EXAMPLE = "for example: arcvq grade a1 handed-in.zip --out marks/a1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a1", "missing: SUBMISSIONS, --out OUT"),
        ("a1 in", "missing: --out OUT"),
        ("a1 in --out out --seeed 3", "no argument --seeed, did you mean --seed?"),
        ("a1 in --out out --zzz 3", "there is no argument --zzz;"),
        ("a1 in --out out --seed 1.5", "--seed 1.5 is not a whole number"),
        ("a1 in --out out --jobs many", "--jobs many is not a whole number"),
        ("a1 in --out out --time soon", "--time soon is not a number"),
    ],
)
def test_a_refusal_is_one_sentence_with_an_example(capsys, words, said):
    assert cli.main(["grade", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("arcvq: grade: ")
    assert said in err
    assert err.endswith(f"{EXAMPLE}\n")


def test_a_verb_without_an_example_points_to_its_help(capsys):
    assert cli.main(["watch"]) == 2
    assert capsys.readouterr().err == (
        "arcvq: watch: missing: FOLDER; see `arcvq watch --help`\n"
    )


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.words)
def test_the_help_of_a_verb_speaks_no_python(capsys, verb):
    if verb.declare is None:
        pytest.skip("it has a parser of its own")
    with pytest.raises(SystemExit):
        cli.main([*verb.words.split(), "--help"])
    told = capsys.readouterr().out
    for word in ("<class", "null", "None", "type:"):
        assert word not in told
