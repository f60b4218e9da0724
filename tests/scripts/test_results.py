"""The page of results: its arithmetic, and which runs count."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import results as script
from made_up_results import a_run
from omegaconf import OmegaConf
from results_page import page

from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder, plain
from seqtrain.training.train import train


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of a moment."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "short")
    train(compose_config(["model.hidden_size=4", "trainer=debug", f"run_dir={folder.path}"]), folder)
    return folder


@pytest.fixture
def finished(short_run: RunFolder, tmp_path: Path) -> RunFolder:
    """What that run wrote, with the configuration of experiment=digits_bilstm, which takes longer."""
    folder = RunFolder(shutil.copytree(short_run.path, tmp_path / "an (odd), name" / "run"))
    cfg = compose_config(["experiment=digits_bilstm", "seed=7", "run_dir=RUN", "data_dir=/some/where"])
    config = OmegaConf.to_yaml(OmegaConf.create(plain(cfg)))
    folder.config_file.write_text(config.replace("RUN", str(folder.path)))
    return folder


@contextmanager
def changed(folder: RunFolder) -> Iterator[Any]:
    cfg = OmegaConf.load(folder.config_file)
    yield cfg
    OmegaConf.save(cfg, folder.config_file)


class TestExperimentOf:
    def found(self, folder: RunFolder) -> str | None:
        return script.experiment_of(script.config_of(folder))

    def test_is_found_by_the_configuration_wherever_the_run_lies(self, finished: RunFolder) -> None:
        assert self.found(finished) == "digits_bilstm"

    @pytest.mark.parametrize("key", ["model.hidden_size", "trainer.max_epochs", "members"])
    def test_another_configuration_is_no_experiment(self, finished: RunFolder, key: str) -> None:
        with changed(finished) as cfg:
            OmegaConf.update(cfg, key, 3)
        assert self.found(finished) is None

    def test_an_option_that_the_run_did_not_have_counts_as_its_default(self, finished: RunFolder) -> None:
        with changed(finished) as cfg:
            del cfg.head.pooling, cfg.members  # last, in the YAML and in the class
        assert self.found(finished) == "digits_bilstm"
        with changed(finished) as cfg:
            del cfg.head.dropout  # has no default
        assert self.found(finished) is None

    def test_a_run_from_before_word_vectors_counts(self) -> None:
        before = script.experiment_config("ewt_bilstm")
        data = {key: value for key, value in before["data"].items() if "vectors" not in key}
        assert script.experiment_of({**before, "data": data}) == "ewt_bilstm"

    def test_every_experiment_is_its_own(self) -> None:
        names = script.experiment_names()
        assert [script.experiment_of(script.experiment_config(name)) for name in names] == names


class TestMain:
    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A copy of what the script writes to."""
        (tmp_path / "docs").mkdir()
        shutil.copytree(script.EXPERIMENTS, tmp_path / "experiment")
        monkeypatch.setattr(script, "EXPERIMENTS", tmp_path / "experiment")
        monkeypatch.setattr(script, "KEPT", tmp_path / "docs" / "results.json")
        monkeypatch.setattr(script, "PAGE", tmp_path / "docs" / "results.md")
        return tmp_path

    def test_a_run_gets_into_the_kept_results_and_its_header(
        self, project: Path, finished: RunFolder, capsys
    ) -> None:
        script.main([str(finished.path.parent), "--conditions", "alone"])
        run = script.read_results()["digits_bilstm"]["7"]
        assert run["metrics"] == json.loads(finished.metrics_file.read_text())
        assert run["environment"]["device"].startswith("cpu with 1 thread of ")
        assert run["conditions"] == "alone"
        assert list(run["confusions"]) == [str(digit) for digit in range(10)]
        header = (project / "experiment" / "digits_bilstm.yaml").read_text().splitlines()[3]
        accuracy, seconds = 100 * run["metrics"]["test/accuracy"], run["metrics"]["seconds"]
        assert header.startswith(f"# Test accuracy {accuracy:.2f} (seed 7), {seconds:,.0f} s")
        assert f"{finished.path}: digits_bilstm" in capsys.readouterr().out

    def test_a_folder_that_lacks_something_is_left_out(
        self, project: Path, finished: RunFolder, capsys
    ) -> None:
        finished.environment_file.unlink()
        script.main([str(finished.path)])
        assert f"{finished.path}: left out, it has no environment.json" in capsys.readouterr().out
        assert script.read_results() == {}

    def test_without_times_the_processor_time_stays(self, project: Path, finished: RunFolder) -> None:
        script.main([str(finished.path), "--untimed"])
        run = script.read_results()["digits_bilstm"]["7"]
        assert [name for name in run["metrics"] if "second" in name] == ["cpu_seconds"]
        assert "seconds_to_goal" not in run

    def test_what_an_experiment_is_no_longer_is_dropped(
        self, project: Path, finished: RunFolder, capsys
    ) -> None:
        script.main([str(finished.path)])
        results = script.read_results()
        results["digits_bilstm"]["7"]["config"]["model"]["hidden_size"] = 32
        script.KEPT.write_text(script.as_json(results))
        script.main([])
        assert "dropped: digits_bilstm, seed 7: the experiment has changed since" in capsys.readouterr().out
        assert script.read_results() == {}
        assert "# Test" not in (project / "experiment" / "digits_bilstm.yaml").read_text()


def test_a_header_gets_its_result_once_and_what_follows_stays() -> None:
    text = "# @package _global_\n# A title.\n# python\nseed: 1\n# Test accuracy of another\nmembers: 2\n"
    once = script.with_result(text, "ewt_lstm", {"0": a_run(0.95)})
    assert once.splitlines()[3].startswith("# Test accuracy 95.00 (seed 0), 60 s a run; A CPU")
    assert once.splitlines()[-3:] == text.splitlines()[-3:]
    assert max(map(len, once.splitlines())) <= 110
    assert script.with_result(once, "ewt_lstm", {"0": a_run(0.95)}) == once
    assert script.with_result(once, "ewt_lstm", None) == text
    assert script.with_result("# only\n# comments\n", "ewt_lstm", None) == "# only\n# comments\n"


def test_the_page_and_the_headers_are_those_of_the_kept_results() -> None:
    results = script.read_results()
    titles = {name: script.title(name) for name in script.experiment_names()}
    assert script.drop_stale(results) == results
    assert script.PAGE.read_text(encoding="utf-8") == page(results, titles)
    assert script.KEPT.read_text(encoding="utf-8") == script.as_json(results)
    for name in titles:
        text = (script.EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")
        assert text == script.with_result(text, name, results.get(name))
        assert text.splitlines()[2] == f"# seqtrain experiment={name}"
