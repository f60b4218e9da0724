"""The page of results: its arithmetic, and which runs count."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import results as script
from results_page import page, result_line

from seqtrain.config import compose_config
from seqtrain.run import RunFolder, resolved
from seqtrain.train import train

ENVIRONMENT = {
    "date": "2026-11-21",
    "device": "cpu with 2 threads",
    "processor": "A CPU",
    "precision": "32-true",
    "torch": "2.13.0",
}


def a_run(accuracy: float, seconds: float = 60.0, words_per_second: int = 1000) -> dict:
    """3 NOUNs and 7 VERBs; one NOUN was taken for a VERB, two VERBs for a NOUN."""
    return {
        "metrics": {
            "val/accuracy": accuracy + 0.01,
            "test/accuracy": accuracy,
            "test/accuracy_unseen": 0.5,
            "test/f1/NOUN": 0.25,
            "test/f1/VERB": 0.75,
            "parameters": 1234,
            "seconds": seconds,
            "words_per_second": words_per_second,
        },
        "environment": ENVIRONMENT,
        "conditions": "alone",
        "confusions": {"NOUN": [2, 1], "VERB": [2, 5]},
    }


TITLES = {"ewt_best": "English-EWT: the best", "ewt_lstm": "English-EWT: an LSTM", "pos_bilstm": "a sample"}


class TestPage:
    def test_mean_and_standard_deviation_by_eye(self) -> None:
        text = page({"ewt_best": {"0": a_run(0.95, 60), "1": a_run(0.97, 80, 2000)}}, TITLES)
        # 95 and 97 lie 1 from their mean: sqrt((1 + 1) / (2 - 1))
        assert (
            "| `ewt_best` | the best | 1,234 | 2 | 96.00 ± 1.41 | 50.00 ± 0.00 | 97.00 ± 1.41 | 70 | 1,500 |"
        ) in text

    def test_one_seed_has_no_deviation_and_the_best_comes_last(self) -> None:
        text = page({"ewt_best": {"0": a_run(0.96)}, "ewt_lstm": {"5": a_run(0.94)}}, TITLES)
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert rows == [
            "| `ewt_lstm` | an LSTM | 1,234 | 1 | 94.00 | 50.00 | 95.00 | 60 | 1,000 |",
            "| `ewt_best` | the best | 1,234 | 1 | 96.00 | 50.00 | 97.00 | 60 | 1,000 |",
        ]

    def test_errors_of_the_best_tagger(self) -> None:
        lines = page({"ewt_best": {"0": a_run(0.7), "1": a_run(0.7)}}, TITLES).splitlines()
        assert "English-EWT: the best (`ewt_best`), means over 2 seeds: 3 of 10 words are wrong." in lines
        at = lines.index("| tag | words | F1 |")
        assert lines[at + 2 : at + 4] == ["| VERB | 7 | 75.00 ± 0.00 |", "| NOUN | 3 | 25.00 ± 0.00 |"]
        at = lines.index("| is | was given | words | % of errors |")
        assert lines[at + 2 : at + 4] == ["| VERB | NOUN | 2 | 66.7 |", "| NOUN | VERB | 1 | 33.3 |"]

    def test_published_figures_stand_beside(self) -> None:
        assert (
            "| UDPipe 1.2 | 94.4 to 94.5 | gold tokens, no outside data; UD 2.3 to 2.5 | UDPipe 1 manual |"
        ) in page({}, TITLES)

    def test_the_line_of_a_header(self) -> None:
        assert result_line({"0": a_run(0.95, 60), "1": a_run(0.97, 80)}) == (
            "Test accuracy 96.00 ± 1.41 (seeds 0, 1), 70 s a run; A CPU, cpu with 2 threads, 32-true, "
            "torch 2.13.0, alone, 2026-11-21."
        )


class TestCollect:
    @pytest.fixture
    def finished(self, tmp_path: Path) -> RunFolder:
        """A run of experiment=digits_bilstm with another seed, cut short by its trainer only at the end."""
        folder = RunFolder(tmp_path / "run")
        cfg = compose_config(
            ["experiment=digits_bilstm", "seed=7", f"run_dir={folder.path}", "data_dir=none"]
        )
        short = compose_config(["model.hidden_size=4", "trainer=debug", f"run_dir={folder.path}"])
        train(short, folder)
        folder.config_file.write_text(OmegaConf.to_yaml(OmegaConf.create(resolved(cfg))))
        return folder

    def test_the_experiment_is_found_by_its_configuration(self, finished: RunFolder) -> None:
        assert script.experiment_of(finished) == "digits_bilstm"

    @pytest.mark.parametrize("key", ["model.hidden_size", "trainer.max_epochs"])
    def test_another_configuration_is_no_experiment(self, finished: RunFolder, key: str) -> None:
        cfg = OmegaConf.load(finished.config_file)
        OmegaConf.update(cfg, key, 3)
        OmegaConf.save(cfg, finished.config_file)
        assert script.experiment_of(finished) is None

    def test_an_option_that_the_run_did_not_have_counts_as_its_default(self, finished: RunFolder) -> None:
        cfg = OmegaConf.load(finished.config_file)
        del cfg.head["pooling"]  # last, in the YAML and in the class
        OmegaConf.save(cfg, finished.config_file)
        assert script.experiment_of(finished) == "digits_bilstm"
        del cfg.head["dropout"]  # has no default
        OmegaConf.save(cfg, finished.config_file)
        assert script.experiment_of(finished) is None

    def test_what_is_kept_is_what_the_run_wrote(self, finished: RunFolder) -> None:
        results: dict = {}
        script.add_run(results, "digits_bilstm", finished, "alone")
        run = results["digits_bilstm"]["7"]
        assert run["metrics"] == json.loads(finished.metrics_file.read_text())
        assert run["environment"]["device"] == "cpu with 1 threads"
        assert list(run["confusions"]) == [str(digit) for digit in range(10)]
        assert json.loads(script.as_json(results)) == results


def test_a_header_gets_its_result_once() -> None:
    text = "# @package _global_\n# A title.\n# python -m seqtrain experiment=x\ndefaults:\n  - a\n"
    once = script.with_result(text, {"0": a_run(0.95)})
    assert once.splitlines()[3].startswith("# Test accuracy 95.00 (seed 0), 60 s a run; A CPU")
    assert script.with_result(once, {"0": a_run(0.95)}) == once
    assert script.with_result(once, None) == text


def test_the_page_and_the_headers_are_those_of_the_kept_results() -> None:
    results = script.read_results()
    titles = {name: script.title(name) for name in script.experiment_names()}
    assert results.keys() <= titles.keys()
    assert script.PAGE.read_text(encoding="utf-8") == page(results, titles)
    assert script.KEPT.read_text(encoding="utf-8") == script.as_json(results)
    for name in titles:
        text = (script.EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")
        assert text == script.with_result(text, results.get(name))
        assert f"# python -m seqtrain experiment={name}\n" in text
