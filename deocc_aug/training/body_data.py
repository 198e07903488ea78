"""Training examples of stage 1: hidden silhouettes and what a caller would know of them."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.body.codec import encode_body, encode_observation
from deocc_aug.canvas import apply, around, box_of, cut, first_look, place, resample_mask
from deocc_aug.observe.given import observe
from deocc_aug.occluders.matching import relit
from deocc_aug.patches import SHRINK
from deocc_aug.training.hide import annotator_noise, random_frame, random_occluder, to_world, told_joints
from deocc_aug.training.sources import Example, read_ccp, read_coco_people, read_coco_shapes, read_scenes, shrunk
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Image, Mask, Person

SIDE = 144  # a body's longer side in the world, pixels


def read_bank(path: Path, bare: bool = False) -> list[Example]:
    """Silhouettes that `python -m deocc_aug.humans.silhouettes` wrote, each shrunk to the size it is used at; `bare`: without clothes."""
    from deocc_aug.humans.silhouettes import load_bank

    bank = load_bank(path)
    joints = np.concatenate([bank.joints_px.astype(np.float64), np.ones((len(bank), 17, 1))], 2)
    out = []
    for index in range(len(bank)):
        mask = bank.mask(index, bare) > 0
        box = box_of(mask)
        if box is not None:
            out.append(shrunk(Example(mask, joints[index], box, bounded=False), SIDE))
    return out


def hidden_body(example: Example, rng: np.random.Generator, shapes: list[Mask], size: tuple[int, int], patch: int,
                coloured: float) -> dict[str, np.ndarray] | None:
    """One example: `condition` (C, gh, gw), `target` (S, gh, gw) in [0, 1], `weight` (S, gh, gw); None if nothing is left to see.

    `coloured`: how often the person's colours are known, where the example has a picture.
    """
    world = to_world(example, SIDE, rng)
    box = box_of(world.mask)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 8:
        return None
    x0, y0, x1, y1 = random_frame(box, len(world.mask), rng, cut_share=0.3)
    low, high = (0.0, 0.05) if rng.random() < 0.06 else (0.1, 0.85)
    occluder = random_occluder(world.mask, shapes, rng, low, high)
    seen = world.mask & ~occluder
    framed = (slice(y0, y1), slice(x0, x1))
    visible, occluder = seen[framed], occluder[framed]
    if rng.random() < 0.4:
        visible = annotator_noise(visible, rng, ~occluder)
    if rng.random() < 0.3:
        occluder = annotator_noise(occluder, rng, ~visible)
    visible_box = box_of(visible)
    if visible_box is None or visible.sum() < 0.04 * world.mask.sum():
        return None
    known = rng.random() < 0.62
    truth_box = box - [x0, y0, x0, y0]
    if rng.random() < 0.35:
        look = first_look(visible_box, box_of(occluder) if known else None)
    else:
        # around a first answer that was more or less right
        wrong = rng.normal(0, rng.choice([0.01, 0.04, 0.08]), 4) * (truth_box[2:] - truth_box[:2]).max()
        guessed = truth_box + wrong
        guessed = np.concatenate([np.minimum(guessed, visible_box)[:2], np.maximum(guessed, visible_box)[2:]])
        look = around(guessed)
    joints = world.joints.copy()
    joints[:, :2] -= (x0, y0)
    hidden = np.ones_like(world.mask)
    hidden[framed] = ~visible
    told = told_joints(world.joints, hidden, SIDE, rng)
    told[:, :2] -= np.array([x0, y0]) * (told[:, 2:] > 0)
    picture, shown = np.zeros((*visible.shape, 3), np.uint8), example.image if rng.random() < coloured else None
    if shown is not None:
        to_frame = world.to_world - [[0, 0, x0], [0, 0, y0]]
        picture = recoloured(cv2.warpAffine(shown, to_frame, visible.shape[::-1], borderMode=cv2.BORDER_REPLICATE), rng)
    canvas = cut(picture, place(look, size), size)
    observation = observe(canvas, Person(visible_box, visible, occluder if known else None, told))
    world_to_canvas = canvas.image_to_canvas.copy()
    world_to_canvas[:, 2] -= canvas.image_to_canvas[0, 0] * np.array([x0, y0])
    amodal = resample_mask(world.mask, world_to_canvas, size)
    on_canvas = np.concatenate([apply(canvas.image_to_canvas, joints[:, :2]), joints[:, 2:]], 1)
    outside = (on_canvas[:, :2] < 0).any(1) | (on_canvas[:, 0] > size[1]) | (on_canvas[:, 1] > size[0])
    condition = encode_observation(observation.labels, observation.joints, None if shown is None else canvas.image, patch)
    target = encode_body(amodal, on_canvas, patch)
    learnable = resample_mask(world.known, world_to_canvas, size)[SHRINK // 2::SHRINK * patch, SHRINK // 2::SHRINK * patch]
    planes = condition[: 2 * patch**2]
    certain = planes[: patch**2] + planes[patch**2:]                       # person or clear
    mask_weight = (0.15 + 0.85 * (1 - certain)) * (learnable > 0.5)[None]
    joint_weight = np.broadcast_to((joints[:, 2] > 0)[:, None, None] & ~outside[:, None, None], (17, *condition.shape[1:]))
    weight = np.concatenate([mask_weight, joint_weight.astype(np.float32)])
    return {"condition": condition, "target": target, "weight": weight.astype(np.float32)}


def recoloured(picture: Image, rng: np.random.Generator) -> Image:
    """A photo in another light and at times in other colours, so that nobody can be known by the colours of their clothes."""
    kind = rng.random()
    if kind < 0.25:
        picture = picture[..., rng.permutation(3)]
    elif kind < 0.35:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    return relit(picture, rng)


class BodyData(StreamData):
    """Silhouettes for stage 1: drawn ones, `ccp` train, COCO people of odd images, synthetic people.

    Args:
        bank: npz file of drawn silhouettes, or None.
        ccp: folder of Clothing Co-Parsing, or None.
        coco: COCO-format folder with people and occluder shapes, or None (drawn shapes only).
        scenes: folder of shards of synthetic people (`deocc-aug synth`), or None.
        shares: how often each of the four is drawn.
        batch_size: examples a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream of examples; resuming with another seed continues with fresh ones.
        bare: the bank's bodies without their clothes, to measure what clothes are worth.
        coloured: how often a photo's colours are shown; 0 to measure what they are worth.
        mining: how many times as often people are drawn whose hidden part is guessed badly, at most; 1 draws all alike.
    """

    def __init__(self, bank: str | None = None, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float, float, float] = (0.15, 0.42, 0.11, 0.32), batch_size: int = 32, workers: int = 1,
                 seed: int = 0, bare: bool = False, coloured: float = 0.7, mining: float = 2.0,
                 canvas: tuple[int, int] = (256, 192), patch: int = 4) -> None:
        super().__init__(batch_size, workers, seed, mining)
        self.bank, self.ccp, self.coco, self.scenes, self.shares, self.bare = bank, ccp, coco, scenes, shares, bare
        self.coloured, self.canvas, self.patch = coloured, canvas, patch

    def read(self) -> Sources:
        return [(self.shares[0], read_bank(Path(self.bank), self.bare) if self.bank else []),
                (self.shares[1], read_ccp(Path(self.ccp), "train", SIDE, photos=self.coloured > 0) if self.ccp else []),
                (self.shares[2], read_coco_people(Path(self.coco), SIDE, photos=self.coloured > 0, min_keypoints=7) if self.coco else []),
                (self.shares[3], read_scenes(Path(self.scenes), SIDE, photos=self.coloured > 0) if self.scenes else [])]

    def maker(self) -> Make:
        shapes = read_coco_shapes(Path(self.coco)) if self.coco else []
        return partial(hidden_body, shapes=shapes, size=self.canvas, patch=self.patch, coloured=self.coloured)
