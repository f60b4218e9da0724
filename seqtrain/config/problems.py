"""The one error that refuses a configuration, and the nearest right spelling of a wrong word."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from seqtrain.errors import InputError, printable_line


class ConfigError(InputError):
    """A configuration that cannot be run; `problems` holds every reason, each as "path: problem"."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        head = f"seqtrain: the configuration was refused ({count}); nothing was run or written."
        return "\n".join([head, *(f"  {printable_line(problem)}" for problem in self.problems)])


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that `word` was most likely meant to be; None where nothing is near."""
    by_lower_case = {choice.lower(): choice for choice in choices}
    matches = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else None


def not_among(word: object, choices: Collection[str]) -> str:
    """The message for a word that is not one of `choices`, with the nearest choice as a suggestion."""
    meant = nearest(word, choices) if isinstance(word, str) else None
    hint = f"; did you mean {meant}?" if meant else ""
    return f"got {show(word)}, expected one of {', '.join(choices)}{hint}"


def show(value: object) -> str:
    """A value as a person would write it in YAML, short enough for one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
