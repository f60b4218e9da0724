"""A callback of one's own: whether long sequences are answered as well as short ones."""

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from seqtrain.records import IGNORED
from seqtrain.training import sink_of, step_output


class AccuracyByLength(pl.Callback):
    """The accuracy on the longer half of the validation data, and at the end a figure of all lengths."""

    def on_validation_epoch_start(self, trainer, pl_module):
        self.lengths, self.correct = [], []

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        right = step_output(outputs).predictions == batch.targets
        valid = batch.targets != IGNORED
        lengths = batch.lengths.to(valid.device)
        self.lengths.append((lengths if valid.ndim == 1 else lengths[:, None].expand_as(valid))[valid])
        self.correct.append(right[valid].float())

    def on_validation_epoch_end(self, trainer, pl_module):
        lengths, correct = torch.cat(self.lengths), torch.cat(self.correct)
        accuracy = float(correct[lengths >= lengths.median()].mean())
        sink_of(trainer).scalars({"accuracy_of_long": accuracy}, trainer.global_step, validation=True)

    def on_train_end(self, trainer, pl_module):
        lengths, correct = torch.cat(self.lengths), torch.cat(self.correct)
        figure = Figure(figsize=(4, 3))
        axes = figure.subplots()
        for length in lengths.unique():
            axes.plot(int(length), float(correct[lengths == length].mean()), "ko")
        axes.set(xlabel="length", ylabel="accuracy")
        sink_of(trainer).figure("predictions/by length", figure, trainer.global_step, validation=True)
