"""Read files that may come from anyone: regular files and plain values, both within limits of size and depth.

YAML is read event by event, and nothing is built from it that a configuration does not need: no aliases
(which make a small file huge), tags, dates, numbers to the base 60, or keys that are lists or mappings.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped]

from seqtrain.errors import SURROGATE, DataError, printable_line

MAX_BYTES = 1_000_000  # of a configuration, which has about 3,000
MAX_DEPTH = 30
MAX_VALUES = 20_000
MAX_DIGITS = 300  # of a number: as many as a float can have before its point

# libyaml's parser is ten times as fast; PyYAML has it wherever it was built with libyaml.
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
WORDS: dict[str, object] = {"": None, "~": None, ".nan": math.nan, ".inf": math.inf, "-.inf": -math.inf}
WORDS |= {"null": None, "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
FRACTION, EXPONENT = r"(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)", "[eE][-+]?[0-9]+"
FLOAT = re.compile(rf"[-+]?(?:{FRACTION}(?:{EXPONENT})?|[0-9]+{EXPONENT})")


def is_regular(path: Path) -> bool:
    """Whether there is a regular file, and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def find_strange_entries(folder: Path) -> Iterator[str]:
    """What leads out of a folder, or blocks whoever opens it: links to places outside, pipes and devices at
    any depth, each as "path: what it is"."""
    root = folder.resolve()
    for path, folders, files in os.walk(folder):
        for entry in (Path(path, name) for name in sorted([*folders, *files])):
            try:
                mode = entry.lstat().st_mode
            except FileNotFoundError:
                continue  # another process has just renamed or removed it
            if stat.S_ISLNK(mode):
                if not entry.resolve().is_relative_to(root):
                    yield f"{entry}: is a link to a place outside of {folder}, which is not followed"
            elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                yield f"{entry}: is a pipe or a device, which is not opened"


def open_regular(path: Path, follow: bool = True) -> io.BufferedReader:
    """Open a regular file for reading; a pipe or a device might block or never end.

    Args:
        path: of the file.
        follow: whether it may be a link.

    Raises:
        DataError: there is no such file, it is not a regular file, or it cannot be opened.
    """
    try:
        mode = path.stat(follow_symlinks=follow).st_mode
        if stat.S_ISDIR(mode):
            raise DataError("is a folder; expected a file", path)
        if stat.S_ISLNK(mode):
            raise DataError("is a link, which is not followed here; expected a regular file", path)
        if not stat.S_ISREG(mode):
            raise DataError("is a pipe or a device; expected a regular file", path)
        return path.open("rb")
    except FileNotFoundError:
        raise DataError("the file is missing", path) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be opened: {getattr(error, 'strerror', error)}", path) from None


def read_regular(path: Path, max_bytes: int, follow: bool = True) -> bytes:
    """The content of a regular file, whose size is checked first.

    Raises:
        DataError: see `open_regular`; or it is larger, or cannot be read.
    """
    with open_regular(path, follow) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise DataError(f"has {size:,} bytes; expected at most {max_bytes:,}", path)
        try:
            return file.read(max_bytes)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", path) from None


def decode_utf8(content: bytes, path: str | Path, first_line: int = 1) -> str:
    """Decode bytes that came from `path`, where they start at `first_line`.

    Raises:
        DataError: names the line that is not UTF-8.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = first_line + content.count(b"\n", 0, error.start)
        raise DataError(
            f"the byte 0x{content[error.start]:02x} is not valid UTF-8; save the file as UTF-8", path, line
        ) from None


def read_json(path: Path, max_bytes: int = MAX_BYTES, follow: bool = True) -> Any:
    """The value in a JSON file; NaN and infinities, which JSON does not have, are read as such.

    Raises:
        DataError: it cannot be read, is too large or is not JSON.
    """
    content = decode_utf8(read_regular(path, max_bytes, follow), path)
    try:
        value = json.loads(content, parse_int=_int)
        json.dumps(value, ensure_ascii=False).encode()  # halves of surrogate pairs cannot be encoded
    except RecursionError:
        raise DataError("is nested too deeply", path) from None
    except ValueError as error:
        raise DataError(f"cannot be read as JSON: {error}", path) from None
    return value


def read_yaml(path: Path, follow: bool = True) -> Any:
    """The value in a YAML file: texts, numbers, true, false, null, lists and mappings of these.

    Raises:
        DataError: it cannot be read, or holds anything else or too much.
    """
    return parse_yaml(decode_utf8(read_regular(path, MAX_BYTES, follow), path), path)


def parse_yaml(text: str, path: str | Path) -> Any:
    """The value of a YAML text; see `read_yaml`. `path` is what messages call it."""
    return _Yaml(text, path).value


class _Yaml:
    """Builds the value of a text from its events."""

    def __init__(self, text: str, path: str | Path) -> None:
        self._path = path
        self._num_values = 0
        self._events: Iterator[Any] = yaml.parse(io.StringIO(text), Loader=PARSER)
        try:
            self.value = self._document()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise DataError(reason, path, None if mark is None else mark.line + 1) from None

    def _document(self) -> Any:
        value = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                value = self._value(next(self._events), 0)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
        if not isinstance(end := next(self._events, None), (yaml.StreamEndEvent, type(None))):
            self._refuse(end, "a second document; expected one")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        self._num_values += 1
        if self._num_values > MAX_VALUES:
            self._refuse(event, f"more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            self._refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, "aliases are not allowed")
        if event.tag not in TEXT_TAGS:
            self._refuse(event, f"tags such as {event.tag} are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, depth + 1) for each in self._inside(yaml.SequenceEndEvent)]
        return self._mapping(depth)

    def _mapping(self, depth: int) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for event in self._inside(yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if isinstance(key, (list, dict)):
                self._refuse(event, "a key that is a list or a mapping; expected a text")
            if key in mapping:
                self._refuse(event, f"the key {key} appears twice")
            mapping[key] = self._value(next(self._events), depth + 1)
        return mapping

    def _inside(self, end: type) -> Iterator[Any]:
        """The events of a collection; the caller takes those of nested values from the same stream."""
        while not isinstance(event := next(self._events), end):
            yield event

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if SURROGATE.search(text):
            self._refuse(event, "half of a surrogate pair, which is not a character")
        is_plain = event.implicit[0] and event.tag is None
        try:
            return as_value(text) if is_plain else text
        except ValueError as error:
            self._refuse(event, str(error))

    def _refuse(self, event: Any, problem: str) -> NoReturn:
        raise DataError(printable_line(problem), self._path, event.start_mark.line + 1)


def as_value(text: str) -> Any:
    """What a plain scalar of YAML means: null, true, false, a number, or else the text itself.

    Raises:
        ValueError: it is a number with too many digits.
    """
    word = text.lower()
    if word in WORDS and text in (word, word.upper(), word.capitalize(), ".NaN", ".Inf", "-.Inf"):
        return WORDS[word]
    if INT.fullmatch(text):
        return _int(text)
    return float(text.replace("_", "")) if FLOAT.fullmatch(text) else text


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits; expected at most {MAX_DIGITS}")
    return int(text.replace("_", ""))
