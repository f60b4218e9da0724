"""What a model knows of the data, on its way through a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from seqtrain.spec.inputs import Inputs
from seqtrain.spec.kinds import Plain
from seqtrain.spec.targets import Targets


@dataclass(frozen=True)
class DataSpec:
    """All that a model knows about the data, available after setup and saved with the checkpoint."""

    inputs: Inputs
    targets: Targets

    def to_dict(self) -> Plain:
        """Plain tuples, strings and numbers, so that it loads with `weights_only=True`."""
        return {"inputs": self.inputs.to_dict(), "targets": self.targets.to_dict()}

    @classmethod
    def from_dict(cls, plain: Plain) -> DataSpec:
        """Read what `to_dict` made, now or in an earlier version.

        Raises:
            UnknownKindError: its inputs or targets are of a class that has not been imported.
            KeyError, TypeError, ValueError: it was made by something else.
        """
        if not isinstance(plain, dict):
            raise TypeError("not a record of inputs and targets")
        if "inputs" not in plain:
            plain = _from_flat(plain)
        return cls(Inputs.from_dict(plain["inputs"]), Targets.from_dict(plain["targets"]))


def _from_flat(plain: Plain) -> Plain:
    """What version 0.2 and earlier saved, one record with the fields of all kinds, as it is saved now."""
    size, words = plain["image_size"], plain["words"]
    inputs: Plain
    targets: Plain
    if words is not None:
        inputs = {
            "kind": "WordInputs",
            "words": words,
            "characters": plain["characters"],
            "vector_size": plain.get("vector_size"),
        }
    elif size is not None:
        inputs = {
            "kind": "ImageInputs",
            "feature_size": plain["feature_size"],
            "view": plain["view"],
            "size": (size[0], size[1]),
        }
    else:
        inputs = {
            "kind": "VectorInputs",
            "feature_size": plain["feature_size"],
            "standardization": plain.get("standardization"),
        }
    targets = {"kind": "SequenceClasses", "names": tuple(plain["target_names"])}
    if words is not None or plain.get("has_target_per_step"):
        column = plain.get("column", None if words is None else "UPOS")
        targets |= {"kind": "StepClasses", "column": column, "tag_scheme": plain.get("tag_scheme")}
    return {"inputs": inputs, "targets": targets}
