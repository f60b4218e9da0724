from __future__ import annotations

from seqtrain.analysis.arrays import Array
from seqtrain.analysis.examine import Example


def test_what_is_shown_has_the_type(tagged: list[Example]) -> None:
    parts: list[Array] = [*tagged[0].parts.values()]
    assert tagged[0].reach is not None
    assert {str(part.dtype) for part in (*parts, tagged[0].reach)} == {"float32"}
