"""What docs/results.md says, from kept results."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Run = dict[str, Any]  # metrics, environment, conditions, confusions
Results = dict[str, dict[str, Run]]  # by experiment, then by seed

HEADER = """\
# Results

Written by `python scripts/results.py FOLDERS` from the `metrics.json` of finished runs; no number of ours is
typed by hand. Every row is `python -m seqtrain experiment=NAME seed=N`, from scratch, on the published data.
Accuracy, in percent, is that of the test part: mean and standard deviation over seeds, or the one value of a
single seed. Checkpoints, early stopping and the choice of a configuration looked at the dev part only; for
MNIST that is the last 5,000 of its training images. Seconds are those of a whole training, validations and
all, on the machine named below the table.
"""

# What a row of each table must begin with, and what stands above it.
TABLES = {
    "ewt_": (
        "Part-of-speech tagging: UD English-EWT",
        "UPOS of the test part's 25,094 words; gold tokens, no outside data; treebank at commit 15d613d.",
    ),
    "mnist_": (
        "Digits: MNIST as a sequence",
        "10,000 test images, read row by row, or pixel by pixel where it says so.",
    ),
}

# Figures of others. What makes them comparable, or not, stands beside them.
PUBLISHED = {
    "ewt_": [
        ("UDPipe 1.2", "94.4 to 94.5", "gold tokens, no outside data; UD 2.3 to 2.5", "UDPipe 1 manual"),
        ("BiLSTM of words alone", "92.1", "gold tokens, no outside data; UD 1.2", "cdg720/bilstm-tagging"),
        ("tutorial BiLSTM", "88.3", "gold tokens, GloVe vectors", "bentrevett/pytorch-pos-tagging"),
        (
            "Plank et al. (2016)",
            "95.2",
            "gold tokens, Polyglot vectors; UD 1.2",
            "stefan-it/flair-pos-tagging",
        ),
        (
            "Stanza 1.5.1",
            "96.2",
            "raw text, pretrained character models and vectors; UD 2.12",
            "Stanza, performance",
        ),
        ("UDPipe 2", "97.6", "gold tokens, multilingual BERT; UD 2.17", "UDPipe 2 evaluation"),
    ],
    "mnist_": [
        ("LSTM, rows", "98.5", "24,100 parameters", "lh9171338/MNIST-Classify"),
        ("LSTM 256, rows", "98.9", "20 epochs of Adam", "roatienza/Deep-Learning-Experiments"),
        ("BiLSTMs over rows and columns", "99", "", "AnesBenmerzoug/Machine-Learning-Projects"),
        ("LSTM 128, pixels", "96.1", "100 epochs of RMSProp", "V0XNIHILI/LSTM-Sequential-MNIST"),
    ],
}

BEST_TAGGER = "ewt_best"


def page(results: Results, titles: dict[str, str]) -> str:
    """The whole page.

    Args:
        results: runs by experiment and seed.
        titles: of every experiment; those that no table is for are left out.
    """
    parts = [HEADER]
    for prefix, (heading, note) in TABLES.items():
        rows = {name: results[name] for name in titles if name.startswith(prefix) and name in results}
        parts += [f"## {heading}\n\n{note}\n", _ours(rows, titles), _theirs(PUBLISHED[prefix])]
        if BEST_TAGGER in rows:
            parts.append(_errors(rows[BEST_TAGGER], titles[BEST_TAGGER]))
    return "\n".join(parts)


def result_line(runs: dict[str, Run]) -> str:
    """One line for an experiment's header: accuracy, seeds, seconds, machine, date."""
    seeds = ", ".join(sorted(runs, key=int))
    seconds = statistics.mean(run["metrics"]["seconds"] for run in runs.values())
    which = f"seed {seeds}" if len(runs) == 1 else f"seeds {seeds}"
    accuracy = _percent(runs, "test/accuracy")
    return f"Test accuracy {accuracy} ({which}), {seconds:,.0f} s a run; {_machines(runs.values())}."


def _ours(rows: dict[str, dict[str, Run]], titles: dict[str, str]) -> str:
    tagged = any("test/accuracy_unseen" in run["metrics"] for runs in rows.values() for run in runs.values())
    speed = "words/s" if tagged else "images/s"
    head = [
        "experiment",
        "what",
        "parameters",
        "seeds",
        "test",
        *(["unseen words"] * tagged),
        "dev",
        "seconds",
        speed,
    ]
    lines = []
    for name, runs in sorted(rows.items(), key=lambda row: _mean(row[1], "test/accuracy")):
        unit = "words_per_second" if tagged else "sequences_per_second"
        cells = [
            f"`{name}`",
            titles[name].split(": ", 1)[-1],
            f"{_mean(runs, 'parameters'):,.0f}",
            str(len(runs)),
            _percent(runs, "test/accuracy"),
            *([_percent(runs, "test/accuracy_unseen")] * tagged),
            _percent(runs, "val/accuracy"),
            f"{_mean(runs, 'seconds'):,.0f}",
            f"{_mean(runs, unit):,.0f}",
        ]
        lines.append(cells)
    machines = _machines(run for runs in rows.values() for run in runs.values())
    return f"{_table(head, lines)}\n\n{machines}.\n"


def _theirs(figures: Sequence[Sequence[str]]) -> str:
    return (
        "Published, as their authors give it:\n\n"
        + _table(["system", "test", "conditions", "source"], figures)
        + "\n"
    )


def _errors(runs: dict[str, Run], title: str) -> str:
    """Per-tag F1 and the commonest confusions, means over the runs."""
    tags = list(next(iter(runs.values()))["confusions"])
    confusions: Counter[tuple[str, str]] = Counter()
    size: Counter[str] = Counter()
    for run in runs.values():
        for gold, counts in run["confusions"].items():
            confusions.update({(gold, tag): n / len(runs) for tag, n in zip(tags, counts, strict=True)})
    for (gold, _), n in confusions.items():
        size[gold] += n
    wrong = Counter({pair: n for pair, n in confusions.items() if pair[0] != pair[1]})
    errors = sum(wrong.values())
    f1 = [
        [tag, f"{size[tag]:,.0f}", _percent(runs, f"test/f1/{tag}")]
        for tag in sorted(tags, key=lambda t: -size[t])
    ]
    common = [
        [gold, given, f"{n:,.0f}", f"{100 * n / errors:.1f}"] for (gold, given), n in wrong.most_common(12)
    ]
    return (
        f"### Where the best tagger errs\n\n{title} (`{BEST_TAGGER}`), means over {len(runs)} seeds: "
        f"{errors:,.0f} of {sum(size.values()):,.0f} words are wrong.\n\n"
        + _table(["tag", "words", "F1"], f1)
        + "\n\nThe commonest confusions:\n\n"
        + _table(["is", "was given", "words", "% of errors"], common)
        + "\n"
    )


def _mean(runs: dict[str, Run], metric: str) -> float:
    return statistics.mean(run["metrics"][metric] for run in runs.values())


def _percent(runs: dict[str, Run], metric: str) -> str:
    """Mean and sample standard deviation in percent; the value alone of a single run."""
    values = [100 * run["metrics"][metric] for run in runs.values()]
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def _machines(runs: Iterable[Run]) -> str:
    """Where and when runs took place, each machine once."""
    dates: dict[str, set[str]] = {}
    for run in runs:
        e = run["environment"]
        where = f"{e['processor']}, {e['device']}" if e["device"].startswith("cpu") else e["device"]
        words = [where, e["precision"], f"torch {e['torch']}", run["conditions"]]
        dates.setdefault(", ".join(word for word in words if word), set()).add(e["date"])
    return "; ".join(f"{where}, {' and '.join(sorted(days))}" for where, days in dates.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
