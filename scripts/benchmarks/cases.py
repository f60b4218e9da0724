"""What the benchmarks of whole trainings share: their arguments, and a table with a row per case."""

import argparse
import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.recurrence import describe_machine

from seqtrain.runs.logs import quiet_lightning

Figures = dict[str, Any]


def add_arguments(
    parser: argparse.ArgumentParser, cases: Collection[str], threads: int, repeats: int
) -> None:
    """Add the arguments, with the number of threads and of repetitions that are the defaults."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--threads", type=int, default=threads, help="of torch on the CPU (default: %(default)s)"
    )
    parser.add_argument("--cases", nargs="+", choices=cases, default=list(cases), help="default: all")
    parser.add_argument(
        "--repeats", type=int, default=repeats, help="of each side, in turn (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")


def print_cases(
    options: argparse.Namespace,
    columns: Sequence[str],
    measure: Callable[[str, argparse.Namespace], Figures],
    format_row: Callable[[Figures], Sequence[str]],
) -> None:
    """Measure case by case, printing each row as soon as it is known; write the figures to `--json`."""
    torch.set_num_threads(options.threads)
    about = describe_machine(options.device)
    print("\n".join(f"{key}: {value}" for key, value in about.items()), end="\n\n", flush=True)
    print(f"| case | {' | '.join(columns)} |\n|" + " --- |" * (1 + len(columns)), flush=True)
    rows = []
    for case in options.cases:
        with quiet_lightning():
            rows.append({"case": case} | measure(case, options))
        print(f"| {case} | {' | '.join(format_row(rows[-1]))} |", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n", "utf-8")
