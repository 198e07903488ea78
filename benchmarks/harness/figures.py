"""Figures of the task `pose2d` from its records: by arm, by occlusion rate, with paired 95% intervals over people."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from deocc_aug.benchmarks.harness.arms import OCCLUDED, ORACLE
from deocc_aug.benchmarks.harness.metrics import HARMED, NEAR
from deocc_aug.benchmarks.harness.pose2d import errors_of, joints_of, mean_error, own_errors_of
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.statistics import Estimate, of_sums, resampled_sums

NARROW = NEAR / 2
LEAST = 0.005  # of the silhouette: whoever has less hidden has nothing hidden
BINS = (("0 %", -1.0, LEAST), ("0-20 %", LEAST, 0.2), ("20-40 %", 0.2, 0.4), ("40-60 %", 0.4, 0.6), ("60+ %", 0.6, 1.01))

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Judged:
    """What one estimator found of everybody in one arm; columns are cases.

    `hits` of joints by part ("hidden", "visible") and threshold; `error` the mean error in longer sides; `harmed` by the arm;
    `lost`: joints that it did not give, or gave as NaN; `failed`: it raised an error.
    """

    hits: Mapping[str, Float[np.ndarray, "n"]]
    error: Float[np.ndarray, "n"]
    harmed: Float[np.ndarray, "n"]
    lost: Float[np.ndarray, "n"]
    failed: Bool[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Sample:
    """All cases of one estimator: whose they are, how much is hidden, how many joints there are of each part, and what each arm gave."""

    persons: tuple[str, ...]
    shares: Float[np.ndarray, "n"]
    joints: Mapping[str, Float[np.ndarray, "n"]]
    arms: Mapping[str, Judged]

    def only(self, which: Bool[np.ndarray, "n"]) -> Sample:
        """Some of the cases."""
        def judged(arm: Judged) -> Judged:
            return Judged({name: hits[which] for name, hits in arm.hits.items()}, arm.error[which], arm.harmed[which], arm.lost[which],
                          arm.failed[which])

        return Sample(tuple(person for person, yes in zip(self.persons, which, strict=True) if yes), self.shares[which],
                      {part: count[which] for part, count in self.joints.items()}, {arm: judged(one) for arm, one in self.arms.items()})


def sample_of(records: Sequence[Record], arms: Sequence[str], estimator: str) -> Sample:
    """One estimator's cases, of records without a problem."""
    labelled, hidden = joints_of(records)
    parts = {"hidden": hidden, "visible": labelled & ~hidden}
    before = mean_error(errors_of(records, OCCLUDED, estimator), labelled)
    judged = {}
    for arm in arms:
        errors = errors_of(records, arm, estimator)
        error = mean_error(errors, labelled)
        hits = {f"{part}@{near:g}": ((errors < near) & which).sum(1).astype(float)
                for part, which in parts.items() for near in (NEAR, NARROW)}
        failed = np.array([bool(record["arms"][arm]["estimates"][estimator]["failed"]) for record in records], np.bool_)
        judged[arm] = Judged(hits, error, (error - before > HARMED).astype(float), np.isnan(errors).sum(1).astype(float), failed)
    return Sample(tuple(record["person"] for record in records), np.array([record["truth"]["hidden_share"] for record in records], float),
                  {part: which.sum(1).astype(float) for part, which in parts.items()}, judged)


class Resampled:
    """Estimates over people of statistics of sums over cases, every one from the same people drawn anew.

    Args:
        persons: whose each case is; all cases of a person are drawn together.
        columns: by name, a value a case.
    """

    def __init__(self, persons: Sequence[str], columns: Mapping[str, Float[np.ndarray, "n"]]) -> None:
        names, of = np.unique(np.array(persons, dtype=object).astype(str), return_inverse=True)
        self.people, self.cases = len(names), len(persons)
        table = np.stack([*columns.values()], axis=1) if columns else np.zeros((self.cases, 0))
        sums = np.zeros((self.people, table.shape[1]))
        np.add.at(sums, of, table)
        self._index = {name: k for k, name in enumerate(columns)}
        self._totals, self._sums = sums.sum(0), resampled_sums(sums)

    def __call__(self, statistic: Callable[..., Any], *names: str) -> Estimate:
        """`statistic` of the sums of those columns."""
        which = [self._index[name] for name in names]
        return of_sums(statistic, self._totals[which], self._sums[:, which], self.people)


def resampled(sample: Sample) -> Resampled:
    """The columns that figures are made of."""
    columns: dict[str, np.ndarray] = {"cases": np.ones(len(sample.persons))}
    columns |= {f"n {part}": count for part, count in sample.joints.items()}
    for arm, judged in sample.arms.items():
        columns |= {f"{arm} {name}": hits for name, hits in judged.hits.items()}
        columns |= {f"{arm} harmed": judged.harmed, f"{arm} error": judged.error}
    return Resampled(sample.persons, columns)


def share(part: Any, whole: Any) -> Any:
    return part / whole


def more(after: Any, before: Any, whole: Any) -> Any:
    return (after - before) / whole


def won_back(after: Any, low: Any, high: Any) -> Any:
    """The share of what was lost between `high` and `low` that is there again: PCK's denominators cancel out."""
    return (after - low) / np.where(high > low, high - low, np.nan)


def arm_rows(sample: Sample) -> list[Row]:
    """A row an arm: PCK of hidden and visible joints, what it gains on `occluded`, what share of the loss it wins back, harm."""
    of = resampled(sample)
    rows = []
    for arm, judged in sample.arms.items():
        other = arm != OCCLUDED
        lost = ORACLE in sample.arms and arm not in (OCCLUDED, ORACLE)
        row: Row = {                                                # what matters most comes first: a phone shows three columns
            "arm": arm,
            "hidden gain": gain(of, arm, "hidden") if other else None,
            "closed": of(won_back, *(f"{a} hidden@{NEAR:g}" for a in (arm, OCCLUDED, ORACLE))) if lost else None,
            "harm": of(share, f"{arm} harmed", "cases") if other else None,
            "visible gain": gain(of, arm, "visible") if other else None,
        }
        for near in (NEAR, NARROW):
            row |= {f"{part} PCK@{near:g}": of(share, f"{arm} {part}@{near:g}", f"n {part}") for part in ("hidden", "visible")}
        row["mean error"] = float(judged.error.mean()) if len(judged.error) else float("nan")
        row |= {"cases": of.cases, "people": of.people, "failed": int(judged.failed.sum()), "joints not given": int(judged.lost.sum())}
        rows.append(row)
    return rows


def gain(of: Resampled, arm: str, part: str) -> Estimate:
    """PCK of the arm minus PCK of `occluded`, on the same joints."""
    return of(more, f"{arm} {part}@{NEAR:g}", f"{OCCLUDED} {part}@{NEAR:g}", f"n {part}")


def bin_rows(sample: Sample) -> list[Row]:
    """A row an arm and occlusion rate: gains on hidden, visible and all labelled joints, and harm."""
    rows = []
    for name, low, high in BINS:
        some = sample.only((sample.shares >= low) & (sample.shares < high))
        if not some.persons:
            continue
        of = resampled(some)
        for arm in some.arms:
            if arm == OCCLUDED:
                continue
            whole = of(lambda ah, av, bh, bv, nh, nv: (ah + av - bh - bv) / (nh + nv), *(f"{a} {part}@{NEAR:g}" for a in (arm, OCCLUDED)
                       for part in ("hidden", "visible")), "n hidden", "n visible")
            rows.append({"hidden share": name, "arm": arm, "hidden gain": gain(of, arm, "hidden"), "visible gain": gain(of, arm, "visible"),
                         "gain, all joints": whole, "harm": of(share, f"{arm} harmed", "cases"), "cases": of.cases, "people": of.people})
    return rows


def people_rows(sample: Sample) -> list[Row]:
    """Each person's cases together: hits of what there was to hit by arm and part, and the mean error."""
    whose = np.array(sample.persons, dtype=object)
    rows = []
    for person in dict.fromkeys(sample.persons):
        mine = whose == person
        row: Row = {"person": person, "cases": int(mine.sum()), "hidden share": float(sample.shares[mine].mean())}
        for arm, judged in sample.arms.items():
            row[arm] = {part: [int(judged.hits[f"{part}@{NEAR:g}"][mine].sum()), int(count[mine].sum())]
                        for part, count in sample.joints.items()}
            row[arm] |= {"error": float(judged.error[mine].mean()), "harmed": int(judged.harmed[mine].sum())}
        rows.append(row)
    return rows


def own_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """How good the de-occluder's own joints are on hidden joints, whether the gate painted, and how sure it was."""
    _, hidden = joints_of(records)
    persons = [record["person"] for record in records]
    rows = []
    for arm in arms:
        views = [record["arms"][arm]["view"] for record in records]
        if not any("own" in view for view in views):
            continue
        near = (own_errors_of(records, arm) < NEAR) & hidden
        of = Resampled(persons, {"hits": near.sum(1).astype(float), "n": hidden.sum(1).astype(float), "cases": np.ones(len(records)),
                                 "painted": np.array([float(view["changed"]) for view in views])})
        refused = [view["refused"] for view in views if view["refused"]]
        rows.append({"arm": arm, f"own hidden joints PCK@{NEAR:g}": of(share, "hits", "n"), "painted": of(share, "painted", "cases"),
                     "refused": len(refused), "seconds, median": float(np.median([view["seconds"] for view in views]))})
    return rows
