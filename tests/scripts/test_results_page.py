"""The page of results: its arithmetic."""

from __future__ import annotations

from made_up_results import GPU, a_forecast, a_run, a_run_on_images
from results_page import page, result_line
from results_tables import TABLES, find_measure

TITLES = {
    "ewt_best": "English-EWT: the best",
    "ewt_lstm": "English-EWT: an LSTM",
    "mnist_rnn": "MNIST: rows; an RNN",
    "pos_bilstm": "a sample",
    "etth1": "ETTh1",
    "etth1_lstm": "ETTh1: an LSTM",
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

    def test_the_best_small_network_by_dev(self) -> None:
        many, large = a_run(0.99), a_run(0.99)
        many["config"] = {"members": 3}
        large["metrics"] = large["metrics"] | {"parameters": 2_500_001}
        runs = {"ewt_best": {"0": many}, "ewt_lstm": {"0": a_run(0.94), "1": a_run(0.96)}}
        runs["ewt_rnn"] = {"0": large}
        text = page(runs, TITLES | {"ewt_rnn": "English-EWT: an RNN"})
        best = "Of the single networks of at most 2.5 million parameters, `ewt_lstm` is best on dev"
        assert f"{best}: 95.00 ± 1.41 on test.\n" in text
        assert "million parameters" not in page({"ewt_best": {"0": many}}, TITLES)

    def test_images_have_no_unseen_words(self) -> None:
        text = page({"mnist_rnn": {"0": a_run_on_images(0.9)}, "ewt_lstm": {"0": a_run(0.9)}}, TITLES)
        assert "| `mnist_rnn` | rows; an RNN | 1,234 | 9 | 0 | 90.00 | 91.00 | 60 | 77 | a |" in text
        assert "| test | dev | seconds | sequences/s in training |  |" in text
        assert "| test | unseen words | dev | seconds | to 95.0 | words/s in training | in test |  |" in text

    def test_times_of_different_machines_are_not_averaged(self) -> None:
        runs = {"0": a_run(0.95, 900), "1": a_run(0.97, 90, 9000, GPU), "2": a_run(0.95, 700)}
        text = page({"ewt_lstm": runs}, TITLES)
        assert [row.split(" | ")[4:6] + row.split(" | ")[8:] for row in rows_of(text)] == [
            ["0, 2", "95.00 ± 0.00", "800", "400", "1,000", "10,000", "a |"],
            ["1", "97.00", "90", "45", "9,000", "90,000", "b |"],
        ]
        assert "- b: A GPU x 1, bf16-mixed, torch 2.13.0, alone; 2026-11-22" in text

    def test_runs_that_shared_the_machine_count_for_the_accuracy_only(self) -> None:
        shared = a_run(0.97)
        shared["environment"] = shared["environment"] | {"date": "2026-11-23"}
        del shared["metrics"]["seconds"], shared["metrics"]["words_per_second"], shared["seconds_to_goal"]
        text = page({"ewt_lstm": {"0": shared, "1": a_run(0.95, 900)}}, TITLES)
        assert [row.split(" | ")[4:6] + row.split(" | ")[8:11] for row in rows_of(text)] == [
            ["0, 1", "96.00 ± 1.41", "900", "450", "1,000"]
        ]
        assert "2026-11-23" not in text
        assert result_line({"0": shared}).startswith("Test accuracy 97.00 (seed 0), A CPU, cpu")

    def test_an_experiment_of_shared_machines_alone_beside_a_timed_one(self) -> None:
        shared = a_run(0.97)
        del shared["metrics"]["seconds"]
        shared["conditions"] = "beside other work"
        text = page({"ewt_best": {"0": shared}, "ewt_lstm": {"0": a_run(0.95)}}, TITLES)
        assert [row.split(" | ")[-1] for row in rows_of(text)] == ["b |", "a |"]
        assert "- a: A CPU, cpu with 2 threads of 2, 32-true, torch 2.13.0, beside other work;" in text

    def test_a_goal_that_only_some_runs_reached_and_one_whose_time_is_not_known(self) -> None:
        missed, unknown = a_run(0.9), a_run(0.9)
        missed["seconds_to_goal"] = None
        del unknown["seconds_to_goal"]
        some = page({"ewt_best": {"0": a_run(0.95), "1": missed, "2": unknown}}, TITLES)
        assert rows_of(some)[0].split(" | ")[9] == "30 (1 of 2)"
        assert rows_of(page({"ewt_best": {"1": missed}}, TITLES))[0].split(" | ")[9] == "never"
        assert "to 95.0 |" not in page({"ewt_best": {"1": unknown}}, TITLES)

    def test_errors_of_the_best_tagger(self) -> None:
        lines = page({"ewt_best": {"0": a_run(0.7), "1": a_run(0.7)}}, TITLES).splitlines()
        assert "English-EWT: the best (`ewt_best`), means over 2 seeds: 3 of 10 words are wrong." in lines
        at = lines.index("| tag | words | precision | recall | F1 |")
        assert lines[at + 2 : at + 4] == [
            "| VERB | 7 | 83.3 | 71.4 | 75.00 ± 0.00 |",  # right 5 of the 6 given, 5 of the 7 there
            "| NOUN | 3 | 50.0 | 66.7 | 25.00 ± 0.00 |",
        ]
        at = lines.index("| target | predicted | words | % of errors |")
        assert lines[at + 2 : at + 4] == ["| VERB | NOUN | 2 | 66.7 |", "| NOUN | VERB | 1 | 33.3 |"]

    def test_published_figures_stand_beside_and_nothing_for_no_run(self) -> None:
        text = page({}, TITLES)
        assert "| UDPipe 1.2 | 94.4 to 94.5 | gold tokens, no outside data; UD 2.3 to 2.5 |" in text
        assert text.count("No run yet.") == len(TABLES)

    def test_errors_are_no_percentages_and_the_smallest_comes_last(self) -> None:
        text = page(
            {"etth1": {"0": a_forecast(0.36), "1": a_forecast(0.37)}, "etth1_lstm": {"0": a_forecast(0.38)}},
            TITLES,
        )
        assert rows_of(text) == [
            "| `etth1_lstm` | an LSTM | 1,234 | 9 | 0 | 0.380 | 0.500 | 0.480 | 50 | a |",
            "| `etth1` | ETTh1 | 1,234 | 9 | 0, 1 | 0.365 ± 0.007 | 0.500 ± 0.000 | 0.465 ± 0.007 | 50 | a |",
        ]
        assert "| seeds | scaled MSE | scaled MAE | dev | CPU seconds |  |" in text
        line = result_line({"0": a_forecast(0.36)}, find_measure("etth1"))
        assert line.startswith("Test scaled_mse 0.360 (seed 0), A CPU, cpu")

    def test_the_line_of_a_header(self) -> None:
        assert result_line({"0": a_run(0.95, 60), "1": a_run(0.97, 80)}) == (
            "Test accuracy 96.00 +- 1.41 (seeds 0, 1), 70 s a run; A CPU, cpu with 2 threads of 2, 32-true, "
            "torch 2.13.0, alone, 2026-11-21."
        )
