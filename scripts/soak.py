"""Do to real runs what can happen to them, again and again, and count what is lost by it.

    python scripts/soak.py --minutes 60

Each configuration is trained once without disturbance. Then one fault after the other is drawn: runs
are killed, paused and stopped in storms of signals, their disk is full, their folder is deleted or
written by two, the clock is set back, files of run folders are damaged, folders of strangers and bad
data are read. A training must come to the metrics, tables and weights of the undisturbed one, bit by
bit, when its command is repeated; no command may print a traceback, or take more than five minutes.
Prints a table; exit code 1 where there is any problem.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch is imported: runs are equal bit by bit with as many threads
)

import numpy as np
from soaking import damage, faults
from soaking.commands import import_all, start
from soaking.trials import CONFIGURATIONS, PROBLEMS, SMALL, Outcome, Tally, Trial, Whole

from seqtrain.__main__ import main as seqtrain

FAULTS: dict[str, Callable[[Trial], None]] = {
    "kill": faults.kill,
    "storm": faults.storm,
    "pause": faults.pause,
    "clock": faults.clock,
    "remove": faults.remove,
    "twice": faults.twice,
    "full disk": faults.full_disk,
    "lost place": faults.lost_place,
    "damage": damage.flip_finished,
    "resumed damage": damage.flip_unfinished,
    "strangers": damage.stranger,
    "bad data": damage.bad_data,
}


def main() -> int:
    options = read_options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    import_all()
    folder = Path(tempfile.mkdtemp(prefix="soak_"))
    tallies = soak(options, folder)
    print_table(tallies, options.minutes)
    problems = [text for tally in tallies.values() for text in tally.texts]
    if problems:
        print(*problems, f"The folders of these tries are in {folder}.", sep="\n")
        return 1
    shutil.rmtree(folder)
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="after which no try begins (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--faults", default=",".join(FAULTS), help=f"of {', '.join(FAULTS)}")
    parser.add_argument(
        "--configurations", default=",".join(CONFIGURATIONS), help=f"of {', '.join(CONFIGURATIONS)}"
    )
    return parser.parse_args()


def soak(options: argparse.Namespace, folder: Path) -> dict[str, Tally]:
    """Try one fault after the other, all of them in turn, until the time is over."""
    until, draw = time.monotonic() + options.minutes * 60, random.Random(options.seed)
    names, chosen = options.configurations.split(","), options.faults.split(",")
    tallies, wholes, number = {fault: Tally() for fault in chosen}, {}, 0
    while time.monotonic() < until:
        for fault in draw.sample(chosen, len(chosen)):
            if time.monotonic() >= until:
                break
            name = draw.choice(names)
            if name not in wholes:
                wholes[name] = train_whole(name, folder / name)
            tally, number = tallies[fault], number + 1
            place = folder / f"{number:05} {fault}"
            place.mkdir()
            trial = Trial(name, place, wholes[name], random.Random(draw.random()), tally)
            before = len(tally.texts)
            FAULTS[fault](trial)
            tally.tries += 1
            for text in tally.texts[before:]:
                print(text, file=sys.stderr, flush=True)
            if len(tally.texts) == before:
                shutil.rmtree(place)
                trial.log.unlink(missing_ok=True)
    return tallies


def train_whole(name: str, folder: Path) -> Whole:
    """Train without disturbance, and export the model."""
    folder.mkdir()
    np.save(folder / "digit.npy", np.zeros((8, 8), dtype=np.uint8))
    run, log, began_at = folder / "run", folder / "log", time.monotonic()
    seconds = 0.0
    for arguments in ([f"run_dir={run}", *SMALL, *CONFIGURATIONS[name]], ["export", str(run)]):
        command = start(partial(seqtrain, arguments), folder, log)
        assert command.wait() == 0, command.said
        seconds = seconds or time.monotonic() - began_at
    return Whole(run, Outcome.of(run), seconds)


def print_table(tallies: dict[str, Tally], minutes: float) -> None:
    print(f"{minutes:g} minutes")
    for row in [["fault", "tries", *PROBLEMS], *map(_row, tallies, tallies.values())]:
        print(f"{row[0]:<16}", *(f"{cell!s:>10}" for cell in row[1:]))
    for fault, tally in tallies.items():
        if tally.counts:
            counts = ", ".join(f"{count} {what}" for what, count in tally.counts.most_common())
            print(f"{fault}: {counts}")


def _row(fault: str, tally: Tally) -> list[object]:
    return [fault, tally.tries, *(tally.problems[kind] for kind in PROBLEMS)]


if __name__ == "__main__":
    sys.exit(main())
