"""The library of kernel.cpp, the compiled time loop: its functions, and which instruction set runs."""

import ctypes
import hashlib
import os
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.cpp")
LIBRARY = SOURCE.with_name("libkernel.so")
VARIABLE = "SEQTRAIN_KERNEL"
"""Environment variable, read once: an instruction set (avx512, avx2, baseline, neon) or none."""
_REMEDY = "pip install with a C++ compiler (g++, clang++ or $CXX) builds it"
_INT, _SIZE, _POINTER = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_SIGNATURES = {
    "instruction_set": (ctypes.c_char_p, []),
    "choose": (ctypes.c_char_p, [_INT]),
    "packed_size": (_SIZE, [_INT, *[_SIZE] * 2]),
    "kept_size": (_SIZE, [_INT, _SIZE]),
    "equals_copy": (_INT, [_INT, *[_POINTER] * 3]),
    "pack": (_INT, [_INT, *[_SIZE] * 4, *[_POINTER] * 2]),
    "forward": (_INT, [_INT, *[_SIZE] * 6, *[_POINTER] * 9]),
    "backward": (_INT, [_INT, *[_SIZE] * 6, *[_POINTER] * 12]),
    "map": (None, [_INT, *[_POINTER] * 2, _SIZE]),
}


def load_kernel() -> ctypes.CDLL:
    """The library, whose functions release the interpreter's lock.

    Raises:
        RuntimeError: there is none; `explain_kernel` returns the reason instead.
    """
    found = _find_kernel()
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


def explain_kernel() -> str | None:
    """Why no compiled kernel can run here; None if one can."""
    found = _find_kernel()
    return found if isinstance(found, str) else None


def describe_kernel() -> str:
    """The instruction set that runs, or `none` and the reason."""
    found = _find_kernel()
    return f"none ({found})" if isinstance(found, str) else found.seqtrain_instruction_set().decode()


def hash_source() -> str:
    """A hash of the text of kernel.cpp, which a library compiled from it carries, too."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]


@cache
def _find_kernel() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    choice = os.environ.get(VARIABLE, "")
    if choice == "none":
        return f"{VARIABLE}=none"
    if not LIBRARY.exists():
        return f"the kernel was not compiled; {_REMEDY}"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        source_hash = library.seqtrain_source_hash
        wanted = hash_source()
    except (OSError, AttributeError) as error:
        return f"the compiled kernel cannot be loaded: {error}; {_REMEDY}"
    source_hash.restype = ctypes.c_char_p
    if source_hash().decode() != wanted:
        return f"the kernel was compiled from another version of its source; {_REMEDY}"
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, f"seqtrain_{name}")
        function.restype, function.argtypes = result, arguments
    return _choose(library, choice) if choice else library


def _choose(library: ctypes.CDLL, choice: str) -> ctypes.CDLL | str:
    sets = [name.decode() for k in range(3) if (name := library.seqtrain_choose(k))]
    if choice in sets:
        library.seqtrain_choose(sets.index(choice))
        return library
    return f"{VARIABLE} must be one of none, {', '.join(sets)} on this processor, got: {choice!r}"
