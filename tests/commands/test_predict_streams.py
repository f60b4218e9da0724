from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from seqtrain.commands import export
from seqtrain.commands.predict import main

ROOT = Path(__file__).parents[2]


class TestStream:
    def start(self, run_dir: Path, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seqtrain", "predict", str(run_dir), "input=-", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)

    @pytest.mark.parametrize(
        ("first", "second"),
        [("the dog.\n", "a cat!\n"), ("1\tthe" + "\t_" * 8 + "\n\n", "1\ta" + "\t_" * 8 + "\n\n")],
        ids=["plain", "conllu"],
    )
    def test_an_answer_comes_before_the_next_line(self, trained_pos: Path, first: str, second: str) -> None:
        with self.start(trained_pos, "format=json") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line, token in ((first, "the"), (second, "a")):
                process.stdin.write(line)
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["tokens"][0] == token
            process.stdin.close()
            assert process.stdout.read() == ""
        assert process.returncode == 0

    def test_a_refusal_leaves_the_output_file_as_it_was(self, trained_pos: Path, tmp_path: Path) -> None:
        output, source = tmp_path / "out.json", tmp_path / "in.txt"
        output.write_text("kept")
        source.write_bytes(b"the dog.\n" * 5000 + b"\xff\n")
        arguments = [str(trained_pos), f"input={source}", f"output={output}", "format=json"]
        assert main(arguments) == 2
        assert output.read_text() == "kept"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.json"]

    def test_long_input_keeps_its_order(self, trained_pos: Path, tmp_path: Path) -> None:
        sentences = [" ".join(["dog"] * (number % 5 + 1) + [str(number)]) for number in range(5000)]
        source, output = tmp_path / "in.txt", tmp_path / "out.json"
        source.write_text("\n".join(sentences))
        assert main([str(trained_pos), f"input={source}", f"output={output}", "format=json"]) == 0
        found = [" ".join(json.loads(line)["tokens"]) for line in output.read_text().splitlines()]
        assert found == sentences


def test_an_output_device(trained_pos: Path, capsys) -> None:
    assert main([str(trained_pos), "text=the dog", "output=/dev/null"]) == 0
    assert capsys.readouterr() == ("", "")
    assert not Path("/dev/null").is_file()


@pytest.fixture(scope="module")
def model(trained_pos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tagger.onnx"
    assert export.main([str(trained_pos), f"output={path}"]) == 0
    return path


@pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed")
class TestExportedModel:
    @pytest.mark.parametrize("form", ["table", "json", "conllu"])
    def test_answers_in_every_format(self, trained_pos: Path, model: Path, form: str, capsys) -> None:
        capsys.readouterr()
        for source in (f"model={model}", f"run_dir={trained_pos}"):
            assert main([source, "text=the Cat can't run. A dog will!", f"format={form}"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        without_numbers = re.sub(r"[01]\.\d+", "", out)
        half = len(without_numbers) // 2
        assert without_numbers[:half] == without_numbers[half:]

    def test_it_needs_no_torch(self, model: Path) -> None:
        program = (
            "import sys; from seqtrain.__main__ import main;"
            f"code = main(['predict', {f'model={model}'!r}, 'text=the dog']); "
            "print('torch' in sys.modules); sys.exit(code)"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout.splitlines()[-1] == "False"


def test_a_reader_that_has_had_enough_is_no_failure(trained_pos: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("the dog will run .\n" * 3000)
    command = [sys.executable, "-m", "seqtrain.predict", f"run_dir={trained_pos}", f"input={file}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
