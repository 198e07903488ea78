"""The report of the task `pose2d`: the verdict, tables, plots, pictures; and the same as JSON."""
from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness import gallery, plots
from deocc_aug.benchmarks.harness.arms import OCCLUDED, ORACLE
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.figures import Row, Sample, arm_rows, bin_rows, own_rows, people_rows, sample_of
from deocc_aug.benchmarks.harness.page import Picture, Section, page
from deocc_aug.benchmarks.harness.pose2d import found_of
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.run import Done, Machine, hardware, versions
from deocc_aug.benchmarks.statistics import Estimate, mean, plain
from deocc_aug.data.atomic import write_bytes, write_json

FORMAT = 1
NAMED = 30  # people whose problem the page names; metrics.json names all
METRICS, REPORT = "metrics.json", "report.html"
GAIN = ("Gain: PCK@0.1 minus that of `occluded` on the same joints; closed: the share of what was lost between oracle and occluded on "
        "hidden joints that is won back; harm: the share of people whose mean labelled-joint error grows by more than 5% of the box's "
        "longer side. Small print: 95% intervals from resampling people. Who is refused is shown as they are; a joint that is not given is "
        "missed.")


def write(done: Done, machine: Machine, each: int) -> Path:
    """Writes `metrics.json` and `report.html`; returns the latter's path.

    Args:
        each: pictures of best, median and worst cases; 0 leaves the gallery out.
    """
    start = time.perf_counter()
    arms = [arm.name for arm in done.module.arms]
    estimators = list(done.settings["estimators"])
    samples = {name: sample_of(done.usable, arms, name) for name in estimators}
    by_arm = {name: arm_rows(sample) for name, sample in samples.items()}
    by_bin = {name: bin_rows(sample) for name, sample in samples.items()}
    for name, rows in by_arm.items():
        for row in rows:
            row["OKS-AP"] = done.module.metrics.get(f"{name}/{row['arm']}/oks_ap")
    own, sure = own_rows(done.usable, arms), calibration_rows(done.usable, arms)
    verdicts = [verdict(name, rows) for name, rows in by_arm.items()]
    troubles = problems(done.records, arms, estimators)
    strips = list(_gallery(done, samples, estimators[0], arms, each)) if each else []
    seconds = {**done.seconds, "report": time.perf_counter() - start}
    counts = {"cases": len(done.records), "judged": len(done.usable), "people": len({r["person"] for r in done.usable}),
              "cannot be judged": len(done.records) - len(done.usable), "refused by an arm": sum(t["what"] == "refused" for t in troubles),
              "failed in an estimator": sum(t["what"] == "failed" for t in troubles)}
    said = {
        "format": FORMAT, **done.settings, "verdict": verdicts, "counts": counts, "problems": troubles,
        "metrics": _jsonable(done.module.metrics),
        "figures": {name: {"arms": plain(by_arm[name]), "rates": plain(by_bin[name]), "people": people_rows(samples[name])}
                    for name in estimators},
        "own": plain(own), "calibration": plain(sure), "cases": {name: case_rows(sample, done.usable) for name, sample in samples.items()},
        "versions": versions(), "hardware": hardware(machine), "seconds": seconds,
    }
    write_json(done.out / METRICS, said)
    sections = [section for name in estimators for section in _of_estimator(name, by_arm[name], by_bin[name])]
    sections.append(Section("The de-occluder itself", tables=[("", own), ("Uncertainty, by fifths of the people", sure)],
                            pictures=[plots.calibration(sure)] if sure else []))
    sections.append(Section("Time", _overhead(seconds), pictures=[plots.time_by_step(seconds)]))
    if strips:
        sections.append(Section("Best, median and worst", f"{estimators[0]}'s joints in the picture as it was, in the arm's, and the "
                                "labelled ones; red joints are hidden. Ordered by how much the mean error falls.", pictures=strips))
    sections.append(Section("Who could not be judged, was refused or failed", f"{counts}. All are named in {METRICS}.",
                            tables=[("", troubles[:NAMED])]))
    settings = {key: value for key, value in said.items() if key in ("task", "data", "arms", "estimators", "versions", "hardware")}
    sections.append(Section("What this is of", text=json.dumps(settings, indent=1)))
    write_bytes(done.out / REPORT, page("pose2d: with and without de-occlusion", verdicts, sections).encode())
    return done.out / REPORT


def verdict(estimator: str, rows: Sequence[Row]) -> str:
    """One sentence an estimator, on the first de-occluding arm, else on the first that is neither occluded nor oracle."""
    arms = [row for row in rows if row["arm"] not in (OCCLUDED, ORACLE)]
    if not arms:
        return f"{estimator}: nothing is compared; name an arm beside {OCCLUDED} and {ORACLE}."
    row = next((row for row in arms if row["arm"].startswith(("fused", "deocc"))), arms[0])
    gain, harm = row["hidden gain"], row["harm"]
    size = f"hidden-joint PCK@0.1 {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    if np.isnan(gain.value):
        word, size = "changes nothing that can be told: no joint is hidden", ""
    elif np.isnan(gain.low):
        word = "was tried on one person, of whom nothing follows:"
    elif gain.low > 0:
        word = "helps:"
    else:
        word = "makes it worse:" if gain.high < 0 else "makes no difference that chance does not explain:"
    back = row["closed"]
    closed = "" if back is None or np.isnan(back.value) else f", {back.value:.0%} of what was lost is won back"
    found = f"{word} {size}".rstrip()
    return (f"{row['arm']} {found}{closed}; {harm.value:.1%} of {row['cases']} cases of {row['people']} people are harmed "
            f"({estimator}).")


def case_rows(sample: Sample, records: Sequence[Record]) -> list[Row]:
    """Each case small: what `compare` pairs."""
    return [{"case": record["case"], "person": record["person"], "hidden": int(sample.joints["hidden"][k]),
             "visible": int(sample.joints["visible"][k]),
             "arms": {arm: [int(column[k]) for column in (judged.hits["hidden@0.1"], judged.hits["visible@0.1"], judged.harmed)]
                      for arm, judged in sample.arms.items()}}
            for k, record in enumerate(records)]


def calibration_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """By fifths of the people in order of uncertainty: its mean, and the mean share of the hidden silhouette that was wrong."""
    rows = []
    for arm in arms:
        views = [record["arms"][arm]["view"] for record in records]
        known = np.array([(v["uncertainty"], 1 - v["hidden_iou"]) for v in views if v.get("hidden_iou") is not None]).reshape(-1, 2)
        known = known[np.argsort(known[:, 0], kind="stable")]
        rows += [{"arm": arm, "uncertainty": float(some[:, 0].mean()), "1 - hidden IoU": mean(some[:, 1])}
                 for some in np.array_split(known, 5) if len(some)]
    return rows


def problems(records: Sequence[Record], arms: Sequence[str], estimators: Sequence[str]) -> list[Row]:
    """Everybody who could not be judged, was refused by an arm, or on whom an estimator failed or gave no joint, by name."""
    out = [{"case": record["case"], "what": "cannot be judged", "why": record["problem"]} for record in records if record["problem"]]
    for record in records:
        for arm in arms if not record["problem"] else ():
            said = record["arms"][arm]
            if said["view"]["refused"]:
                out.append({"case": record["case"], "what": "refused", "by": arm, "why": said["view"]["refused"]})
            for estimator in estimators:
                answer = said["estimates"][estimator]
                lost = sum(joint is None for joint in answer["joints"])
                if answer["failed"]:
                    out.append({"case": record["case"], "what": "failed", "by": f"{estimator} on {arm}", "why": answer["failed"]})
                elif lost:
                    out.append({"case": record["case"], "what": "joints not given", "by": f"{estimator} on {arm}",
                                "why": f"{lost} of 17 are NaN or infinite"})
    return out


def _of_estimator(name: str, rows: Sequence[Row], bins: Sequence[Row]) -> list[Section]:
    pictures: list[Picture] = [plots.gain_by_rate(bins, name), plots.harm_against_gain(rows, name)] if bins else []
    return [Section(name, GAIN, [("", rows), ("By hidden share of the person", bins)], pictures)]


def _overhead(seconds: dict[str, float]) -> str:
    share = seconds["harness"] / seconds["models"] if seconds["models"] else float("nan")
    return (f"In the loop: models {seconds['models']:.1f} s, making cases {seconds['cases']:.1f} s, the harness itself "
            f"{seconds['harness']:.1f} s ({share:.1%} of the models). Cases whose records were there before cost nothing.")


def _gallery(done: Done, samples: dict[str, Sample], estimator: str, arms: Sequence[str], each: int) -> list[Picture]:
    shown = next((arm for arm in done.module.arms if arm.kind in ("fused", "deocc")), None)
    if shown is None:
        return []
    sample = samples[estimator]
    gains = sample.arms[OCCLUDED].error - sample.arms[shown.name].error
    before, after = (found_of(done.usable, arm, estimator) for arm in (OCCLUDED, shown.name))
    numbers = {name: k for k, name in enumerate(done.data.names)}
    chosen, joints = [], []
    for kind, k in gallery.extremes(gains, each):
        case = done.data.case(numbers[done.usable[k]["case"]])
        if isinstance(case, Case):
            words = (f"{sample.shares[k]:.0%} hidden, mean error {sample.arms[OCCLUDED].error[k]:.3f} -> "
                     f"{sample.arms[shown.name].error[k]:.3f} of the box's longer side")
            chosen.append((kind, case, words))
            joints.append((before[k], after[k]))
    return list(gallery.pictures(chosen, shown, joints, "cpu" if done.module.device.type == "cpu" else str(done.module.device)))


def _jsonable(metrics: dict[str, float]) -> dict[str, Any]:
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def estimate_from(said: dict[str, Any] | None) -> Estimate | None:
    """An estimate as `metrics.json` says it."""
    if said is None:
        return None
    return Estimate(*(float("nan") if said[key] is None else said[key] for key in ("value", "low", "high")), said["people"])
