from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_up_treebank import conllu

from seqtrain.data import Treebank
from seqtrain.data.files.tagged_file import TaggedFile
from seqtrain.data.sources import treebank
from seqtrain.data.sources.treebank import read_treebank_file, repository_of
from seqtrain.errors import DataError
from seqtrain.records import Words
from seqtrain.spec import DataSpec


def refusal(source: Treebank, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        source.load()
    return str(caught.value).replace(str(folder), "FOLDER")


def test_vocabularies_come_from_train_alone(source) -> None:
    spec = source().load().spec
    assert spec.targets.names == ("DET", "NOUN", "VERB")
    assert spec.inputs.words.entries == ("runs", "the", "dog", "end", "run")
    assert spec.inputs.words.counts == (2, 2, 1, 1, 1)
    assert "c" not in spec.inputs.characters.entries
    assert {"T", "R"} < set(spec.inputs.characters.entries)
    assert DataSpec.from_dict(spec.to_dict()) == spec


def test_rare_words_are_unknown_but_not_unseen(source) -> None:
    corpus = source(min_count=2).load()
    assert corpus.spec.inputs.words.entries == ("runs", "the")
    batch = corpus.splits["test"].batch([1])
    assert batch.inputs.word.tolist() == [[1, 2]]
    assert batch.unseen.tolist() == [[False, False]]
    with pytest.raises(ValueError, match=r"^min_count must be at least 1, got 0$"):
        source(min_count=0)


def test_batches(source) -> None:
    corpus = source().load()
    batch = corpus.splits["dev"].batch([0])
    assert isinstance(batch.inputs, Words)
    assert batch.inputs.word.tolist() == [[2, 3, 1]]
    assert batch.targets.tolist() == [[2, 0, 1]]
    assert batch.unseen.tolist() == [[False, False, True]]
    assert corpus.describe() == (
        "train 3 sentences (7 words); dev 1 sentences (3 words); test 2 sentences (3 words); 3 classes;"
        " 7 known words, 14 characters"
    )


def test_a_second_reading_comes_from_the_cache_and_is_the_same(
    source, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source().load()
    monkeypatch.setattr(treebank, "ConlluReader", None)
    second = source().load()
    assert first.spec == second.spec
    for split in ("train", "dev", "test"):
        a, b = first.splits[split].batch([0]), second.splits[split].batch([0])
        assert a.inputs.word.tolist() == b.inputs.word.tolist()
        assert a.inputs.characters.tolist() == b.inputs.characters.tolist()
        assert a.targets.tolist() == b.targets.tolist()


def test_a_changed_file_is_read_anew(source, folder: Path) -> None:
    source().load()
    (folder / "xx_small-ud-dev.conllu").write_text(conllu("dog/NOUN"))
    assert source().load().splits["dev"].lengths.tolist() == [1]


def test_the_tags_of_any_column(source, folder: Path) -> None:
    for path in folder.iterdir():
        path.write_text(re.sub("(?m)_$", "Entity=Person|Tone=High", path.read_text(), count=1))
    corpus = source(column="MISC:Tone").load()
    assert corpus.spec.targets.names == ("High", "_")
    assert corpus.spec.targets.column == "MISC:Tone"
    assert corpus.splits["train"].batch([0]).targets.tolist() == [[0, 1, 1]]
    with pytest.raises(
        ValueError, match=r"^column must be one of UPOS, XPOS, FEATS, DEPREL or MISC:Key, got"
    ):
        source(column="HEAD")


def test_a_column_with_a_single_tag(source, folder: Path) -> None:
    assert refusal(source(column="XPOS"), folder) == (
        "FOLDER/xx_small-ud-train.conllu: all words have the tag '_', so there is nothing to learn; choose"
        " another column of tags"
    )


def test_a_bad_line_is_named(source, folder: Path) -> None:
    (folder / "xx_small-ud-dev.conllu").write_text(conllu("dog/NN"))
    assert refusal(source(), folder).startswith(
        "FOLDER/xx_small-ud-dev.conllu:2: unknown UPOS tag 'NN'; expected one of ADJ, "
    )


def test_any_folder_by_its_path(source, folder: Path) -> None:
    assert source(treebank="ignored", path=str(folder)).load().splits["test"].lengths.tolist() == [1, 2]


def test_short_file_names_do_too(source, folder: Path) -> None:
    for split in ("train", "dev", "test"):
        (folder / f"xx_small-ud-{split}.conllu").rename(folder / f"{split}.conllu")
    assert source().load().splits["train"].lengths.tolist() == [3, 3, 1]


def test_a_treebank_that_is_missing(source, folder: Path, tmp_path: Path) -> None:
    where = tmp_path / "ud_german_gsd"
    assert refusal(source(treebank="ud_german_gsd"), folder) == (
        f"{where}: no file *train.conllu here; get it with: git clone --depth 1"
        f" https://github.com/UniversalDependencies/UD_German-GSD {where}; or set data.path to where it is;"
        " data=pos_sample needs no download"
    )
    (folder / "xx_small-ud-test.conllu").unlink()
    assert refusal(source(path=folder), folder) == (
        "FOLDER: no file *test.conllu here; set data.path to a folder that holds it"
    )


@pytest.mark.parametrize(
    ("treebank", "repository"),
    [
        ("ud_irish_idt", "/UD_Irish-IDT"),
        ("ud_turkish_german_sagt", "/UD_Turkish_German-SAGT"),
        ("UD_Old_East_Slavic-TOROT", "/UD_Old_East_Slavic-TOROT"),
        ("mine", ""),
    ],
)
def test_the_repository_of_a_treebank(treebank: str, repository: str) -> None:
    assert repository_of(treebank) == "https://github.com/UniversalDependencies" + repository


def test_a_treebank_without_a_dev_file(source, folder: Path) -> None:
    (folder / "xx_small-ud-dev.conllu").unlink()
    corpus = source().load()
    assert corpus.splits["train"].lengths.tolist() == [3, 3]
    assert corpus.splits["dev"].lengths.tolist() == [1]
    assert corpus.spec.inputs.words.entries == ("runs", "the", "dog", "end")
    assert corpus.notes == (
        "no dev split: every tenth sentence of xx_small-ud-train.conllu, 1 in all, is used as dev and not for"
        " training",
    )


def test_two_treebanks_in_one_folder(source, folder: Path) -> None:
    (folder / "yy-ud-train.conllu").write_text("")
    assert refusal(source(), folder) == (
        "FOLDER: one file *train.conllu expected, found xx_small-ud-train.conllu, yy-ud-train.conllu; keep"
        " one treebank here"
    )


def test_another_file_under_the_name_of_english_ewt_is_refused(source, tmp_path: Path) -> None:
    folder = tmp_path / "ud_english_ewt"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        (folder / f"en_ewt-ud-{split}.conllu").write_text(conllu("dog/NOUN"))
    assert re.fullmatch(
        r"FOLDER/en_ewt-ud-train\.conllu: wrong checksum: expected sha256 3fb78e2b\w{56} of the file, found"
        r" \w{64}; delete the file to have it downloaded again, or give the folder of another data set as"
        r" data\.path",
        refusal(source(treebank="ud_english_ewt"), folder),
    )


def test_a_file_without_a_cache_folder_is_read_all_the_same(folder: Path) -> None:
    path = folder / "xx_small-ud-test.conllu"
    file = read_treebank_file(path, cache_dir=path / "no folder")
    assert isinstance(file, TaggedFile)
    assert file.forms == ["cat", "dog", "runs"]
    assert file.tag_counts() == {"NOUN": 2, "VERB": 1}


@pytest.mark.real_data
def test_english_ewt(data_dir: Path, tmp_path: Path) -> None:
    source = Treebank(
        data_dir=data_dir,
        treebank="ud_english_ewt",
        batch_size=32,
        eval_batch_size=256,
        cache_dir=tmp_path,
    )
    corpus = source.load()  # the checksums are compared on the way
    sizes = {name: (len(split.lengths), int(split.lengths.sum())) for name, split in corpus.splits.items()}
    assert sizes == {"train": (12_544, 204_577), "dev": (2_001, 25_147), "test": (2_077, 25_094)}
    assert corpus.spec.targets.num_targets == 17
    assert sum(corpus.spec.inputs.words.counts) == 204_577
    batch = corpus.splits["dev"].batch([0])  # From the AP comes this story :
    names = [corpus.spec.targets.names[target] for target in batch.targets[0].tolist()]
    assert names == ["ADP", "DET", "PROPN", "VERB", "DET", "NOUN", "PUNCT"]
