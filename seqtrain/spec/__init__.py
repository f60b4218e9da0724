"""What a model knows of the data: the kind of its inputs, and the kind of its targets. Needs no torch.

Code that treats kinds differently dispatches on these classes, and on nothing else. A kind of your own is a
frozen dataclass that derives from `Inputs` or `Targets`; checkpoints name it by its class, which has to be
imported (`plugins=[...]`) before they are read.
"""

from seqtrain.spec.data_spec import DataSpec
from seqtrain.spec.inputs import (
    ImageInputs,
    Inputs,
    SeriesInputs,
    Standardization,
    TokenInputs,
    Unit,
    VectorInputs,
    ViewName,
    WordInputs,
)
from seqtrain.spec.kinds import Kind, UnknownKindError, Vocabulary
from seqtrain.spec.targets import (
    Classes,
    Horizon,
    NextToken,
    Numbers,
    SequenceClasses,
    SequenceNumbers,
    StepClasses,
    StepNumbers,
    TagScheme,
    Targets,
)

__all__ = [
    "Classes",
    "DataSpec",
    "Horizon",
    "ImageInputs",
    "Inputs",
    "Kind",
    "NextToken",
    "Numbers",
    "SequenceClasses",
    "SequenceNumbers",
    "SeriesInputs",
    "Standardization",
    "StepClasses",
    "StepNumbers",
    "TagScheme",
    "Targets",
    "TokenInputs",
    "Unit",
    "UnknownKindError",
    "VectorInputs",
    "ViewName",
    "Vocabulary",
    "WordInputs",
]
