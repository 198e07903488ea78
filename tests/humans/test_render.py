"""Promises of the renderer: every label belongs to what is drawn, near hides far, the same state gives the same bytes."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug.humans.bodies import Bodies, sample_bodies
from deocc_aug.humans.camera import Camera, project
from deocc_aug.humans.fabrics import plain
from deocc_aug.humans.lighting import room_light, sample_light
from deocc_aug.humans.pieces import PARTS, WEAR, Piece
from deocc_aug.humans.raster import Cards, rasterise
from deocc_aug.humans.render import Portrait, draw, frame
from deocc_aug.humans.silhouettes import fill
from deocc_aug.humans.tailor import dress
from deocc_aug.humans.wear import Bottom, Outfit, Skirt, Top, sample_outfit

SIZE = (320, 240)


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return sample_bodies(4, np.random.default_rng(4), ["stand"])


def outfit(**changes: object) -> Outfit:
    usual: dict[str, object] = {
        "skin": np.array([214.0, 164.0, 136.0]), "hair": np.array([62.0, 42.0, 30.0]), "hair_name": "dark brown", "hair_style": "short",
        "top": Top("t-shirt", 0.36, 0.05, 0.0, 0.012, plain("red", (176, 54, 48))), "skirt": None, "coat": None,
        "bottom": Bottom("trousers", 1.0, 0.009, 0.012, plain("blue", (52, 66, 98))), "shoes": plain("brown", (66, 48, 40)), "boots": 0.0,
        "beard": False, "hat": None, "bag": None, "wrinkles": 1.0}
    return Outfit(**{**usual, **changes})  # type: ignore[arg-type]


def drawn(bodies: Bodies, index: int, worn: Outfit, camera: Camera, seed: int = 0) -> Portrait:
    pieces = dress(bodies, index, worn, np.random.default_rng(seed))
    return draw(bodies, index, pieces, frame(pieces, camera, SIZE), SIZE, room_light(camera))


def test_the_mask_is_the_bodys_and_the_joints_are_in_it(bodies: Bodies) -> None:
    for index, yaw in ((0, 0.0), (1, 160.0)):
        camera = Camera(yaw, 5.0, 3.0, 4.0)
        made = drawn(bodies, index, outfit(), camera)
        skin = bodies.vertices[index].astype(np.float64)
        seen, depth = project(skin, camera, made.view.centre)
        points_px, view_depth = made.view.project(skin)
        assert np.allclose(points_px, seen * made.view.focal_px + made.view.middle_px)
        assert np.allclose(view_depth, depth)
        bare = fill(points_px - 0.5, bodies.faces, SIZE) > 0
        assert (bare & made.mask).sum() > 0.95 * bare.sum()  # cloth smooths hollows and hides no limb
        thick = cv2.dilate(bare.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
        assert not (made.mask & ~thick).any()
        at = np.floor(made.joints_px).astype(int)
        assert made.mask[at[:, 1], at[:, 0]].all()
        assert ((made.alpha >= 0.5) == made.mask).all()
        assert ((made.wear > 0) == made.mask).all()


def test_camera_space_projects_onto_the_picture(bodies: Bodies) -> None:
    made = drawn(bodies, 2, outfit(), Camera(40.0, 10.0, 5.0, 3.0))
    at = made.joints_camera[:, :2] / made.joints_camera[:, 2:] * made.view.focal_px + made.view.middle_px
    assert np.allclose(at, made.joints_px, atol=1e-2)


def test_parts_and_clothes_are_where_they_belong(bodies: Bodies) -> None:
    made = drawn(bodies, 0, outfit(), Camera(0.0, 0.0, 0.0, 5.0))
    rows = np.arange(SIZE[0])[:, None]

    def height(where: np.ndarray) -> float:
        assert where.any()
        return float((rows * where).sum() / where.sum())

    parts = [height(made.parts == PARTS.index(name)) for name in ("head", "torso", "left_thigh", "left_shin", "left_foot")]
    assert parts == sorted(parts)
    wear = [height(made.wear == WEAR.index(name)) for name in ("hair", "top", "bottom", "shoes")]
    assert wear == sorted(wear)
    red = made.light[made.wear == WEAR.index("top")].mean(axis=0)
    blue = made.light[made.wear == WEAR.index("bottom")].mean(axis=0)
    assert red[0] > 2 * red[2] and blue[2] > 1.5 * blue[0]
    # the person faces us: their left is on our right
    left, right = (np.nonzero(made.parts == PARTS.index(f"{side}_thigh"))[1].mean() for side in ("left", "right"))
    assert left > right


def test_a_skirt_hides_the_thighs_it_covers(bodies: Bodies) -> None:
    camera = Camera(0.0, 0.0, 0.0, 5.0)
    cloth = plain("green", (58, 112, 66))
    legs = drawn(bodies, 0, outfit(bottom=None), camera)
    skirted = drawn(bodies, 0, outfit(bottom=None, skirt=Skirt("skirt", 1.1, 0.02, 0.03, cloth)), camera)
    thighs = np.isin(legs.parts, [PARTS.index("left_thigh"), PARTS.index("right_thigh")]) & (legs.wear == WEAR.index("skin"))
    assert thighs.sum() > 500
    assert (skirted.wear[thighs] == WEAR.index("bottom")).mean() > 0.9
    assert skirted.mask.sum() > legs.mask.sum()


@pytest.mark.parametrize("family", ["walk", "run"])
def test_no_leg_pokes_through_a_skirt(family: str) -> None:
    bodies = sample_bodies(4, np.random.default_rng(5), [family])
    worn = outfit(bottom=None, skirt=Skirt("skirt", 0.95, 0.02, 0.08, plain("green", (58, 112, 66))))
    thighs = skin = 0
    for index, yaw in ((0, 30.0), (1, 30.0), (2, 180.0), (3, 180.0)):
        made = drawn(bodies, index, worn, Camera(yaw, 15.0, 0.0, 5.0))
        thigh = np.isin(made.parts, [PARTS.index("left_thigh"), PARTS.index("right_thigh")])
        thighs, skin = thighs + int(thigh.sum()), skin + int((thigh & (made.wear == WEAR.index("skin"))).sum())
    assert skin < 0.05 * thighs  # knees beneath the hem


def test_a_joint_behind_the_trunk_is_not_seen() -> None:
    bodies = sample_bodies(3, np.random.default_rng(1), ["stand"])
    front, back = (drawn(bodies, 0, outfit(), Camera(yaw, 0.0, 0.0, 4.0)) for yaw in (0.0, 180.0))
    assert front.seen[0] and not back.seen[0]  # the nose
    assert front.seen[[5, 6, 11, 12]].all() and back.seen[[5, 6, 11, 12]].all()


def test_the_same_state_gives_the_same_bytes(bodies: Bodies) -> None:
    camera = Camera(70.0, 0.0, 0.0, 3.0)
    worn = [sample_outfit(bodies.shapes[3], "stand", np.random.default_rng(9)) for _ in range(2)]
    assert worn[0].words == worn[1].words
    one, two = (drawn(bodies, 3, o, camera, seed=5) for o in worn)
    assert np.array_equal(one.light, two.light) and np.array_equal(one.parts, two.parts)
    other = drawn(bodies, 3, worn[0], camera, seed=6)
    assert not np.array_equal(one.light, other.light)


def test_everything_people_wear_can_be_drawn(bodies: Bodies) -> None:
    rng = np.random.default_rng(11)
    words: set[str] = set()
    for _ in range(24):
        worn = sample_outfit(bodies.shapes[0], "stand", rng)
        camera = Camera(float(rng.uniform(-180, 180)), 0.0, 0.0, 4.0)
        pieces = dress(bodies, 0, worn, rng)
        made = draw(bodies, 0, pieces, frame(pieces, camera, (128, 96)), (128, 96), sample_light(camera, rng))
        assert np.isfinite(made.light).all() and made.light.min() >= 0
        shown = {WEAR[w] for w in np.unique(made.wear)}
        assert {"top", "coat"} & shown or worn.top is None
        words |= set(worn.words)
    assert {"top", "bottom", "coat", "hair", "shoes"} <= words


def test_camera_inside_the_body_is_refused(bodies: Bodies) -> None:
    with pytest.raises(ValueError, match="0.50 m away.*move it to"):
        drawn(bodies, 0, outfit(), Camera(0.0, 0.0, 0.0, 0.5))


def square(depth: float, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points = np.array([[2.0, 2.0], [12.0, 2.0], [12.0, 12.0], [2.0, 12.0]]) + shift
    return points, np.full(4, depth), np.array([[0, 2, 1], [0, 3, 2]], np.int32)


def test_the_nearer_face_wins_whatever_the_order() -> None:
    (a, za, f), (b, zb, _) = square(2.0, 0.0), square(1.0, 4.0)
    for first in (0, 1):
        order = [(a, za), (b, zb)][::-1 if first else 1]
        points, depth = np.concatenate([p for p, _ in order]), np.concatenate([z for _, z in order])
        covered = rasterise(points, depth, np.concatenate([f, f + 4]), (20, 20))
        at = (covered.rows == 9) & (covered.columns == 9)
        assert covered.interpolate(depth[:, None])[at, 0] == pytest.approx(1.0)
        assert len(covered.rows) == 100 + 100 - 36
        inside = covered.interpolate(points)
        assert np.allclose(inside, np.stack([covered.columns + 0.5, covered.rows + 0.5], axis=1), atol=1e-4)


def test_faces_that_look_away_are_skipped_and_holes_are_holes() -> None:
    points, depth, faces = square(1.0, 0.0)
    assert len(rasterise(points, depth, faces[:, ::-1].copy(), (20, 20)).rows) == 0
    assert len(rasterise(points, depth, faces[:, ::-1].copy(), (20, 20), both_sides=np.ones(2, np.bool_)).rows) == 100
    opacity = np.zeros((1, 4, 4), np.uint8)
    opacity[:, :2] = 255
    cards = Cards(np.zeros(2, np.int32), np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), opacity)
    upper = rasterise(points, depth, faces, (20, 20), cards=cards)
    assert len(upper.rows) == 50 and upper.rows.max() == 6


def test_a_tilted_face_is_interpolated_in_perspective() -> None:
    points, depth, faces = square(1.0, 0.0)
    depth = np.array([1.0, 4.0, 4.0, 1.0])
    covered = rasterise(points, depth, faces, (20, 20))
    found = covered.interpolate(depth[:, None])[:, 0]
    share = (covered.columns + 0.5 - 2) / 10
    assert np.allclose(1 / found, (1 - share) / 1 + share / 4, atol=1e-4)


def test_a_piece_with_holes_shows_what_is_behind(bodies: Bodies) -> None:
    camera = Camera(0.0, 0.0, 0.0, 5.0)
    pieces = dress(bodies, 0, outfit(), np.random.default_rng(0))
    view = frame(pieces, camera, SIZE)
    corners = view.eye + np.array([[-2.0, -2, 2], [2, -2, 2], [2, 2, 2], [-2, 2, 2]]) @ view.axes.T
    uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])

    def grey(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full((len(values), 3), 0.5), np.full(len(values), WEAR.index("hat"), np.uint8)

    net = Piece(corners, np.array([[0, 2, 1], [0, 3, 2]], np.int32), np.ones(4, np.uint8), uv, grey, both_sides=True,
                opacity=np.tile(np.array([[0, 255]], np.uint8), (2, 1)))  # fmt: skip
    behind = draw(bodies, 0, [*pieces, net], view, SIZE, room_light(camera))
    columns = np.unique(np.nonzero(behind.wear == WEAR.index("hat"))[1])
    assert len(columns) and columns.min() >= SIZE[1] // 2 - 1
    assert (behind.wear == WEAR.index("top")).any()
