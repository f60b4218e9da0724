"""What commands print."""

from __future__ import annotations

import json
from typing import Any

# Before a single problem.
REFUSED = "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n  "


def json_lines(capsys) -> list[dict[str, Any]]:
    """The objects on standard output, one a line; nothing may be on standard error."""
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]
