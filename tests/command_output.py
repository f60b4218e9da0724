"""What commands print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
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


def run_in_shell(command: str, folder: Path, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Run one line as a shell would, with `seqtrain` from this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[1]), "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.run(
        [shell, "-c", command],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def json_lines(capsys) -> list[dict[str, Any]]:
    """The objects on standard output, one a line; nothing may be on standard error."""
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]
