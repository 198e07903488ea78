"""What is installed is what is in the tree."""
from __future__ import annotations

import sys
from glob import glob
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def setuptools_table() -> dict[str, Any]:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib came with Python 3.11")
    import tomllib

    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"])


def test_every_package_of_the_tree_is_installed(setuptools_table: dict[str, Any]) -> None:
    inside = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "deocc_aug").rglob("__init__.py")}
    mapped = {".".join(("deocc_aug", *path.parent.relative_to(ROOT).parts))
              for top in ("integrations", "benchmarks") for path in (ROOT / top).rglob("__init__.py")}
    assert sorted(inside | mapped) == sorted(setuptools_table["packages"])


def test_every_data_file_of_the_library_is_installed(setuptools_table: dict[str, Any]) -> None:
    files = (path for path in (ROOT / "deocc_aug").rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    there = {path for path in files if path.suffix != ".py"}
    packed = {Path(found) for package, patterns in setuptools_table["package-data"].items() for pattern in patterns
              for found in glob(str(ROOT / package.replace(".", "/") / pattern), recursive=True)}
    assert there <= packed


def test_top_level_folders_are_subpackages() -> None:
    for name in ("integrations", "benchmarks"):
        assert Path(str(import_module(f"deocc_aug.{name}").__file__)).parent == ROOT / name
