"""Metrics as a table for people."""

from __future__ import annotations

from seqtrain.errors import printable_line


def metrics_table(metrics: dict[str, float], per_class: bool = True) -> str:
    """The metrics of metrics.json as a table: one row per metric, one column per split.

    Args:
        metrics: by name.
        per_class: whether to show the F1 of every class.
    """
    shown = {printable_line(name): value for name, value in metrics.items()}
    metrics = shown if per_class else {name: value for name, value in shown.items() if "/f1/" not in name}
    splits = [s for s in ("val", "test") if any(name.startswith(f"{s}/") for name in metrics)]
    names = list(dict.fromkeys(n.split("/", 1)[1] for n in metrics if n.split("/", 1)[0] in splits))
    costs = [name for name in metrics if "/" not in name]
    width = max(map(len, [*names, *costs]), default=0)
    lines = [" ".join([f"{'':{width}}", *(f"{split:>8}" for split in splits)])]
    for name in names:
        values = (metrics.get(f"{split}/{name}") for split in splits)
        cells = (f"{'':8}" if value is None else f"{value:8.4f}" for value in values)
        lines.append(" ".join([f"{name:{width}}", *cells]).rstrip())
    lines += [f"{name:{width}} {metrics[name]:>8,}" for name in costs]
    return "\n".join(lines)
