"""The task `completion`: how near an arm's silhouette and pixels are to the truth, where something hides it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchmetrics import MeanMetric
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from deocc_aug.benchmarks.harness.arms import DEFAULT, OCCLUDED, View
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.figures import BINS, Resampled, Row
from deocc_aug.benchmarks.harness.looks import SUBSET, SUBSETS, Looks, Weights, crop_around, features_of, fid, kid, text_of
from deocc_aug.benchmarks.harness.module import HERE, BenchModule
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.benchmarks.statistics import iou
from deocc_aug.canvas import widened
from deocc_aug.types import Image, Mask

MASKS = ("amodal IoU", "hidden IoU")
PIXELS = ("hidden L1", "hidden PSNR", "hidden SSIM")
FIGURES = (*MASKS, *PIXELS)
LPIPS = "hidden LPIPS"
ROOM = 0.1  # longer sides around the person in which SSIM's windows may reach
NO_LOOKS = Weights()
CEILING = 100.0  # dB: PSNR of pixels that are right to the bit


class Completion(BenchModule):
    """How near every arm's picture, and the silhouette where it gives one, are to the truth.

    Args:
        metrics: the nets of LPIPS, FID and KID, where they are asked for

    Raises:
        OSError: a file of weights is missing.
        ValueError: a file holds other weights, or the data have no clean pictures to look at.
    """

    task = "completion"

    def __init__(self, data: BenchData, out: Path, arms: Sequence[str] = DEFAULT, metrics: Weights = NO_LOOKS) -> None:
        super().__init__(data, out, arms)
        self.weights = metrics.described()
        if self.weights and not data.clean:
            raise ValueError("the data set has no clean pictures: leave --metrics out")
        self.looks = Looks(metrics) if self.weights else None
        self.sets: list[Row] = []

    def beside(self) -> dict[str, Any]:
        return {"weights": self.weights} if self.weights else {}

    def objection(self, case: Case) -> str:
        return "" if case.amodal is not None and case.occluder is not None else "the whole silhouette, or what is in front, is not known"

    def measured(self, case: Case, views: Mapping[str, View], before: Record | None) -> dict[str, dict[str, Any]]:
        with self.timed("measuring"):
            found: dict[str, dict[str, Any]] = {arm: {"measured": measure(case, view)} for arm, view in views.items()}
        if self.looks is not None:
            with self.timed("looking"):
                self._look(self.looks, case, views, found)
        return found

    def _look(self, looks: Looks, case: Case, views: Mapping[str, View], found: Mapping[str, dict[str, Any]]) -> None:
        """Adds LPIPS and Inception's features of each arm's crop, and under `occluded`, which every record has, those of the clean one."""
        assert case.amodal is not None and case.occluder is not None
        hidden = case.amodal & case.occluder
        if case.clean is None or not hidden.any():
            return
        clean, features = crop_around(case.clean, hidden), dict[int, str]()  # by picture: arms may share one

        def features_in(image: Image) -> str:
            if id(image) not in features:
                features[id(image)] = text_of(looks.features(crop_around(image, hidden)))
            return features[id(image)]

        for arm, view in views.items():
            if looks.lpips is not None:
                found[arm]["measured"][LPIPS] = looks.distance(crop_around(view.image, hidden), clean)
            if looks.inception is not None:
                found[arm]["features"] = features_in(view.image)
                if arm == OCCLUDED:
                    found[arm]["clean features"] = features_in(case.clean)

    def logged(self, records: Sequence[Record]) -> dict[str, float]:
        """The mean of each figure over the cases that have it, by arm; FID and KID."""
        out = {}
        for arm in (arm.name for arm in self.arms):
            for name in figures_of(records):
                values = [value for value in values_of(records, arm, name) if not np.isnan(value)]
                if values:
                    metric = MeanMetric(**HERE).set_dtype(torch.double)
                    metric.update(torch.tensor(values, dtype=torch.double))
                    out[f"{arm}/{name}"] = float(metric.compute())
        self.sets = set_rows(records, [arm.name for arm in self.arms])
        return out | {f"{row['arm']}/{name}": row[name] for row in self.sets for name in ("FID", "KID")}


def measure(case: Case, view: View) -> dict[str, float]:
    """The figures of one view that can be told: IoU where the arm gives a silhouette; pixels where there is a clean picture."""
    assert case.amodal is not None and case.occluder is not None
    hidden, out = case.amodal & case.occluder, dict[str, float]()
    if view.result is not None:
        completed = view.result.amodal_mask > 0.5
        out["amodal IoU"] = iou(completed, case.amodal)
        if hidden.any():
            out["hidden IoU"] = iou(completed & case.occluder, hidden)
    if case.clean is not None and hidden.any():
        out |= pixels(view.image, case.clean, hidden, case.box_xyxy)
    return out


def pixels(image: Image, clean: Image, where: Mask, box_xyxy: np.ndarray) -> dict[str, float]:
    """L1 (of 255), PSNR in dB and SSIM of the pixels `where`; SSIM's windows see what is around them."""
    a, b = (torch.from_numpy(picture[where].astype(np.float64)) for picture in (image, clean))
    psnr = float(peak_signal_noise_ratio(a, b, data_range=255.0)) if not torch.equal(a, b) else CEILING
    height, width = where.shape
    x0, y0, x1, y1 = np.round(widened(box_xyxy, ROOM)).astype(int).clip(0, [width, height, width, height])
    part = (slice(y0, y1), slice(x0, x1))
    pair = [torch.from_numpy(np.ascontiguousarray(picture[part])).float().permute(2, 0, 1)[None] for picture in (image, clean)]
    out = {"hidden L1": float((a - b).abs().mean()), "hidden PSNR": min(psnr, CEILING)}
    if min(pair[0].shape[2:]) > 11:  # SSIM's window
        _, everywhere = structural_similarity_index_measure(*pair, data_range=255.0, return_full_image=True)
        out["hidden SSIM"] = float(everywhere[0].mean(0).numpy()[where[part]].mean())
    return out


def values_of(records: Sequence[Record], arm: str, name: str) -> np.ndarray:
    """A figure of each case, NaN where it has none."""
    return np.array([record["arms"][arm]["measured"].get(name, np.nan) for record in records], np.float64)


def figures_of(records: Sequence[Record]) -> tuple[str, ...]:
    """What is told of every case: LPIPS too where it was asked for."""
    return (*FIGURES, *((LPIPS,) if any(LPIPS in record["arms"][OCCLUDED]["measured"] for record in records) else ()))


def set_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """A row an arm: FID and KID of all its crops and the clean ones; none where Inception was not asked for."""
    some = [record for record in records if "clean features" in record["arms"][OCCLUDED]]
    if not some:
        return []
    clean = features_of([record["arms"][OCCLUDED]["clean features"] for record in some])
    rows: list[Row] = []
    for arm in arms:
        found = features_of([record["arms"][arm]["features"] for record in some])
        value, spread = kid(found, clean)
        many = len(some) > SUBSET
        rows.append({"arm": arm, "FID": fid(found, clean), "KID": value, "KID, std over subsets": spread if many else None,
                     "crops": len(some), "KID's subsets": SUBSETS if many else 1, "of crops": min(len(some), SUBSET)})
    return rows


def arm_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """A row an arm: each figure's mean over cases, and how much nearer than `occluded` the picture is, with intervals over people."""
    figures = figures_of(records)
    columns: dict[str, np.ndarray] = {}
    for arm in arms:
        for name in figures:
            values = values_of(records, arm, name)
            columns |= {f"{arm} {name}": np.nan_to_num(values), f"{arm} n {name}": (~np.isnan(values)).astype(float)}
    of = Resampled([record["person"] for record in records], columns)
    rows = []
    for arm in arms:
        row: Row = {"arm": arm, "cases": of.cases, "people": of.people}
        for name in figures:
            known = columns[f"{arm} n {name}"].any()
            row[name] = of(lambda total, n: total / n, f"{arm} {name}", f"{arm} n {name}") if known else None
        gained = arm != OCCLUDED and columns[f"{arm} n hidden PSNR"].any()
        row["PSNR gain"] = of(lambda a, b, n: (a - b) / n, f"{arm} hidden PSNR", f"{OCCLUDED} hidden PSNR", f"{arm} n hidden PSNR") if (
            gained) else None
        if LPIPS in figures:
            row["LPIPS gain"] = of(lambda a, b, n: (b - a) / n, f"{arm} {LPIPS}", f"{OCCLUDED} {LPIPS}", f"{arm} n {LPIPS}") if (
                arm != OCCLUDED) else None
        rows.append(row)
    return rows


def bin_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """The same by hidden share of the person."""
    rows = []
    for name, low, high in BINS:
        some = [record for record in records if low <= record["truth"]["hidden_share"] < high]
        if some:
            rows += [{"hidden share": name, **row} for row in arm_rows(some, arms)]
    return rows


def people_rows(records: Sequence[Record], arms: Sequence[str]) -> list[Row]:
    """Each case's figures."""
    return [{"case": record["case"], "person": record["person"], "hidden share": record["truth"]["hidden_share"],
             **{arm: record["arms"][arm]["measured"] for arm in arms}} for record in records]
