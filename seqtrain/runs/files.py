"""Writing files: those of a run, atomically, and those named on a command line, wherever they may be."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from seqtrain.errors import ConfigError, printable_line
from seqtrain.foreign import find_strange_entries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")


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


def refuse_strange_files(folder: Path, argument: str = "run_dir") -> None:
    """Refuse a folder, which may be someone else's, in which a file leads out of it or would block.

    Raises:
        ConfigError: with each such file; `argument` is what named the folder.
    """
    problems = [f"{argument}: {each}; remove it" for each in find_strange_entries(folder)]
    if problems:
        raise ConfigError(problems[:10])


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically; what has no UTF-8 (a byte of a file name) is escaped.

    Raises:
        OSError: see `atomic_write`.
    """
    with atomic_write(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def check_output(target: str, argument: str = "output", suffixes: Collection[str] = ()) -> None:
    """Refuse, before the work, an output that `open_output` could not write to.

    Args:
        target: what the command line names.
        argument: its key, for messages.
        suffixes: what the name may end in; anything, if there are none.

    Raises:
        ConfigError: it has another name, is a folder, or its folder is missing or read-only.
    """
    path = Path(target)
    if suffixes and path.suffix not in suffixes:
        raise ConfigError([f"{argument}: got {target!r}, expected a file that ends in {', '.join(suffixes)}"])
    if exists(path) and path.is_dir():
        raise ConfigError([f"{argument}: {target} is a folder; give the name of a file"])
    if target.endswith("/") or not (exists(path.parent) and path.parent.is_dir()):
        folder = target if target.endswith("/") else path.parent
        raise ConfigError([f"{argument}: there is no folder {folder}; make it, or give another path"])
    if _is_replaced(path) and not os.access(path.parent, os.W_OK):
        raise ConfigError([f"{argument}: {path.parent} cannot be written to; give another path"])


@contextmanager
def open_output(target: str, argument: str = "output") -> Iterator[BinaryIO]:
    """Open what the command line names: a regular file is replaced once all is written; anything else (a
    device, a pipe, a link) stays what it is, and is written to.

    Raises:
        ConfigError: see `check_output`; or it cannot be written, for instance because the disk is full.
    """
    check_output(target, argument)
    path = Path(target)
    try:
        with atomic_write(path) if _is_replaced(path) else path.open("wb") as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError([f"{argument}: {target} cannot be written: {error.strerror}"]) from None


def save_picture(figure: Figure, file: BinaryIO, form: str = ".png", dpi: int = 150) -> None:
    """Write a figure as one of `PICTURES`."""
    with literal_text(figure):
        figure.savefig(file, format=form.removeprefix("."), dpi=dpi)


@contextmanager
def literal_text(figure: Figure) -> Iterator[None]:
    """Draw the text of a figure literally: a dollar sign does not begin a formula, and letters that the font
    lacks become boxes, without a warning for each."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set(parse_math=False, usetex=False)
    new_texts = rc_context({"text.parse_math": False, "text.usetex": False})  # labels that drawing makes
    with new_texts, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _is_replaced(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # there is nothing yet


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
