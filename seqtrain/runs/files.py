"""Files of a run: written atomically, and named as a user would type them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seqtrain.errors import printable_line


@contextmanager
def atomic_write(path: str | Path, shared: bool = False) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing, and rename it to `path` once all of it is on disk.

    The temporary file is `NAME.partial` in the same folder, since a rename is atomic only within a
    filesystem. File and folder are flushed to disk, so that the content survives a power failure. If the
    block raises, the temporary file is removed and `path` keeps its content.

    Args:
        path: the file to write.
        shared: whether several processes may write `path` at the same time; each then has its own
            temporary file, and the last to finish wins.

    Raises:
        OSError: the file cannot be written, for instance because the disk is full.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial" if shared else f"{path.name}.partial")
    try:
        _remove(partial)  # what a killed process left; or a link, whose target would be overwritten
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        _remove(partial)
        raise
    _flush_folder(path.parent)


def exists(path: Path) -> bool:
    """Whether there is a file or folder; False, too, for a name that the file system refuses as too long."""
    return os.path.exists(path)  # noqa: PTH110  (Path.exists raises on such a name)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically.

    Raises:
        OSError: see `atomic_write`.
    """
    with atomic_write(path) as file:
        file.write(text.encode())


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # the error that is already being raised matters more


def _flush_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, on systems that can open a folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_typed(path: str | Path) -> str:
    """A path relative to the current folder if it is below that folder, else unchanged; on one line."""
    path = Path(path)
    here = Path.cwd()
    is_below = path.is_absolute() and path.is_relative_to(here)
    return printable_line(path.relative_to(here) if is_below else path)
