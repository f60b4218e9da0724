from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from disturbed_runs import EPOCHS, LIVELY, STEPS, events, raise_signal, run

from seqtrain.runs.folder import RunFolder


def test_a_pipe_gets_one_line_an_epoch(compose, capfd) -> None:
    run(compose())
    out, err = capfd.readouterr()
    assert "\r" not in out + err
    first, second = (line for line in err.splitlines() if line.startswith("epoch "))
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  val/accuracy 0\.\d{4}  \d+\.\d s  best so far", first)
    assert second.startswith("epoch 2/2  loss ")


def test_a_terminal_gets_a_bar_with_loss_and_metric(compose, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(compose("callbacks.progress.refresh_rate=2"))
    _, err = capsys.readouterr()
    assert "epoch 2/2" in err
    assert "loss 2." in err
    assert "val/accuracy 0." in err


def test_the_bar_of_a_resumed_epoch_starts_where_it_stopped(compose, disturbed, monkeypatch) -> None:
    cfg = compose()
    with pytest.raises(KeyboardInterrupt):
        disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
    started: list[int] = []
    import seqtrain.training.callbacks.progress as progress

    tqdm = progress.tqdm

    def noted(**options: Any) -> Any:
        started.append(options["initial"])
        return tqdm(**options)

    monkeypatch.setattr(progress, "tqdm", noted)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(cfg)
    assert started == [4]


@pytest.mark.parametrize("stopped_at", [None, STEPS + 4])
def test_the_loss_is_the_mean_over_the_whole_epoch(
    compose, disturbed, whole_runs, stopped_at: int | None
) -> None:
    cfg = whole_runs("digits", *LIVELY)
    if stopped_at is not None:
        cfg = compose(*LIVELY)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, stopped_at, raise_signal(signal.SIGINT))
        run(cfg)
    log = RunFolder(cfg.run_dir).log_file.read_text()
    shown = [float(loss) for loss in re.findall(r"INFO epoch \d/3  loss (\d\.\d{4})", log)]
    scalars, _ = events(Path(cfg.run_dir))
    points = {step: value for (tag, step), value in scalars.items() if tag == "train/loss"}
    # Points every second step, and batches of equal size: an epoch of six steps has three points.
    means = [sum(points[epoch * STEPS + step] for step in (2, 4, 6)) / 3 for epoch in range(EPOCHS)]
    assert shown == pytest.approx(means, abs=1e-4)


def test_no_bar_is_built_without_the_callback(compose, capfd) -> None:
    run(compose("callbacks.progress=null"))
    assert "epoch 1/2" not in capfd.readouterr().err
