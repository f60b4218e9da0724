"""What docs/results.md says, from kept results."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Any

from results_tables import ACCURACY, TABLES, Measure, Table, percent

from seqtrain.runs.report.formats import markdown_table

Run = dict[str, Any]  # metrics, environment, conditions, config, and confusions where there are classes
Results = dict[str, dict[str, Run]]  # by experiment, then by seed

HEADER = """\
# Results

Written by `python scripts/results.py FOLDERS` from the `metrics.json` of finished runs; no number of ours is
typed by hand. Every row is `seqtrain experiment=NAME seed=N`, from scratch, on the published data.
Figures are those of the test part, accuracy and F1 in percent: mean and sample standard deviation over the
seeds, or the one value of a single seed. The best checkpoint and early stopping look at the dev part only.
Seconds are those of a whole training, validations and all, and those until the accuracy on the dev part
first reached 95.0; CPU seconds are the processor's time for it. Speed is what was trained on in the
seconds, and what the trained network then labels per second, metrics included; what was measured of no run
has no column. Runs that shared the machine with other work have no seconds and no speed. Letters name
machines.
"""

GOAL = 0.95  # accuracy on dev, whose time is kept
BEST_TAGGER = "ewt_best"
SMALL = 2_500_000  # parameters of a network that is small


def page(results: Results, titles: dict[str, str]) -> str:
    """The whole page.

    Args:
        results: runs by experiment and seed.
        titles: of every experiment; those that no table is for are left out.
    """
    parts = [HEADER]
    for table in TABLES:
        rows = {n: results[n] for n in titles if n.startswith(table.prefix) and n in results}
        parts.append(f"## {table.heading}\n\n{table.note}\n")
        parts.append(_ours(table, rows, titles) if rows else "No run yet.\n")
        if table.is_tagged and (small := {name: runs for name, runs in rows.items() if _is_small(runs)}):
            parts.append(_best_small(small))
        if table.published:
            figures = markdown_table(["system", "test", "conditions", "source"], table.published)
            parts.append(f"Published, as their authors give it:\n\n{figures}\n")
        if BEST_TAGGER in rows:
            parts.append(_errors(rows[BEST_TAGGER], titles[BEST_TAGGER]))
    return "\n".join(parts)


def result_line(runs: dict[str, Run], measure: Measure = ACCURACY) -> str:
    """An experiment's result in a line: what it is judged by, seeds, seconds, machine, date."""
    seeds = ", ".join(sorted(runs, key=int))
    which = f"seed {seeds}" if len(runs) == 1 else f"seeds {seeds}"
    figure = _write(runs, measure).replace("±", "+-")
    machines = "; ".join(f"{where}, {days}" for where, days in _machines([_by_machine(runs)]).items())
    seconds = _mean_if_any(runs, "seconds")
    took = f"{seconds} s a run; " if seconds else ""
    return f"Test {measure.metric} {figure} ({which}), {took}{machines}."


def _ours(table: Table, rows: dict[str, dict[str, Run]], titles: dict[str, str]) -> str:
    groups = {name: _by_machine(runs) for name, runs in rows.items()}
    machines = _machines(groups.values())
    letters = dict(zip(machines, "abcdefghij", strict=False))
    first = table.measures[0]
    head = [
        "experiment",
        "what",
        "parameters",
        "epochs",
        "seeds",
        *(measure.heading for measure in table.measures),
        "dev",
        "seconds",
        "CPU seconds",
        *(["to 95.0"] if table.is_tagged else []),
        f"{table.unit}/s in training",
        "in test",
        "",
    ]
    lines = []
    names = sorted(rows, key=lambda name: _mean(rows[name], f"test/{first.metric}"))
    for name in reversed(names) if first.is_better_small else names:
        for where, runs in groups[name].items():  # times of different machines have no mean
            cells = [
                f"`{name}`",
                titles[name].split(": ", 1)[-1],
                f"{_mean(runs, 'parameters'):,.0f}",
                f"{_mean(runs, 'epochs'):.0f}",
                ", ".join(sorted(runs, key=int)),
                *(_write(runs, measure) for measure in table.measures),
                _write(runs, first, "val"),
                _mean_if_any(runs, "seconds"),
                _mean_if_any(runs, "cpu_seconds"),
                *([_seconds_to_goal(runs)] if table.is_tagged else []),
                _mean_if_any(runs, f"{table.unit}_per_second"),
                _mean_if_any(runs, f"test_{table.unit}_per_second"),
                letters[where],
            ]
            lines.append(cells)
    head, lines = _without_empty_columns(head, lines)
    legend = "\n".join(f"- {letters[where]}: {where}; {days}" for where, days in machines.items())
    return f"{markdown_table(head, lines)}\n\n{legend}\n"


def _is_small(runs: dict[str, Run]) -> bool:
    """Whether the runs are of one network of at most SMALL parameters."""
    return _mean(runs, "parameters") <= SMALL and all(
        run["config"].get("members", 1) == 1 for run in runs.values()
    )


def _best_small(rows: dict[str, dict[str, Run]]) -> str:
    """Which of several experiments is best on dev, and its accuracy on test."""
    best = max(rows, key=lambda name: _mean(rows[name], "val/accuracy"))
    return (
        f"Of the single networks of at most {SMALL / 1e6} million parameters, `{best}` is best on dev: "
        f"{_write(rows[best], ACCURACY)} on test.\n"
    )


def _without_empty_columns(head: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the columns of what was never measured."""
    kept = [column for column, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _errors(runs: dict[str, Run], title: str) -> str:
    """Precision, recall and F1 of each tag, and the most frequent confusions: means over the runs."""
    tags = list(next(iter(runs.values()))["confusions"])
    confusions: Counter[tuple[str, str]] = Counter()
    for run in runs.values():
        for gold, counts in run["confusions"].items():
            for tag, count in zip(tags, counts, strict=True):
                confusions[gold, tag] += count / len(runs)
    size = {tag: sum(n for (gold, _), n in confusions.items() if gold == tag) for tag in tags}
    wrong = Counter({pair: n for pair, n in confusions.items() if pair[0] != pair[1]})
    errors = sum(wrong.values())
    rows = []
    for tag in sorted(tags, key=lambda tag: -size[tag]):
        given = sum(n for (_, other), n in confusions.items() if other == tag)
        precision, recall = (100 * confusions[tag, tag] / max(of, 1) for of in (given, size[tag]))
        f1 = _write(runs, percent(f"f1/{tag}", "F1"))
        rows.append([tag, f"{size[tag]:,.0f}", f"{precision:.1f}", f"{recall:.1f}", f1])
    which = f"means over {len(runs)} seeds" if len(runs) > 1 else "one seed"
    common = [[gold, tag, f"{n:,.0f}", f"{100 * n / errors:.1f}"] for (gold, tag), n in wrong.most_common(12)]
    return (
        f"### Errors of the best tagger\n\n{title} (`{BEST_TAGGER}`), {which}: "
        f"{errors:,.0f} of {sum(size.values()):,.0f} words are wrong.\n\n"
        + markdown_table(["tag", "words", "precision", "recall", "F1"], rows)
        + "\n\nThe most frequent confusions:\n\n"
        + markdown_table(["target", "predicted", "words", "% of errors"], common)
        + "\n"
    )


def _mean(runs: dict[str, Run], metric: str) -> float:
    return statistics.mean(run["metrics"][metric] for run in runs.values())


def _mean_if_any(runs: dict[str, Run], metric: str) -> str:
    """The mean of a metric over the runs in which it was measured; empty if there is none."""
    values = [run["metrics"][metric] for run in runs.values() if metric in run["metrics"]]
    return f"{statistics.mean(values):,.0f}" if values else ""


def _seconds_to_goal(runs: dict[str, Run]) -> str:
    """The mean time over the runs for which it is known; how many of them never reached the goal."""
    times = [run["seconds_to_goal"] for run in runs.values() if "seconds_to_goal" in run]
    reached = [seconds for seconds in times if seconds is not None]
    missed = f" ({len(reached)} of {len(times)})" if len(reached) < len(times) else ""
    return (f"{statistics.mean(reached):,.0f}{missed}" if reached else "never") if times else ""


def _write(runs: dict[str, Run], measure: Measure, part: str = "test") -> str:
    return measure.write(run["metrics"][f"{part}/{measure.metric}"] for run in runs.values())


def _by_machine(runs: dict[str, Run]) -> dict[str, dict[str, Run]]:
    """Runs by where they took place; those whose time was not measured join the first."""
    groups: dict[str, dict[str, Run]] = {}
    for seed, run in sorted(runs.items(), key=lambda item: not _is_timed(item[1])):
        where = _machine(run) if _is_timed(run) or not groups else next(iter(groups))
        groups.setdefault(where, {})[seed] = run
    return groups


def _is_timed(run: Run) -> bool:
    return "seconds" in run["metrics"]


def _machines(groups: Iterable[dict[str, dict[str, Run]]]) -> dict[str, str]:
    """Where runs took place, each machine once, and on which days: of timed runs where there are any."""
    days: dict[str, set[str]] = {}
    for by_machine in groups:
        for where, runs in by_machine.items():
            shown = [run for run in runs.values() if _is_timed(run)] or list(runs.values())
            days.setdefault(where, set()).update(run["environment"]["date"] for run in shown)
    return {where: " and ".join(sorted(dates)) for where, dates in days.items()}


def _machine(run: Run) -> str:
    e = run["environment"]
    where = f"{e['processor']}, {e['device']}" if e["device"].startswith("cpu") else e["device"]
    words = [where, e["precision"], f"torch {e['torch']}", run["conditions"]]
    return ", ".join(word for word in words if word)
