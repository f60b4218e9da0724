"""BiLSTM against nn.LSTM and a loop over nn.LSTMCell: forward pass and training step of one layer."""

import argparse
import json
import platform
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import torch
from benchmarks.contestants import Batch, build, forward, train_step
from benchmarks.grid import Row, cpu_grid, cuda_grid
from benchmarks.inference import print_inference, print_memory
from benchmarks.timing import compare, measure

HEADER = ("layer", "nn.LSTM ms", "ours ms", "ratio", "+-", "forward", "LSTMCell", "GFLOP/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of torch on the CPU (default: 2)")
    parser.add_argument("--backend", default="auto", help="engine of BiLSTM (default: auto)")
    parser.add_argument("--only", default="", metavar="TEXT", help="measure rows whose name holds TEXT")
    parser.add_argument(
        "--seconds", type=float, default=8, help="time for the training steps of a row (default: 8)"
    )
    parser.add_argument(
        "--inference", action="store_true", help="add rows on one thread, of other cells, and peak memory"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    grid = cuda_grid() if options.device == "cuda" else cpu_grid()
    rows = [row for row in grid if options.only in row.name]
    about = describe_machine(options.device)
    print("\n".join(f"{key}: {value}" for key, value in about.items()), end="\n\n", flush=True)
    print("| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER), flush=True)
    results = []
    for row in rows:
        results.append(measure_row(row, options.backend, options.device, options.seconds))
        print(format_row(results[-1]), flush=True)
    means = summarise(results)
    more = print_inference(options.seconds / 4, options.only) + print_memory() if options.inference else []
    print("\n" + "\n".join(f"{name}: {mean:.2f}" for name, mean in means.items()))
    if options.json is not None:
        text = json.dumps({"machine": about, "means": means, "rows": results + more}, indent=2)
        options.json.write_text(text + "\n", "utf-8")


def measure_row(row: Row, backend: str, device: str, seconds: float) -> dict[str, Any]:
    layers = build(row, backend, device)
    batches = [Batch(row, lengths, device) for lengths in row.batches]
    steps = measure(
        {name: partial(train_step, layer, batches) for name, layer in layers.items()}, seconds, device
    )
    passes = measure(
        {name: partial(forward, layer, batches) for name, layer in layers.items()}, seconds / 4, device
    )
    ratio, spread = compare(steps["ours"], steps["nn.LSTM"])
    return {
        "row": row.name,
        "milliseconds": {name: 1e3 * median(times) for name, times in steps.items()},
        "ratio": ratio,
        "spread": spread,
        "forward_ratio": compare(passes["ours"], passes["nn.LSTM"])[0],
        "cell_ratio": compare(steps["ours"], steps["LSTMCell"])[0],
        "gflops": row.operations / median(steps["ours"]) / 1e9,
    }


def format_row(result: dict[str, Any]) -> str:
    times = result["milliseconds"]
    figures = [f"{times[name]:.1f}" for name in ("nn.LSTM", "ours")]
    figures += [f"{result[key]:.2f}" for key in ("ratio", "spread", "forward_ratio", "cell_ratio")]
    return "| " + " | ".join([result["row"], *figures, f"{result['gflops']:.0f}"]) + " |"


def summarise(results: list[dict[str, Any]]) -> dict[str, float]:
    """Geometric means of the ratios of training steps."""
    groups: dict[str, list[float]] = {}
    for result in results:
        kind, *_, last = result["row"].split()
        group = f"{kind} {last}" if last in ("float32", "bfloat16") else kind  # the GPU's rows name a dtype
        groups.setdefault(group, []).append(result["ratio"])
    means = {f"{group}, ours to nn.LSTM": geometric_mean(ratios) for group, ratios in groups.items()}
    if results:
        means["all, ours to LSTMCell"] = geometric_mean([result["cell_ratio"] for result in results])
    return means


def describe_machine(device: str) -> dict[str, str]:
    about = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpu": f"{_cpu_name()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads",
    }
    if device == "cuda":
        about["gpu"] = f"{torch.cuda.get_device_name()}, cuDNN {torch.backends.cudnn.version()}"
    return about


def _cpu_name() -> str:
    """The processor's name, where the system reports it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
