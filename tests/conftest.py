"""Fixtures that several areas share."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from small_runs import compose_small

Compose = Callable[..., DictConfig]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: one that comes last keeps a single core busy while the others have nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if not any(map(shutil.which, [os.environ.get("CXX") or "c++", "g++", "clang++"])):
        skip = pytest.mark.skip(reason="no C++ compiler: neither $CXX nor c++, g++ or clang++ is on the path")
        for item in items:
            if item.get_closest_marker("compiler"):
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors are no faster with two, and runs are equal bit by bit only with equally many."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def interpreter() -> None:
    """Let Triton interpret our kernels, and no others: it looks at the variable when it meets a kernel."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed: no kernels to interpret")
    if torch.cuda.is_available():
        pytest.skip("on a GPU the kernels are checked as they are compiled: scripts/gpu_check.py")
    import triton  # its own functions are not to be interpreted

    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 7):
        pytest.skip(f"the interpreter of triton {triton.__version__} does not know numpy 2.4: no loops")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import seqtrain.recurrence.engines.triton.kernels  # noqa: F401


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that holds English-EWT and MNIST."""
    name = os.environ.get("SEQTRAIN_DATA_DIR")
    if not name:
        pytest.skip("SEQTRAIN_DATA_DIR is not set: no English-EWT and no MNIST to test with")
    folder = Path(name)
    for part in ("ud_english_ewt", "mnist"):
        if not (folder / part).is_dir():
            pytest.skip(f"{folder} holds no {part}")
    return folder


@pytest.fixture(scope="session")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a treebank of short made-up sentences, which a small tagger learns within seconds.

    Whether "light" or "run" is a noun or a verb is told by the word before; dev and test have a few words
    that train lacks, and sentences of 1 to 9 words.
    """
    folder = tmp_path_factory.mktemp("treebank")
    for number, (split, size) in enumerate({"train": 96, "dev": 24, "test": 24}.items()):
        draw = random.Random(number)
        sentences = [_draw_sentence(draw, unseen=split != "train") for _ in range(size)]
        text = "\n".join(f"# sent_id = {split}-{place}\n{each}" for place, each in enumerate(sentences))
        (folder / f"made_up-ud-{split}.conllu").write_text(text, encoding="utf-8")
    return folder


def _draw_sentence(draw: random.Random, unseen: bool) -> str:
    nouns = ["dog", "Cat", "tree", "light", "run", *(["wug", "Blicket"] if unseen else [])]
    words: list[tuple[str, str]] = []
    for _ in range(draw.randint(0, 2)):
        words += [(draw.choice(["the", "a"]), "DET"), (draw.choice(nouns), "NOUN")]
        words += [("will", "AUX"), (draw.choice(["see", "run", "light"]), "VERB")]
    words.append((draw.choice([".", "!"]), "PUNCT"))
    rows = ("\t".join((str(i), word, "_", tag, *"______")) for i, (word, tag) in enumerate(words, start=1))
    return "\n".join(rows) + "\n"


@pytest.fixture
def compose(tmp_path: Path, treebank: Path) -> Compose:
    """Composes the checked configuration of a small run in tmp_path / "run"; task="pos" reads `treebank`."""
    return lambda *overrides, **options: compose_small(tmp_path / "run", treebank, *overrides, **options)


@pytest.fixture(scope="session")
def trained_digits(tmp_path_factory: pytest.TempPathFactory, treebank: Path) -> Path:
    """The folder of a finished run on digits; not to be written to."""
    overrides = ("trainer.limit_train_batches=1.0", "trainer.max_epochs=4", "optimizer.lr=0.02")
    return _train(tmp_path_factory.mktemp("digits") / "run", treebank, "digits", *overrides)


@pytest.fixture(scope="session")
def trained_pos(tmp_path_factory: pytest.TempPathFactory, treebank: Path) -> Path:
    """The folder of a finished run on the made-up treebank; not to be written to."""
    overrides = ("model=bilstm", "trainer.max_epochs=15", "optimizer.lr=0.03")
    return _train(tmp_path_factory.mktemp("pos") / "run", treebank, "pos", *overrides)


@pytest.fixture(scope="session")
def trained_text(tmp_path_factory: pytest.TempPathFactory, treebank: Path) -> Path:
    """The folder of a finished language model of a made-up text; not to be written to."""
    folder = tmp_path_factory.mktemp("text")
    text = "".join(f"the light line {number % 7} is green\n" for number in range(300))
    (folder / "text.txt").write_text(text, encoding="utf-8")
    overrides = (f"data.path={folder / 'text.txt'}", "trainer.limit_train_batches=1.0", "optimizer.lr=0.03")
    limits = [f"trainer.limit_{split}_batches=1.0" for split in ("val", "test")]
    return _train(folder / "run", treebank, "language_model", *overrides, *limits, "trainer.max_epochs=4")


def _train(run_dir: Path, treebank: Path, task: str, *overrides: str) -> Path:
    from seqtrain.runs.folder import RunFolder
    from seqtrain.training.train import train

    train(compose_small(run_dir, treebank, *overrides, task=task), RunFolder(run_dir))
    return run_dir


@pytest.fixture(autouse=True)
def _default_signal_handlers() -> None:
    """Each test starts with Python's own handlers, whatever a callback of an earlier one has set."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _forget_hydra() -> Iterator[None]:
    """Each test starts, as each process does, without what Hydra keeps for itself."""
    yield
    GlobalHydra.instance().clear()
    _forget_hydra_config()


def _forget_hydra_config() -> None:
    from hydra.core.hydra_config import HydraConfig

    instance: Any = HydraConfig.instance()
    instance.cfg = None
