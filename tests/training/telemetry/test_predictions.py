from __future__ import annotations

import pytest
import torch
from disturbed_runs import run, trained
from event_files import read_images, read_texts

import seqtrain
from seqtrain.analysis.sample import Sample, take_sample
from seqtrain.data import Corpus
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs
from seqtrain.training.build import build_data
from seqtrain.training.telemetry import predictions as telemetry_of_predictions
from seqtrain.training.telemetry.predictions import _name_sequences

OFF = [
    f"callbacks.{name}=null" for name in ("hidden_states", "weights", "recurrence", "warnings", "run_page")
]


def test_mistakes_are_searched_for_in_the_whole_split(compose, monkeypatch, tmp_path) -> None:
    taken: list[list[int]] = []

    def take(corpus: Corpus, indices: list[int]) -> Sample:
        taken.append(indices)
        return take_sample(corpus, indices)

    monkeypatch.setattr(telemetry_of_predictions, "take_sample", take)
    for num in (200, 5):
        parts = ("trainer.max_epochs=1", f"callbacks.predictions.num_sequences={num}")
        cfg = compose(*OFF, *parts, f"run_dir={tmp_path}/run{num}")
        run(cfg)
    network, data = seqtrain.load(cfg.run_dir).network, build_data(cfg)
    data.setup()
    dev = data.corpus.splits["dev"]
    batch = dev.batch(range(180))
    wrong = (network(batch)[0].argmax(dim=1) != batch.targets).nonzero().flatten().tolist()
    assert sorted(taken[0]) == wrong
    assert len(taken[1]) == 5
    assert set(taken[1]) <= set(wrong)


def test_a_tagger_shows_sentences(compose) -> None:
    folder = trained(compose(*OFF, task="pos")).path / "validation"
    assert read_images(folder) == {"predictions/confusions": [12]}
    assert "| sentence | target | prediction | confidence |" in read_texts(folder)["predictions/mistakes"][12]
    labels = (folder / "00000" / "final_states" / "metadata.tsv").read_text().splitlines()
    states = (folder / "00000" / "final_states" / "tensors.tsv").read_text().splitlines()
    assert len(labels) == len(states) == 24
    assert all(" " in label or label in ".!" for label in labels)


def test_digits_show_images(compose) -> None:
    folder = trained(compose(*OFF, "callbacks.predictions.num_sequences=50")).path / "validation"
    assert read_images(folder) == {"predictions/confusions": [12], "predictions/mistakes": [12]}
    points = folder / "00000" / "final_states"
    assert set((points / "metadata.tsv").read_text().split()) <= set("0123456789")
    assert (points / "sprite.png").stat().st_size > 1000


def test_each_part_can_be_switched_off(compose) -> None:
    parts = [f"callbacks.predictions.{part}=false" for part in ("confusions", "mistakes", "projector")]
    folder = trained(compose(*OFF, *parts)).path / "validation"
    assert read_images(folder) == {}
    assert not (folder / "projector_config.pbtxt").exists()


@pytest.mark.parametrize(
    ("kind", "targets", "names"),
    [
        (SequenceClasses, torch.tensor([1, IGNORED]), ["one", "unknown"]),
        (StepClasses, torch.tensor([[1, 0], [0, IGNORED]]), ["sequence 1", "sequence 2"]),
    ],
)
def test_names_of_sequences_of_numbers(kind: type, targets: torch.Tensor, names: list[str]) -> None:
    batch = SequenceBatch(torch.zeros(2, 2, 1), torch.tensor([2, 1]), targets)
    spec = DataSpec(VectorInputs(feature_size=1), kind(("zero", "one")))
    assert _name_sequences(Sample(batch, spec, None)) == names
