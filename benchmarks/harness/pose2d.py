"""The task `pose2d`: what an arm does to the joints that pose estimators find."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from deocc_aug.benchmarks.estimators.protocol import PoseEstimator, check, described
from deocc_aug.benchmarks.harness.arms import DEFAULT, FUSED, OCCLUDED, ORACLE, Arm, View
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.metrics import PCK, Closed, Harm, OksAP
from deocc_aug.benchmarks.harness.module import HERE, BenchModule
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.fusion import fused, weights_of
from deocc_aug.types import JOINTS, Box, Image

LOST = 1.0  # longer sides that a joint counts as off which an estimator did not give


class Pose2D(BenchModule):
    """What pose estimators find in every arm's view of every case, in the same crop.

    Args:
        estimators: by the name that the report calls them: a class by its import path, and its options; left out, the compact MMPose
            models whose weights are in the package

    Raises:
        ValueError: an estimator does not give COCO's joints.
    """

    task = "pose2d"

    def __init__(self, data: BenchData, out: Path, arms: Sequence[str] = DEFAULT,
                 estimators: Mapping[str, PoseEstimator] | None = None) -> None:
        super().__init__(data, out, arms)
        self.estimators = dict(estimators or compact())
        for name, estimator in self.estimators.items():
            check(name, estimator)
        self._weights: dict[str, Any] = {}  # of the fusion, by preset

    def beside(self) -> dict[str, Any]:
        return {"estimators": {name: described(estimator) for name, estimator in self.estimators.items()}}

    def objection(self, case: Case) -> str:
        return "" if case.labelled.any() else "no joint is labelled"

    def measured(self, case: Case, views: Mapping[str, View], before: Record | None) -> dict[str, dict[str, Any]]:
        """Estimates by arm and estimator; one picture is looked at once, and so is the case's own in runs before."""
        seen: dict[tuple[int, str], dict[str, Any]] = {}  # by picture and estimator
        for name, answer in (before or {"arms": {}})["arms"].get(OCCLUDED, {}).get("estimates", {}).items():
            seen[id(case.image), name] = answer

        def look(name: str, image: Image) -> dict[str, Any]:
            if (id(image), name) not in seen:
                seen[id(image), name] = self._estimate(name, image, case.box_xyxy)
            return seen[id(image), name]

        kinds = {arm.name: arm for arm in self.arms}
        found: dict[str, dict[str, Any]] = {}
        for arm, view in views.items():
            answers = {name: look(name, view.image) for name in self.estimators}
            if kinds[arm].kind == FUSED:
                answers = {name: self._joined(kinds[arm], view, look(name, case.image), answer) for name, answer in answers.items()}
            found[arm] = {"estimates": answers}
        return found

    def _joined(self, arm: Arm, view: View, original: dict[str, Any], completed: dict[str, Any]) -> dict[str, Any]:
        """Two estimates as one; the photo's where the other lacks a joint, or where nobody was completed."""
        start = time.perf_counter()
        if view.result is None or None in original["joints"] or None in completed["joints"]:
            return original
        assert arm.settings is not None
        if arm.settings.preset not in self._weights:
            self._weights[arm.settings.preset] = weights_of(arm.settings.preset)
        joints = fused(view.result, *(np.array(found["joints"], np.float64) for found in (original, completed)),
                       self._weights[arm.settings.preset])
        spent = time.perf_counter() - start
        self.spent[f"arm {arm.name}"] += spent
        return {"joints": joints.tolist(), "seconds": original["seconds"] + completed["seconds"] + spent, "failed": ""}

    def _estimate(self, name: str, image: Image, box_xyxy: Box) -> dict[str, Any]:
        """An estimate as a record keeps it; one that fails on a picture is written down as such, with no joint found."""
        start, failed = time.perf_counter(), ""
        joints = np.full((JOINTS, 3), np.nan)
        with self.timed(f"estimator {name}"):
            try:
                joints = np.asarray(self.estimators[name].estimate(image, box_xyxy), np.float64).reshape(JOINTS, 3)
            except (ValueError, RuntimeError, ArithmeticError, LookupError) as error:
                failed = f"{type(error).__name__}: {error}"
        found = np.isfinite(joints).all(1)
        return {"joints": [joint.tolist() if there else None for joint, there in zip(joints, found, strict=True)],
                "seconds": time.perf_counter() - start, "failed": failed}

    def logged(self, records: Sequence[Record]) -> dict[str, float]:
        """PCK on hidden and on visible joints, OKS-AP, `closed` and harm, by estimator and arm."""
        out: dict[str, float] = {}
        for estimator in self.estimators if records else ():
            before = errors_of(records, OCCLUDED, estimator)
            for arm in self.arms:
                metrics = self._metrics(records, arm.name, estimator, before)
                out |= {f"{estimator}/{arm.name}/{name}": float(value) for name, value in metrics.items()}
        return out

    def _metrics(self, records: Sequence[Record], arm: str, estimator: str, before: Float[np.ndarray, "n 17"]) -> dict[str, torch.Tensor]:
        errors, (labelled, hidden) = errors_of(records, arm, estimator), joints_of(records)
        found = torch.from_numpy(errors)
        pcks = {"pck_hidden": hidden, "pck_visible": labelled & ~hidden}
        out = {}
        for name, which in pcks.items():
            pck = PCK(**HERE)
            pck.update(found, torch.from_numpy(which))
            out[name] = pck.compute()
        harm = Harm(**HERE)
        harm.update(*(torch.from_numpy(mean_error(e, labelled)) for e in (before, errors)))
        out["harm"] = harm.compute()
        if ORACLE in (arm.name for arm in self.arms):
            closed = Closed(**HERE)
            clean = errors_of(records, ORACLE, estimator)
            closed.update(*map(torch.from_numpy, (before, errors, clean, hidden)))
            out["closed"] = closed.compute()
        areas = [record["truth"]["area"] for record in records]
        if None not in areas:
            ap = OksAP(**HERE)
            truth = (np.array([record["truth"][name] for record in records], np.float64) for name in ("joints", "area", "box"))
            ap.update(*map(torch.from_numpy, (found_of(records, arm, estimator), *truth)))
            out["oks_ap"] = ap.compute()
        return out


def compact() -> dict[str, PoseEstimator]:
    """The compact MMPose models in the package, for whoever names no estimator.  Raises ValueError where it has none."""
    from deocc_aug.benchmarks.pose_models.weights import shipped

    names = shipped()
    if not names:
        raise ValueError("no estimator is named, and the package has no weights of its own models: pass --estimators, such as "
                         "--estimators.movenet deocc_aug.benchmarks.estimators.litert.MoveNet --estimators.movenet.model FILE.tflite, or a "
                         "config that does")
    from deocc_aug.benchmarks.estimators.mmpose import MMPoseEstimator

    return {name: MMPoseEstimator(Path(name)) for name in names}


def found_of(records: Sequence[Record], arm: str, estimator: str) -> Float[np.ndarray, "n 17 3"]:
    """An estimator's joints in an arm, NaN where it gave none."""
    nothing = [np.nan] * 3
    joints = [[joint or nothing for joint in record["arms"][arm]["estimates"][estimator]["joints"]] for record in records]
    return np.array(joints, np.float64).reshape(-1, JOINTS, 3)


def joints_of(records: Sequence[Record]) -> tuple[Bool[np.ndarray, "n 17"], Bool[np.ndarray, "n 17"]]:
    """The labelled joints, and those of them that something is in front of."""
    labelled = np.array([record["truth"]["joints"] for record in records], np.float64).reshape(-1, JOINTS, 3)[:, :, 2] > 0
    return labelled, np.array([record["truth"]["hidden"] for record in records], np.bool_).reshape(-1, JOINTS) & labelled


def errors_of(records: Sequence[Record], arm: str, estimator: str) -> Float[np.ndarray, "n 17"]:
    """How far each joint is off, in longer sides of the true box; NaN where it was not found."""
    return _off(records, found_of(records, arm, estimator))


def own_errors_of(records: Sequence[Record], arm: str) -> Float[np.ndarray, "n 17"]:
    """The same of the joints that the de-occluder itself gives, NaN where it refused."""
    nothing = [[np.nan] * 3] * JOINTS
    own = [record["arms"][arm]["view"].get("own") or nothing for record in records]
    return _off(records, np.array(own, np.float64).reshape(-1, JOINTS, 3))


def _off(records: Sequence[Record], found: Float[np.ndarray, "n 17 3"]) -> Float[np.ndarray, "n 17"]:
    truth = np.array([record["truth"]["joints"] for record in records], np.float64).reshape(-1, JOINTS, 3)
    sides = np.array([record["truth"]["side"] for record in records], np.float64)
    return np.asarray(np.linalg.norm(found[:, :, :2] - truth[:, :, :2], axis=2) / sides[:, None])


def mean_error(errors: Float[np.ndarray, "n 17"], labelled: Bool[np.ndarray, "n 17"]) -> Float[np.ndarray, "n"]:
    """Each case's mean over its labelled joints; a joint that was not found counts as `LOST`."""
    whole = np.where(np.isnan(errors), LOST, errors)
    return np.asarray((whole * labelled).sum(1) / labelled.sum(1))
