"""What can be wrong with files: damage anywhere in a run folder, what strangers write into one, and bad data.

Commands may refuse it or not notice it; they may not fail with a traceback, run on and on, or run its code.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from soaking.trials import Trial

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
ANSWERED = {0, 2}
NUM_COPIES = 8  # of a run, each damaged in another way
RUN_ON = {  # what a model is asked, by configuration; digits need a file
    "tags": ["predict", "text=A dog barks ."],
    "texts": ["predict", "text=play a song"],
    "novel": ["generate", "prompt=It is", "length=20"],
    "forecast": ["predict", f"input={SAMPLES / 'series' / 'hourly.csv'}"],
}


def damage(content: bytes, draw: random.Random) -> bytes:
    """Flip bits, cut, overwrite, repeat or append."""
    place, size = draw.randrange(len(content) + 1), draw.choice([1, 8, 100, 4096])
    noise = draw.randbytes(size)
    changes: list[Callable[[], bytes]] = [
        lambda: content[:place],
        lambda: content[:place] + bytes(size) + content[place + size :],
        lambda: content[:place] + noise + content[place + size :],
        lambda: content[:place] + content[place : place + size] * draw.choice([2, 1000]) + content[place:],
        lambda: content + noise,
        lambda: b"",
    ]
    if not content or draw.randrange(2):
        return draw.choice(changes)()
    flipped = bytearray(content)
    for _ in range(draw.choice([1, 1, 3, 50])):
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def _damage_file(path: Path, run: Path, trial: Trial) -> None:
    """Damage the content, most often; or make it something else than a file."""
    draw, others = trial.draw, sorted(each for each in run.rglob("*") if each.is_file())
    content = path.read_bytes()
    kind = draw.choice(["content"] * 8 + ["gone", "folder", "link", "pipe", "another"])
    trial.count(kind)
    path.unlink()
    if kind == "content":
        path.write_bytes(damage(content, draw))
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(_secret(trial))
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "another":
        shutil.copyfile(draw.choice([each for each in others if each != path]), path)


def _secret(trial: Trial) -> Path:
    """A file outside of the folder, which no command may change or print."""
    path = trial.folder / "secret"
    path.write_text("do not read this: 5ecret\n")
    return path


def _check_secret(trial: Trial, said: str) -> None:
    secret = trial.folder / "secret"
    if "5ecret" in said or (secret.exists() and "5ecret" not in secret.read_text()):
        trial.problem("other", f"a file outside of the folder was read or changed: {said[-500:]}")
    if (trial.folder / "canary").exists():
        trial.problem("other", f"code of the folder was run: {said[-500:]}")


def _questions(trial: Trial) -> list[list[str]]:
    """Commands that read a finished run."""
    run = str(trial.run)
    name, *asked = RUN_ON.get(trial.name, ["predict", f"input={trial.whole.run.parent / 'digit.npy'}"])
    return [
        ["evaluate", run, "format=json"],
        [name, run, *asked],
        ["inspect", run, "examples=2", f"output={trial.folder / 'page.html'}"],
        ["export", run, f"output={trial.folder / 'model.onnx'}"],
    ]


def flip_finished(trial: Trial) -> None:
    """Damage in the folder of a finished run, its exported files among them."""
    runs = [trial.run, *(trial.folder / f"run_{number}" for number in range(1, NUM_COPIES))]
    for run in runs:
        shutil.copytree(trial.whole.run, run)
        files = sorted(path for path in run.rglob("*") if path.is_file())
        for path in trial.draw.sample(files, trial.draw.choice([1, 1, 1, 2])):
            _damage_file(path, run, trial)
    question = trial.draw.choice(_questions(trial))
    together = [["report", str(trial.folder)]]
    if trial.draw.randrange(4) == 0:
        together[0].append(f"curves={trial.folder / 'curves.png'}")
    for arguments in (question, *together):
        command = trial.command(*arguments)
        trial.end(command, ANSWERED, f"{arguments[0]} on a damaged folder")
        _check_secret(trial, command.said)
    command = trial.start(lambda: load_each(runs))
    trial.end(command, {0}, "seqtrain.load of damaged folders")
    _check_secret(trial, command.said)


def load_each(runs: Sequence[Path]) -> int:
    """Load the model of each folder, unless it is refused in words."""
    from seqtrain import load
    from seqtrain.errors import InputError
    from seqtrain.serving.onnx_predictor import OnnxPredictor

    for run in runs:
        for read in (lambda: load(run), lambda: OnnxPredictor(run / "model.onnx")):  # noqa: B023
            try:
                read()
            except InputError as refusal:
                print(refusal)
    return 0


def flip_unfinished(trial: Trial) -> None:
    """Damage in the folder of an unfinished run, which is then resumed, or refused."""
    command = trial.train()
    if command.wait(trial.moment()) is None:
        command.kill()
    (trial.run / "metrics.json").unlink(missing_ok=True)
    files = sorted(path for path in trial.run.rglob("*") if path.is_file())
    if not files:
        return
    path = trial.draw.choice(files)
    _damage_file(path, trial.run, trial)
    command = trial.train()
    # A folder in place of a file is an error of the file system, told in a line.
    code = trial.end(command, {*ANSWERED, 1}, f"resumed with a damaged {path.name}")
    _check_secret(trial, command.said)
    if code == 0 and path.name != "best.ckpt":  # which is replaced by the last weights
        trial.compare(trial.run, f"resumed with a damaged {path.name}")


CODE = "open('{canary}', 'w').close()\n"
FOREIGN: dict[str, str] = {
    "plugin": "plugins: [mine]\n",
    "search path": "hydra: {{searchpath: [file://{folder}]}}\n",
    "callback": "callbacks: {{mine: {{_target_: mine.Callback}}}}\n",
    "logger": "logger: {{a: {{_target_: pytorch_lightning.loggers.CSVLogger, save_dir: {folder}}}}}\n",
    "call": "model: {{_target_: os.system, command: touch {canary}}}\n",
    "subprocess": "head: {{_target_: subprocess.run, args: [touch, {canary}]}}\n",
    "data": "data: {{_target_: seqtrain.data.Text, path: {folder}/secret}}\n",
    "class": "data: {{_target_: mine.Data}}\n",
    "python": "seed: !!python/object/apply:os.system ['touch {canary}']\n",
    "resolver": "seed: ${{oc.decode:${{oc.env:HOME}}}}\n",
    "launcher": "hydra: {{launcher: {{_target_: mine.Launcher}}, sweeper: {{_target_: mine.Sweeper}}}}\n",
    "cache": "data_dir: {folder}/secret\n",
    "bomb": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b]\n",
}


def stranger(trial: Trial) -> None:
    """A folder of someone else, whose configuration asks for code, files and plugins."""
    shutil.copytree(trial.whole.run, trial.run)
    _secret(trial)
    values = {"canary": str(trial.folder / "canary"), "folder": str(trial.folder)}
    kind = trial.draw.choice(list(FOREIGN))
    trial.count(kind)
    (trial.run / "mine.py").write_text(CODE.format(**values))
    (trial.run / "sitecustomize.py").write_text(CODE.format(**values))
    added = FOREIGN[kind].format(**values)
    key = added.partition(":")[0]
    config = trial.run / "config.yaml"
    blocks, skipped = [], False
    for line in config.read_text().splitlines(keepends=True):
        skipped = line.startswith(f"{key}:") or (skipped and line.startswith((" ", "-")))
        blocks += [] if skipped else [line]
    config.write_text("".join(blocks) + added)
    here = trial.draw.choice([trial.run, trial.folder])
    unfinished = trial.draw.randrange(3) == 0
    if unfinished:
        (trial.run / "metrics.json").unlink()
        command = trial.train()
        trial.end(command, ANSWERED, f"resumed with a strange {kind}")
    else:
        question = trial.draw.choice(_questions(trial))
        command = trial.command(*question, here=here)
        trial.end(command, ANSWERED, f"{question[0]} with a strange {kind}")
    _check_secret(trial, command.said)


VECTORS = b"3 4\nit 1 2 3 4\nis 5 6 7 8\na 1 0 0 1\n"
COLUMNS = b"A O\ndog B-X\nbarks O\n\nA O\ncat B-X\n\nIt O\nis O\n\n" * 3
LABELLED = b"text,label\nplay a song,music\nwhat is the time,clock\nstop,music\nten past one,clock\n" * 6
SERIES = b"time,load,wind\n" + b"".join(
    b"2024-01-%02d %02d:00,%d.5,%d\n" % (1 + hour // 24, hour % 24, hour % 7, hour % 5) for hour in range(300)
)


ODD = [b"\0" * 1000, b"x" * 3_000_000, b"x " * 500_000, b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xae"]
ODD += [b"\x1b[2J"]
ODD += [b'"', b"\r", b"\t" * 5000, b"1e999", b"nan", b"9" * 5000, b",", b"\n" * 100_000, b"\x0b\x0c\x1c"]


def _data() -> dict[str, tuple[bytes, list[str]]]:
    """Small files by their names, and how they are read."""
    novel = (SAMPLES / "novel" / "pride_and_prejudice.txt").read_bytes()[:5000]
    treebank = (SAMPLES / "pos_sample" / "dev.conllu").read_bytes()[:20000]
    series = ["task=forecast", "data.context=48", "data.horizon=24"]
    words = ["task=pos", "data=pos_sample", "encoder=pretrained"]
    return {
        "novel.txt": (novel, ["data=text", "data.path={file}"]),
        "texts.csv": (LABELLED, ["data=texts", "data.path={file}"]),
        "texts.tsv": (LABELLED.replace(b",", b"\t"), ["data=texts", "data.path={file}"]),
        "series.csv": (SERIES, [*series, "data.path={file}"]),
        "tags.txt": (COLUMNS, ["data=tagged", "data.path={file}"]),
        "a-ud-train.conllu": (treebank, ["data=ud", "data.path={folder}"]),
        "vectors.txt": (VECTORS, [*words, "data.vectors={file}"]),
        "vectors.gz": (gzip.compress(VECTORS), [*words, "data.vectors={file}"]),
    }


def bad_data(trial: Trial) -> None:
    """Data files with damage, zeros, huge lines, halves of characters; bombs of gzip."""
    name, (content, arguments) = trial.draw.choice(sorted(_data().items()))
    trial.count(name)
    lines = content.splitlines(keepends=True)
    place = trial.draw.randrange(len(lines))
    odd = trial.draw.choice(ODD)
    if trial.draw.randrange(2):
        content = b"".join([*lines[:place], lines[place].rstrip(b"\n") + odd + b"\n", *lines[place + 1 :]])
    else:
        content = damage(content, trial.draw)
    if name.endswith(".gz") and trial.draw.randrange(4) == 0:
        content = gzip.compress(VECTORS + b"\0" * trial.draw.choice([10**6, 10**9]), 9)
    data = trial.folder / "data"
    data.mkdir()
    (data / name).write_bytes(content)
    if name.endswith(".conllu"):
        for part in ("dev", "test"):
            shutil.copyfile(SAMPLES / "pos_sample" / f"{part}.conllu", data / f"a-ud-{part}.conllu")
    given = [each.format(file=data / name, folder=data) for each in arguments]
    if trial.draw.randrange(4):
        trial.end(trial.command("check_data", *given), ANSWERED, f"check_data on a bad {name}")
    else:
        small = ["trainer=debug", "logger=none", "callbacks=minimal", f"run_dir={trial.run}"]
        trial.end(trial.command(*given, *small), {0, 1, 2}, f"training on a bad {name}")
