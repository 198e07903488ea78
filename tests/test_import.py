"""Importing the package costs nothing until something is used."""
from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "mmpose", "matplotlib", "pytorch_lightning", "cv2")
MEASURE = """
import sys, time
start = time.perf_counter()
import deocc_aug
print(time.perf_counter() - start, *(name for name in {heavy} if name in sys.modules))
"""


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_is_fast_and_light() -> None:
    runs = [_python(MEASURE.format(heavy=HEAVY)).split() for _ in range(3)]
    assert min(float(seconds) for seconds, *_ in runs) < 0.3
    assert all(loaded == [] for _, *loaded in runs)


def test_listing_the_commands_imports_no_torch() -> None:
    out = _python(f"import sys; from deocc_aug.cli import main; main(['--help']); print([n for n in {HEAVY} if n in sys.modules])")
    assert out.splitlines()[-1] == "[]"
    assert "not available" not in out


def test_every_exported_name_is_there() -> None:
    import deocc_aug

    for name in ("Deoccluder", "Options", "Person", "Prompts", "Deocclusion", "Label", "__version__"):
        assert name in dir(deocc_aug)
        assert getattr(deocc_aug, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import deocc_aug

    with pytest.raises(AttributeError, match="deocc_aug.*'Deocluder'"):
        _ = deocc_aug.Deocluder  # type: ignore[attr-defined]
