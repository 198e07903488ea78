"""The report of the task `completion`."""
from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness import gallery, plots
from deocc_aug.benchmarks.harness.arms import OCCLUDED
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.completion_task import LPIPS, Completion, arm_rows, bin_rows, figures_of, people_rows, values_of
from deocc_aug.benchmarks.harness.figures import Row
from deocc_aug.benchmarks.harness.looks import SIZE
from deocc_aug.benchmarks.harness.page import Picture, Section
from deocc_aug.benchmarks.harness.report import calibration_rows, finish, problems, shown_arm, spoken_of
from deocc_aug.benchmarks.harness.run import Done
from deocc_aug.benchmarks.statistics import plain

NOTE = ("IoU of the whole silhouette, and of its part inside the occluder; L1 (of 255), PSNR and SSIM of the picture where the person is "
        "hidden. Small print: 95% intervals from resampling people. Who is refused is shown as they are.")
LOOKS = f" LPIPS: of the box of what is hidden, {SIZE[0]} x {SIZE[1]} pixels; its gain is how much lower it is than in `occluded`."
SETS = (f"All crops of what is hidden ({SIZE[0]} x {SIZE[1]} pixels) together, against the clean ones. Both figures depend on how many "
        "crops there are: compare runs of the same cases alone. KID is below 0 where the pictures are nearly the same.")


def write(done: Done, each: int) -> Path:
    """Writes `metrics.json` and `report.html`; returns the latter's path.  `each` pictures of best, median and worst cases."""
    start = time.perf_counter()
    arms = [arm.name for arm in done.module.arms]
    rows, bins, sure = arm_rows(done.usable, arms), bin_rows(done.usable, arms), calibration_rows(done.usable, arms)
    shown = shown_arm(done.module.arms)
    verdicts = [verdict(rows)]
    assert isinstance(done.module, Completion)
    sets = done.module.sets
    note = NOTE + LOOKS * (LPIPS in figures_of(done.usable))
    sections = [Section("Silhouettes and pixels", note, [("", rows), ("By hidden share of the person", bins)]),
                *([Section("FID and KID", SETS, [("", sets)])] if sets else []),
                Section("Certainty", tables=[("Uncertainty, by fifths of the people", sure)],
                        pictures=[plots.calibration(sure)] if sure else [])]
    strips = _gallery(done, each) if each and shown is not None else []
    if strips:
        sections.append(Section("Best, median and worst", "The picture as it was, the arm's, and the clean one, by how much nearer to the "
                                "clean one it is (PSNR).", pictures=strips))
    said: dict[str, Any] = {"figures": {"arms": plain(rows), "rates": plain(bins), "cases": people_rows(done.usable, arms)},
                            "calibration": plain(sure)}
    if sets:
        said["figures"]["sets"] = plain(sets)
    return finish(done, "completion: how near to the truth", verdicts, sections, problems(done.records, arms),
                  {**done.seconds, "report": time.perf_counter() - start}, said)


def verdict(rows: Sequence[Row]) -> str:
    """A sentence an arm that is spoken of (`spoken_of`)."""
    said = []
    for row in spoken_of(rows):
        words = [f"{name} {row[name].value:.3f} [{row[name].low:.3f}, {row[name].high:.3f}]"
                 for name in ("hidden IoU", "hidden PSNR", "PSNR gain", "LPIPS gain") if row.get(name) is not None]
        said.append(f"{row['arm']}: {', '.join(words) or 'nothing that can be told'}; {row['cases']} cases of {row['people']} people.")
    return " ".join(said) or "Nothing is completed; name an arm deocc:PRESET."


def _gallery(done: Done, each: int) -> list[Picture]:
    shown = shown_arm(done.module.arms)
    assert shown is not None
    before, after = (values_of(done.usable, arm, "hidden PSNR") for arm in (OCCLUDED, shown.name))
    known = np.nonzero(~np.isnan(after - before))[0]
    numbers = {name: k for k, name in enumerate(done.module.data.names)}
    nothing = np.full((17, 3), np.nan)
    out = []
    for kind, at in gallery.extremes((after - before)[known], each):
        k = int(known[at])
        case = done.module.data.case(numbers[done.usable[k]["case"]])
        if isinstance(case, Case):
            words = f"{case.hidden_share:.0%} hidden, PSNR there {before[k]:.1f} -> {after[k]:.1f} dB"
            out += gallery.pictures([(kind, case, words)], shown, [(nothing, nothing)], truth=False)
    return out
