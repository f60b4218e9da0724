"""The configuration: composed by Hydra, and checked before torch is imported or data is read."""

from seqtrain.config.check import check_config
from seqtrain.config.command_line import HydraCall, SingleRun, check_command_line
from seqtrain.config.compose import Composition, compose_config
from seqtrain.config.files import CONFIG_DIR
from seqtrain.config.problems import ConfigError
from seqtrain.config.search import Search
from seqtrain.config.sweep import Job, Sweep

__all__ = [
    "CONFIG_DIR",
    "Composition",
    "ConfigError",
    "HydraCall",
    "Job",
    "Search",
    "SingleRun",
    "Sweep",
    "check_command_line",
    "check_config",
    "compose_config",
]
