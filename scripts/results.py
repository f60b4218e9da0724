"""The page of results: `python scripts/results.py runs` adds finished runs of experiments and writes it anew.

A run counts for an experiment if its configuration is that of `experiment=NAME` today, seed and folders
aside; an option that the run's version did not have counts as left at its default. What was found is kept in
docs/results.json; docs/results.md and the result in each experiment's header are written from there, so that
no number is typed by hand. What was kept of an experiment that has changed since is dropped.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import json
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import hydra
from omegaconf import OmegaConf
from results_page import GOAL, Results, Run, page, result_line
from results_tables import find_measure

from seqtrain.config import compose_config
from seqtrain.config.tree import with_new_names
from seqtrain.runs.curves import seconds_until
from seqtrain.runs.folder import RunFolder, plain
from seqtrain.runs.report.collect import DATA_DIR, RUN_DIR, find_run_folders, without_paths

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "configs" / "experiment"
KEPT = ROOT / "docs" / "results.json"
PAGE = ROOT / "docs" / "results.md"

ROOT_DEFAULTS = {"members": 1, "parameters": None}  # keys of the root that came later
HERE = {"seed": 0, "run_dir": RUN_DIR, "data_dir": DATA_DIR}  # what a run is free to choose
OBSERVERS = ("seqtrain.", "pytorch_lightning.callbacks.ModelCheckpoint")  # they change no training
RESULT = "# Test "  # how the result begins, which ends a header


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="folders in which to look for finished runs")
    parser.add_argument("--conditions", default="", help='how they ran, e.g. "two runs at a time"')
    parser.add_argument("--untimed", action="store_true", help="keep no times: they shared the machine")
    options = parser.parse_args(arguments)
    results = read_results()
    for folder in find_runs(options.folders):
        config = config_of(folder)
        name = experiment_of(config)
        print(f"{folder.path}: {name or 'no experiment of today'}")
        if name is not None:
            add_run(results.setdefault(name, {}), config, folder, options.conditions, options.untimed)
    write_results(drop_stale(results))


def read_results() -> Results:
    results: Results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return results


def drop_stale(results: Results) -> Results:
    """The results without the runs whose configuration is no longer that of their experiment."""
    kept: Results = {}
    for name, runs in results.items():
        current = {seed: run for seed, run in runs.items() if experiment_of(run["config"]) == name}
        for seed in runs.keys() - current.keys():
            print(f"dropped: {name}, seed {seed}: the experiment has changed since")
        if current:
            kept[name] = current
    return kept


def write_results(results: Results) -> None:
    """Keep the results, and write what is made of them; nothing is written if any of it cannot be made."""
    titles = {name: title(name) for name in experiment_names()}
    texts = {KEPT: as_json(results), PAGE: page(results, titles)}
    for name in titles:
        path = EXPERIMENTS / f"{name}.yaml"
        texts[path] = with_result(path.read_text(encoding="utf-8"), name, results.get(name))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


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
    for run in (RunFolder(path) for folder in folders for path in sorted(find_run_folders(folder))):
        if run.is_done and not run.environment_file.exists():
            print(f"{run.path}: left out, it has no {run.environment_file.name}")
        elif run.is_done:
            yield run


def config_of(folder: RunFolder) -> dict[str, Any]:
    """What decides a run's numbers, with its seed and its folders replaced by the same words in all runs."""
    config: Any = OmegaConf.to_container(OmegaConf.load(folder.config_file))
    return {**without_observers(without_paths(config)), "seed": HERE["seed"]}


def without_observers(config: dict[str, Any]) -> dict[str, Any]:
    """The config without its loggers and without callbacks that only observe the training."""
    callbacks = config.get("callbacks") or {}
    acting = {name: node for name, node in callbacks.items() if node and not _observes(node["_target_"])}
    return {key: value for key, value in config.items() if key != "logger"} | {"callbacks": acting}


def _observes(target: str) -> bool:
    return target.startswith(OBSERVERS)


def experiment_of(config: dict[str, Any]) -> str | None:
    """The experiment that a configuration, as `config_of` gives it, is that of."""
    config = with_new_names(config)
    return next((name for name in experiment_names() if agree(experiment_config(name), config)), None)


@cache
def experiment_config(name: str) -> dict[str, Any]:
    composed = compose_config([f"experiment={name}", *(f"{key}={HERE[key]}" for key in HERE)])
    return without_observers(plain(composed))


def agree(today: Any, run: Any) -> bool:
    """Whether a run's node equals today's; a key that it lacks must have its default today."""
    if not isinstance(today, dict) or not isinstance(run, dict):
        return bool(today == run)
    new = today.keys() - run.keys()
    if new and any(today[key] != value for key, value in _defaults(today, new).items()):
        return False
    return run.keys() <= today.keys() and all(agree(today[key], value) for key, value in run.items())


def _defaults(node: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """The defaults of a node's class, or of the root, for some keys; `inspect`'s own mark for none."""
    if "_target_" not in node:
        return {key: ROOT_DEFAULTS.get(key, inspect.Parameter.empty) for key in keys}
    parameters = inspect.signature(hydra.utils.get_object(node["_target_"])).parameters
    return {key: parameters[key].default if key in parameters else inspect.Parameter.empty for key in keys}


def add_run(
    runs: dict[str, Run], config: dict[str, Any], folder: RunFolder, conditions: str, untimed: bool
) -> None:
    """Keep a run's metrics, where it ran and its confusions, in the place of an earlier run of its seed."""
    seed = str(OmegaConf.load(folder.config_file)["seed"])
    run: Run = {
        "metrics": json.loads(folder.metrics_file.read_text(encoding="utf-8")),
        "environment": json.loads(folder.environment_file.read_text(encoding="utf-8")),
        "conditions": conditions,
        "config": config,
    }
    if untimed:
        run["metrics"] = {
            name: value
            for name, value in run["metrics"].items()
            if "second" not in name or name == "cpu_seconds"
        }
    elif is_timed_by_events(folder):
        run["seconds_to_goal"] = seconds_until(folder.path, "val/accuracy", GOAL)
    if folder.confusions_file.exists():
        with folder.confusions_file.open(encoding="utf-8", newline="") as file:
            _, *rows = csv.reader(file)
        run["confusions"] = {target: [int(count) for count in counts] for target, *counts in rows}
    if seed in runs and runs[seed]["metrics"] != run["metrics"]:
        print(f"replaces the run of seed {seed} that was kept")
    runs[seed] = run


def is_timed_by_events(folder: RunFolder) -> bool:
    """Whether TensorBoard's files cover a run without the pause of an interruption."""
    resumed = ", resumed" in folder.log_file.read_text(encoding="utf-8")
    return not resumed and any(folder.path.glob("events.out.*"))


def experiment_names() -> list[str]:
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))


def title(name: str) -> str:
    """What an experiment is: the first comment of its file."""
    _, first, *_ = (EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return first.removeprefix("# ").rstrip(".")


def with_result(text: str, name: str, runs: dict[str, Run] | None) -> str:
    """An experiment's file with its result at the end of its header, the comments that it begins with."""
    lines = text.splitlines()
    size = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header, rest = lines[:size], lines[size:]
    old = next((n for n, line in enumerate(header) if line.startswith(RESULT)), size)
    new = textwrap.wrap(result_line(runs, find_measure(name)), 108) if runs else []
    return "\n".join([*header[:old], *(f"# {line}" for line in new), *rest]) + "\n"


if __name__ == "__main__":
    main()
