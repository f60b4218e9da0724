"""TensorBoard on finished runs, seen in Chromium; SEQTRAIN_PICTURES=FOLDER keeps the screenshots."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import open_browser, skip_without_chromium

from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHORT = (
    "trainer.max_epochs=2",
    "trainer.limit_train_batches=40",
    "trainer.limit_val_batches=2",
    "trainer.limit_test_batches=2",
)
# On English-EWT and MNIST where they are, otherwise on the data that the package brings.
DATA_DIR = os.environ.get("SEQTRAIN_DATA_DIR")
RUNS = {
    "pos/bilstm": ("experiment=ewt_bilstm" if DATA_DIR else "experiment=pos_bilstm", *SHORT),
    "digits/lstm": ("experiment=mnist_lstm" if DATA_DIR else "model=lstm", *SHORT),
    "sweep/0": ("model=lstm", "model.hidden_size=16", *SHORT),
    "sweep/1": ("model=gru", "model.hidden_size=32", *SHORT),
}
SIZE = {"width": 1400, "height": 900}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of a tagger and a classifier, and a sweep."""
    skip_without_chromium()
    folder = tmp_path_factory.mktemp("runs")
    for name, overrides in RUNS.items():
        run_dir = folder / name
        train(compose_config([*overrides, f"run_dir={run_dir}"]), RunFolder(run_dir))
    return folder


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """The address of a TensorBoard that shows a folder."""
    # TensorBoard shows the path as it is given: pictures have the one that a reader types.
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir.name, "--port", "0"]
    command += ["--load_fast", "false"]
    process = subprocess.Popen(command, cwd=logdir.parent, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        yield next(match[0] for line in lines if (match := re.search(r"http://\S+", line)))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    with tensorboard(runs) as found:
        yield found


@pytest.fixture
def window() -> Iterator[Any]:
    with open_browser() as browser:
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(60_000)
        yield page


def visit(window: Any, address: str, dashboard: str, *texts: str) -> None:
    """Open a dashboard, wait until it shows the texts, and keep a picture."""
    window.goto(f"{address}?darkMode=false#{dashboard}")
    inner = dashboard == "projector"  # a frame within a frame
    shown = window.frame_locator("iframe").frame_locator("iframe") if inner else window
    for text in texts:
        shown.get_by_text(text, exact=True).first.wait_for()
    window.wait_for_timeout(2000)  # charts are drawn after their titles
    pictures = os.environ.get("SEQTRAIN_PICTURES")
    if pictures:
        window.screenshot(path=str(Path(pictures) / f"tensorboard_{dashboard}.png"))


def test_the_first_screen_is_loss_metric_learning_rate_and_gradient_norm(address: str, window: Any) -> None:
    names = ("1 loss", "2 accuracy", "3 learning rate", "4 gradient norm")
    visit(window, address, "timeseries", *(f"at a glance, Digits/{name}" for name in names))
    groups = re.findall(r"(?m)^(\S[^\n]*?)\s*\n?\s*\d+ cards?", window.inner_text("main, tb-card-grid, body"))
    first = [group for group in groups if group.startswith("at a glance, ")]
    assert len(first) > 1  # one for each data set
    assert groups[: len(first) + 1] == [*first, "c_n"]


def test_runs_have_names(address: str, window: Any) -> None:
    visit(window, address, "timeseries", "pos/bilstm", "pos/bilstm/validation", "digits/lstm", "sweep/0")
    assert window.get_by_text(".", exact=True).count() == 0


DASHBOARDS = {
    "custom_scalars": ("training", "layer 0", "gradient norm"),
    "images": ("gates", "gradients", "predictions", "states", "gates/example1"),
    "histograms": ("h_n/layer0/forward", "h_n/layer0/backward"),
    "distributions": ("h_n/layer0/forward",),
    "text": ("Configuration", "run/configuration/text_summary", "run/results/text_summary"),
    "projector": ("Spherize data", "Color by"),
    "hparams": ("pos/bilstm", "digits/lstm", "sweep/0", "sweep/1", "02 model"),
}


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_dashboard_shows_what_it_should(address: str, window: Any, dashboard: str) -> None:
    visit(window, address, dashboard, *DASHBOARDS[dashboard])
