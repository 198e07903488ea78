"""Surfaces and light for drawn things: (h, w, 3) float32 pictures with values in 0..255."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

Surface = Float[np.ndarray, "_ _ 3"]
Field = Float[np.ndarray, "_ _"]
Colour = Float[np.ndarray, "3"]

SURFACES = ("plain", "plaster", "wood", "planks", "brick", "tiles", "stripes", "checks", "metal", "print", "leaves")


def smooth_field(height: int, width: int, cells: tuple[float, float], rng: np.random.Generator) -> Field:
    """Smooth noise (height, width) float32 of mean 0 and deviation about 1 with so many (down, across) bumps."""
    down, across = (max(2, int(np.ceil(c)) + 1) for c in cells)
    grid = rng.standard_normal((min(down, height), min(across, width)), np.float32) * 1.3
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC))


def rough_field(height: int, width: int, rng: np.random.Generator, cells: float = 4) -> Field:
    """Noise of three octaves: large spots, small spots, grain."""
    across = cells * width / max(height, width)
    down = cells * height / max(height, width)
    out = smooth_field(height, width, (down, across), rng)
    out += 0.5 * smooth_field(height, width, (4 * down, 4 * across), rng)
    return np.asarray(out + 0.35 * smooth_field(height, width, (height / 2, width / 2), rng))


def random_colour(rng: np.random.Generator, kind: str = "any") -> Colour:
    """An RGB colour that things have: many greys, browns and muted ones, some vivid; "wood", "leaf", "stone" for those."""
    if kind == "any":
        kind = str(rng.choice(["grey", "muted", "vivid", "wood", "dark"], p=[0.24, 0.32, 0.18, 0.14, 0.12]))
    hue, saturation, value = {
        "grey": (rng.uniform(0, 1), rng.uniform(0, 0.12), rng.uniform(0.25, 0.97)),
        "dark": (rng.uniform(0, 1), rng.uniform(0, 0.5), rng.uniform(0.06, 0.25)),
        "muted": (_hue(rng), rng.uniform(0.12, 0.45), rng.uniform(0.3, 0.9)),
        "vivid": (_hue(rng), rng.uniform(0.45, 0.85), rng.uniform(0.35, 0.85)),
        "wood": (rng.uniform(0.04, 0.11), rng.uniform(0.25, 0.7), rng.uniform(0.2, 0.8)),
        "leaf": (rng.normal(0.27, 0.05), rng.uniform(0.25, 0.75), rng.uniform(0.18, 0.6)),
        "stone": (rng.uniform(0.02, 0.13), rng.uniform(0.02, 0.4), rng.uniform(0.35, 0.85)),
    }[kind]
    hsv = np.array([[[(hue % 1) * 360, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] * 255)


def _hue(rng: np.random.Generator) -> float:
    """Mostly the warm and the blue that things are; purple and pink are rare."""
    return float(rng.choice([rng.normal(0.08, 0.05), rng.normal(0.58, 0.06), rng.uniform(0, 1)], p=[0.45, 0.3, 0.25]))


def surface(kind: str, height: int, width: int, rng: np.random.Generator) -> Surface:
    """A picture of a material, seen from the front in even light.

    Raises:
        ValueError: no such kind; the message lists them.
    """
    if kind not in SURFACES:
        raise ValueError(f"no surface {kind!r}: pass one of {', '.join(SURFACES)}")
    if kind in ("plain", "plaster"):
        tone = 1 + (0.02 if kind == "plain" else rng.uniform(0.03, 0.1)) * rough_field(height, width, rng)
        return _toned(random_colour(rng, "any" if kind == "plain" else "stone"), tone)
    if kind == "wood":
        return _wood(height, width, rng)
    if kind in ("brick", "tiles", "planks"):
        return _masonry(kind, height, width, rng)
    if kind in ("stripes", "checks"):
        return _cloth(kind, height, width, rng)
    if kind == "metal":
        return _metal(height, width, rng)
    return _print(height, width, rng) if kind == "print" else _leaves(height, width, rng)


def lit(picture: Surface, rng: np.random.Generator, strength: float = 1.0) -> Surface:
    """The picture with light falling off in one direction and a faint unevenness."""
    height, width = picture.shape[:2]
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.35) * strength
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle) * fall)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle) * fall)
    light = 1 + down + across + np.float32(0.05 * strength) * smooth_field(height, width, (3, 3), rng)
    return np.asarray(picture * light[..., None])


def rounded(inside: Field, rng: np.random.Generator) -> Field:
    """Factors (h, w) around 1 that make a flat silhouette (above 0 inside) look like a cushion lit from one side above."""
    framed = cv2.copyMakeBorder((inside > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    thick = max(1.0, float(distance.max()) * rng.uniform(0.3, 1.0))
    relief = cv2.GaussianBlur(np.sqrt(np.clip(distance / thick, 0, 1)), (0, 0), 1 + 0.05 * thick) * thick
    angle = rng.normal(-np.pi / 2, 0.7)
    slope = np.cos(angle) * cv2.Sobel(relief, cv2.CV_32F, 1, 0) + np.sin(angle) * cv2.Sobel(relief, cv2.CV_32F, 0, 1)
    return np.asarray(1 - np.clip(slope / 8, -1, 1) * np.float32(rng.uniform(0.2, 0.55)), np.float32)


def _toned(colour: Colour, tone: Field) -> Surface:
    return np.asarray(tone[..., None] * colour.astype(np.float32))


def _wood(height: int, width: int, rng: np.random.Generator) -> Surface:
    """Grain along the longer side."""
    if height > width:
        return np.ascontiguousarray(_wood(width, height, rng).transpose(1, 0, 2))
    bend = smooth_field(height, width, (3, 2), rng)
    rings = np.sin(np.linspace(0, rng.uniform(8, 40), height, dtype=np.float32)[:, None] + 1.5 * bend)
    fibre = smooth_field(height, width, (height / 2, width / 24 + 1), rng)
    return _toned(random_colour(rng, "wood"), 1 + 0.08 * rings + 0.06 * fibre)


def _masonry(kind: str, height: int, width: int, rng: np.random.Generator) -> Surface:
    """Bricks in rows, square tiles, or boards standing side by side."""
    longer = max(height, width)
    unit = max(5, int(longer * rng.uniform(0.05, 0.12)))
    tall, wide = {"brick": (unit, int(unit * 2.4)), "tiles": (2 * unit, 2 * unit), "planks": (10 * longer, int(unit * 1.5))}[kind]
    row, y = np.divmod(np.arange(height) + int(rng.integers(tall)), tall)
    shift = (row % 2) * (wide // 2) if kind == "brick" else np.zeros_like(row)
    column, x = np.divmod(np.arange(width)[None, :] + shift[:, None] + int(rng.integers(wide)), wide)
    gap = max(1, unit // 9)
    tones = rng.normal(1, {"brick": 0.13, "tiles": 0.04, "planks": 0.08}[kind], (23, 29)).astype(np.float32)
    tone = tones[row[:, None] % 23, column % 29] + 0.06 * rough_field(height, width, rng)
    if kind == "planks":
        tone += 0.05 * smooth_field(height, width, (4, width / 2), rng)
    joint = (x < gap) | (y < gap)[:, None]
    body = random_colour(rng, {"planks": "wood"}.get(kind, "muted" if rng.random() < 0.2 else "stone"))
    if kind == "brick" and rng.random() < 0.6:
        body = np.array([150, 80, 60], np.float32) * rng.uniform(0.6, 1.3)
    mortar = body * 0.45 if kind == "planks" else np.full(3, rng.uniform(90, 215), np.float32)
    return np.where(joint[..., None], _toned(mortar, tone), _toned(body, tone))


def _cloth(kind: str, height: int, width: int, rng: np.random.Generator) -> Surface:
    """Woven stripes or checks of two or three colours, one of them broad."""
    colours = np.stack([random_colour(rng) for _ in range(3)]).astype(np.float32)
    period = max(4, int(max(height, width) * rng.uniform(0.05, 0.25)))
    pattern = np.zeros(period, np.int64)
    pattern[: int(period * rng.uniform(0.2, 0.6))] = 1
    pattern[int(period * rng.uniform(0.6, 0.95)):] = rng.integers(0, 3)
    across = colours[pattern[np.arange(width) % period]][None]
    down = colours[pattern[np.arange(height) % period]][:, None]
    if kind == "checks":
        out = (across + down) / 2
    else:
        out = np.broadcast_to(across if rng.random() < 0.5 else down, (height, width, 3))
    return np.asarray(out * (1 + 0.05 * smooth_field(height, width, (height / 1.5, width / 1.5), rng))[..., None])


def _metal(height: int, width: int, rng: np.random.Generator) -> Surface:
    """Brushed or painted metal with bands of reflected surroundings."""
    bands = smooth_field(height, width, (float(rng.uniform(3, 8)), 1), rng)
    brushed = smooth_field(height, width, (height / 1.5, 3), rng)
    tone = 1 + rng.uniform(0.1, 0.35) * bands + 0.04 * brushed
    shine = np.clip(bands - 1, 0, None) * rng.uniform(20, 90)
    return _toned(random_colour(rng, "grey" if rng.random() < 0.6 else "any"), tone) + shine[..., None]


def _print(height: int, width: int, rng: np.random.Generator) -> Surface:
    """Spots of a few colours on a ground: flowers, dots, camouflage."""
    ground, *colours = (random_colour(rng).astype(np.float32) for _ in range(4))
    out = np.broadcast_to(ground, (height, width, 3)).copy()
    cells = rng.uniform(3, 14)
    for colour in colours[: rng.integers(1, 4)]:
        spots = smooth_field(height, width, (cells, cells), rng)
        out[spots > rng.uniform(0.5, 1.3)] = colour
    return np.asarray(cv2.GaussianBlur(out, (3, 3), 0.6) * (1 + 0.04 * rough_field(height, width, rng))[..., None])


def _leaves(height: int, width: int, rng: np.random.Generator) -> Surface:
    """A hedge or grass seen from afar: small light spots before dark gaps."""
    noise = rng.standard_normal((height, width), np.float32)
    leaf = float(rng.uniform(0.8, 2.2))
    fine = cv2.GaussianBlur(noise, (0, 0), leaf) * (3.5 * leaf)  # 3.5 sigma: back to a deviation of 1
    clumps = smooth_field(height, width, (height / 16, width / 16), rng)
    tone = np.exp(0.3 * fine + 0.22 * clumps + 0.12 * smooth_field(height, width, (4, 4), rng))
    green = _toned(random_colour(rng, "leaf"), tone.clip(0.2, 2.2))
    return np.asarray(green + (smooth_field(height, width, (8, 8), rng) * 8)[..., None] * np.array([1, 0.6, 0.1], np.float32))
