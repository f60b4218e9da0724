"""How answers are shown, in the terminal, as JSON, as TSV and as CoNLL-U. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqtrain.data.files.conllu import EMPTY, MISC, NUM_COLUMNS, TagColumn
from seqtrain.data.tokens import visible
from seqtrain.errors import ConfigError, printable_json, printable_line
from seqtrain.predictions import Answer, Estimate, Given
from seqtrain.spec import Classes, DataSpec, Horizon, NextToken, Numbers, StepClasses, Targets, WordInputs
from seqtrain.tasks.estimates import show_forecast, show_numbers

DEFAULT_COLUMN = "MISC:Tag"  # of CoNLL-U, for tags that come from another format


def name_value(value: Any, targets: Targets) -> str:
    """A prediction or target of one position as a text: the name of a class, a number, or several."""
    match targets:
        case Classes():
            return targets.names[int(value)]
        case Numbers():
            numbers = targets.in_units(np.asarray(value, dtype=np.float32)).tolist()
            return ", ".join(f"{number:.4g}" for number in numbers)
        case NextToken():
            return visible(targets.tokens.name(int(value)))
    return f"{value:.4g}"


def choose_form(form: str | None, spec: DataSpec) -> str:
    """The format that was asked for, or the usual one.

    Raises:
        ConfigError: answers for such data have no such format.
    """
    is_tagger = isinstance(spec.inputs, WordInputs) and isinstance(spec.targets, StepClasses)
    is_forecast = isinstance(spec.targets, Horizon)
    if form == "conllu" and not is_tagger:
        raise ConfigError(["format: got 'conllu', which is for tags of words; give table, json or tsv"])
    if form == "csv" and not is_forecast:
        raise ConfigError(["format: got 'csv', which is for forecasts; give table, json or tsv"])
    return form or ("csv" if is_forecast else "table")


def show(given: Given, answer: Answer | Estimate, form: str, spec: DataSpec) -> str:
    """The answer to one sequence, with its line end: `form` is table, json, tsv, csv or conllu."""
    if isinstance(answer, Estimate) and isinstance(spec.targets, Horizon):
        return show_forecast(given, answer, form, spec.targets)
    if isinstance(answer, Estimate):
        assert isinstance(spec.targets, Numbers)
        return show_numbers(given.name, answer, form, spec.targets)
    if form == "conllu":
        return _conllu(given, answer, spec)
    if form == "json":
        return printable_json(_plain(given, answer, spec.targets)) + "\n"
    per_token = given.tokens is not None and spec.targets.per_step
    rows = [tuple(map(printable_line, row)) for row in _rows(given, answer, per_token)]
    if form == "tsv":
        lines = ["\t".join(row) for row in rows]
    else:
        width = max(len(name) for name, *_ in rows)
        lines = ["  ".join(_padded(row, width, per_token)) for row in rows]
    return "".join(f"{line}\n" for line in lines) + ("\n" if per_token else "")


def _rows(given: Given, answer: Answer, per_token: bool) -> Iterator[tuple[str, ...]]:
    """What the answer is about, the answer, and its probability where there is one."""
    names: Sequence[str] = given.tokens or () if per_token else [given.name] * len(answer.names)
    shares = [f"{share:.4f}" for share in answer.confidences]
    for index, (name, answered) in enumerate(zip(names, answer.names, strict=True)):
        yield (name, answered, *shares[index : index + 1])


def _padded(row: tuple[str, ...], width: int, per_token: bool) -> tuple[str, ...]:
    name, answered, *share = row
    return (name.ljust(width), answered.ljust(5) if per_token else answered, *share)


def _plain(given: Given, answer: Answer, targets: Targets) -> dict[str, object]:
    if given.tokens is not None and targets.per_step:
        plain: dict[str, object] = {"tokens": given.tokens, "tags": answer.names}
        plain["confidences"] = answer.confidences
        if given.spans is not None:
            plain["start"], plain["end"] = zip(*given.spans, strict=True)
        return plain
    if targets.per_step:
        return {"input": given.name, "labels": answer.names, "confidences": answer.confidences}
    plain = {"input": given.name, "label": answer.names[0]}
    plain |= dict(zip(["confidence"], answer.confidences, strict=False))
    if answer.weights:
        plain |= (
            {"steps": given.tokens, "weights": answer.weights}
            if given.tokens
            else {"weights": answer.weights}
        )
    return plain


def _conllu(given: Given, answer: Answer, spec: DataSpec) -> str:
    assert isinstance(spec.targets, StepClasses)
    column = TagColumn.parse(spec.targets.column or DEFAULT_COLUMN)
    tags = [printable_line(name) for name in answer.names]  # of a model that may be someone else's
    if given.source is not None:
        return str(given.source.with_tags(tags, column))
    assert given.tokens is not None
    assert given.spans is not None
    return _conllu_sentence(given.name, given.tokens, given.spans, tags, column)


def _conllu_sentence(
    text: str,
    tokens: Sequence[str],
    spans: Sequence[tuple[int, int]],
    tags: Sequence[str],
    column: TagColumn,
) -> str:
    """A sentence of plain text in the columns of CoNLL-U; SpaceAfter=No where no space follows a token."""
    next_starts = [*(start for start, _ in spans[1:]), len(text) + 1]  # as if a space followed the last one
    lines = []
    rows = zip(tokens, tags, spans, next_starts, strict=True)
    for number, (token, tag, (_, end), next_start) in enumerate(rows, start=1):
        columns = [str(number), token, *[EMPTY] * (NUM_COLUMNS - 2)]
        columns[MISC] = "SpaceAfter=No" if end == next_start else EMPTY
        column.write(columns, tag)
        lines.append("\t".join(columns))
    original = " ".join(text[spans[0][0] : spans[-1][1]].split())
    return "\n".join((f"# text = {original}", *lines)) + "\n\n"
