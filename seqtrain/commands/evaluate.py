"""`seqtrain evaluate RUN`: the metrics of a finished run again, from its folder alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from seqtrain.commands.interface import exit_code, load_run, parse_arguments
from seqtrain.errors import printable

USAGE = """\
Evaluate a run's best checkpoint on the dev and test data.

    seqtrain evaluate RUN [checkpoint=FILE] [data_dir=DIR] [format=table|json]

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
  data_dir    the folder of the data, if it has moved since training; MNIST and English-EWT are
              downloaded there if they are missing; without data_dir= nothing is downloaded
  format      table (default), or json: one object
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the metrics; returns the exit code."""
    return exit_code(lambda: _evaluate(sys.argv[1:] if arguments is None else arguments))


def _evaluate(arguments: Sequence[str]) -> None:
    given = parse_arguments(
        arguments, USAGE, required=("run_dir",), optional=("checkpoint", "data_dir", "format", "plugins")
    )
    if given is None:
        return
    given.check_choice("format", ("table", "json"))
    run = load_run(given)

    from seqtrain.runs.folder import for_json
    from seqtrain.runs.logs import metrics_table, quiet_lightning
    from seqtrain.training.build import build_evaluation
    from seqtrain.training.train import measure

    with quiet_lightning():
        evaluation = build_evaluation(run.config, run.checkpoint)
        metrics = measure(evaluation.evaluator, evaluation.learner, evaluation.data)
    print(
        json.dumps(for_json(metrics)) if given.get("format") == "json" else printable(metrics_table(metrics))
    )
