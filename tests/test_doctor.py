"""`deocc-aug doctor` names what is lacking and the command that mends it, out of the installed metadata."""
from __future__ import annotations

from importlib import metadata

import pytest

from deocc_aug.cli import main
from deocc_aug.commands import doctor
from deocc_aug.weights import presets


def test_the_doctor_sees_versions_devices_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"torch {metadata.version('torch')}" in out and "\n  cpu, " in out
    assert all(f"\n  {name} " in out for name in presets())
    assert "\n  dev: complete" in out


def test_every_extra_is_known_to_the_doctor() -> None:
    extras = metadata.metadata("deocc-aug").get_all("Provides-Extra") or []
    assert set(extras) == {"mmpose", "mesh", "albumentations", "humans", "train", "bench", "bulk", "dev", "all"}
    core = {requirement.name for requirement in doctor.requirements("")}
    assert "torch" in core and "pytest" not in core
    everything = {requirement.name for requirement in doctor.requirements("all")}
    assert {requirement.name for extra in extras for requirement in doctor.requirements(extra)} == everything
    assert "mmpose" in everything


def test_a_lacking_extra_comes_with_its_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name in ("mmpose", "smplx"):
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "anny" else installed(name)

    monkeypatch.setattr(metadata, "version", version)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("  mesh: lacks smplx>=0.1.28") + 1] == "    pip install 'deocc-aug[mesh]'"
    assert lines[lines.index("  humans: lacks anny>=0.6.2 (it is 0.0.1)") + 1] == "    pip install 'deocc-aug[humans]'"
    mmpose = next(i for i, line in enumerate(lines) if line.startswith("  mmpose: lacks mmpose==1.3.2"))
    assert lines[mmpose + 1] == "    pip install 'deocc-aug[mmpose]' && pip install --no-deps mmpose==1.3.2"


def test_a_damaged_preset_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(folder: object) -> None:
        raise ValueError("unet is damaged")

    monkeypatch.setattr("deocc_aug.weights.presets", lambda: {"broken": "somewhere"})
    monkeypatch.setattr("deocc_aug.weights.check", damaged)
    assert main(["doctor"]) == 1
    assert "  broken somewhere: unet is damaged" in capsys.readouterr().out
