"""Text of the data in Markdown."""

from __future__ import annotations

import html

SPECIAL = r"\`*_[]|"


def escape(text: str) -> str:
    """A word or the name of a class, so that Markdown shows it as it is, also in a table."""
    plain = html.escape(text, quote=False)
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in plain)
