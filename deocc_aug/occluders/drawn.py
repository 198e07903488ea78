"""Things drawn at random that stand in front of people: coloured, textured and lit, so that they do not look flat."""
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from deocc_aug.occluders.cutouts import Cutout, spread_colours
from deocc_aug.occluders.shapes import random_shape
from deocc_aug.occluders.textures import Surface, lit, random_colour, rounded, smooth_field, surface
from deocc_aug.types import Image

SIDE = 128
MATERIALS = {
    "silhouette": ("plain", "plaster", "wood", "stripes", "checks", "metal", "print", "leaves"),
    "box": ("plain", "plaster", "wood", "planks", "stripes", "metal", "print"),
    "bar": ("plain", "wood", "metal", "plaster", "stripes"),
    "fence": ("plain", "wood", "metal"),
    "furniture": ("plain", "wood", "wood", "metal", "plaster"),
    "shelf": ("plain", "wood", "metal"),
    "fabric": ("plain", "stripes", "checks", "print"),
    "board": ("plain", "plaster", "wood", "print"),
    "wall": ("plaster", "brick", "tiles", "planks", "plain", "metal", "leaves"),
}
Paint = tuple[Surface, np.ndarray]  # colours 0..255 and the mask (h, w) uint8 0..255 of what is painted


def draw(rng: np.random.Generator, side: int = SIDE, kind: str | None = None) -> Cutout:
    """A drawn occluder, its longer side about `side` pixels; walls, hedges and curtains count as cut off by the border.

    Args:
        kind: one of `SHARES`, or None for a random one.

    Raises:
        ValueError: no such kind.
    """
    if kind is not None and kind not in SHARES:
        raise ValueError(f"no drawn occluder {kind!r}: pass one of {', '.join(SHARES)}")
    kind = kind or random_kind(rng)
    if kind == "wall":
        return _wall(rng, side)
    picture, mask = PAINTERS[kind](rng, side)
    x, y, w, h = cv2.boundingRect(mask)
    picture, mask = picture[y:y + h, x:x + w], mask[y:y + h, x:x + w]
    alpha = cv2.GaussianBlur(mask, (3, 3), 0.6, borderType=cv2.BORDER_CONSTANT).astype(np.float32) / 255
    return Cutout(spread_colours(_bytes(picture), mask.astype(np.float32) / 255), alpha, f"drawn {kind}", kind)


def random_kind(rng: np.random.Generator) -> str:
    """One of the kinds that `draw` draws, as often as it is drawn."""
    return str(rng.choice(list(SHARES), p=list(SHARES.values())))


def wall(rng: np.random.Generator, height: int, width: int) -> Cutout:
    """A wall, hedge or sheet that fills (height, width) below a straight upper edge: pushed up far enough, it hides anything."""
    kind = str(rng.choice(MATERIALS["wall"]))
    picture = lit(surface(kind, height, width, rng), rng)
    rim = max(1, height // 40)
    picture[:rim] *= np.float32(rng.uniform(0.8, 1.35))  # the top of the wall
    return Cutout(_bytes(picture), np.ones((height, width), np.float32), "drawn wall", "wall",
                  cut_edges=frozenset(("left", "right", "bottom")))


def _bytes(picture: Surface) -> Image:
    return np.asarray(picture.clip(0, 255), np.uint8)


def _material(kind: str, height: int, width: int, rng: np.random.Generator) -> Surface:
    return surface(str(rng.choice(MATERIALS[kind])), height, width, rng)


def _silhouette(rng: np.random.Generator, side: int) -> Paint:
    """One of the flat shapes made a cushion of some material."""
    flat = random_shape(rng).astype(np.uint8) * 255
    scale = side / max(flat.shape)
    size = max(6, round(flat.shape[1] * scale)), max(6, round(flat.shape[0] * scale))
    mask = cv2.resize(flat, size, interpolation=cv2.INTER_LINEAR)
    picture = lit(_material("silhouette", size[1], size[0], rng), rng)
    return picture * rounded((mask > 127).astype(np.float32), rng)[..., None], mask


def _box(rng: np.random.Generator, side: int) -> Paint:
    """A cuboid seen from a little above and from one side: two upright faces and the top, each lit its own way."""
    turn = rng.uniform(0.15, 0.85)  # how much of the width the left face takes
    drop, tall, depth = rng.uniform(0.02, 0.16) * side, rng.uniform(0.35, 1.0) * side, rng.uniform(0.03, 0.25) * side
    width = side * rng.uniform(0.45, 1.0)
    x0, x1, x2 = 0.0, turn * width, width - 1
    left, right = depth + drop * (1 - turn), depth + drop * turn
    front = depth + drop + 0.0
    low = tall - 1
    back = (x0 + x2 - x1, left + right - front)
    faces = [np.array([(x0, left), (x1, front), (x1, low), (x0, low - drop * (1 - turn))]),
             np.array([(x1, front), (x2, right), (x2, low - drop * turn), (x1, low)]),
             np.array([(x0, left), back, (x2, right), (x1, front)])]
    offset = min(0.0, float(min(face[:, 1].min() for face in faces)))
    size = int(width) + 1, int(tall - offset) + 1
    material = _decorated(lit(_material("box", side // 2, side // 2, rng), rng, 0.7), rng)
    bright = rng.permutation([rng.uniform(0.45, 0.75), rng.uniform(0.85, 1.1)]).tolist() + [rng.uniform(1.0, 1.3)]
    corners = np.array([(0, 0), (side // 2, 0), (side // 2, side // 2), (0, side // 2)], np.float32)
    picture, mask = np.zeros((size[1], size[0], 3), np.float32), np.zeros((size[1], size[0]), np.uint8)
    for face, light in zip(faces, bright, strict=True):
        face = (face - (0, offset)).astype(np.float32)
        seen = cv2.warpPerspective(material, cv2.getPerspectiveTransform(corners, face), size, borderMode=cv2.BORDER_REPLICATE)
        area = np.zeros_like(mask)
        cv2.fillConvexPoly(area, face.round().astype(np.int32), (255,))
        np.copyto(picture, seen * np.float32(light), where=area[..., None] > 0)
        mask |= area
    return picture, mask


def _decorated(picture: Surface, rng: np.random.Generator) -> Surface:
    """With a label, a strip of tape or an edge of its own, sometimes."""
    height, width = picture.shape[:2]
    if rng.random() < 0.4:
        x, y = int(rng.uniform(0.05, 0.6) * width), int(rng.uniform(0.05, 0.6) * height)
        a, b = int(rng.uniform(0.15, 0.4) * width), int(rng.uniform(0.1, 0.35) * height)
        picture[y:y + b, x:x + a] = random_colour(rng)
        for line in range(y + 3, min(y + b - 2, height), 4):
            picture[line, x + 2:x + 2 + int(a * rng.uniform(0.4, 0.9))] = random_colour(rng, "dark")
    if rng.random() < 0.3:
        y = int(rng.uniform(0.3, 0.6) * height)
        picture[y:y + max(2, height // 12)] *= random_colour(rng, "wood") / 160
    if rng.random() < 0.5:
        edge = max(1, width // 40)
        for band in (np.s_[:edge], np.s_[-edge:], np.s_[:, :edge], np.s_[:, -edge:]):
            picture[band] *= np.float32(0.72)
    return picture


def _bar(rng: np.random.Generator, side: int) -> Paint:
    """A post, pole or tube: round or square, sometimes with rings."""
    width = max(6, int(side * rng.uniform(0.06, 0.28)))
    picture = _material("bar", side, width, rng)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    shift = rng.uniform(-0.6, 0.6)
    if rng.random() < 0.7:
        profile = 0.35 + 0.75 * np.sqrt(np.clip(1 - (across - shift) ** 2 / (1 + abs(shift)) ** 2, 0, 1))
    else:
        profile = np.where(across < shift, rng.uniform(0.9, 1.1), rng.uniform(0.5, 0.8))
    picture = picture * profile.astype(np.float32)[None, :, None]
    for _ in range(rng.integers(0, 4)):
        y, thick = int(rng.uniform(0, 0.95) * side), int(side * rng.uniform(0.01, 0.06)) + 1
        picture[y:y + thick] *= np.float32(rng.choice([0.6, 1.3]))
    picture, mask = lit(picture, rng, 0.6), np.full((side, width), 255, np.uint8)
    if rng.random() < 0.3:
        return np.ascontiguousarray(picture.transpose(1, 0, 2)), np.ascontiguousarray(mask.T)
    return picture, mask


def _fence(rng: np.random.Generator, side: int) -> Paint:
    """Bars before or behind two rails; people are seen between them."""
    height, width = int(side * rng.uniform(0.5, 1)), side
    picture, mask = lit(_material("fence", height, width, rng), rng), np.zeros((height, width), np.uint8)
    thick = max(2, int(side * rng.uniform(0.015, 0.07)))
    top = int(height * rng.uniform(0, 0.12))
    for y in (int(height * rng.uniform(0.05, 0.25)), int(height * rng.uniform(0.6, 0.9))):
        mask[y:y + thick] = 255
        picture[y:y + thick] *= np.linspace(1.2, 0.6, len(picture[y:y + thick]), dtype=np.float32)[:, None, None]
    for x in np.arange(0, width - thick + 1, max(thick + 2, int(side * rng.uniform(0.06, 0.25)))):
        mask[top:, x:x + thick] = 255
        picture[top:, x:x + thick] *= np.linspace(1.25, 0.55, thick, dtype=np.float32)[None, :, None]
    return picture, mask


def _foliage(rng: np.random.Generator, side: int) -> Paint:
    """A plant: stems, then leaves from the shaded inside to the lit outside, in a pot or without."""
    picture, mask = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.uint8)
    middle = np.array([side / 2, side * rng.uniform(0.35, 0.55)])
    spread = side * rng.uniform(0.13, 0.2) * np.array([1, rng.uniform(0.7, 1.3)])
    stem = random_colour(rng, "wood") * 0.6
    foot = (side // 2 + int(rng.normal(0, 0.04 * side)), side - 1)
    count = int(rng.integers(40, 150))
    spots = rng.normal(0, 1, (count, 2)).clip(-2.1, 2.1) * spread + middle
    for tip in spots[:: max(1, count // 10)].astype(int).tolist():
        for canvas, colour in ((picture, stem.tolist()), (mask, (255,))):
            cv2.line(canvas, foot, tip, colour, max(1, side // 70))
    green, length, slender = random_colour(rng, "leaf"), side * rng.uniform(0.03, 0.12), rng.uniform(0.2, 0.6)
    if rng.random() < 0.12:
        green = green[[1, 0, 2]]  # autumn
    light = np.array([rng.normal(0, 0.5), -1.0])
    lightness = np.sort(rng.normal(0, 0.3, count)) + 0.16 * (spots - middle) @ light / spread.mean()
    turns, lengths = rng.uniform(0, 360, count), length * rng.uniform(0.5, 1.4, count)
    tints = np.clip(np.exp(lightness)[:, None] * green * rng.normal(1, 0.06, (count, 3)), 0, 255)
    for spot, turn, longer, tint in zip(spots.astype(int).tolist(), turns.tolist(), lengths.tolist(), tints.tolist(), strict=True):
        axes = (max(1, int(longer)), max(1, int(longer * slender)))
        cv2.ellipse(picture, spot, axes, turn, 0, 360, tint, -1)
        cv2.ellipse(picture, spot, axes, turn, 0, 180, [0.8 * t for t in tint], -1)
        cv2.ellipse(mask, spot, axes, turn, 0, 360, (255,), -1)
    if rng.random() < 0.35:
        _pot(picture, mask, foot[0], rng)
    return picture, mask


def _pot(picture: Surface, mask: np.ndarray, x: int, rng: np.random.Generator) -> None:
    side = len(mask)
    top, wide = int(side * rng.uniform(0.66, 0.82)), side * rng.uniform(0.12, 0.22)
    outline = np.array([(x - wide, top), (x + wide, top), (x + 0.75 * wide, side), (x - 0.75 * wide, side)]).astype(np.int32)
    area = np.zeros_like(mask)
    cv2.fillConvexPoly(area, outline, (255,))
    shade = np.linspace(1.2, 0.55, side, dtype=np.float32)[None, :, None]
    np.copyto(picture, surface("plaster", side, side, rng) * shade, where=area[..., None] > 0)
    mask |= area


def _furniture(rng: np.random.Generator, side: int) -> Paint:
    """A table, a chair or a bench: legs behind and in front, an apron, a plate seen from a little above, sometimes a back."""
    width, height = side, int(side * rng.uniform(0.55, 1.0))
    mask, tone = np.zeros((height, width), np.uint8), np.ones((height, width), np.float32)

    def part(corners: list[tuple[float, float]], light: float) -> None:
        outline = np.array(corners).round().astype(np.int32)
        cv2.fillConvexPoly(mask, outline, (255,))
        cv2.fillConvexPoly(tone, outline, (light,))

    top = height * (rng.uniform(0.35, 0.6) if rng.random() < 0.5 else rng.uniform(0.02, 0.12))
    deep, inset, thick = height * rng.uniform(0.04, 0.16), width * rng.uniform(0, 0.12), height * rng.uniform(0.03, 0.1)
    leg, lift = width * rng.uniform(0.03, 0.09), height * rng.uniform(0.03, 0.12)
    if top > 0.3 * height:  # a back, of boards or whole
        for x in np.linspace(inset, width - inset - leg, int(rng.integers(2, 6))) if rng.random() < 0.6 else ():
            part([(x, 0), (x + leg, 0), (x + leg, top + deep), (x, top + deep)], 0.8)
        reach = rng.uniform(0.15, 0.8) * top
        part([(inset, 0), (width - inset, 0), (width - inset, reach), (inset, reach)], rng.uniform(0.8, 1.05))
    for x in (inset, width - inset - leg):
        part([(x, top), (x + leg, top), (x + leg, height - lift), (x, height - lift)], 0.5)
    apron = thick * rng.uniform(1, 3)
    seat = top + deep
    part([(leg / 2, seat), (width - leg / 2, seat), (width - leg / 2, seat + apron), (leg / 2, seat + apron)], 0.62)
    for x in (1.0, width - leg - 2):
        part([(x, top + deep), (x + leg, top + deep), (x + leg, height), (x, height)], 0.9)
        part([(x + 0.6 * leg, top + deep), (x + leg, top + deep), (x + leg, height), (x + 0.6 * leg, height)], 0.65)
    part([(inset, top), (width - inset, top), (width, top + deep), (0, top + deep)], rng.uniform(1.1, 1.35))
    part([(0, top + deep), (width, top + deep), (width, top + deep + thick), (0, top + deep + thick)], 0.85)
    return lit(_material("furniture", height, width, rng), rng, 0.6) * tone[..., None], mask


def _shelf(rng: np.random.Generator, side: int) -> Paint:
    """Open shelves with things on them; gaps remain."""
    height, width = side, int(side * rng.uniform(0.4, 0.9))
    frame = lit(_material("shelf", height, width, rng), rng, 0.6)
    thick = max(3, side // 32)
    rows = np.linspace(0, height - thick, int(rng.integers(3, 6))).astype(int)
    picture, mask = frame * np.float32(0.35), np.zeros((height, width), np.uint8)
    if rng.random() < 0.6:
        mask[:] = 255  # closed behind
    for above, below in zip(rows[:-1] + thick, rows[1:], strict=True):
        x = float(thick)
        while x < width - 2 * thick:
            wide, tall = rng.uniform(0.03, 0.18) * side, rng.uniform(0.4, 0.95) * (below - above)
            if rng.random() < 0.75:
                box = np.s_[int(below - tall):below, int(x):int(min(x + wide, width - thick))]
                light = np.linspace(1.1, 0.7, picture[box].shape[1], dtype=np.float32)
                picture[box], mask[box] = random_colour(rng) * light[None, :, None], 255
            x += wide + 1
    for y in rows:
        picture[y:y + thick], mask[y:y + thick] = frame[y:y + thick], 255
        picture[y + thick - 1] *= np.float32(0.6)
    for columns in (np.s_[:, :thick], np.s_[:, -thick:]):
        picture[columns], mask[columns] = frame[columns] * np.float32(0.85), 255
    return picture, mask


def _fabric(rng: np.random.Generator, side: int) -> Paint:
    """A cloth that hangs: folds that shade it and bend its pattern, a wavy lower edge."""
    height, width = side, int(side * rng.uniform(0.35, 1.0))
    folds = smooth_field(height, width, (1.5, rng.uniform(3, 12)), rng)
    cloth = _material("fabric", height, width, rng).astype(np.float32)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    shift = np.float32(rng.uniform(0.01, 0.04) * side)
    columns_there, rows_there = columns + shift * folds, rows + 0.5 * shift * folds
    cloth = cv2.remap(cloth, columns_there, rows_there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    slope = cv2.Sobel(folds, cv2.CV_32F, 1, 0)
    shade = 1 + rng.uniform(0.15, 0.35) * np.clip(slope / (slope.std() + 1e-3), -2, 2)
    hem = height - 1 - (np.abs(folds[-1]) * 0.05 + rng.uniform(0, 0.12) * np.linspace(0, 1, width)) * height
    left = np.abs(folds[:, 0]) * 0.06 * width
    right = width - np.abs(folds[:, -1]) * 0.06 * width
    inside = (rows < hem[None, :]) & (columns >= left[:, None]) & (columns < right[:, None])
    return cloth * shade[..., None].astype(np.float32), inside.astype(np.uint8) * np.uint8(255)


def _board(rng: np.random.Generator, side: int) -> Paint:
    """A sign, screen, book or poster: a frame, a heading, lines of writing, sometimes a picture, seen a little from the side."""
    height, width = side, side
    picture, ink = lit(_material("board", height, width, rng), rng), random_colour(rng)
    edge = int(rng.uniform(0.02, 0.08) * side)
    if rng.random() < 0.7:
        frame = random_colour(rng)
        for band in (np.s_[:edge], np.s_[-edge:], np.s_[:, :edge], np.s_[:, -edge:]):
            picture[band] = frame * rng.uniform(0.75, 1.15)
    y = 3 * edge
    while y < height - 4 * edge and rng.random() < 0.93:
        tall = int(side * rng.choice([0.02, 0.05, 0.1]))
        letters = np.repeat(rng.random(width // max(2, tall // 2) + 1) < 0.8, max(2, tall // 2))[: width - 4 * edge]
        end = int(len(letters) * rng.uniform(0.4, 1))
        picture[y:y + tall, 2 * edge:2 * edge + end][:, letters[:end]] = ink
        y += int(tall * rng.uniform(1.4, 2.5)) + 2
    aspect, lean = rng.uniform(0.45, 1), rng.uniform(-0.12, 0.12)
    size = (max(8, int(side * aspect)), side) if rng.random() < 0.5 else (side, max(8, int(side * aspect)))
    a, b = max(0, lean) * size[1], max(0, -lean) * size[1]
    target = np.array([(0, a), (size[0] - 1, b), (size[0] - 1, size[1] - 1 - b), (0, size[1] - 1 - a)], np.float32)
    source = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, target.round().astype(np.int32), (255,))
    return cv2.warpPerspective(picture.astype(np.float32), warp, size, borderMode=cv2.BORDER_REPLICATE), mask


def _wall(rng: np.random.Generator, side: int) -> Cutout:
    """A wall beside, below or above: its inner edge straight, slanted or leafy; it reaches the border on the other sides."""
    kind = str(rng.choice(MATERIALS["wall"]))
    picture = lit(surface(kind, side, side, rng), rng)
    inner = rng.choice(["top", "left", "right", "bottom"], p=[0.4, 0.25, 0.25, 0.1])
    along = np.linspace(0, 1, side, dtype=np.float32)
    edge = rng.uniform(-0.25, 0.25) * along if rng.random() < 0.5 else np.zeros_like(along)
    edge = edge - edge.min()
    if kind == "leaves":
        for cells, lift in ((side / 4, 0.04), (6, 0.05)):
            edge = edge + lift * np.abs(smooth_field(1, side, (1, cells), rng)[0])
    depth = along[:, None] - edge[None, :]  # as if the inner edge were the top; grows inwards
    rim = (depth > 0) & (depth < rng.uniform(0.01, 0.06))
    light = np.where(rim, np.float32(rng.uniform(0.7, 1.35)), np.float32(1)) if kind != "leaves" else np.ones_like(depth)
    alpha = np.clip(depth * side + 0.5, 0, 1).astype(np.float32)
    first = int(alpha.any(1).argmax())
    light, alpha = light[first:], alpha[first:]
    turns = {"top": 0, "left": 1, "bottom": 2, "right": 3}[str(inner)]
    light, alpha = (np.ascontiguousarray(np.rot90(a, turns)) for a in (light, alpha))
    image = _bytes(picture[:alpha.shape[0], :alpha.shape[1]] * light[..., None])
    return Cutout(image, alpha, "drawn wall", "wall", cut_edges=frozenset(("left", "top", "right", "bottom")) - {str(inner)})


PAINTERS: dict[str, Callable[[np.random.Generator, int], Paint]] = {
    "silhouette": _silhouette, "box": _box, "bar": _bar, "fence": _fence, "foliage": _foliage, "furniture": _furniture,
    "shelf": _shelf, "fabric": _fabric, "board": _board,
}
SHARES = {
    "silhouette": 0.12, "box": 0.14, "bar": 0.1, "fence": 0.06, "foliage": 0.14, "furniture": 0.14, "shelf": 0.06, "fabric": 0.06,
    "board": 0.06, "wall": 0.12,
}
