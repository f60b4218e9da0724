"""`seqtrain generate RUN`: a text as a trained language model continues it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from seqtrain.commands.interface import Arguments, exit_code, load_run, parse_arguments
from seqtrain.errors import ConfigError, printable_line

Number = TypeVar("Number", int, float)

USAGE = """\
Continue a text with a trained language model (task=language_model).

    seqtrain generate RUN [prompt="..."] [length=500] [temperature=1.0] [top_k=K] [seed=N]

  RUN          a run folder; or latest, or latest:language_model/bilstm, the newest finished run;
               run_dir=RUN is the same
  prompt       the text to continue; without one a line begins
  length       characters or words to write (default 500)
  temperature  divides the scores: below 1 what is likely becomes likelier, 0 takes the likeliest
               (default 1.0)
  top_k        how many of the likeliest characters or words to choose among (default: all)
  seed         of the choices, so that they can be repeated (default: others each time)
  checkpoint   a file to use in place of the run's checkpoints/best.ckpt
  plugins      packages whose classes the configuration may name, as in plugins=[mine]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a text to the terminal as it comes; returns the exit code."""
    return exit_code(lambda: _generate(sys.argv[1:] if arguments is None else arguments))


def _generate(arguments: Sequence[str]) -> None:
    optional = ("prompt", "length", "temperature", "top_k", "seed", "checkpoint", "plugins")
    given = parse_arguments(arguments, USAGE, required=("run_dir",), optional=optional)
    if given is None:
        return
    length = _number(given, "length", int, "a whole number of at least 1", 500)
    if length < 1:
        raise ConfigError([f"length: got {length}, expected a whole number of at least 1"])
    temperature = _number(given, "temperature", float, "a number of at least 0", 1.0)
    top_k = _number(given, "top_k", int, "a whole number of at least 1", 0) if "top_k" in given else None
    seed = _number(given, "seed", int, "a whole number of at least 0", 0) if "seed" in given else None
    run = load_run(given)

    from seqtrain.serving.predictor import Predictor
    from seqtrain.training.network import load_trained

    predictor = Predictor.of(load_trained(run.config, run.checkpoint))
    prompt = given.get("prompt", "")
    tokens = predictor.stream(prompt, temperature, top_k, seed)
    if unknown := predictor.unknown_in(prompt):
        print(printable_line(f"not in the training text: {', '.join(unknown)}"), file=sys.stderr)
    for token in itertools.chain([prompt], itertools.islice(tokens, length)):
        sys.stdout.write(token)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _number(
    given: Arguments, key: str, kind: Callable[[str], Number], expected: str, default: Number
) -> Number:
    try:
        return kind(given[key]) if key in given else default
    except ValueError:
        raise ConfigError([f"{key}: got {given[key]!r}, expected {expected}"]) from None
