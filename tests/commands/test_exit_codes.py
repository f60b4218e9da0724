from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seqtrain.commands.exit_codes import exit_code
from seqtrain.errors import InputError


def raise_(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("refused"), 2, "refused\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (KeyboardInterrupt("Resume it."), 130, "Interrupted. Resume it.\n"),
        (SystemExit(0), 0, ""),
        (SystemExit(3), 1, ""),
        (OSError(28, "No space left on device", "runs/a"), 1, "seqtrain: runs/a: No space left on device\n"),
        (OSError(28, "No space left on device"), 1, "seqtrain: No space left on device\n"),
    ],
)
def test_what_is_raised(error: BaseException, code: int, message: str, capsys) -> None:
    assert exit_code(raise_(error)) == code
    assert capsys.readouterr() == ("", message)


def test_an_interruption_that_a_library_turned_into_an_error(capsys) -> None:
    def command() -> None:
        try:
            raise KeyboardInterrupt("Resume it.")
        except KeyboardInterrupt:
            raise ValueError("Unsupported interpolation type") from None

    assert exit_code(command) == 130
    assert capsys.readouterr() == ("", "Interrupted. Resume it.\n")


def test_anything_else_shows_a_traceback(capsys) -> None:
    assert exit_code(raise_(RuntimeError("broken"))) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("RuntimeError: broken\n")


def test_a_full_device(capsys) -> None:
    assert exit_code(lambda: Path("/dev/full").write_text("text")) == 1
    assert capsys.readouterr().err == "seqtrain: No space left on device\n"


def test_done() -> None:
    assert exit_code(lambda: None) == 0


def test_sigterm_interrupts_and_its_handler_is_restored(capsys) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_runs_in_a_thread_too() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(exit_code(lambda: None)))
    thread.start()
    thread.join()
    assert codes == [0]
