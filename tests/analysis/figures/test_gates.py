from __future__ import annotations

from made_up_example import example

from seqtrain.analysis.figures.gates import draw_gates


def test_each_gate_has_its_panel_in_both_directions() -> None:
    part = example().directions[0]
    figure = draw_gates(example())
    lines = [axes.lines[0] for axes in figure.axes]
    assert [line.get_label() for line in lines] == ["input", "forget", "output"] * 2
    assert lines[1].get_ydata().tolist() == part.gates["forget"].mean(dim=1).tolist()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["forward", "", "", "backward", "", ""]


def test_a_sequence_of_one_step_is_a_point() -> None:
    figure = draw_gates(example(words=["yes"], steps=1))
    assert {axes.lines[0].get_marker() for axes in figure.axes} == {"o"}
    assert draw_gates(example()).axes[0].lines[0].get_marker() == "None"
