from __future__ import annotations

import json
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
            (["x", "split=yes"], "split: got 'yes', expected one of true, false, spaces"),
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
            (b"fine\n\xff\n", "standard input:2: the byte 0xff is not valid UTF-8; save the file as UTF-8"),
        ],
    )
    def test_of_text(self, trained_pos: Path, stdin, content: bytes, problem: str, capsys) -> None:
        stdin(content)
        assert refused(main, [f"run_dir={trained_pos}"], capsys) == f"{problem}\n"

    def test_a_missing_file(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "input=nowhere.txt"]) == 2
        assert capsys.readouterr().err == "nowhere.txt: the file is missing\n"


class TestFormats:
    """What training reads, prediction reads, too."""

    @pytest.mark.parametrize(
        ("name", "content", "arguments", "sentences"),
        [
            ("a.txt", "the\tDET\ndog\tNOUN\n\na\tDET\n", [], [["the", "dog"], ["a"]]),
            ("a.txt", "the\tDET\t0.9\ndog\tNOUN\t0.8\n\n", [], [["the", "dog"]]),  # our own format=tsv
            ("a.txt", "2020\tNUM\ndog\tNOUN\n", [], [["2020", "dog"]]),
            ("a.conll", "the DET\ndog NOUN\n", [], [["the", "dog"]]),
            ("a.txt", "the\tDET\n", ["split=false"], [["the", "DET"]]),
            ("a.txt", "it's well-known .\n", ["split=spaces"], [["it's", "well-known", "."]]),
            ("a.txt", "A dog. A dog.\n", ["split=true"], [["A", "dog", "."]] * 2),
            ("a.txt", "", [], []),
            ("a.txt", "\n \n", [], []),
        ],
    )
    def test_sentences(
        self, trained_pos: Path, tmp_path: Path, name: str, content: str, arguments: list[str],
        sentences: list[list[str]], capsys,
    ) -> None:  # fmt: skip
        (tmp_path / name).write_text(content)
        assert main([str(trained_pos), f"input={tmp_path / name}", "format=json", *arguments]) == 0
        found = [json.loads(line)["tokens"] for line in capsys.readouterr().out.splitlines()]
        assert found == sentences

    def test_nothing_on_standard_input(self, trained_pos: Path, stdin, capsys) -> None:
        stdin(b"")
        assert main([str(trained_pos)]) == 0
        assert capsys.readouterr().out == ""


def test_what_is_too_long_is_refused_with_its_line(trained_pos: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"the dog\n{'a ' * 65_537}\n{'b' * 4097}\nthe dog\n")
    assert main([str(trained_pos), f"input={path}", "format=json", f"output={tmp_path / 'out'}"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:2: the sentence has 65,537 words; expected at most 65,536",
        f"{path}:3: the sentence has a word of 4,097 letters; expected at most 4,096",
        "All other lines have been answered.",
    ]
    assert [json.loads(line)["tokens"] for line in (tmp_path / "out").read_text().splitlines()] == [
        ["the", "dog"]
    ] * 2
