"""What commands print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

# Before a single problem.
REFUSED = "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n  "


Command = Callable[[list[str]], int]


def refused(main: Command, arguments: list[str], capsys) -> str:
    """What a command says of arguments that it refuses, on standard error alone."""
    capsys.readouterr()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def json_lines(capsys) -> list[dict[str, Any]]:
    """The objects on standard output, one a line; nothing may be on standard error."""
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]
