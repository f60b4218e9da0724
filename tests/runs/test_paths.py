from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.runs.paths import as_typed


def test_a_path_is_shown_as_it_would_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_typed(tmp_path / "runs" / "pos") == "runs/pos"
    assert as_typed("runs/pos") == "runs/pos"
    assert as_typed("/elsewhere/runs") == "/elsewhere/runs"
    assert as_typed(tmp_path.parent / "other") == str(tmp_path.parent / "other")
