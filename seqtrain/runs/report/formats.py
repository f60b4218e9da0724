"""A report for the terminal, for a page, for a paper and for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from seqtrain.runs.report.groups import Section
from seqtrain.runs.report.layout import Table, as_records, lay_out

LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


def render(sections: Sequence[Section], form: str) -> str:
    """The report in one of FORMATS, ending in a newline."""
    return FORMATS[form](sections)


def _terminal(sections: Sequence[Section]) -> str:
    return "\n\n".join(_plain(lay_out(section)) for section in sections) + "\n"


def _plain(table: Table) -> str:
    marks = ["*" if number in table.best else " " for number in range(len(table.rows))]
    lines = [" ", *marks]
    for column in zip(table.head, *table.rows, strict=True):
        width = max(map(len, column))
        is_number = all(cell == "-" or cell[:1].isdigit() for cell in column[1:])
        cells = [cell.rjust(width) if is_number else cell.ljust(width) for cell in column]
        lines = [f"{line}  {cell}" for line, cell in zip(lines, cells, strict=True)]
    body = [line.rstrip() for line in lines] if table.rows else []
    return "\n".join([table.title, *body, *table.notes])


def _markdown(sections: Sequence[Section]) -> str:
    tables = []
    for table in map(lay_out, sections):
        rows = [
            [f"**{cell}**" for cell in row] if number in table.best else row
            for number, row in enumerate(table.rows)
        ]
        notes = "\n".join(f"- {note}" for note in table.notes)
        tables.append(f"## {table.title}\n\n{markdown_table(table.head, rows)}\n\n{notes}\n")
    return "\n".join(tables)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def _latex(sections: Sequence[Section]) -> str:
    tables = []
    for table in map(lay_out, sections):
        lines = [f"% {note}" for note in (table.title, *table.notes)]
        lines += [f"\\begin{{tabular}}{{{'l' * len(table.head)}}}", "\\hline"]
        lines += [" & ".join(map(_escape, table.head)) + r" \\", "\\hline"]
        for number, row in enumerate(table.rows):
            cells = [
                rf"\textbf{{{_escape(cell)}}}" if number in table.best else _escape(cell) for cell in row
            ]
            lines.append(" & ".join(cells) + r" \\")
        tables.append("\n".join([*lines, "\\hline", "\\end{tabular}"]))
    return "\n\n".join(tables) + "\n"


def _escape(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in text)


def _csv(sections: Sequence[Section]) -> str:
    records = [
        {key: _cell(value) for key, value in record.items() if key != "runs"}
        for section in sections
        for record in as_records(section)
    ]
    columns = list(dict.fromkeys(key for record in records for key in record))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(records)
    return text.getvalue()


def _cell(value: object) -> object:
    is_plain = value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool))
    return value if is_plain else json.dumps(value)


def _json(sections: Sequence[Section]) -> str:
    records = [record for section in sections for record in as_records(section)]
    return json.dumps(records, indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Section]], str]] = {
    "table": _terminal,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
