"""Promises of the scenes: the truth is true, and depends on seed and number alone."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug.humans.bodies import sample_bodies
from deocc_aug.humans.camera import Camera, View
from deocc_aug.humans.hung import hang
from deocc_aug.humans.lighting import room_light
from deocc_aug.humans.pieces import PARTS, WEAR
from deocc_aug.humans.render import draw, frame
from deocc_aug.humans.scenes import GROUP, HIDDEN, OUT_OF_FRAME, SELF_HIDDEN, VISIBLE, Ingredients, Scene, facing, make_scenes
from deocc_aug.humans.tailor import dress
from deocc_aug.humans.wardrobe import Wardrobe
from deocc_aug.humans.wear import sample_outfit

SMALL = Ingredients(size=(128, 96))
PACK = Path(__file__).parents[3] / "shared" / "data" / "makehuman"


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene for group in (0, 1) for scene in make_scenes(3, group, SMALL)]


def test_only_occluders_tell_the_two_pictures_apart(scenes: list[Scene]) -> None:
    assert len(scenes) == 2 * GROUP
    for scene in scenes:
        frame = scene.in_frame
        assert scene.image.shape == scene.clean.shape == (128, 96, 3) and scene.image.dtype == np.uint8
        assert np.array_equal(scene.image[~scene.occluder & frame], scene.clean[~scene.occluder & frame])
        assert not scene.image[~frame].any() and not scene.occluder[~frame].any() and scene.clean[~frame].any() == (not frame.all())
        assert np.array_equal(scene.amodal, scene.parts > 0) and np.array_equal(scene.amodal, scene.wear > 0)
        assert scene.hidden_share == pytest.approx((scene.occluder & scene.amodal).sum() / scene.amodal.sum())


def test_some_people_are_whole_and_some_nearly_gone(scenes: list[Scene]) -> None:
    shares = np.array([scene.hidden_share for scene in scenes])
    assert (shares == 0).sum() >= 2 and (shares > 0.5).sum() >= 2 and shares.max() <= 0.86


def test_joints_say_what_hides_them(scenes: list[Scene]) -> None:
    states = np.concatenate([scene.joints_state for scene in scenes])
    assert {HIDDEN, SELF_HIDDEN, VISIBLE} <= set(states.tolist())
    for scene in scenes:
        for (x, y), state in zip(scene.joints_px, scene.joints_state, strict=True):
            x0, y0, x1, y1 = scene.frame_xyxy
            inside = x0 <= x < x1 and y0 <= y < y1
            assert inside == (state != OUT_OF_FRAME)
            if inside:
                assert bool(scene.occluder[int(y), int(x)]) == (state == HIDDEN)
        seen = scene.joints_camera[:, :2] / scene.joints_camera[:, 2:] * scene.view.focal_px + scene.view.middle_px
        assert np.allclose(seen, scene.joints_px, atol=0.05)
        assert (scene.joints_camera[:, 2] > 0.2).all()


def test_one_frame_in_five_cuts_its_person_and_all_is_known_beyond_it(scenes: list[Scene]) -> None:
    cut = [scene for scene in scenes if scene.cut_share]
    assert 1 <= len(cut) <= len(scenes) / 2
    for scene in cut:
        assert 0.03 < scene.cut_share < 0.47
        assert scene.cut_share == pytest.approx((scene.amodal & ~scene.in_frame).sum() / scene.amodal.sum())
        assert (scene.parts[~scene.in_frame] > 0).any() and not (scene.visible & ~scene.in_frame).any()
        assert scene.cut_share + scene.hidden_share + scene.visible.sum() / scene.amodal.sum() == pytest.approx(1)
    assert any((scene.joints_in_picture & (scene.joints_state == OUT_OF_FRAME)).any() for scene in cut)
    assert all(np.array_equal(scene.frame_xyxy, (0, 0, 96, 128)) for scene in scenes if not scene.cut_share)


def test_neither_frames_nor_clothes_change_who_is_there() -> None:
    usual, cut, bare = (list(make_scenes(5, 0, replace(SMALL, rate=0.3, company=0.0, **more)))  # type: ignore[arg-type]
                        for more in ({"cut": 0.0}, {"cut": 1.0}, {"cut": 0.0, "clothed": False}))  # fmt: skip
    for one, other, naked in zip(usual, cut, bare, strict=True):
        assert np.array_equal(one.amodal, other.amodal) and one.words == other.words and not one.cut_share and other.cut_share > 0.03
        assert abs(other.hidden_share - 0.3 * (1 - other.cut_share)) < 0.08
        assert set(np.unique(naked.wear)) <= {0, WEAR.index("skin"), WEAR.index("hair")}
        assert "top" not in naked.words and one.words["pose"] == naked.words["pose"]
        assert (one.view.camera.yaw, one.view.camera.pitch) == (naked.view.camera.yaw, naked.view.camera.pitch)
        assert (naked.joints_state != OUT_OF_FRAME).all()
    sizes = [(one.amodal.sum(), naked.amodal.sum()) for one, naked in zip(usual, bare, strict=True)]
    assert np.mean([naked < clothed for clothed, naked in sizes]) > 0.6


def test_the_same_seed_and_group_give_the_same_bytes(scenes: list[Scene]) -> None:
    again = list(make_scenes(3, 1, SMALL))
    for one, other in zip(scenes[GROUP:], again, strict=True):
        assert np.array_equal(one.image, other.image) and np.array_equal(one.clean, other.clean)
        assert np.array_equal(one.parts, other.parts) and one.words == other.words
    assert not np.array_equal(scenes[0].image, again[0].image)


def test_a_wanted_rate_and_family_are_kept() -> None:
    for scene in make_scenes(0, 0, replace(SMALL, rate=0.4, families=("sit",), cut=0.0)):
        assert scene.family == scene.words["pose"] == "sit"
        assert abs(scene.hidden_share - 0.4) < 0.08  # a small picture's pixels are large shares


def test_the_smallest_pictures_are_made_too() -> None:
    """Somebody of fewer than eight pixels across cannot be cut out to stand in front of others."""
    tiny = [scene for group in range(3) for scene in make_scenes(1, group, Ingredients(size=(32, 32)))]
    assert len(tiny) == 3 * GROUP and any(scene.hidden_share > 0.3 for scene in tiny)


def seen_from(yaw: float, pitch: float = 0.0) -> View:
    return View(Camera(yaw, pitch, 0.0, 4.0), np.zeros(3), 100.0, np.zeros(2))


def test_facing_is_the_cameras_view() -> None:
    bodies = sample_bodies(1, np.random.default_rng(4), ["stand"])
    words = [facing(bodies, 0, seen_from(yaw)) for yaw in (0.0, 90.0, 180.0, -90.0)]
    assert [word.split()[0] for word in (words[0], words[2])] == ["front", "back"]
    assert {words[1].split()[-1], words[3].split()[-1]} == {"left", "right"}


def test_who_lies_on_their_back_faces_up_and_a_camera_above_them() -> None:
    bodies = sample_bodies(24, np.random.default_rng(4), ["lie"])
    chests = bodies.rotations[:, bodies.model.bones["spine01"]] @ np.array([0.0, -1.0, 0.0])
    on_back, prone = int(chests[:, 2].argmax()), int(chests[:, 2].argmin())
    assert chests[on_back, 2] > 0.95 and chests[prone, 2] < -0.86
    for yaw in (0.0, 70.0, 200.0):
        assert facing(bodies, on_back, seen_from(yaw)) == "up" and facing(bodies, prone, seen_from(yaw)) == "down"
        assert facing(bodies, on_back, seen_from(yaw, 75.0)).startswith("front") and "back" in facing(bodies, prone, seen_from(yaw, 75.0))


@pytest.mark.skipif(not PACK.is_dir(), reason="MakeHuman's pack is not beside this checkout")
@pytest.mark.filterwarnings("ignore:plain cloth")
def test_garments_of_a_wardrobe_are_drawn_and_hide_the_skin() -> None:
    wardrobe = Wardrobe.from_makehuman(PACK)
    bodies = sample_bodies(2, np.random.default_rng(4), ["stand"])
    camera = Camera(10.0, 0.0, 0.0, 4.0)
    rng = np.random.default_rng(0)
    worn = next(o for o in (sample_outfit(bodies.shapes[0], "stand", rng, wardrobe) for _ in range(200)) if o.garment("suit"))
    pieces = dress(bodies, 0, worn, rng)
    made = draw(bodies, 0, pieces, frame(pieces, camera, (256, 192)), (256, 192), room_light(camera))
    torso = made.parts == PARTS.index("torso")
    cloth = np.isin(made.wear, [WEAR.index("top"), WEAR.index("bottom")])
    assert (cloth & torso).sum() > 0.8 * torso.sum()
    suit = worn.garment("suit")
    assert suit is not None
    piece = hang(suit, bodies, 0, worn.dyes, rng)
    assert piece.vertices.shape == (len(suit.anchors), 3) and np.isfinite(piece.vertices).all()
