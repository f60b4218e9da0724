from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from seqtrain.config import ConfigError
from seqtrain.errors import (
    DataError,
    InputError,
    RunError,
    first_line,
    keep_interrupts,
    name_some,
    nearest,
    not_among,
    printable,
    printable_line,
    show,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("empty"), "empty"),
        (DataError("empty", "a.conllu"), "a.conllu: empty"),
        (DataError("too short", Path("a.conllu"), 3), "a.conllu:3: too short"),
        (DataError("too short", Path("a\nb.conllu"), 3), "a\\nb.conllu:3: too short"),
    ],
)
def test_a_data_error_starts_with_the_place(error: DataError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("na\u00efve\n\ttext", "na\u00efve\n\ttext"),
        ("\x1b[2J\r", "\\x1b[2J\\r"),
        ("a\u202eb\x7f\x9b\ud800", "a\\u202eb\\x7f\\x9b\\ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_of_many_names_some_are_listed() -> None:
    assert name_some(["a", "b"]) == "a, b"
    assert name_some(range(1_234), most=2) == "0, 1, 1,232 more"
    assert name_some(["x" * 61, "\x1b\n"]) == f"{'x' * 59}\N{HORIZONTAL ELLIPSIS}, \\x1b\\n"


def test_a_line_stays_one_line() -> None:
    assert printable_line("runs/a\nb\tc\x1b\u2028d") == "runs/a\\nb\\tc\\x1b\\u2028d"


def test_one_problem() -> None:
    error = ConfigError(["seed: got true, expected a whole number of at least 0"])
    assert str(error) == (
        "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n"
        "  seed: got true, expected a whole number of at least 0"
    )
    assert isinstance(error, InputError)


def test_the_same_problem_is_told_once() -> None:
    assert ConfigError(["a: b", "c: d", "a: b"]).problems == ("a: b", "c: d")


def test_survives_pickling_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(ConfigError(["a: b"])))
    assert error.problems == ("a: b",)


@pytest.mark.parametrize(
    ("word", "meant"), [("bilsm", "bilstm"), ("LSTM", "lstm"), ("Tanh", "tanh"), ("xyz", None)]
)
def test_nearest(word: str, meant: str | None) -> None:
    assert nearest(word, ["bilstm", "lstm", "tanh"]) == meant


def test_not_among() -> None:
    assert not_among("relo", ["tanh", "relu"]) == "got 'relo', expected one of tanh, relu; did you mean relu?"
    assert not_among(None, ["tanh", "relu"]) == "got null, expected one of tanh, relu"


def test_show_is_yaml_and_short() -> None:
    assert [show(value) for value in (None, True, 1.5, "two")] == ["null", "true", "1.5", "'two'"]
    assert show("x" * 100) == "'" + "x" * 56 + "..."


def test_first_line() -> None:
    assert first_line(ValueError("\n  one\ntwo")) == "one"
    assert first_line(AssertionError()) == "AssertionError"


def exit_as_lightning_does() -> None:
    try:
        raise KeyboardInterrupt("asked")
    except KeyboardInterrupt:
        raise SystemExit(1)  # noqa: B904


def fail_while_resolving() -> None:
    """As in OmegaConf, which handles what it meets by raising an error of its own, twice."""
    try:
        try:
            raise KeyboardInterrupt("asked")
        finally:
            raise KeyError("metrics")
    except KeyError as error:
        raise ValueError("Unsupported interpolation") from error


def hide_the_cause() -> None:
    try:
        fail_while_resolving()
    except ValueError:
        raise SystemError("returned a result with an exception set") from None


@pytest.mark.parametrize("call", [exit_as_lightning_does, fail_while_resolving, hide_the_cause])
def test_an_interrupt_that_was_turned_into_something_else(call: Callable[[], None]) -> None:
    with pytest.raises(KeyboardInterrupt, match="asked"), keep_interrupts():
        call()


def test_any_other_exit_is_kept() -> None:
    with pytest.raises(SystemExit) as caught, keep_interrupts():
        raise SystemExit(3)
    assert caught.value.code == 3


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RunError("diverged")])
def test_what_fails_while_an_interrupted_run_is_saved_is_kept(error: Exception) -> None:
    def save() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise error

    with pytest.raises(type(error)) as caught, keep_interrupts():
        save()
    assert caught.value is error


def test_an_error_that_contains_itself_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    with pytest.raises(ValueError, match="a"), keep_interrupts():
        raise first
