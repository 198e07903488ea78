"""Promises of the benchmark of stage 1: what is told of people, what is measured of answers, and that it runs."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import draw
from presets import write_tiny_preset

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug import Deoccluder, Deocclusion, Prompts
from deocc_aug.benchmarks import completion
from deocc_aug.benchmarks.completion import SECTIONS, Case, answering, by_rate, chosen, cut_short, main, measure, told_of
from deocc_aug.canvas import around, box_of, place, resample_mask, window
from deocc_aug.humans.camera import Camera, View
from deocc_aug.humans.scenes import HIDDEN, OUT_OF_FRAME, SELF_HIDDEN, VISIBLE, Ingredients, Scene
from deocc_aug.types import Description, Evidence, Patch

JOINTS_PX = [(110, 55), (104, 48), (116, 48), (96, 52), (124, 52), (85, 85), (135, 85), (70, 130), (150, 130), (60, 168), (160, 168),
             (97, 152), (123, 152), (95, 200), (126, 200), (93, 240), (127, 240)]  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The drawn person, a board before shins and knees, an elbow behind the own body."""
    picture = draw()
    joints = np.array(JOINTS_PX, np.float32)
    state = np.full(17, VISIBLE, np.uint8)
    state[7], state[13:] = SELF_HIDDEN, HIDDEN
    clean = np.where(picture.occluder_mask[..., None], np.uint8(99), picture.image)
    nothing = np.zeros(picture.amodal_mask.shape, np.uint8)
    return Scene(picture.image, clean, picture.amodal_mask, picture.occluder_mask, nothing, nothing, joints, state,
                 np.zeros((17, 3), np.float32), np.array([0, 0, 220, 300]), View(Camera(0, 0, 0, 3), np.zeros(3), 300.0, np.zeros(2)), {},
                 "stand")


@pytest.fixture(scope="module")
def deoccluder(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("presets") / "tiny"))


def answer(scene: Scene, amodal: np.ndarray, joints: np.ndarray, hypotheses: list[np.ndarray]) -> Deocclusion:
    """An answer about the scene's photo, as if a net had given it, on a patch that reaches 10 px beyond the picture."""
    box = box_of(scene.amodal)
    assert box is not None
    x0, y0, x1, y1 = scene.frame_xyxy.tolist()
    to_canvas = place(around(box), (256, 192))
    samples = np.stack([resample_mask(mask, to_canvas, (256, 192)) for mask in hypotheses])
    to_canvas[:, 2] += to_canvas[0, 0] * np.array([x0, y0])
    body = window(amodal, (-10, -10), (320, 240))
    patch = Patch((-10 - x0, -10 - y0), np.zeros((320, 240, 3), np.uint8), np.zeros_like(body), body, body.astype(np.float32))
    given = np.c_[joints - (x0, y0), np.ones(17)].astype(np.float32)
    photo = np.ascontiguousarray(scene.image[y0:y1, x0:x1])
    return Deocclusion(photo, patch, given, samples, to_canvas, Evidence(0.5, 0.0, 0.25), False, "", Description(), {})


def test_a_case_tells_what_it_says_and_no_more(scene: Scene) -> None:
    image, told = told_of(scene, Case(), 0)
    assert told.joints is not None and np.array_equal(image, scene.image)
    assert np.array_equal(told.joints[:, 2], scene.joints_state == VISIBLE) and np.allclose(told.joints[0, :2], scene.joints_px[0])
    assert np.array_equal(told.occluder_mask, scene.occluder) and told.amodal_mask is None and told.prompts is None
    assert not (told.visible_mask & scene.occluder).any()
    _, least = told_of(scene, Case(occluder=False, joints=False), 0)
    assert least.occluder_mask is None and not np.any(least.joints)


@pytest.mark.parametrize("error", [0.0, 0.05, 0.2])
def test_hints_are_off_by_just_their_error(scene: Scene, error: float) -> None:
    sure, unsure = (told_of(scene, Case(error=error, sure=sure), 3)[1].joints for sure in (True, False))
    assert sure is not None and unsure is not None
    y0, y1 = np.nonzero(scene.amodal.any(1))[0][[0, -1]] + [0, 1]
    off = np.linalg.norm(sure[:, :2] - scene.joints_px, axis=1)
    assert np.allclose(off[scene.joints_state == HIDDEN], error * (y1 - y0), atol=1e-4)
    assert np.allclose(off[scene.joints_state == VISIBLE], 0) and (sure[scene.joints_state == HIDDEN, 2] == 1).all()
    assert np.array_equal(sure[:, :2], unsure[:, :2])
    assert np.allclose(unsure[scene.joints_state == HIDDEN, 2], max(0.05, 1 - error / 0.12))  # the drawn person is higher than wide


def test_a_share_of_the_hidden_joints_is_prompted_where_it_is(scene: Scene) -> None:
    told = told_of(scene, Case(prompted=0.5), 5)[1].prompts
    assert told is not None and told.joints_px is not None
    asked = ~np.isnan(told.joints_px).any(1)
    assert asked.sum() == 2 and (asked <= (scene.joints_state == HIDDEN)).all() and np.array_equal(asked, chosen(scene, 0.5, 5))
    assert np.allclose(told.joints_px[asked], scene.joints_px[asked])
    assert len({tuple(chosen(scene, 0.5, number)) for number in range(20)}) > 2
    assert np.array_equal(chosen(scene, 1.0, 5), scene.joints_state == HIDDEN)


WHOLE = (0, 0, 220, 300)
FRAMES = [WHOLE, (0, 0, 220, 215), (0, 90, 220, 300), (90, 0, 220, 300), (0, 0, 120, 300)]


@pytest.mark.parametrize("frame", FRAMES)
def test_the_truth_is_a_perfect_answer(scene: Scene, frame: tuple[int, ...]) -> None:
    shown = replace(scene, frame_xyxy=np.array(frame))
    shown = replace(shown, occluder=scene.occluder & shown.in_frame)
    found = measure(shown, told_of(shown, Case(joints=False), 0)[1], answer(shown, scene.amodal, scene.joints_px, [scene.amodal] * 2), 2.0)
    assert found.hidden_iou == found.whole_iou == 1 and (found.beyond_iou == 1 if frame != WHOLE else np.isnan(found.beyond_iou))
    assert found.singles == pytest.approx((1, 1), abs=0.03) and found.alike == 1
    assert found.near.all() and found.met.all() and found.covered.all() and not found.copied.any()
    assert (found.uncertainty, found.seconds) == (0.25, 2.0)


@pytest.mark.parametrize("frame", FRAMES[1:])
def test_what_is_found_beyond_the_border_counts_there_and_in_the_whole(scene: Scene, frame: tuple[int, ...]) -> None:
    shown = replace(scene, frame_xyxy=np.array(frame), occluder=np.zeros_like(scene.occluder))
    person = told_of(shown, Case(), 0)[1]
    short = measure(shown, person, answer(shown, scene.amodal & shown.in_frame, scene.joints_px, [scene.amodal]))
    assert short.beyond_iou == 0 and short.whole_iou == pytest.approx(1 - short.cut_share) and np.isnan(short.hidden_iou)
    moved = np.roll(scene.amodal, 2, axis=(0, 1))
    assert 0.3 < measure(shown, person, answer(shown, moved, scene.joints_px, [moved])).beyond_iou < 1


def test_leaving_the_hidden_part_out_is_worth_nothing(scene: Scene) -> None:
    visible = scene.amodal & ~scene.occluder
    low = scene.joints_px + [0, 0.07 * 240]
    found = measure(scene, told_of(scene, Case(), 0)[1], answer(scene, visible, low, [visible, scene.amodal]))
    assert found.hidden_iou == 0 and found.whole_iou == pytest.approx(1 - scene.hidden_share)
    assert found.singles == pytest.approx((0, 1), abs=0.02) and found.alike == 0
    assert found.near.all() and not found.met.any()
    assert found.covered.tolist() == [state != HIDDEN for state in scene.joints_state[:15]] + [False, False]


def test_joints_that_come_back_as_they_were_told_are_named(scene: Scene) -> None:
    person = told_of(scene, Case(error=0.1, joints=False), 0)[1]
    assert person.joints is not None
    back = np.where(np.arange(17)[:, None] == 13, person.joints[:, :2], scene.joints_px + 1)
    assert measure(scene, person, answer(scene, scene.amodal, back, [scene.amodal])).copied.tolist() == [k == 13 for k in range(17)]
    prompted = replace(person, prompts=Prompts(joints_px=np.where(np.arange(17)[:, None] == 14, scene.joints_px + 1, np.nan)))
    assert np.nonzero(measure(scene, prompted, answer(scene, scene.amodal, back, [scene.amodal])).copied)[0].tolist() == [13, 14]


def test_groups_are_of_those_hidden_and_share_nobody(scene: Scene) -> None:
    def hidden(share: float) -> Scene:
        amodal, occluder = np.ones((10, 10), np.bool_), np.arange(100).reshape(10, 10) < 100 * share
        return replace(scene, amodal=amodal, occluder=occluder, frame_xyxy=np.array([0, 0, 10, 10]))

    groups = by_rate([hidden(share) for share in (0.0, 0.01, 0.02, 0.19, 0.2, 0.5, 0.6, 0.85)])
    assert groups == {"0.02 to 0.2": [2, 3], "0.2 to 0.4": [4], "0.4 to 0.6": [5], "0.6 and more": [6, 7], "all": [2, 3, 4, 5, 6, 7]}


def test_a_border_cuts_a_tenth_to_two_fifths_off(scene: Scene) -> None:
    for number in range(8):
        short = cut_short(scene, number)
        image, person = told_of(short, Case(), number)
        x0, y0, x1, y1 = short.frame_xyxy
        assert np.array_equal(image, scene.clean[y0:y1, x0:x1]) and 0.08 < short.cut_share < 0.42 and not short.hidden_share
        assert person.visible_mask is not None and person.joints is not None and not np.any(person.occluder_mask)
        assert person.visible_mask.sum() == round((1 - short.cut_share) * scene.amodal.sum())
        told, (x, y) = person.joints[:, 2] > 0, scene.joints_px.T
        beyond = (x < x0) | (y < y0) | (x >= x1) | (y >= y1)
        assert np.array_equal(short.joints_state == OUT_OF_FRAME, beyond) and HIDDEN not in short.joints_state
        assert np.array_equal(told, (scene.joints_state == VISIBLE) & ~beyond)
        assert np.allclose(person.joints[told, :2] + (x0, y0), scene.joints_px[told])


def test_nobody_is_painted_and_nobody_is_completed_twice(scene: Scene, deoccluder: Deoccluder) -> None:
    seen: list[Deocclusion] = []

    class Watched(Deoccluder):
        def __call__(self, *arguments: Any) -> Deocclusion:
            seen.append(super().__call__(*arguments))
            return seen[-1]

    answers = answering(Watched(deoccluder.preset, deoccluder.body, deoccluder.appearance), [scene, scene])
    first = answers(Case(), [0, 1])
    assert answers(Case(), [1]) == first[1:] and len(seen) == 2
    assert not any(result.changed or "paint" in result.seconds for result in seen)
    answers(Case(steps=1, hypotheses=3), [0])
    assert seen[-1].hypotheses.shape[0] == 3


def test_all_sections_run_and_give_the_same_figures_again(scene: Scene, deoccluder: Deoccluder, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    free = replace(scene, image=scene.clean, occluder=np.zeros_like(scene.occluder),
                   joints_state=np.full(17, VISIBLE, np.uint8))
    monkeypatch.setattr(completion, "fixed_set", lambda: [free, scene])
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)
    preset = str(deoccluder.preset.folder)
    main(["--preset", preset, "--json", str(tmp_path / "all.json")])
    printed = capsys.readouterr().out
    tables = json.loads((tmp_path / "all.json").read_text())
    assert [name for name in SECTIONS if f"## {name}\n" in printed] == list(SECTIONS) == list(tables)[1:]
    assert [row["of"] for row in tables["masks"]] == ["0.2 to 0.4", "all", "stand", "nothing hidden"]
    assert all(row["people"] == 1 for row in tables["masks"]) and tables["masks"][0]["hidden joints"] == 4
    assert len(tables["hints"]) == 8 and tables["hints"][0]["more hidden IoU"]["value"] == 0
    assert [row["joints"] for row in tables["prompts"]] == [4, 4, 2, 2] and [row["others"] for row in tables["prompts"]] == [0, 0, 2, 2]
    assert [(row["steps"], row["hypotheses"]) for row in tables["steps"]] == [(s, k) for k in (1, 4) for s in (1, 2, 4, 8)]
    main(["--preset", preset, "--json", str(tmp_path / "again.json"), "--sections", "prompts"])
    assert json.loads((tmp_path / "again.json").read_text())["prompts"] == tables["prompts"]


def test_other_people_are_the_first_of_their_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def made(seed: int, group: int, ingredients: Ingredients) -> Iterator[Scene]:
        asked.append((seed, group))
        yield from (object.__new__(Scene) for _ in range(16))

    monkeypatch.setattr(completion, "make_scenes", made)
    assert len(completion.draw_people(7, 20, None, None)) == 20 and asked == [(7, 0), (7, 1)]


@pytest.mark.parametrize("arguments", [["--shards", "somewhere", "--seed", "0"], ["--n", "0"], ["--sections", "mask"]])
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
