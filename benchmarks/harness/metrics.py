"""Metrics of pose estimates, for Lightning: states are sums, or lists that are gathered, so that any number of processes agrees."""
from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric

from deocc_aug.types import COCO_JOINTS

NEAR = 0.1  # PCK: within this share of the box's longer side
HARMED = 0.05  # the mean labelled-joint error grows by more than this share of it


class PCK(Metric):
    """The share of joints that are found within `near` of the box's longer side (percentage of correct keypoints).

    Args:
        near: as a share of the box's longer side.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False
    hits: Tensor
    tried: Tensor

    def __init__(self, near: float = NEAR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.near = near
        self.add_state("hits", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("tried", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, errors: Float[Tensor, "people 17"], joints: Bool[Tensor, "people 17"]) -> None:
        """Counts people's `errors`, distances in longer sides (NaN is a miss), on those `joints`."""
        self.hits += ((errors < self.near) & joints).sum()
        self.tried += joints.sum()

    def compute(self) -> Tensor:
        """In [0, 1], NaN where there was no such joint."""
        return self.hits.double() / self.tried.double()


class Harm(Metric):
    """The share of people whose mean error grows by more than `harmed` longer sides from one view to another."""

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    worse: Tensor
    people: Tensor

    def __init__(self, harmed: float = HARMED, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.harmed = harmed
        self.add_state("worse", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("people", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, before: Float[Tensor, "people"], after: Float[Tensor, "people"]) -> None:
        """Counts people by their mean errors in longer sides."""
        self.worse += (after - before > self.harmed).sum()
        self.people += len(before)

    def compute(self) -> Tensor:
        return self.worse.double() / self.people.double()


class Closed(Metric):
    """The share of the hits lost between the clean view and the occluded one that an arm's view wins back, by PCK.

    Args:
        near: as a share of the box's longer side.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False
    low: Tensor
    won: Tensor
    high: Tensor

    def __init__(self, near: float = NEAR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.near = near
        for name in ("low", "won", "high"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, occluded: Float[Tensor, "people 17"], arm: Float[Tensor, "people 17"], oracle: Float[Tensor, "people 17"],
               joints: Bool[Tensor, "people 17"]) -> None:
        """Counts people's errors in three views, distances in longer sides (NaN is a miss), on those `joints`."""
        self.low += ((occluded < self.near) & joints).sum()
        self.won += ((arm < self.near) & joints).sum()
        self.high += ((oracle < self.near) & joints).sum()

    def compute(self) -> Tensor:
        """0 as in the occluded view, 1 as in the clean one; NaN where nothing was lost."""
        lost = self.high - self.low
        return (self.won - self.low).double() / (lost.double() if lost > 0 else torch.nan)


class OksAP(Metric):
    """COCO's average precision by object keypoint similarity (faster-coco-eval), each person on a page of their own.

    So it says how good joints and scores are where the person's box is known; nobody is missed or found twice.
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False
    found: list[Tensor]
    truth: list[Tensor]
    areas: list[Tensor]
    boxes: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("found", "truth", "areas", "boxes"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, found: Float[Tensor, "people 17 3"], truth: Float[Tensor, "people 17 3"], areas: Float[Tensor, "people"],
               boxes: Float[Tensor, "people 4"]) -> None:
        """Adds people.

        Args:
            found: x, y px and score; a joint that is NaN was not found.
            truth: x, y px and 1 where labelled.
            areas: of the silhouettes, px.
            boxes: x0, y0, x1, y1 px.
        """
        for state, value in ((self.found, found), (self.truth, truth), (self.areas, areas), (self.boxes, boxes)):
            state.append(value.double())

    def compute(self) -> Tensor:
        """AP over OKS thresholds 0.5 to 0.95; NaN for nobody."""
        if not len(self.found):
            return torch.tensor(torch.nan, dtype=torch.double)
        found, truth, areas, boxes = (torch.cat(list(state)).cpu().numpy() for state in (self.found, self.truth, self.areas, self.boxes))
        return torch.tensor(_evaluated(*coco_tables(found, truth, areas, boxes)), dtype=torch.double)


def coco_tables(found: np.ndarray, truth: np.ndarray, areas: np.ndarray, boxes: np.ndarray) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """COCO's ground truth and detections of people (n, 17, 3), each on an image of their own; whoever has no labelled joint is left out."""
    asked = [k for k in range(len(found)) if (truth[k, :, 2] > 0).any()]
    annotations, detections = [], []
    for k in asked:
        x0, y0, x1, y1 = boxes[k].tolist()
        labelled = np.concatenate([truth[k, :, :2], 2.0 * (truth[k, :, 2:] > 0)], axis=1)
        seen = np.isfinite(found[k]).all(1, keepdims=True)
        joints = np.where(seen, found[k], [-1e6, -1e6, 0.0])
        score = float(joints[:, 2].mean())
        annotations.append({"id": k + 1, "image_id": k + 1, "category_id": 1, "iscrowd": 0, "area": float(areas[k]),
                            "bbox": [x0, y0, x1 - x0, y1 - y0], "num_keypoints": int((labelled[:, 2] > 0).sum()),
                            "keypoints": np.where(labelled[:, 2:] > 0, labelled, 0.0).ravel().tolist()})
        detections.append({"image_id": k + 1, "category_id": 1, "score": score, "keypoints": joints.ravel().tolist()})
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO_JOINTS), "skeleton": []}]
    images = [{"id": k + 1, "width": 1, "height": 1, "file_name": ""} for k in asked]
    return {"info": {}, "images": images, "categories": categories, "annotations": annotations}, detections


def _evaluated(truth: dict[str, Any], detections: list[dict[str, Any]]) -> float:
    from faster_coco_eval import COCO, COCOeval_faster

    if not detections:
        return float("nan")
    with redirect_stdout(StringIO()):
        ground = COCO(truth)
        evaluation = COCOeval_faster(ground, ground.loadRes(detections), "keypoints", print_function=lambda *_: None)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])
