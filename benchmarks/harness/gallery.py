"""Pictures of the best, the median and the worst cases, made anew from their numbers."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from deocc_aug.benchmarks.harness.arms import Arm, view_of
from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.page import Picture
from deocc_aug.canvas import apply, place, resample, widened
from deocc_aug.types import Image

HEIGHT, WIDTH = 320, 240
ROOM = 0.12
BONES = ((5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (11, 12), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16), (0, 5), (0, 6))


def extremes(gains: np.ndarray, each: int) -> list[tuple[str, int]]:
    """("best" | "median" | "worst", number) of at most `each` cases a kind, nobody twice."""
    order = [int(k) for k in np.argsort(-gains, kind="stable")]
    middle = max(0, len(order) // 2 - each // 2)
    wanted = {"best": order[:each], "worst": order[::-1][:each], "median": order[middle:middle + each]}
    out, shown = list[tuple[str, int]](), set[int]()
    for kind in ("best", "worst", "median"):
        for number in wanted[kind]:
            if number not in shown:
                shown.add(number)
                out.append((kind, number))
    return sorted(out, key=lambda pair: ("best", "median", "worst").index(pair[0]))


def strip(case: Case, arm: Arm, before: np.ndarray, after: np.ndarray, device: str = "cpu", truth: bool = True) -> Image:
    """Side by side: what was shown and found before, what the arm shows and was found in it, and the truth, its joints drawn or not."""
    view = view_of(arm, case, device)
    to_tile = place(widened(case.box_xyxy, ROOM), (HEIGHT, WIDTH))
    labelled = np.where(case.joints[:, 2:] * truth > 0, case.joints[:, :2], np.nan)
    shown = [(case.image, before), (view.image, after), (case.image if case.clean is None else case.clean, labelled)]
    return np.concatenate([_tile(image, joints, to_tile, case) for image, joints in shown], axis=1)


def _tile(image: Image, joints: np.ndarray, to_tile: np.ndarray, case: Case) -> Image:
    tile = np.ascontiguousarray(resample(image, to_tile, (HEIGHT, WIDTH)))
    places = apply(to_tile, joints[:, :2])
    there = np.isfinite(places).all(1) & (np.abs(places) < 4 * HEIGHT).all(1)
    points = [tuple(int(v) for v in np.round(place)) if ok else None for place, ok in zip(places, there, strict=True)]
    for a, b in BONES:
        if points[a] is not None and points[b] is not None:
            cv2.line(tile, points[a], points[b], (255, 214, 10), 2, cv2.LINE_AA)
    for joint, point in enumerate(points):
        if point is not None:
            cv2.circle(tile, point, 3, (230, 40, 40) if case.hidden[joint] else (40, 120, 230), -1, cv2.LINE_AA)
    return tile


def jpeg(image: Image, caption: str) -> Picture:
    """A picture of the page."""
    done, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return Picture(caption, content.tobytes(), "image/jpeg")


def pictures(chosen: Sequence[tuple[str, Case, str]], arm: Arm, found: Sequence[tuple[np.ndarray, np.ndarray]],
             device: str = "cpu", truth: bool = True) -> Iterator[Picture]:
    """A strip for each chosen (kind, case, words), with the joints found before and after."""
    for (kind, case, words), (before, after) in zip(chosen, found, strict=True):
        yield jpeg(strip(case, arm, before, after, device, truth), f"{kind}: {case.name}, {words}")
