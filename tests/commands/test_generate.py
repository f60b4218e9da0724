from __future__ import annotations

from pathlib import Path

import pytest
from command_output import refused

from seqtrain.commands import generate


def test_a_text_is_written_after_its_prompt(trained_text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(trained_text), "prompt=the", "length=8", "temperature=0"]
    assert generate.main(arguments) == 0
    assert capsys.readouterr().out == "the light l\n"
    assert generate.main([str(trained_text), "length=40", "seed=3"]) == 0
    first = capsys.readouterr().out
    assert len(first) == 41
    assert generate.main([str(trained_text), "length=40", "seed=3"]) == 0
    assert capsys.readouterr().out == first


def test_unknown_characters_of_a_prompt_are_told(
    trained_text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main([str(trained_text), "prompt=the x", "length=3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("the x")
    assert captured.err == "not in the training text: x\n"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("length=0", "length: got 0, expected a whole number of at least 1"),
        ("length=few", "length: got 'few', expected a whole number of at least 1"),
        ("temperature=-1", "temperature: got -1.0, expected a number of at least 0"),
        ("text=the", "text: no such argument"),
    ],
)
def test_refusals(
    trained_text: Path, capsys: pytest.CaptureFixture[str], argument: str, message: str
) -> None:
    assert generate.main([str(trained_text), argument]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_a_model_that_is_none_of_language(trained_digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "this model is not a language model" in refused(generate.main, [str(trained_digits)], capsys)
