"""A Universal Dependencies treebank: words, and a tag for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqtrain.data.corpus import SPLITS, Batching
from seqtrain.data.files.columns import TaggedSentence
from seqtrain.data.files.conllu import ConlluReader, TagColumn
from seqtrain.data.files.downloads import ENGLISH_EWT, fetch, read_content, sample_dir, verify
from seqtrain.data.files.tagged_file import TaggedFile, read_tagged_file
from seqtrain.data.sources.words import Files, KnownWords, WordSource
from seqtrain.errors import DataError

CACHE_VERSION = 2  # increase it whenever a change makes the same file read differently
GITHUB = "https://github.com/UniversalDependencies"


class Treebank(WordSource):
    """The sentences of a treebank: a sample of this package, a folder, or a treebank in data_dir.

    Args:
        data_dir: where treebanks are. English-EWT is downloaded there if it is missing.
        treebank: the name of a sample (pos_sample) or of a folder in `data_dir`.
        column: where the tags are: UPOS, XPOS, FEATS, DEPREL or MISC:Key.
        path: a folder to use instead of `data_dir` and `treebank`. It has one file for each split, whose name
            ends in `train.conllu`, `dev.conllu` or `test.conllu`; a missing dev is taken from train.
        min_count: words that occur less often in train are unknown.
        vectors: a file of pretrained word vectors, see `KnownWords`.
        max_vectors: see `KnownWords`.
        cache_dir: where parsed files are cached; None for the user's cache folder.
        download: whether to download missing files; for a run folder, which may come from others, false.
    """

    def __init__(
        self,
        *,
        data_dir: str | Path,
        treebank: str,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
        column: str = "UPOS",
        path: str | Path | None = None,
        min_count: int = 1,
        vectors: str | Path | None = None,
        max_vectors: int | None = 100_000,
        cache_dir: str | Path | None = None,
        download: bool = True,
    ) -> None:
        batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        super().__init__(batching, KnownWords(min_count, vectors, max_vectors), column)
        self._data_dir, self._treebank, self._path = Path(data_dir), treebank, path
        self._tag_column, self._cache_dir, self._download = column, cache_dir, download
        TagColumn.parse(column)  # refuses a wrong name now rather than after reading

    def read_files(self) -> Files:
        return {
            split: read_treebank_file(path, self._tag_column, self._cache_dir)
            for split, path in self._find_files().items()
        }

    def _find_files(self) -> dict[str, Path]:
        if self._path is not None:
            return find_splits(Path(self._path), "set data.path to a folder that holds it")
        folder = sample_dir(self._treebank)
        if folder is not None:
            return find_splits(folder, "reinstall this package")
        folder = self._data_dir / self._treebank
        if self._treebank == ENGLISH_EWT.folder:
            fetch(ENGLISH_EWT, folder, self._download)
            for name, sha256 in ENGLISH_EWT.sha256.items():
                verify(read_content(folder / name), sha256, folder / name)
        command = f"git clone --depth 1 {repository_of(self._treebank)} {folder}"
        remedy = "or set data.path to where it is; data=pos_sample needs no download"
        return find_splits(folder, f"get it with: {command}; {remedy}")


def repository_of(treebank: str) -> str:
    """The address of a treebank's repository: UD_Irish-IDT for ud_irish_idt; GitHub ignores case."""
    if "-" in treebank:
        return f"{GITHUB}/{treebank}"
    language, _, code = treebank.removeprefix("ud_").rpartition("_")
    words = "_".join(word.capitalize() for word in language.split("_"))
    return f"{GITHUB}/UD_{words}-{code.upper()}" if language else GITHUB


def find_splits(folder: Path, remedy: str) -> dict[str, Path]:
    """The file of each split in `folder`; dev may be missing.

    Raises:
        DataError: there is no file of train or test, or several of one split.
    """
    found = {}
    for split in SPLITS:
        candidates = sorted(folder.glob(f"*{split}.conllu"))
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            problem = f"one file *{split}.conllu expected, found {names}"
            raise DataError(f"{problem}; keep one treebank here", folder)
        if candidates:
            found[split] = candidates[0]
        elif split != "dev":
            raise DataError(f"no file *{split}.conllu here; {remedy}", folder)
    return found


def read_treebank_file(path: Path, column: str = "UPOS", cache_dir: str | Path | None = None) -> TaggedFile:
    """Parse a file, or load the cached result of parsing the same content before."""

    def parse(lines: Iterator[str]) -> Iterator[TaggedSentence]:
        reader = ConlluReader(lines, path, TagColumn.parse(column))
        return (TaggedSentence(each.words, each.tags) for each in reader)

    return read_tagged_file(path, f"conllu-{CACHE_VERSION}", parse, cache_dir, options=column)
