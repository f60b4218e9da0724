from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seqtrain.analysis.pictures import best_unit, write_pictures
from seqtrain.analysis.report import Report

PICTURES = ["confusions", "curves", "gates", "gradient_through_time", "states", "units"]


def test_the_files(tagger_report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    names = [path.name for path in write_pictures(tagger_report, folder)]
    assert names == sorted([*(f"{name}.png" for name in PICTURES), "examples.json", "run.json", "states.npz"])
    assert all((folder / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in PICTURES)


def test_the_numbers(classifier_report: Report, tmp_path: Path) -> None:
    write_pictures(classifier_report, tmp_path)
    run = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert run["confusions"] == [list(row) for row in classifier_report.confusions or ()]
    examples = json.loads((tmp_path / "examples.json").read_text(encoding="utf-8"))
    assert examples[3]["targets"] == list(classifier_report.examples[3].targets or ())
    states = np.load(tmp_path / "states.npz")
    assert states["lengths"].tolist() == [8] * 60
    np.testing.assert_allclose(
        states["forget"][:, :, 16:24], classifier_report.examples[2].signals["forget"], atol=1e-3
    )


def test_the_best_unit_tells_some_target_best(tagger_report: Report) -> None:
    strength = np.abs(tagger_report.selectivity - 0.5)
    layer, direction, unit = best_unit(tagger_report)
    assert np.nanmax(strength[layer, direction, unit]) == np.nanmax(strength)
