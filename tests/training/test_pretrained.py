"""Runs with pretrained word vectors, whose file is needed when training begins and never again."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
import torch
from disturbed_runs import checkpoint, differences, run, trained
from small_runs import load_learner, small_overrides, splits_only

from seqtrain.commands import evaluate, predict
from seqtrain.commands.train import main
from seqtrain.config import ConfigError, compose_config
from seqtrain.data import encode_sentences
from seqtrain.runs.folder import RunFolder

# Of these train has the dog; dev and test have the wug and the Blicket too.
TEXT = """\
4 3
wug 1 0 0.1
Blicket 1 0 0.2
dog 1 0 1
never 0 1 0
"""


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    return path


def test_the_run_folder_is_enough(compose, vectors: Path, capsys) -> None:
    cfg = compose(f"data.vectors={vectors}", "callbacks=average", task="pos")
    folder = RunFolder(cfg.run_dir)
    metrics = run(cfg)
    assert "4 word vectors of 3 numbers, for 9.1% of train's known words" in folder.log_file.read_text()
    best = checkpoint(cfg, "best")
    words = best["spec"]["inputs"]["words"]
    assert tuple(words["entries"][-3:]) == ("wug", "blicket", "never")
    state = best["state_dict"]
    table = state["network.encoder.word_vectors"]
    in_file = torch.tensor([[1, 0, 0.1], [1, 0, 0.2], [0, 1, 0]])
    assert torch.equal(table[-3:], in_file)  # after training, too
    assert table.any(dim=1).sum() == 4
    assert state["network.encoder.word_embedding.weight"].shape == (len(table) - 3, 12)

    vectors.unlink()
    capsys.readouterr()
    assert evaluate.main([f"run_dir={folder.path}", "format=json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == splits_only(metrics)
    assert err == ""
    assert predict.main([f"run_dir={folder.path}", "text=the wug will run .", "format=json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tags"]) == 5


def test_other_data_is_refused_all_the_same(
    compose, vectors: Path, treebank: Path, tmp_path: Path, capsys
) -> None:
    cfg = compose(f"data.vectors={vectors}", task="pos")
    run(cfg)
    moved = shutil.copytree(treebank, tmp_path / "moved")
    assert evaluate.main([f"run_dir={cfg.run_dir}", f"data_dir={moved}"]) == 0
    part = moved / "made_up-ud-train.conllu"
    part.write_text(part.read_text().replace("\tdog\t", "\tpig\t"))
    assert evaluate.main([f"run_dir={cfg.run_dir}", f"data_dir={moved}"]) == 2
    assert "comes from other data: its classes, sizes or vocabularies differ\n" in capsys.readouterr().err


def test_an_interrupted_run_goes_on_without_the_file(compose, vectors: Path, tmp_path: Path) -> None:
    overrides = (f"data.vectors={vectors}", "schedule=constant")
    whole = compose(*overrides, f"run_dir={tmp_path / 'whole'}", task="pos")
    run(whole)
    half = compose(*overrides, f"run_dir={tmp_path / 'half'}", task="pos")
    half.trainer.max_epochs = 1
    folder = trained(half)
    folder.metrics_file.unlink()
    vectors.unlink()
    half.trainer.max_epochs = 2
    folder.write_config(half)
    run(half)
    assert differences(checkpoint(whole)["state_dict"], checkpoint(half)["state_dict"]) == []


def test_vectors_reach_words_that_train_lacks(treebank: Path, vectors: Path, tmp_path: Path) -> None:
    """Without letters all words that train lacks are one, but for their vectors."""
    small = [each for each in small_overrides("pos", treebank) if "character" not in each]
    words_only = ["encoder.character_hidden_size=0", f"data.vectors={vectors}", f"run_dir={tmp_path / 'run'}"]
    cfg = compose_config([*small, *words_only])
    learner = load_learner(cfg, trained(cfg).best_checkpoint).eval()
    batch = encode_sentences(learner.spec, [["Wug", "zyx", "Dog"]]).batch([0])
    encoded = learner.network.encoder(batch.inputs)[0]
    assert torch.equal(encoded[0, :12], encoded[1, :12])  # the embedding of the unknown word
    assert torch.equal(encoded[:, 12:], torch.tensor([[1, 0, 0.1], [0, 0, 0], [1, 0, 1]]))


def test_a_file_that_cannot_be_used_is_refused(treebank: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [*small_overrides("pos", treebank), "data.vectors=nowhere.txt"]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[1:]) == ("", ["  data.vectors: there is no file or folder nowhere.txt"])
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_a_run_without_vectors(compose, vectors: Path, tmp_path: Path) -> None:
    without = compose(f"run_dir={tmp_path / 'without'}", task="pos")
    best = trained(without).best_checkpoint
    assert "network.encoder.word_vectors" not in checkpoint(without, "best")["state_dict"]
    cfg = compose(f"data.vectors={vectors}", f"checkpoint={best}", task="pos")
    with pytest.raises(ConfigError, match="comes from other data"):
        run(cfg)
    assert not Path(cfg.run_dir).exists()
