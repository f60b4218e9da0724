"""Text of the data in Markdown."""

from __future__ import annotations

SPECIAL = r"\`*_[]<>|"


def escape(text: str) -> str:
    """A word or the name of a class that Markdown leaves as it is, also in a table."""
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in text)
