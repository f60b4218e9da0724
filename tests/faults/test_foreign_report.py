"""A report over folders of others: what one of them holds costs the others nothing."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_runs import write_run

from seqtrain.commands.report import main
from seqtrain.runs.folder import RunFolder

SECONDS = 5  # at most, for what took minutes
HUGE = "x" * 200_000


def config(text: str) -> Callable[[Path], object]:
    return lambda path: (path / "config.yaml").write_text(text)


def metrics(text: str) -> Callable[[Path], object]:
    return lambda path: (path / "metrics.json").write_text(text)


def endless(name: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        (path / name).unlink(missing_ok=True)
        with (path / name).open("wb") as file:
            file.truncate(20 << 30)  # zeros that take no room on the disk

    return make


def link(name: str, target: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(target)

    return make


def failed(content: bytes) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        (path / "metrics.json").unlink()
        (path / "failure.txt").write_bytes(content)

    return make


BAD: dict[str, Callable[[Path], object]] = {
    "hexadecimal": config(f"seed: 0x{'F' * 6000}"),
    "digits": config(f"seed: {'9' * 6000}"),
    "base 60": config(f"seed: {':'.join(['1'] * 300_000)}"),
    "date": config("seed: 2020-01-01"),
    "set": config("seed: !!set {a, b}"),
    "binary": config("seed: !!binary aGVsbG8="),
    "colliding keys": config("".join(f"{k * (2**61 - 1)}: 1\n" for k in range(25_000))),
    "many keys": lambda path: config(
        (path / "config.yaml").read_text() + "".join(f"k{number}: 1\n" for number in range(9_000))
    )(path),
    "no mapping": config("- a"),
    "endless": endless("config.yaml"),
    "a link": link("config.yaml", "/etc/hostname"),
    "metrics not finite": metrics('{"val/accuracy": NaN, "test/accuracy": 1e999}'),
    "metrics of digits": metrics(f'{{"val/accuracy": {"9" * 4000}}}'),
    "metrics of 299 digits": metrics(f'{{"val/accuracy": {"9" * 299}, "epochs": 1e308}}'),
    "metrics nested": metrics("[" * 100_000),
    "metrics endless": endless("metrics.json"),
    "metrics a link": link("metrics.json", "/etc/hostname"),
    "failure not UTF-8": failed(b"\xff\x1b[31m"),
    "failure long": failed(b"x" * 10_000_000),
    "events endless": endless("events.out.tfevents.1"),
    "events a link": link("events.out.tfevents.1", "/dev/zero"),
    "events a pipe": lambda path: os.mkfifo(path / "events.out.tfevents.1"),
    "events of noise": lambda path: (path / "events.out.tfevents.1").write_bytes(os.urandom(4096)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_folder(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_run(tmp_path / "runs" / "good", accuracy=0.5)
    (good / "metrics.csv").write_text("step,val/accuracy\n1,0.5\n")
    bad = write_run(tmp_path / "runs" / "bad", seed=1, accuracy=0.75)
    BAD[name](bad)
    began_at = time.process_time()
    assert main([str(tmp_path / "runs")]) == 0
    out, err = capsys.readouterr()
    assert "1 done" in out or "2 done" in out
    assert all(line.startswith(f"seqtrain: warning: left out: {bad}") for line in err.splitlines())
    assert "\x1b" not in out + err
    assert main([str(tmp_path / "runs"), f"curves={tmp_path / 'a.png'}"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert time.process_time() - began_at < SECONDS


ODD = st.sampled_from(
    [
        *(None, True, 0, -1, 10**299, 0.5, float("nan"), float("inf"), 1e308),
        *("", r"$\frac{$", "\x1b[31m", HUGE),
        *([], {}, [None], {"a": {}}, {1: 2}, {"_target_": []}, ["x"], "seqtrain.data.Digits"),
    ]
)


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


KEYS = ("model", "seed", "task", "data", "run_dir", "data_dir", "model._target_", "model.hidden_size")
KEYS += ("task.monitor", "task.mode", "data.path", "optimizer.lr", "task._target_", "data._target_")
ARGUMENTS = st.sampled_from(
    [
        *("", "format=json", "format=csv", "format=latex", "format=markdown", "sort=hidden_size"),
        *("by=hidden_size,lr", "plot=a.svg x=hidden_size", "plot=a.svg x=hidden_size y=seed", "curves=a.svg"),
        "where=hidden_size>0",
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.dictionaries(st.sampled_from(KEYS), ODD, max_size=4), arguments=ARGUMENTS)
def test_odd_values(changes: dict[str, Any], arguments: str, tmp_path_factory, monkeypatch) -> None:
    """Shown, left out or refused; never a traceback."""
    folder = tmp_path_factory.mktemp("odd")
    monkeypatch.chdir(folder)
    for seed in range(2):
        write_run(folder / "runs" / f"good{seed}", seed, accuracy=0.5)
    bad = write_run(folder / "runs" / "bad", seed=1, accuracy=0.75)
    tree: Any = yaml.safe_load((bad / "config.yaml").read_text())
    for key, value in changes.items():
        value = copy.deepcopy(value)
        node, _, last = key.rpartition(".")
        if not node:
            tree[last] = value
        elif isinstance(tree.get(node), dict):
            tree[node][last] = value
    config(yaml.dump(tree, Dumper=Dumper))(bad)
    assert main(arguments.split()) in (0, 2)


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("where=seed=" + "9" * 5000, "where: seed: a number of 5,000 digits; expected at most 300"),
        ("where=seed=[[[[", "where: none of the 1 runs in runs meets seed=[[[["),
        ("where=seed=2020-01-01", "where: none of the 1 runs in runs meets seed=2020-01-01"),
        ("where=seed=!!set {a}", "where: none of the 1 runs in runs meets seed=!!set {a}"),
        ("where=seed>\x1b", r"where: none of the 1 runs in runs meets seed>\x1b"),
        ("where=,", "where: got '', expected KEY=VALUE (or !=, <, <=, >, >=)"),
        ("where==", "where: got '=', expected KEY=VALUE (or !=, <, <=, >, >=)"),
        ("sort=-", "sort: no run has the configuration key ''"),
        ("by=[[", "by: no run has the configuration key '[['"),
        ("metric=\x1b", r"metric: no finished run has '\x1b'"),
    ],
)
def test_odd_arguments(argument: str, problem: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "one", accuracy=0.5)
    assert main([argument]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[1:]) == ("", [f"  {problem}"])


def test_metrics_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    folder = RunFolder(write_run(tmp_path / "run", accuracy=0.5))
    metrics(json.dumps({"a": 1, "b": None, "c": 1e101, "d": float("nan")}))(folder.path)
    assert folder.load_metrics() == {"a": 1}
