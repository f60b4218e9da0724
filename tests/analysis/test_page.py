from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace

import numpy as np

from seqtrain.analysis.page import (
    encode_image,
    encode_signals,
    example_documents,
    plain,
    render_page,
    run_document,
)
from seqtrain.analysis.report import Report
from seqtrain.runs.curves import Curve
from seqtrain.spec import StepClasses

HOSTILE = "</script><script>document.title='stolen'</script><img src=x onerror=document.title='stolen'>"


def read_json(page: str, name: str) -> dict:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_the_run_and_the_examples(tagger_report: Report) -> None:
    page, num_shown = render_page(tagger_report)
    assert num_shown == 12
    assert read_json(page, "run")["targets"] == list(tagger_report.spec.targets.names)
    sample = read_json(page, "sample")
    assert sample["given"] == 12
    assert sample["examples"][2]["words"] == list(tagger_report.examples[2].words or ())
    assert len(page.encode()) < 8_000_000


def test_nothing_is_fetched(classifier_report: Report) -> None:
    page, _ = render_page(classifier_report)
    assert re.findall(r'<(?:script|img|iframe|link)[^>]+(?:src|href)="([^"]*)"', page) == ["data:,"]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")


def test_the_policy_names_exactly_the_scripts_of_the_page(classifier_report: Report) -> None:
    page, _ = render_page(classifier_report)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']*)'", page) == hashes
    assert len(scripts) == 3  # d3, Plot and the page's own


def test_words_and_names_cannot_become_markup(tagger_report: Report) -> None:
    first = replace(tagger_report.examples[0], words=(HOSTILE,) * tagger_report.examples[0].num_steps)
    spec = replace(tagger_report.spec, targets=StepClasses((HOSTILE, *tagger_report.spec.targets.names[1:])))
    page, _ = render_page(replace(tagger_report, name=HOSTILE, spec=spec, examples=(first,)))
    assert "stolen'</script>" not in page
    assert "<img src=x" not in page
    assert read_json(page, "sample")["examples"][0]["words"][0] == HOSTILE
    assert read_json(page, "run")["targets"][0] == HOSTILE


def test_the_licences_of_the_libraries_are_kept() -> None:
    from importlib.resources import files

    text = (files("seqtrain.analysis") / "page" / "vendor" / "LICENSES.txt").read_text(encoding="utf-8")
    assert "Copyright 2010-2023 Mike Bostock" in text
    assert "Copyright 2020-2025 Observable, Inc." in text


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
    assert plain(np.array([0.12345678, np.nan, np.inf])) == [0.1235, None, None]
    assert plain([1.23456e-9], significant=3) == [1.23e-9]


def decode(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """As a browser does it: first all scales, then all values."""
    content = zlib.decompress(base64.b64decode(text))
    num_scales = int(np.prod(shape[:-1]))
    scales = np.frombuffer(content, "<f4", num_scales).reshape(shape[:-1])
    return np.frombuffer(content, np.int8, offset=4 * num_scales).reshape(shape) * scales[..., None]


def test_values_are_exact_to_the_254th_part_of_the_steps_range() -> None:
    draw = np.random.default_rng(0)
    size = 10.0 ** draw.integers(-12, 3, size=(2, 3, 1, 7, 1))  # gradients of very different steps
    parts = (size * draw.normal(size=(2, 3, 1, 7, 5))).astype(np.float32)
    error = np.abs(decode(encode_signals(list(parts)), parts.shape) - parts)
    assert (error <= np.abs(parts).max(axis=-1, keepdims=True) / 254 * 1.001).all()


def test_zeros_stay_zero() -> None:
    assert (decode(encode_signals([np.zeros((1, 1, 2, 3), np.float32)]), (1, 1, 1, 2, 3)) == 0).all()


def test_an_image_is_its_bytes() -> None:
    text = encode_image(np.array([[0, 1], [0.5, 0.2]], np.float32))
    assert base64.b64decode(text) == bytes([0, 255, 128, 51])
