"""A treebank as text."""

from __future__ import annotations


def conllu(*sentences: str) -> str:
    """Sentences of the form `The/DET dog/NOUN` as CoNLL-U."""
    blocks = []
    for sentence in sentences:
        words = [word.split("/") for word in sentence.split()]
        lines = [f"{n}\t{form}\t_\t{tag}" + "\t_" * 6 for n, (form, tag) in enumerate(words, start=1)]
        blocks.append("\n".join(["# a sentence", *lines, "", ""]))
    return "".join(blocks)
