"""The way from text to tagged text: in chunks, so that memory is bounded and answers come as lines come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from seqtrain.data.files.conllu import EMPTY, MISC, NUM_COLUMNS, ConlluReader, TagColumn
from seqtrain.data.files.text import LineStream
from seqtrain.data.sentences import Sentence, split_sentences, tokenize_span
from seqtrain.errors import DataError, printable_line
from seqtrain.predictions import Predicts, TaggedSentence

CHUNK = 1024  # sentences tagged at a time
DEFAULT_COLUMN = "MISC:Tag"  # of CoNLL-U, for tags that come from another format

Item = TypeVar("Item")


def tag_text(predictor: Predicts, text: str, form: str, split: bool = True) -> Iterator[str]:
    """The answer to text, which is one sentence unless it is `split`."""
    sentences = split_sentences(text) if split else _line_sentences(text, split=False)
    yield from _tag_plain(predictor, ((text, each) for each in sentences), form, stream=None)


def tag_stream(predictor: Predicts, stream: LineStream, form: str, split: bool = False) -> Iterator[str]:
    """The answer to the lines of a stream: CoNLL-U if they are in its columns or its name ends so, else plain
    text with one sentence a line, or with several if lines are to be `split`."""
    if str(stream.path).endswith(".conllu") or _is_conllu(stream.peek_content()):
        yield from _tag_conllu(predictor, stream, form)
        return
    yield from _tag_plain(predictor, _plain_sentences(stream, split), form, stream)


def _is_conllu(line: str) -> bool:
    return line[:1].isdecimal() and "\t" in line


def _plain_sentences(stream: LineStream, split: bool) -> Iterator[tuple[str, Sentence]]:
    """The sentences of lines, each with its line."""
    for number, line in enumerate(stream):
        text = line.rstrip("\r\n") if number else line.removeprefix("\ufeff").rstrip("\r\n")
        for sentence in _line_sentences(text, split):
            yield text, sentence


def _line_sentences(text: str, split: bool) -> list[Sentence]:
    sentences = split_sentences(text) if split else [tokenize_span(text, 0, len(text))]
    return [each for each in sentences if each.tokens]


def _tag_plain(
    predictor: Predicts, sentences: Iterable[tuple[str, Sentence]], form: str, stream: LineStream | None
) -> Iterator[str]:
    column = TagColumn.parse(predictor.column or DEFAULT_COLUMN)
    for chunk in _chunks(sentences, stream):
        tagged = predictor.tag([sentence.tokens for _, sentence in chunk])
        for (text, sentence), each in zip(chunk, tagged, strict=True):
            assert sentence.spans is not None
            if form == "conllu":
                yield _conllu_sentence(text, sentence.spans, each, column)
            else:
                yield _json_sentence(each, sentence.spans) if form == "json" else _table(each)


def _tag_conllu(predictor: Predicts, stream: LineStream, form: str) -> Iterator[str]:
    reader = ConlluReader(stream, stream.path)
    column = TagColumn.parse(predictor.column or DEFAULT_COLUMN)
    for chunk in _chunks(reader, stream):
        tagged = predictor.tag([sentence.words for sentence in chunk])
        for sentence, each in zip(chunk, tagged, strict=True):
            if form == "conllu":
                yield sentence.with_tags(each.tags, column)
            else:
                yield _json_sentence(each) if form == "json" else _table(each)
    if form == "conllu":
        yield reader.tail


def _chunks(items: Iterable[Item], stream: LineStream | None) -> Iterator[list[Item]]:
    """The items in lists: full ones, and what there is whenever the next line has to be waited for.

    Raises:
        DataError: there are no items.
    """
    chunk: list[Item] = []
    is_empty = True
    for item in items:
        chunk.append(item)
        is_empty = False
        if len(chunk) == CHUNK or (stream is not None and stream.is_drained):
            yield chunk
            chunk = []
    if is_empty:
        raise DataError("no sentence to tag; expected at least one word")
    if chunk:
        yield chunk


def _json_sentence(sentence: TaggedSentence, spans: Sequence[tuple[int, int]] | None = None) -> str:
    answer: dict[str, Sequence[object]] = {
        "tokens": sentence.tokens,
        "tags": sentence.tags,
        "confidences": sentence.confidences,
    }
    if spans is not None:
        answer["start"], answer["end"] = zip(*spans, strict=True)
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _table(sentence: TaggedSentence) -> str:
    tokens = [printable_line(token) for token in sentence.tokens]
    width = max(map(len, tokens))
    rows = zip(tokens, map(printable_line, sentence.tags), sentence.confidences, strict=True)
    return "".join(f"{token:{width}}  {tag:5}  {share:.4f}\n" for token, tag, share in rows) + "\n"


def _conllu_sentence(
    text: str, spans: Sequence[tuple[int, int]], sentence: TaggedSentence, column: TagColumn
) -> str:
    """A sentence of plain text in the columns of CoNLL-U; SpaceAfter=No where no space follows a token."""
    next_starts = [*(start for start, _ in spans[1:]), len(text) + 1]  # as if a space followed the last one
    lines = []
    rows = zip(sentence.tokens, sentence.tags, spans, next_starts, strict=True)
    for number, (token, tag, (_, end), next_start) in enumerate(rows, start=1):
        columns = [str(number), token, *[EMPTY] * (NUM_COLUMNS - 2)]
        columns[MISC] = "SpaceAfter=No" if end == next_start else EMPTY
        column.write(columns, tag)
        lines.append("\t".join(columns))
    original = " ".join(text[spans[0][0] : spans[-1][1]].split())
    return "\n".join((f"# text = {original}", *lines)) + "\n\n"
