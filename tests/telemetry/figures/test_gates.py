from __future__ import annotations

from made_up_example import example

from seqtrain.telemetry.figures.gates import draw_gates


def test_gates_have_a_line_each_in_both_directions() -> None:
    figure = draw_gates(example())
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["input", "forget", "output"]
