"""Count the files of the package that a reader of one path through it would open.

    python scripts/count_files.py                  # to the first optimizer step, one batch forward, predict
    python scripts/count_files.py step task=pos model=bilstm data=pos_sample   # one of them, as configured

A file counts if one of its functions is really called (sys.setprofile); importing it does not count. Beside
the files stands how often a call leads from one file of the package into another.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).resolve().parents[1] / "seqtrain"
IS_LISTED = "--list" in sys.argv


class Way:
    """The files of the package whose functions are called, and the changes from one to another."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}  # in the order of the first call
        self.changes = 0
        self._last = ""

    @contextmanager
    def followed(self) -> Iterator[None]:
        sys.setprofile(self.see)
        try:
            yield
        finally:
            sys.setprofile(None)

    def see(self, frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_filename
        is_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED  # not the body of a module or a class
        if event != "call" or not is_function or not name.startswith(str(PACKAGE)):
            return
        self.files[name] = self.files.get(name, 0) + 1
        self.changes += name != self._last
        self._last = name

    def report(self, name: str) -> None:
        print(f"{name}: {len(self.files)} files, {self.changes} changes of file")
        if IS_LISTED:
            print(*(f"    {Path(file).relative_to(PACKAGE)}" for file in self.files), sep="\n")


def count_to_first_step(way: Way, overrides: list[str]) -> None:
    """From the command line until the first optimizer step has been taken."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from seqtrain.__main__ import main

    def stop(*_: object) -> None:
        sys.setprofile(None)
        raise KeyboardInterrupt

    handle = register_optimizer_step_post_hook(stop)
    with way.followed():
        main(overrides)
    handle.remove()


def count_forward(way: Way, run_dir: str) -> None:
    """One batch of sentences through the network of a trained run."""
    import seqtrain

    predictor = seqtrain.load(run_dir)
    predictor.network.register_forward_pre_hook(lambda *_: sys.setprofile(way.see))
    predictor.network.register_forward_hook(lambda *_: sys.setprofile(None))
    predictor.tag([["They", "saw", "the", "light", "."], ["Yes"]])


def count_command(way: Way, arguments: list[str]) -> None:
    """A whole command, from the command line to its exit."""
    from seqtrain.__main__ import main

    with way.followed():
        main(arguments)


def main_here(arguments: list[str]) -> None:
    """Count what the arguments ask for, everything without any."""
    kind, overrides = (arguments[0], arguments[1:]) if arguments else ("all", [])
    overrides = overrides or ["task=pos", "data=pos_sample", "model=bilstm"]
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        counts: dict[str, Callable[[Way], None]] = {
            "step": lambda way: count_to_first_step(way, [*overrides, f"run_dir={folder}/step"]),
            "forward": lambda way: count_forward(way, run),
            "predict": lambda way: count_command(way, ["predict", run, "text=They saw the light."]),
        }
        wanted = list(counts) if kind == "all" else [kind]
        if wanted != ["step"]:
            _train(overrides, run)
        for name in wanted:
            # A process of its own each: what one has cached, another would not call.
            if os.fork() == 0:
                way = Way()
                counts[name](way)
                way.report(name)
                sys.stdout.flush()
                os._exit(0)
            os.wait()


def _train(overrides: list[str], run: str) -> None:
    import subprocess

    command = [sys.executable, "-m", "seqtrain", *overrides, "trainer.max_epochs=1", f"run_dir={run}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main_here([each for each in sys.argv[1:] if each != "--list"])
