from seqtrain.config import CONFIG_DIR
from seqtrain.config.schemas.schema import SCHEMAS
from seqtrain.config.schemas.seqtrain import ROOT, SAVED


def test_what_a_run_folder_must_have_is_part_of_a_whole_configuration() -> None:
    assert SAVED.kinds.items() <= ROOT.kinds.items()
    assert SAVED.required < ROOT.required
    assert "members" not in SAVED.required  # the first version had none


def test_every_mapping_of_the_root_is_a_group_of_files() -> None:
    groups = {folder.name for folder in CONFIG_DIR.iterdir() if folder.is_dir()}
    mappings = {key for key, kind in ROOT.kinds.items() if "dict" in str(kind)}
    assert groups - mappings == {"experiment", "hydra", "search"}
    assert mappings <= groups


def test_tasks_say_what_they_predict_a_class_for() -> None:
    targets = {
        name: SCHEMAS[f"seqtrain.tasks.{name}"].targets
        for name in ("SequenceTagging", "SequenceClassification")
    }
    assert targets == {"SequenceTagging": "StepClasses", "SequenceClassification": "SequenceClasses"}
