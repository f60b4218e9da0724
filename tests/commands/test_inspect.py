from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_output import refused
from small_runs import compose_small

from seqtrain.commands.inspect import main
from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train


@pytest.fixture
def pos(trained_pos: Path, tmp_path: Path) -> Path:
    """A copy of the run folder of a tagger."""
    return Path(shutil.copytree(trained_pos, tmp_path / "pos"))


def shown(path: Path) -> list[dict]:
    found = re.search(r'id="sample">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])["examples"]


def test_the_page_lies_in_the_run_folder(pos: Path, capsys) -> None:
    assert main([str(pos), "examples=5"]) == 0
    page = pos / "inspect.html"
    assert re.fullmatch(rf"{re.escape(str(page))}  \(\d\.\d MB, 5 of 5 examples\)\n", capsys.readouterr().out)
    assert [example["name"] for example in shown(page)] == ["dev 1", "dev 5", "dev 10", "dev 15", "dev 20"]


def test_text_comes_first(pos: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    assert main([f"run_dir={pos}", "text=The dog will run. A cat!", "examples=2", f"output={output}"]) == 0
    examples = shown(output)
    assert [example["name"] for example in examples] == ["yours 1", "yours 2", "dev 1", "dev 13"]
    assert examples[0]["words"] == ["The", "dog", "will", "run", "."]
    assert examples[0]["targets"] is None
    assert not (pos / "inspect.html").exists()


def test_without_the_data(pos: Path, treebank: Path, tmp_path: Path) -> None:
    config = pos / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(treebank), str(tmp_path / "gone")))
    assert main([str(pos), "text=A dog", "examples=0"]) == 0
    assert [example["words"] for example in shown(pos / "inspect.html")] == [["A", "dog"]]


def test_a_conllu_file(pos: Path, treebank: Path) -> None:
    source = treebank / "made_up-ud-test.conllu"
    assert main([str(pos), f"input={source}", "examples=0"]) == 0
    assert len(shown(pos / "inspect.html")) == 24


def test_images(trained_digits: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "two.npy", np.zeros((2, 8, 8), np.uint8))
    output = tmp_path / "page.html"
    assert main([str(trained_digits), f"input={tmp_path / 'two.npy'}", "examples=3", f"output={output}"]) == 0
    names = [example["name"] for example in shown(output)]
    assert names == ["yours 1", "yours 2", "dev 1", "dev 61", "dev 121"]


def test_sequences_of_numbers(tmp_path: Path, capsys) -> None:
    draw = np.random.default_rng(0)
    data, run = tmp_path / "data.npz", tmp_path / "run"
    np.savez(data, x=draw.normal(size=(40, 6, 2)).astype(np.float32), y=draw.integers(0, 2, (40, 6)))
    overrides = ["task=steps", f"data.path={data}", "model.hidden_size=4", "trainer.max_epochs=1"]
    cfg = compose_config([*overrides, f"run_dir={run}"])
    train(cfg, RunFolder(run))
    capsys.readouterr()
    assert main([str(run), f"input={data}", "examples=2"]) == 0
    examples = shown(run / "inspect.html")
    assert len(examples) == 42
    assert (examples[0]["words"], examples[0]["image"], examples[0]["steps"]) == (None, None, 6)
    assert len(examples[0]["targets"]) == 6


def test_a_folder_of_pictures(pos: Path, tmp_path: Path, capsys) -> None:
    assert main([str(pos), "examples=4", f"output={tmp_path}/new/pictures/"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/new/pictures/  (9 files)\n"
    assert (tmp_path / "new" / "pictures" / "states.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text=a", "input=b"], "text, input: give one of the two"),
        (["examples=many"], "examples: got 'many', expected a number of sequences"),
        (["examples=0"], "examples: got 0, and neither text nor input, so there is nothing to show"),
        (["output={run}"], "output: {run} is a folder; give {run}/ for pictures, or the name of a file"),
        (["output={run}/no/page.html"], "output: there is no folder {run}/no; make it, or give another"),
        (["output={run}/config.yaml/"], "output: {run}/config.yaml is a file; give another folder"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, pos: Path, capsys) -> None:
    before = sorted(pos.rglob("*"))
    assert main([str(pos), *(argument.format(run=pos) for argument in arguments)]) == 2
    assert message.format(run=pos) in capsys.readouterr().err
    assert sorted(pos.rglob("*")) == before


def test_two_runs_side_by_side(pos: Path, tmp_path: Path, treebank: Path, capsys) -> None:
    other = tmp_path / "other"
    overrides = ["model=gru", "trainer.max_epochs=1", "seed=3"]
    train(compose_small(other, treebank, *overrides, task="pos"), RunFolder(other))
    assert main([str(pos), str(other), "text=A dog will run .", "examples=6"]) == 0
    page = pos / "compare.html"
    out = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(rf"{re.escape(str(page))}  \(\d\.\d MB, 7 of 7 examples\)", out)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert re.findall("<h2>(yours 1|dev [0-9]+)</h2>", text)[0] == "yours 1"
    assert text.count("data:image/png") == 2 + 2 * 7
    assert "<th>seed</th><td>0</td><td>3</td>" in text
    assert re.search("<th>model</th><td>BiLSTM, .*</td><td>GRU, ", text)
    accuracies = [RunFolder(each).load_metrics()["test/accuracy"] for each in (pos, other)]
    cells = "".join(f"<td>{accuracy:,.6g}</td>" for accuracy in accuracies)
    assert f"<tr class=differs><th>test/accuracy</th>{cells}</tr>" in text


def test_only_what_both_read_is_compared(pos: Path, trained_digits: Path, tmp_path: Path, capsys) -> None:
    message = "run_dir: the two runs read different data, or split it differently; give text= or input= with"
    assert message in refused(main, [str(pos), str(trained_digits), f"output={tmp_path}/a.html"], capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{pos}", "{pos}"], "run_dir: got 3 runs; expected one, or two to see side by side"),
        (["{pos}", "checkpoint={pos}/checkpoints/last.ckpt"], "checkpoint: is for a single run; two are"),
        (["{pos}", "output=pictures/"], "output: got pictures/; two runs make one page, so give a FILE.html"),
    ],
)
def test_what_two_runs_are_not_for(arguments: list[str], message: str, pos: Path, capsys) -> None:
    given = [str(pos), *(each.format(pos=pos) for each in arguments)]
    assert message in refused(main, given, capsys)


def test_a_folder_without_permission_is_refused(pos: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != pos)
    assert main([str(pos)]) == 2
    problem = f"output: {pos} cannot be written to; give another path"
    assert problem in capsys.readouterr().err


def test_text_for_a_model_of_images_is_refused(trained_digits: Path, capsys) -> None:
    assert main([str(trained_digits), "text=seven"]) == 2
    assert "text: this run reads images; give a file of them as input=FILE" in capsys.readouterr().err


def test_data_that_has_changed_is_refused(pos: Path, tmp_path: Path, treebank: Path, capsys) -> None:
    other = Path(shutil.copytree(treebank, tmp_path / "other"))
    train = other / "made_up-ud-train.conllu"
    sentence = "\t".join(["1", "new", "_", "X", *"______"])
    train.write_text(f"{sentence}\n\n{train.read_text(encoding='utf-8')}", encoding="utf-8")
    assert "data: it has changed since the training" in refused(main, [str(pos), f"data_dir={other}"], capsys)


def test_a_language_model_shows_a_passage(trained_text: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "page.html"
    text = "the light line 3 is grexn\nthe light line 4 is green\n"
    assert main([str(trained_text), f"text={text}", "examples=2", f"output={output}"]) == 0
    found = re.search(r'id="sample">(.*?)</script>', output.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    passage = json.loads(found[1])["passage"]
    assert "".join(passage["tokens"]) == text.replace("x", "<unknown>")
    assert passage["nats"][0] is None
    surprising = max(range(1, len(text)), key=lambda step: passage["nats"][step])
    assert text[surprising] == "x"
    assert passage["expected"][surprising][0][0] == "e"
    assert [each["name"] for each in shown(output)] == ["yours 1", "dev 1", "dev 17"]
    assert main([str(trained_text), "text=a", "examples=0"]) == 2
    assert "the text has 1 characters; expected at least 2" in capsys.readouterr().err
