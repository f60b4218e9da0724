from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from seqtrain.data.files.cache import cached
from seqtrain.data.files.tagged_file import TaggedFile, flatten, read_tagged_file


class Sentence(NamedTuple):
    words: list[str]
    tags: list[str]


SENTENCES = [Sentence(["a", "b", "a"], ["X", "Y", "X"]), Sentence(["c"], ["Z"]), Sentence(["b"], ["X"])]


@pytest.fixture
def file() -> TaggedFile:
    return TaggedFile(Path("file"), **flatten(SENTENCES))


def test_spellings_and_tags_are_numbered_as_they_appear(file: TaggedFile) -> None:
    assert (file.forms, file.form.tolist()) == (["a", "b", "c"], [0, 1, 0, 2, 1])
    assert (file.tags, file.tag.tolist()) == (["X", "Y", "Z"], [0, 1, 0, 2, 0])
    assert file.lengths.tolist() == [3, 1, 1]
    assert (file.form.dtype, file.tag.dtype, file.lengths.dtype) == (torch.int32, torch.int32, torch.int64)


def test_what_occurs_is_counted(file: TaggedFile) -> None:
    assert file.form_counts() == [("a", 2), ("b", 2), ("c", 1)]
    some = file.select(torch.tensor([False, True, True]))
    assert some.form_counts() == [("b", 1), ("c", 1)]
    assert some.tag_counts() == {"X": 1, "Z": 1}
    assert some.lengths.tolist() == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"form": torch.tensor([0, 1, 0, 3, 1])},
        {"form": torch.tensor([0, 1, 0, -1, 1])},
        {"tag": torch.tensor([0, 1, 0, 2])},
        {"lengths": torch.tensor([3, 1])},
        {"lengths": torch.tensor([4, 0, 1])},
        {"forms": ["a", "b", ""]},
        {"tags": ["X", "Y", 3]},
    ],
)
def test_arrays_that_do_not_agree_are_not_sound(file: TaggedFile, change: dict[str, object]) -> None:
    assert file.is_sound()
    assert not replace(file, **change).is_sound()


def test_a_cached_result_that_is_not_sound_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    wrong = flatten(SENTENCES) | {"lengths": torch.tensor([9])}
    cached(path, "kind-1", lambda: wrong, tmp_path / "cache", options="a")
    file = read_tagged_file(path, "kind-1", lambda _: SENTENCES, tmp_path / "cache", options="a")
    assert file.lengths.tolist() == [3, 1, 1]
