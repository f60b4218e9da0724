"""A text by the language model that is being trained, after each validation."""

from __future__ import annotations

import itertools
from typing import cast

import pytorch_lightning as pl
import torch

from seqtrain.data import encode_tokens
from seqtrain.data.tokens import first_token
from seqtrain.model.backbone import eval_mode
from seqtrain.model.generation import Sampling, generate
from seqtrain.spec import NextToken, TokenInputs
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.telemetry.sink import sink_of


class GeneratedText(pl.Callback):
    """What the network writes after each validation, in TensorBoard's text tab; only of a language model.

    All samples are drawn with the same random numbers, so that what differs is the network.

    Args:
        length: characters or words.
        temperature: see `seqtrain.model.generation.Sampling`.
    """

    def __init__(self, length: int, temperature: float) -> None:
        self.length = length
        self.temperature = temperature

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero or not sink_of(trainer).has_figures:
            return
        learner = cast(SequenceLearner, pl_module)
        inputs = learner.spec.inputs
        if not isinstance(learner.spec.targets, NextToken) or not isinstance(inputs, TokenInputs):
            return
        prompt = encode_tokens(inputs.tokens, [first_token(inputs)])
        generator = torch.Generator().manual_seed(0)
        with eval_mode(learner.network):
            tokens = generate(learner.network, prompt, Sampling(self.temperature), generator)
            text = "".join(map(inputs.name, itertools.islice(tokens, self.length)))
        lines = "\n".join(f"    {line}" for line in text.splitlines())  # as it is, in Markdown
        sink_of(trainer).text("generated", lines, trainer.global_step, validation=True)
