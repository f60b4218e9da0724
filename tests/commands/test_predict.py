from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from seqtrain.commands.predict import main
from seqtrain.predictor import load
from seqtrain.training.build import build_data

REFUSED = "seqtrain: the configuration was refused (1 problem); nothing was run or written.\n  "


@pytest.fixture
def stdin(monkeypatch):
    def give(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


def json_lines(capsys) -> list[dict]:
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


class TestText:
    def test_one_sentence_as_a_table(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "text=the Cat will run."]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        rows = [line.split() for line in out.splitlines() if line]
        assert [row[:2] for row in rows] == [
            ["the", "DET"],
            ["Cat", "NOUN"],
            ["will", "AUX"],
            ["run", "VERB"],
            [".", "PUNCT"],
        ]
        assert all(0.2 < float(share) <= 1 for *_, share in rows)

    def test_json_has_the_promised_keys(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "text=the caf\u00e9 will light !", "format=json"]) == 0
        (answer,) = json_lines(capsys)
        assert list(answer) == ["tokens", "tags", "confidences", "start", "end"]
        assert answer["tokens"] == ["the", "caf\u00e9", "will", "light", "!"]
        assert answer["tags"][3] == "VERB"
        assert [0 < share <= 1 for share in answer["confidences"]] == [True] * 5

    def test_offsets_are_places_in_the_text(self, trained_pos: Path, capsys) -> None:
        text = "the dog can't run. A cat will!"
        assert main([str(trained_pos), f"text={text}", "format=json"]) == 0
        first, second = json_lines(capsys)
        assert [text[a:b] for a, b in zip(first["start"], first["end"], strict=True)] == first["tokens"]
        assert first["tokens"] == ["the", "dog", "ca", "n't", "run", "."]
        assert (second["start"], second["end"]) == ([19, 21, 25, 29], [20, 24, 29, 30])

    def test_splitting_can_be_chosen(self, trained_pos: Path, capsys, stdin) -> None:
        text = "the dog will run. A cat will."
        assert main([str(trained_pos), f"text={text}", "format=json", "split=false"]) == 0
        assert len(json_lines(capsys)) == 1
        for split, number in (("true", 3), ("false", 2)):
            stdin(f"{text}\n!\n".encode())
            assert main([str(trained_pos), "format=json", f"split={split}"]) == 0
            assert len(json_lines(capsys)) == number

    def test_context_decides(self, trained_pos: Path, capsys) -> None:
        text = "the run will run the light will light ."
        assert main([f"run_dir={trained_pos}", f"text={text}", "format=json"]) == 0
        (answer,) = json_lines(capsys)
        assert answer["tags"] == ["DET", "NOUN", "AUX", "VERB", "DET", "NOUN", "AUX", "VERB", "PUNCT"]

    def test_standard_input_a_sentence_a_line(self, trained_pos: Path, capsys, stdin) -> None:
        stdin("\ufeffthe dog.\r\n\r\na tree!\n".encode())
        assert main([f"run_dir={trained_pos}", "format=json"]) == 0
        assert [answer["tokens"] for answer in json_lines(capsys)] == [
            ["the", "dog", "."],
            ["a", "tree", "!"],
        ]

    def test_a_sentence_does_not_depend_on_its_neighbours(
        self, trained_pos: Path, capsys, tmp_path: Path
    ) -> None:
        sentences = ["the dog will see .", "!", "a wug will light a Cat will run ."]
        file = tmp_path / "text.txt"
        file.write_text("\n".join(sentences))
        assert main([f"run_dir={trained_pos}", f"input={file}", "format=json"]) == 0
        together = json_lines(capsys)
        for sentence, answer in zip(sentences, together, strict=True):
            assert main([f"run_dir={trained_pos}", f"text={sentence}", "format=json"]) == 0
            (alone,) = json_lines(capsys)
            assert alone["tags"] == answer["tags"]
            assert alone["confidences"] == pytest.approx(answer["confidences"], abs=2e-4)

    def test_lines_of_standard_input_as_conllu(self, trained_pos: Path, capsys, stdin) -> None:
        stdin(b"!\n\n.\n")
        assert main([f"run_dir={trained_pos}", "format=conllu"]) == 0
        rows = ["# text = !", "1\t!\t_\tPUNCT\t_\t_\t_\t_\t_\t_", "", "# text = ."]
        assert capsys.readouterr().out.splitlines()[:4] == rows

    def test_text_as_conllu(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "text=the dog.", "format=conllu"]) == 0
        assert capsys.readouterr().out == (
            "# text = the dog.\n"
            "1\tthe\t_\tDET\t_\t_\t_\t_\t_\t_\n"
            "2\tdog\t_\tNOUN\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
            "3\t.\t_\tPUNCT\t_\t_\t_\t_\t_\t_\n"
            "\n"
        )

    def test_conllu_restores_the_text(self, trained_pos: Path, capsys) -> None:
        assert main([str(trained_pos), "text=I can't  run. You'll!", "format=conllu"]) == 0
        first, second = capsys.readouterr().out.strip().split("\n\n")
        for block, text in ((first, "I can't run."), (second, "You'll!")):
            comment, *rows = block.splitlines()
            assert comment == f"# text = {text}"
            columns = [row.split("\t") for row in rows]
            assert "".join(c[1] + ("" if c[9] == "SpaceAfter=No" else " ") for c in columns).strip() == text

    def test_an_output_file(self, trained_pos: Path, capsys, tmp_path: Path) -> None:
        output = tmp_path / "answer.json"
        arguments = [f"run_dir={trained_pos}", "text=a tree .", "format=json"]
        assert main([*arguments, f"output={output}"]) == 0
        assert capsys.readouterr() == ("", "")
        assert main(arguments) == 0
        assert capsys.readouterr().out == output.read_text(encoding="utf-8")

    def test_answers_are_those_of_the_evaluation(self, trained_pos: Path) -> None:
        predictor = load(trained_pos)
        data = build_data(OmegaConf.load(trained_pos / "config.yaml"))
        data.setup()
        test = data.corpus.splits["test"]
        right = 0
        for index, answer in enumerate(predictor.predict(test)):
            targets = test.batch([index]).targets[0].tolist()
            names = [predictor.spec.target_names[number] for number in targets]
            right += sum(a == b for a, b in zip(answer.names, names, strict=True))
        accuracy = json.loads((trained_pos / "metrics.json").read_text())["test/accuracy"]
        assert right / int(test.lengths.sum()) == pytest.approx(accuracy, rel=1e-6)


CONLLU = (
    "# newdoc\n"
    "# text = the dogwill run.\r\n"
    "1\tthe\tthe\tX\tDT\t_\t2\tdet\t_\tSpaceAfter=No\n"
    "2-3\tdogwill\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tdog\tdog\t_\tNN\t_\t0\troot\t_\t_\r\n"
    "3\twill\t_\tPUNCT\t_\t_\t_\t_\t_\t_\n"
    "3.1\tghost\t_\tVERB\t_\t_\t_\t_\t_\t_\n"
    "4\trun\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "\n"
    "# second, without a last empty line\n"
    "1\t.\t_\t_\t_\t_\t_\t_\t_\t_"
)


class TestConllu:
    @pytest.mark.parametrize("source", ["file", "stdin"])
    def test_everything_but_the_tags_stays(
        self, trained_pos: Path, tmp_path: Path, stdin, source: str
    ) -> None:
        output = tmp_path / "out.conllu"
        file = tmp_path / "in.conllu"
        file.write_bytes(CONLLU.encode())
        stdin(CONLLU.encode())
        given = f"input={file}" if source == "file" else "input=-"
        assert main([f"run_dir={trained_pos}", given, "format=conllu", f"output={output}"]) == 0
        expected = CONLLU.replace("the\tX\tDT", "the\tDET\tDT").replace("dog\t_\tNN", "dog\tNOUN\tNN")
        expected = expected.replace("will\t_\tPUNCT", "will\t_\tAUX").replace("run\t_\t_", "run\t_\tVERB")
        expected = expected.replace(".\t_\t_", ".\t_\tPUNCT")
        assert output.read_bytes() == expected.encode()

    def test_columns_on_standard_input_are_never_words(self, trained_pos: Path, capsys, stdin) -> None:
        stdin(CONLLU.encode())
        assert main([f"run_dir={trained_pos}", "format=json"]) == 0
        assert json_lines(capsys)[0]["tokens"][:2] == ["the", "dog"]
        stdin(b"# text = the\n1\tthe\n")
        assert main([f"run_dir={trained_pos}", "format=json"]) == 2
        assert capsys.readouterr().err == "standard input:2: 2 columns instead of 10\n"

    def test_a_run_trained_by_gpu_kernels(self, trained_pos: Path, tmp_path: Path, capsys) -> None:
        copied = shutil.copytree(trained_pos, tmp_path / "copied")
        text = (copied / "config.yaml").read_text()
        (copied / "config.yaml").write_text(text.replace("backend: auto", "backend: triton"))
        assert "backend: triton" in (copied / "config.yaml").read_text()
        for folder in (trained_pos, copied):
            assert main([f"run_dir={folder}", "text=the dog."]) == 0
        out = capsys.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :]

    def test_words_of_a_file_as_json(self, trained_pos: Path, tmp_path: Path, capsys) -> None:
        file = tmp_path / "in.conllu"
        file.write_bytes(CONLLU.encode())
        assert main([f"run_dir={trained_pos}", f"input={file}", "format=json"]) == 0
        assert [each["tokens"] for each in json_lines(capsys)] == [["the", "dog", "will", "run"], ["."]]

    def test_a_fault_is_told_with_its_line(self, trained_pos: Path, tmp_path: Path, capsys) -> None:
        file, output = tmp_path / "in.conllu", tmp_path / "out.conllu"
        file.write_text("1\tthe\n")
        output.write_text("kept")
        assert main([f"run_dir={trained_pos}", f"input={file}", f"output={output}", "format=conllu"]) == 2
        assert capsys.readouterr().err == f"{file}:1: 2 columns instead of 10\n"
        assert output.read_text() == "kept"


class TestImages:
    @pytest.fixture
    def images(self):
        """Some of scikit-learn's own scans, 0 to 16."""
        from sklearn.datasets import load_digits

        return load_digits().images[:12]

    def test_a_file_of_many(self, trained_digits: Path, tmp_path: Path, images, capsys) -> None:
        file = tmp_path / "digits.npy"
        np.save(file, images / 16)
        assert main([f"run_dir={trained_digits}", f"input={file}", "format=json"]) == 0
        answers = json_lines(capsys)
        assert [list(answer) for answer in answers] == [["input", "label", "confidence"]] * 12
        assert [answer["input"] for answer in answers] == [f"{file}[{number}]" for number in range(12)]
        assert sum(answer["label"] == str(number % 10) for number, answer in enumerate(answers)) >= 6
        assert main([f"run_dir={trained_digits}", f"input={file}"]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first == f"{file}[0]  {answers[0]['label']}  {answers[0]['confidence']:.4f}"

    def test_png_and_npy_give_the_same(self, trained_digits: Path, tmp_path: Path, images, capsys) -> None:
        pixels = np.round(images[0] / 16 * 255).astype(np.uint8)
        np.save(tmp_path / "a.npy", pixels)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        answers = []
        for name in ("a.npy", "a.png"):
            assert main([f"run_dir={trained_digits}", f"input={tmp_path / name}", "format=json"]) == 0
            answers += json_lines(capsys)
        assert [answer.pop("input") for answer in answers] == [str(tmp_path / n) for n in ("a.npy", "a.png")]
        assert answers[0] == answers[1]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["text=seven"], "input: this model reads images; give input=FILE, a PNG or npy file"),
            ([], "input: this model reads images; give input=FILE, a PNG or npy file"),
            (
                ["input=x.png", "format=conllu"],
                "format: got 'conllu', which is for text; this model reads images: table or json",
            ),
        ],
    )
    def test_refusals(self, trained_digits: Path, arguments, problem: str, capsys) -> None:
        assert main([f"run_dir={trained_digits}", *arguments]) == 2
        assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")

    def test_several_files_and_a_folder(self, trained_digits: Path, tmp_path: Path, images, capsys) -> None:
        for number in range(3):
            np.save(tmp_path / f"{number}.npy", images[number] / 16)
        (tmp_path / "notes.txt").write_text("not an image")
        names = [str(tmp_path / f"{number}.npy") for number in range(3)]
        for sources in (
            [f"input={name}" for name in names],
            [f"input={tmp_path}"],
            [f"input={tmp_path}/*.npy"],
        ):
            assert main([str(trained_digits), *sources, "format=json"]) == 0
            assert [answer["input"] for answer in json_lines(capsys)] == names

    def test_a_folder_without_images(self, trained_digits: Path, tmp_path: Path, capsys) -> None:
        assert main([str(trained_digits), f"input={tmp_path}"]) == 2
        assert capsys.readouterr().err == f"{tmp_path}: no PNG or npy file in this folder\n"

    def test_resizing_on_request(self, trained_digits: Path, tmp_path: Path, images, capsys) -> None:
        np.save(tmp_path / "a.npy", images.repeat(2, axis=1).repeat(2, axis=2) / 16)
        np.save(tmp_path / "b.npy", images / 16)
        assert main([str(trained_digits), f"input={tmp_path / 'a.npy'}", "resize=true", "format=json"]) == 0
        resized = [answer["label"] for answer in json_lines(capsys)]
        assert main([str(trained_digits), f"input={tmp_path / 'b.npy'}", "format=json"]) == 0
        same = [a == answer["label"] for a, answer in zip(resized, json_lines(capsys), strict=True)]
        assert sum(same) >= 10

    def test_an_image_of_another_size(self, trained_digits: Path, tmp_path: Path, capsys) -> None:
        np.save(tmp_path / "a.npy", np.zeros((9, 8)))
        assert main([f"run_dir={trained_digits}", f"input={tmp_path / 'a.npy'}"]) == 2
        assert "images of 8 x 8 pixels: " in capsys.readouterr().err


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["txt=a", "run_dir=x"], "txt: no such argument; did you mean text?"),
            (["text=a"], "run_dir: missing; give a run folder, or model=FILE.onnx"),
            (["run_dir=x", "text=a", "input=b"], "text, input: give one of the two"),
            (["model=x.onnx", "run_dir=y"], "run_dir: is not used with model=; leave it out"),
            (["x", "text=\udcff"], "text: is not valid UTF-8"),
            (["x", "split=yes"], "split: got 'yes', expected one of true, false"),
            (["run_dir=x", "format=yaml"], "format: got 'yaml', expected one of table, json, conllu"),
            (
                ["run_dir=x", "text=a"],
                "run_dir: x is not a run folder: it does not exist; "
                "give a folder of runs/, or run_dir=latest",
            ),
        ],
    )
    def test_of_the_command_line(self, arguments: list[str], problem: str, capsys) -> None:
        assert main(arguments) == 2
        assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")

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
        assert main([f"run_dir={trained_pos}"]) == 2
        assert capsys.readouterr() == ("", f"{problem}\n")

    def test_a_missing_file(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "input=nowhere.txt"]) == 2
        assert capsys.readouterr().err == "nowhere.txt: the file is missing\n"

    def test_an_output_that_cannot_be_written(self, trained_pos: Path, tmp_path: Path, capsys) -> None:
        output = tmp_path / "no" / "folder"
        assert main([f"run_dir={trained_pos}", "text=a .", f"output={output}"]) == 2
        assert (
            capsys.readouterr().err
            == f"{REFUSED}output: {output} cannot be written: No such file or directory\n"
        )

    def test_a_checkpoint_of_code(self, trained_pos: Path, tmp_path: Path, capsys) -> None:
        folder = tmp_path / "copied"
        shutil.copytree(trained_pos, folder)
        torch.save({"state_dict": {}, "spec": Path("x")}, folder / "checkpoints" / "best.ckpt")
        assert main([f"run_dir={folder}", "text=a"]) == 2
        assert "which could run code\n" in capsys.readouterr().err

    def test_help(self, capsys) -> None:
        assert main(["-h"]) == 0
        assert capsys.readouterr().out.startswith("Tag text or classify images with a run's best checkpoint,")
