"""SAM, SAM 2 and Mask2Former as observers: their real classes, loaded from folders, and masks at their place in the image."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from observe_lit import LEFT, RIGHT, SIZE, dark, half, logits_of, mask_of, shown
from tiny_models import SIDE, write_tiny_model

from deocc_aug import Person
from deocc_aug.canvas import box_of
from deocc_aug.observe.segmenters import Mask2FormerObserver, SamObserver

SAMS = ("sam", "sam2", "sam2_video")
PICTURE = dark(LEFT, RIGHT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root, written = tmp_path_factory.mktemp("models"), {}

    def of(kind: str) -> Path:
        if kind not in written:
            written[kind] = write_tiny_model(kind, root / kind)
        return written[kind]

    return of


def around(box: tuple[int, int, int, int]) -> Person:
    x0, y0, x1, y1 = box
    return Person(np.array([x0 - 3.0, y0 - 3, x1 + 3, y1 + 3]))


def same_place(mask: np.ndarray | None, box: tuple[int, int, int, int]) -> bool:
    """Whether a mask is a rectangle, but for up to eight pixels that enlarging takes off each corner."""
    found = None if mask is None else box_of(mask)
    return found is not None and mask is not None and found.tolist() == list(box) and int((mask ^ mask_of(*box)).sum()) <= 32


@pytest.mark.parametrize("kind", SAMS)
def test_a_real_sam_gives_a_mask_of_the_images_size(folder: Callable[[str], Path], kind: str) -> None:
    seen = SamObserver.from_pretrained(folder(kind), local_files_only=True)(PICTURE, around(LEFT))
    assert seen.visible_mask is not None and seen.visible_mask.shape == SIZE and seen.visible_mask.any()
    assert seen.occluder_mask is None and seen.unknown_mask is None and seen.joints is None


def test_an_image_turned_by_its_strides_is_taken(folder: Callable[[str], Path]) -> None:
    """As of cv2.imread(...)[:, :, ::-1], which torch refuses."""
    turned = np.ascontiguousarray(PICTURE[:, ::-1])[:, ::-1]
    for kind in ("sam", "sam2"):
        observer = SamObserver.from_pretrained(folder(kind), local_files_only=True)
        one, other = (observer(image, around(LEFT)).visible_mask for image in (turned, PICTURE))
        assert one is not None and other is not None and (one == other).all()
    observer = Mask2FormerObserver.from_pretrained(folder("mask2former"), local_files_only=True)
    assert isinstance(observer(turned, around(LEFT)), Person)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["sam", "sam2"])
def test_a_sam_of_half_precision_runs(folder: Callable[[str], Path], kind: str, dtype: torch.dtype) -> None:
    observer = SamObserver.from_pretrained(folder(kind), device="cpu", dtype=dtype, local_files_only=True)
    assert observer.model.dtype == dtype
    assert observer._mask(PICTURE, around(LEFT).box_xyxy).shape == SIZE


def lit_sam(observer: SamObserver, best: int) -> SamObserver:
    """SAM that answers with what is lit in the box that it is asked about; that mask is the one it scores best."""
    real = observer.model.forward

    def forward(pixel_values: torch.Tensor, input_boxes: torch.Tensor, multimask_output: bool) -> Any:
        said = real(pixel_values=pixel_values, input_boxes=input_boxes, multimask_output=multimask_output)
        lit = shown(pixel_values)
        x0, y0, x1, y1 = input_boxes[0, 0].round().int().tolist()
        asked = torch.zeros_like(lit)
        asked[..., y0:y1, x0:x1] = lit[..., y0:y1, x0:x1]
        said.pred_masks[:] = -5
        said.pred_masks[0, 0, best] = logits_of(asked, said.pred_masks.shape[-2:])[0, 0]
        said.iou_scores[:] = 0.1
        said.iou_scores[0, 0, best] = 0.8
        return said

    observer.model.forward = forward
    return observer


@pytest.mark.parametrize("best", [0, 2])
@pytest.mark.parametrize("kind", SAMS)
def test_the_best_mask_of_the_box_lies_where_it_was_seen(folder: Callable[[str], Path], kind: str, best: int) -> None:
    observer = lit_sam(SamObserver.from_pretrained(folder(kind), local_files_only=True), best)
    for box in (LEFT, RIGHT):
        assert same_place(observer(PICTURE, around(box)).visible_mask, box)


def test_a_box_beyond_the_border_is_cut_off(folder: Callable[[str], Path]) -> None:
    corner = (96, 0, 128, 40)
    observer = lit_sam(SamObserver.from_pretrained(folder("sam"), local_files_only=True), 1)
    assert same_place(observer(dark(corner, LEFT), Person(np.array([90.0, -30, 300, 44]))).visible_mask, corner)


def test_an_empty_mask_is_no_answer(folder: Callable[[str], Path]) -> None:
    observer = lit_sam(SamObserver.from_pretrained(folder("sam"), local_files_only=True), 1)
    person = Person(np.array([50.0, 62, 78, 78]))
    assert observer(PICTURE, person) is person


def lit_mask2former(observer: Mask2FormerObserver) -> Mask2FormerObserver:
    """Mask2Former that sees a person in each half of the picture, a car that is all that is lit, and nothing."""
    real, labels = observer.model.forward, [1, 1, 0, 3]

    def forward(**asked: torch.Tensor) -> Any:
        said = real(**asked)
        lit = shown(asked["pixel_values"]) * asked["pixel_mask"][:, None]
        seen = [half(lit, right=False), half(lit, right=True), lit, lit]
        said.masks_queries_logits = torch.cat([logits_of(mask, (SIDE // 4, SIDE // 4)) for mask in seen], 1)
        said.class_queries_logits = torch.full((1, 4, 4), -9.0)
        said.class_queries_logits[0, range(4), labels] = 9
        return said

    observer.model.forward = forward
    return observer


def test_a_real_mask2former_runs(folder: Callable[[str], Path]) -> None:
    observer = Mask2FormerObserver.from_pretrained(folder("mask2former"), local_files_only=True)
    assert observer.label == 1
    assert replace(around(LEFT), visible_mask=None).visible_mask is observer(PICTURE, around(LEFT)).visible_mask is None
    observer.threshold, observer.fit = 0.0, 0.0
    mask = observer(PICTURE, around(LEFT)).visible_mask
    assert mask is None or mask.shape == SIZE


@pytest.mark.parametrize("padded", [False, True])
def test_the_person_that_fits_the_box_lies_where_they_were_seen(folder: Callable[[str], Path], padded: bool) -> None:
    observer = lit_mask2former(Mask2FormerObserver.from_pretrained(folder("mask2former"), local_files_only=True))
    if padded:
        observer.processor.size, observer.processor.size_divisor = {"height": 32, "width": 64}, 0
        observer.processor.pad_size = {"height": SIDE, "width": SIDE}
    for box in (LEFT, RIGHT):
        seen = observer(PICTURE, around(box))
        assert same_place(seen.visible_mask, box)
        assert seen.occluder_mask is None and seen.unknown_mask is None


def test_nobody_is_seen_in_a_box_that_fits_nobody(folder: Callable[[str], Path]) -> None:
    observer = lit_mask2former(Mask2FormerObserver.from_pretrained(folder("mask2former"), local_files_only=True))
    person = Person(np.array([50.0, 0, 78, 20]))
    assert observer(PICTURE, person) is person
    everything = Person(np.array([0.0, 0, 128, 80]))
    assert observer(PICTURE, everything) is everything


@pytest.mark.parametrize("kind", ["sam", "mask2former"])
def test_a_mask_that_the_caller_gave_is_not_looked_for(folder: Callable[[str], Path], kind: str) -> None:
    observer = (SamObserver if kind == "sam" else Mask2FormerObserver).from_pretrained(folder(kind), local_files_only=True)
    person = replace(around(LEFT), visible_mask=mask_of(*LEFT))
    assert observer(PICTURE, person) is person


@pytest.mark.parametrize("kind", ["sam", "mask2former"])
def test_a_box_outside_the_image_is_refused(folder: Callable[[str], Path], kind: str) -> None:
    observer = (SamObserver if kind == "sam" else Mask2FormerObserver).from_pretrained(folder(kind), local_files_only=True)
    with pytest.raises(ValueError, match="lies outside the image, which is 128 wide and 80 high"):
        observer(PICTURE, Person(np.array([200.0, 0, 300, 50])))


def test_a_mask2former_without_people_is_refused(folder: Callable[[str], Path]) -> None:
    observer = Mask2FormerObserver.from_pretrained(folder("mask2former"), local_files_only=True)
    observer.model.config.id2label = {0: "car", 1: "road"}
    with pytest.raises(ValueError, match=r'knows 2 classes \(car, road, ...\) and none is called "person"'):
        Mask2FormerObserver(observer.model, observer.processor)
