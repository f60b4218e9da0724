"""The default tagger on many treebanks: `python scripts/treebanks.py FOLDER` writes docs/treebanks.md.

FOLDER holds a folder for each treebank, as its repository is cloned from github.com/UniversalDependencies.
A treebank that has been trained on before is not trained on again; what was found is kept in
docs/treebanks.json, from which the page is written, so that no number is typed by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqtrain.data.sources.treebank import find_splits, read_treebank_file
from seqtrain.errors import DataError
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.report.formats import markdown_table

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "treebanks.json"
PAGE = ROOT / "docs" / "treebanks.md"

OVERRIDES = ("task=pos", "data=ud", "model=bilstm")
METRICS = ("test/accuracy", "test/accuracy_unseen", "val/accuracy", "parameters", "epochs")

# UPOS on gold tokens by UDPipe 1.2 with its models for UD 2.5, from the manual in github.com/ufal/udpipe.
UDPIPE = {
    "Afrikaans-AfriBooms": 95.3,
    "Chinese-GSDSimp": 92.0,
    "Coptic-Scriptorium": 94.0,
    "Greek-GDT": 95.9,
    "Hebrew-HTB": 94.9,
    "Hindi-HDTB": 95.9,
    "Hungarian-Szeged": 90.7,
    "Indonesian-GSD": 93.0,
    "Irish-IDT": 90.2,
    "Japanese-GSD": 96.9,
    "Lithuanian-HSE": 74.1,
    "Maltese-MUDT": 93.9,
    "Marathi-UFAL": 77.7,
    "Tamil-TTB": 85.7,
    "Telugu-MTG": 90.6,
    "Turkish-IMST": 93.0,
    "Uyghur-UDT": 88.2,
    "Vietnamese-VTB": 87.6,
}

HEADER = """\
# Other treebanks

Written by `python scripts/treebanks.py FOLDER`; no number of ours is typed by hand. Every row is
`seqtrain task=pos data=ud model=bilstm data.path=TREEBANK` with seed 0 and nothing else: one
configuration for all languages, scripts and sizes. Accuracy, in percent, is that of UPOS on the test part,
with gold tokens and no outside data; unseen words are those that the training part has in neither case.
UDPipe 1.2 stands beside it as its manual gives it, on gold tokens of UD 2.5: treebanks have been corrected
since, and some have grown, so that a difference of less than a point says little. The first digits of the
test file's SHA-256 name the release.
"""

Row = dict[str, Any]  # words of each part, test_sha256, metrics, environment


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the treebanks")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "treebanks", help="where they are trained"
    )
    options = parser.parse_args(arguments)
    rows: dict[str, Row] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for treebank in sorted(path for path in options.folder.iterdir() if path.is_dir()):
        name = treebank.name.removeprefix("UD_")
        try:
            files = find_splits(treebank, "clone it again")
        except DataError as error:
            print(f"{name}: left out: {error}")
            continue
        run = RunFolder(options.runs / name)
        if train(treebank, run):
            rows[name] = row_of(run, files)
            write(rows)
            print(f"{name}: {100 * rows[name]['metrics']['test/accuracy']:.1f}")


def train(treebank: Path, run: RunFolder) -> bool:
    """Train on a treebank unless that has been done; False if it failed."""
    if run.is_done:
        return True
    command = [sys.executable, "-m", "seqtrain", *OVERRIDES, f"data.path={treebank}", f"run_dir={run.path}"]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def row_of(run: RunFolder, files: dict[str, Path]) -> Row:
    """What is kept of a finished run."""
    metrics = json.loads(run.metrics_file.read_text(encoding="utf-8"))
    return {
        "words": {split: len(read_treebank_file(path).form) for split, path in files.items()},
        "test_sha256": hashlib.sha256(files["test"].read_bytes()).hexdigest(),
        "metrics": {name: metrics[name] for name in METRICS if name in metrics},
        "environment": json.loads(run.environment_file.read_text(encoding="utf-8")),
    }


def write(rows: dict[str, Row]) -> None:
    """Keep the rows, and write the page that shows them."""
    KEPT.write_text(as_json(rows), encoding="utf-8")
    PAGE.write_text(page(rows), encoding="utf-8")


def as_json(rows: dict[str, Row]) -> str:
    """One line a treebank, so that a diff shows which is new."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows))
    return f"{{\n{lines}\n}}\n"


def page(rows: dict[str, Row]) -> str:
    """The whole page."""
    head = (
        "treebank",
        "words in train",
        "test",
        "UDPipe 1.2",
        "unseen words",
        "dev",
        "epochs",
        "file",
    )
    in_order = sorted(rows, key=lambda name: int(rows[name]["words"]["train"]))
    table = markdown_table(head, [_cells(name, rows[name]) for name in in_order])
    where = {
        f"{e['processor']}, {e['device']}, torch {e['torch']}"
        for e in (r["environment"] for r in rows.values())
    }
    return f"{HEADER}\n{table}\n\n{_comparison(rows)} Trained on {'; '.join(sorted(where))}.\n"


def _cells(name: str, row: Row) -> list[str]:
    metrics = row["metrics"]
    unseen = metrics.get("test/accuracy_unseen")
    return [
        name,
        f"{row['words']['train']:,}",
        f"{100 * metrics['test/accuracy']:.1f}",
        f"{UDPIPE[name]:.1f}" if name in UDPIPE else "",
        "" if unseen is None else f"{100 * unseen:.1f}",
        f"{100 * metrics['val/accuracy']:.1f}" if "dev" in row["words"] else "a tenth of train",
        f"{metrics['epochs']:.0f}",
        f"`{row['test_sha256'][:8]}`",
    ]


def _comparison(rows: dict[str, Row]) -> str:
    """How many of the treebanks with a published figure are above it, and by how much on average."""
    gains = [100 * rows[name]["metrics"]["test/accuracy"] - UDPIPE[name] for name in rows if name in UDPIPE]
    if not gains:
        return "None of these has a published figure."
    ahead = sum(gain > 0 for gain in gains)
    mean = sum(gains) / len(gains)
    return (
        f"Above UDPipe 1.2 on {ahead} of {len(gains)} treebanks, by {mean:+.1f} points on average over all."
    )


if __name__ == "__main__":
    main()
