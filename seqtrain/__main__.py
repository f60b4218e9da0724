"""`python -m seqtrain [command] key=value ...`: the first word that is no key=value names the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = ("train", "evaluate", "predict", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names, `train` where it names none; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given.pop(0) if given and given[0] in COMMANDS else "train"
    code: int = import_module(f"seqtrain.commands.{name}").main(given)
    return code


if __name__ == "__main__":
    sys.exit(main())
