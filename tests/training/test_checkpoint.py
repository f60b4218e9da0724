from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqtrain.config import ConfigError
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.checkpoint import (
    DamagedCheckpointError,
    can_resume_from,
    read_checkpoint,
    read_weights,
    weights_of,
    write_checkpoint,
)

SPEC = DataSpec(VectorInputs(feature_size=3), SequenceClasses(("A", "B")))
CONTENT = {"state_dict": {"weight": torch.arange(300.0)}, "spec": SPEC.to_dict(), "epoch": 4, "loops": {}}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "best.ckpt"
    write_checkpoint(CONTENT, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        read_checkpoint(path)
    return refused.value.problems[0]


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def test_what_was_written_is_read(written: Path) -> None:
    assert torch.equal(read_checkpoint(written)["state_dict"]["weight"], torch.arange(300.0))
    assert read_weights(written).spec == SPEC
    assert torch.load(written, weights_only=True)["epoch"] == 4
    assert list(written.parent.iterdir()) == [written]


def test_a_flipped_bit_of_a_weight_is_damage(written: Path) -> None:
    place = written.read_bytes().index(torch.arange(300.0).numpy().tobytes()) + 400
    flip(written, place)
    assert torch.load(written, weights_only=True)["state_dict"]["weight"][100] != 100  # torch does not see it
    with pytest.raises(DamagedCheckpointError):
        read_checkpoint(written)
    assert refusal(written) == (
        f"checkpoint: {written} is damaged (the checksum of archive/data/0 does not match); "
        "give another one with checkpoint="
    )


def test_a_truncated_file_is_damage_and_the_other_checkpoint_is_named(written: Path) -> None:
    last = written.with_name("last.ckpt")
    last.write_bytes(written.read_bytes())
    written.write_bytes(written.read_bytes()[:-100])
    assert refusal(written) == (
        f"checkpoint: {written} is damaged (File is not a zip file); "
        f"give checkpoint={last} to use the weights of the last epoch"
    )


@pytest.mark.parametrize("content", [[1], {"state_dict": {}}, {"spec": {}}])
def test_other_content_was_not_written_by_seqtrain(tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    assert refusal(path) == f"checkpoint: {path} was not written by seqtrain: it lacks spec or state_dict"


@pytest.mark.parametrize("spec", [None, {}, {"target_names": 3}, 7])
def test_an_unknown_spec_is_refused(tmp_path: Path, spec: object) -> None:
    path = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}, "spec": spec}, path)
    with pytest.raises(ConfigError, match="was not written by seqtrain: its spec is unknown"):
        read_weights(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "device"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = {"missing": tmp_path / "none.ckpt", "folder": tmp_path, "device": Path("/dev/zero")}[kind]
    assert refusal(path) == f"checkpoint: {path} does not exist"


def test_weights_alone_cannot_be_resumed_from(written: Path, tmp_path: Path) -> None:
    assert weights_of(CONTENT | {"optimizer_states": []}).keys() == {"state_dict", "spec", "epoch"}
    assert not can_resume_from(written)
    whole = tmp_path / "last.ckpt"
    write_checkpoint(CONTENT | {"optimizer_states": []}, whole)
    assert can_resume_from(whole)
