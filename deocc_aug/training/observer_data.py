"""Training examples of the observer: people behind things and other people, and a box that says who is meant."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.canvas import apply, box_of, cut, place, resample, widened
from deocc_aug.observe.codec import HIDDEN, OUT_OF_FRAME, VISIBLE
from deocc_aug.occluders.cutouts import Cutout, cutout_of, even_numbered, read_cutouts
from deocc_aug.occluders.lens import photograph, random_lens
from deocc_aug.occluders.matching import relit
from deocc_aug.occluders.paste import draw_rate, occlude
from deocc_aug.patches import SHRINK
from deocc_aug.training.hide import random_frame, to_world, told_joints
from deocc_aug.training.sources import Example, read_ccp, read_coco_people
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Box, Image, Joints, Mask

SIDE = 176  # a body's longer side in the world, pixels
CROP = 200  # the same, at most, in the photos held in memory
CUTOUT = 180  # longer side of the things that are pasted
LEAST_PX = 150  # visible pixels of a person in the world that are worth looking for
UNKNOWN = -1
TRUTHS = 4  # planes of the label truth: this person, in front of them, anything else, not this person (but which of the two nobody knows)


@dataclass(frozen=True, eq=False)
class Sight(Example):
    """A person in a picture, `mask` the whole silhouette, and what is known to be in front of them.

    `occluder` (h, w) bool: whatever was put into the picture after the person, or None where nothing was; `whole`: nothing else hides
    them and `mask` is the whole person; otherwise it is what is seen of them, before things that nobody marked.
    """

    occluder: Mask | None = None
    whole: bool = True


@dataclass(frozen=True, eq=False)
class Cast:
    """What may stand in front of people or behind them: things, people, photos to move them into."""

    things: Sequence[Cutout] = ()
    people: Sequence[Cutout] = ()
    photos: Sequence[Image] = ()


def sighting(example: Example, rng: np.random.Generator, cast: Cast, size: tuple[int, int]) -> dict[str, np.ndarray] | None:
    """One example on a canvas of `size` (h, w); None if too little of the person is left to see.

    `picture` (h, w, 3) uint8, `frame` (4,), `box` (4,), `told` (17, 3) as `deocc_aug.observe.codec.encode` wants them, and the truth:
    `labels` (TRUTHS, h / 2, w / 2) uint8 shares of 255, all 0 where nothing is known; `joints` (17, 3) canvas pixels and 1 where known;
    `states` (17,) or UNKNOWN; `hidden` () the share of the body that is not seen, or UNKNOWN.
    """
    if not isinstance(example, Sight) or example.image is None:
        raise ValueError("the observer learns from pictures that say what is in front of people: pass a Sight with an image")
    world = to_world(example, SIDE, rng)
    body, extent = box_of(world.mask), box_of(world.known)
    if body is None or extent is None or min(body[2] - body[0], body[3] - body[1]) < 8:
        return None
    x0, y0, x1, y1 = _frame(body, extent, len(world.mask), rng)
    framed, shift = (slice(y0, y1), slice(x0, x1)), np.array([[0, 0, x0], [0, 0, y0]])
    known, mask, to_frame = world.known[framed], world.mask[framed], world.to_world - shift
    if mask.sum() < LEAST_PX:
        return None
    picture = cv2.warpAffine(example.image, to_frame, mask.shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    if example.occluder is not None:
        occluder = cv2.warpAffine(example.occluder.view(np.uint8) * 255, to_frame, mask.shape[::-1]) > 127
    else:
        if cast.photos and example.whole and rng.random() < 0.35:
            picture, known = _moved(picture, mask, cast.photos[rng.integers(len(cast.photos))], rng), np.ones_like(known)
        occluder = np.zeros_like(mask)
        if rng.random() < 0.7:
            pasted = occlude(picture, mask, cast.people if rng.random() < 0.5 else cast.things, draw_rate(rng), rng)
            picture, occluder = pasted.image, pasted.occluder
    visible = mask & ~occluder & known
    visible_box = box_of(visible)
    if visible_box is None or visible.sum() < LEAST_PX:
        return None
    joints: Joints = world.joints - np.array([x0, y0, 0]) * (world.joints[:, 2:] > 0)
    told = told_joints(joints, ~visible, SIDE, rng)
    box = _given_box(visible_box, body - [x0, y0, x0, y0], mask.shape, rng)
    canvas = cut(picture, place(widened(box, rng.uniform(0.05, 0.35)), size), size)
    to_canvas = canvas.image_to_canvas
    in_front = _hiding(occluder, mask) & known
    rest = known & ~visible & ~in_front
    truth = np.stack([visible, in_front, rest & example.whole, rest & (not example.whole)], 2).view(np.uint8) * 255
    labels = resample(truth, to_canvas / SHRINK, (size[0] // SHRINK, size[1] // SHRINK))
    share = 1 - visible.sum() / world.mask.sum() if example.whole and not _cut_off(example) else UNKNOWN
    frame = np.array([0.0, 0, *mask.shape[::-1]])
    return {"picture": _as_filed(canvas.image, rng), "frame": _on(to_canvas, frame), "box": _on(to_canvas, box),
            "told": _joints_on(to_canvas, told), "labels": np.ascontiguousarray(labels.transpose(2, 0, 1)),
            "joints": _joints_on(to_canvas, joints), "states": _states(joints, visible, occluder, known),
            "hidden": np.array(share, np.float32)}


def _frame(body: Box, extent: Box, size: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Where the photo ends: mostly where it does, at times nearer, through the person."""
    x0, y0, x1, y1 = extent.astype(int).tolist()
    if rng.random() < 0.5:
        a, b, c, d = random_frame(body, size, rng, cut_share=0.5)
        x0, y0, x1, y1 = max(x0, a), max(y0, b), min(x1, c), min(y1, d)
    return x0, y0, max(x1, x0 + 16), max(y1, y0 + 16)


def _moved(picture: Image, mask: Mask, place: Image, rng: np.random.Generator) -> Image:
    """The person of a picture (h, w, 3) before another photo, which has people of its own."""
    height, width = mask.shape
    scale = max(height / place.shape[0], width / place.shape[1]) * rng.uniform(1, 1.5)
    room = np.array([place.shape[1] * scale - width, place.shape[0] * scale - height])
    turn = -1.0 if rng.random() < 0.5 else 1.0
    shift = -rng.uniform(0, 1, 2) * room + [place.shape[1] * scale if turn < 0 else 0, 0]
    matrix = np.array([[scale * turn, 0, shift[0]], [0, scale, shift[1]]])
    ground = cv2.warpAffine(place, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    solid = cv2.erode(mask.view(np.uint8) * np.uint8(255), np.ones((3, 3), np.uint8))
    alpha = cv2.GaussianBlur(solid, (0, 0), rng.uniform(0.5, 1.2)).astype(np.float32)[..., None] / 255
    return np.asarray((ground + (picture.astype(np.float32) - ground) * alpha).round(), np.uint8)


def _hiding(occluder: Mask, mask: Mask) -> Mask:
    """The pieces of an occluder that cover a part of the person."""
    _, pieces = cv2.connectedComponents(occluder.view(np.uint8), connectivity=8)
    return np.asarray(np.isin(pieces, np.setdiff1d(pieces[mask], [0])))


def _given_box(visible: Box, whole: Box, shape: tuple[int, ...], rng: np.random.Generator) -> Box:
    """A box as a caller or a detector has it: of the visible part or of the whole person, a little off."""
    box = visible
    if rng.random() < 0.4:
        box = whole.clip(0, [shape[1], shape[0]] * 2) if rng.random() < 0.7 else whole
    off = np.clip(rng.normal(0, rng.choice([0.005, 0.02, 0.05]), 4), -0.12, 0.12)
    return np.asarray(box + off * (box[2:] - box[:2])[[0, 1, 0, 1]])


def _states(joints: Joints, visible: Mask, occluder: Mask, known: Mask) -> np.ndarray:
    """(17,) int64: what is known of each joint."""
    height, width = visible.shape
    column, row = np.floor(joints[:, :2]).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    at = row.clip(0, height - 1), column.clip(0, width - 1)
    near = cv2.dilate(visible.view(np.uint8), np.ones((7, 7), np.uint8))[at] > 0
    state = np.where(known[at], np.where(occluder[at], HIDDEN, np.where(near, VISIBLE, UNKNOWN)), UNKNOWN)
    return np.where(joints[:, 2] > 0, np.where(inside, state, OUT_OF_FRAME), UNKNOWN).astype(np.int64)


def _cut_off(example: Example) -> bool:
    """Whether the picture's border cuts the person: then nobody knows how much is beyond."""
    assert example.mask is not None
    x0, y0, x1, y1 = example.box_xyxy
    return bool(min(x0, y0) < 1 or x1 > example.mask.shape[1] - 1 or y1 > example.mask.shape[0] - 1)


def _as_filed(picture: Image, rng: np.random.Generator) -> Image:
    """A canvas in another light, by another camera."""
    if rng.random() < 0.7:
        picture = relit(picture, rng)
    if rng.random() < 0.06:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 2))
    return photograph([picture], random_lens(rng))[0] if rng.random() < 0.35 else picture


def _on(to_canvas: np.ndarray, box: Box) -> np.ndarray:
    return apply(to_canvas, box.reshape(2, 2).astype(np.float64)).reshape(4).astype(np.float32)


def _joints_on(to_canvas: np.ndarray, joints: Joints) -> np.ndarray:
    moved = np.concatenate([apply(to_canvas, joints[:, :2]), joints[:, 2:]], 1)
    return np.where(joints[:, 2:] > 0, moved, 0).astype(np.float32)


def read_sights(folder: Path) -> list[Sight]:
    """The people of shards that `deocc-aug synth` wrote, behind what hides them there; those behind nothing may be pasted upon."""
    from deocc_aug.humans.shards import read_shards

    out = []
    for scene in read_shards(folder):
        x0, y0, x1, y1 = scene.frame_xyxy.tolist()  # the scene is black beyond
        amodal, occluder, image = (np.ascontiguousarray(plane[y0:y1, x0:x1]) for plane in (scene.amodal, scene.occluder, scene.image))
        box = box_of(amodal)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) >= 8:
            joints = np.concatenate([scene.joints_px - [x0, y0], np.ones((17, 1))], 1).astype(np.float64)
            out.append(Sight(amodal, joints, box, image, occluder=occluder if occluder.any() else None))
    return out


def _sights(examples: list[Example], whole: bool) -> list[Example]:
    return [Sight(e.mask, e.joints, e.box_xyxy, e.image, whole=whole) for e in examples]


class ObserverData(StreamData):
    """Pictures of people for the observer: synthetic scenes as they are; `ccp` train and COCO people of odd images with things and
    other people pasted in front, beside and behind.

    Args:
        ccp: folder of Clothing Co-Parsing, or None.
        coco: COCO-format folder, or None (drawn occluders only).
        scenes: folder of shards of synthetic people (`deocc-aug synth`), or None.
        shares: how often `ccp`, COCO and the synthetic people are drawn.
        batch_size: examples a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream of examples; resuming with another seed continues with fresh ones.
        canvas: (height, width) px.
    """

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float, float] = (0.4, 0.25, 0.35), batch_size: int = 16, workers: int = 1, seed: int = 0,
                 canvas: tuple[int, int] = (256, 192)) -> None:
        super().__init__(batch_size, workers, seed)
        self.ccp, self.coco, self.scenes, self.shares, self.canvas = ccp, coco, scenes, shares, canvas
        self.photos: dict[str, list[Example]] = {}

    def read(self) -> Sources:
        self.photos = {"ccp": _sights(read_ccp(Path(self.ccp), "train", CROP, photos=True), whole=True) if self.ccp else [],
                       "coco": _sights(read_coco_people(Path(self.coco), CROP, photos=True), whole=False) if self.coco else []}
        scenes: list[Example] = [*read_sights(Path(self.scenes))] if self.scenes else []
        return [(self.shares[0], self.photos["ccp"]), (self.shares[1], self.photos["coco"]), (self.shares[2], scenes)]

    def maker(self) -> Make:
        things = read_cutouts(Path(self.coco), side=CUTOUT, leave_out=even_numbered) if self.coco else []
        people = [cutout_of(e.image, e.mask, "ccp", "person", side=CUTOUT) for e in self.photos["ccp"]
                  if e.image is not None and e.mask is not None]
        photos = [e.image for examples in self.photos.values() for e in examples if e.image is not None]
        cast = Cast([*things], [*people, *(thing for thing in things if thing.is_person)], photos)
        return partial(sighting, cast=cast, size=self.canvas)
