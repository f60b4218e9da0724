"""A task with targets of its own, and a state-space backbone, from plugin files, in all commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from command_output import refused
from event_files import read_images

import seqtrain
from seqtrain.__main__ import main
from seqtrain.spec import Targets

FOLDER = Path(__file__).parent
FILES = {
    "task/counting.yaml": """\
# @package _global_
defaults:
  - override /data: bits
  - override /encoder: vectors
  - override /head: amount

task:
  _target_: counting.Counting
  monitor: val/mae
  mode: min
metrics:
  mae:
    _target_: torchmetrics.regression.MeanAbsoluteError
""",
    "data/bits.yaml": "_target_: counting.Bits\nbatch_size: 32\n",
    "head/amount.yaml": "_target_: counting.AmountHead\n",
    "model/diagonal.yaml": "_target_: diagonal.Diagonal\nhidden_size: 16\n",
}
PLUGINS = "plugins=[counting,diagonal]"


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """Those of a training, in a folder with the files of a configuration; plugins can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    for name, content in FILES.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    lengths = ("trainer.max_epochs=30", "optimizer.lr=0.02", "callbacks.hidden_states.every_n_steps=50")
    yield ["--config-dir=mine", PLUGINS, "task=counting", *lengths]
    for name in ("counting", "diagonal"):
        sys.modules.pop(name, None)
    Targets.kinds.pop("Amounts", None)


@pytest.mark.parametrize("model", ["lstm", "diagonal"])
def test_all_commands(arguments: list[str], model: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments += [f"model={model}", "model.hidden_size=16"]
    assert main(["check_data", *arguments]) == 0
    assert "targets: amounts of ones" in capsys.readouterr().out

    assert main([*arguments, "run_dir=run"]) == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["test/mae"] < 1.0  # the mean of all would be 1.1 off
    assert {"val/mae", "test/loss", "sequences_per_second"} < metrics.keys()
    assert not Path("run/confusions.csv").exists()
    assert "predictions/amounts" in read_images(Path("run/validation"))

    capsys.readouterr()
    assert main(["evaluate", "run", PLUGINS, "format=json"]) == 0
    assert json.loads(capsys.readouterr().out)["test/mae"] == pytest.approx(metrics["test/mae"], abs=1e-5)

    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 0], [1] * 8], dtype=np.float32)
    np.savez("bits.npz", x=bits[..., None])
    assert main(["predict", "run", PLUGINS, "input=bits.npz", "format=json"]) == 0
    found = [json.loads(line)["ones"] for line in capsys.readouterr().out.splitlines()]
    assert found == pytest.approx([3, 8], abs=2.5)
    assert main(["predict", "run", PLUGINS, "input=bits.npz", "format=tsv"]) == 0
    assert [float(line.split("\t")[1]) for line in capsys.readouterr().out.splitlines()] == found

    assert main(["report", "run"]) == 0
    assert "test/mae" in capsys.readouterr().out

    assert "cannot be exported" in refused(main, ["export", "run", PLUGINS], capsys)
    assert main(["export", "run", PLUGINS, "format=torch", "output=program.pt2"]) == 0
    program = torch.export.load("program.pt2").module()
    (exported,) = program(features=torch.from_numpy(bits[..., None]), lengths=torch.tensor([8, 8]))
    assert exported.tolist() == pytest.approx(found, abs=0.006)
    predictor = seqtrain.load("run", plugins=["counting", "diagonal"])
    assert [float(each.names[0]) for each in predictor.label("bits.npz")] == found

    capsys.readouterr()
    code = main(["inspect", "run", PLUGINS, "examples=8", "output=page.html"])
    if model == "diagonal":
        assert code == 2
        assert "model: Diagonal cannot be traced: it is a backbone with equations" in capsys.readouterr().err
        return
    assert code == 0
    assert Path("page.html").stat().st_size > 100_000
    assert main(["inspect", "run", PLUGINS, "examples=8", "output=pictures/"]) == 0
    first, *_ = json.loads(Path("pictures/examples.json").read_text())
    names = json.loads(Path("pictures/run.json").read_text())["targets"]
    assert float(names[first["targets"][0]]) in range(9)
    assert first["confidences"] == []


def test_without_the_plugin_the_checkpoint_is_told_apart(arguments: list[str], capsys) -> None:
    assert main([*arguments, "run_dir=run", "trainer.max_epochs=1"]) == 0
    saved = torch.load("run/checkpoints/best.ckpt", weights_only=True)
    assert saved["spec"]["targets"] == {"kind": "Amounts", "unit": "ones"}
    assert "add it with plugins=[counting]" in refused(main, ["predict", "run", "input=bits.npz"], capsys)


@pytest.mark.usefixtures("arguments")
def test_the_state_of_the_backbone_goes_on() -> None:
    from diagonal import Diagonal  # type: ignore[import-not-found]

    torch.manual_seed(0)
    backbone, features = Diagonal(3, 4), torch.randn(2, 7, 3)
    whole, summary, final = backbone(features, torch.tensor([7, 7]))
    _, _, state = backbone(features[:, :4], torch.tensor([4, 4]))
    rest, rest_summary, rest_final = backbone(features[:, 4:], torch.tensor([3, 3]), state)
    torch.testing.assert_close(rest, whole[:, 4:])
    torch.testing.assert_close((rest_summary, rest_final), (summary, final))
    padded = torch.cat([features[:, :4], torch.full((2, 3, 3), 9.0)], dim=1)
    _, short, _ = backbone(padded, torch.tensor([4, 4]))
    torch.testing.assert_close(short, backbone(features[:, :4], torch.tensor([4, 4]))[1])


@pytest.mark.usefixtures("arguments")
def test_targets_of_another_kind_are_refused_in_a_line(capsys) -> None:
    sizes = ["data=bits", "data.batch_size=8", "trainer.max_epochs=1", "run_dir=run"]
    error = refused(main, ["--config-dir=mine", PLUGINS, *sizes], capsys)
    assert "task: the data has an amount for each sequence; SequenceClassification does not learn" in error
    assert not Path("run").exists()


def test_the_page_shows_these_files() -> None:
    page = (FOLDER.parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
    for name in ("counting.py", "diagonal.py"):
        content = (FOLDER / name).read_text(encoding="utf-8")
        assert f"`{name}`:\n\n```python\n{content}```\n" in page
    for content in FILES.values():
        assert f"```yaml\n{content}```\n" in page
