"""Statistics of gates over every step of some sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtrain.recurrence.cells import Gate
from seqtrain.recurrence.trace import Trace, name_direction

# The ends of a gate, after Karpathy, Johnson and Fei-Fei (2015); a gate with tanh has them at -0.8 and 0.8.
LOW, HIGH = 0.1, 0.9
MAX_MEMORY = 1e6  # steps; a gate of exactly 1 would keep the memory forever


def gate_statistics(trace: Trace) -> dict[str, float]:
    """Statistics by `layer0/forward/forget/mean`, over all units and all steps within a sequence's length.

    For each gate `mean`, and `low` and `high`, the shares of its values below 0.1 and above 0.9 (of a gate
    with tanh: below -0.8 and above 0.8), where its gradient all but vanishes. Of the share of the memory that
    a step keeps: `memory/kept`, the mean, and `memory/lost`, the share of its values below 0.1;
    `memory/median` and `memory/longest` are those of the units' memory lengths, see `memory_lengths`. A cell
    without such gates, a plain RNN, has none of these.
    """
    device = trace.output.device
    valid = torch.arange(trace.output.shape[1], device=device) < trace.lengths.to(device)[:, None]
    statistics: dict[str, Tensor] = {}
    for layer, directions in enumerate(trace.layers):
        for direction, walked in enumerate(directions):
            prefix = name_direction(layer, direction)
            for gate in trace.cell.gates:
                values = walked.gates[gate.name].detach()[valid]  # (steps of all sequences, hidden_size)
                found = _shares(gate, values) | _memory_statistics(gate, values)
                statistics |= {f"{prefix}/{name}": value for name, value in found.items()}
    if not statistics:
        return {}
    numbers = torch.stack(list(statistics.values())).tolist()  # in one transfer
    return dict(zip(statistics, numbers, strict=True))


def _shares(gate: Gate, values: Tensor) -> dict[str, Tensor]:
    statistics = {f"{gate.name}/mean": values.mean()}
    if gate.kind == "linear":  # it has no ends
        return statistics
    opening = (values + 1) / 2 if gate.kind == "tanh" else values
    statistics[f"{gate.name}/low"] = (opening < LOW).float().mean()
    statistics[f"{gate.name}/high"] = (opening > HIGH).float().mean()
    return statistics


def _memory_statistics(gate: Gate, values: Tensor) -> dict[str, Tensor]:
    if gate.memory not in ("keeps", "replaces"):
        return {}
    kept = values if gate.memory == "keeps" else 1 - values
    lengths = memory_lengths(kept)
    return {
        "memory/kept": kept.mean(),
        "memory/lost": (kept < LOW).float().mean(),
        "memory/median": lengths.median(),
        "memory/longest": lengths.max(),
    }


def memory_lengths(keeping: Tensor) -> Tensor:
    """For each unit, the steps after which 1/e of its memory is left: (steps, units) to (units,).

    A step multiplies the memory by its gate f, n steps by about exp(n * mean of log f): the length is
    -1 / mean(log f), at most a million.
    """
    return -1 / keeping.log().mean(dim=0).clamp(max=-1 / MAX_MEMORY)
