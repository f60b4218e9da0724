from __future__ import annotations

import torch

from seqtrain.records import FinalState, StepOutput
from seqtrain.telemetry.steps import step_output

OUTPUT = StepOutput(torch.tensor(3.0), 2, (FinalState(torch.zeros(1, 2, 4)),), num_directions=1)


def test_the_record_is_found_in_what_training_and_validation_return() -> None:
    assert step_output({"loss": torch.tensor(1.5), "output": OUTPUT}) is OUTPUT
    assert step_output(OUTPUT) is OUTPUT
