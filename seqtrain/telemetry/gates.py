"""Statistics of gates over every step of some sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtrain.recurrence.trace import DirectionTrace, Trace
from seqtrain.telemetry.places import name_place

# The ends of a gate, after Karpathy, Johnson and Fei-Fei (2015); a gate with tanh has them at -0.8 and 0.8.
LOW, HIGH = 0.1, 0.9
TANH_GATES = ("cell", "new")
KEEPING_GATES = ("forget", "update")  # the share of the memory that a step keeps
MAX_MEMORY = 1e6  # steps; a gate of exactly 1 would keep the memory forever


def gate_statistics(trace: Trace) -> dict[str, float]:
    """Statistics by `layer0/forward/forget/mean`, over all units and all steps within a sequence's length.

    For each gate `mean`, and `low` and `high`, the shares of its values below 0.1 and above 0.9 (of a gate
    with tanh: below -0.8 and above 0.8), where its gradient all but vanishes. `memory/median` and
    `memory/longest` are those of the units' memory lengths, see `memory_lengths`. A plain RNN has none of
    these.
    """
    device = trace.output.device
    valid = torch.arange(trace.output.shape[1], device=device) < trace.lengths.to(device)[:, None]
    statistics: dict[str, Tensor] = {}
    for layer, directions in enumerate(trace.layers):
        for direction, part in enumerate(directions):
            place = name_place(layer, direction)
            statistics |= {f"{place}/{name}": value for name, value in _of_direction(part, valid).items()}
    if not statistics:
        return {}
    values = torch.stack(list(statistics.values())).tolist()  # in one transfer
    return dict(zip(statistics, values, strict=True))


def _of_direction(part: DirectionTrace, valid: Tensor) -> dict[str, Tensor]:
    statistics: dict[str, Tensor] = {}
    for name, gate in part.gates.items():
        values = gate.detach()[valid]  # (steps of all sequences, hidden_size)
        opening = (values + 1) / 2 if name in TANH_GATES else values
        statistics[f"{name}/mean"] = values.mean()
        statistics[f"{name}/low"] = (opening < LOW).float().mean()
        statistics[f"{name}/high"] = (opening > HIGH).float().mean()
        if name in KEEPING_GATES:
            lengths = memory_lengths(values)
            statistics["memory/median"] = lengths.median()
            statistics["memory/longest"] = lengths.max()
    return statistics


def memory_lengths(keeping: Tensor) -> Tensor:
    """For each unit, the steps after which 1/e of its memory is left: (steps, units) to (units,).

    A step multiplies the memory by its gate f, n steps by about exp(n * mean of log f): the length is
    -1 / mean(log f), at most a million.
    """
    return -1 / keeping.log().mean(dim=0).clamp(max=-1 / MAX_MEMORY)
