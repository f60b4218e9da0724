"""`seqtrain [command] key=value ...`, the same as `python -m seqtrain`.

The first word that is not key=value names the command; without one it is `train`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from seqtrain.errors import INTERRUPTED, REFUSED, printable_line  # and little else: Ctrl-C is not handled yet

COMMANDS = {
    "train": "train a model and write its run folder (the default)",
    "evaluate": "compute the metrics of a run again",
    "predict": "tag text or classify images with a trained model",
    "generate": "continue a text with a trained language model",
    "inspect": "show what the recurrent layers do, in one HTML page",
    "report": "compare many runs in one table",
    "export": "write a trained model as an ONNX file or a torch program",
    "check_data": "describe a data set before training on it",
}

USAGE = """\
Train recurrent sequence models from a configuration, and watch their hidden states.

    seqtrain [command] key=value ...

{commands}

`seqtrain COMMAND --help` describes a command; `seqtrain train --help` lists what can be configured.
Where a run folder is asked for, `latest` and `latest:pos/bilstm` name the newest finished run.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names, `train` if it names none; returns the exit code.

    Without `arguments` they are those of the process, which is expected to end then.
    """
    try:
        code = _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # another one, while the first was told
        code = INTERRUPTED
    if arguments is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C again ends it, without a traceback
    return code


def _main(given: list[str]) -> int:
    if given[:1] in (["--help"], ["-h"]):
        print(USAGE.format(commands=_list_commands()), end="")
        return 0
    if given == ["--version"]:
        kernel = import_module("seqtrain.recurrence.engines.kernel").describe_kernel()
        print(f"{import_module('seqtrain').__version__}\nkernel of the recurrence: {kernel}")
        return 0
    name = given.pop(0) if given and _is_word(given[0]) else "train"
    if name not in COMMANDS:
        return _refuse(name)
    try:
        with _plugins_found(given):
            code: int = import_module(f"seqtrain.commands.{name}").main(given)
    except KeyboardInterrupt:  # during the import, before the command handles it
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    return code


@contextmanager
def _plugins_found(given: Sequence[str]) -> Iterator[None]:
    """Find plugins in the current folder, too, where `python -m` looks but a console script does not."""
    before = list(sys.path)
    if any(each.startswith("plugins=") for each in given) and str(Path.cwd()) not in before:
        sys.path.append(str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _is_word(argument: str) -> bool:
    """Whether an argument names a command, unlike key=value, ~key and --flag."""
    return argument.isidentifier()


def _list_commands() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())


def _refuse(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    print(printable_line(f"seqtrain: {name}: no such command; {hint}"), file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
