"""Data of a few sequences for every task that the configuration knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqtrain.data import save_sequences

WORDS = [("the", "B-NP"), ("old", "I-NP"), ("light", "I-NP"), ("saw", "B-VP"), ("a", "B-NP"), ("run", "I-NP")]


def task_overrides(task: str, folder: Path, treebank: Path) -> list[str]:
    """The overrides with which `task` runs on small data; its files are written to `folder`."""
    return [f"task={task}", *MAKERS[task](folder, treebank)]


def _as_shipped(_: Path, __: Path) -> list[str]:
    return []


def _arrays(folder: Path, _: Path) -> list[str]:
    x = _sequences()
    save_sequences(folder / "arrays.npz", x, [str(each[0, 0] > 0) for each in x])
    return [f"data.path={folder}/arrays.npz"]


def _steps(folder: Path, _: Path) -> list[str]:
    x = _sequences()
    save_sequences(folder / "steps.npz", x, [each[:, 0] > 0 for each in x])
    return [f"data.path={folder}/steps.npz"]


def _sequences() -> list[np.ndarray]:
    draw = np.random.RandomState(0)
    return [draw.randn(draw.randint(2, 7), 3) for _ in range(60)]


def _images(folder: Path, _: Path) -> list[str]:
    from PIL import Image

    draw = np.random.RandomState(0)
    for name in ("light", "dark"):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(30):
            pixels = draw.randint(128, size=(4, 5)) + 127 * (name == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / name / f"{number}.png")
    return [f"data.path={folder}/images"]


def _memory(_: Path, __: Path) -> list[str]:
    return ["data.length=5", "data.train_size=60"]


def _pos(_: Path, treebank: Path) -> list[str]:
    return [f"data.path={treebank}"]


def _tagging(folder: Path, _: Path) -> list[str]:
    draw = np.random.RandomState(0)
    sentences = [WORDS[: draw.randint(1, len(WORDS) + 1)] for _ in range(60)]
    lines = ["\n".join(" ".join(word) for word in sentence) for sentence in sentences]
    (folder / "chunks.txt").write_text("\n\n".join(lines) + "\n")
    return [f"data.path={folder}/chunks.txt"]


def _text(_: Path, __: Path) -> list[str]:
    return ["encoder.character_hidden_size=4"]


MAKERS: dict[str, Callable[[Path, Path], list[str]]] = {
    "arrays": _arrays,
    "digits": _as_shipped,
    "forecast": _as_shipped,
    "images": _images,
    "language_model": _as_shipped,
    "memory": _memory,
    "pos": _pos,
    "regression": _as_shipped,
    "steps": _steps,
    "tagging": _tagging,
    "text": _text,
}
