from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seqtrain.commands.interface import Arguments, exit_code, load_run, parse_arguments, parse_names
from seqtrain.config import ConfigError
from seqtrain.errors import InputError


def parse(*arguments: str, **options) -> Arguments:
    given = parse_arguments(arguments, "usage\n", ("run_dir",), ("output", "input"), **options)
    assert given is not None
    return given


def test_keys_and_values() -> None:
    assert parse("run_dir=a", "output=b=c") == {"run_dir": "a", "output": "b=c"}


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
    problem = "data_dir: the data of this run does not come from a folder; leave it out"
    assert refused.value.problems == (problem,)


def raise_(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("refused"), 2, "refused\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (KeyboardInterrupt("Resume it."), 130, "Interrupted. Resume it.\n"),
        (SystemExit(0), 0, ""),
        (SystemExit(3), 1, ""),
        (OSError(28, "No space left on device", "runs/a"), 1, "seqtrain: runs/a: No space left on device\n"),
        (OSError(28, "No space left on device"), 1, "seqtrain: No space left on device\n"),
        (OSError(21, "Is a directory", "a.partial", None, "a"), 1, "seqtrain: a: Is a directory\n"),
        (OSError(28, "No space left on device", b"a"), 1, "seqtrain: a: No space left on device\n"),
        (
            MemoryError("Unable to allocate 1 TiB"),
            1,
            "seqtrain: not enough memory: Unable to allocate 1 TiB\n",
        ),
    ],
)
def test_what_is_raised(error: BaseException, code: int, message: str, capsys) -> None:
    assert exit_code(raise_(error)) == code
    assert capsys.readouterr() == ("", message)


def test_an_interruption_that_a_library_turned_into_an_error(capsys) -> None:
    def command() -> None:
        try:
            raise KeyboardInterrupt("Resume it.")
        except KeyboardInterrupt:
            raise ValueError("Unsupported interpolation type") from None

    assert exit_code(command) == 130
    assert capsys.readouterr() == ("", "Interrupted. Resume it.\n")


def test_anything_else_shows_a_traceback(capsys) -> None:
    assert exit_code(raise_(RuntimeError("broken"))) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("RuntimeError: broken\n")


def test_sigterm_interrupts_and_its_handler_is_restored(capsys) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_runs_in_a_thread_too() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(exit_code(lambda: None)))
    thread.start()
    thread.join()
    assert codes == [0]
