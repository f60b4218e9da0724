from __future__ import annotations

from pathlib import Path

import pytest
from command_output import REFUSED, refused

from seqtrain.commands.predict import main


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["txt=a", "run_dir=x"], "txt: no such argument; did you mean text?"),
            (["text=a"], "run_dir: missing; give a run folder, or model=FILE.onnx"),
            (["run_dir=x", "text=a", "input=b"], "text, input: give one of the two"),
            (["model=x.onnx", "run_dir=y"], "run_dir: is not used with model=; leave it out"),
            (
                ["model=x.pt2", "text=a"],
                "model: got a torch program; expected FILE.onnx (the .py file beside the program runs it)",
            ),
            (["x", "text=\udcff"], "text: is not valid UTF-8"),
            (["x", "split=yes"], "split: got 'yes', expected one of true, false"),
            (
                ["run_dir=x", "format=yaml"],
                "format: got 'yaml', expected one of table, json, tsv, csv, conllu",
            ),
            (
                ["run_dir=x", "text=a"],
                "run_dir: x is not a run folder: it does not exist; "
                "give a folder of runs/, or run_dir=latest",
            ),
        ],
    )
    def test_of_the_command_line(self, arguments: list[str], problem: str, capsys) -> None:
        assert refused(main, arguments, capsys) == f"{REFUSED}{problem}\n"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "no sentence to tag; expected at least one word"),
            (b"\n \n", "no sentence to tag; expected at least one word"),
            (b"fine\n\xff\n", "standard input:2: the byte 0xff is not valid UTF-8; save the file as UTF-8"),
        ],
    )
    def test_of_text(self, trained_pos: Path, stdin, content: bytes, problem: str, capsys) -> None:
        stdin(content)
        assert refused(main, [f"run_dir={trained_pos}"], capsys) == f"{problem}\n"

    def test_a_missing_file(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "input=nowhere.txt"]) == 2
        assert capsys.readouterr().err == "nowhere.txt: the file is missing\n"
