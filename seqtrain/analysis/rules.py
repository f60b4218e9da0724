"""Rules of thumb: numbers that indicate a problem, and the usual remedies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A condition on logged scalars that indicates a problem.

    `tag` is a regular expression for the tags of the numbers that the rule judges; its group, if it has one,
    is the layer and direction. `message` has `{where}` and `{value}`. With `may_recover`, a falling
    number is not a reason to warn, even beyond the limit: a healthy training may start there. With
    `one_target`, the rule holds only where a sequence has one target, not one for each step.
    """

    tag: str
    is_sick: Callable[[float], bool]
    message: str
    remedy: str
    validation: bool = True
    may_recover: bool = False
    one_target: bool = False


@dataclass(frozen=True)
class Finding:
    """A rule that fired for one number."""

    tag: str
    value: float
    message: str
    remedy: str
    may_recover: bool = False

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}."


RULES = (
    Rule(
        r"gradients/(.*)/ratio",
        lambda ratio: ratio < 1e-4,
        "gradients vanish in {where}: those of the first fifth of the steps are {value:.1e} of "
        "those of the last (below 1e-4)",
        "A gated model (model=lstm, gru) carries them further, initialization=remember with "
        "chrono_steps near the length of the sequences further still; shorter sequences "
        "(data.view=rows) help any model",
        # With a target for each step the ratio depends on which steps are still to be learned: at the full
        # stops that end the sentences of a trained tagger hardly any loss is left.
        one_target=True,
    ),
    Rule(
        r"gradients/(.*)/growth",
        lambda growth: growth > 1e4,
        "gradients explode in {where}: on the way back through time their norm grows to {value:.1e} times "
        "that at the loss (above 1e4)",
        "Clip them (trainer.gradient_clip_val=1.0), lower optimizer.lr, or start from "
        "initialization.orthogonal=true",
    ),
    Rule(
        r"h_n/(.*)/saturation",
        lambda share: share > 0.6,
        "units are saturated in {where}: {value:.0%} of the final states have |h| above 0.97 (above 60%)",
        "Lower optimizer.lr, scale the inputs to about -1 to 1, or raise optimizer.weight_decay",
    ),
    Rule(
        r"h_n/(.*)/dead",
        lambda share: share > 0.3,
        "units are dead in {where}: {value:.0%} of them hardly differ from sequence to sequence (above 30%)",
        "Use a smaller model.hidden_size, lower optimizer.lr, or tanh instead of relu in a plain RNN",
        may_recover=True,  # with input gates almost closed (chrono initialization) all states start alike
    ),
    Rule(
        r"gates/(.*)/memory/lost",
        lambda share: share > 0.95,
        "nothing is remembered in {where}: in {value:.0%} of all cases a step keeps less than a tenth of a "
        "unit's memory (above 95%)",
        "Start with a larger forget bias (initialization=remember), or lower optimizer.lr",
    ),
    Rule(
        r"gates/(.*)/memory/kept",
        lambda mean: mean > 0.9999,
        "nothing is forgotten in {where}: a step keeps {value:.5f} of the memory on average (above 0.9999)",
        "Start with a smaller forget bias or chrono_steps, or lower optimizer.lr",
    ),
    Rule(
        r"train/padding",
        lambda share: share > 0.5,
        "much of the work is padding: {value:.0%} of the positions of a batch (above 50%)",
        "Set data.max_tokens instead of a large data.batch_size, so that long sequences share a batch",
        validation=False,
    ),
)


def judge(
    training: Mapping[str, float], validation: Mapping[str, float], one_target: bool = True
) -> Iterator[Finding]:
    """The rules that fire for the latest numbers of training and validation, by tag.

    Args:
        training: logged in training.
        validation: logged in validation.
        one_target: whether a sequence has one target, rather than one for each step.
    """
    for rule in RULES:
        if rule.one_target and not one_target:
            continue
        for tag, value in (validation if rule.validation else training).items():
            match = re.fullmatch(rule.tag, tag)
            if match and rule.is_sick(value):
                where = match[1].replace("/", ", ") if match.groups() else ""
                message = rule.message.format(where=where, value=value)
                yield Finding(tag, value, message, rule.remedy, rule.may_recover)


def judge_loss(training: Sequence[float], validation: Sequence[float]) -> Iterator[Finding]:
    """Whether the loss has stayed where it was.

    It has not if the training loss was ever 1% below its first value, or if the loss of the last validation
    is lower than that of every validation before, by 0.1% at least: this one, over the same sequences each
    time, shows the beginning of a slow descent.

    Args:
        training: the training loss at the start, then at each validation so far.
        validation: the loss of each validation so far.
    """
    if len(training) < 2 or not all(loss > 0.99 * training[0] for loss in training[1:]):
        return
    if len(validation) > 1 and validation[-1] < 0.999 * min(validation[:-1]):
        return
    yield Finding(
        "train/loss",
        training[-1],
        f"the loss is flat: {training[0]:.4f} at the start, {training[-1]:.4f} now",
        "Raise or lower optimizer.lr by a factor of 10, look at the data (seqtrain "
        "check_data), and see whether the gradients vanish",
    )
