from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.errors import DataError
from seqtrain.spec import DataSpec


class TestVectors:
    """Train: the 2, runs 2, dog, end, run; dev: RUNS the cat; test: cat, dog runs."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "vectors.txt"
        path.write_text("Cat 1 2\nwug 3 4\nblicket 5 6\nThe 7 8\nend 9 10\n")
        return path

    def test_words_of_the_file_stand_behind_those_of_train(self, source, file: Path) -> None:
        corpus = source(vectors=file, max_vectors=2).load()
        words = corpus.spec.inputs.words
        assert words.entries == ("runs", "the", "dog", "end", "run", "cat", "wug")
        assert words.counts == (2, 2, 1, 1, 1, 0, 0)
        assert corpus.spec.inputs.vector_size == 2
        assert corpus.vectors.tolist() == [
            *[[0, 0]] * 3,  # padding, unknown, runs
            [7, 8],
            [0, 0],
            [9, 10],
            [0, 0],
            [1, 2],
            [3, 4],
        ]
        without = source().load().spec
        assert corpus.spec.inputs.characters == without.inputs.characters
        assert DataSpec.from_dict(corpus.spec.to_dict()) == corpus.spec != without

    def test_a_word_that_train_lacks_is_known_and_unseen(self, source, file: Path) -> None:
        batch = source(vectors=file).load().splits["dev"].batch([0])
        assert batch.inputs.word.tolist() == [[2, 3, 7]]
        assert batch.unseen.tolist() == [[False, False, True]]

    def test_a_word_that_train_has_too_rarely_is_known_and_seen(self, source, file: Path) -> None:
        corpus = source(vectors=file, max_vectors=0, min_count=2).load()
        assert corpus.spec.inputs.words.entries == ("runs", "the", "end")
        assert corpus.spec.inputs.words.counts == (2, 2, 0)
        batch = corpus.splits["train"].batch([1])
        assert batch.inputs.word.tolist() == [[3, 2, 4]]
        assert batch.unseen.tolist() == [[False] * 3]

    def test_what_is_covered_is_told(self, source, file: Path) -> None:
        told = source(vectors=file).load().describe().partition("; 3 classes; ")[2]
        assert told == (
            "10 known words, 14 characters; 5 word vectors of 2 numbers, for 40.0% of train's known words"
        )

    def test_a_checkpoint_says_what_the_file_said(self, source, file: Path) -> None:
        first = source(vectors=file).load()
        file.unlink()
        again = source(vectors=file)
        again.recall(first.spec)
        second = again.load()
        assert second.spec == first.spec
        assert second.vectors is None
        assert second.splits["dev"].batch([0]).inputs.word.tolist() == [[2, 3, 7]]

    def test_a_checkpoint_without_vectors_says_nothing(self, source, file: Path) -> None:
        spec = source().load().spec
        again = source(vectors=file)
        again.recall(spec)
        assert again.load().spec != spec
        without = source()
        without.recall(again.load().spec)
        assert without.load().spec == spec
        file.unlink()
        with pytest.raises(DataError, match=f"^{file}: no such file; give data.vectors a text file"):
            again.load()
