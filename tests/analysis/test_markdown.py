from __future__ import annotations

import html
import re

import markdown
import pytest

from seqtrain.analysis.markdown import escape


@pytest.mark.parametrize(
    "text",
    [
        *("``", "*_*", "[1]", "<b>", "a<b", "\\n", "snake_case_name", "Case=Nom|Number=Sing"),
        *("|", "&amp;", "<", ">", "-", "#", "1.", "$_$", "__init__", "x|", "\\|"),
    ],
)
def test_a_cell_of_a_table_shows_the_text_as_it_is(text: str) -> None:
    """As rendered by the library that TensorBoard's text plugin uses, with its extension for tables."""
    page = markdown.markdown(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |", extensions=["tables"])
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert [html.unescape(cell) for cell in cells] == [text, "end"]
