from pathlib import Path

import pytest

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.read import choose_checkpoint


def test_the_best_checkpoint_unless_one_is_given(tmp_path: Path) -> None:
    folder, other = RunFolder(tmp_path / "run"), tmp_path / "other.ckpt"
    for path in (folder.best_checkpoint, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert choose_checkpoint(folder) == folder.best_checkpoint
    assert choose_checkpoint(folder, str(other)) == other


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_checkpoint(RunFolder(tmp_path), tmp_path)
    assert caught.value.problems == (
        f"checkpoint: {tmp_path} does not exist; train first, or give checkpoint=FILE",
    )
