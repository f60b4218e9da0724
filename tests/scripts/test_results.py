"""The page of results: its arithmetic, and which runs count."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import results as script
from results_page import page, result_line

from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder, resolved
from seqtrain.training.train import train

ENVIRONMENT = {
    "date": "2026-11-21",
    "device": "cpu with 2 threads of 2",
    "processor": "A CPU",
    "precision": "32-true",
    "torch": "2.13.0",
}
GPU = ENVIRONMENT | {"device": "A GPU x 1", "precision": "bf16-mixed", "date": "2026-11-22"}


def a_run(accuracy: float, seconds: float = 60.0, speed: int = 1000, environment: dict = ENVIRONMENT) -> dict:
    """3 NOUNs and 7 VERBs; one NOUN was taken for a VERB, two VERBs for a NOUN."""
    return {
        "metrics": {
            "val/accuracy": accuracy + 0.01,
            "test/accuracy": accuracy,
            "test/accuracy_unseen": 0.5,
            "test/f1/NOUN": 0.25,
            "test/f1/VERB": 0.75,
            "parameters": 1234,
            "epochs": 9,
            "seconds": seconds,
            "words_per_second": speed,
            "test_words_per_second": 10 * speed,
        },
        "seconds_to_goal": seconds / 2,
        "environment": environment,
        "conditions": "alone",
        "confusions": {"NOUN": [2, 1], "VERB": [2, 5]},
    }


def a_run_on_images(accuracy: float) -> dict:
    run = a_run(accuracy)
    for name in ("test/accuracy_unseen", "words_per_second", "test_words_per_second"):
        del run["metrics"][name]
    run["metrics"]["sequences_per_second"] = 77
    return run


TITLES = {
    "ewt_best": "English-EWT: the best",
    "ewt_lstm": "English-EWT: an LSTM",
    "mnist_rnn": "MNIST: rows; an RNN",
    "pos_bilstm": "a sample",
}


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| `")]


class TestPage:
    def test_mean_and_standard_deviation_by_eye(self) -> None:
        text = page({"ewt_best": {"0": a_run(0.95, 60), "1": a_run(0.97, 80, 2000)}}, TITLES)
        # 95 and 97 lie 1 from their mean: sqrt((1 + 1) / (2 - 1))
        assert rows_of(text) == [
            "| `ewt_best` | the best | 1,234 | 9 | 0, 1 | 96.00 ± 1.41 | 50.00 ± 0.00 | 97.00 ± 1.41 | 70 "
            "| 35 | 1,500 | 15,000 | a |"
        ]
        assert "- a: A CPU, cpu with 2 threads of 2, 32-true, torch 2.13.0, alone; 2026-11-21" in text

    def test_one_seed_has_no_deviation_and_the_best_comes_last(self) -> None:
        text = page({"ewt_best": {"0": a_run(0.96)}, "ewt_lstm": {"5": a_run(0.94)}}, TITLES)
        assert rows_of(text) == [
            "| `ewt_lstm` | an LSTM | 1,234 | 9 | 5 | 94.00 | 50.00 | 95.00 | 60 | 30 | 1,000 | 10,000 | a |",
            "| `ewt_best` | the best | 1,234 | 9 | 0 | 96.00 | 50.00 | 97.00 "
            "| 60 | 30 | 1,000 | 10,000 | a |",
        ]

    def test_images_have_no_unseen_words(self) -> None:
        text = page({"mnist_rnn": {"0": a_run_on_images(0.9)}, "ewt_lstm": {"0": a_run(0.9)}}, TITLES)
        assert "| `mnist_rnn` | rows; an RNN | 1,234 | 9 | 0 | 90.00 | 91.00 | 60 | 77 |  | a |" in text
        assert "| test | dev | seconds | sequences/s in training | in test |  |" in text
        assert "| test | unseen words | dev | seconds | to 95.0 | words/s in training | in test |  |" in text

    def test_times_of_different_machines_are_not_averaged(self) -> None:
        runs = {"0": a_run(0.95, 900), "1": a_run(0.97, 90, 9000, GPU), "2": a_run(0.95, 700)}
        text = page({"ewt_lstm": runs}, TITLES)
        assert [row.split(" | ")[4:6] + row.split(" | ")[8:] for row in rows_of(text)] == [
            ["0, 2", "95.00 ± 0.00", "800", "400", "1,000", "10,000", "a |"],
            ["1", "97.00", "90", "45", "9,000", "90,000", "b |"],
        ]
        assert "- b: A GPU x 1, bf16-mixed, torch 2.13.0, alone; 2026-11-22" in text

    def test_a_goal_that_only_some_runs_reached_and_one_whose_time_is_not_known(self) -> None:
        missed, unknown = a_run(0.9), a_run(0.9)
        missed["seconds_to_goal"] = None
        del unknown["seconds_to_goal"]
        some = page({"ewt_best": {"0": a_run(0.95), "1": missed, "2": unknown}}, TITLES)
        assert rows_of(some)[0].split(" | ")[9] == "30 (1 of 2)"
        assert rows_of(page({"ewt_best": {"1": missed}}, TITLES))[0].split(" | ")[9] == "never"
        assert rows_of(page({"ewt_best": {"1": unknown}}, TITLES))[0].split(" | ")[9] == ""

    def test_errors_of_the_best_tagger(self) -> None:
        lines = page({"ewt_best": {"0": a_run(0.7), "1": a_run(0.7)}}, TITLES).splitlines()
        assert "English-EWT: the best (`ewt_best`), means over 2 seeds: 3 of 10 words are wrong." in lines
        at = lines.index("| tag | words | precision | recall | F1 |")
        assert lines[at + 2 : at + 4] == [
            "| VERB | 7 | 83.3 | 71.4 | 75.00 ± 0.00 |",  # right 5 of the 6 given, 5 of the 7 there
            "| NOUN | 3 | 50.0 | 66.7 | 25.00 ± 0.00 |",
        ]
        at = lines.index("| is | was given | words | % of errors |")
        assert lines[at + 2 : at + 4] == ["| VERB | NOUN | 2 | 66.7 |", "| NOUN | VERB | 1 | 33.3 |"]

    def test_published_figures_stand_beside_and_nothing_for_no_run(self) -> None:
        text = page({}, TITLES)
        assert "| UDPipe 1.2 | 94.4 to 94.5 | gold tokens, no outside data; UD 2.3 to 2.5 |" in text
        assert text.count("No run yet.") == 2

    def test_the_line_of_a_header(self) -> None:
        assert result_line({"0": a_run(0.95, 60), "1": a_run(0.97, 80)}) == (
            "Test accuracy 96.00 +- 1.41 (seeds 0, 1), 70 s a run; A CPU, cpu with 2 threads of 2, 32-true, "
            "torch 2.13.0, alone, 2026-11-21."
        )


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
    config = OmegaConf.to_yaml(OmegaConf.create(resolved(cfg)))
    folder.config_file.write_text(config.replace("RUN", str(folder.path)))
    return folder


def change(folder: RunFolder, key: str, value: object) -> None:
    cfg = OmegaConf.load(folder.config_file)
    OmegaConf.update(cfg, key, value)
    OmegaConf.save(cfg, folder.config_file)


def remove(folder: RunFolder, group: str, key: str) -> None:
    cfg = OmegaConf.load(folder.config_file)
    del cfg[group][key]
    OmegaConf.save(cfg, folder.config_file)


class TestExperimentOf:
    def found(self, folder: RunFolder) -> str | None:
        return script.experiment_of(script.config_of(folder))

    def test_is_found_by_the_configuration_wherever_the_run_lies(self, finished: RunFolder) -> None:
        assert self.found(finished) == "digits_bilstm"

    @pytest.mark.parametrize("key", ["model.hidden_size", "trainer.max_epochs", "members"])
    def test_another_configuration_is_no_experiment(self, finished: RunFolder, key: str) -> None:
        change(finished, key, 3)
        assert self.found(finished) is None

    def test_an_option_that_the_run_did_not_have_counts_as_its_default(self, finished: RunFolder) -> None:
        remove(finished, "head", "pooling")  # last, in the YAML and in the class
        cfg = OmegaConf.load(finished.config_file)
        del cfg["members"]
        OmegaConf.save(cfg, finished.config_file)
        assert self.found(finished) == "digits_bilstm"
        remove(finished, "head", "dropout")  # has no default
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
        finished.confusions_file.unlink()
        script.main([str(finished.path)])
        said = f"{finished.path}: left out, it has no environment.json and no confusions.csv"
        assert said in capsys.readouterr().out
        assert script.read_results() == {}

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
    text = (
        "# @package _global_\n# A title.\n# python\nseed: 1\n# Test accuracy of something else\nmembers: 2\n"
    )
    once = script.with_result(text, {"0": a_run(0.95)})
    assert once.splitlines()[3].startswith("# Test accuracy 95.00 (seed 0), 60 s a run; A CPU")
    assert once.splitlines()[-3:] == text.splitlines()[-3:]
    assert max(map(len, once.splitlines())) <= 110
    assert script.with_result(once, {"0": a_run(0.95)}) == once
    assert script.with_result(once, None) == text
    assert script.with_result("# only\n# comments\n", None) == "# only\n# comments\n"


def test_the_page_and_the_headers_are_those_of_the_kept_results() -> None:
    results = script.read_results()
    titles = {name: script.title(name) for name in script.experiment_names()}
    assert script.drop_stale(results) == results
    assert script.PAGE.read_text(encoding="utf-8") == page(results, titles)
    assert script.KEPT.read_text(encoding="utf-8") == script.as_json(results)
    for name in titles:
        text = (script.EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")
        assert text == script.with_result(text, results.get(name))
        assert text.splitlines()[2] == f"# python -m seqtrain experiment={name}"
