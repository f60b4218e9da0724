"""Run folders, checkpoints and exported files of version 0.2, kept in tests/version_0_2/, stay readable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_runs import without_times

from seqtrain.commands import evaluate, inspect, predict
from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

KEPT = Path(__file__).parent / "version_0_2"
GIVEN = {
    "digits": "input=images.npy",
    "tagging": "text=the Ann Lee . a Rome",
    "steps": "input=steps.npz",
    "sequences": "input=sequences.npz",
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the runs and the data that they name by relative paths."""
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("name", GIVEN)
class TestRuns:
    def test_evaluate(self, name: str, capsys) -> None:
        assert evaluate.main([name, "format=json"]) == 0
        kept = without_times(json.loads(Path(name, "metrics.json").read_text(encoding="utf-8")))
        found = json.loads(capsys.readouterr().out)
        assert found == pytest.approx({key: kept[key] for key in found}, rel=1e-5)
        assert set(kept) - set(found) == {"parameters", "epochs"}

    @pytest.mark.parametrize("given", ["run_dir={}", "model={}/model.onnx"])
    def test_predict(self, name: str, given: str, capsys) -> None:
        if given.startswith("model"):
            pytest.importorskip("onnxruntime")
        assert predict.main([given.format(name), GIVEN[name], "format=json"]) == 0
        found = list(map(json.loads, capsys.readouterr().out.splitlines()))
        for line, wanted in zip(found, Path(name, "predictions.json").read_text().splitlines(), strict=False):
            expected = json.loads(wanted)
            if name == "sequences":  # it gave the class of a sequence in lists of one
                label, confidence = expected.pop("labels")[0], expected.pop("confidences")[0]
                expected |= {"label": label, "confidence": confidence}
            for key in ("confidence", "confidences"):
                if key in expected:
                    assert line.pop(key) == pytest.approx(expected.pop(key), abs=2e-4)
            assert line == expected

    def test_inspect(self, name: str) -> None:
        assert inspect.main([name, "examples=5", "output=page.html"]) == 0
        assert Path("page.html").stat().st_size > 100_000


def test_the_last_checkpoint_is_trained_on(runs: Path) -> None:
    checkpoint = f"checkpoint={runs / 'digits/checkpoints/last.ckpt'}"
    sizes = ("model.hidden_size=4", "trainer.limit_train_batches=5", "trainer.max_epochs=3")
    cfg = compose_config([*sizes, "callbacks=minimal", "logger=none", checkpoint, "run_dir=more"])
    assert train(cfg, RunFolder(cfg.run_dir))["epochs"] == 3
