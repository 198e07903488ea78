"""COCO's keypoint average precision of one person a picture, from each person's OKS and score: quick enough to be resampled."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from deocc_aug.types import JOINTS

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def oks(truth: Mapping[str, Any], found: Float[np.ndarray, "17 3"], sigmas: Float[np.ndarray, "17"]) -> float:
    """Object keypoint similarity of a found person and an annotation with at least one labelled joint (COCO's evaluation)."""
    joints = np.array(truth["keypoints"], np.float64).reshape(JOINTS, 3)
    squared = ((found[:, :2] - joints[:, :2]) ** 2).sum(1)
    near = np.exp(-squared / ((2 * sigmas) ** 2 * (truth["area"] + np.spacing(1)) * 2))
    return float(near[joints[:, 2] > 0].mean())


def average_precision(similarity: Float[np.ndarray, "n"], scores: Float[np.ndarray, "n"]) -> float:
    """AP over OKS thresholds 0.5 to 0.95 of people who are each alone in their picture and found once; `similarity` is their OKS."""
    order = np.argsort(-scores, kind="mergesort")
    right = (similarity[order] >= THRESHOLDS[:, None]).cumsum(1)
    recall, precision = right / len(order), right / np.arange(1, len(order) + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    found = [np.append(row, 0.0)[np.searchsorted(share, RECALLS)] for row, share in zip(precision, recall, strict=True)]
    return float(np.mean(found))
