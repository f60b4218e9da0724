"""Files that are kept on this machine: samples, downloads known by checksums, a cache of what was read."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqtrain.errors import DataError
from seqtrain.foreign import open_regular
from seqtrain.runs.files import atomic_write
from seqtrain.shipped import SAMPLES

log = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
RETRIES = 2
MAX_CONTENT_BYTES = 1 << 31  # of a decompressed file
DELETE = "delete the file to have it downloaded again, or give the folder of another data set as data.path"


@dataclass(frozen=True)
class KnownFiles:
    """The files of one data set: where they come from and the sha256 of each.

    For a gz file it is the sha256 of the decompressed bytes, since mirrors compress differently.
    """

    folder: str
    url: str
    sha256: dict[str, str]


ENGLISH_EWT = KnownFiles(
    "ud_english_ewt",
    "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/"
    "15d613d8447b3478787d4c278730a1e48a945efb/",
    {
        "en_ewt-ud-train.conllu": "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
        "en_ewt-ud-dev.conllu": "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
        "en_ewt-ud-test.conllu": "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
    },
)
MNIST = KnownFiles(
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    {
        "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)


def sample_dir(name: str) -> Path | None:
    """The folder of a sample that comes with the package, or None if there is none of this name."""
    folder = SAMPLES / name
    return folder if folder.is_dir() else None


def fetch(known: KnownFiles, folder: Path, download: bool = True) -> None:
    """Download the files that are missing in `folder`; without `download` they are an error.

    Raises:
        DataError: a file cannot be downloaded, or is not the expected one.
    """
    missing = [name for name in known.sha256 if not (folder / name).exists()]
    if missing and not download:
        raise DataError(
            f"no {', '.join(missing)} here, and nothing is downloaded to a folder that a run folder names;"
            f" give data_dir=DIR, the folder that holds {known.folder}/, to download what is missing",
            folder,
        )
    if missing:
        _download(known, missing, folder)


def verify(content: bytes, expected: str, path: Path, remedy: str = DELETE) -> None:
    """Compare the content of `path`, decompressed for a gz file, with its sha256."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        what = "decompressed content" if path.suffix == ".gz" else "file"
        raise DataError(
            f"wrong checksum: expected sha256 {expected} of the {what}, found {found}; {remedy}", path
        )


def read_content(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is a gz file.

    Raises:
        DataError: there is no such file, it is damaged, or it holds more than `MAX_CONTENT_BYTES`.
    """
    with open_regular(path) as file:
        try:
            content = (gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file).read(MAX_CONTENT_BYTES)
        except EOFError:
            raise DataError("the gz file is cut off; delete it and get it again", path) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"the gz file is damaged ({error}); delete it and get it again", path) from None
    if len(content) == MAX_CONTENT_BYTES:
        size = f"{MAX_CONTENT_BYTES / (1 << 20):,.1f} MiB"
        raise DataError(f"the content is {size} or more; expected less", path)
    return content


def _download(known: KnownFiles, names: list[str], folder: Path) -> None:
    """Fetch into a temporary folder, check, and only then move into place."""
    import pooch  # here: it imports requests, which nothing else needs

    pooch.get_logger().setLevel(logging.WARNING)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as partial:
            files = pooch.create(
                partial,
                known.url,
                registry=dict.fromkeys(names),
                retry_if_failed=RETRIES,
                allow_updates=False,
            )
            for name in names:
                path = Path(files.fetch(name, progressbar=True))
                remedy = f"this is what came from {known.url}; try again, or put the file here yourself"
                verify(read_content(path), known.sha256[name], folder / name, remedy)
                path.replace(folder / name)
    except OSError as error:  # includes all that requests raises
        with suppress(OSError):  # a refusal leaves no trace
            for each in made:
                each.rmdir()
        raise DataError(
            f"cannot download {', '.join(names)} from {known.url} ({type(error).__name__}); put these files"
            f" here yourself, or set data_dir to the folder that holds {known.folder}/;"
            " data=digits and data=pos_sample work without a network",
            folder,
        ) from error


def cached(
    path: Path,
    kind: str,
    compute: Callable[[], dict[str, Any]],
    cache_dir: str | Path | None = None,
    options: str = "",
) -> dict[str, Any]:
    """The result of `compute` for the file at `path`: tensors, strings and numbers in a dict.

    The result is stored in `cache_dir` (by default the user's cache folder) under `kind` and the sha256 of
    `options` and the file's content, so that it is valid wherever the file is. An entry starts with the
    sha256 of the rest; a damaged one is computed again. If the folder cannot be written, nothing is cached.
    """
    if cache_dir is None:
        import pooch

        cache_dir = pooch.os_cache("seqtrain")
    digest = hashlib.sha256(options.encode())
    with open_regular(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    entry = Path(cache_dir) / f"{kind}-{digest.hexdigest()}.pt"
    if entry.exists():
        try:
            return _read_entry(entry)
        except Exception as error:  # damage raises any of a dozen types
            log.warning("ignoring the damaged file %s (%s)", entry, type(error).__name__)
    result = compute()
    try:
        _write_entry(result, entry)
    except OSError as error:
        log.info("not caching %s: %s", entry, error)
    return result


def _read_entry(entry: Path) -> dict[str, Any]:
    with open_regular(entry) as file:
        expected, content = file.read(hashlib.sha256().digest_size), file.read()
    if hashlib.sha256(content).digest() != expected:
        raise ValueError("the checksum is wrong")
    return dict(torch.load(io.BytesIO(content), weights_only=True))


def _write_entry(result: dict[str, Any], entry: Path) -> None:
    content = io.BytesIO()
    torch.save(result, content)
    entry.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(entry, shared=True) as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())
