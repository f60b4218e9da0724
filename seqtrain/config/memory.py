"""How much memory a network takes at least, before anything of it is built."""

from __future__ import annotations

import os
from collections.abc import Iterator

from seqtrain.config.schemas.schema import Tree, schema_at

MOST = 1_000  # members or layers: a network of more would take hours to build
BYTES_PER_PARAMETER = 8  # a float32 weight and its gradient; most optimizers keep more beside them


def find_excess(tree: Tree, input_size: int | None) -> Iterator[str]:
    """A network that cannot fit into the memory of this machine, as "path: problem".

    Args:
        tree: the configuration.
        input_size: of the model; None where it is not known yet.
    """
    there = _memory_of_machine()
    layers, members = tree["model"].get("num_layers", 1), tree.get("members", 1)
    for path, count in (("model.num_layers", layers), ("members", members)):
        if isinstance(count, int) and count > MOST:
            yield f"{path}: got {count:,}, expected at most {MOST:,}"
            return
    needed = [(group, _bytes_needed(tree, group, input_size or 1)) for group in ("encoder", "model")]
    path, most = max(needed, key=lambda each: each[1])
    total = members * sum(each for _, each in needed)
    if there is None or total <= there:
        return
    if members > 1 and most <= there:
        path, what = "members", f"{members:,} networks need"
    else:
        what = "its weights and their gradients need"
    yield f"{path}: {what} at least {_show(total)} of memory, and this machine has {_show(there)}"


def _bytes_needed(tree: Tree, group: str, input_size: int) -> int:
    schema = schema_at(tree, group)
    count = 0 if schema is None else schema.answer("num_parameters", tree[group], input_size) or 0
    return int(count) * BYTES_PER_PARAMETER


def _memory_of_machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def _show(number: int) -> str:
    return f"{number / 1e9:,.0f} GB" if number >= 1e10 else f"{number / 1e9:.1f} GB"
