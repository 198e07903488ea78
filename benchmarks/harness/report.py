"""What the reports of all tasks have in common, as a page and as JSON."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness import plots
from deocc_aug.benchmarks.harness.arms import DEOCC, FUSED, OCCLUDED, ORACLE, Arm
from deocc_aug.benchmarks.harness.figures import Row
from deocc_aug.benchmarks.harness.page import Section, page
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.run import Done, versions
from deocc_aug.benchmarks.statistics import Estimate, mean
from deocc_aug.data.atomic import write_bytes, write_json

FORMAT = 1
NAMED = 30  # people whose problem the page names; metrics.json names all
METRICS, REPORT = "metrics.json", "report.html"
SETTINGS = ("task", "data", "arms", "estimators", "regressors", "weights", "versions", "hardware")


def finish(done: Done, title: str, verdicts: Sequence[str], sections: Sequence[Section], troubles: Sequence[Row],
           seconds: Mapping[str, float], said: Mapping[str, Any]) -> Path:
    """Writes `metrics.json` and `report.html` with what every task says, and `said` and `sections` besides; returns the page's path."""
    counts = {"cases": len(done.records), "judged": len(done.usable), "people": len({record["person"] for record in done.usable}),
              "cannot be judged": len(done.records) - len(done.usable), "refused by an arm": sum(t["what"] == "refused" for t in troubles),
              "failed in an estimator": sum(t["what"] == "failed" for t in troubles)}
    metrics = {name: value if np.isfinite(value) else None for name, value in done.module.metrics.items()}
    whole = {"format": FORMAT, **done.settings, "verdict": list(verdicts), "counts": counts, "problems": list(troubles), "metrics": metrics,
             **said, "versions": versions(), "hardware": done.hardware, "seconds": dict(seconds)}
    write_json(done.module.records.folder / METRICS, whole)
    ending = [
        Section("Time", _overhead(seconds), pictures=[plots.time_by_step(seconds)]),
        Section("Who could not be judged, was refused or failed", f"{', '.join(f'{name}: {count}' for name, count in counts.items())}. "
                f"All are named in {METRICS}.", tables=[("", troubles[:NAMED])]),
        Section("What this is of", text=json.dumps({key: whole[key] for key in SETTINGS if key in whole}, indent=1))]
    write_bytes(done.module.records.folder / REPORT, page(title, verdicts, [*sections, *ending]).encode())
    return done.module.records.folder / REPORT


def problems(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """Everybody who could not be judged, and whom an arm refused, by name."""
    out: list[Row] = [{"case": record["case"], "what": "cannot be judged", "by": "", "why": record["problem"]}
                      for record in records if record["problem"]]
    for record in records:
        views = {} if record["problem"] else {arm: record["arms"][arm]["view"] for arm in arms}
        out += [{"case": record["case"], "what": "refused", "by": arm, "why": view["refused"]} for arm, view in views.items()
                if view["refused"]]
    return out


def calibration_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """By fifths of the people in order of uncertainty: its mean, and the mean share of the hidden silhouette that was wrong."""
    rows: list[Row] = []
    for arm in arms:
        views = [record["arms"][arm]["view"] for record in records]
        known = np.array([(v["uncertainty"], 1 - v["hidden_iou"]) for v in views if v.get("hidden_iou") is not None]).reshape(-1, 2)
        known = known[np.argsort(known[:, 0], kind="stable")]
        rows += [{"arm": arm, "uncertainty": float(some[:, 0].mean()), "1 - hidden IoU": mean(some[:, 1])}
                 for some in np.array_split(known, 5) if len(some)]
    return rows


def shown_arm(arms: Sequence[Arm]) -> Arm | None:
    """The arm that pictures are about: the first fused one, else the first de-occluding one."""
    return next((arm for kind in (FUSED, DEOCC) for arm in arms if arm.kind == kind), None)


def spoken_of(rows: Sequence[Row]) -> list[Row]:
    """The arms that a verdict is about, whatever they gave: the first `deocc` one that was named and the first `fused` one; where there is
    neither, the first beside `occluded` and `oracle`.
    """
    arms = [row for row in rows if row["arm"] not in (OCCLUDED, ORACLE)]
    first = (next((row for row in arms if row["arm"].startswith(f"{kind}:")), None) for kind in (DEOCC, FUSED))
    return [row for row in first if row is not None] or arms[:1]


def judged(gain: Estimate, size: str) -> str:
    """A gain in words that say no more than its interval, and its `size`."""
    if np.isnan(gain.value):
        return "changes nothing that can be told: no joint is hidden"
    if np.isnan(gain.low):
        return f"was tried on one person, of whom nothing follows: {size}"
    if gain.low > 0:
        return f"helps: {size}"
    return f"{'makes it worse' if gain.high < 0 else 'makes no difference that chance does not explain'}: {size}"


def estimate_from(said: Mapping[str, Any] | None) -> Estimate | None:
    """An estimate as `metrics.json` says it."""
    if said is None:
        return None
    return Estimate(*(float("nan") if said[key] is None else said[key] for key in ("value", "low", "high")), said["people"])


def _overhead(seconds: Mapping[str, float]) -> str:
    share = seconds["harness"] / seconds["models"] if seconds["models"] else float("nan")
    return (f"In the loop: models {seconds['models']:.1f} s, making cases {seconds['cases']:.1f} s, the harness itself "
            f"{seconds['harness']:.1f} s ({share:.1%} of the models). Cases whose records were there before cost nothing.")
