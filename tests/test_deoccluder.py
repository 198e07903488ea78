"""The contract of the main path, on a tiny untrained preset: what holds whatever the weights are."""
from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pictures import Picture, draw
from presets import write_tiny_preset

from deocc_aug import Deoccluder, Deocclusion, Options, Person, Prompts, RefusedError
from deocc_aug.appearance.painter import painter_class
from deocc_aug.deoccluder import BEYOND
from deocc_aug.devices import ALIGNMENT
from deocc_aug.gate import NOTHING
from deocc_aug.observe.protocol import told
from deocc_aug.types import Label


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_preset(tmp_path_factory.mktemp("presets") / "tiny")


@pytest.fixture(scope="module")
def deoccluder(preset: Path) -> Deoccluder:
    return Deoccluder.from_pretrained(preset)


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    """The same preset with an observer of its own."""
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("presets") / "seeing", observer=True))


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    """A preset with a VQA model and stage 2 in latents."""
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("presets") / "worded", words=True))


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    """The tiny preset with a listener."""
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("presets") / "listening", listener=True))


def same(a: Deocclusion, b: Deocclusion) -> bool:
    return bool((a.image == b.image).all() and (a.amodal_mask == b.amodal_mask).all() and (a.joints == b.joints).all()
                and (a.hypotheses == b.hypotheses).all() and a.uncertainty == b.uncertainty)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.7])
def test_visible_pixels_are_bit_exact(deoccluder: Deoccluder, scale: float) -> None:
    picture = draw(scale)
    before = picture.image.copy()
    result = deoccluder(picture.image, picture.person())
    assert result.changed
    assert (picture.image == before).all()
    assert (result.image[~picture.occluder_mask] == before[~picture.occluder_mask]).all()
    assert (result.image[~result.changed_mask] == before[~result.changed_mask]).all()
    assert (result.changed_mask <= picture.occluder_mask).all()


def test_without_a_known_occluder_only_the_hidden_body_changes(deoccluder: Deoccluder, picture: Picture) -> None:
    result = deoccluder(picture.image, replace(picture.person(), occluder_mask=None))
    differs = (result.image != picture.image).any(2)
    assert (differs <= result.hidden_mask).all() and not (differs & picture.visible_mask).any()


def test_hidden_and_visible_are_inside_the_amodal_mask(deoccluder: Deoccluder, picture: Picture) -> None:
    for person in (picture.person(), replace(picture.person(), occluder_mask=None)):
        result = deoccluder(picture.image, person)
        whole = result.amodal_mask > 0.5
        assert (picture.visible_mask <= whole).all()
        assert (result.hidden_mask <= whole).all() and not (result.hidden_mask & picture.visible_mask).any()
    known = deoccluder(picture.image, picture.person())
    assert not known.amodal_mask[~(picture.visible_mask | picture.occluder_mask)].any()


def test_the_result_is_of_the_documented_shapes(deoccluder: Deoccluder, picture: Picture) -> None:
    result = deoccluder(picture.image, picture.person(), options=Options(hypotheses=3))
    height, width = picture.image.shape[:2]
    assert result.image.shape == (height, width, 3) and result.image.dtype == np.uint8
    assert result.amodal_mask.shape == (height, width) and result.amodal_mask.dtype == np.float32
    assert result.joints.shape == (17, 3) and result.joints.dtype == np.float32
    assert result.hypotheses.shape == (3, 256, 192)
    assert 0 <= result.uncertainty <= 1 and 0 <= result.amodal_mask.min() and result.amodal_mask.max() <= 1
    assert set(result.seconds) == {"cut", "observe", "complete", "gate", "describe", "paint", "compose"}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(deoccluder: Deoccluder, preset: Path, picture: Picture) -> None:
    first = deoccluder(picture.image, picture.person(), seed=3)
    assert same(first, deoccluder(picture.image, picture.person(), seed=3))
    assert same(first, Deoccluder.from_pretrained(preset)(picture.image, picture.person(), seed=3))
    assert not same(first, deoccluder(picture.image, picture.person(), seed=4))


def test_a_batch_gives_what_single_calls_give_in_any_order(deoccluder: Deoccluder, picture: Picture) -> None:
    other = draw(1.3)
    moved = replace(picture.person(), occluder_mask=None)
    rows = deoccluder.batch([picture.image, other.image], [[picture.person(), moved], [other.person()]], seed=1)
    turned = deoccluder.batch([other.image, picture.image], [[other.person()], [moved, picture.person()]], seed=1)
    assert [len(row) for row in rows] == [2, 1]
    assert same(rows[0][0], turned[1][1]) and same(rows[0][1], turned[1][0]) and same(rows[1][0], turned[0][0])
    assert same(rows[1][0], deoccluder(other.image, other.person(), seed=1))


def test_people_completed_together_are_the_same_in_any_company(tmp_path: Path, picture: Picture) -> None:
    folder = write_tiny_preset(tmp_path / "both", observer=True, words=True)
    deoccluder, alone = Deoccluder.from_pretrained(folder, together=2), Deoccluder.from_pretrained(folder)
    other = draw(1.3)
    boxed, blind = Person(box_xyxy=picture.person().box_xyxy), replace(picture.person(), occluder_mask=None)
    people = [[picture.person(), boxed, blind], [other.person()]]
    rows = deoccluder.batch([picture.image, other.image], people, seed=1)
    turned = deoccluder.batch([other.image, picture.image], [people[1], people[0][::-1]], seed=1)
    assert all(map(same, rows[0], turned[1][::-1])) and same(rows[1][0], turned[0][0])
    for image, row, group in zip((picture.image, other.image), rows, people, strict=True):
        for result, person in zip(row, group, strict=True):
            assert same(result, deoccluder(image, person, seed=1))
            close = np.abs(result.image.astype(int) - alone(image, person, seed=1).image)
            assert np.percentile(close, 99) <= 1  # by rounding
    with pytest.raises(ValueError, match="image 0, person 1"):
        deoccluder.batch([picture.image], [[picture.person(), Person(box_xyxy=np.array([-50.0, -50.0, -10.0, -10.0]))]])


def test_global_randomness_is_neither_used_nor_touched(deoccluder: Deoccluder, picture: Picture) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = deoccluder(picture.image, picture.person())
    assert (torch.get_rng_state() == before).all()
    torch.manual_seed(6)
    assert same(first, deoccluder(picture.image, picture.person()))


def test_saving_and_loading_changes_nothing(deoccluder: Deoccluder, picture: Picture, tmp_path: Path) -> None:
    deoccluder.save_pretrained(tmp_path / "mine", name="mine", revision="1")
    assert same(deoccluder(picture.image, picture.person()), Deoccluder.from_pretrained(tmp_path / "mine")(picture.image, picture.person()))


def test_an_unknown_pixel_changes_only_where_the_body_is_and_a_clear_one_never(deoccluder: Deoccluder, picture: Picture) -> None:
    unknown = np.zeros_like(picture.occluder_mask)
    unknown[150:190] = True
    person = replace(picture.person(), unknown_mask=unknown & ~picture.visible_mask)
    result = deoccluder(picture.image, person)
    assert picture.occluder_mask[result.changed_mask].any() and (unknown & ~picture.occluder_mask)[result.changed_mask].any()
    assert (result.changed_mask <= (picture.occluder_mask | unknown) & ~picture.visible_mask).all()
    assert (result.amodal_mask[result.changed_mask & ~picture.occluder_mask] > 0.5).all()
    assert not result.amodal_mask[~(picture.visible_mask | picture.occluder_mask | unknown)].any()


def test_a_box_is_enough_where_the_preset_has_an_observer(seeing: Deoccluder, picture: Picture, tmp_path: Path) -> None:
    result = seeing(picture.image, Person(picture.box_xyxy), seed=1)
    assert (result.amodal_mask > 0.5).any() and result.joints.shape == (17, 3)
    same_pixels = (result.image == picture.image).all(2)
    assert not (result.changed_mask & result.visible_mask).any() and same_pixels[~result.changed_mask].all()
    seeing.save_pretrained(tmp_path / "mine", name="mine", revision="1")
    assert same(result, Deoccluder.from_pretrained(tmp_path / "mine")(picture.image, Person(picture.box_xyxy), seed=1))


def test_what_is_told_of_a_person_is_not_observed_again(seeing: Deoccluder, deoccluder: Deoccluder, picture: Picture) -> None:
    joints = np.concatenate([np.random.default_rng(0).uniform(60, 180, (17, 2)), np.ones((17, 1))], 1)
    for person in (picture.person(), replace(picture.person(), joints=joints)):
        result = seeing(picture.image, person)
        assert same(result, deoccluder(picture.image, person)) and (result.visible_mask == picture.visible_mask).all()


def test_a_callers_observer_comes_before_the_presets_own(picture: Picture, seeing: Deoccluder) -> None:
    def theirs(image: np.ndarray, person: Person) -> Person:
        return told(person, picture.visible_mask, picture.occluder_mask)

    both = Deoccluder.from_pretrained(seeing.preset.folder, observer=theirs)
    assert same(both(picture.image, Person(picture.box_xyxy)), seeing(picture.image, picture.person()))


def test_a_crop_of_the_image_gives_the_same_person(deoccluder: Deoccluder, picture: Picture) -> None:
    """The canvas sees the person, not the photo: far pixels do not matter."""
    wide = cv2.copyMakeBorder(picture.image, 0, 400, 0, 400, cv2.BORDER_REPLICATE)

    def grow(mask: np.ndarray) -> np.ndarray:
        return np.pad(mask, ((0, 400), (0, 400)))

    masks = {"visible_mask": grow(picture.visible_mask), "occluder_mask": grow(picture.occluder_mask)}
    wider = cv2.copyMakeBorder(wide, 0, 300, 0, 300, cv2.BORDER_CONSTANT)
    more = {name: np.pad(mask, ((0, 300), (0, 300))) for name, mask in masks.items()}
    a = deoccluder(wide, Person(np.array(picture.box_xyxy), **masks))
    b = deoccluder(wider, Person(np.array(picture.box_xyxy), **more))
    assert (a.joints == b.joints).all() and (a.image[:300, :220] == b.image[:300, :220]).all()


def test_a_person_across_the_border_is_completed_beyond_it(deoccluder: Deoccluder, picture: Picture) -> None:
    cut_off = slice(0, 200)
    person = Person(np.array([50.0, 30, 170, 200]), picture.visible_mask[cut_off], picture.occluder_mask[cut_off])
    result = deoccluder(np.ascontiguousarray(picture.image[cut_off]), person)
    image, mask, (left, top) = result.padded()
    assert image.shape[:2] == mask.shape and image.shape[0] >= 200 and image.shape[1] >= 220
    assert (image[top:top + 200, left:left + 220] == result.image).all()
    assert (mask[top:top + 200, left:left + 220] == (result.amodal_mask > 0.5)).all()


@pytest.mark.parametrize("scale", [0.5, 1.6])
def test_an_occluder_is_painted_over_however_far_it_reaches_and_others_are_left(deoccluder: Deoccluder, scale: float) -> None:
    small = draw(scale)
    height, width = small.image.shape[:2]
    grown = np.full((height, 4 * width, 3), 200, np.uint8)
    grown[:, :width] = small.image
    far = np.zeros((height, 4 * width), np.bool_)
    far[:, :width] = small.occluder_mask
    rows, elsewhere = slice(round(200 * scale), round(240 * scale)), slice(round(840 * scale), round(870 * scale))
    far[rows, round(150 * scale):round(700 * scale)] = True          # a long board that starts in front of the person
    visible = np.zeros_like(far)
    visible[:, :width] = small.visible_mask & ~far[:, :width]
    occluder = far.copy()
    occluder[rows, elsewhere] = True                                 # and something that hides nothing of them
    result = deoccluder(grown, Person(np.array(small.box_xyxy), visible, occluder), options=Options(gate=False))
    assert np.array_equal(result.changed_mask, far)
    assert (result.image[~far] == grown[~far]).all()
    assert (result.image[far] != grown[far]).any(1).mean() > 0.9
    again = deoccluder(grown, Person(np.array(small.box_xyxy), visible, occluder), options=Options(gate=False))
    assert same(result, again)


def test_the_gate_governs_pixels_only(deoccluder: Deoccluder, picture: Picture) -> None:
    left_alone = deoccluder(picture.image, picture.person(), options=Options(gate=True, thresholds={"uncertainty": 0.0}))
    painted = deoccluder(picture.image, picture.person(), options=Options(gate=False))
    assert not left_alone.changed and "uncertainty" in left_alone.reason
    assert (left_alone.image == picture.image).all() and not left_alone.changed_mask.any()
    assert painted.changed and left_alone.amodal_mask.any() and left_alone.joints[:, :2].any()


def test_someone_who_is_whole_is_left_alone(deoccluder: Deoccluder, picture: Picture) -> None:
    nothing = np.zeros_like(picture.visible_mask)
    result = deoccluder(picture.image, Person(np.array(picture.box_xyxy), picture.amodal_mask, nothing), options=Options(gate=True))
    assert not result.changed and (result.image == picture.image).all()
    assert ((result.amodal_mask > 0.5) == picture.amodal_mask).all()


def test_a_given_amodal_mask_is_kept(deoccluder: Deoccluder, picture: Picture) -> None:
    result = deoccluder(picture.image, replace(picture.person(), amodal_mask=picture.amodal_mask))
    whole = result.amodal_mask > 0.5
    assert (whole & picture.amodal_mask).sum() / (whole | picture.amodal_mask).sum() > 0.98
    assert result.uncertainty == 0


def test_a_prompted_box_bounds_the_body(deoccluder: Deoccluder, picture: Picture) -> None:
    prompts = Prompts(box_xyxy=np.array([40.0, 20, 180, 220]))
    person = replace(picture.person(), occluder_mask=None, prompts=prompts)
    result = deoccluder(picture.image, person)
    assert not (result.hidden_mask[225:]).any()


def test_a_box_of_less_than_a_pixel_is_refused(seeing: Deoccluder, picture: Picture) -> None:
    height, width = picture.image.shape[:2]
    for box in ((width - 0.4, 10, width, 10.4), (0, height - 0.2, 0.2, height), (50, 50, 50.3, 50.3)):
        with pytest.raises(ValueError, match="visible_mask is empty|people under 32 px"):
            seeing(picture.image, Person(box))


def test_a_prompted_box_does_not_keep_the_occluder(deoccluder: Deoccluder, picture: Picture) -> None:
    """All of what is known to be in front is painted anew, also beyond the box: stage 2 is not shown it."""
    other = picture.image.copy()
    other[picture.occluder_mask] = (250, 20, 240)
    prompts = Prompts(box_xyxy=np.array([40.0, 20, 180, 220]))
    pictures = [deoccluder(image, replace(picture.person(), prompts=prompts)).image for image in (picture.image, other)]
    inner = cv2.erode(picture.occluder_mask.view(np.uint8), np.ones((13, 13), np.uint8)) > 0
    apart = np.abs(pictures[0].astype(float) - pictures[1])[inner & (np.arange(len(inner)) >= 225)[:, None]]
    assert apart.size and apart.mean() < 5  # what is in front differs by 127


def test_a_pixel_astray_does_not_move_the_first_look(deoccluder: Deoccluder, picture: Picture) -> None:
    wide = np.full((700, 900, 3), 128, np.uint8)
    wide[:300, :220] = picture.image
    visible = np.zeros((700, 900), bool)
    visible[:300, :220] = picture.visible_mask
    clean, strayed = Person(np.array(picture.box_xyxy), visible), visible.copy()
    strayed[-1, -1] = True
    one, other = (deoccluder(wide, person) for person in (clean, replace(clean, visible_mask=strayed)))
    assert np.array_equal(one.joints, other.joints) and np.array_equal(one.amodal_mask[:400, :400], other.amodal_mask[:400, :400])


def test_a_person_whom_only_the_border_hides_is_not_said_to_be_painted(deoccluder: Deoccluder, picture: Picture) -> None:
    image, visible = np.ascontiguousarray(picture.image[:200]), picture.visible_mask[:200]
    result = deoccluder(image, Person(np.array([50.0, 30, 170, 200]), visible, np.zeros_like(visible)))
    assert not result.changed and not result.changed_mask.any() and (result.image == image).all()
    assert (result.patch.changed.any(), result.reason) == (True, BEYOND)


def test_whom_nothing_hides_beside_the_border_is_not_said_to_be_hidden_beyond_it(deoccluder: Deoccluder, picture: Picture) -> None:
    image = np.pad(picture.image, ((0, 0), (120, 120), (0, 0)))
    body = np.pad(picture.amodal_mask, ((0, 0), (120, 120)))
    person = Person(np.array(picture.box_xyxy) + [120, 0, 120, 0], body, np.zeros_like(body), amodal_mask=body)
    result = deoccluder(image, person, options=Options(gate=False))
    assert not result.changed and result.reason == NOTHING and (result.image == image).all()


def test_the_canvas_reaches_to_where_joints_are_told(deoccluder: Deoccluder, picture: Picture) -> None:
    """However far from what is seen: prompts anywhere, supplied joints in and around the person's box."""
    wide = np.full((1400, 900, 3), 128, np.uint8)
    wide[:300, :220] = picture.image
    head = np.zeros((1400, 900), bool)
    head[:75, :220] = picture.visible_mask[:75]
    places = np.full((17, 2), np.nan)
    places[15:] = (300, 1200), (500, 1210)
    joints = np.concatenate([np.nan_to_num(places), ~np.isnan(places[:, :1])], 1)
    near, far = (Person(np.array(box, float), head) for box in ((80, 20, 140, 80), (60, 20, 560, 1300)))
    for person, reaches in ((near, False), (far, False), (replace(near, prompts=Prompts(joints_px=places)), True),
                            (replace(near, joints=joints), False), (replace(far, joints=joints), True),
                            (replace(far, joints=joints * [1, 1, 0.4]), False)):
        canvas = deoccluder(wide, person).image_to_canvas
        x, y = canvas[:, :2] @ (500, 1210) + canvas[:, 2]
        width, height = deoccluder.preset.canvas[::-1]
        assert (0 <= x < width and 0 <= y < height) == reaches


def test_an_observers_word_stays_within_a_given_silhouette(preset: Path, picture: Picture) -> None:
    """What the caller gave wins: neither do observed pixels widen it, nor are its hidden ones cleared away."""
    wrong = np.roll(picture.visible_mask, 9, axis=1)
    seeing = Deoccluder.from_pretrained(preset, observer=lambda image, person: told(person, wrong, unknown_mask=np.zeros_like(wrong)))
    result = seeing(picture.image, Person(picture.box_xyxy, amodal_mask=picture.amodal_mask))
    whole = result.amodal_mask > 0.5
    assert (whole & picture.amodal_mask).sum() / (whole | picture.amodal_mask).sum() > 0.98
    assert not (result.visible_mask & ~picture.amodal_mask).any()


def test_an_observer_that_gives_back_no_person_is_named(preset: Path, picture: Picture) -> None:
    seeing = Deoccluder.from_pretrained(preset, observer=lambda image, person: picture.visible_mask)
    with pytest.raises(ValueError, match="gave back a ndarray: let it give back the Person"):
        seeing(picture.image, Person(picture.box_xyxy))


def test_an_image_turned_by_its_strides_reaches_an_observer_as_torch_takes_it(preset: Path, picture: Picture) -> None:
    def observer(image: np.ndarray, person: Person) -> Person:
        assert (torch.from_numpy(image).numpy() == picture.image).all()
        return told(person, picture.visible_mask, picture.occluder_mask)

    seeing = Deoccluder.from_pretrained(preset, observer=observer)
    turned = np.ascontiguousarray(picture.image[:, :, ::-1])[:, :, ::-1]  # as of cv2.imread(...)[:, :, ::-1]
    assert same(seeing(turned, Person(picture.box_xyxy)), seeing(picture.image, Person(picture.box_xyxy)))


def test_given_visible_joints_come_back_as_they_are(deoccluder: Deoccluder, picture: Picture) -> None:
    joints = np.zeros((17, 3))
    joints[0] = (110, 52, 0.9)
    result = deoccluder(picture.image, replace(picture.person(), joints=joints))
    assert np.allclose(result.joints[0], joints[0], atol=1e-3)


BAD = {
    "box has no area": (lambda p: {"box_xyxy": (50, 40, 50, 90)}, "no area"),
    "box is inverted": (lambda p: {"box_xyxy": (90, 40, 50, 90)}, "x0 < x1"),
    "box is NaN": (lambda p: {"box_xyxy": (float("nan"), 0, 5, 5)}, "finite"),
    "box outside": (lambda p: {"box_xyxy": (900, 900, 990, 990)}, "outside the image"),
    "mask of another size": (lambda p: {"visible_mask": np.ones((220, 300), np.bool_)}, "image's own size"),
    "mask of floats": (lambda p: {"visible_mask": np.ones((300, 220))}, "bool"),
    "mask of three channels": (lambda p: {"visible_mask": np.ones((300, 220, 3), np.bool_)}, r"\(H, W\)"),
    "no visible mask": (lambda p: {"visible_mask": None}, "no visible_mask"),
    "empty visible mask": (lambda p: {"visible_mask": np.zeros((300, 220), np.bool_)}, "empty"),
    "joints of another shape": (lambda p: {"joints": np.zeros((16, 3))}, "17 COCO joints"),
    "joints of COCO visibility": (lambda p: {"joints": np.full((17, 3), 2.0)}, r"\[0, 1\]"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_person_is_refused_with_what_to_do(deoccluder: Deoccluder, picture: Picture, name: str) -> None:
    change, message = BAD[name]
    arguments = {"box_xyxy": picture.box_xyxy, "visible_mask": picture.visible_mask, **change(picture)}
    with pytest.raises(ValueError, match=message):
        deoccluder(picture.image, Person(**arguments))


@pytest.mark.parametrize("name", ["box outside", "no visible mask", "empty visible mask"])
def test_whom_nobody_could_complete_is_refused_and_no_mistake(deoccluder: Deoccluder, picture: Picture, name: str) -> None:
    person = Person(**{"box_xyxy": picture.box_xyxy, "visible_mask": picture.visible_mask, **BAD[name][0](picture)})
    with pytest.raises(RefusedError):
        deoccluder(picture.image, person)
    with pytest.raises(RefusedError, match="image 0, person 0: "):
        deoccluder.batch([picture.image], [[person]])


def test_a_mistake_is_not_refused(deoccluder: Deoccluder, picture: Picture) -> None:
    with pytest.raises(ValueError, match="image 0, person 0: visible_mask is") as caught:
        deoccluder.batch([picture.image], [[Person(picture.box_xyxy, picture.visible_mask[1:])]])
    assert not isinstance(caught.value, RefusedError)


def test_an_observer_is_asked_about_everybody_and_what_the_caller_gave_wins(preset: Path, picture: Picture) -> None:
    asked = []

    def observer(image: np.ndarray, person: Person) -> Person:
        asked.append(person)
        return told(person, picture.visible_mask, picture.occluder_mask)

    seeing = Deoccluder.from_pretrained(preset, observer=observer)
    box_alone, known = Person(picture.box_xyxy), replace(picture.person(), occluder_mask=np.zeros_like(picture.occluder_mask))
    assert same(seeing(picture.image, box_alone), seeing(picture.image, picture.person()))
    assert not seeing(picture.image, known).changed and asked[0] is box_alone and asked[-1] is known


def test_an_observer_with_a_mask_of_another_size_is_refused(preset: Path, picture: Picture) -> None:
    seeing = Deoccluder.from_pretrained(preset, observer=lambda image, person: told(person, np.ones((30, 22), np.bool_)))
    with pytest.raises(ValueError, match=r"visible_mask is \(30, 22\) but the image is \(300, 220\)"):
        seeing(picture.image, Person(picture.box_xyxy))


def test_colours_under_an_occluder_are_not_taken_for_the_persons(deoccluder: Deoccluder, picture: Picture) -> None:
    person = replace(picture.person(), amodal_mask=picture.amodal_mask)
    repainted = picture.image.copy()
    inner = cv2.erode(picture.occluder_mask.view(np.uint8), np.ones((13, 13), np.uint8)) > 0  # its very edge is blended with its neighbours
    repainted[inner] = 255 - repainted[inner]
    for who in (picture.person(), person):
        assert (deoccluder(picture.image, who).joints == deoccluder(repainted, who).joints).all()


def test_a_tiny_person_is_refused(deoccluder: Deoccluder) -> None:
    mask = np.zeros((300, 220), np.bool_)
    mask[100:120, 100:110] = True
    with pytest.raises(ValueError, match="under 32 px"):
        deoccluder(np.zeros((300, 220, 3), np.uint8), Person(np.array([100.0, 100, 110, 120]), mask))


def test_a_batch_says_who_was_refused(deoccluder: Deoccluder, picture: Picture) -> None:
    with pytest.raises(ValueError, match="1 images and people for 2"):
        deoccluder.batch([picture.image], [[picture.person()], []])
    bad = Person(np.array([900.0, 900, 990, 990]), picture.visible_mask)
    with pytest.raises(ValueError, match="image 0, person 1: box_xyxy"):
        deoccluder.batch([picture.image], [[picture.person(), bad]])


@pytest.mark.parametrize(("values", "message"), [({"hypotheses": 0}, "whole number"), ({"paint_steps": 2.5}, "whole number"),
                                                 ({"guidance": -1}, "0 to 50"), ({"guidance": "high"}, "guidance is 'high'"),
                                                 ({"gate": "false"}, "gate is 'false'"), ({"prompt": 5}, "prompt is 5"),
                                                 ({"thresholds": {"seen": "a"}}, "seen"), ({"thresholds": {"hiden": 1}}, "hiden"),
                                                 ({"thresholds": 0.5}, "thresholds is 0.5: pass a dict"),
                                                 ({"thresholds": {1: 2, "a": 3}}, "thresholds has")])
def test_bad_options_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(**values)


def test_numpys_numbers_become_jsons() -> None:
    options = Options(body_steps=np.int64(2), guidance=np.float32(1.5), gate=np.bool_(True), thresholds={"hidden": np.float32(0.25)})
    assert json.loads(json.dumps(asdict(options))) == {**asdict(Options()), "body_steps": 2, "guidance": 1.5, "gate": True,
                                                       "thresholds": {"hidden": 0.25}}


@pytest.mark.parametrize("steps", [1, 2, 61])
def test_as_many_steps_are_taken_as_asked_for(deoccluder: Deoccluder, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trailing timesteps of diffusers' are one more at 61 steps, and some other numbers."""
    asked = []
    monkeypatch.setattr(deoccluder.body, "predict", lambda noisy, condition, timestep: asked.append(int(timestep)) or noisy)
    shape = (1, deoccluder.body.unet.config.out_channels, 8, 8)
    deoccluder.body.sample(torch.zeros(1, 3, 8, 8), torch.zeros(shape), steps)
    assert len(asked) == steps and min(asked) >= 0


def test_words_without_a_text_encoder_are_refused(deoccluder: Deoccluder, picture: Picture) -> None:
    with pytest.raises(ValueError, match="no text encoder"):
        deoccluder(picture.image, picture.person(), options=Options(prompt="a red shirt"))


def test_the_callers_words_are_in_the_description_and_exact_pixels_hold(worded: Deoccluder, picture: Picture, tmp_path: Path) -> None:
    asked, told_so = (worded(picture.image, picture.person(), options=Options(prompt=prompt)) for prompt in (None, "a red coat"))
    assert told_so.description.prompt == "a red coat" and told_so.description.embedding is not None
    assert (asked.description.embedding is None) == (asked.description.prompt == "")
    outside = ~told_so.changed_mask
    assert told_so.changed and (told_so.image[outside] == picture.image[outside]).all()
    assert (told_so.changed_mask <= picture.occluder_mask | (told_so.amodal_mask > 0.5)).all()
    worded.save_pretrained(tmp_path / "mine", name="mine", revision="1")
    again = Deoccluder.from_pretrained(tmp_path / "mine")
    weights = [tensor for net in (again.body.unet, again.appearance.unet, again.appearance.vae) for tensor in net.parameters()]
    assert all(tensor.data_ptr() % ALIGNMENT == 0 for tensor in weights)  # a mapped file would put them anywhere
    assert same(again(picture.image, picture.person(), options=Options(prompt="a red coat")), told_so)


def test_words_change_what_is_hidden_and_silence_changes_nothing(listening: Deoccluder, deoccluder: Deoccluder, picture: Picture) -> None:
    deaf = deoccluder(picture.image, picture.person())
    for prompt in (None, ""):
        silent = listening(picture.image, picture.person(), options=Options(prompt=prompt))
        assert same(silent, deaf) and silent.description.embedding is None
    told_so = listening(picture.image, picture.person(), options=Options(prompt="a red coat"))
    outside = ~told_so.changed_mask
    assert (told_so.image != deaf.image).any() and (told_so.image[outside] == picture.image[outside]).all()
    assert (told_so.changed_mask <= picture.occluder_mask).all()


def test_who_is_told_words_is_the_same_in_any_company(listening: Deoccluder, picture: Picture) -> None:
    together, options = Deoccluder.from_pretrained(listening.preset.folder, together=2), Options(prompt="a red coat")
    (three,) = together.batch([picture.image], [[picture.person()] * 3], options=options)
    alone = together(picture.image, picture.person(), options=options)
    assert all(same(one, alone) for one in three)
    assert np.percentile(np.abs(alone.image.astype(int) - listening(picture.image, picture.person(), options=options).image), 99) <= 1


def test_a_part_of_another_kind_is_refused(preset: Path, tmp_path: Path) -> None:
    shutil.copytree(preset, tmp_path / "other")
    index = tmp_path / "other" / "appearance" / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(ValueError, match="holds a StableDiffusionPipeline"):
        painter_class(tmp_path / "other" / "appearance")


def test_a_damaged_weights_file_is_noticed(preset: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(preset, tmp_path / "copy")
    weights = copy / "body/unet/diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        Deoccluder.from_pretrained(copy)
    weights.unlink()
    with pytest.raises(ValueError, match="lacks body/unet"):
        Deoccluder.from_pretrained(copy)


def test_a_manifest_of_another_kind_is_refused(preset: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(preset, tmp_path / "copy")
    manifest = json.loads((copy / "preset.json").read_text())
    (copy / "preset.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        Deoccluder.from_pretrained(copy)
    for spoiled in ({"canvas": [256]}, {"defaults": {"steps": 3}}, {"canvas": ["high", 3]}):
        (copy / "preset.json").write_text(json.dumps({**manifest, **spoiled}))
        with pytest.raises(ValueError, match=r"preset.json: canvas is .* which this version cannot use"):
            Deoccluder.from_pretrained(copy)
    (copy / "preset.json").write_text("{")
    with pytest.raises(ValueError, match="JSON"):
        Deoccluder.from_pretrained(copy)
    with pytest.raises(ValueError, match="neither a preset nor a folder"):
        Deoccluder.from_pretrained("compacto")
    with pytest.raises(ValueError, match="no preset.json"):
        Deoccluder.from_pretrained(tmp_path)


def test_every_label_is_one_of_the_documented() -> None:
    assert sorted(label.value for label in Label) == [0, 1, 2, 3, 4]
