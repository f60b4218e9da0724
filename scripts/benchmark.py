"""Measure seqtrain on this machine: `python scripts/benchmark.py WHAT --help`."""

import argparse

from benchmarks import data, recurrence, serving, telemetry, training

COMMANDS = {
    "data": data,
    "recurrence": recurrence,
    "serving": serving,
    "telemetry": telemetry,
    "train": training,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="WHAT")
    for name, module in COMMANDS.items():
        what = (module.__doc__ or "").splitlines()[0]
        subparser = subparsers.add_parser(name, help=what, description=what)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
