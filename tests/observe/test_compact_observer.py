"""The compact observer: its net's input and output, image coordinates, and what a caller already knew."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import Picture
from safetensors import safe_open

from deocc_aug import Person
from deocc_aug.canvas import cut, place
from deocc_aug.observe.codec import FARTHEST, WHERE, answer_channels, condition_channels, decode, encode, gaussians
from deocc_aug.observe.compact import CompactObserver, ObserverPipeline, in_image
from deocc_aug.observe.protocol import Observer, told
from deocc_aug.patches import heatmaps, to_patches
from deocc_aug.training.observer_module import ObserverModule
from deocc_aug.types import MIRRORED, Canvas

PATCH = 4


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny observer with random weights, as training writes it."""
    folder = tmp_path_factory.mktemp("observer")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ObserverModule(channels=(32, 32, 32)).export(folder)
    return folder


@pytest.fixture(scope="module")
def pipeline(part: Path) -> ObserverPipeline:
    pipeline = ObserverPipeline.from_pretrained(part)
    pipeline.unet.eval()
    return pipeline


def canvas_of(image: np.ndarray, box: tuple[float, float, float, float]) -> Canvas:
    return cut(image, place(np.array(box, np.float64), (256, 192)), (256, 192))


def test_the_shipped_size_is_within_its_budget() -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in ObserverModule().unet.parameters())
    assert count <= 3_000_000


def test_a_part_is_half_precision_and_comes_back(part: Path, pipeline: ObserverPipeline) -> None:
    with safe_open(next(part.rglob("*.safetensors")), "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert pipeline.config.patch == PATCH and pipeline.unet.config.in_channels == condition_channels(PATCH)


def test_a_net_of_other_channels_is_refused(pipeline: ObserverPipeline) -> None:
    with pytest.raises(ValueError, match="with patch=2 it needs"):
        ObserverPipeline(pipeline.unet, patch=2)


def test_joints_look_as_they_do_to_the_other_parts() -> None:
    joints = np.random.default_rng(0).uniform(0, 1, (17, 3)) * (192, 256, 1)
    joints[3, 2] = 0
    mine = gaussians(torch.from_numpy(joints)[None].float(), PATCH, (64, 48))[0].numpy()
    assert np.abs(mine - heatmaps(joints, PATCH, (64, 48))).max() < 1e-4


def test_the_input_holds_the_picture_inside_the_image_and_says_where_the_box_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 192, 3), np.uint8)
    frame, box = torch.tensor([[0.0, 0, 192, 128]]), torch.tensor([[48.0, 64, 144, 192]])
    made = encode(torch.from_numpy(picture)[None], frame, box, torch.zeros(1, 17, 3), PATCH)[0].numpy()
    assert made.shape == (condition_channels(PATCH), 64, 48)
    wanted = to_patches((picture / 127.5 - 1).transpose(2, 0, 1).astype(np.float32), PATCH)
    assert np.allclose(made[:48, :32], wanted[:, :32], atol=1e-5) and not made[:48, 32:].any()
    across, down, inside = made[48:48 + WHERE]
    assert (np.abs(across[0]) <= 1).sum() == 24 and (np.abs(down[:, 0]) <= 1).sum() == 32 and abs(made[48:50]).max() <= FARTHEST
    assert inside[:32].min() == 1 and not inside[32:].any()


def test_a_joints_state_is_read_where_the_joint_is() -> None:
    output = torch.zeros(1, answer_channels(PATCH), 64, 48)
    output[0, 12, 10, 20] = 50  # the first joint's place
    output[0, 12 + 17 + 1, 10, 20] = 3  # its state there: hidden
    output[0, 12 + 17, 40, 20] = 90  # and somewhere else
    said = decode(output, PATCH)
    assert said.labels.shape == (1, 3, 128, 96)
    assert said.states[0, 0].tolist() == pytest.approx([0, 3, 0], abs=1e-3)


def test_the_answer_is_made_of_probabilities_on_the_canvas(pipeline: ObserverPipeline, picture: Picture) -> None:
    seen = pipeline(canvas_of(picture.image, picture.box_xyxy), np.array([20.0, 10, 170, 250]))
    assert seen.person.shape == seen.in_front.shape == (256, 192) and seen.joints.shape == (17, 3)
    assert (seen.person >= 0).all() and (seen.person + seen.in_front <= 1 + 1e-5).all()
    assert seen.states.sum(1) == pytest.approx(np.ones(17), abs=1e-5) and 0 <= seen.hidden_share <= 1


def test_the_mirror_image_is_seen_alike(pipeline: ObserverPipeline, picture: Picture) -> None:
    box = np.array([20.0, 10, 150, 250])
    joints = np.zeros((17, 3))
    joints[5] = (60, 80, 1)
    other = np.zeros((17, 3))
    other[6] = (132, 80, 1)
    canvas = canvas_of(picture.image, (0, 0, 220, 300))
    turned = replace(canvas, image=np.ascontiguousarray(canvas.image[:, ::-1]))
    one, two = pipeline(canvas, box, joints), pipeline(turned, np.array([42.0, 10, 172, 250]), other)
    assert np.allclose(one.person, two.person[:, ::-1], atol=1e-4)
    assert np.allclose(one.states, two.states[MIRRORED], atol=1e-4)
    assert np.allclose(one.joints[:, 1], two.joints[MIRRORED, 1], atol=0.1)


def test_the_box_and_the_joints_matter(pipeline: ObserverPipeline, picture: Picture) -> None:
    canvas = canvas_of(picture.image, (0, 0, 220, 300))
    left, right = (pipeline(canvas, np.array(box)) for box in ((10.0, 10, 90, 250), (100.0, 10, 180, 250)))
    assert np.abs(left.person - right.person).max() > 1e-3
    joints = np.tile([60.0, 80, 1], (17, 1))
    assert np.abs(pipeline(canvas, np.array([10.0, 10, 90, 250]), joints).person - left.person).max() > 1e-3


def test_a_person_comes_back_in_image_coordinates(pipeline: ObserverPipeline, picture: Picture) -> None:
    observer: Observer = CompactObserver(pipeline)
    seen = observer(picture.image, Person(picture.box_xyxy))
    assert seen.visible_mask is not None and seen.visible_mask.shape == (300, 220) and seen.visible_mask.any()
    assert seen.occluder_mask is None and seen.unknown_mask is not None and not (seen.unknown_mask & seen.visible_mask).any()
    assert seen.joints is None


def test_what_the_caller_gave_stays(pipeline: ObserverPipeline, picture: Picture) -> None:
    given = replace(picture.person(), joints=np.array([[110.0, 60, 1]] + [[0.0, 0, 0]] * 16))
    seen = CompactObserver(pipeline)(picture.image, given)
    assert seen.visible_mask is given.visible_mask and seen.occluder_mask is given.occluder_mask
    assert seen.joints is not None and seen.joints[0].tolist() == [110, 60, 1]


def test_an_observed_occluder_never_covers_what_is_visible(picture: Picture) -> None:
    everywhere = np.ones((300, 220), np.bool_)
    seen = told(Person(picture.box_xyxy, visible_mask=picture.visible_mask), everywhere, everywhere)
    assert seen.occluder_mask is not None and (seen.occluder_mask == ~picture.visible_mask).all()


@pytest.mark.parametrize("box", [(-300.0, 0, -10, 100), (0.0, 400, 100, 500)])
def test_a_box_outside_the_image_is_refused(pipeline: ObserverPipeline, picture: Picture, box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="lies outside the image"):
        CompactObserver(pipeline)(picture.image, Person(np.array(box)))


@pytest.mark.parametrize("scale", [0.4, 1.0, 5.0])
def test_canvas_masks_land_where_they_were_cut_from(scale: float) -> None:
    height, width = round(300 * scale), round(220 * scale)
    canvas = canvas_of(np.zeros((height, width, 3), np.uint8), (-20 * scale, 40 * scale, 100 * scale, 200 * scale))
    probability = np.zeros((256, 192), np.float32)
    x0, y0, x1, y1 = (np.array([30, 80, 90, 160]) * scale * canvas.scale + np.tile(canvas.image_to_canvas[:, 2], 2)).round().astype(int)
    probability[y0:y1, x0:x1] = 1
    mask = in_image(probability, canvas)
    truth = np.zeros((height, width), np.bool_)
    truth[round(80 * scale):round(160 * scale), round(30 * scale):round(90 * scale)] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95


def test_somebody_is_always_seen_where_they_are_likeliest() -> None:
    canvas = canvas_of(np.zeros((300, 220, 3), np.uint8), (0, 0, 220, 300))
    probability = np.full((256, 192), 0.1, np.float32)
    probability[100:120, 90:110] = 0.3
    assert not in_image(probability, canvas).any()
    rows, columns = np.nonzero(in_image(probability, canvas, empty=False))
    assert 0 < len(rows) < 900 and 110 < rows.mean() < 140 and 95 < columns.mean() < 130


def test_a_box_far_beyond_the_image_costs_no_more_than_the_image(pipeline: ObserverPipeline, picture: Picture) -> None:
    box = np.array([-400_000.0, -500_000, 400_000, 500_000])
    seen = CompactObserver(pipeline)(picture.image, Person(box_xyxy=box))
    assert seen.visible_mask is not None and seen.visible_mask.shape == picture.image.shape[:2] and seen.visible_mask.any()
