"""The data module under a real Trainer: what an interrupted and resumed run sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

from seqtrain.data import Batching, BatchLoader, Corpus, FixedLoader, VectorDataset
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs

pytestmark = [
    # Lightning 2.6 asks torch's pytree a question that newer torch versions want put differently.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning"),
    # A resumed run writes where the interrupted one wrote.
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning"),
]

NUM_EPOCHS = 3


class Numbered:
    """Sequences of different lengths whose target is their own number."""

    batching = Batching(batch_size=4, max_tokens=30, eval_batch_size=5)

    def __init__(self) -> None:
        self.num_loads = 0

    def load(self) -> Corpus:
        self.num_loads += 1

        def split(size: int) -> VectorDataset:
            numbers = torch.arange(size)
            return VectorDataset(torch.ones(size, 12, 1), 1 + numbers % 12, numbers)

        return Corpus(
            DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a",))),
            {"train": split(61), "dev": split(7), "test": split(11)},
        )


class Recorder(pl.LightningModule):
    """Notes which sequences each step sees; `stop_after` steps it is interrupted."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.stop_after = stop_after
        self.steps: list[tuple[int, list[int]]] = []

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor:
        if self.stop_after is not None and len(self.steps) == self.stop_after:
            raise KeyboardInterrupt
        assert batch.targets is not None
        self.steps.append((self.current_epoch, batch.targets.tolist()))
        return self.weight.sum()

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(
    folder: Path, stop_after: int | None = None, resume: Path | None = None, **options: Any
) -> tuple[list[tuple[int, list[int]]], pl.Trainer]:
    module = Recorder(stop_after)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=NUM_EPOCHS,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        num_sanity_val_steps=1,
        **{
            "callbacks": [ModelCheckpoint(dirpath=folder, save_last=True, every_n_train_steps=1)],
            "enable_checkpointing": True,
            **options,
        },
    )
    try:
        trainer.fit(
            module, datamodule=SequenceDataModule(Numbered(), seed=1), ckpt_path=resume, weights_only=True
        )
    except (KeyboardInterrupt, SystemExit):
        assert stop_after is not None
    return module.steps, trainer


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, list[int]]]:
    return train(tmp_path_factory.mktemp("whole"))[0]


@pytest.fixture(scope="module")
def steps_per_epoch(uninterrupted: list[tuple[int, list[int]]]) -> int:
    return len(uninterrupted) // NUM_EPOCHS


def test_each_epoch_sees_each_sequence_once_in_its_own_order(uninterrupted, steps_per_epoch) -> None:
    assert steps_per_epoch > 10
    for epoch in range(NUM_EPOCHS):
        seen = [number for when, numbers in uninterrupted if when == epoch for number in numbers]
        assert sorted(seen) == list(range(61))
    first, second = uninterrupted[:steps_per_epoch], uninterrupted[steps_per_epoch:][:steps_per_epoch]
    assert [numbers for _, numbers in first] != [numbers for _, numbers in second]


@pytest.mark.parametrize("place", ["first epoch", "middle", "one before the end", "end of an epoch"])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(
    tmp_path: Path, uninterrupted, steps_per_epoch: int, place: str
) -> None:
    stop_after = {
        "first epoch": 3,
        "middle": steps_per_epoch + 5,
        "one before the end": 2 * steps_per_epoch - 1,
        "end of an epoch": 2 * steps_per_epoch,
    }[place]
    before, _ = train(tmp_path, stop_after=stop_after)
    after, trainer = train(tmp_path, resume=tmp_path / "last.ckpt")
    assert len(before) == stop_after
    assert before + after == uninterrupted
    assert trainer.current_epoch == NUM_EPOCHS


@pytest.mark.parametrize("hook", ["validation", "train epoch end"])
def test_a_checkpoint_from_the_end_of_an_epoch_goes_on_with_the_next(
    tmp_path: Path, uninterrupted, steps_per_epoch: int, hook: str
) -> None:
    def checkpoints() -> list[pl.Callback]:
        at_end = hook == "train epoch end"
        return [ModelCheckpoint(dirpath=tmp_path, save_last=True, save_on_train_epoch_end=at_end)]

    before, _ = train(tmp_path, stop_after=2 * steps_per_epoch + 3, callbacks=checkpoints())
    after, _ = train(tmp_path, resume=tmp_path / "last.ckpt", callbacks=checkpoints())
    assert before[: 2 * steps_per_epoch] + after == uninterrupted


def test_a_run_may_be_interrupted_twice_in_one_epoch(tmp_path: Path, uninterrupted, steps_per_epoch) -> None:
    before, _ = train(tmp_path, stop_after=steps_per_epoch + 3)
    between, _ = train(tmp_path, stop_after=4, resume=tmp_path / "last.ckpt")
    after, _ = train(tmp_path, resume=tmp_path / "last.ckpt")
    assert before + between + after == uninterrupted


def test_epochs_that_are_cut_short_still_differ_and_resume(tmp_path: Path) -> None:
    whole, _ = train(tmp_path, limit_train_batches=6)
    assert [epoch for epoch, _ in whole] == [0] * 6 + [1] * 6 + [2] * 6
    folder = tmp_path / "interrupted"
    before, _ = train(folder, stop_after=6, limit_train_batches=6)
    after, _ = train(folder, resume=folder / "last.ckpt", limit_train_batches=6)
    assert before + after == whole


def test_overfit_batches_repeats_the_same_batches(tmp_path: Path) -> None:
    steps, _ = train(tmp_path, overfit_batches=2)
    assert steps[0][1] != steps[1][1]
    assert [numbers for _, numbers in steps] == [steps[0][1], steps[1][1]] * NUM_EPOCHS


def test_the_source_is_read_once() -> None:
    source = Numbered()
    data = SequenceDataModule(source, seed=0)
    with pytest.raises(RuntimeError, match=r"^call setup\(\) before asking for the data$"):
        _ = data.spec
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    assert source.num_loads == 1
    assert data.spec.inputs.feature_size == 1


def test_evaluation_sees_each_sequence_once_in_large_batches() -> None:
    data = SequenceDataModule(Numbered(), seed=0)
    data.setup()
    for loader, size in ((data.val_dataloader(), 7), (data.test_dataloader(), 11)):
        assert isinstance(loader, FixedLoader)
        batches = list(loader)
        assert len(batches) == len(loader) == -(-size // 5)
        assert sorted(n for batch in batches for n in batch.targets.tolist()) == list(range(size))
    assert isinstance(data.train_dataloader(), BatchLoader)
