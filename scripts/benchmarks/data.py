"""Reading a treebank: words per second, and memory per word at the peak.

A CoNLL-U file is repeated several times, parsed into flat arrays by a process of its own, and loaded again
from the cache. Memory is the growth of the process's peak, interpreter and libraries left out; seconds are
of CPU time, so that other work on the machine does not count.
"""

import argparse
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.recurrence import describe_machine

from seqtrain.data import sample_dir
from seqtrain.data.sources.treebank import read_treebank_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, help="a CoNLL-U file; default: train of the sample corpus")
    parser.add_argument("--times", default="1,10,100", help="how often it is repeated, as in 1,10,100")


def run(options: argparse.Namespace) -> None:
    sample = sample_dir("pos_sample")
    assert sample is not None
    content = (options.file or sample / "train.conllu").read_bytes().rstrip(b"\n") + b"\n\n"
    print(describe_machine("cpu"))
    print("| times | words | words/s | bytes a word | from the cache, words/s |")
    print("| --- | --- | --- | --- | --- |")
    for times in map(int, options.times.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.conllu")
            with path.open("wb") as file:
                for _ in range(times):
                    file.write(content)
            num_words, seconds, grown = _in_a_process(path, Path(folder, "cache"))
            _, cached_seconds, _ = _in_a_process(path, Path(folder, "cache"))
        print(
            f"| {times} | {num_words:,} | {num_words / seconds:,.0f} | {grown / num_words:.0f} |"
            f" {num_words / cached_seconds:,.0f} |",
            flush=True,
        )


def _in_a_process(path: Path, cache_dir: Path) -> tuple[int, float, int]:
    """Words, seconds and bytes that reading takes."""
    context = multiprocessing.get_context("spawn")  # a fork would begin with this process's memory
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, path, cache_dir).result()


def _measure(path: Path, cache_dir: Path) -> tuple[int, float, int]:
    before, start = _peak(), time.process_time()
    file = read_treebank_file(path, cache_dir=cache_dir)
    return len(file.form), time.process_time() - start, _peak() - before


def _peak() -> int:
    """The most memory that this process has held, in bytes (Linux)."""
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
