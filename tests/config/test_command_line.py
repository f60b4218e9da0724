import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqtrain.config import CONFIG_DIR, ConfigError, Display, SingleRun, Sweep, check_command_line


def problems_of(arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check_command_line(arguments.split())
    return caught.value.problems


@pytest.mark.parametrize(
    ("arguments", "num_jobs"),
    [
        ("model=lstm -m seed=0,1", 2),
        ("-m optimizer=adam,sgd optimizer.fused=true", 2),
        ("hydra.mode=MULTIRUN model=rnn,lstm", 2),
        ("-m model=glob(*) model.hidden_size=range(8,33,8)", 16),
        ("-m search=compare task=pos", 8),
        ("-m seed=0,1 +model.bias=false ++model=gru", 2),
        ("-m seed=0,1 optimizer={amsgrad:true}", 2),
        ("-m seed=0,1 ~model.dropout ~logger", 2),
        ("-m seed=0,1 run_dir='a=b'", 2),
    ],
)
def test_a_sweep_is_composed_here(arguments: str, num_jobs: int) -> None:
    sweep = check_command_line(arguments.split())
    assert isinstance(sweep, Sweep)
    assert len(sweep.jobs) == num_jobs


@pytest.mark.parametrize(
    "arguments", ["--help", "--cfg job model.hiden_size=3", "--info defaults", "--hydra-help"]
)
def test_what_is_left_to_hydra(arguments: str) -> None:
    assert check_command_line([*arguments.split(), "sweep=mine"]) == Display(arguments.split())


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        ("model=rnn model.nonlinearity=relu", "model.nonlinearity", "relu"),
        ("optimizer.amsgrad=true", "optimizer.amsgrad", True),
        ("optimizer={amsgrad:true}", "optimizer.amsgrad", True),
        ("+model.bias=false ++model=gru", "model.bias", False),
        ("run_dir='a=b'", "callbacks.best.path", "here/checkpoints/best.ckpt"),
        ("hydra.mode=RUN seed=3", "seed", 3),
    ],
)
def test_a_single_run_is_composed_here(arguments: str, key: str, value: object) -> None:
    checked = check_command_line(arguments.split())
    assert isinstance(checked, SingleRun)
    assert checked.is_folder_given is ("run_dir" in arguments)
    assert OmegaConf.select(OmegaConf.create(checked.composed.tree_in("here")), key) == value


def test_a_sweep_trusts_the_packages_of_its_command_line_alone(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "theirs.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      plugins: '[sympy]'\n", encoding="utf-8"
    )
    own = ["-m", f"--config-dir={tmp_path}", "search=theirs"]
    with pytest.raises(ConfigError, match=r"sympy\.sympify is outside the packages that may be built from"):
        check_command_line([*own, "encoder={_target_:sympy.sympify}"])
    check_command_line([*own, "plugins=[json]"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            "model=rnn,lstm",
            "model: got several values, rnn,lstm; add -m to run each, or write [rnn,lstm] for a list",
        ),
        (
            "-m model=rnn,lstm model.nonlinearity=relo,tanh",
            "model.nonlinearity: got 'relo', expected one of tanh, relu; did you mean relu? "
            "(in 1 of 4 jobs, first in: model=rnn model.nonlinearity=relo)",
        ),
        ("-m seed=0,1 model.dropout=2", "model.dropout: got 2, expected a number from 0 to 1"),
        (
            "-m search=compare model.hidden_size=0,8",
            "model.hidden_size: got 0, expected a whole number of at least 1 "
            "(in 4 of 8 jobs, first in: model=rnn model.hidden_size=0 search=compare)",
        ),
        (
            "-m hydra.verbose=true,false",
            "hydra.verbose: got several values; Hydra's own settings take one",
        ),
        (
            "-m optimizer.lr=interval(0,1)",
            "optimizer.lr=interval(0,1): a sweep takes no intervals; "
            "write optimizer.lr=1,2, or choose search=optuna",
        ),
        (
            "-m hydra/sweeper=basic hydra.sweeper._target_=hydra_plugins.other.Sweeper seed=0,1",
            "hydra/sweeper: got hydra_plugins.other.Sweeper, expected Hydra's own, which runs every "
            "combination; search=optuna draws values",
        ),
        ("hydra.verbose=true", "hydra.verbose: Hydra's own settings are for sweeps; add -m"),
        ("hydra/launcher=basic", "hydra/launcher: Hydra's own settings are for sweeps; add -m"),
        ("--fast", "arguments: unrecognized arguments: --fast"),
        ("-m -r", "arguments: --run and --multirun exclude each other"),
        (
            "--config-name other",
            "arguments: --config-name is not offered; --config-dir=FOLDER adds files of your own",
        ),
        ("--config-dir nowhere", "--config-dir: there is no folder nowhere"),
    ],
)
def test_refusals(arguments: str, problem: str) -> None:
    found = problems_of(arguments)
    assert problem in found
    assert len(found) == (2 if "relo" in arguments else 1)


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "_target_: torch.nn.GRU\nhidden_size: 3\n", encoding="utf-8"
    )
    checked = check_command_line(["--config-dir", str(tmp_path), "model=mine", "model.num_layers=2"])
    assert checked.composed.tree_in("here")["model"] == {
        "_target_": "torch.nn.GRU",
        "hidden_size": 3,
        "num_layers": 2,
    }
    sweep = check_command_line(["--config-dir", str(tmp_path), "model=mine", "-m", "model.num_layers=2,3"])
    assert [job.composed.tree["model"]["num_layers"] for job in sweep.jobs] == [2, 3]


def test_idle_settings_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    check_command_line(["-m", "model=lstm,gru", "seed=0,1", "model.num_layers=1,2", "model.dropout=0.5"])
    assert capsys.readouterr().err == (
        "seqtrain: warning: model.dropout=0.5 does nothing with num_layers=1: dropout acts between layers "
        "(in 4 of 8 jobs, first in: model=lstm seed=0 model.num_layers=1 model.dropout=0.5)\n"
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`; its last line says whether it imported torch."""
    program = (
        "import sys; from seqtrain.commands.train import main\n"
        "try: code = main()\n"
        "except SystemExit as end: code = end.code\n"
        "print('torch' in sys.modules); sys.exit(code)"
    )
    repository = str(CONFIG_DIR.parent)
    environment = {**os.environ, "PYTHONPATH": repository}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_refusal_is_quick_and_writes_nothing(tmp_path: Path) -> None:
    start = time.monotonic()
    done = run(tmp_path, "model.hiden_size=3", "model.dropout=1.5")
    seconds = time.monotonic() - start
    assert done.returncode == 2
    assert done.stderr == (
        "seqtrain: the configuration was refused (2 problems); nothing was run or written.\n"
        "  model.dropout: got 1.5, expected a number from 0 to 1\n"
        "  model.hiden_size: no such key in torch.nn.LSTM; did you mean model.hidden_size?\n"
    )
    assert done.stdout == "False\n"
    assert list(tmp_path.iterdir()) == []
    assert seconds < 5  # about one on a machine that does nothing else


def test_help_is_one_screen_and_names_every_choice(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, torch_imported = done.stdout.splitlines()
    assert torch_imported == "False"
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 60
    text = re.sub(r",\n +", ", ", "\n".join(lines))  # a long list goes on in the next line
    groups = [each for each in CONFIG_DIR.iterdir() if each.is_dir() and each.name != "hydra"]
    for group in (*groups, CONFIG_DIR / "hydra" / "launcher"):
        name = group.relative_to(CONFIG_DIR).as_posix()
        choices = ", ".join(sorted(path.stem for path in group.glob("*.yaml")))
        assert re.search(rf"^  {name} +{re.escape(choices)}(  |$)", text, re.MULTILINE), choices
    for word in ("logger=[tensorboard,csv]", "sweep=NAME", "search=optuna", "callbacks=early_stopping"):
        assert word in text


def test_examples_of_the_help_pass(tmp_path: Path) -> None:
    lines = run(tmp_path, "--help").stdout.splitlines()
    section = lines[lines.index("Examples") :]
    section = section[: section.index("")]
    examples = [line.split("seqtrain ")[1] for line in section if line.startswith("  seqtrain ")]
    keys = [word for line in lines for word in line.split() if re.match(r"[a-z]+\.[a-z_]+=", word)]
    assert len(examples) == 5
    for example in examples:
        check_command_line(example.split())
    check_command_line(
        [
            "task=pos",
            "data=ud",
            *(key for key in dict.fromkeys(keys) if not re.search(",|view|^search|path", key)),
        ]
    )
