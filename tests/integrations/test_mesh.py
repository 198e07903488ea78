"""Promises of the mesh integration: what families see and answer lands on its pixel; people are seen whole, or just as they are."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import Picture
from presets import write_tiny_preset

from deocc_aug import Deoccluder, Options, Person
from deocc_aug.integrations.mesh import (
    WORKER,
    Camera,
    DeoccludedRegressor,
    LocalRegressor,
    MeshPrediction,
    MeshRegressor,
    WorkerRegressor,
    matched,
)
from deocc_aug.integrations.mesh.families import (
    hmr_family,
    hmr_focal,
    hmr_translation,
    hmr_window,
    in_image,
    multi_camera,
    osx_camera,
    osx_family,
    osx_window,
    padded,
    skeleton,
)
from deocc_aug.integrations.mesh.protocol import by_image
from deocc_aug.integrations.mesh.worker import load

pytestmark = pytest.mark.filterwarnings("ignore:people whom the library refuses")
MODELS = Path(__file__).with_name("mesh_workers.py")
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (3, 5)], np.float64)


def in_process(function: str, *arguments: str) -> LocalRegressor:
    sys.path.insert(0, str(WORKER.parent))  # where worker.py is run, `import families` finds its neighbour
    try:
        return LocalRegressor(*load(f"{MODELS}:{function}")(*arguments))
    finally:
        sys.path.remove(str(WORKER.parent))


def person(shift: Sequence[float] = (0, 0, 0)) -> MeshPrediction:
    return MeshPrediction(CUBE + np.array(shift), Camera([100, 100], [80, 60]), [0, 0, 1, 1])


# ------------------------------------------------------------------------------------------------------------ the protocol


def test_a_camera_sees_a_point_where_the_pinhole_says() -> None:
    camera = Camera([500, 400], [320, 240])
    assert camera.project(np.array([[0.2, -0.1, 2.0], [0, 0, 7]])) == pytest.approx(np.array([[370, 220], [320, 240]]))
    assert person().seen_box == pytest.approx([80 - 100 / 3, 60 - 100 / 3, 80 + 100 / 3, 60 + 100 / 3])
    assert person((0, 0, -4.5)).seen_box == pytest.approx([80 - 200, 60 - 200, 80 + 200, 60 + 200])  # half of it is behind the camera
    assert np.array_equal(person((0, 0, -9)).seen_box, np.zeros(4))


@pytest.mark.parametrize(("changed", "message"), [
    ({"vertices": np.zeros((4, 2))}, r"vertices has shape \(4, 2\)"),
    ({"vertices": np.full((4, 3), np.nan)}, "vertices holds NaN"),
    ({"joints": np.zeros(3)}, r"joints has shape \(3,\)"),
    ({"box_xyxy": [0, 1, 2]}, r"box_xyxy has shape \(3,\)"),
    ({"score": np.inf}, "score is inf"),
    ({"parameters": {"betas": [np.nan]}}, "parameter betas holds NaN"),
])  # fmt: skip
def test_a_prediction_checks_itself(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MeshPrediction(**{"vertices": CUBE, "camera": Camera([1, 1], [0, 0]), "box_xyxy": [0, 0, 1, 1], **changed})


def test_boxes_find_the_people_that_they_overlap_most_each_for_itself() -> None:
    left, right = person((-2, 0, 0)), person((2, 0, 0))
    boxes = [right.seen_box, left.seen_box + 5, right.seen_box + 3, np.array([0.0, 200, 10, 210])]
    found = matched([left, right], boxes)
    assert [None if one is None else float(np.sign(one.vertices[:, 0].mean())) for one in found] == [1, -1, 1, None]
    assert found[1] is not None and np.array_equal(found[1].box_xyxy, boxes[1])
    assert matched([left, right], boxes[:1])[0] is not None and matched([], boxes) == [None] * 4


def test_a_box_that_ends_with_the_image_finds_whom_the_border_cuts() -> None:
    tall = MeshPrediction(CUBE * [1, 10, 1], Camera([100, 100], [80, 60]), [0, 0, 1, 1])
    cut = np.array([80 - 100 / 3, 0, 80 + 100 / 3, 120.0])
    assert matched([tall], [cut])[0] is None
    assert matched([tall], [cut], size=(120, 160))[0] is not None and matched([tall], [tall.seen_box], size=(120, 160))[0] is not None


# -------------------------------------------------------------------------------------------------------------- front doors


def test_osx_windows_keep_the_middle_and_have_the_crops_shape() -> None:
    x, y, width, height = osx_window([100, 50, 201, 351], (500, 600))
    assert (x + width / 2, y + height / 2) == pytest.approx((150, 200))
    assert height == pytest.approx(1.25 * 300) and width == pytest.approx(0.75 * height)
    assert osx_window([-50, -50, 101, 201], (500, 600)) == pytest.approx(osx_window([0, 0, 101, 201], (500, 600)))
    assert osx_window([500, 300, 700, 900], (500, 600)) == pytest.approx(osx_window([500, 300, 600, 500], (500, 600)))
    with pytest.raises(ValueError, match="no area inside the image, 600 wide and 500 high"):
        osx_window([700, 10, 800, 100], (500, 600))


def test_an_osx_point_lands_where_it_was_in_the_crop() -> None:
    window = osx_window([100, 50, 201, 351], (500, 600))
    point = np.array([[0.05, -0.08, 25.0]])
    in_body_crop = 5000 * point[0, :2] / point[0, 2] + (96, 128)  # of 192x256 pixels
    expected = np.array(window[:2]) + in_body_crop * (window[2] / 192, window[3] / 256)
    assert Camera(*osx_camera(window)).project(point)[0] == pytest.approx(expected)


def test_an_hmr_point_lands_where_it_was_in_the_window() -> None:
    size, box = (480, 640), [400.0, 100, 520, 300]
    window = hmr_window(box)
    assert window == pytest.approx((360, 100, 200, 200))
    assert hmr_window([0, 0, 300, 100]) == pytest.approx((-50, -150, 400, 400))  # filled up to 300x400 first
    camera, focal = (0.8, 0.2, -0.3), hmr_focal(size)
    assert focal == pytest.approx(5000 / 256 * 640)
    moved = hmr_translation(camera, window, size, focal)
    flat = np.array([[0.1, 0.4, 0.0], [-0.2, 0.0, 0.0]])
    seen = Camera([focal, focal], [320, 240]).project(flat + moved)
    expected = np.array([460, 200]) + 0.8 * (flat[:, :2] + (0.2, -0.3)) * 100
    assert seen == pytest.approx(expected)


@pytest.mark.parametrize("size", [(300, 500), (500, 300), (448, 448), (37, 1000)])
def test_a_multi_hmr_point_lands_where_it_was_in_the_square(size: tuple[int, int]) -> None:
    square, (x, y, width, height) = padded(np.full((*size, 3), 200, np.uint8), 448)
    assert (square[y:y + height, x:x + width] == 200).all() and square.sum() == 600 * width * height
    assert max(width, height) == 448 and min(x, y) == 0 and abs(448 - width - 2 * x) <= 1 and abs(448 - height - 2 * y) <= 1
    focal, centre = multi_camera(448)
    assert 448 / 2 / focal == pytest.approx(np.tan(np.radians(30)))
    point = np.array([[0.3, -0.2, 2.5]])
    in_square = focal * point[0, :2] / 2.5 + centre
    expected = (in_square - (x, y)) * (size[1] / width, size[0] / height)
    assert Camera(*in_image(focal, centre, (x, y, width, height), size)).project(point)[0] == pytest.approx(expected)


def spotted(size: tuple[int, int], at: tuple[float, float], radius: float) -> np.ndarray:
    """A grey image with a bright disc."""
    rows, columns = np.mgrid[:size[0], :size[1]]
    return np.where((np.hypot(columns - at[0], rows - at[1]) < radius)[..., None], 250, 60).astype(np.uint8).repeat(3, 2)


@pytest.mark.parametrize("family", ["osx_like", "hmr_like", "multi_like"])
@pytest.mark.parametrize(("size", "scale"), [((480, 640), 1.0), ((1300, 900), 2.4)])
def test_what_a_net_sees_in_its_crop_is_drawn_there_in_the_image(family: str, size: tuple[int, int], scale: float) -> None:
    image = spotted(size, (300 * scale, 250 * scale), 12 * scale)
    other = spotted(size, (330 * scale, 210 * scale), 12 * scale)
    box = np.array([230.0, 140, 370, 360]) * scale
    regressor = in_process(family)
    for prediction, at in zip(regressor.predict([image, other], [box, box]), ((300, 250), (330, 210)), strict=True):
        assert prediction is not None
        middle = prediction.camera.project(prediction.vertices).mean(0)
        assert middle == pytest.approx(np.array(at) * scale, abs=1.3 * scale)


@pytest.mark.parametrize(("batch", "asked"), [(1, [1] * 33), (16, [16, 16, 1])])
def test_a_family_is_asked_in_batches_and_answers_in_order(batch: int, asked: list[int]) -> None:
    sizes = []

    def forward(crops: np.ndarray) -> dict[str, np.ndarray]:
        sizes.append(len(crops))
        bright = crops.mean((1, 2, 3))[:, None, None]
        return {"pred_vertices": bright * np.ones((1, 2, 3)), "pred_cam": np.tile([1.0, 0, 0], (len(crops), 1))}

    images = [np.full((50, 50, 3), value, np.uint8) for value in (0, 100, 200)]
    boxes = [np.tile([10.0, 10, 40, 40], (count, 1)) for count in (20, 0, 13)]
    people = hmr_family(forward, batch=batch)(images, boxes)
    assert [len(some) for some in people] == [20, 0, 13] and sizes == asked
    assert len({float(one["vertices"][0, 0]) for one in people[0]}) == 1
    assert people[0][0]["vertices"][0, 0] < people[2][0]["vertices"][0, 0]


def test_hmrs_joints_in_openposes_order_are_not_told_as_smpls() -> None:
    (prediction,) = in_process("hmr_like").predict([spotted((480, 640), (300, 250), 12)], [np.array([230.0, 140, 370, 360])])
    assert prediction is not None and prediction.joints is None and len(prediction.vertices) == 4


@pytest.mark.parametrize("family", [hmr_family, osx_family])
def test_joints_are_those_that_the_body_model_turns_about(family: Any) -> None:
    """Told from parameters, here of the open body, whose own forward pass says where they are."""
    import torch
    from mesh_models import arrays, local

    from deocc_aug.benchmarks.mesh_models.skin import skin_of, whole_turns
    from deocc_aug.humans.open_body.tree import PARENTS

    rng = np.random.default_rng(0)
    body, betas, stored = rng.normal(size=(5, 3)), rng.normal(size=10), arrays()
    turns = local(1)[0, :22]
    layer = {name: stored[name] for name in ("J_regressor", "v_template")}
    bones = skeleton(SimpleNamespace(**layer, shapedirs=stored["shapedirs"][..., :10], parents=np.array(PARENTS)))
    with torch.inference_mode():
        true, _ = skin_of(stored).some(torch.from_numpy(whole_turns(local(1))).float(), torch.from_numpy(betas)[None].float(),
                                       torch.arange(1))  # fmt: skip
    vectors = np.stack([cv2.Rodrigues(turn)[0][:, 0] for turn in turns])

    def forward(crops: np.ndarray) -> dict[str, Any]:
        n = len(crops)
        matrices = {"global_orient": turns[None, :1], "body_pose": turns[None, 1:], "betas": betas[None]}
        return {"pred_vertices": np.tile(body, (n, 1, 1)), "pred_cam": np.tile([0.9, 0.1, 0], (n, 1)), "pred_smpl_params": matrices,
                "smplx_mesh_cam": np.tile(body, (n, 1, 1)), "smplx_shape": betas[None], "smplx_root_pose": vectors[None, 0],
                "smplx_body_pose": vectors[None, 1:].reshape(1, -1), "cam_trans": np.array([[0.1, 0.2, 9.0]])}  # fmt: skip

    image, boxes = np.zeros((100, 80, 3), np.uint8), np.array([[10.0, 10, 50, 80]])
    (((person,),), ((plain,),)) = (family(forward, bones=which)([image], [boxes]) for which in (bones, None))
    assert plain["joints"] is None and person["joints"].shape == (22, 3)
    assert person["joints"] - person["joints"][0] == pytest.approx(true[0, :22].numpy(), abs=1e-5)
    root = bones[0][0] + bones[1][0] @ betas
    assert person["joints"][0] == pytest.approx(root + person["parameters"]["transl"])
    if family is hmr_family:
        assert person["parameters"]["transl"] == pytest.approx((person["vertices"] - body)[0])
        shapes = {name: np.shape(value) for name, value in person["parameters"].items()}
        assert shapes == {"global_orient": (1, 3, 3), "body_pose": (21, 3, 3), "betas": (10,), "transl": (3,)}


def test_multi_hmrs_rotations_get_smplx_names() -> None:
    image = spotted((480, 640), (300, 250), 12)
    (found,) = in_process("multi_like").predict([image], [np.array([230.0, 140, 370, 360])])
    assert found is not None and found.score == pytest.approx(0.7)
    lengths = {name: value.size for name, value in found.parameters.items()}
    assert lengths == {"global_orient": 3, "body_pose": 63, "left_hand_pose": 45, "right_hand_pose": 45, "jaw_pose": 3, "betas": 10,
                       "expression": 10}
    assert found.parameters["jaw_pose"].tolist() == [156, 157, 158]


@pytest.mark.parametrize(("family", "body_model", "scope"), [("crop", "smplx", "crop"), ("osx_like", "smplx", "crop"),
                                                             ("hmr_like", "smpl", "crop"), ("multi_like", "smplx", "image")])  # fmt: skip
def test_a_worker_answers_bit_for_bit_what_the_same_model_says_here(family: str, body_model: str, scope: str) -> None:
    image, box = spotted((480, 640), (300, 250), 12), np.array([230.0, 140, 370, 360])
    here = in_process(family)
    with WorkerRegressor([sys.executable, WORKER, f"{MODELS}:{family}"], seconds=60.0) as there:
        assert (there.body_model, there.scope) == (here.body_model, here.scope) == (body_model, scope)
        (one,), (other,) = here.predict([image], [box]), there.predict([image], [box])
    assert one is not None and other is not None
    assert np.array_equal(one.vertices, other.vertices) and one.score == pytest.approx(other.score)
    assert np.allclose(one.camera.focal_px, other.camera.focal_px) and np.allclose(one.camera.centre_px, other.camera.centre_px)
    assert one.parameters.keys() == other.parameters.keys()


# ----------------------------------------------------------------------------------------------------------- seen whole


class Looking:
    """A regressor that keeps what it was shown."""

    body_model, scope = "smplx", "crop"

    def __init__(self) -> None:
        self.shown: list[list[np.ndarray]] = []

    def predict(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[MeshPrediction | None]:
        self.shown.append(list(images))
        return in_process("crop").predict(images, boxes)


@pytest.fixture(scope="module")
def deoccluder(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("presets") / "tiny", observer=True))


ALONE = Options(gate=True, thresholds={"hidden": 1.0})


def same(one: MeshPrediction | None, other: MeshPrediction | None) -> bool:
    assert one is not None and other is not None
    return bool(np.array_equal(one.vertices, other.vertices) and np.array_equal(one.box_xyxy, other.box_xyxy))


def test_a_person_is_shown_whole_in_the_callers_box(deoccluder: Deoccluder, picture: Picture) -> None:
    looking = Looking()
    regressor = DeoccludedRegressor(looking, deoccluder)
    assert isinstance(regressor, MeshRegressor) and regressor.body_model == "smplx"
    box = np.array(picture.box_xyxy)
    (found,) = regressor.predict([picture.image], [box], [picture.person()])
    result = deoccluder(picture.image, picture.person())
    assert result.changed and np.array_equal(looking.shown[0][0], result.image)
    assert found is not None and np.array_equal(found.box_xyxy, box)
    assert not same(found, in_process("crop").predict([picture.image], [box])[0])


def test_people_whom_the_gate_leaves_alone_get_the_very_same_predictions(deoccluder: Deoccluder, picture: Picture) -> None:
    looking = Looking()
    boxes = [np.array(picture.box_xyxy), np.array([20.0, 20, 100, 200])]
    images, people = [picture.image] * 2, [picture.person(), Person(boxes[1], picture.visible_mask)]
    found = DeoccludedRegressor(looking, deoccluder, options=ALONE).predict(images, boxes, people)
    assert all(shown is picture.image for shown in looking.shown[0])
    assert all(same(one, other) for one, other in zip(found, in_process("crop").predict(images, boxes), strict=True))


def test_boxes_alone_are_enough(deoccluder: Deoccluder, picture: Picture) -> None:
    regressor = DeoccludedRegressor(in_process("crop"), deoccluder)
    assert len(regressor.predict([picture.image], np.array([picture.box_xyxy]))) == 1


def test_unchanged_people_of_an_image_share_one_look(deoccluder: Deoccluder, picture: Picture, tmp_path: Path) -> None:
    width, height = picture.image.shape[1], picture.image.shape[0]
    boxes = [np.array([0.0, 0, width / 2, height]), np.array([width / 2, 0, width, height]), np.array(picture.box_xyxy)]
    tiny = [Person(box, np.zeros(picture.visible_mask.shape, bool)) for box in boxes[:2]]  # nothing seen of them: refused
    regressor = DeoccludedRegressor(in_process("counting", str(tmp_path / "with")), deoccluder)
    found = regressor.predict([picture.image] * 3, boxes, [*tiny, picture.person()])
    assert (tmp_path / "with").read_text().splitlines() == ["look"] * 2  # one for the two, one for the completed person
    plain = in_process("counting", str(tmp_path / "without")).predict([picture.image] * 3, boxes)
    assert (tmp_path / "without").read_text().splitlines() == ["look"]
    assert same(found[0], plain[0]) and same(found[1], plain[1])


def test_people_whom_the_library_refuses_pass_or_are_an_error(deoccluder: Deoccluder, picture: Picture) -> None:
    small = np.array([10.0, 10, 30, 30])
    regressor = DeoccludedRegressor(in_process("crop"), deoccluder)
    (view,) = regressor.views([picture.image], [small])
    assert view.image is picture.image and not view.changed and view.reason.startswith("refused: ")
    assert same(regressor.predict([picture.image], [small])[0], in_process("crop").predict([picture.image], [small])[0])
    with pytest.raises(ValueError, match="leave them out or pass a larger image|visible"):
        DeoccludedRegressor(in_process("crop"), deoccluder, on_refusal="error").predict([picture.image], [small])
    with pytest.raises(ValueError, match="on_refusal is 'maybe'"):
        DeoccludedRegressor(in_process("crop"), deoccluder, on_refusal="maybe")
    other = Person(picture.box_xyxy, picture.visible_mask[1:])  # a mistake, not somebody to leave alone
    with pytest.raises(ValueError, match="pass the mask in the image's own size"):
        regressor.views([picture.image], [small], [other])


def test_people_need_an_image_each(deoccluder: Deoccluder, picture: Picture) -> None:
    regressor = DeoccludedRegressor(in_process("crop"), deoccluder)
    with pytest.raises(ValueError, match="1 images and 2 people"):
        regressor.predict([picture.image], [np.array(picture.box_xyxy)], [picture.person()] * 2)
    for people in (None, [picture.person()] * 2):
        with pytest.raises(ValueError, match="2 images and 1 boxes"):
            regressor.predict([picture.image] * 2, [np.array(picture.box_xyxy)], people)


# -------------------------------------------------------------------------------------------------------------- pictures


def test_a_body_is_drawn_where_it_is_seen_and_the_nearer_one_in_front() -> None:
    pytest.importorskip("numba")
    from deocc_aug.integrations.mesh.overlay import overlay, sheet

    image = np.full((120, 160, 3), 90, np.uint8)
    square = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    camera = Camera([100, 100], [80, 60])
    far, near = (MeshPrediction(square + (x, 0, depth), camera, [0, 0, 1, 1]) for x, depth in ((0.0, 4.0), (0.5, 2.5)))
    before = image.copy()
    drawn = overlay(image, [far], faces)
    assert np.array_equal(image, before) and overlay(image, [], faces) is not image
    rows, columns = np.nonzero((drawn != 90).any(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (35, 84, 55, 104)
    red, blue = (overlay(image, [far], faces, (255, 0, 0)), overlay(image, [near], faces, (0, 0, 255)))
    both = overlay(overlay(image, [near], faces), [far], faces)
    together = overlay(image, [near, far], faces)
    assert np.array_equal(together[60, 90], overlay(image, [near], faces)[60, 90]) and not np.array_equal(together[60, 90], both[60, 90])
    assert red[60, 60, 0] > red[60, 60, 2] and blue[60, 110, 2] > blue[60, 110, 0]
    behind = MeshPrediction(square - (0, 0, 3), camera, [0, 0, 1, 1])
    assert np.array_equal(overlay(image, [behind], faces), image)
    with pytest.raises(ValueError, match="the faces name vertex 7 and a body has 4"):
        overlay(image, [far], faces + 4)
    page = sheet([{"input": image, "without": drawn}, {"input": image}], height=120)
    assert page.shape[0] == 2 * 146 and page.shape[1] == 2 * 164 and page.dtype == np.uint8


class Stack(Sequence[np.ndarray]):
    """Images that are made anew whenever they are asked for, as an array (N, H, W, 3) makes them."""

    def __getitem__(self, at: Any) -> Any:
        if at >= len(self):
            raise IndexError
        return np.full((4, 4, 3), at, np.uint8)

    def __len__(self) -> int:
        return 5


def test_images_made_when_asked_for_are_kept_apart() -> None:
    assert [(int(image[0, 0, 0]), places) for image, places in by_image(Stack())] == [(number, [number]) for number in range(5)]
    one, other = Stack()[0], Stack()[1]
    assert [places for _, places in by_image([one, other, one])] == [[0, 2], [1]]
