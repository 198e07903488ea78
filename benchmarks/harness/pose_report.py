"""The report of the task `pose2d`: the verdict, tables, plots, pictures; and the same as JSON."""
from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deocc_aug.benchmarks.harness import gallery, plots
from deocc_aug.benchmarks.harness.arms import OCCLUDED, ORACLE
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.figures import Row, Sample, arm_rows, bin_rows, own_rows, people_rows, sample_of
from deocc_aug.benchmarks.harness.page import Picture, Section
from deocc_aug.benchmarks.harness.pose2d import found_of
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.report import calibration_rows, finish, judged, problems, shown_arm, spoken_of
from deocc_aug.benchmarks.harness.run import Done
from deocc_aug.benchmarks.statistics import plain

GAIN = ("Gain: PCK@0.1 minus that of `occluded` on the same joints; closed: the share of what was lost between oracle and occluded on "
        "hidden joints that is won back; harm: the share of people whose mean labelled-joint error grows by more than 5% of the box's "
        "longer side. Small print: 95% intervals from resampling people. Who is refused is shown as they are; a joint that is not given is "
        "missed.")


def write(done: Done, each: int) -> Path:
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
    strips = _gallery(done, samples, estimators[0], arms, each) if each else []
    sections = [section for name in estimators for section in _of_estimator(name, by_arm[name], by_bin[name])]
    sections.append(Section("The de-occluder itself", tables=[("", own), ("Uncertainty, by fifths of the people", sure)],
                            pictures=[plots.calibration(sure)] if sure else []))
    if strips:
        sections.append(Section("Best, median and worst", f"{estimators[0]}'s joints in the picture as it was, in the arm's, and the "
                                "labelled ones; red joints are hidden. Ordered by how much the mean error falls.", pictures=strips))
    said = {"figures": {name: {"arms": plain(by_arm[name]), "rates": plain(by_bin[name]), "people": people_rows(samples[name])}
                        for name in estimators},
            "own": plain(own), "calibration": plain(sure),
            "cases": {name: case_rows(sample, done.usable) for name, sample in samples.items()}}
    return finish(done, "pose2d: with and without de-occlusion", verdicts, sections, troubles_of(done.records, arms, estimators),
                  {**done.seconds, "report": time.perf_counter() - start}, said)


def verdict(estimator: str, rows: Sequence[Row]) -> str:
    """A sentence an arm that is spoken of (`spoken_of`)."""
    said = []
    for row in spoken_of(rows):
        gain, back = row["hidden gain"], row["closed"]
        words = judged(gain, f"hidden-joint PCK@0.1 {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")
        closed = "" if back is None or np.isnan(back.value) else f", {back.value:.0%} of what was lost is won back"
        said.append(f"{row['arm']} {words}{closed}; {row['harm'].value:.1%} of {row['cases']} cases of {row['people']} people are harmed.")
    return f"{estimator}: {' '.join(said) or f'nothing is compared; name an arm beside {OCCLUDED} and {ORACLE}.'}"


def case_rows(sample: Sample, records: Sequence[Record]) -> list[Row]:
    """Each case small: what `compare` pairs."""
    return [{"case": record["case"], "person": record["person"], "hidden": int(sample.joints["hidden"][k]),
             "visible": int(sample.joints["visible"][k]),
             "arms": {arm: [int(column[k]) for column in (judged.hits["hidden@0.1"], judged.hits["visible@0.1"], judged.harmed)]
                      for arm, judged in sample.arms.items()}}
            for k, record in enumerate(records)]


def troubles_of(records: Sequence[Record], arms: Sequence[str], estimators: Sequence[str]) -> list[Row]:
    """`problems`, and on whom an estimator failed or gave no joint, by name."""
    out = problems(records, arms)
    for record in records:
        for arm in arms if not record["problem"] else ():
            for estimator in estimators:
                answer = record["arms"][arm]["estimates"][estimator]
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


def _gallery(done: Done, samples: dict[str, Sample], estimator: str, arms: Sequence[str], each: int) -> list[Picture]:
    shown = shown_arm(done.module.arms)
    if shown is None:
        return []
    sample = samples[estimator]
    gains = sample.arms[OCCLUDED].error - sample.arms[shown.name].error
    before, after = (found_of(done.usable, arm, estimator) for arm in (OCCLUDED, shown.name))
    numbers = {name: k for k, name in enumerate(done.module.data.names)}
    chosen, joints = [], []
    for kind, k in gallery.extremes(gains, each):
        case = done.module.data.case(numbers[done.usable[k]["case"]])
        if isinstance(case, Case):
            words = (f"{sample.shares[k]:.0%} hidden, mean error {sample.arms[OCCLUDED].error[k]:.3f} -> "
                     f"{sample.arms[shown.name].error[k]:.3f} of the box's longer side")
            chosen.append((kind, case, words))
            joints.append((before[k], after[k]))
    return list(gallery.pictures(chosen, shown, joints, "cpu" if done.module.device.type == "cpu" else str(done.module.device)))
