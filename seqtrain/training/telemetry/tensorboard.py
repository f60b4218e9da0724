"""The TensorBoard logger of a run folder."""

from __future__ import annotations

from pytorch_lightning.loggers import TensorBoardLogger


class TensorBoard(TensorBoardLogger):
    """Lightning's TensorBoard logger without the `hparams.yaml` that it writes beside the event files.

    That file would hold `{}`: the hyperparameters of a run are in its `config.yaml` and, through
    `seqtrain.training.telemetry.sink.Sink.hyperparameters`, in TensorBoard's own table.
    """

    def save(self) -> None:
        self.experiment.flush()
