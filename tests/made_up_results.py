"""Runs of the page of results, made up."""

from __future__ import annotations

ENVIRONMENT = {
    "date": "2026-11-21",
    "device": "cpu with 2 threads of 2",
    "processor": "A CPU",
    "precision": "32-true",
    "torch": "2.13.0",
}


GPU = ENVIRONMENT | {"device": "A GPU x 1", "precision": "bf16-mixed", "date": "2026-11-22"}


def a_run(accuracy: float, seconds: float = 60.0, speed: int = 1000, environment: dict = ENVIRONMENT) -> dict:
    """3 NOUNs and 7 VERBs; one NOUN was predicted as VERB, two VERBs as NOUN."""
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
        "config": {"seed": 0},
        "confusions": {"NOUN": [2, 1], "VERB": [2, 5]},
    }


def a_run_on_images(accuracy: float) -> dict:
    run = a_run(accuracy)
    for name in ("test/accuracy_unseen", "words_per_second", "test_words_per_second"):
        del run["metrics"][name]
    run["metrics"]["sequences_per_second"] = 77
    return run


def a_forecast(mse: float) -> dict:
    metrics = {"val/scaled_mse": mse + 0.1, "test/scaled_mse": mse, "test/scaled_mae": 0.5}
    run = a_run(0.0) | {"metrics": metrics | {"parameters": 1234, "epochs": 9, "cpu_seconds": 50.0}}
    del run["seconds_to_goal"], run["confusions"]
    return run
