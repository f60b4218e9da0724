from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from made_up_example import example

from seqtrain.analysis.figures.sequence import draw_gates, draw_states, draw_trace, draw_unit


def test_states_have_a_row_for_each_unit_and_a_column_for_each_step() -> None:
    figure = draw_states(example())
    inputs, forward, backward = (axes.images[0].get_array().shape for axes in figure.axes[:3])
    assert (inputs, forward, backward) == ((3, 4), (5, 4), (5, 4))


def test_each_gate_has_its_panel_in_both_directions() -> None:
    forget = example().signals["forget"][-1, 0]
    figure = draw_gates(example())
    lines = [axes.lines[0] for axes in figure.axes]
    assert [line.get_label() for line in lines] == ["input", "forget", "output"] * 2
    assert lines[1].get_ydata().tolist() == forget.mean(axis=1).tolist()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["forward", "", "", "backward", "", ""]


def test_states_stand_above_gates_of_the_same_layer() -> None:
    figure = draw_trace(example(), 0)
    gates, states = figure.axes[:6], figure.axes[6:]
    assert gates[1].lines[0].get_ydata().tolist() == example().signals["forget"][0, 0].mean(axis=1).tolist()
    assert [axes.images[0].get_array().shape for axes in states[:3]] == [(3, 4), (5, 4), (5, 4)]
    boxes = [axes.get_position() for axes in (*gates, *states[:3])]
    assert len({(round(box.x0, 6), round(box.x1, 6)) for box in boxes}) == 1  # steps stand below each other
    heights = sorted((box.y0, box.y1) for box in boxes)
    assert all(above[0] > below[1] for below, above in pairwise(heights))


def test_a_sequence_of_one_step_is_a_point() -> None:
    figure = draw_gates(example(words=["yes"], steps=1))
    assert {axes.lines[0].get_marker() for axes in figure.axes} == {"o"}
    assert draw_gates(example()).axes[0].lines[0].get_marker() == "None"


def test_a_unit_has_a_panel_for_its_states_and_one_for_its_gates() -> None:
    made = example()
    states, gates = draw_unit(made, (0, 1, 3)).axes
    assert [line.get_label() for line in states.lines][:2] == ["h", "c"]
    assert [line.get_label() for line in gates.lines][:4] == [gate.name for gate in made.gates]
    assert states.lines[0].get_ydata().tolist() == made.signals["h"][0, 1, :, 3].tolist()


def test_states_beyond_one_widen_the_scale() -> None:
    made = example()
    wide = replace(made, signals=made.signals | {"h": made.signals["h"] * 0 + 4})
    assert draw_states(made).axes[1].images[0].get_clim() == (-1, 1)
    assert draw_states(wide).axes[1].images[0].get_clim() == (-4, 4)
    assert [text.get_text() for text in draw_states(wide).axes[-1].texts] == ["-4", "0", "4"]
