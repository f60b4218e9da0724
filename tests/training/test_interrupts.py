import pytest

from seqtrain.training.interrupts import keep_interrupts


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
