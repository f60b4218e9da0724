"""One HTML file that shows a report: everything in it, nothing fetched.

The charts are made by Observable Plot on top of D3 (both under the ISC licence), whose minified files are in
page/vendor/: half a megabyte together, against 4.6 for Plotly and 0.8 for Vega-Lite, which also compiles its
expressions with eval and so needs a laxer security policy. Text, digits and lists are plain HTML.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from string import Template
from typing import Any

from seqtrain.analysis.document import example_documents, run_document
from seqtrain.analysis.report import Report

MAX_SIZE = 7_800_000  # bytes of the whole file

VENDOR = ("d3.min.js", "plot.umd.min.js")
SCRIPTS = (
    "dom.js",
    "data.js",
    "state.js",
    "colour.js",
    "sequence.js",
    "charts.js",
    "maps.js",
    "units.js",
    "example.js",
    "matching.js",
    "patterns.js",
    "run.js",
    "main.js",
)


def render_page(report: Report) -> tuple[str, int]:
    """The HTML, and how many of the report's examples found room in it."""
    scripts = [_read(f"vendor/{name}") for name in VENDOR]
    scripts.append('"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "\n})();")
    run = _to_json(run_document(report))
    style = _read("page.css")
    room = MAX_SIZE - sum(len(each.encode()) for each in (*scripts, run, style))
    examples = example_documents(report.examples, room)
    page = Template(_read("page.html")).substitute(
        title=html.escape(f"{report.name}: inside the recurrence"),
        policy=_policy(scripts),
        style=style,
        run=run,
        examples=_to_json({"given": len(report.examples), "examples": examples}),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    return page, len(examples)


def _policy(scripts: list[str]) -> str:
    """A Content-Security-Policy: these scripts run and no others, and nothing is fetched from anywhere."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _to_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever strings the data holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _read(name: str) -> str:
    return (files("seqtrain.analysis") / "page" / name).read_text(encoding="utf-8")
