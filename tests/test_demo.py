"""Promises of the demo: scenes whose truth is consistent, a command that ends with a sheet."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deocc_aug.cli import main
from deocc_aug.demo import SHEET, overlap, psnr
from deocc_aug.demo_scenes import Scene, photo, rendering
from deocc_aug.weights import presets


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    pytest.importorskip("matplotlib")
    pytest.importorskip("anny")
    return [photo(), rendering()]


def test_scenes_hide_a_part_that_is_known(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.image.shape == scene.clean.shape == (*scene.amodal.shape, 3)
        assert not (scene.visible & scene.occluder).any()
        assert (scene.amodal <= (scene.visible | scene.occluder)).all()
        hidden = (scene.amodal & scene.occluder).sum() / scene.amodal.sum()
        assert 0.2 < hidden < 0.6, scene.name
        assert np.array_equal(scene.image[~scene.occluder], scene.clean[~scene.occluder])
        assert (scene.image[scene.occluder] != scene.clean[scene.occluder]).any(axis=1).mean() > 0.9


def test_people_asked_for_are_the_visible_ones(scenes: list[Scene]) -> None:
    for scene in scenes:
        rows, columns = np.nonzero(scene.visible)
        assert scene.person.box_xyxy.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_grace_hopper_is_cut_by_the_frame(scenes: list[Scene]) -> None:
    amodal = scenes[0].amodal
    assert amodal[-1].sum() > 400
    assert amodal[-1, -1] and not amodal[0].any() and not amodal[:, 0].any()


def test_same_seed_renders_the_same_scene(scenes: list[Scene]) -> None:
    again = rendering()
    assert np.array_equal(again.image, scenes[1].image)
    assert np.array_equal(again.amodal, scenes[1].amodal)


def test_figures() -> None:
    one, other = np.array([[True, True, False]]), np.array([[False, True, False]])
    assert overlap(one, other) == 0.5
    assert overlap(~(one | True), ~(one | True)) == 1.0
    grey = np.full((4, 3), 100, np.uint8)
    assert psnr(grey, grey + np.uint8(16)) == pytest.approx(20 * np.log10(255 / 16))


def test_an_unknown_preset_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--preset", "nothing-like-it", "--out", str(tmp_path / "demo")]) == 2
    assert "nothing-like-it" in capsys.readouterr().err


@pytest.mark.skipif("compact" not in presets(), reason="the compact weights are not in this checkout")
def test_a_device_that_is_none_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--device", "abacus", "--out", str(tmp_path / "demo")]) == 2
    error = capsys.readouterr().err
    assert "device 'abacus' cannot be used" in error and error.count("\n") == 1 and not (tmp_path / "demo").exists()


def test_demo_ends_with_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("anny")
    assert main(["demo", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.count("IoU") == 2 and str(tmp_path / SHEET) in said
    assert {path.name for path in tmp_path.iterdir()} == {
        SHEET, "photo_input.png", "photo_completed.png", "rendering_input.png", "rendering_completed.png"}
