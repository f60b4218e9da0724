import pickle

import pytest

from seqtrain.config import ConfigError
from seqtrain.config.problems import first_line, nearest, not_among, show
from seqtrain.errors import InputError


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
