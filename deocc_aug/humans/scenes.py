"""Scenes: synthetic people before backgrounds, behind occluders, with everything that is hidden known.

A scene depends on (seed, number) and on the ingredients alone, so any number of workers makes the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.canvas import box_of
from deocc_aug.humans.bodies import Bodies, sample_bodies
from deocc_aug.humans.camera import Camera, View, sample_camera
from deocc_aug.humans.lighting import sample_light
from deocc_aug.humans.records import HIDDEN, OUT_OF_FRAME, SELF_HIDDEN, VISIBLE, Scene, frame_mask
from deocc_aug.humans.render import Portrait, developed, draw, frame, together
from deocc_aug.humans.tailor import dress
from deocc_aug.humans.wardrobe import Wardrobe
from deocc_aug.humans.wear import bare, sample_outfit
from deocc_aug.occluders.backgrounds import Backgrounds
from deocc_aug.occluders.border import cutting_frame
from deocc_aug.occluders.cutouts import THINNEST_PX, Cutout, cutout_of
from deocc_aug.occluders.paste import draw_rate, occlude
from deocc_aug.occluders.places import procedural

__all__ = ["GROUP", "HIDDEN", "OUT_OF_FRAME", "SELF_HIDDEN", "VISIBLE", "Ingredients", "Scene", "facing", "make_scenes"]

Array = NDArray[np.floating[Any]]

GROUP = 16
"""People of one batch of bodies: scene i is person i % GROUP of group i // GROUP."""

_NEAREST = 1.0  # metres from the camera to the body's middle at least
_UPRIGHT = 0.85  # of a chest's direction: within 32 degrees of the picture's own up and down
_CUT_OFF = (0.05, 0.45)  # shares of the body that are beyond a frame that cuts it


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What scenes are made of.

    `size` (H,W) pixels; `backgrounds` None: procedural places alone; `cutouts` empty: drawn things alone; `wardrobe` None:
    procedural clothes alone; `families` None: the prior's own shares; `rate` of what the frame shows of the person is hidden, None:
    drawn (0 for one in five, else up to 0.8); `company`: how often somebody else stands behind or beside the person; `cut`: how often the
    frame cuts 5 to 45% of the person off; `clothed` False: people in their skin, with their hair.
    """

    size: tuple[int, int] = (256, 192)
    backgrounds: Backgrounds | None = None
    cutouts: Sequence[Cutout] = field(default_factory=tuple)
    wardrobe: Wardrobe | None = None
    families: tuple[str, ...] | None = None
    rate: float | None = None
    company: float = 0.25
    cut: float = 0.2
    clothed: bool = True


def make_scenes(seed: int, group: int, ingredients: Ingredients) -> Iterator[Scene]:
    """The `GROUP` scenes of one group; a scene's occluders may be others of its group.

    Raises:
        ImportError: anny, numba or scipy is not installed.
    """
    rng = np.random.default_rng([seed, group])
    bodies = sample_bodies(GROUP, rng, ingredients.families)
    states = rng.integers(2**63, size=(GROUP, 2))
    portraits = [_portrait(bodies, index, ingredients, np.random.default_rng(states[index, 0])) for index in range(GROUP)]
    for index in range(GROUP):
        yield _scene(bodies, index, portraits, ingredients, np.random.default_rng(states[index, 1]))


@dataclass(frozen=True, eq=False)
class _Sitting:
    """A portrait with what it was made of."""

    portrait: Portrait
    words: dict[str, str]


def _portrait(bodies: Bodies, index: int, ingredients: Ingredients, rng: np.random.Generator) -> _Sitting:
    family, shape = bodies.families[index], bodies.shapes[index]
    clothes_rng = np.random.default_rng(rng.integers(2**63))  # so that other clothes change nothing else
    outfit = sample_outfit(shape, family, clothes_rng, ingredients.wardrobe)
    outfit = outfit if ingredients.clothed else bare(outfit)
    pieces = dress(bodies, index, outfit, clothes_rng)
    vertices = together(pieces)[0]
    camera = _far_enough(sample_camera(rng, lying=family == "lie"), vertices)
    view = frame(pieces, camera, ingredients.size, share=float(rng.uniform(0.55, 0.92)))
    middle = view.middle_px + rng.uniform(-0.5, 0.5, 2) * _room(view, vertices, ingredients.size)
    view = View(view.camera, view.centre, view.focal_px, middle)
    portrait = draw(bodies, index, pieces, view, ingredients.size, sample_light(camera, rng))
    words = outfit.words | {"age": shape.age_group, "build": shape.build, "facing": facing(bodies, index, view), "pose": family}
    return _Sitting(portrait, words)


def _far_enough(camera: Camera, vertices: Array) -> Camera:
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    reach = float(np.linalg.norm(vertices - centre, axis=1).max())
    return Camera(camera.yaw, camera.pitch, camera.roll, max(camera.distance, _NEAREST, reach + 0.35))


def _room(view: View, vertices: Array, size: tuple[int, int]) -> Array:
    """(2,) pixels by which the person can move in the picture before they leave it, both ways together."""
    points = view.project(vertices)[0]
    return np.asarray(np.maximum(np.array(size[::-1]) - (points.max(axis=0) - points.min(axis=0)) - 4, 0))


def facing(bodies: Bodies, index: int, view: View) -> str:
    """Where the person's chest looks, as the camera sees it: front, back, left or right (of the picture) and what is between
    them, eight words in all; up or down the picture where it does next to nothing else, as of people who lie."""
    chest = bodies.rotations[index, bodies.model.bones["spine01"]].astype(np.float64) @ (0.0, -1.0, 0.0)
    right, down, ahead = chest @ view.axes
    if abs(down) > _UPRIGHT:
        return "down" if down > 0 else "up"
    angle = np.degrees(np.arctan2(right, -ahead))
    return ("front", "front right", "right", "back right", "back", "back left", "left", "front left")[int(round(angle / 45)) % 8]


def _scene(bodies: Bodies, index: int, sittings: list[_Sitting], ingredients: Ingredients, rng: np.random.Generator) -> Scene:
    sitting = sittings[index]
    portrait = sitting.portrait
    places = ingredients.backgrounds
    background = procedural(ingredients.size, rng) if places is None else places.draw(ingredients.size, rng)
    behind = (background.astype(np.float32) / 255) ** 2.2
    gain = _exposure(portrait, behind, rng)
    others = [s.portrait for k, s in enumerate(sittings) if k != index]
    if rng.random() < ingredients.company:
        other = others[rng.integers(len(others))]
        behind = _before(behind, other, _exposure(other, behind, rng), _aside(portrait, rng))
    behind = behind * _contact_shadow(portrait, rng)[..., None]
    picture = developed(portrait.light * gain + (1 - portrait.alpha[..., None]) * behind)
    cutouts = [*ingredients.cutouts] if ingredients.cutouts else []
    if rng.random() < 0.35:
        other = others[rng.integers(len(others))]
        box = box_of(other.mask)
        alone = rng.random() < 0.7
        if box is not None and min(box[2:] - box[:2]) >= THINNEST_PX:
            light = developed(other.light * gain / np.maximum(other.alpha, 1e-3)[..., None])
            person = cutout_of(light, other.mask, "rendered", "person", side=max(ingredients.size))
            cutouts = [person] if alone or not cutouts else [person, *cutouts[:: max(1, len(cutouts) // 6)]]
    rate = draw_rate(rng) if ingredients.rate is None else ingredients.rate
    frame_xyxy = _photo_frame(portrait, ingredients.cut, np.random.default_rng(rng.integers(2**63)))
    inside = frame_mask(frame_xyxy, ingredients.size)
    pasted = occlude(picture, portrait.mask & inside, cutouts, rate, rng)
    occluder = pasted.occluder & inside
    return Scene(
        image=pasted.image * inside[..., None],
        clean=pasted.clean,
        amodal=portrait.mask,
        occluder=occluder,
        parts=portrait.parts,
        wear=portrait.wear,
        joints_px=portrait.joints_px,
        joints_state=_states(portrait, occluder, frame_xyxy),
        joints_camera=portrait.joints_camera,
        frame_xyxy=frame_xyxy,
        view=portrait.view,
        words=sitting.words,
        family=bodies.families[index],
        vertices_camera=portrait.vertices_camera,
    )


def _photo_frame(portrait: Portrait, cut: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """(4,) the part of the picture that the photo shows."""
    rate = rng.uniform(*_CUT_OFF) if rng.random() < cut else 0.0
    return np.array(cutting_frame(portrait.mask, rate, rng), np.int64)


def _states(portrait: Portrait, occluder: NDArray[np.bool_], frame_xyxy: NDArray[np.int64]) -> NDArray[np.uint8]:
    height, width = occluder.shape
    at = np.floor(portrait.joints_px).astype(int)
    inside = ((at >= frame_xyxy[:2]) & (at < frame_xyxy[2:])).all(axis=1)
    column, row = at.T
    covered = occluder[row.clip(0, height - 1), column.clip(0, width - 1)]
    state = np.where(covered, HIDDEN, np.where(portrait.seen, VISIBLE, SELF_HIDDEN))
    return np.where(inside, state, OUT_OF_FRAME).astype(np.uint8)


def _exposure(portrait: Portrait, behind: Array, rng: np.random.Generator) -> Array:
    """(3,) gains that bring the person's light some way towards the background's brightness and cast."""
    there = behind.reshape(-1, 3).mean(axis=0) + 0.02
    here = portrait.light[portrait.mask].mean(axis=0) + 0.02 if portrait.mask.any() else there
    brightness = (there.mean() / here.mean()) ** rng.uniform(0.2, 0.7) * np.exp(rng.normal(0.1, 0.15))
    cast = (there / there.mean()) ** rng.uniform(0, 0.5)
    return np.asarray(np.clip(brightness, 0.45, 2.2) * cast)


def _before(behind: Array, portrait: Portrait, gain: Array, shift: Array) -> Array:
    """A background with somebody in it, moved by `shift` (2,) pixels."""
    matrix = np.array([[1.0, 0, shift[0]], [0, 1, shift[1]]])
    size = behind.shape[1::-1]
    light, alpha = (cv2.warpAffine(plane, matrix, size) for plane in (portrait.light, portrait.alpha))
    return np.asarray(light * gain + (1 - alpha[..., None]) * behind)


def _aside(portrait: Portrait, rng: np.random.Generator) -> Array:
    width = portrait.alpha.shape[1]
    return np.array([rng.choice((-1.0, 1.0)) * rng.uniform(0.15, 0.5) * width, rng.uniform(-0.15, 0.1) * width])


def _contact_shadow(portrait: Portrait, rng: np.random.Generator) -> Array:
    """(H,W) what the person keeps from the floor beneath them: 1 is nothing."""
    out = np.ones(portrait.alpha.shape, np.float32)
    rows, columns = np.nonzero(portrait.mask)
    if not len(rows) or rng.random() < 0.25:
        return out
    bottom, tall = rows.max(), float(np.ptp(rows) + 1)
    near = rows > bottom - 0.12 * tall
    left, right = columns[near].min(), columns[near].max()
    axes = (int((right - left) * 0.62 + 0.04 * tall), int(0.03 * tall + 2))
    cv2.ellipse(out, (int((left + right) / 2 + rng.uniform(-0.05, 0.05) * tall), int(bottom - 0.01 * tall)), axes, 0, 0, 360,
                (float(rng.uniform(0.35, 0.8)),), -1)  # fmt: skip
    return np.asarray(cv2.GaussianBlur(out, (0, 0), 0.02 * tall + 1))
