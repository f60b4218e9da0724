"""Which classes `_target_` may name, and whether the keys beside it are arguments of that class.

A configuration may come from an untrusted source. Nothing outside `PACKAGES` and the user's own `plugins` is
imported, and only classes are built. A class of a library must be of a kind that its key accepts, by what it
derives from and not by the path that names it. None of these opens a file, starts a process or runs text as
code when it is constructed.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any, Union, get_type_hints

from seqtrain.config.schemas.schema import SCHEMAS, Schema
from seqtrain.errors import nearest

# The releases that the schemas describe; what a later one adds is read off its signatures.
DESCRIBED = {"torch": (2, 13), "pytorch_lightning": (2, 6)}
PACKAGES = ("seqtrain", "torch", "pytorch_lightning", "torchmetrics")

Kinds = Mapping[str, tuple[str, ...]]  # by base class, the packages whose subclasses of it are built

MODULES: Kinds = {"torch.nn.Module": ("torch.nn.", "seqtrain.model.")}
LIGHTNING = ("pytorch_lightning.", "lightning_fabric.")
COMPONENTS: Kinds = {
    "pytorch_lightning.profilers.Profiler": LIGHTNING,
    "pytorch_lightning.strategies.Strategy": LIGHTNING,
    "pytorch_lightning.plugins.Precision": LIGHTNING,
}


@dataclass(frozen=True)
class Role:
    """What belongs under one key of the configuration.

    Args:
        kind: the class that belongs there.
        built: the classes of libraries that are built there; it does not restrict the user's own.
        added: the arguments that the builder passes.
        nullable: arguments of `added` that may be set as well; null means that the builder passes them.
        reasons: why other arguments of the class are not set there, and what is.
    """

    kind: str | None = None
    built: Kinds = field(default_factory=dict)
    added: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def elsewhere(self) -> dict[str, str]:
        """The arguments that are set in another way, and how."""
        given = dict.fromkeys({*self.added} - {*self.nullable}, "it is passed when the class is built")
        return {name: f"not set here; {reason}" for name, reason in {**given, **self.reasons}.items()}


def _library_role(kind: str, *packages: str, **options: Any) -> Role:
    """The role of subclasses of `kind` from these packages."""
    return Role(kind, {kind: packages}, **options)


UNSUITED = {
    "torch.optim.lr_scheduler.ReduceLROnPlateau": "follows a metric, and schedules here go by the step",
}
ROLES = {
    "task": Role(),
    "data": Role(),
    "encoder": Role("torch.nn.Module", MODULES, ("spec",)),
    "head": Role("torch.nn.Module", MODULES, ("input_size", "num_targets")),
    "model": Role("torch.nn.Module", MODULES, ("input_size",), ("input_size",)),
    "initialization": Role(),
    "optimizer": _library_role(
        "torch.optim.Optimizer",
        "torch.optim.",
        added=("params",),
        reasons={
            "capturable": "the steps of a training are not captured in CUDA graphs",
            "differentiable": "nothing differentiates through the steps of a training",
        },
    ),
    "schedule": _library_role(
        "torch.optim.lr_scheduler.LRScheduler",
        "torch.optim.",
        added=("optimizer",),
        nullable=("total_steps", "T_max"),
        reasons={"last_epoch": "a run that is resumed continues its schedule"},
    ),
    "trainer": _library_role(
        "pytorch_lightning.Trainer",
        "pytorch_lightning.",
        added=("callbacks", "logger"),
        reasons={
            "logger": "choose one with logger=...",
            "callbacks": "add one with +callbacks.NAME={_target_: ...}",
            "enable_progress_bar": "callbacks.progress=null turns the bar off",
            "enable_checkpointing": "checkpoints are written by callbacks.best and callbacks.last",
            "enable_model_summary": "a summary is printed at the start of every run",
            "num_sanity_val_steps": "trainer=debug tries three batches of everything",
            "fast_dev_run": "trainer=debug tries three batches of everything",
            "limit_predict_batches": "seqtrain predict reads what it is given, in lines or files",
            "use_distributed_sampler": "the data divides its batches among the processes itself",
            "reload_dataloaders_every_n_epochs": "the data draws new batches in every epoch",
            "enable_autolog_hparams": "callbacks.run_page.hparams adds them to TensorBoard",
            "model_registry": "runs write to run_dir alone",
            "barebones": "callbacks=minimal logger=none leaves out what costs time",
        },
    ),
    "callbacks": _library_role("pytorch_lightning.Callback", "pytorch_lightning.", "seqtrain."),
    "metrics": _library_role(
        "torchmetrics.Metric",
        "torchmetrics.classification.",
        "torchmetrics.regression.",
        nullable=("num_classes",),
    ),
    "logger": _library_role("pytorch_lightning.loggers.Logger", "pytorch_lightning."),
    "component": Role(built=COMPONENTS),  # nested in the trainer, a callback or a logger
    "submodule": Role(built=MODULES),  # nested in anything else
}
NESTED = ("component", "submodule")


class TargetError(ValueError):
    """Why a `_target_` is not built."""


def schema_of(target: Any, role: str, plugins: Collection[str]) -> Schema:
    """The schema of the class that `target` names: ours where it is built in, else read off its signature.

    Raises TargetError where the target is not allowed, does not exist or does not belong to `role`.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise TargetError(f"got {target!r}, expected the dotted path of a class")
    _refuse_outsiders(target, plugins)
    if target in UNSUITED:
        raise TargetError(f"{target} {UNSUITED[target]}")
    schema = SCHEMAS.get(target) or _schema_by_class(find_class(target))
    if schema is None:
        cls = find_class(target)
        _refuse_other_kinds(target, cls, role, plugins)
        return _read_signature(target, cls, role)
    if schema.role != role and not (schema.role == "component" and role in NESTED):
        here, there = map(_describe_role, (role, schema.role))
        raise TargetError(f"{target} belongs {there}, not {here}")
    return schema


def _describe_role(role: str) -> str:
    return "inside another class" if role in NESTED else f"under {role}"


def _schema_by_class(cls: type) -> Schema | None:
    """The schema of a class that was named by another path than its schema names."""
    names = (name for name in SCHEMAS if name.rpartition(".")[2] == cls.__name__)
    return next((SCHEMAS[name] for name in names if find_class(name) is cls), None)


def import_plugins(plugins: Collection[str]) -> Iterator[str]:
    """Import the user's own packages, with what they register; yields what is wrong, as "path: problem"."""
    for name in plugins:
        try:
            import_module(name)
        except Exception as error:  # it is the user's code, which may raise anything
            reason = str(error) or type(error).__name__
            yield f"plugins: {name} cannot be imported: {reason}"


def _refuse_outsiders(target: str, plugins: Collection[str]) -> None:
    package, *rest = target.split(".")
    if package not in PACKAGES and package not in plugins:
        allowed = ", ".join([*PACKAGES, *plugins])
        raise TargetError(
            f"{target} is outside the packages that may be built from ({allowed}); "
            f"if {package} is your own, add it with plugins=[{package}]"
        )
    if any(part.startswith("_") for part in rest):
        raise TargetError(f"{target} is private to {package}, and not built")


def takes_newer_key(target: str, key: str) -> bool:
    """Whether a library has this argument in a later release than the one that the schema describes."""
    package = target.partition(".")[0]
    if package not in DESCRIBED or _release(package) <= DESCRIBED[package]:
        return False  # without importing the library, so that a refusal is quick
    parameter = dict(_parameters(find_class(target))).get(key)
    return parameter is not None and parameter.kind is not parameter.VAR_KEYWORD


def _release(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(package).split(".")[:2])


def find_class(target: str) -> type:
    """Import only the modules on the path, one after the other."""
    parts = target.split(".")
    found: Any = None
    for number, part in enumerate(parts):
        path = ".".join(parts[: number + 1])
        if number and hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = import_module(path)
        except ImportError as error:
            if error.name and not target.startswith(error.name):
                raise TargetError(f"{path} cannot be imported: {error}") from None
            raise TargetError(_explain_missing(path, found)) from None
    if not isinstance(found, type):
        raise TargetError(f"{target} is not a class, and only classes are built")
    return found


def _explain_missing(path: str, parent: Any) -> str:
    package, _, name = path.rpartition(".")
    meant = nearest(name, _public(parent)) if package else None
    hint = f"; did you mean {package}.{meant}?" if meant else ""
    return f"there is no {path}{hint}"


def _public(module: Any) -> list[str]:
    names = {*dir(module), *getattr(module, "__all__", ())}  # dir() lacks what is imported on first use
    return sorted(name for name in names if not name.startswith("_"))


def _refuse_other_kinds(target: str, cls: type, role: str, plugins: Collection[str]) -> None:
    allowed = ROLES[role]
    if allowed.kind and not issubclass(cls, find_class(allowed.kind)):
        raise TargetError(f"{target} is not a {allowed.kind}, which {role} needs")
    if cls.__module__.partition(".")[0] in plugins:
        return
    for kind, packages in allowed.built.items():
        if cls.__module__.startswith(packages) and issubclass(cls, find_class(kind)):
            return
    expected = [*allowed.built, "the classes of seqtrain for this key, and those of your plugins"]
    raise TargetError(f"{target} is not built from a configuration: expected {', '.join(expected)}")


def _read_signature(target: str, cls: type, name: str) -> Schema:
    parameters, role = dict(_parameters(cls)), ROLES[name]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for key in role.added:
        if key not in parameters and not takes_any:
            raise TargetError(f"{target} takes no argument {key}, which a class under {name} is given")
    named = {
        key: each
        for key, each in parameters.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and key not in role.elsewhere
    }
    hints = _hints(cls)
    kinds = {key: hints.get(key, Any) for key in named}
    nullable = {key for key, each in named.items() if each.default is None or key in role.nullable}
    kinds |= {key: Union[kinds[key], None] for key in nullable}  # noqa: UP007
    required = {key for key, each in named.items() if each.default is each.empty}
    return Schema(target, name, kinds, frozenset(required - set(role.nullable)), open=takes_any)


def _parameters(cls: type) -> Iterator[tuple[str, inspect.Parameter]]:
    try:
        yield from inspect.signature(cls).parameters.items()
    except (TypeError, ValueError):  # some classes written in C have no signature
        yield "keys", inspect.Parameter("keys", inspect.Parameter.VAR_KEYWORD)


def _hints(cls: type) -> dict[str, Any]:
    """The types of a constructor's arguments, as far as they are annotated."""
    try:
        return get_type_hints(cls.__init__, include_extras=True)  # type: ignore[misc]
    except Exception:  # an annotation may name what is imported for type checkers alone
        written = getattr(cls.__init__, "__annotations__", {})  # type: ignore[misc]
        return {name: each for name, each in written.items() if not isinstance(each, str)}
