"""The task `mesh`: what an arm does to the bodies that mesh regressors find."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torchmetrics import MeanMetric

from deocc_aug.benchmarks.estimators.protocol import GREY_PAGE, described
from deocc_aug.benchmarks.harness.arms import DEFAULT, FUSED, OCCLUDED, View
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.module import HERE, BenchModule
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.synthetic_meshes import BODY_JOINTS
from deocc_aug.benchmarks.meshes import MPJPE, PAMPJPE, vertex_errors
from deocc_aug.integrations.mesh.protocol import MeshPrediction
from deocc_aug.integrations.mesh.remote import WorkerError
from deocc_aug.types import Box, Image


@runtime_checkable
class Regressor(Protocol):
    """A `MeshRegressor` as the command line takes it: a class of yours with this method is enough, `described()` tells its records from
    others'.
    """

    def predict(self, images: Any, boxes: Any, /) -> Any:  # Any: jsonargparse compares annotations, and yours may say less than ours
        """See `MeshRegressor.predict`."""


class Meshes(BenchModule):
    """What mesh regressors find in every arm's view of every case, in the same box.

    Args:
        regressors: by the name that the report calls them: a class by its import path, and its options; the first is what all are compared
            with; left out, the compact regressors whose weights are in the package

    Raises:
        ValueError: an arm that bodies have no use for, or a regressor that does not tell the joints that are asked for.
    """

    task = "mesh"

    def __init__(self, data: BenchData, out: Path, arms: Sequence[str] = DEFAULT,
                 regressors: Mapping[str, Regressor] | None = None) -> None:
        super().__init__(data, out, arms)
        joined = [arm.name for arm in self.arms if arm.kind == FUSED]
        if joined:
            raise ValueError(f"the task mesh has no arm {joined[0]}: joints of two views are joined, bodies are not; name deocc:PRESET")
        self.regressors = dict(regressors or compact())
        for name, regressor in self.regressors.items():
            check(name, regressor)

    def beside(self) -> dict[str, Any]:
        return {"regressors": {name: described_regressor(regressor) for name, regressor in self.regressors.items()}}

    def objection(self, case: Case) -> str:
        return "" if case.mesh is not None else "the body is not known"

    def measured(self, case: Case, views: Mapping[str, View], before: Record | None) -> dict[str, dict[str, Any]]:
        """Bodies by arm and regressor; one picture is looked at once, and so is the case's own in runs before."""
        seen: dict[tuple[int, str], dict[str, Any]] = {}  # by picture and regressor
        for name, answer in (before or {"arms": {}})["arms"].get(OCCLUDED, {}).get("bodies", {}).items():
            seen[id(case.image), name] = answer
        for view in views.values():
            for name in self.regressors:
                if (id(view.image), name) not in seen:
                    seen[id(view.image), name] = self._look(name, view.image, case)
        return {arm: {"bodies": {name: seen[id(view.image), name] for name in self.regressors}} for arm, view in views.items()}

    def _look(self, name: str, image: Image, case: Case) -> dict[str, Any]:
        """A body as a record keeps it: 22 joints in metres, PVE in mm where the regressor is of the truth's body model."""
        assert case.mesh is not None
        start, failed, joints, pve = time.perf_counter(), "", None, None
        with self.timed(f"estimator {name}"):
            try:
                found = body_of(self.regressors[name], image, case.box_xyxy)
                assert found.joints is not None
                joints = found.joints[:BODY_JOINTS].astype(np.float64)
            except (ValueError, WorkerError, RuntimeError, ArithmeticError, LookupError) as error:
                failed = f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - start
        if joints is not None and found.vertices.shape == case.mesh.vertices.shape:
            with self.timed("measuring"):
                bodies = [torch.from_numpy(np.asarray(points, np.float64))[None]
                          for points in (found.vertices, joints, case.mesh.vertices, case.mesh.joints)]
                pve = float(vertex_errors(*bodies).mean())
        return {"joints": None if joints is None else joints.tolist(), "pve": pve, "seconds": seconds, "failed": failed}

    def logged(self, records: Sequence[Record]) -> dict[str, float]:
        """MPJPE and PA-MPJPE of all, visible and hidden joints, and PVE, in mm, of people who were found in every arm."""
        out: dict[str, float] = {}
        names = [arm.name for arm in self.arms]
        for regressor in self.regressors:
            some = found_by(records, names, regressor)
            true, visible, hidden = (torch.from_numpy(array) for array in truth_of(some))
            for arm in names if some else ():
                for label, metric in {"mpjpe": MPJPE(BODY_JOINTS, **HERE), "pa_mpjpe": PAMPJPE(BODY_JOINTS, **HERE)}.items():
                    metric.update(torch.from_numpy(joints_of(some, arm, regressor)), true, visible, hidden)
                    said = metric.compute()
                    out |= {f"{regressor}/{arm}/{label}_{part}": float(said[part]) for part in ("all", "visible", "hidden")}
                values = [value for value in pve_of(some, arm, regressor) if not np.isnan(value)]
                if values:
                    mean = MeanMetric(**HERE).set_dtype(torch.double)
                    mean.update(torch.tensor(values, dtype=torch.double))
                    out[f"{regressor}/{arm}/pve"] = float(mean.compute())
        return out


def compact() -> dict[str, Regressor]:
    """The compact regressors in the package, for whoever names none.  Raises ValueError where it has none."""
    from deocc_aug.benchmarks.mesh_models.regressor import CompactRegressor, shipped

    if not shipped():
        raise ValueError("no regressor is named, and the package has no weights of its own: pass --regressors, such as --regressors.mine "
                         "deocc_aug.benchmarks.mesh_models.regressor.CompactRegressor --regressors.mine.weights RUN/part, or a config that "
                         "does")
    return {name: CompactRegressor(name) for name in shipped()}


def body_of(regressor: Regressor, image: Image, box_xyxy: Box) -> MeshPrediction:
    """The person in the box.  Raises LookupError where nobody was found, ValueError where too few joints are told."""
    found: MeshPrediction | None = regressor.predict([image], [box_xyxy])[0]
    if found is None:
        raise LookupError("nobody was found in the box")
    if found.joints is None or len(found.joints) < BODY_JOINTS:
        told = "no joints" if found.joints is None else f"{len(found.joints)} joints"
        raise ValueError(f"the regressor tells {told}: let it give at least SMPL-X's (or SMPL's) first {BODY_JOINTS}, in their order")
    return found


def check(name: str, regressor: Regressor) -> None:
    """Tries a regressor on a grey picture; one that looks at whole images may find nobody there.

    Raises:
        ValueError: it does not tell the joints that are asked for.
    """
    page = np.full((GREY_PAGE, GREY_PAGE, 3), 127, np.uint8)
    try:
        body_of(regressor, page, np.array([8.0, 8.0, GREY_PAGE - 8.0, GREY_PAGE - 8.0]))
    except LookupError:
        return
    except ValueError as error:
        raise ValueError(f"regressor {name}: {error}") from error


def described_regressor(regressor: Regressor) -> dict[str, Any]:
    """What decides a regressor's answers, as far as it says so; of a worker its command."""
    command = getattr(regressor, "command", None)
    return {**described(regressor), **({} if command is None else {"command": list(command)})}


def found_by(records: Sequence[Record], arms: Sequence[str], regressor: str) -> list[Record]:
    """The records of people whom a regressor found in every one of the arms: figures compare the same people."""
    return [record for record in records if all(record["arms"][arm]["bodies"][regressor]["joints"] for arm in arms)]


def truth_of(records: Sequence[Record]) -> tuple[Float[np.ndarray, "n 22 3"], Bool[np.ndarray, "n 22"], Bool[np.ndarray, "n 22"]]:
    """The true joints, and which of them are visible and hidden."""
    def told(name: str) -> np.ndarray:
        return np.array([record["truth"]["mesh"][name] for record in records])

    hidden, outside = (told(name).astype(np.bool_).reshape(-1, BODY_JOINTS) for name in ("hidden", "outside"))
    return told("joints").astype(np.float64).reshape(-1, BODY_JOINTS, 3), ~hidden & ~outside, hidden


def joints_of(records: Sequence[Record], arm: str, regressor: str) -> Float[np.ndarray, "n 22 3"]:
    """A regressor's joints in an arm, of people whom it found."""
    return np.array([record["arms"][arm]["bodies"][regressor]["joints"] for record in records], np.float64).reshape(-1, BODY_JOINTS, 3)


def pve_of(records: Sequence[Record], arm: str, regressor: str) -> Float[np.ndarray, "n"]:
    """PVE of each, mm; NaN where the regressor is of another body model than the truth."""
    values = [record["arms"][arm]["bodies"][regressor]["pve"] for record in records]
    return np.array([np.nan if value is None else value for value in values], np.float64)
