"""Rooms, streets and parks drawn at random, with a floor to stand on: what is behind people where there are no photos."""
from __future__ import annotations

import cv2
import numpy as np

from deocc_aug.occluders import drawn
from deocc_aug.occluders.textures import Colour, Surface, lit, random_colour, smooth_field, surface
from deocc_aug.types import Image

PLACES = {"room": 0.42, "street": 0.28, "park": 0.18, "studio": 0.12}


def procedural(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """A drawn place (height, width, 3) uint8 of `size` (height, width) pixels, a little out of focus or not."""
    height, width = size
    horizon = int(np.clip(rng.normal(0.62, 0.12), 0.3, 0.88) * height)
    place = str(rng.choice(list(PLACES), p=list(PLACES.values())))
    picture = {"room": _room, "street": _street, "park": _park, "studio": _studio}[place](height, width, horizon, rng)
    picture = lit(picture, rng)
    if rng.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 + rng.beta(1, 3) * 0.014 * max(size))
    return np.asarray(picture.clip(0, 255), np.uint8)


def _room(height: int, width: int, horizon: int, rng: np.random.Generator) -> Surface:
    """A wall, perhaps a second one round a corner, things on it, a skirting board, a floor, furniture before the wall."""
    walls = {"plain": 0.24, "plaster": 0.36, "brick": 0.1, "tiles": 0.08, "planks": 0.08, "stripes": 0.08, "print": 0.06}
    kind = str(rng.choice(list(walls), p=list(walls.values())))
    picture = surface(kind, height, width, rng)
    if kind in ("stripes", "print"):  # wallpaper is pale
        picture = picture * np.float32(0.3) + np.float32(150)
    if rng.random() < 0.35:
        corner = int(rng.uniform(0.1, 0.9) * width)
        picture[:, corner:] *= np.float32(rng.uniform(0.6, 1.3))
        picture[:, max(0, corner - 1):corner + 1] *= np.float32(0.8)
    for _ in range(rng.integers(0, 4)):
        _opening(picture, horizon, rng)
    board = int(height * rng.uniform(0.01, 0.04))
    if rng.random() < 0.7:
        picture[horizon - board:horizon] = random_colour(rng, "grey" if rng.random() < 0.6 else "wood")
        picture[horizon - board] *= np.float32(1.15)
    _floor(picture, horizon, str(rng.choice(["planks", "tiles", "plain", "plaster", "checks"], p=[0.35, 0.2, 0.2, 0.15, 0.1])), rng)
    for _ in range(rng.integers(0, 4)):
        kind = str(rng.choice(["furniture", "shelf", "box", "foliage", "fabric", "board"]))
        _stand(picture, kind, horizon + int(rng.uniform(0.0, 0.12) * height), height * rng.uniform(0.15, 0.5), rng)
    return picture


def _opening(picture: Surface, horizon: int, rng: np.random.Generator) -> None:
    """A window, a picture or a door: a frame around something brighter or darker."""
    height, width = picture.shape[:2]
    is_door = rng.random() < 0.25
    wide, tall = int(width * rng.uniform(0.12, 0.4)), int(horizon * (rng.uniform(0.6, 0.85) if is_door else rng.uniform(0.15, 0.5)))
    x, y = int(rng.uniform(-0.1, 0.95) * width), horizon - tall if is_door else int(rng.uniform(0.02, 0.5) * horizon)
    frame = max(1, int(0.012 * max(height, width) * rng.uniform(0.6, 2)))
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + wide), min(horizon, y + tall)
    if x1 - x0 < 2 * frame + 4 or y1 - y0 < 2 * frame + 4:
        return
    picture[y0:y1, x0:x1] = random_colour(rng) * rng.uniform(0.8, 1.1)
    inner = picture[y0 + frame:y1 - frame, x0 + frame:x1 - frame]
    kind = "wood" if is_door else str(rng.choice(["plain", "print", "metal", "leaves", "plaster"]))
    inner[:] = surface(kind, inner.shape[0], inner.shape[1], rng)
    if not is_door and rng.random() < 0.5:  # daylight through panes
        inner[:] = inner * np.float32(0.3) + np.float32(rng.uniform(120, 180))
        inner[:, inner.shape[1] // 2:][:, :frame] = picture[y0, x0]


def _floor(picture: Surface, horizon: int, kind: str, rng: np.random.Generator) -> None:
    """Everything below the horizon line becomes ground that runs towards the camera."""
    height, width = picture.shape[:2]
    deep = height - horizon
    flat = surface(kind, 2 * deep + 8, 2 * width, rng)
    top, reach = rng.uniform(0.25, 0.6), flat.shape[0] - 1
    lean = rng.uniform(-0.2, 0.2)
    source = np.array([((0.5 - top / 2 + lean) * flat.shape[1], 0), ((0.5 + top / 2 + lean) * flat.shape[1], 0),
                       (0.62 * flat.shape[1], reach), (0.38 * flat.shape[1], reach)], np.float32)
    target = np.array([(0, 0), (width, 0), (width, deep), (0, deep)], np.float32)
    # a trapezium that is wider far away: its lines run together towards the horizon
    ground = cv2.warpPerspective(flat, cv2.getPerspectiveTransform(source, target), (width, deep), flags=cv2.INTER_AREA,
                                 borderMode=cv2.BORDER_REFLECT_101)
    light = np.linspace(rng.uniform(0.7, 1.05), rng.uniform(0.85, 1.15), deep, dtype=np.float32)
    picture[horizon:] = ground * light[:, None, None]
    picture[horizon:horizon + max(1, deep // 40)] *= np.float32(0.8)


def _stand(picture: Surface, kind: str, base: int, tall: float, rng: np.random.Generator) -> None:
    """A drawn thing standing on the line `base`, with a soft shadow under it."""
    height, width = picture.shape[:2]
    thing = drawn.draw(rng, max(16, int(tall)), kind)
    h, w = thing.alpha.shape
    x, y = int(rng.uniform(-0.15, 0.95) * width), base - h
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
    if x1 <= x0 or y1 <= y0:
        return
    shadow = picture[max(0, y1 - 2):min(height, y1 + max(3, h // 12)), x0:x1]
    across = np.exp(-np.linspace(-1.3, 1.3, shadow.shape[1]) ** 4)
    down = np.sin(np.linspace(0.3, 1, len(shadow)) * np.pi)
    shadow *= (1 - 0.45 * down[:, None] * across[None, :])[..., None].astype(np.float32)
    alpha = thing.alpha[y0 - y:y1 - y, x0 - x:x1 - x, None]
    where = picture[y0:y1, x0:x1]
    where[:] = where * (1 - alpha) + thing.image[y0 - y:y1 - y, x0 - x:x1 - x] * alpha * np.float32(rng.uniform(0.7, 1.0))


def _sky(height: int, width: int, rng: np.random.Generator) -> Surface:
    cloud = smooth_field(height, width, (3, 3), rng) + 0.5 * smooth_field(height, width, (8, 6), rng)
    above, below = _mixed(rng.uniform(0, 1)), np.full(3, rng.uniform(190, 250))
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    blue = np.broadcast_to(above * (1 - t) + below * t, (height, width, 3))
    cover = np.clip(0.4 + rng.uniform(0.1, 0.5) * cloud, 0, 1)[..., None] * np.float32(rng.uniform(0, 1))
    return np.asarray(blue * (1 - cover) + np.float32(rng.uniform(190, 245)) * cover, np.float32)


def _mixed(greyness: float) -> Colour:
    return np.asarray((1 - greyness) * np.array([95, 150, 215]) + greyness * np.array([185, 190, 200]), np.float32)


def _street(height: int, width: int, horizon: int, rng: np.random.Generator) -> Surface:
    """House fronts with rows of windows under the sky, pavement and road, posts, boxes and plants along the houses."""
    picture = _sky(height, width, rng)
    x = -int(rng.uniform(0, 0.3) * width)
    while x < width:
        wide = int(width * rng.uniform(0.2, 0.8))
        top = int(horizon * (rng.uniform(-0.3, 0.6) if rng.random() < 0.85 else 0.9))
        _house(picture, max(0, x), max(0, top), min(width, x + wide), horizon, rng)
        x += wide + (int(width * rng.uniform(0, 0.2)) if rng.random() < 0.3 else 0)
    _floor(picture, horizon, str(rng.choice(["tiles", "plaster", "brick", "plain"])), rng)
    if rng.random() < 0.5:
        kerb = int(rng.uniform(0.1, 0.5) * (height - horizon)) + horizon
        picture[kerb:] = picture[kerb:] * np.float32(0.3) + random_colour(rng, "grey") * np.float32(0.45)
        picture[kerb:kerb + max(1, height // 60)] *= np.float32(rng.uniform(1.1, 1.5))
    for _ in range(rng.integers(0, 5)):
        kind = str(rng.choice(["bar", "foliage", "box", "board", "fence", "furniture"]))
        _stand(picture, kind, horizon + int(rng.uniform(0, 0.1) * height), height * rng.uniform(0.12, 0.55), rng)
    return picture


def _house(picture: Surface, x0: int, y0: int, x1: int, y1: int, rng: np.random.Generator) -> None:
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    height, width = y1 - y0, x1 - x0
    front = surface(str(rng.choice(["plaster", "brick", "tiles", "plain"])), height, width, rng)
    pane, frame = random_colour(rng, "dark") + rng.uniform(0, 60), random_colour(rng, "grey")
    step_x, step_y = int(rng.uniform(0.1, 0.25) * picture.shape[1]) + 6, int(rng.uniform(0.1, 0.22) * picture.shape[0]) + 8
    wide, tall = int(step_x * rng.uniform(0.35, 0.7)), int(step_y * rng.uniform(0.4, 0.75))
    edge = max(1, wide // 10)
    for y in range(int(0.2 * step_y), height - tall, step_y):
        for x in range(int(0.2 * step_x), width - wide, step_x):
            front[y:y + tall, x:x + wide] = frame
            shine = np.linspace(rng.uniform(0.7, 1.8), rng.uniform(0.7, 1.3), tall - 2 * edge, dtype=np.float32)
            front[y + edge:y + tall - edge, x + edge:x + wide - edge] = (pane * shine[:, None])[:, None]
            front[y + edge:y + tall - edge, x + wide // 2] = frame
    picture[y0:y1, x0:x1] = front * np.float32(rng.uniform(0.7, 1.1))


def _park(height: int, width: int, horizon: int, rng: np.random.Generator) -> Surface:
    """Sky, a ragged line of trees, grass or sand or a path, some plants and a bench."""
    picture = _sky(height, width, rng)
    trees = surface("leaves", height, width, rng) * np.float32(rng.uniform(0.5, 0.95))
    for cells, lift in ((rng.uniform(2, 5), 0.25), (rng.uniform(8, 16), 0.06)):
        line = horizon - height * (rng.uniform(0.0, 0.35) + lift * np.abs(smooth_field(1, width, (1, cells), rng)[0]))
        line += rng.normal(0, 1.2, width)
        behind = (np.arange(height)[:, None] > line[None, :])[..., None]
        picture = np.where(behind, trees * np.float32(rng.uniform(0.7, 1.1)), picture)
    picture = np.ascontiguousarray(picture)
    _floor(picture, horizon, str(rng.choice(["leaves", "plaster", "plain"], p=[0.6, 0.25, 0.15])), rng)
    for _ in range(rng.integers(0, 5)):
        kind = str(rng.choice(["foliage", "foliage", "furniture", "bar", "fence"]))
        _stand(picture, kind, horizon + int(rng.uniform(0, 0.15) * height), height * rng.uniform(0.15, 0.6), rng)
    return picture


def _studio(height: int, width: int, horizon: int, rng: np.random.Generator) -> Surface:
    """A sheet of one colour that bends into the floor, brighter in the middle."""
    colour, fall = random_colour(rng, str(rng.choice(["grey", "muted"]))), rng.uniform(0.1, 0.6)
    x, y = (np.linspace(-1, 1, n, dtype=np.float32) for n in (width, height))
    glow = 1.1 - np.float32(fall) * ((x[None, :] - rng.normal(0, 0.2)) ** 2 + (y[:, None] - rng.normal(-0.2, 0.2)) ** 2)
    below = 1 / (1 + np.exp(-(np.arange(height, dtype=np.float32) - horizon) / (0.04 * height)))
    bend = 1 + np.float32(rng.uniform(-0.15, 0.15)) * below
    light = glow * bend[:, None] + 0.01 * smooth_field(height, width, (6, 6), rng)
    return np.asarray(light[..., None] * colour, np.float32)
