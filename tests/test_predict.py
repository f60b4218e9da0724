import runpy
import sys

import pytest

from seqtrain.commands import predict


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("seqtrain.predict", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == predict.USAGE
