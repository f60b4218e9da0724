from __future__ import annotations

import numpy as np

from seqtrain.analysis.figures.canvas import render
from seqtrain.analysis.figures.units import draw_units


def test_the_units_that_tell_a_target_best_come_first() -> None:
    areas = np.array([[[[0.5, 0.6], [0.1, 0.5]], [[np.nan, 0.75], [np.nan, np.nan]]]])
    figure = draw_units(areas, ("$_$", "b"), num_bars=3)
    (panel,) = figure.axes
    labels = ["layer 0 forward 1: $_$", "layer 0 backward 0: b", "layer 0 forward 0: b"]
    assert [text.get_text() for text in panel.texts] == labels
    np.testing.assert_allclose([bar.get_width() for bar in panel.patches], [-0.4, 0.25, 0.1])
    render(figure)
