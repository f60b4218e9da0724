"""What docs/trust.md names as the check of each promise is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+) \| (.+) \|$", PAGE, re.MULTILINE)


def test_every_promise_has_a_check_that_exists() -> None:
    promises = [row for row in ROWS if row != ("promise", "checked by") and row[0] != "---"]
    assert len(promises) > 10
    for promise, check in promises:
        places = re.findall(r"`([\w/.]+)`", check)
        assert places or check == "the same", promise
        for place in places:
            assert (ROOT / place).exists() or (ROOT / "seqtrain" / place).exists(), place
