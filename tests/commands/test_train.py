from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disturbed_runs import at_step, interrupt
from hydra.core.global_hydra import GlobalHydra
from small_runs import small_overrides, without_times

import seqtrain
from seqtrain.commands.train import leaders_folder, main
from seqtrain.config import ConfigError
from seqtrain.runs.folder import RUN_DIR, RunFolder

Command = Callable[..., int]
SMALL = [*small_overrides("digits", Path()), "trainer.limit_train_batches=3", "data_dir=none"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command() -> Command:
    def run(*overrides: str) -> int:
        GlobalHydra.instance().clear()
        return main([*SMALL, *overrides])

    return run


def folders(pattern: str = "runs/*/*/*") -> list[Path]:
    return sorted(Path.cwd().glob(pattern))


class TestOneRun:
    def test_done(self, command: Command, capfd) -> None:
        assert command() == 0
        (folder,) = folders("runs/digits/lstm/*")
        assert RunFolder(folder).is_done
        out, err = capfd.readouterr()
        metrics = json.loads((folder / "metrics.json").read_text())
        assert f"{metrics['val/accuracy']:.4f}   {metrics['test/accuracy']:.4f}" in out + err
        assert f"run folder  {folder.relative_to(Path.cwd())}" in out + err

    def test_the_same_command_again_is_a_new_run_with_the_same_numbers(self, command: Command) -> None:
        assert [command(), command()] == [0, 0]
        first, second = (json.loads((folder / "metrics.json").read_text()) for folder in folders())
        assert without_times(first) == without_times(second)

    def test_an_interrupted_run_goes_on_by_the_same_command(self, command: Command, capfd) -> None:
        with at_step(5, interrupt):
            assert command() == 130
        (folder,) = folders()
        assert not RunFolder(folder).is_done
        assert RunFolder(folder).last_checkpoint.exists()
        err = capfd.readouterr().err
        assert "Stopping after this step; interrupt again to stop at once.\n" in err
        assert err.endswith("Interrupted. The same command resumes from the last checkpoint.\n")
        assert "Traceback" not in err
        assert command("seed=1") == 0  # another command
        capfd.readouterr()
        assert command() == 0
        assert len(folders()) == 2
        assert RunFolder(folder).is_done
        err, name = capfd.readouterr().err, folder.relative_to(Path.cwd())
        assert err.startswith(f"Resuming lstm on digits in {name}\n")
        assert f"run folder  {name}, resumed\n" in err

    def test_a_given_run_dir_and_a_seed_of_0(self, command: Command, capfd) -> None:
        assert command("run_dir=here/it/is", "seed=0") == 0
        assert RunFolder("here/it/is").is_done
        assert not Path("runs").exists()
        capfd.readouterr()
        assert command("run_dir=here/it/is", "seed=0") == 2
        assert capfd.readouterr().err == (
            "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n"
            "  run_dir: here/it/is holds a finished run; give another folder, or evaluate this one with "
            "`seqtrain evaluate here/it/is`\n"
        )

    def test_a_failure_shows_its_traceback_once(self, command: Command, capfd) -> None:
        with at_step(2, lambda: 1 / 0):
            assert command() == 1
        out, err = capfd.readouterr()
        assert (out + err).count("Traceback") == 1
        assert err.endswith("ZeroDivisionError: division by zero\n")
        (folder,) = folders()
        log = (folder / "train.log").read_text()
        assert "ERROR The run failed.\nTraceback (most recent call last):\n" in log
        assert "ZeroDivisionError: division by zero" in log
        assert command() == 0
        assert folders() == [folder]

    def test_two_at_once_make_two_folders(self, command: Command) -> None:
        codes = []
        with at_step(2, lambda: codes.append(command())):
            codes.append(command())
        assert codes == [0, 0]
        assert [RunFolder(folder).is_done for folder in folders()] == [True, True]


class TestFromPython:
    def test_it_works_again_and_again_and_leaves_the_program_as_it_was(self, capfd) -> None:
        def around() -> Any:
            loggers = [
                logging.getLogger(name) for name in (None, "seqtrain", "pytorch_lightning", "py.warnings")
            ]
            logs = [(each.level, each.propagate, each.handlers[:]) for each in loggers]
            return sys.argv[:], sys.path[:], Path.cwd(), logs, signal.getsignal(signal.SIGINT)

        before = around()
        runs = [seqtrain.train(*SMALL, f"seed={seed}") for seed in (0, 1)]
        assert around() == before
        assert [run.seed for run in runs] == [0, 1]
        assert runs[0].metrics == json.loads((folders()[0] / "metrics.json").read_text())
        assert len(runs[1].curves["val/accuracy"].values) == 2
        assert runs[1].curves["validation/c_n/layer0/forward/mean"].split == "val"
        assert seqtrain.load(runs[0]).spec == seqtrain.load(runs[0].path).spec

    @pytest.mark.parametrize(
        ("overrides", "problem"),
        [
            (["model.hiden_size=3"], "model.hiden_size: no such key in torch.nn.LSTM; did you mean"),
            ([["model=gru"]], "train: got ['model=gru'], expected a string for each key: train("),
            (
                ["task=pos model=gru"],
                "train: got 'task=pos model=gru', expected a string for each key: train(",
            ),
            (["-m", "seed=0,1"], "train: trains a single run; use the command line for sweeps"),
            (["trainer.devices=2"], "trainer.devices: got 2, which starts processes, which would run this"),
            (["--help"], "train: trains a single run; use the command line for sweeps, searches and --help"),
        ],
    )
    def test_what_is_refused(self, overrides: Any, problem: str) -> None:
        with pytest.raises(ConfigError) as refusal:
            seqtrain.train(*overrides)
        assert refusal.value.problems[0].startswith(problem)
        assert len(refusal.value.problems) == 1
        assert folders("*") == []


class TestAnnouncement:
    def test_the_first_line_says_what_runs_where_before_torch_is_imported(self) -> None:
        """Importing torch takes seconds, in which the terminal should not be empty."""
        program = (
            "import sys, builtins; from seqtrain.commands import train; train._run = "
            "lambda cfg, folder: print('torch' in sys.modules); sys.exit(train.main())"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", program, "run_dir=here"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        said = "Training lstm on digits in here\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", said)

    def test_a_missing_file_is_refused_before_torch_is_imported(self, tmp_path: Path) -> None:
        (tmp_path / "words.txt").touch()
        path, program = tmp_path / "word.txt", "import sys; from seqtrain.commands import train; "
        program += "print(train.main(), 'torch' in sys.modules)"
        command = [sys.executable, "-c", program, "task=pos", "data=tagged", f"data.path={path}"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.stdout == "2 False\n"
        assert done.stderr.splitlines()[1:] == [
            f"  data.path: there is no file or folder {path}; did you mean {tmp_path / 'words.txt'}?"
        ]


class TestOneComposition:
    def test_the_tree_that_was_checked_is_the_tree_that_runs(self, command: Command, monkeypatch) -> None:
        """An interpolation that changes its mind after the check, as a hostile file would have it."""
        monkeypatch.setenv("CHOSEN", "torch.nn.GRU")
        ran = []

        def run(tree: dict[str, Any], _: RunFolder) -> None:
            os.environ["CHOSEN"] = "os.system"
            ran.append(tree["model"]["_target_"])

        monkeypatch.setattr("seqtrain.commands.train._run", run)
        assert command("model._target_='${oc.env:CHOSEN}'") == 0
        assert ran == ["torch.nn.GRU"]

    def test_a_run_is_composed_resolved_checked_and_locked_once(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        counts: Counter[str] = Counter()

        def counted(owner: Any, name: str) -> None:
            original = getattr(owner, name)

            def call(*arguments: Any, **named: Any) -> Any:
                counts[name] += 1
                return original(*arguments, **named)

            monkeypatch.setattr(owner, name, call)

        from seqtrain.config import check, compose, files, saved
        from seqtrain.runs import folder

        counted(files.ConfigFiles, "load")
        counted(compose.Composer, "compose")
        for module in (compose, check, saved):
            counted(module, "resolve_tree")
            counted(module, "find_problems")
        counted(folder.FileLock, "acquire")
        once = {"load": 1, "compose": 1, "resolve_tree": 1, "find_problems": 1, "acquire": 1}
        assert main(["trainer=debug", "model.hidden_size=4", "callbacks=minimal"]) == 0
        assert counts == once
        counts.clear()
        GlobalHydra.instance().clear()
        assert main(["trainer=debug", "model.hidden_size=4", "callbacks=minimal", "run_dir=here"]) == 0
        assert counts == once


class TestRefusal:
    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            (["model.hiden_size=3"], "did you mean model.hidden_size?"),
            (["model=bilsm"], "did you mean bilstm?"),
            (["modle=lstm"], "did you mean model?"),
            (["model.input_size=9"], "model.input_size: got 9"),
            (["data=mnist", "data_dir=somewhere"], "data=digits and data=pos_sample work without a network"),
            (["task=pos", "data.path=nowhere"], "data.path: there is no file or folder nowhere"),
            (["checkpoint=nowhere.ckpt"], "checkpoint: "),
        ],
    )
    def test_one_message_and_no_trace(
        self, command: Command, monkeypatch, overrides: list[str], message: str, capfd
    ) -> None:
        import pooch

        def no_network(*_: Any, **__: Any) -> None:
            raise OSError("no network here")

        monkeypatch.setattr(pooch, "create", no_network)
        assert command(*overrides) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert message in err
        assert "Traceback" not in err
        assert [path for path in Path.cwd().rglob("*") if path.is_file()] == []
        assert not Path("runs").exists()


class TestSweep:
    def test_a_wrong_job_is_refused_before_the_first_one_starts(self, command: Command, capfd) -> None:
        assert command("-m", "model.hidden_size=4,0") == 2
        assert "model.hidden_size: got 0" in capfd.readouterr().err
        assert not Path("runs").exists()

    def test_the_search_files_run(self, capfd) -> None:
        assert main(["-m", "search=compare", "trainer=debug", "data_dir=none", "model=rnn,bilstm"]) == 0
        assert len(folders("runs/sweeps/*/*/metrics.json")) == 4

    def test_a_name_is_for_sweeps(self, command: Command, capfd) -> None:
        assert command("sweep=mine") == 2
        assert "sweep: got 'mine' for a single run; add -m for a sweep" in capfd.readouterr().err
        assert command("-m", "sweep=a/b") == 2
        assert "sweep: got 'a/b', expected letters, digits and any of ._,=+-" in capfd.readouterr().err


@pytest.mark.parametrize("experiment", ["digits_bilstm", "pos_bilstm"])
def test_the_experiment_files_run(experiment: str) -> None:
    assert main([f"experiment={experiment}", "trainer=debug", "data_dir=none"]) == 0
    (folder,) = folders("runs/*/bilstm/*")
    assert RunFolder(folder).is_done


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (RUN_DIR, "LOCAL_RANK", "SLURM_PROCID", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def test_a_single_process_leads() -> None:
    assert leaders_folder(None) is None
    assert leaders_folder(Path("runs/a")) is None


def test_a_process_that_lightning_started_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with RunFolder("runs/a").published():
        folder = leaders_folder(None)
    assert folder is not None
    assert (folder.path, folder.leads) == (Path("runs/a"), False)
    assert leaders_folder(None) is None


def test_slurm_tasks_need_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert leaders_folder(None) is None
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(ConfigError) as refused:
        leaders_folder(None)
    assert refused.value.problems == (
        "run_dir: missing; tasks of one Slurm job need it, since all write one run",
    )
    folder = leaders_folder(Path("runs/a"))
    assert folder is not None
    assert not folder.leads


class TestProcess:
    """What only a process of its own can show."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    @pytest.mark.slow
    def test_a_pipe_stays_readable(self) -> None:
        finished = self.run("seqtrain", *SMALL)
        assert finished.returncode == 0
        said = finished.stdout + finished.stderr
        assert "\r" not in said
        assert not [
            word for word in ("litlogger", "litmodels", "GPU available", "Tip", "Warning") if word in said
        ]
        lines = [line for line in said.splitlines() if line and not line.startswith("run folder")]
        assert [line for line, count in Counter(lines).items() if count > 1] == []

    def test_a_refusal_is_quick_and_quiet(self) -> None:
        finished = self.run("seqtrain", "model.hiden_size=3")
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert finished.stderr == (
            "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n"
            "  model.hiden_size: no such key in torch.nn.LSTM; did you mean model.hidden_size?\n"
        )
        assert list(Path.cwd().iterdir()) == []
