from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

from seqtrain.analysis.page import render_page
from seqtrain.analysis.report import Report
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
