"""`deocc-aug doctor` names what is lacking and the command that mends it, out of the installed metadata."""
from __future__ import annotations

from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deocc_aug.cli import main
from deocc_aug.commands import doctor
from deocc_aug.weights import presets


def _doctor(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["doctor"]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_doctor_sees_versions_devices_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"torch {metadata.version('torch')}" in out and "\n  cpu, " in out
    assert all(f"\n  {name} " in out for name in presets())
    assert "\n  dev: complete" in out


def test_every_extra_is_known_to_the_doctor() -> None:
    extras = metadata.metadata("deocc-aug").get_all("Provides-Extra") or []
    assert set(extras) == {"mmpose", "mesh", "albumentations", "humans", "train", "bench", "bulk", "dev", "hub", "all"}
    core = {requirement.name for requirement in doctor.requirements("")}
    assert "torch" in core and "pytest" not in core
    everything = {requirement.name for requirement in doctor.requirements("all")}
    assert {requirement.name for extra in extras for requirement in doctor.requirements(extra)} == everything
    assert "mmpose" in everything


def test_a_lacking_extra_comes_with_its_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name in ("mmpose", "smplx", "pluggy"):
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name in ("anny", "pytorch-lightning") else installed(name)

    monkeypatch.setattr(metadata, "version", version)
    lines = _doctor(capsys)
    assert lines[lines.index("  humans: lacks anny>=0.6.2 (it is 0.0.1)") + 1].startswith("    pip install 'deocc-aug[humans")
    assert lines[lines.index("  mesh: lacks smplx>=0.1.28") + 1].startswith("    pip install 'deocc-aug[mesh")
    assert any(line.startswith("  mmpose: lacks mmpose==1.3.2") for line in lines)
    assert any(line.startswith("  dev: lacks pluggy") and line.endswith(" for pytest") for line in lines)


def test_the_command_keeps_complete_extras_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"mmpose": "mmpose", "bulk": "ray", "mesh": "smplx"}
    monkeypatch.setattr(doctor, "lacks", lambda extra: {} if extra in ("dev", "train") else {names.get(extra, "other"): "something"})
    monkeypatch.setattr(doctor, "WHEELS_END", (99,))
    lines = _doctor(capsys)
    assert lines[lines.index("  bulk: lacks something") + 1] == "    pip install 'deocc-aug[bulk,train,dev]'"
    assert lines[lines.index("  bench: lacks something") + 1] == "    pip install 'deocc-aug[bench,dev]'"
    assert lines[lines.index("  all: lacks something") + 1] == "    pip install 'deocc-aug[all]'"
    mmpose = "pip install 'deocc-aug[mmpose,train,dev]' && pip install --no-deps mmpose==1.3.2"
    assert lines[lines.index("  mmpose: lacks something") + 1] == f"    {mmpose}"


def test_where_wheels_end_the_command_builds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "lacks", lambda extra: {"xtcocotools": "xtcocotools"} if extra == "mmpose" else {})
    for ends, builds in (((3, 0), True), ((99,), False)):
        monkeypatch.setattr(doctor, "WHEELS_END", ends)
        lines = _doctor(capsys)
        assert ("--no-build-isolation" in lines[lines.index("  mmpose: lacks xtcocotools") + 1]) is builds


def test_extras_of_packages_are_looked_into() -> None:
    plain, asked = ({inner.name for inner in doctor._needs(Requirement(name))} for name in ("pytest", "pytest[dev]"))
    assert "pluggy" in plain and plain < asked


def test_a_damaged_preset_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(folder: object) -> None:
        raise ValueError("unet is damaged")

    monkeypatch.setattr("deocc_aug.weights.presets", lambda: {"broken": "somewhere"})
    monkeypatch.setattr("deocc_aug.weights.check", damaged)
    assert main(["doctor"]) == 1
    assert "  broken somewhere: unet is damaged" in capsys.readouterr().out
