"""The report of the task `mesh`: the verdict, tables, plots, bodies drawn on pictures; and the same as JSON."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deocc_aug.benchmarks.harness import gallery, plots
from deocc_aug.benchmarks.harness.arms import OCCLUDED, ORACLE, Arm, view_of
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.figures import Row
from deocc_aug.benchmarks.harness.mesh_figures import MIDDLE, Sample, arm_rows, bin_rows, case_rows, joint_rows, pair_rows, sample_of
from deocc_aug.benchmarks.harness.mesh_task import Meshes, Regressor, body_of
from deocc_aug.benchmarks.harness.page import Picture, Section
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.harness.report import calibration_rows, finish, judged, problems, shown_arm, spoken_of
from deocc_aug.benchmarks.harness.run import Done
from deocc_aug.benchmarks.statistics import plain
from deocc_aug.canvas import place, resample, widened
from deocc_aug.integrations.mesh.overlay import overlay
from deocc_aug.integrations.mesh.protocol import Camera, MeshPrediction
from deocc_aug.types import Image

NOTE = ("All in mm. MPJPE: roots together; PA-MPJPE: after Procrustes alignment of all 22 joints; PVE: vertices, roots together. Gain: "
        "the error in `occluded` minus that in the arm, on the same joints; closed: the share of the error that hidden joints have in "
        "`occluded` beyond that in `oracle` which is gone; harm: the share of people whose MPJPE grows by more than 10 mm. Joints beyond "
        "the picture's border count in `all` alone. Small print: 95% intervals from resampling people. Who is refused is shown as they "
        "are; whom a regressor does not find in some arm is left out of its figures. All of them are counted.")


def write(done: Done, each: int) -> Path:
    """Writes `metrics.json` and `report.html`; returns the latter's path.

    Args:
        each: pictures of best, median and worst cases; 0 leaves the gallery out.
    """
    start = time.perf_counter()
    assert isinstance(done.module, Meshes)
    arms, regressors = [arm.name for arm in done.module.arms], list(done.module.regressors)
    samples = {name: sample_of(done.usable, arms, name) for name in regressors}
    samples = {name: sample for name, sample in samples.items() if sample.records}
    if not samples:
        raise ValueError(f"no regressor found anybody in every arm; {_first_failure(done.usable, arms, regressors)}")
    by_arm = {name: arm_rows(sample) for name, sample in samples.items()}
    by_bin = {name: bin_rows(sample) for name, sample in samples.items()}
    by_joint = {name: joint_rows(sample) for name, sample in samples.items()}
    pairs = pair_rows(samples) if len(samples) > 1 else []
    sure = calibration_rows(done.usable, arms)
    verdicts = [verdict(name, rows) for name, rows in by_arm.items()]
    sections = [Section(name, NOTE, [("", by_arm[name]), ("By hidden share of the person", by_bin[name]),
                                     ("MPJPE by joint, left and right together", by_joint[name])],
                        _plots(name, by_arm[name], by_bin[name])) for name in samples]
    if pairs:
        sections.append(Section("Regressors side by side", f"Gain: the error of {next(iter(samples))} in `occluded` minus that in the row, "
                                "on the same joints of the people whom all of them found.", [("", pairs)]))
    sections.append(Section("Certainty", tables=[("Uncertainty, by fifths of the people", sure)],
                            pictures=[plots.calibration(sure)] if sure else []))
    strips = _gallery(done, next(iter(samples)), samples, each) if each else []
    if strips:
        sections.append(Section("Best, median and worst", f"{next(iter(samples))}'s body in the picture as it was and in the arm's, and "
                                "the true one, by how much MPJPE falls.", pictures=strips))
    figures = {name: {"arms": plain(by_arm[name]), "rates": plain(by_bin[name]), "joints": plain(by_joint[name])} for name in samples}
    said = {"figures": figures, "pairs": plain(pairs), "calibration": plain(sure),
            "cases": {name: _json(case_rows(sample)) for name, sample in samples.items()}}
    return finish(done, "mesh: with and without de-occlusion", verdicts, sections, troubles_of(done.records, arms, regressors),
                  {**done.seconds, "report": time.perf_counter() - start}, said)


def verdict(regressor: str, rows: Sequence[Row]) -> str:
    """A sentence an arm that is spoken of (`spoken_of`); on all joints where nobody's hidden ones are known."""
    said = []
    for row in spoken_of(rows):
        part = "all-joint" if np.isnan(row["hidden gain"].value) else "hidden-joint"
        gain, back = row["gain, all joints"] if part == "all-joint" else row["hidden gain"], row["closed"]
        words = judged(gain, f"{part} MPJPE {-gain.value:+.1f} mm [{-gain.high:+.1f}, {-gain.low:+.1f}]")
        closed = "" if back is None or np.isnan(back.value) else f", {back.value:.0%} of the gap to the clean picture is closed"
        said.append(f"{row['arm']} {words}{closed}; {row['harm'].value:.1%} of {row['cases']} cases of {row['people']} people are harmed.")
    return f"{regressor}: {' '.join(said) or f'nothing is compared; name an arm beside {OCCLUDED} and {ORACLE}.'}"


def troubles_of(records: Sequence[Record], arms: Sequence[str], regressors: Sequence[str]) -> list[Row]:
    """`problems`, and whom a regressor failed on, by name."""
    out = problems(records, arms)
    for record in records:
        for arm in arms if not record["problem"] else ():
            for name in regressors:
                why = record["arms"][arm]["bodies"][name]["failed"]
                if why:
                    out.append({"case": record["case"], "what": "failed", "by": f"{name} on {arm}", "why": why})
    return out


def _first_failure(records: Sequence[Record], arms: Sequence[str], regressors: Sequence[str]) -> str:
    trouble = troubles_of(records, arms, regressors)
    first = next((row for row in trouble if row["what"] == "failed"), None)
    return f"the first failure: {first['by']}, {first['why']}" if first else "nobody was asked about"


def _plots(name: str, rows: Sequence[Row], bins: Sequence[Row]) -> list[Picture]:
    compared = [row for row in bins if row["arm"] != OCCLUDED and row["hidden share"] != MIDDLE[0]]
    if not compared:
        return []
    return [plots.gain_by_rate(compared, name, label="MPJPE less than in occluded, mm, all joints"),
            plots.harm_against_gain(rows, name, label="mm of MPJPE gained on hidden joints")]


def _gallery(done: Done, name: str, samples: Mapping[str, Sample], each: int) -> list[Picture]:
    shown = shown_arm(done.module.arms)
    if shown is None:
        return []
    assert isinstance(done.module, Meshes)
    sample, regressor = samples[name], done.module.regressors[name]
    before, after = sample.mpjpe(OCCLUDED), sample.mpjpe(shown.name)
    numbers = {case: k for k, case in enumerate(done.module.data.names)}
    out = []
    for kind, k in gallery.extremes(before - after, each):
        case = done.module.data.case(numbers[sample.cases[k]])
        if isinstance(case, Case):
            share = "" if np.isnan(sample.shares[k]) else f"{sample.shares[k]:.0%} hidden, "
            words = f"{share}MPJPE {before[k]:.0f} -> {after[k]:.0f} mm"
            device = "cpu" if done.module.device.type == "cpu" else str(done.module.device)
            out.append(gallery.jpeg(strip(case, shown, regressor, device), f"{kind}: {case.name}, {words}"))
    return out


def strip(case: Case, arm: Arm, regressor: Regressor, device: str = "cpu") -> Image:
    """Side by side: the body found in the picture as it was, that found in what the arm shows, and the true one on the clean picture."""
    assert case.mesh is not None
    view = view_of(arm, case, device)
    true = MeshPrediction(case.mesh.vertices, case.mesh.camera, case.box_xyxy)
    clean = case.image if case.clean is None else case.clean
    drawn = [(case.image, body_of(regressor, case.image, case.box_xyxy)), (view.image, body_of(regressor, view.image, case.box_xyxy)),
             (clean, true)]
    to_tile = place(widened(case.box_xyxy, gallery.ROOM), (gallery.HEIGHT, gallery.WIDTH))
    return np.concatenate([_tile(image, body, case, to_tile) for image, body in drawn], axis=1)


def _tile(image: Image, body: MeshPrediction, case: Case, to_tile: np.ndarray) -> Image:
    """The body on the tile's own pixels, so that it is drawn as finely as the tile is; none where its faces are not known."""
    assert case.mesh is not None
    tile = np.ascontiguousarray(resample(image, to_tile, (gallery.HEIGHT, gallery.WIDTH)))
    if body.vertices.shape != case.mesh.vertices.shape or not len(case.mesh.faces):
        return tile
    scale = to_tile[0, 0]
    camera = Camera(body.camera.focal_px * scale, body.camera.centre_px * scale + to_tile[:, 2])
    return overlay(tile, [MeshPrediction(body.vertices, camera, body.box_xyxy)], case.mesh.faces)


def _json(rows: Sequence[Row]) -> list[Row]:
    """Rows whose inner numbers are JSON's: None for NaN."""
    def value_of(value: object) -> object:
        if isinstance(value, Mapping):
            return {name: value_of(inner) for name, inner in value.items()}
        return None if isinstance(value, float) and np.isnan(value) else value

    return [{name: value_of(value) for name, value in row.items()} for row in rows]
