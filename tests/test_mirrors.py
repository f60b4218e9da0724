"""The tests mirror the package: whoever changes a module finds its tests by its path."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = [path for path in (ROOT / "seqtrain").rglob("*.py") if path.name != "__init__.py"]


def mirror(module: Path) -> Path:
    folder = ROOT / "tests" / module.relative_to(ROOT / "seqtrain").parent
    return folder / f"test_{module.stem.strip('_')}.py"


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = sorted(str(path.relative_to(ROOT)) for path in map(mirror, MODULES) if not path.exists())
    assert missing == []
