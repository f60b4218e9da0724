from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_output import json_lines
from omegaconf import OmegaConf

from seqtrain.commands.predict import main
from seqtrain.serving.predictor import load
from seqtrain.training.build import build_data


class TestText:
    def test_one_sentence_as_a_table(self, trained_pos: Path, capsys) -> None:
        assert main([f"run_dir={trained_pos}", "text=the Cat will run."]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        rows = [line.split() for line in out.splitlines() if line]
        assert [row[0] for row in rows] == ["the", "Cat", "will", "run", "."]
        assert [row[1] for row in rows] == ["DET", "NOUN", "AUX", "VERB", "PUNCT"]
        assert all(0.2 < float(share) <= 1 for *_, share in rows)

    def test_json_has_the_promised_keys(self, trained_pos: Path, capsys) -> None:
        """And a word before decides what "run" and "light" are."""
        text = "the caf\u00e9 will run the light will light !"
        assert main([f"run_dir={trained_pos}", f"text={text}", "format=json"]) == 0
        (answer,) = json_lines(capsys)
        assert list(answer) == ["tokens", "tags", "confidences", "start", "end"]
        assert answer["tokens"] == text.split()
        assert answer["tags"][2:] == ["AUX", "VERB", "DET", "NOUN", "AUX", "VERB", "PUNCT"]
        assert [0 < share <= 1 for share in answer["confidences"]] == [True] * 9

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

    def test_standard_input_a_sentence_a_line(self, trained_pos: Path, capsys, stdin) -> None:
        stdin("\ufeffthe dog.\r\n\r\na tree!\n".encode())
        assert main([f"run_dir={trained_pos}", "format=json"]) == 0
        tokens = [answer["tokens"] for answer in json_lines(capsys)]
        assert tokens == [["the", "dog", "."], ["a", "tree", "!"]]

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
            names = [predictor.spec.targets.names[number] for number in targets]
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


def read_tags(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[3] for line in lines if line[:1].isdigit()]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_accuracy_on_gold_tokens(trained_pos: Path, treebank: Path, tmp_path: Path, split: str) -> None:
    gold, tagged = treebank / f"made_up-ud-{split}.conllu", tmp_path / "tagged.conllu"
    assert main([str(trained_pos), f"input={gold}", f"output={tagged}", "format=conllu"]) == 0
    pairs = list(zip(read_tags(gold), read_tags(tagged), strict=True))
    accuracy = sum(wanted == found for wanted, found in pairs) / len(pairs)
    metrics = json.loads((trained_pos / "metrics.json").read_text())
    assert metrics["val/accuracy" if split == "dev" else "test/accuracy"] == pytest.approx(accuracy, abs=1e-6)
