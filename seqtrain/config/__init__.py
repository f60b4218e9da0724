"""The configuration: composed by Hydra, and checked before torch is imported or data is read."""

from seqtrain.config.check import check_config as check_config
from seqtrain.config.command_line import Display as Display
from seqtrain.config.command_line import SingleRun as SingleRun
from seqtrain.config.command_line import check_command_line as check_command_line
from seqtrain.config.compose import compose_config as compose_config
from seqtrain.config.sweep import Job as Job
from seqtrain.config.sweep import Search as Search
from seqtrain.config.sweep import Sweep as Sweep
from seqtrain.errors import ConfigError as ConfigError
from seqtrain.shipped import CONFIG_DIR as CONFIG_DIR
