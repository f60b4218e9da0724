"""The shipped configuration files and those of a user's own folders, as Hydra finds and composes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.core_plugins.file_config_source import FileConfigSource  # in every 1.3
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqtrain.config.tree import leaves
from seqtrain.errors import ConfigError, first_line, not_among
from seqtrain.foreign import MAX_BYTES, decode_utf8, read_regular, read_yaml
from seqtrain.shipped import CONFIG_DIR

# The packages with launchers and sweepers of Hydra and its plugins, and the classes of Hydra's own logging.
# None of these writes to a file or a socket of a configuration's choice.
HYDRA_PACKAGES = ("hydra._internal.core_plugins", "hydra_plugins", "seqtrain.sweeps")
LOGGING_CLASSES = (
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
LOG_FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


class BoundedFileSource(FileConfigSource):
    """A folder of the user's, whose files may come from someone else and are not trusted."""

    @staticmethod
    def scheme() -> str:
        return "bounded"

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path) / self._normalize_file_name(config_path)
        if not path.exists():
            raise ConfigLoadError(f"Config not found : {path}")
        header = self._get_header_dict(decode_utf8(read_regular(path, MAX_BYTES), path)[:512])
        config = OmegaConf.create(read_yaml(path) or {})
        return ConfigResult(self.provider, f"{self.scheme()}://{self.path}", config, header)


class ConfigFiles:
    """The shipped folder, then `config_dirs`; raises ConfigError where one of these does not exist."""

    def __init__(self, config_dirs: Sequence[str | Path] = ()) -> None:
        missing = [folder for folder in config_dirs if not Path(folder).is_dir()]
        if missing:
            raise ConfigError([f"--config-dir: there is no folder {folder}" for folder in missing])
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3", job_name="seqtrain"):
            Plugins.instance().register(BoundedFileSource)
            self.loader = GlobalHydra.instance().config_loader()
        folders = [f"{BoundedFileSource.scheme()}://{Path(folder).resolve()}" for folder in config_dirs]
        quoted = [QuotedString(folder, Quote.single).with_quotes() for folder in folders]
        self._search = [f"hydra.searchpath=[{','.join(quoted)}]"] if folders else []
        self._choices: dict[str, list[str]] = {}

    @cached_property
    def groups(self) -> list[str]:
        """The groups that the root configuration chooses from."""
        defaults = OmegaConf.load(CONFIG_DIR / "config.yaml").defaults
        named = [str(group) for entry in defaults if isinstance(entry, DictConfig) for group in entry]
        return [group for group in named if not group.startswith("override ")]

    def choices(self, group: str) -> list[str]:
        """The files of a group; empty where there is no such group."""
        if group not in self._choices:
            options = self.loader.get_group_options(group, config_name="config", overrides=self._search)
            self._choices[group] = sorted(options)
        return self._choices[group]

    def load(self, overrides: Sequence[str], run_mode: RunMode = RunMode.RUN) -> DictConfig:
        """What Hydra composes, with its own node. Raises ConfigError with Hydra's reason."""
        try:
            return self.loader.load_configuration(
                "config", [*self._search, *overrides], run_mode=run_mode, from_shell=False
            )
        except (HydraException, OmegaConfBaseException, ValueError, OSError) as error:
            raise ConfigError([_explain(error)]) from None


def _explain(error: Exception) -> str:
    """One line for an error, with the key where there is one."""
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}: {not_among(name, sorted(error.options))}"
    key = re.match(r"Could not override '(.+?)'", str(error))
    if key and error.__cause__:
        return f"{key[1]}: {first_line(error.__cause__)}"
    return first_line(error)


def find_foreign_code(hydra: DictConfig, plugins: Collection[str]) -> Iterator[str]:
    """Every key by which a file would make Hydra run or write something of its choice, as "path: problem".

    Hydra acts on these before any of our own checks of `_target_`, and the file may come from an untrusted
    source.
    """
    for path, value in leaves(OmegaConf.to_container(hydra, resolve=False), "hydra"):
        key, text = path.rpartition(".")[2], str(value)
        if key == "_target_":
            if not _is_in(text, [*(() if ".callbacks." in path else HYDRA_PACKAGES), *plugins]):
                yield f"{path}: {text} is not part of Hydra or its plugins; refused"
        elif "_logging" in path:
            yield from _find_foreign_logging(path, key, text, plugins)
        elif path.startswith("hydra.job.env_set."):
            yield f"{path}: not set here; set environment variables in your shell"
        elif path == "hydra.job.name" and "/" in text:
            yield f"{path}: got {text!r}, expected a name without /"


def _find_foreign_logging(path: str, key: str, text: str, plugins: Collection[str]) -> Iterator[str]:
    if key in ("class", "()"):
        if text not in LOGGING_CLASSES and not _is_in(text, plugins):
            yield f"{path}: {text} is not one of {', '.join(LOGGING_CLASSES)}; refused"
    elif key == "filename" and text != LOG_FILE:
        yield f"{path}: got {text!r}, expected {LOG_FILE}"
    elif text.startswith("ext://") and text not in STREAMS:
        yield f"{path}: got {text!r}, expected one of {', '.join(STREAMS)}"


def _is_in(name: str, packages: Collection[str]) -> bool:
    return any(name.startswith(f"{package}.") for package in packages)
