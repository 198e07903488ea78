"""Where occluders go: slid over a body from beside, below or above until they hide as much of it as was asked for."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import UInt8

from deocc_aug.occluders import drawn
from deocc_aug.occluders.cutouts import Cutout
from deocc_aug.occluders.matching import Stamp, stamp_of
from deocc_aug.types import Box, Mask

LARGEST = 1.6  # cut-outs are enlarged at most this much
TRIES = 14
DRAWN_SHARE = 0.3  # where there are cut-outs, how often a fresh drawn thing is taken instead
CLOSE = 0.03  # of the body: how far one occluder may be from what it is to hide
CLEARANCE = 3  # pixels between the body and what merely stands beside it
Spot = tuple[int, int]  # (x, y) of a stamp's first pixel in the scene


@dataclass(eq=False)
class Layout:
    """A scene being filled: the body (H, W) 0/1, its box, how sharp the scene is; what is placed, what of the body still shows."""

    body: UInt8[np.ndarray, "_ _"]
    box: Box
    sharpness: float
    placed: list[tuple[Stamp, Spot]] = field(default_factory=list)
    shown: UInt8[np.ndarray, "_ _"] = field(init=False)

    def __post_init__(self) -> None:
        self.shown = self.body.copy()

    @property
    def side(self) -> float:
        """The body's longer side in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    def put(self, stamp: Stamp, spot: Spot) -> None:
        self.placed.append((stamp, spot))
        scene, part = overlap(self.shown.shape, stamp.alpha.shape, spot)
        self.shown[scene][stamp.alpha[part] > 0] = 0


def overlap(scene: tuple[int, ...], stamp: tuple[int, ...], spot: Spot) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The rectangle that a stamp at `spot` covers: in the scene, and in the stamp.  Both (height, width)."""
    (x, y), (height, width) = spot, stamp
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, scene[1]), min(y + height, scene[0])
    x1, y1 = max(x0, x1), max(y0, y1)
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def hide(layout: Layout, goal: int, cutouts: Sequence[Cutout], rng: np.random.Generator) -> bool:
    """Puts one occluder so that about `goal` body pixels still show; False where no try did it."""
    need = int(np.count_nonzero(layout.shown)) - goal
    for _ in range(TRIES):
        cutout = _pick(layout, cutouts, rng)
        scale = _scale(layout, cutout, need, rng)
        if scale is None:
            continue
        stamp = stamp_of(cutout, scale, _turn(cutout, rng), layout.sharpness)
        spot = None if stamp.is_soft else _slide(layout, stamp, _path(layout, stamp, rng), need)
        if spot is not None:
            layout.put(stamp, spot)
            return True
    return False


def wall_up(layout: Layout, goal: int, rng: np.random.Generator) -> None:
    """Pushes a wall up from the lower border: it hides any share."""
    height, width = layout.body.shape
    top = int(layout.box[1])
    stamp = stamp_of(drawn.wall(rng, height - top + 2 * CLEARANCE + 8, width), 1.0, 0.0, layout.sharpness)
    need = int(np.count_nonzero(layout.shown)) - goal
    spot = _slide(layout, stamp, ((0, height), (0, height - len(stamp.alpha))), need, tolerance=1.0)
    assert spot is not None  # it starts below the picture and ends above the body
    layout.put(stamp, spot)


def beside(layout: Layout, cutouts: Sequence[Cutout], rng: np.random.Generator) -> None:
    """Puts an occluder that is seen and touches nothing of the body, if some tries find a place."""
    reach = cv2.dilate(layout.body, np.ones((2 * CLEARANCE + 1, 2 * CLEARANCE + 1), np.uint8))
    for _ in range(4):
        cutout = _pick(layout, cutouts, rng)
        scale = _scale(layout, cutout, 0, rng)
        if scale is None:
            continue
        stamp = stamp_of(cutout, scale, _turn(cutout, rng), layout.sharpness)
        (x0, y0), (x1, y1) = _path(layout, stamp, rng)
        t = rng.uniform(-0.15, 0.1)
        spot = round(x0 + t * (x1 - x0)), round(y0 + t * (y1 - y0))
        scene, part = overlap(reach.shape, stamp.alpha.shape, spot)
        solid = stamp.alpha[part] > 0
        if solid.sum() >= 0.1 * np.count_nonzero(stamp.alpha) and not (reach[scene] > 0)[solid].any():
            layout.put(stamp, spot)
            return


def _pick(layout: Layout, cutouts: Sequence[Cutout], rng: np.random.Generator) -> Cutout:
    if cutouts and rng.random() >= DRAWN_SHARE:
        cutout = cutouts[rng.integers(len(cutouts))]
    else:
        kind = drawn.random_kind(rng)
        if kind == "wall":
            return drawn.draw(rng, min(512, max(layout.body.shape)), kind)
        cutout = drawn.draw(rng, int(np.clip(0.7 * layout.side, 48, 320)), kind)
    return cutout.flipped() if rng.random() < 0.5 else cutout


def _scale(layout: Layout, cutout: Cutout, need: int, rng: np.random.Generator) -> float | None:
    """How much to enlarge it: a plausible size beside this body that can hide `need` pixels; None where that is too much."""
    height, width = cutout.alpha.shape
    edges = cutout.cut_edges
    across, down = {"left", "right"} <= edges, {"top", "bottom"} <= edges
    if across and down:
        return None
    if across or down:
        scale = rng.uniform(1, 1.3) * (layout.body.shape[1] / width if across else layout.body.shape[0] / height)
        return float(scale) if scale <= LARGEST else None
    if cutout.is_person:
        relative = rng.uniform(0.75, 1.2) if not edges else rng.uniform(0.5, 1.1)
    elif cutout.category in ("bar", "fence", "shelf"):
        relative = rng.uniform(0.6, 1.6)
    else:
        relative = rng.uniform(0.25, 0.85)
    least = float(np.sqrt(max(need, 0) / cutout.alpha.sum())) * 1.1
    if least > LARGEST:
        return None
    scale = max(relative * layout.side / max(height, width), least * rng.uniform(1, 1.35))
    return float(min(scale, LARGEST))


def _turn(cutout: Cutout, rng: np.random.Generator) -> float:
    if cutout.category == "bar":
        return float(rng.normal(0, 4) if rng.random() < 0.6 else rng.uniform(-90, 90))
    return float(rng.normal(0, 5) if rng.random() < 0.85 else rng.uniform(-60, 60))


def _path(layout: Layout, stamp: Stamp, rng: np.random.Generator) -> tuple[Spot, Spot]:
    """From just off the body to where the stamp hides most, keeping cut-off sides at the border that cut them."""
    (x0, y0, x1, y1), (scene_h, scene_w), (height, width) = layout.box, layout.body.shape, stamp.alpha.shape
    edges = stamp.cut_edges
    ways = [edge for edge in ("left", "right", "bottom", "top") if edge in edges]
    if {"left", "right"} <= edges:
        ways = [way for way in ways if way in ("top", "bottom")] or ["bottom"]
    elif {"top", "bottom"} <= edges:
        ways = [way for way in ways if way in ("left", "right")] or ["left", "right"]
    way = str(rng.choice(ways)) if ways else str(rng.choice(["left", "right", "bottom", "top"], p=[0.36, 0.36, 0.22, 0.06]))
    middle_x, middle_y = rng.uniform(x0, x1) - width / 2, rng.uniform(y0 + 0.15 * (y1 - y0), y1) - height / 2
    if way in ("left", "right"):
        if not edges and rng.random() < 0.7:  # it stands on the ground, nearer than the person
            middle_y = y1 + rng.uniform(-0.03, 0.25) * layout.side - height
        deepest = (x0 + x1) / 2 - width / 2 + rng.normal(0, 0.1) * (x1 - x0)
        start, end = (x0 - width if way == "left" else x1, middle_y), (deepest, middle_y)
    else:
        highest = min(y1 - 0.5 * height, max(y0 - 0.02 * height, scene_h - height)) if way == "bottom" else y0
        start, end = (middle_x, y1 if way == "bottom" else y0 - height), (middle_x, highest)
    return _kept_at_border(start, stamp, scene_h, scene_w), _kept_at_border(end, stamp, scene_h, scene_w)


def _kept_at_border(spot: tuple[float, float], stamp: Stamp, scene_h: int, scene_w: int) -> Spot:
    x, y = spot
    height, width = stamp.alpha.shape
    edges = stamp.cut_edges
    x = max(x, scene_w - width) if "right" in edges else x
    x = min(x, 0) if "left" in edges else x
    y = max(y, scene_h - height) if "bottom" in edges else y
    y = min(y, 0) if "top" in edges else y
    return round(float(x)), round(float(y))


def _slide(layout: Layout, stamp: Stamp, path: tuple[Spot, Spot], need: int, tolerance: float = CLOSE) -> Spot | None:
    """The spot on the path where the stamp hides `need` more pixels, to within a share of the body; None where there is none."""
    (ax, ay), (bx, by) = path
    solid = (stamp.alpha > 0).view(np.uint8)

    def hidden(t: float) -> tuple[int, Spot]:
        spot = round(ax + t * (bx - ax)), round(ay + t * (by - ay))
        scene, part = overlap(layout.shown.shape, solid.shape, spot)
        return int(np.count_nonzero(layout.shown[scene] & solid[part])), spot

    low, high = 0.0, 1.0
    if hidden(low)[0] > need or hidden(high)[0] < need:
        return None
    for _ in range(10):
        middle = (low + high) / 2
        if hidden(middle)[0] < need:
            low = middle
        else:
            high = middle
    found = min((hidden(low), hidden(high)), key=lambda pair: abs(pair[0] - need))
    return found[1] if abs(found[0] - need) <= tolerance * np.count_nonzero(layout.body) else None


def body_of(amodal: Mask) -> UInt8[np.ndarray, "_ _"]:
    """A mask as 0/1 bytes, a copy."""
    return np.ascontiguousarray(amodal).view(np.uint8).copy()
