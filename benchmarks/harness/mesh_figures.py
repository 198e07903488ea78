"""Figures of the task `mesh` from its records: mm by arm, by occlusion rate, between regressors, with paired 95% intervals over people."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from deocc_aug.benchmarks.harness.arms import OCCLUDED, ORACLE
from deocc_aug.benchmarks.harness.figures import BINS, Resampled, Row, more, share
from deocc_aug.benchmarks.harness.mesh_task import found_by, joints_of, pve_of, truth_of
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.synthetic_meshes import BODY_JOINTS
from deocc_aug.benchmarks.meshes import aligned_joint_errors, joint_errors
from deocc_aug.humans.open_body.tree import JOINTS

MIDDLE = ("30-60 %", 0.3, 0.6)  # where there is much to win and enough to go by
HARMED = 10.0  # mm: MPJPE grows by more than this
PARTS = ("all", "visible", "hidden")
ERRORS = {"MPJPE": joint_errors, "PA-MPJPE": aligned_joint_errors}


@dataclass(frozen=True, eq=False)
class Sample:
    """All people whom one regressor found in every arm; a column has a value a case.

    `joints` how many there are of each of `PARTS`; `errors` by arm their summed errors in mm, such as "hidden PA-MPJPE", and "PVE" (NaN
    where it cannot be told); `missing` how many people were not found in some arm; `by_joint` by arm each joint's error in mm, and
    `hidden` which joints are.
    """

    records: tuple[Record, ...]
    shares: Float[np.ndarray, "n"]
    joints: Mapping[str, Float[np.ndarray, "n"]]
    errors: Mapping[str, Mapping[str, Float[np.ndarray, "n"]]]
    by_joint: Mapping[str, Float[np.ndarray, "n 22"]]
    hidden: Bool[np.ndarray, "n 22"]
    missing: int

    @property
    def persons(self) -> list[str]:
        return [record["person"] for record in self.records]

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(record["case"] for record in self.records)

    def mpjpe(self, arm: str) -> Float[np.ndarray, "n"]:
        """Each case's MPJPE in an arm, mm."""
        return np.asarray(self.errors[arm]["all MPJPE"] / self.joints["all"])


def sample_of(records: Sequence[Record], arms: Sequence[str], regressor: str) -> Sample:
    """One regressor's cases, of records without a problem."""
    some = found_by(records, arms, regressor)
    true, visible, hidden = truth_of(some)
    parts = {"all": np.ones_like(visible), "visible": visible, "hidden": hidden}
    errors, by_joint = {}, {}
    for arm in arms:
        pair = torch.from_numpy(joints_of(some, arm, regressor)), torch.from_numpy(true)
        errors[arm] = {"PVE": pve_of(some, arm, regressor)}
        by_joint[arm] = joint_errors(*pair).numpy()
        for name, of in ERRORS.items():
            off = of(*pair).numpy()
            errors[arm] |= {f"{part} {name}": (off * which).sum(1) for part, which in parts.items()}
    return Sample(tuple(some), np.array([record["truth"]["hidden_share"] for record in some], np.float64),
                  {part: which.sum(1).astype(float) for part, which in parts.items()}, errors, by_joint, hidden,
                  len(records) - len(some))


def resampled(sample: Sample) -> Resampled:
    """The columns that figures are made of; PVE is summed over those for whom every arm tells it."""
    told = np.array([*(np.isfinite(errors["PVE"]) for errors in sample.errors.values())]).all(0)
    columns: dict[str, np.ndarray] = {"cases": np.ones(len(sample.records)), "n PVE": told.astype(float)}
    columns |= {f"n {part}": count for part, count in sample.joints.items()}
    for arm, errors in sample.errors.items():
        columns |= {f"{arm} {name}": np.where(told, values, 0.0) if name == "PVE" else values for name, values in errors.items()}
        columns[f"{arm} harmed"] = (sample.mpjpe(arm) - sample.mpjpe(OCCLUDED) > HARMED).astype(float)
    return Resampled(sample.persons, columns)


def won_back(after: Any, high: Any, low: Any) -> Any:
    """The share of the error that `high` has more than `low` that is gone; both are of the same joints, whose number cancels out."""
    return (high - after) / np.where(high > low, high - low, np.nan)


def arm_rows(sample: Sample) -> list[Row]:
    """A row an arm: what is gained on `occluded` in mm, what share of the gap to `oracle` is closed, harm, and the errors."""
    of = resampled(sample)
    rows = []
    for arm in sample.errors:
        other = arm != OCCLUDED
        lost = ORACLE in sample.errors and arm not in (OCCLUDED, ORACLE)
        row: Row = {"arm": arm, **(gains(of, arm) if other else dict.fromkeys(GAINS)),
                    "closed": of(won_back, *(f"{a} hidden MPJPE" for a in (arm, OCCLUDED, ORACLE))) if lost else None,
                    "harm": of(share, f"{arm} harmed", "cases") if other else None}
        row |= {f"{part} {name}": of(share, f"{arm} {part} {name}", f"n {part}") for name in ERRORS for part in PARTS}
        row |= {"PVE": of(share, f"{arm} PVE", "n PVE"), "cases": of.cases, "people": of.people, "not found": sample.missing}
        rows.append(row)
    return rows


GAINS = ("hidden gain", "visible gain", "gain, all joints", "gain, PA", "gain, vertices")


def gains(of: Resampled, arm: str, base: str = OCCLUDED) -> Row:
    """The error in `base` minus that in the arm, mm of the same joints: above 0, the arm is nearer to the truth."""
    named = {"hidden gain": ("hidden MPJPE", "n hidden"), "visible gain": ("visible MPJPE", "n visible"),
             "gain, all joints": ("all MPJPE", "n all"), "gain, PA": ("all PA-MPJPE", "n all"), "gain, vertices": ("PVE", "n PVE")}
    return {name: of(more, f"{base} {error}", f"{arm} {error}", count) for name, (error, count) in named.items()}


def bin_rows(sample: Sample) -> list[Row]:
    """A row an arm and occlusion rate: gains on hidden, visible and all joints, what is closed of the gap between the errors in `occluded`
    and `oracle` of all joints, harm, and the arm's errors."""
    rows = []
    for name, low, high in (*BINS, MIDDLE):
        some = only(sample, (sample.shares >= low) & (sample.shares < high))
        if not some.records:
            continue
        of = resampled(some)
        for arm in some.errors:
            other, lost = arm != OCCLUDED, ORACLE in some.errors and arm not in (OCCLUDED, ORACLE)
            closed = {f"closed, {error}": of(won_back, *(f"{a} all {error}" for a in (arm, OCCLUDED, ORACLE))) if lost else None
                      for error in ERRORS}
            rows.append({"hidden share": name, "arm": arm, **(gains(of, arm) if other else dict.fromkeys(GAINS)), **closed,
                         "harm": of(share, f"{arm} harmed", "cases") if other else None,
                         "MPJPE": of(share, f"{arm} all MPJPE", "n all"), "PA-MPJPE": of(share, f"{arm} all PA-MPJPE", "n all"),
                         "PVE": of(share, f"{arm} PVE", "n PVE"), "cases": of.cases, "people": of.people})
    return rows


def joint_rows(sample: Sample) -> list[Row]:
    """A row a joint but the root, left and right together: its error in every arm, mm, roots together; then that of the hidden ones."""
    groups: dict[str, list[int]] = {}
    for k, name in enumerate(JOINTS[:BODY_JOINTS]):
        groups.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(k)
    del groups[JOINTS[0]]
    columns: dict[str, np.ndarray] = {}
    for name, which in groups.items():
        columns[f"n {name}"] = np.full(len(sample.records), float(len(which)))
        columns[f"n hidden {name}"] = sample.hidden[:, which].sum(1).astype(float)
        for arm, errors in sample.by_joint.items():
            columns |= {f"{arm} {name}": errors[:, which].sum(1), f"{arm} hidden {name}": (errors * sample.hidden)[:, which].sum(1)}
    of = Resampled(sample.persons, columns)
    return [{"joint": name, **{arm: of(share, f"{arm} {name}", f"n {name}") for arm in sample.by_joint},
             **{f"{arm}, hidden": of(share, f"{arm} hidden {name}", f"n hidden {name}") for arm in sample.by_joint},
             "hidden joints": int(sample.hidden[:, which].sum())} for name, which in groups.items()]


def only(sample: Sample, which: np.ndarray) -> Sample:
    """Some of the cases."""
    return Sample(tuple(record for record, yes in zip(sample.records, which, strict=True) if yes), sample.shares[which],
                  {part: count[which] for part, count in sample.joints.items()},
                  {arm: {name: values[which] for name, values in errors.items()} for arm, errors in sample.errors.items()},
                  {arm: errors[which] for arm, errors in sample.by_joint.items()}, sample.hidden[which], sample.missing)


def pair_rows(samples: Mapping[str, Sample]) -> list[Row]:
    """Every regressor in every arm against the first regressor in `occluded`, on the people whom all of them found.

    So de-occlusion before a regressor that never saw people behind things stands beside one that was trained on them.
    """
    common = set[str].intersection(*(set(sample.cases) for sample in samples.values()))
    shared = {name: only(sample, np.array([case in common for case in sample.cases], np.bool_)) for name, sample in samples.items()}
    first = next(iter(shared))
    columns: dict[str, np.ndarray] = {f"n {part}": count for part, count in shared[first].joints.items()}
    for name, sample in shared.items():
        for arm, errors in sample.errors.items():
            columns |= {f"{name} {arm} {error}": values for error, values in errors.items() if error != "PVE"}
    of = Resampled(shared[first].persons, columns)
    rows: list[Row] = []
    for name, sample in shared.items():
        for arm in sample.errors:
            row: Row = {"regressor": name, "arm": arm}
            for error, part in (("hidden MPJPE", "hidden"), ("all MPJPE", "all"), ("all PA-MPJPE", "all")):
                mine, theirs, count = f"{name} {arm} {error}", f"{first} {OCCLUDED} {error}", f"n {part}"
                label = error.removeprefix("all ")
                row |= {label: of(share, mine, count), f"{label} gain": None if mine == theirs else of(more, theirs, mine, count)}
            rows.append({**row, "cases": of.cases, "people": of.people})
    return rows


def case_rows(sample: Sample) -> list[Row]:
    """Each case's errors, mm; NaN where there is nothing to be off."""
    joints = sample.joints["all"], np.where(sample.joints["hidden"] > 0, sample.joints["hidden"], np.nan)

    def errors_of(arm: str, k: int) -> dict[str, float]:
        errors, (every, hidden) = sample.errors[arm], joints
        return {"MPJPE": float(errors["all MPJPE"][k] / every[k]), "PA-MPJPE": float(errors["all PA-MPJPE"][k] / every[k]),
                "PVE": float(errors["PVE"][k]), "hidden MPJPE": float(errors["hidden MPJPE"][k] / hidden[k])}

    return [{"case": record["case"], "person": record["person"], "hidden share": float(sample.shares[k]),
             "hidden joints": int(sample.joints["hidden"][k]), **{arm: errors_of(arm, k) for arm in sample.errors}}
            for k, record in enumerate(sample.records)]
