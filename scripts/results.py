"""The page of results: `python scripts/results.py runs` adds finished runs of experiments and writes it anew.

A run counts for an experiment if its configuration is that of `experiment=NAME` today, seed and folders
aside; an option that the run's version did not have counts as left at its default. What was found is kept in
docs/results.json; docs/results.md and the result in each experiment's header are written from there, so that
no number is typed by hand.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf
from results_page import Results, page, result_line

from seqtrain.config import ConfigError, compose_config
from seqtrain.run import RunFolder, resolved

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "configs" / "experiment"
KEPT = ROOT / "docs" / "results.json"
PAGE = ROOT / "docs" / "results.md"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="folders in which to look for finished runs")
    parser.add_argument("--conditions", default="", help='how they ran, e.g. "two runs at a time"')
    options = parser.parse_args(arguments)
    results = read_results()
    for folder in find_runs(options.folders):
        name = experiment_of(folder)
        print(f"{folder.path}: {name or 'no experiment of today'}")
        if name is not None:
            add_run(results, name, folder, options.conditions)
    write_results(results)


def read_results() -> Results:
    results: Results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return results


def write_results(results: Results) -> None:
    """Keep the results, and write what is made of them."""
    KEPT.write_text(as_json(results), encoding="utf-8")
    titles = {name: title(name) for name in experiment_names()}
    PAGE.write_text(page(results, titles), encoding="utf-8")
    for name in titles:
        path = EXPERIMENTS / f"{name}.yaml"
        path.write_text(with_result(path.read_text(encoding="utf-8"), results.get(name)), encoding="utf-8")


def as_json(results: Results) -> str:
    """One line a run, experiments and seeds in order, so that a diff shows which run is new."""
    blocks = []
    for name in sorted(results):
        runs = sorted(results[name].items(), key=lambda run: int(run[0]))
        lines = ",\n".join(f'    "{seed}": {json.dumps(run)}' for seed, run in runs)
        blocks.append(f'  "{name}": {{\n{lines}\n  }}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def find_runs(folders: Sequence[Path]) -> Iterator[RunFolder]:
    """The finished runs in and below folders."""
    for folder in folders:
        for metrics in sorted(folder.rglob("metrics.json")):
            yield RunFolder(metrics.parent)


def experiment_of(folder: RunFolder) -> str | None:
    """The experiment whose configuration a run has."""
    done = OmegaConf.load(folder.config_file)
    assert isinstance(done, DictConfig)
    for name in experiment_names():
        own = [f"seed={done.seed}", f"data_dir={done.data_dir}", f"run_dir={done.run_dir}"]
        try:
            expected = compose_config([f"experiment={name}", *own])
        except ConfigError:
            continue  # a folder's name that the command line cannot hold
        if agree(resolved(expected), OmegaConf.to_container(done)):
            return name
    return None


def agree(today: Any, run: Any) -> bool:
    """Whether a run's node says what today's says; a key that it lacks must have its class's own default."""
    if not isinstance(today, dict) or not isinstance(run, dict):
        return bool(today == run)
    new = today.keys() - run.keys()
    if new:
        if "_target_" not in today:
            return {key: today[key] for key in new} == {"members": 1}  # the one key that came to the root
        defaults = inspect.signature(hydra.utils.get_object(today["_target_"])).parameters
        if not all(key in defaults and defaults[key].default == today[key] for key in new):
            return False
    return run.keys() <= today.keys() and all(agree(today[key], value) for key, value in run.items())


def add_run(results: Results, name: str, folder: RunFolder, conditions: str) -> None:
    """Keep a run's metrics, where it ran and its confusions, in the place of an earlier run of its seed."""
    seed = str(OmegaConf.load(folder.config_file)["seed"])
    run: dict[str, Any] = {
        "metrics": json.loads(folder.metrics_file.read_text(encoding="utf-8")),
        "environment": json.loads((folder.path / "environment.json").read_text(encoding="utf-8")),
        "conditions": conditions,
    }
    with (folder.path / "confusions.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    run["confusions"] = {name: [int(count) for count in counts] for name, *counts in rows}
    results.setdefault(name, {})[seed] = run


def experiment_names() -> list[str]:
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))


def title(name: str) -> str:
    """What an experiment is: the first comment of its file."""
    _, first, *_ = (EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return first.removeprefix("# ").rstrip(".")


def with_result(text: str, runs: dict[str, Any] | None) -> str:
    """An experiment's file with its result in the last line of its header."""
    lines = [line for line in text.splitlines() if not line.startswith("# Test accuracy")]
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    if runs:
        lines.insert(end, f"# {result_line(runs)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
