"""Part-of-speech tagging on a Universal Dependencies treebank."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.batching.word_dataset import Spellings, WordDataset, number_forms
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset
from seqtrain.data.files.cache import cached
from seqtrain.data.files.conllu import UPOS, ConlluFile, read_utf8
from seqtrain.data.files.downloads import ENGLISH_EWT, fetch, read_content, verify
from seqtrain.data.files.word_vectors import read_word_vectors
from seqtrain.data.sources.samples import sample_dir
from seqtrain.data.vocabulary import build_vocabulary, count_characters, count_words, extend_vocabulary
from seqtrain.errors import DataError
from seqtrain.records import DataSpec, Vocabulary

ENCODING_VERSION = 1  # raise it whenever the same file is to be encoded differently


@dataclass(frozen=True)
class TaggedFile:
    """One file of a treebank as flat tensors; words are rows of `forms`, tags numbers in UPOS."""

    path: Path
    forms: list[str]  # distinct spellings
    form: Tensor  # (words,)
    tags: Tensor  # (words,)
    lengths: Tensor  # (sentences,)

    def form_counts(self) -> list[tuple[str, int]]:
        return list(zip(self.forms, self.form.bincount().tolist(), strict=True))

    def tag_names(self) -> list[str]:
        return [UPOS[number] for number in sorted(set(self.tags.tolist()))]


class Treebank:
    """The sentences of a treebank: a sample of this project by its name, a folder, or a treebank in data_dir.

    `treebank` names a sample (pos_sample) or a folder in `data_dir`; English-EWT is downloaded there if it is
    missing. `path` names any folder instead. A folder holds one file for each split whose name ends in
    `train.conllu`, `dev.conllu` and `test.conllu`. Words that occur fewer than `min_count` times in the
    training part are unknown words.

    `vectors` is a file of pretrained word vectors (see `read_word_vectors`). Of its words all that train has
    and the first `max_vectors` others (None: all) are kept; they are known words too, with a count of 0 where
    train lacks them or has them too rarely.
    """

    def __init__(
        self,
        *,
        data_dir: str | Path,
        treebank: str,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        path: str | Path | None = None,
        min_count: int = 1,
        vectors: str | Path | None = None,
        max_vectors: int | None = 100_000,
        cache_dir: str | Path | None = None,
    ) -> None:
        if min_count < 1:
            raise ValueError(f"min_count must be at least 1, got {min_count}")
        self.batching = Batching(batch_size, max_tokens, eval_batch_size)
        self._data_dir, self._treebank, self._path = Path(data_dir), treebank, path
        self._min_count, self._cache_dir = min_count, cache_dir
        self._vectors, self._max_vectors = vectors, max_vectors
        self._recalled: DataSpec | None = None

    def recall(self, spec: DataSpec) -> None:
        """Take the words of the vectors' file from the spec of a checkpoint, which has their vectors."""
        if spec.words is not None and spec.vector_size is not None:
            self._recalled = spec

    def load(self) -> Corpus:
        files = {split: read_tagged_file(path, self._cache_dir) for split, path in self._find_files().items()}
        train = files["train"]
        names = train.tag_names()
        for split in ("dev", "test"):
            _refuse_new_tags(files[split], names, train.path)
        counts = count_words(train.form_counts())
        words, vector_size, vectors = self._add_vectors(build_vocabulary(counts, self._min_count), counts)
        spec = DataSpec(
            target_names=tuple(names),
            words=words,
            characters=build_vocabulary(count_characters(train.form_counts())),
            vector_size=vector_size,
        )
        return Corpus(spec, {split: _encode(file, spec, counts) for split, file in files.items()}, vectors)

    def _add_vectors(
        self, words: Vocabulary, train_words: Counter[str]
    ) -> tuple[Vocabulary, int | None, Tensor | None]:
        """The words with those of the vectors' file, the size of the vectors, and their table."""
        if self._vectors is None:
            return words, None, None
        if self._recalled is not None and self._recalled.words is not None:
            known = self._recalled.words
            words = extend_vocabulary(words, known.entries[known.num_counted :])
            return words, self._recalled.vector_size, None
        found = read_word_vectors(self._vectors, train_words.keys(), self._max_vectors)
        words = extend_vocabulary(words, found.words)
        return words, found.size, found.rows_of(words)

    def _find_files(self) -> dict[str, Path]:
        if self._path is not None:
            return find_splits(Path(self._path), "set data.path to a folder that holds it")
        folder = sample_dir(self._treebank)
        if folder is not None:
            return find_splits(folder, "reinstall this package")
        folder = self._data_dir / self._treebank
        if self._treebank == ENGLISH_EWT.folder:
            fetch(ENGLISH_EWT, folder)
            for name, sha256 in ENGLISH_EWT.sha256.items():
                verify(read_content(folder / name), sha256, folder / name)
        return find_splits(
            folder,
            f"download the treebank {self._treebank} from https://universaldependencies.org and put its"
            f" *-ud-train.conllu, *-ud-dev.conllu and *-ud-test.conllu into {folder}, or set data.path;"
            " data=pos_sample works without a download",
        )


def find_splits(folder: Path, remedy: str) -> dict[str, Path]:
    """The file of each split in `folder`."""
    found = {}
    for split in SPLITS:
        candidates = sorted(folder.glob(f"*{split}.conllu"))
        if not candidates:
            raise DataError(f"no file *{split}.conllu here; {remedy}", folder)
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            raise DataError(
                f"one file *{split}.conllu expected, found {names}; keep one treebank here", folder
            )
        found[split] = candidates[0]
    return found


def read_tagged_file(path: Path, cache_dir: str | Path | None = None) -> TaggedFile:
    """Read a file, or what was kept from reading the same content before."""

    def read() -> dict[str, object]:
        sentences = ConlluFile(read_utf8(path), path, tagged=True).parse()
        forms, form = number_forms(word for sentence in sentences for word, _ in sentence)
        number = {tag: place for place, tag in enumerate(UPOS)}
        return {
            "forms": forms,
            "form": torch.tensor(form),
            "tags": torch.tensor([number[tag] for sentence in sentences for _, tag in sentence]),
            "lengths": torch.tensor([len(sentence) for sentence in sentences]),
        }

    kept = cached(path, f"conllu-{ENCODING_VERSION}", read, cache_dir)
    return TaggedFile(path, **kept)


def _encode(file: TaggedFile, spec: DataSpec, train_words: Counter[str]) -> Dataset:
    target = torch.full((len(UPOS),), -1)
    for number, name in enumerate(spec.target_names):
        target[UPOS.index(name)] = number
    spellings = Spellings.encode(file.forms, spec, seen=train_words)
    return WordDataset(file.lengths, file.form, spellings, target[file.tags])


def _refuse_new_tags(file: TaggedFile, known: list[str], train_path: Path) -> None:
    for tag in file.tag_names():
        if tag not in known:
            line = ConlluFile(read_utf8(file.path), file.path, tagged=True).line_of(tag)
            raise DataError(
                f"the tag {tag} does not occur in {train_path.name}, so that no model can learn it; retag"
                f" these words, or move some sentences with {tag} into the training part",
                file.path,
                line,
            )
