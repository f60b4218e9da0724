from __future__ import annotations

from pathlib import Path

from event_files import read_scalars

from seqtrain.training import TensorBoard


def test_only_event_files_are_written(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path, "", "")
    logger.log_metrics({"train/loss": 0.5}, step=3)
    logger.save()
    logger.finalize("success")
    assert [path.name.partition(".")[0] for path in tmp_path.iterdir()] == ["events"]
    assert read_scalars(tmp_path)["train/loss"] == {3: 0.5}
