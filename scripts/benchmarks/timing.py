"""Fair times of things that compete: interleaved in one process, compared round by round."""

import itertools
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles

import torch

Measured = Callable[[], None]
Clock = Callable[[], float]
MIN_ROUNDS, MAX_ROUNDS = 5, 51


def measure(
    candidates: Mapping[str, Measured], seconds: float, device: str, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Times in seconds of each candidate, one per round; the order rotates so that none always goes first.

    `clock` times a CPU: for work on one thread, time.process_time leaves out what other processes take.
    """
    for run in candidates.values():  # allocators, kernels and caches get ready
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    stop = time.perf_counter() + seconds
    for done in itertools.count():
        if done >= MAX_ROUNDS or (done >= MIN_ROUNDS and time.perf_counter() > stop):
            return times
        for name in names[done % len(names) :] + names[: done % len(names)]:
            times[name].append(_seconds(candidates[name], device, clock))
    raise AssertionError("unreachable")


def _seconds(run: Measured, device: str, clock: Clock) -> float:
    if device == "cuda":
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        stop.record()
        torch.cuda.synchronize()
        return start.elapsed_time(stop) / 1e3
    before = clock()
    run()
    return clock() - before


def compare(times: list[float], reference: list[float]) -> tuple[float, float]:
    """Median over the rounds of times / reference, and the distance of its quartiles."""
    ratios = [ours / theirs for ours, theirs in zip(times, reference, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return median(ratios), high - low
