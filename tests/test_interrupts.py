import errno

import pytest

from seqtrain.errors import RunError, keep_interrupts


def exit_as_lightning_does() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise SystemExit(1)  # noqa: B904


def test_an_interrupt_that_was_turned_into_an_exit() -> None:
    with pytest.raises(KeyboardInterrupt), keep_interrupts():
        exit_as_lightning_does()


def test_any_other_exit_is_kept() -> None:
    with pytest.raises(SystemExit) as caught, keep_interrupts():
        raise SystemExit(3)
    assert caught.value.code == 3


def interrupted_while_resolving() -> None:
    """As in OmegaConf, which handles what it meets by raising an error of its own, twice."""
    try:
        try:
            raise KeyboardInterrupt("asked")
        finally:
            raise KeyError("metrics")
    except KeyError as error:
        raise ValueError("Unsupported interpolation") from error


def test_an_interrupt_deep_in_the_chain_of_an_error() -> None:
    with pytest.raises(KeyboardInterrupt, match="asked"), keep_interrupts():
        interrupted_while_resolving()


def test_a_cause_that_was_hidden() -> None:
    def hide() -> None:
        try:
            interrupted_while_resolving()
        except ValueError:
            raise SystemError("returned a result with an exception set") from None

    with pytest.raises(KeyboardInterrupt), keep_interrupts():
        hide()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RunError("diverged")])
def test_what_fails_while_an_interrupted_run_is_saved_is_kept(error: Exception) -> None:
    def save() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise error

    with pytest.raises(type(error)) as caught, keep_interrupts():
        save()
    assert caught.value is error


def test_an_error_that_contains_itself_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    with pytest.raises(ValueError, match="a"), keep_interrupts():
        raise first
