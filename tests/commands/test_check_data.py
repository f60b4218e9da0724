from __future__ import annotations

from pathlib import Path

import pytest
from command_output import refused
from PIL import Image

from seqtrain.commands.check_data import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "train      1,257      10,056         8       8     8        8\n" in out
    assert "0 of 360 sequences of test (0.0%) are in train too" in out
    assert "79 training batches of at most 16 sequences: 0.0% padding" in out
    assert "the largest training batch (16 sequences of up to 8 steps) needs about" in out


def test_the_task_follows_the_data_and_there_is_a_page(
    treebank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data=ud", f"data.path={treebank}", "page=page.png"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("       sentences  words  shortest")
    assert "different words of train" in out
    assert "of the words of test do not occur in train" in out
    with Image.open("page.png") as image:
        assert image.width == 1800
    assert [path.name for path in Path.cwd().iterdir()] == ["page.png"]


def test_a_text_is_counted_in_what_it_is_cut_into(capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.txt").write_text("abab " * 1000 + "z\n")
    settings = ["data.batch_size=4", "data.steps=20", "data.random_steps=false", "model.hidden_size=8"]
    assert main(["task=language_model", "data.path=text.txt", *settings, "page=page.svg"]) == 0
    out = capsys.readouterr().out
    assert "train       4,502        0  0.00%\n" in out
    assert "test          250        2  0.80%\n" in out
    assert "3 different characters in train, the most frequent ones:\na" in out
    assert "4 streams of 1,125 characters; an epoch has 57 training batches, each the next 19 to 20" in out
    assert "<!-- the most frequent characters of train" in Path("page.svg").read_text()


def test_the_page_has_what_the_terminal_has(treebank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = treebank / "made_up-ud-dev.conllu"
    Path("own").mkdir()
    for split in ("train", "test"):
        Path(f"own/x-ud-{split}.conllu").write_text((treebank / f"made_up-ud-{split}.conllu").read_text())
    Path("own/x-ud-dev.conllu").write_text(dev.read_text() + "\n1\tHush\t_\tINTJ\t_\t_\t_\t_\t_\t_\n")
    assert main(["data=ud", "data.path=own", "page=page.svg"]) == 0
    out = capsys.readouterr().out
    assert "targets of dev that train lacks: INTJ 1" in out
    assert out.count("INTJ") == 2  # there, and among the targets
    page = Path("page.svg").read_text()
    for text in (
        "lengths in words",
        "padding in training batches",
        "dev: sentences in train too",
        "dev: words not in train",
        "words of train with several tags",
        "memory of the largest training batch",
        "targets of dev that train lacks: INTJ",
    ):
        assert f"<!-- {text}" in page, text


def test_of_many_tags_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    words = (f"w{number % 7} {'T' * 900}{number}" for number in range(2_000))
    sentences = zip(*[words] * 8, strict=True)
    Path("tags.txt").write_text("\n\n".join(map("\n".join, sentences)) + "\n")
    assert main(["data=tagged", "data.path=tags.txt", "page=page.svg"]) == 0
    out = capsys.readouterr().out
    assert len(out) < 40_000
    assert "\n... and 1,9" in out
    assert "more\n" in out
    assert len(Path("page.svg").read_text()) < 2_000_000


def test_words_and_tags_are_no_formulas_in_the_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    """Between dollar signs matplotlib would read TeX, and refuse these."""
    lines = [r"$ PRP$", r"$ $\frac{$", r"$x^$ $\frac{$", "", r"$x^$ PRP$", "狗 $x$"]
    Path("tags.txt").write_text("\n".join(lines * 10) + "\n", encoding="utf-8")
    assert main(["data=tagged", "data.path=tags.txt", "page=page.svg"]) == 0
    page = Path("page.svg").read_text(encoding="utf-8")
    for text in ("PRP$", r"$\frac{$", "$x$", "$x^$"):
        assert f"<!-- {text} -->" in page, text
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["page=page.gif"], "page: got 'page.gif', expected a file that ends in .png, .svg, .pdf"),
        (["data=minst"], "did you mean mnist?"),
        (["data=ud", "task=digits"], "data: task=digits needs data="),
        (
            ["data=text", "data.stepz=3"],
            "  data.stepz: no such key in seqtrain.data.Text; did you mean data.steps?\n",
        ),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(main, arguments, capsys)
