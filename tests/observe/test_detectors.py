"""Detectors: real D-FINE and RT-DETR classes, loaded from folders, and boxes at their place in the image."""
from __future__ import annotations

from copy import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from observe_lit import LEFT, RIGHT, SIZE, dark, half, shown
from tiny_models import write_tiny_model

from deocc_aug.observe.detectors import TransformersDetector
from deocc_aug.observe.protocol import Detector

KINDS = ("d_fine", "rt_detr", "rt_detr_v2")
PERSON, CAR = 1, 0


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersDetector:
    folder = write_tiny_model(request.param, tmp_path_factory.mktemp(request.param))
    return TransformersDetector.from_pretrained(folder, threshold=0.25, local_files_only=True)


def lit_box(lit: torch.Tensor) -> list[float]:
    """Middle and size of what is lit, in shares of the picture, as these models say it."""
    rows, columns = (torch.nonzero((lit[0, 0] > 0.5).any(axis)).flatten() for axis in (1, 0))
    height, width = lit.shape[-2:]
    y0, y1, x0, x1 = rows[0] / height, (rows[-1] + 1) / height, columns[0] / width, (columns[-1] + 1) / width
    return [float(value) for value in ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)]


def answering(loaded: TransformersDetector, labels: list[int], scores: list[float], beyond: bool = False) -> TransformersDetector:
    """The detector, finding what is lit on the left, on the right, on both sides and (if it looks beyond the border) much more."""
    model = copy(loaded.model)
    real = loaded.model.forward

    def forward(**asked: torch.Tensor) -> Any:
        said, lit = real(**asked), shown(asked["pixel_values"])
        boxes = [lit_box(half(lit, right=False)), lit_box(half(lit, right=True)), lit_box(lit)]
        said.pred_boxes = torch.tensor([[*boxes, [0.2, 0.5, 0.8, 1.5] if beyond else boxes[0]]])
        said.logits = torch.full((1, 4, 3), -9.0)
        said.logits[0, range(4), labels] = torch.tensor(scores).logit()
        return said

    model.forward = forward
    return TransformersDetector(model, loaded.processor)


def test_a_real_detector_gives_boxes_inside_the_image(loaded: TransformersDetector) -> None:
    detector: Detector = TransformersDetector(loaded.model, loaded.processor, threshold=0.0)
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    for person in detector(image):
        x0, y0, x1, y1 = person.box_xyxy
        assert 0 <= x0 < x1 <= 128 and 0 <= y0 < y1 <= 80
        assert person.visible_mask is None and person.joints is None


def test_the_threshold_comes_with_the_loading(loaded: TransformersDetector) -> None:
    assert loaded.threshold == 0.25 and loaded.label == PERSON


def test_people_are_found_where_they_are_the_surest_first(loaded: TransformersDetector) -> None:
    image = np.ascontiguousarray(dark(LEFT, RIGHT)[:, :, ::-1])[:, :, ::-1]  # as of cv2.imread(...)[:, :, ::-1], which torch refuses
    found = answering(loaded, [PERSON, PERSON, CAR, PERSON], [0.7, 0.9, 0.99, 0.2])(image)
    assert [person.box_xyxy.tolist() for person in found] == [pytest.approx(RIGHT, abs=1e-3), pytest.approx(LEFT, abs=1e-3)]


def test_boxes_are_cut_off_at_the_border(loaded: TransformersDetector) -> None:
    (person,) = answering(loaded, [CAR, CAR, CAR, PERSON], [0.9] * 4, beyond=True)(dark(LEFT, RIGHT))
    assert person.box_xyxy.tolist() == pytest.approx([0, 0, 0.6 * 128, 80], abs=1e-3)


def test_nobody_is_found_where_nobody_is_sure_enough(loaded: TransformersDetector) -> None:
    assert answering(loaded, [CAR, PERSON, PERSON, CAR], [0.9, 0.4, 0.1, 0.9])(dark(LEFT, RIGHT)) == []


def test_a_detector_without_people_is_refused(loaded: TransformersDetector) -> None:
    model = copy(loaded.model)
    model.config = SimpleNamespace(id2label={0: "cat", 1: "dog"})
    with pytest.raises(ValueError, match='none is called "person"'):
        TransformersDetector(model, loaded.processor)
