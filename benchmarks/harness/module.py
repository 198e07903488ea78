"""What every task's LightningModule does: a case comes for all arms at once, what they give is written down, figures are of that."""
from __future__ import annotations

import time
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from deocc_aug.benchmarks.harness.arms import DEFAULT, View, parse_all, views_of
from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.records import Record, Records
from deocc_aug.benchmarks.statistics import iou

HERE = {"sync_on_compute": False}  # every process has all records: nothing is to be gathered


class BenchModule(pl.LightningModule):
    """A task without a net of its own.  The arguments are the command line's options.

    Args:
        data: the cases.
        out: folder for records and report; a run that was stopped goes on from them
        arms: occluded, which is always there, grey, telea, oracle, deocc:PRESET[,option=value...], fused:PRESET[,option=value...]; the
            last two as often as you like

    Raises:
        ValueError: no such arm, or one that the data cannot have.
    """

    task: str

    def __init__(self, data: BenchData, out: Path, arms: Sequence[str] = DEFAULT) -> None:
        super().__init__()
        self.data, self.records = data, Records(out)
        self.arms = tuple(parse_all(arms, data.clean, data.occluders))
        self.spent: dict[str, float] = defaultdict(float)
        self.metrics: dict[str, float] = {}  # Lightning's log rounds to float32

    @property
    def names(self) -> tuple[str, ...]:
        """Of all cases asked for, in order; figures are of these."""
        return self.data.names

    def beside(self) -> dict[str, Any]:
        """What decides the records beside data and arms, as JSON."""
        return {}

    def objection(self, case: Case) -> str:
        """Why the task cannot judge a case; "" where it can."""
        return ""

    @abstractmethod
    def measured(self, case: Case, views: Mapping[str, View], before: Record | None) -> dict[str, dict[str, Any]]:
        """What the arms of `views` give, as JSON by arm; `before` is what the case's record says of others already."""

    @abstractmethod
    def logged(self, records: Sequence[Record]) -> dict[str, float]:
        """The task's metrics over all records, by name and arm."""

    def test_step(self, batch: Mapping[str, Case | Unusable | None], batch_idx: int) -> None:
        """One case, for the arms that have no record of it yet."""
        asked = {arm.name: batch[arm.name] for arm in self.arms if batch.get(arm.name) is not None}
        if not asked:
            return
        case = next(iter(asked.values()))
        assert case is not None
        problem = self.objection(case) if isinstance(case, Case) else case.problem
        if not isinstance(case, Case) or problem:
            self.records.refuse(case.name, case.person, problem)
            return
        device = "cpu" if self.device.type == "cpu" else str(self.device)
        views = views_of([arm for arm in self.arms if arm.name in asked], case, device)
        for name, view in views.items():
            first = next(other for other, shared in views.items() if shared is view)
            self.spent[f"arm {name}"] += view.seconds * (name == first)  # arms that share a completion pay for it once
        found = self.measured(case, views, self.records.read(case.name))
        with self.timed("records"):
            said = {name: {"view": facts_of(case, view), **found[name]} for name, view in views.items()}
            self.records.add(case.name, case.person, truth_of(case), said)

    def on_test_epoch_end(self) -> None:
        """Metrics over all records, those of runs before and of other processes included: the same in every process."""
        assert self.trainer is not None
        self.trainer.strategy.barrier("records")
        with self.timed("metrics"):
            records = [*self.records.of(self.names, [arm.name for arm in self.arms])]
            self.metrics = self.logged([record for record in records if not record["problem"]])
        self.log_dict(self.metrics, add_dataloader_idx=False, rank_zero_only=True, batch_size=1)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Adds up the seconds of a step of this process."""
        start = time.perf_counter()
        yield
        self.spent[step] += time.perf_counter() - start


def truth_of(case: Case) -> dict[str, Any]:
    """What a record keeps of a case."""
    area = case.area if case.area is not None or case.amodal is None else float(case.amodal.sum())
    truth = {"side": case.side, "box": case.box_xyxy.tolist(), "hidden_share": case.hidden_share, "joints": case.joints.tolist(),
             "hidden": case.hidden.tolist(), "area": area}
    if case.mesh is not None:
        truth["mesh"] = {"joints": case.mesh.joints.astype(float).tolist(), "hidden": case.mesh.hidden.tolist(),
                         "outside": case.mesh.outside.tolist()}
    return truth


def facts_of(case: Case, view: View) -> dict[str, Any]:
    """What a record keeps of a view beside its pixels: `own`, the de-occluder's joints, and its hidden IoU where the truth is known."""
    said: dict[str, Any] = {"seconds": view.seconds, "changed": not view.same, "refused": view.refused}
    if view.result is not None:
        said |= {"reason": view.result.reason, "uncertainty": view.result.uncertainty, "own": view.result.joints.astype(float).tolist(),
                 "hidden_iou": None}
        if case.amodal is not None and case.occluder is not None and (case.amodal & case.occluder).any():
            said["hidden_iou"] = iou((view.result.amodal_mask > 0.5) & case.occluder, case.amodal & case.occluder)
    return said
