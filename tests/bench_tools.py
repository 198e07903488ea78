"""Pose estimators for tests of the benchmark: what they find depends on the pixels and on nothing else."""
from __future__ import annotations

import numpy as np

from deocc_aug.benchmarks.harness.cases import Unusable
from deocc_aug.benchmarks.harness.pasted import PastedCoco


class Bright:
    """Puts every joint where the picture's colours say, each joint elsewhere; counts its calls."""

    def __init__(self, spread: float = 0.3) -> None:
        self.spread, self.calls = spread, 0

    def estimate(self, image: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
        self.calls += 1
        x0, y0, x1, y1 = (int(v) for v in box_xyxy)
        inside = image[max(y0, 0):y1, max(x0, 0):x1].astype(np.float64)
        middle = np.array([x0 + x1, y0 + y1]) / 2
        rng = np.random.default_rng(int(inside.sum()))
        return np.concatenate([middle + rng.normal(0, self.spread * (y1 - y0), (17, 2)), rng.random((17, 1))], axis=1)


class Awkward(Bright):
    """Finds no nose, and fails on pictures whose first pixel is dark; on the grey page it is well behaved."""

    def estimate(self, image: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
        if image[0, 0].max() < 60:
            raise RuntimeError("too dark")
        joints = super().estimate(image, box_xyxy)
        joints[0, 0] = np.nan
        return joints


class Fourteen:
    """An estimator of another skeleton."""

    def estimate(self, image: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
        return np.zeros((14, 3))


class Nobody(PastedCoco):
    """A data set of a user's own, by import path, of whose people none can be judged."""

    def make(self, number: int) -> Unusable:
        return Unusable(self.names[number], "x", "not today")
