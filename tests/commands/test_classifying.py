from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_output import REFUSED, json_lines, refused
from PIL import Image

from seqtrain.commands.predict import main


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
                "format: got 'conllu', which is for tags of words; give table, json or tsv",
            ),
        ],
    )
    def test_refusals(self, trained_digits: Path, arguments, problem: str, capsys) -> None:
        assert refused(main, [f"run_dir={trained_digits}", *arguments], capsys) == f"{REFUSED}{problem}\n"

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
