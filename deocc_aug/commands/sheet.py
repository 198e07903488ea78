"""The contact sheet: one person's input, masks, hypotheses, completed body and completed picture, side by side."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from deocc_aug.canvas import apply, resample, resample_mask
from deocc_aug.types import Affine, Deocclusion, Image, Mask, Person

TILE_HEIGHT = 320
CAPTION_HEIGHT = 24
MOST_HYPOTHESES = 4
GREEN, RED, BLUE, YELLOW = (60, 190, 80), (225, 60, 50), (70, 120, 240), (250, 210, 40)
LIMBS = ((5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16))


def contact_sheet(person: Person, result: Deocclusion) -> Image:
    """The sheet of one person, (H, W, 3) uint8 RGB: a row of tiles cut by the result's canvas, captions below."""
    height, width = result.hypotheses.shape[1:]
    zoom = TILE_HEIGHT / height
    affine, size = result.image_to_canvas * zoom, (TILE_HEIGHT, round(width * zoom))
    source = resample(result.source, affine, size)
    on_patch = affine.copy()
    on_patch[:, 2] += affine[0, 0] * np.array(result.patch.origin)
    amodal = resample(result.patch.amodal.astype(np.float32), on_patch, size) > 0.5
    tiles = {"input": source, "visible, occluder": _given(source, person, affine)}
    for k, hypothesis in enumerate(result.hypotheses[:MOST_HYPOTHESES]):
        grey = cv2.resize((hypothesis.clip(0, 1) * 255).astype(np.uint8), size[::-1], interpolation=cv2.INTER_LINEAR)
        tiles[f"hypothesis {k + 1} of {len(result.hypotheses)}"] = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    tiles[f"body, uncertainty {result.uncertainty:.2f}"] = _skeleton(_tinted(source, amodal, BLUE), result, affine)
    tiles["completed" if result.changed else f"as it was: {result.reason}"] = _painted(source, result, on_patch)
    return np.concatenate([_captioned(tile, caption) for caption, tile in tiles.items()], axis=1)


def _given(source: Image, person: Person, affine: Affine) -> Image:
    for mask, colour in ((person.visible_mask, GREEN), (person.occluder_mask, RED)):
        if mask is not None:
            source = _tinted(source, resample_mask(mask, affine, (source.shape[0], source.shape[1])) > 0.5, colour)
    return source


def _painted(source: Image, result: Deocclusion, on_patch: Affine) -> Image:
    size = source.shape[0], source.shape[1]
    share = resample_mask(result.patch.changed, on_patch, size)[..., None]
    painted = resample(result.patch.image, on_patch, size)
    return np.asarray((source * (1 - share) + painted * share).round().astype(np.uint8))


def _tinted(image: Image, mask: Mask, colour: tuple[int, int, int]) -> Image:
    out = image.copy()
    out[mask] = (0.5 * image[mask] + 0.5 * np.array(colour)).astype(np.uint8)
    return out


def _skeleton(image: Image, result: Deocclusion, affine: Affine) -> Image:
    out = image.copy()
    points = apply(affine, result.joints[:, :2].astype(np.float64)).round().astype(int).tolist()
    known = result.joints[:, 2] > 0
    for a, b in LIMBS:
        if known[a] and known[b]:
            cv2.line(out, points[a], points[b], YELLOW, 1, cv2.LINE_AA)
    for point, confidence in zip(points, result.joints[:, 2].tolist(), strict=True):
        if confidence > 0:
            cv2.circle(out, point, 3, YELLOW if confidence > 0.5 else RED, -1, cv2.LINE_AA)
    return out


def _captioned(tile: Image, caption: str) -> UInt8[np.ndarray, "rows columns 3"]:
    out = np.full((tile.shape[0] + CAPTION_HEIGHT, tile.shape[1] + 4, 3), 255, np.uint8)
    out[:tile.shape[0], 2:-2] = tile
    wide = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    fit = min(0.45, 0.45 * (tile.shape[1] - 4) / max(wide, 1))
    cv2.putText(out, caption, (4, out.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, fit, (0, 0, 0), 1, cv2.LINE_AA)
    return out
