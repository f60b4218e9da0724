from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from seqtrain.commands.arguments import Arguments, load_run, parse_arguments, parse_names
from seqtrain.config import ConfigError


def parse(*arguments: str, **options) -> Arguments:
    given = parse_arguments(arguments, "usage\n", ("run_dir",), ("output", "input"), **options)
    assert given is not None
    return given


def test_keys_and_values() -> None:
    assert parse("run_dir=a", "output=b=c") == {"run_dir": "a", "output": "b=c"}


def test_a_plain_argument_is_the_run_folder() -> None:
    assert parse("runs/pos/lstm") == {"run_dir": "runs/pos/lstm"}


def test_a_folder_whose_name_holds_an_equals_sign_is_a_plain_argument(tmp_path: Path) -> None:
    (tmp_path / "seed=0").mkdir()
    assert parse(f"{tmp_path}/seed=0") == {"run_dir": f"{tmp_path}/seed=0"}


def test_a_repeatable_key_keeps_every_value_in_order() -> None:
    given = parse("a", "input=1", "input=2", repeatable=("input",))
    assert given["input"] == "2"
    assert given.all_of("input") == ["1", "2"]
    assert given.all_of("output") == []


def test_help_prints_the_usage(capsys) -> None:
    assert parse_arguments(["run_dir=a", "--help"], "usage\n", ("run_dir",), ()) is None
    assert capsys.readouterr().out == "usage\n"


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("ouptut=a", "input=1", "input=2", "--force")
    assert [*refused.value.problems] == [
        "ouptut: no such argument; did you mean output?",
        "input: given twice",
        "--force: no such flag; arguments are key=value, with a key of run_dir, output, input",
        "run_dir: missing; give run_dir=...",
    ]


def test_a_choice() -> None:
    parse("a", "output=json").check_choice("output", ("table", "json"))
    with pytest.raises(ConfigError) as refused:
        parse("a", "output=xml").check_choice("output", ("table", "json"))
    assert [*refused.value.problems] == ["output: got 'xml', expected one of table, json"]


@pytest.mark.parametrize("text", ["mine,theirs", "[mine, theirs]", "[mine,theirs,]"])
def test_names_in_a_list(text: str) -> None:
    assert parse_names(text) == ["mine", "theirs"]


def test_a_run_that_finishes_later_does_not_replace_the_latest(
    trained_digits: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = (tmp_path / "runs" / "digits" / "lstm" / name for name in ("a", "b"))
    shutil.copytree(trained_digits, first)
    run = load_run(parse("latest"))
    shutil.copytree(trained_digits, second)
    os.utime(second / "metrics.json", (4e9, 4e9))
    assert run.folder.path.resolve() == first
    assert run.checkpoint.resolve() == first / "checkpoints" / "best.ckpt"
    assert load_run(parse("latest")).folder.path.resolve() == second


def test_data_that_has_moved(trained_digits: Path, trained_pos: Path) -> None:
    given = parse(str(trained_pos))
    given.add("data_dir", "elsewhere")
    assert load_run(given).config.data.path == "elsewhere"
    given["run_dir"] = str(trained_digits)
    with pytest.raises(ConfigError) as refused:
        load_run(given)
    assert [*refused.value.problems] == [
        "data_dir: the data of this run does not come from a folder; leave it out"
    ]
