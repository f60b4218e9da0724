"""The splits of a data set: their files, or what is kept of train where there is none."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.corpus import SPLITS
from seqtrain.errors import DataError

EVERY = 10

# Words in file names, between punctuation: train.txt, eng.testa, wnut17-dev.conll.
NAMES = {
    "train": {"train", "training"},
    "dev": {"dev", "valid", "val", "validation", "testa"},
    "test": {"test", "testb"},
}


def hold_out(num_sequences: int, offset: int = 0) -> Tensor:
    """(num_sequences,) bool: every tenth sequence, at least one; `offset` from 0 to 9 shifts the choice.

    The choice depends on nothing else, so that runs can be compared.
    """
    last = max(min(EVERY, num_sequences) - 1 - offset, 0)
    chosen = torch.zeros(num_sequences, dtype=torch.bool)
    chosen[last::EVERY] = True
    return chosen


def take_from_train(
    num_sequences: int, present: Collection[str], unit: str, path: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """Which sequences of train stay in train, and which are used for the splits that are missing.

    Args:
        num_sequences: in train.
        present: the names of the splits that there are.
        unit: what messages call a sequence.
        path: of train, for messages.

    Returns:
        For train and each missing split (num_sequences,) bool; and a sentence on each missing split.

    Raises:
        DataError: train is too small.
    """
    missing = [split for split in SPLITS if split not in present]
    if num_sequences <= len(missing):
        problem = f"{num_sequences} {unit}s are too few to keep some for {' and '.join(missing)}"
        raise DataError(problem, path)
    taken = {split: hold_out(num_sequences, offset) for offset, split in enumerate(missing)}
    rest = torch.ones(num_sequences, dtype=torch.bool)
    for chosen in taken.values():
        rest &= ~chosen
    notes = [
        f"no {split} split: every tenth {unit} of {path.name}, {int(chosen.sum())} in all, is used as {split}"
        " and not for training"
        for split, chosen in taken.items()
    ]
    return {"train": rest, **taken}, notes


def find_split_files(path: Path) -> dict[str, Path]:
    """The file of each split in a folder; a single file is train.

    Raises:
        DataError: there is no file of train, or several files of one split.
    """
    if not path.is_dir():
        return {"train": path}
    found: dict[str, Path] = {}
    for file in sorted(each for each in path.iterdir() if not each.name.startswith(".")):
        words = set(re.split(r"[\W_]+", file.name.lower()))
        for split in SPLITS:
            if words & NAMES[split]:
                if split in found:
                    raise DataError(f"two files of {split}: {found[split].name}, {file.name}; keep one", path)
                found[split] = file
    if "train" not in found:
        raise DataError("no file with train in its name, as in train.txt; dev and test may be missing", path)
    return found
