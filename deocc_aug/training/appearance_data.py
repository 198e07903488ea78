"""Training examples of stage 2: photos of people with a hole in them."""
from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deocc_aug.appearance.codec import condition_of, to_unit, without_body
from deocc_aug.appearance.text import tokens_of
from deocc_aug.canvas import apply, around, box_of, place, resample_mask
from deocc_aug.describe.closed import prompt_tokenizer
from deocc_aug.describe.questions import DEFAULT, prompt_of
from deocc_aug.occluders.matching import relit
from deocc_aug.patches import SHRINK, heatmaps, shrink, to_patches
from deocc_aug.training.clothes import REGIONS, Dressed, read_dressed_ccp, read_dressed_scenes, redyed
from deocc_aug.training.hide import World, annotator_noise, random_frame, random_occluder, to_world
from deocc_aug.training.sources import Example, read_ccp, read_coco_people, read_coco_shapes
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Mask

SIDE = 192  # a body's longer side in the world, pixels
CROP = 200  # the same, at most, in the photos held in memory
DYED = 0.35  # how often a garment whose colour is told is dyed
LOST = 0.15  # how often an answer is left out of a prompt, and a prompt altogether


def holed_photo(example: Example, rng: np.random.Generator, shapes: list[Mask], size: tuple[int, int], patch: int,
                tokenizer: Any = None, garments: float = 0.3) -> dict[str, np.ndarray] | None:
    """One example: `picture` (h, w, 3) uint8 and `hole` (h, w) bool on the canvas; on the grid of patches of the halved canvas
    `condition` (C, gh, gw), `target` (S, gh, gw) in [-1, 1] and `weight` (S, gh, gw); with a tokenizer `words` (tokens,), those of the
    prompt of somebody whose clothes are known, and then something hides the whole of a garment as often as `garments` says.

    Without a silhouette the amodal and visible masks are unknown (0.5) and the joints alone say where the body is.
    """
    if example.image is None:
        raise ValueError("stage 2 learns from photos: this example has none")
    world = to_world(example, SIDE, rng)
    masked = example.mask is not None
    stand_in = world.mask
    if not masked:
        corners = example.box_xyxy[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)
        turned = apply(world.to_world, corners)
        x0, y0, x1, y1 = np.concatenate([turned.min(0), turned.max(0)]).astype(int).clip(0, len(world.mask))
        stand_in = np.zeros_like(world.mask)
        stand_in[y0:y1, x0:x1] = True
    box = box_of(stand_in)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 12:
        return None
    outside = np.zeros_like(world.mask)
    if rng.random() < 0.4:
        x0, y0, x1, y1 = random_frame(box, len(world.mask), rng, cut_share=0.4)
        outside[:] = True
        outside[y0:y1, x0:x1] = False
    occluder = random_occluder(stand_in, shapes, rng, 0.1, 0.85)
    if tokenizer is not None and rng.random() < garments:
        occluder |= before_garment(example, world, rng)
    if masked and rng.random() < 0.15:
        occluder = annotator_noise(occluder & world.mask, rng, np.ones_like(occluder))
    guess = box + rng.normal(0, rng.choice([0.01, 0.04]), 4) * (box[2:] - box[:2]).max()
    to_canvas = place(around(guess), size)
    photo_known = resample_mask(world.known, to_canvas, size) > 0.99
    hole = (resample_mask(occluder | outside, to_canvas, size) > 0.001) | ~photo_known
    together = np.concatenate([to_canvas[:, :2] @ world.to_world[:, :2],
                               (to_canvas[:, :2] @ world.to_world[:, 2] + to_canvas[:, 2])[:, None]], 1)
    photo, looks = example.image, None
    if tokenizer is not None and isinstance(example, Dressed) and example.looks is not None:
        looks = example.looks
        if example.regions is not None:
            photo, looks = redyed(photo, example.regions, looks, rng, DYED)
    picture = cv2.warpAffine(photo, together, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.7:
        picture = relit(picture, rng)
    amodal, visible = np.full(size, 0.5, np.float32), np.full(size, 0.5, np.float32)
    if masked:
        told = annotator_noise(world.mask, rng, np.ones_like(world.mask)) if rng.random() < 0.3 else world.mask
        amodal = resample_mask(told, to_canvas, size)
        visible = resample_mask(world.mask & ~occluder & ~outside, to_canvas, size)
    joints = world.joints.copy()
    joints[:, :2] = apply(to_canvas, joints[:, :2] + rng.normal(0, rng.choice([0.005, 0.02]), (17, 2)) * SIDE)
    joints[:, 2] *= rng.random(17) > 0.08
    net = size[0] // SHRINK, size[1] // SHRINK
    truth = to_unit(cv2.resize(picture, net[::-1], interpolation=cv2.INTER_AREA))
    known, amodal = shrink((~hole).astype(np.float32)) > 0.999, shrink(amodal)
    maps = heatmaps(joints, patch * SHRINK, (net[0] // patch, net[1] // patch))
    condition = condition_of(truth, known, amodal, shrink(visible), maps, patch)
    if rng.random() < 0.1:
        condition = without_body(condition, patch)
    weight = np.where(known, 0.1, 0.6).astype(np.float32)
    if masked:
        weight += 0.9 * (amodal * (~known))
    weight *= shrink(photo_known.astype(np.float32)) > 0.99
    made = {"picture": picture, "hole": hole, "condition": condition, "target": to_patches(truth, patch),
            "weight": to_patches(np.repeat(weight[None], 3, 0), patch)}
    return made if tokenizer is None else made | {"words": tokens_of(tokenizer, [prompted(looks, rng)])[0].numpy()}


def before_garment(example: Example, world: World, rng: np.random.Generator) -> Mask:
    """A thing that hides a garment wholly, its hull and a little more; nothing before somebody whose garments are not known."""
    out = np.zeros(world.mask.shape, np.uint8)
    if not isinstance(example, Dressed) or example.regions is None:
        return out > 0
    garments = [region for region in ("upper", "lower") if (example.regions == REGIONS.index(region)).any()]
    if garments:
        mask = (example.regions == REGIONS.index(garments[rng.integers(len(garments))])).astype(np.uint8)
        moved = cv2.warpAffine(mask, world.to_world, out.shape[::-1], flags=cv2.INTER_NEAREST)
        ys, xs = np.nonzero(moved)
        if len(ys) > 2:
            cv2.fillConvexPoly(out, cv2.convexHull(np.stack([xs, ys], 1).astype(np.int32)), 1)
            out = cv2.dilate(out, np.ones((5, 5), np.uint8))
    return np.asarray(out > 0)


def prompted(looks: Mapping[str, str] | None, rng: np.random.Generator) -> str:
    """A prompt with some of what is known of somebody's clothes; "" where nothing is."""
    if looks is None or rng.random() < LOST:
        return ""
    return prompt_of({key: answer for key, answer in looks.items() if key in DEFAULT and rng.random() > LOST})


class AppearanceData(StreamData):
    """Pictures for stage 2: `ccp` train (with silhouettes) and unlabelled, COCO people of odd images, synthetic people.

    Args:
        ccp: folder of Clothing Co-Parsing, or None.
        coco: COCO-format folder with people and occluder shapes, or None (drawn shapes only).
        scenes: folder of shards of synthetic people (`deocc-aug synth`), or None.
        shares: how often `ccp` train, `ccp` unlabelled, COCO and the synthetic people are drawn.
        batch_size: examples a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream of examples; resuming with another seed continues with fresh ones.
        words: whether examples come with the tokens of a prompt (ours knows `deocc_aug.describe.closed.spoken`).
        garments: how often something then hides the whole of a garment whose colour is told: where words are worth most.
    """

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float, float, float] = (0.3, 0.15, 0.25, 0.3), batch_size: int = 16,
                 workers: int = 1, seed: int = 0, canvas: tuple[int, int] = (256, 192), patch: int = 4, words: bool = False,
                 garments: float = 0.3) -> None:
        super().__init__(batch_size, workers, seed)
        self.ccp, self.coco, self.scenes, self.shares = ccp, coco, scenes, shares
        self.canvas, self.patch, self.words, self.garments = canvas, patch, words, garments

    def read(self) -> Sources:
        return [(self.shares[0], read_dressed_ccp(Path(self.ccp), CROP) if self.ccp else []),
                (self.shares[1], read_ccp(Path(self.ccp), "unlabelled", CROP, photos=True) if self.ccp else []),
                (self.shares[2], read_coco_people(Path(self.coco), CROP, photos=True) if self.coco else []),
                (self.shares[3], read_dressed_scenes(Path(self.scenes), CROP) if self.scenes else [])]

    def maker(self) -> Make:
        shapes = read_coco_shapes(Path(self.coco)) if self.coco else []
        return partial(holed_photo, shapes=shapes, size=self.canvas, patch=self.patch,
                       tokenizer=prompt_tokenizer() if self.words else None, garments=self.garments)
