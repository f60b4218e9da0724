import math
from typing import Any, Literal

import pytest

from seqtrain.config.schemas.schema import (
    Count,
    Natural,
    Node,
    NonNegative,
    Positive,
    Share,
    accepts,
    describe,
    words_of,
)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Count, [1, 10], [0, -1, 1.0, True, "1", None, math.inf]),
        (Natural, [0], [-1, False]),
        (Share, [0, 0.5, 1], [1.5, -0.1, math.nan, math.inf, True, "0.5"]),
        (Positive, [1e-9, 3], [0, -1, math.nan, math.inf]),
        (NonNegative, [0, 0.0], [-1e-9, -math.inf]),
        (bool, [True, False], [0, 1, "true", None]),
        (str, ["", "a"], [1, None, True]),
        (float | None, [None, 1, 1.5], [math.nan, "x", False]),
        (Literal["tanh", "relu"], ["tanh"], ["Tanh", None]),
        (Literal[16, "auto"], [16, "auto"], [16.0, "16"]),
        (Literal[1], [1], [True]),
        (list[int], [[], [1, 2]], [[1, "a"], 1, None]),
        (tuple[Share, Share], [[0.9, 0.99]], [[0.9], [0.9, 2], 0.9]),
        (dict[str, int], [{}, {"a": 1}], [[], None]),
        (Node, [{"_target_": "a.B"}], [{}, {"a": 1}, "a.B"]),
        (Any, [None, 1, {}], []),
        (tuple[int, ...], [[1], 1], []),
    ],
)
def test_accepts(kind: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not accepts(kind, value)] == []
    assert [value for value in wrong if accepts(kind, value)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Count, "a whole number of at least 1"),
        (Share | None, "a number from 0 to 1 or null"),
        (Positive, "a number above 0"),
        (Literal["tanh", "relu"], "one of tanh, relu"),
        (list[int], "a list, each item a whole number"),
        (tuple[int, str], "a list of 2: a whole number, a text"),
        (Node | None, "a mapping with _target_ or null"),
        (dict[str, int], "a mapping"),
        (Any, "a value"),
    ],
)
def test_describe(kind: Any, text: str) -> None:
    assert describe(kind) == text


def test_words_of() -> None:
    assert words_of(Literal["a", 3] | None) == ["a"]
    assert words_of(int | None) == []
