"""Schemas of the data sources and of what distorts their images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from seqtrain.config.schemas.schema import (
    OPTIONAL,
    Count,
    LocalPath,
    Natural,
    Node,
    NonNegative,
    Pattern,
    Positive,
    Range,
    Share,
    Size,
    Tree,
    describes,
    schema_at,
)
from seqtrain.errors import name_some, show
from seqtrain.spec import ViewName

ColumnNumber: TypeAlias = Annotated[int, Range(1)] | Literal[-1]
TagColumn: TypeAlias = Annotated[
    str, Pattern(r"UPOS|XPOS|FEATS|DEPREL|MISC:[^=|\s]+", "UPOS, XPOS, FEATS, DEPREL or MISC:Key")
]


def unused_length(tree: Tree) -> Iterator[tuple[str, str]]:
    epochs = tree["trainer"].get("max_epochs")
    if epochs != "auto":
        for key in ("epochs", "min_steps"):
            yield key, f"does nothing with trainer.max_epochs={show(epochs)}; set trainer.max_epochs=auto"


ARRAY_TARGETS = "SequenceClasses|StepClasses|SequenceNumbers|StepNumbers"


class Batching:
    batch_size: Count
    eval_batch_size: Count
    max_tokens: Count | None = OPTIONAL

    @staticmethod
    def unused(node: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        yield from unused_length(tree)
        if node.get("path") is not None:
            for key in ("data_dir", "treebank", "download"):
                yield key, f"does nothing with data.path={show(node['path'])}; set data.path=null"
        if node.get("vectors") is None:
            yield "max_vectors", "does nothing without word vectors; set data.vectors to their file"


class SuitedLength(Batching):
    """Keys of a source that suits trainer.max_epochs=auto."""

    epochs: Count = OPTIONAL
    min_steps: Natural = OPTIONAL


@describes("data", "seqtrain.data.Digits", inputs="VectorInputs", targets="SequenceClasses")
class Digits(Batching):
    @staticmethod
    def feature_size(_: Tree) -> Size:
        return Size(8, "the data has 8 numbers per step")


@describes("data", "seqtrain.data.Mnist", inputs="VectorInputs", targets="SequenceClasses")
class Mnist(Batching):
    data_dir: LocalPath
    view: ViewName
    dev_size: Count
    path: LocalPath | None = OPTIONAL
    augment: Node | None = OPTIONAL
    download: bool = OPTIONAL

    @staticmethod
    def feature_size(node: Tree) -> Size | None:
        if node.get("path") is not None:
            return None  # these images may be of any size
        size = 28 if node["view"] in ("rows", "columns") else 1
        return Size(size, f"the data has {size} per step with data.view={node['view']}")


class WordSource(SuitedLength):
    min_count: Count = OPTIONAL
    vectors: LocalPath | None = OPTIONAL
    max_vectors: Natural | None = OPTIONAL
    cache_dir: LocalPath | None = OPTIONAL


@describes("data", "seqtrain.data.Treebank", inputs="WordInputs", targets="StepClasses")
class Treebank(WordSource):
    data_dir: LocalPath
    treebank: str
    column: TagColumn = OPTIONAL
    path: LocalPath | None = OPTIONAL
    download: bool = OPTIONAL


@describes("data", "seqtrain.data.Tagged", inputs="WordInputs", targets="StepClasses")
class Tagged(WordSource):
    path: LocalPath
    word_column: ColumnNumber = OPTIONAL
    tag_column: ColumnNumber = OPTIONAL


@describes("data", "seqtrain.data.Arrays", inputs="VectorInputs", targets=ARRAY_TARGETS)
class Arrays(SuitedLength):
    path: LocalPath
    steps: Count | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if None not in (node.get("steps"), node.get("max_tokens")):
            yield "data.max_tokens: does nothing with data.steps, which bounds a batch; give null"


@describes("data", "seqtrain.data.Text", inputs="TokenInputs", targets="NextToken")
class Text:
    path: LocalPath | None
    unit: Literal["character", "word"]
    split: tuple[Positive, Positive, NonNegative]
    batch_size: Count
    steps: Annotated[int, Range(2)]
    random_steps: bool
    restarts: Share
    min_count: Count = OPTIONAL
    epochs: Count = OPTIONAL
    min_steps: Natural = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if not math.isfinite(sum(node["split"])):
            yield f"data.split: got {node['split']}, expected shares such as [90, 5, 5]"

    @staticmethod
    def unused(_: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        yield from unused_length(tree)


@describes("data", "seqtrain.data.Texts", inputs="WordInputs|TokenInputs", targets="SequenceClasses")
class Texts(SuitedLength):
    path: LocalPath | None
    unit: Literal["word", "character"]
    text_column: str | Count = OPTIONAL
    class_column: str | Count = OPTIONAL
    min_count: Count = OPTIONAL
    vectors: LocalPath | None = OPTIONAL
    max_vectors: Natural | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        needed = {"word": "WordInputs", "character": "TokenInputs"}[node["unit"]]
        encoder = schema_at(tree, "encoder")
        if encoder is not None and encoder.inputs != needed:
            fitting = {"word": "words", "character": "tokens"}[node["unit"]]
            yield f"encoder: data.unit={node['unit']} needs encoder={fitting}"
        if node["unit"] == "character" and node.get("vectors") is not None:
            yield "data.vectors: they are of words; set data.unit=word"


@describes("data", "seqtrain.data.Waves", inputs="VectorInputs", targets="SequenceNumbers")
class Waves(SuitedLength):
    @staticmethod
    def feature_size(_: Tree) -> Size:
        return Size(1, "the data has 1 number per step")


# The targets of each problem, and the task that goes with it.
PROBLEMS = {
    "adding": ("SequenceNumbers", "regression"),
    "recall": ("SequenceClasses", "memory"),
    "xor": ("SequenceClasses", "memory"),
    "copy": ("StepClasses", "steps"),
    "parity": ("StepClasses", "steps"),
}


@describes("data", "seqtrain.data.Memory", inputs="VectorInputs", targets=ARRAY_TARGETS)
class Memory(SuitedLength):
    problem: Literal["adding", "recall", "copy", "parity", "xor"]
    length: Annotated[int, Range(2)]
    train_size: Count

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        task, (targets, fitting) = schema_at(tree, "task"), PROBLEMS[node["problem"]]
        if task is not None and task.targets is not None and targets not in task.targets.split("|"):
            yield f"data.problem: {node['problem']} needs task={fitting}"

    @staticmethod
    def feature_size(node: Tree) -> Size:
        size = {"adding": 2, "parity": 1, "xor": 2}.get(node["problem"], 10)
        return Size(size, f"data.problem={node['problem']} has {size} per step")


@describes("data", "seqtrain.data.Series", inputs="VectorInputs", targets="Horizon")
class Series(SuitedLength):
    path: LocalPath | None
    context: Count
    horizon: Count
    fold: Count
    season: Count
    time: str | None = OPTIONAL
    targets: list[str] | None = OPTIONAL
    covariates: list[str] = OPTIONAL
    stride: Count = OPTIONAL
    subtract_last: bool = OPTIONAL
    channels: Literal["independent", "joint"] = OPTIONAL
    split: tuple[Positive, Positive, Positive] = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        context, fold, season = (node[key] for key in ("context", "fold", "season"))
        if context % fold:
            near = max(fold, context // fold * fold)
            yield (
                f"data.context: got {context}, expected a multiple of data.fold={fold}, the rows in a time "
                f"step; give {near}, or data.fold=1"
            )
        if season > context:
            yield f"data.season: got {season}, expected at most data.context={context}"
        both = sorted(set(node.get("targets") or ()) & set(node.get("covariates") or ()))
        if both:
            yield f"data.covariates: {', '.join(both)} is a target, too; its past is read in any case"
        for key in ("targets", "covariates"):
            names = node.get(key) or ()
            if len(set(names)) < len(names):
                yield f"data.{key}: got {name_some(names)}, in which a column is named twice"
        split = node.get("split", (1, 1, 1))
        if sum(split) > 1 + 1e-9 and any(each != int(each) for each in split):
            yield f"data.split: got {split}, expected shares that sum to 1, or numbers of rows"


@describes("data", "seqtrain.data.Images", inputs="VectorInputs", targets="SequenceClasses")
class Images(SuitedLength):
    path: LocalPath
    view: ViewName
    size: tuple[Count, Count] | None = OPTIONAL
    augment: Node | None = OPTIONAL


@describes("component", "seqtrain.data.RandomAffine")
class RandomAffine:
    max_degrees: Annotated[float, Range(0, 180)] = OPTIONAL
    max_translation: Share = OPTIONAL
    max_scaling: Annotated[float, Range(0, 0.9)] = OPTIONAL
    max_shear: Annotated[float, Range(0, 80)] = OPTIONAL


@describes("component", "seqtrain.data.RandomElastic")
class RandomElastic(RandomAffine):
    max_displacement: Share = OPTIONAL
    points: Annotated[int, Range(2)] = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if "points" in node and node.get("max_displacement") == 0:
            yield "data.augment.points: does nothing with max_displacement=0; set it above 0"
