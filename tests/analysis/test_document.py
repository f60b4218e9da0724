from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from seqtrain.analysis.document import example_documents, plain, run_document
from seqtrain.analysis.report import Report
from seqtrain.runs.curves import Curve


def test_the_run_in_plain_values(tagger_report: Report, classifier_report: Report) -> None:
    run = run_document(tagger_report)
    assert (run["layers"], run["directions"], run["units"]) == (1, ["forward", "backward"], 12)
    assert run["facts"][0] == ["model", "BiLSTM, 1 layer of 12 units, forward and backward"]
    assert run["view"] is None
    view = run_document(classifier_report)["view"]
    assert (view["name"], view["pixels"][1]) == ("rows", [8, 9, 10, 11, 12, 13, 14, 15])


def test_curves_keep_small_values(tagger_report: Report) -> None:
    curve = Curve("gradients/layer0/forward/first_fifth", "val", (1, 2), (1.2345678e-9, float("inf")))
    (drawn,) = run_document(replace(tagger_report, curves=(curve,)))["curves"]
    assert drawn["values"] == [1.23457e-9, None]


def test_states_of_all_come_before_details_of_any(tagger_report: Report) -> None:
    everything = example_documents(tagger_report.examples, 10**9)
    assert all("details" in document for document in everything)
    details = [document.pop("details") + document.pop("reach") for document in everything]
    states = sum(len(json.dumps(document)) for document in everything)
    some = example_documents(tagger_report.examples, states + len(details[0]))
    assert ["details" in document for document in some] == [True] + [False] * (len(some) - 1)
    fewer = example_documents(tagger_report.examples, states - 1)
    assert len(fewer) == len(everything) - 1
    assert len(example_documents(tagger_report.examples, 0)) == 1  # a page without any would show nothing


def test_numbers_that_json_lacks() -> None:
    assert plain(np.array([0.12345678, np.nan, np.inf])) == [0.123457, None, None]
    assert plain([1.23456e-9], digits=None) == [1.235e-9]
