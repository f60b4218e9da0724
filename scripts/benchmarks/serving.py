"""A trained tagger at work: its run folder beside its ONNX file, in words per CPU second, latency and memory.

Both answer the same sentences on one thread, in turn in one process; the ratio is the median over the rounds
of the run folder's CPU time divided by the file's. Latency is that of single sentences, one after another.
Peaks are those of a process of its own that loads one model and tags all sentences, with all that it imports.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from seqtrain.data.files.conllu import ConlluReader
from seqtrain.data.files.text import open_lines

CHUNK = 1024  # sentences given at a time, as `seqtrain predict` does
SINGLE = 200  # sentences given one by one

Sentences = list[list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", help="of a tagger")
    parser.add_argument("file", type=Path, help="sentences in CoNLL-U")
    parser.add_argument("--seconds", type=float, default=10, help="to measure (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    # Not above: the process in which a file's peak is measured would import torch, too.
    import torch
    from benchmarks.recurrence import describe_machine
    from benchmarks.timing import compare, measure

    from seqtrain.commands import export

    torch.set_num_threads(1)
    sentences = _read(options.file)
    num_words = sum(map(len, sentences))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.onnx"))
        assert export.main([options.run_dir, f"output={path}"]) == 0
        paths = {"run folder": options.run_dir, "ONNX": path}
        models = {name: _load(where) for name, where in paths.items()}
        times = measure(
            {name: lambda model=model: _tag_all(model, sentences) for name, model in models.items()},
            options.seconds,
            "cpu",
            time.process_time,
        )
        print("\n".join(f"{key}: {value}" for key, value in describe_machine("cpu").items()))
        print("\n| model | words per CPU second | ratio | +- | a sentence, ms | peak, MB |")
        print("|" + " --- |" * 6)
        for name, where in paths.items():
            ratio, spread = compare(times["run folder"], times[name])
            speed, latency = num_words / median(times[name]), _latency(models[name], sentences[:SINGLE])
            peak = _measure_peak(str(Path(where).resolve()), options.file)
            print(f"| {name} | {speed:,.0f} | {ratio:.2f} | {spread:.2f} | {latency:.2f} | {peak:.0f} |")


def _read(file: Path) -> Sentences:
    with open_lines(file) as lines:
        return [list(each.words) for each in ConlluReader(lines, file)]


def _load(where: str) -> Any:
    if where.endswith(".onnx"):
        from seqtrain.serving import OnnxPredictor

        return OnnxPredictor(where, threads=1)
    import seqtrain

    return seqtrain.load(where)


def _tag_all(model: Any, sentences: Sentences) -> None:
    for start in range(0, len(sentences), CHUNK):
        model.tag(sentences[start : start + CHUNK])


def _latency(model: Any, sentences: Sentences) -> float:
    """The median of the milliseconds that one sentence takes."""
    taken = []
    for sentence in sentences:
        start = time.perf_counter()
        model.tag([sentence])
        taken.append(time.perf_counter() - start)
    return 1e3 * median(taken)


def _measure_peak(where: str, file: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.serving", where, str(file.resolve())]
    scripts = Path(__file__).parents[1]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=scripts).stdout)


def _print_peak(where: str, file: str) -> None:
    """Print the most MB that this process holds (Linux)."""
    _tag_all(_load(where), _read(Path(file)))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    _print_peak(*sys.argv[1:])
