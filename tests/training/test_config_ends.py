"""Where the configuration ends: who is still given all of it, and who holds it on the way to a first step."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

import seqtrain
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

PACKAGE = Path(seqtrain.__file__).parent
BUILDERS = ("training/build.py", "training/network.py")
COMPOSERS = ("config/", "sweeps/", "commands/")
MOST_HOLDERS = 15
NAMES = {"cfg", "config", "configuration"}


def parameters() -> Iterator[tuple[str, str]]:
    """Module and name of each function with a parameter that is a configuration."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                if NAMES & {each.arg for each in arguments}:
                    yield module, node.name


def test_nobody_behind_the_builders_is_given_a_configuration() -> None:
    others = {each for each in parameters() if each[0] not in BUILDERS and not each[0].startswith(COMPOSERS)}
    # The run folder keeps it and compares it; a row of TensorBoard's table shows it; a report has many.
    readers = ("runs/", "training/summary.py")
    assert {each for each in others if not each[0].startswith(readers)} == {("training/train.py", "train")}


def test_few_hold_it_from_train_to_the_first_step(compose) -> None:
    cfg, holders = compose(), []

    def see(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        name = frame.f_code.co_name
        if event != "call" or name.startswith("<") or PACKAGE not in file.parents:
            return  # <dictcomp> and its like are part of a function
        if any(map(is_configuration, frame.f_locals.values())):
            holders.append((file.relative_to(PACKAGE).as_posix(), name))

    def stop(*_: object) -> None:
        sys.setprofile(None)
        raise KeyboardInterrupt

    handle = register_optimizer_step_post_hook(stop)
    sys.setprofile(see)
    try:
        train(cfg, RunFolder(cfg.run_dir))
    except KeyboardInterrupt:
        handle.remove()
    assert len(holders) <= MOST_HOLDERS, holders
    assert {module for module, _ in holders} == {"training/train.py", *BUILDERS, "runs/folder.py"}


def is_configuration(value: Any) -> bool:
    return isinstance(value, Mapping) and {"task", "data", "trainer"} <= value.keys()
