"""Benchmark rows on one thread: one sentence, 64 sentences, other cells; and peak memory."""

import argparse
import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from benchmarks.timing import compare, measure
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from seqtrain.model import BiLSTM

SIZES = ((100, 100), (128, 256))  # I, H
LONG = 20_000
LENGTHS = {"one sentence T=20": [20], "64 padded T=20": [20] * 64, "64 packed": list(range(37, 5, -1)) * 2}
LONGEST = "one sentence T=20000"
HEADER = ("one thread", "torch ms", "ours ms", "ratio", "+-", "training")
MEMORY_HEADER = (f"peak memory, T={LONG} B=1 I=H=128", "torch MB", "ours MB", "ratio")
KINDS: dict[str, tuple[Callable[..., nn.Module], str]] = {"LSTM": (nn.LSTM, "lstm"), "GRU": (nn.GRU, "gru")}
VARIANTS = {cell: (nn.LSTM, cell) for cell in ("lstm_layernorm", "lstm_peephole", "lstm_coupled")}
"""Cells that torch does not have, against nn.LSTM."""
ROWS = [
    *itertools.product(KINDS, LENGTHS, SIZES),
    ("LSTM", LONGEST, (128, 128)),
    *itertools.product(VARIANTS, ("64 padded T=20", "64 packed"), SIZES),
]


def print_inference(seconds: float, only: str) -> list[dict[str, Any]]:
    """Measure and print the rows whose name holds `only`: passes without gradients, ratios of training steps.

    Times are CPU times of the process.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    results = []
    print("\n| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER), flush=True)
    for kind, name, (input_size, hidden_size) in ROWS:
        title = f"{kind} {name} I={input_size} H={hidden_size}"
        if only in title:
            results.append(measure_row(kind, name, input_size, hidden_size, seconds) | {"row": title})
            result = results[-1]
            figures = [f"{result[key]:.2f}" for key in ("torch_ms", "ours_ms", "ratio", "spread", "training")]
            print("| " + " | ".join([result["row"], *figures]) + " |", flush=True)
    torch.set_num_threads(threads)
    return results


def measure_row(kind: str, name: str, input_size: int, hidden_size: int, seconds: float) -> dict[str, Any]:
    lengths = [LONG] if name == LONGEST else LENGTHS[name]
    layers = {"torch": build(kind, True, input_size, hidden_size)}
    layers["ours"] = build(kind, False, input_size, hidden_size)
    given: torch.Tensor | PackedSequence = torch.randn(max(lengths), len(lengths), input_size)
    if "packed" in name:
        given = pack_padded_sequence(given, sorted(lengths, reverse=True))

    @torch.no_grad()
    def run(layer: nn.Module) -> None:
        layer(given)

    def train(layer: nn.Module) -> None:
        layer.zero_grad()
        output = layer(given)[0]
        (output.data if isinstance(output, PackedSequence) else output).sum().backward()

    times = measure(
        {name: partial(run, layer) for name, layer in layers.items()}, seconds, "cpu", time.process_time
    )
    steps = measure(
        {name: partial(train, layer) for name, layer in layers.items()}, seconds, "cpu", time.process_time
    )
    ratio, spread = compare(times["ours"], times["torch"])
    return {
        "torch_ms": 1e3 * median(times["torch"]),
        "ours_ms": 1e3 * median(times["ours"]),
        "ratio": ratio,
        "spread": spread,
        "training": compare(steps["ours"], steps["torch"])[0],
    }


def build(kind: str, torchs: bool, input_size: int, hidden_size: int) -> nn.Module:
    factory, cell = (KINDS | VARIANTS)[kind]
    torch.manual_seed(0)
    if torchs:
        return factory(input_size, hidden_size, bidirectional=True)
    return BiLSTM(input_size, hidden_size, cell=cell)


def print_memory() -> list[dict[str, Any]]:
    """Peak memory of one pass over one long sequence, each in a process of its own."""
    results = []
    print("\n| " + " | ".join(MEMORY_HEADER) + " |\n|" + " --- |" * len(MEMORY_HEADER), flush=True)
    for kind in KINDS:
        for task in ("no gradients", "training"):
            peaks = [measure_peak(kind, task, who) for who in ("torch", "ours")]
            results.append({"row": f"{kind}, {task}", "torch_mb": peaks[0], "ours_mb": peaks[1]})
            ratio = peaks[1] / peaks[0]
            print(f"| {kind}, {task} | {peaks[0]:.0f} | {peaks[1]:.0f} | {ratio:.2f} |", flush=True)
    return results


def measure_peak(kind: str, task: str, who: str) -> float:
    command = [sys.executable, "-m", "benchmarks.inference", kind, task, who]
    scripts = Path(__file__).parents[1]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=scripts).stdout)


def print_peak(kind: str, task: str, who: str) -> None:
    """Print by how many MB one pass raises this process's peak memory."""
    layer = build(kind, who == "torch", 128, 128)
    layer(torch.randn(2, 1, 128))[0].sum().backward()
    x = torch.randn(LONG, 1, 128)
    before = read_peak()
    if task == "training":
        layer(x)[0].sum().backward()
    else:
        with torch.no_grad():
            layer(x)
    print((read_peak() - before) / 1024)


def read_peak() -> int:
    """Peak memory of this process in kilobytes (Linux); getrusage would include its parent's at the fork."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=print_peak.__doc__)
    for argument in ("kind", "task", "who"):
        parser.add_argument(argument)
    print_peak(**vars(parser.parse_args()))
