from __future__ import annotations

from made_up_example import example

from seqtrain.telemetry.figures.gates import draw_gates


def test_each_gate_has_its_panel_in_both_directions() -> None:
    part = example().directions[0]
    figure = draw_gates(example())
    lines = [axes.lines[0] for axes in figure.axes]
    assert [line.get_label() for line in lines] == ["input", "forget", "output"] * 2
    assert lines[1].get_ydata().tolist() == part.gates["forget"].mean(dim=1).tolist()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["forward", "", "", "backward", "", ""]
