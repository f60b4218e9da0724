from pathlib import Path

import pytest

from seqtrain.errors import DataError, printable, printable_line


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


def test_a_line_stays_one_line() -> None:
    assert printable_line("runs/a\nb\tc\x1b\u2028d") == "runs/a\\nb\\tc\\x1b\\u2028d"
