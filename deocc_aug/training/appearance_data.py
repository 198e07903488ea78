"""Training examples of stage 2: photos of people with a hole in them."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.appearance.codec import condition_of, to_unit, without_body
from deocc_aug.canvas import apply, around, box_of, place, resample_mask
from deocc_aug.occluders.matching import relit
from deocc_aug.patches import SHRINK, heatmaps, to_patches
from deocc_aug.training.hide import annotator_noise, random_frame, random_occluder, to_world
from deocc_aug.training.sources import Example, read_ccp, read_coco_people, read_coco_shapes, read_scenes
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Mask

SIDE = 128  # a body's longer side in the world, pixels
CROP = 160  # the same in the photos held in memory


def holed_photo(example: Example, rng: np.random.Generator, shapes: list[Mask], size: tuple[int, int],
                patch: int) -> dict[str, np.ndarray] | None:
    """One example: `condition` (C, gh, gw), `target` (S, gh, gw) in [-1, 1], `weight` (S, gh, gw).

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
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 8:
        return None
    outside = np.zeros_like(world.mask)
    if rng.random() < 0.4:
        x0, y0, x1, y1 = random_frame(box, len(world.mask), rng, cut_share=0.4)
        outside[:] = True
        outside[y0:y1, x0:x1] = False
    occluder = random_occluder(stand_in, shapes, rng, 0.1, 0.85)
    if masked and rng.random() < 0.15:
        occluder = annotator_noise(occluder & world.mask, rng, np.ones_like(occluder))
    hole = occluder | outside
    net = size[0] // SHRINK, size[1] // SHRINK
    wrong = rng.normal(0, rng.choice([0.01, 0.04]), 4) * (box[2:] - box[:2]).max()
    guess = box + wrong
    world_to_net = place(around(guess), net)
    hole_net = resample_mask(hole, world_to_net, net)
    photo_known = resample_mask(world.known, world_to_net, net) > 0.99
    known = (hole_net < 0.001) & photo_known
    together = np.concatenate([world_to_net[:, :2] @ world.to_world[:, :2],
                               (world_to_net[:, :2] @ world.to_world[:, 2] + world_to_net[:, 2])[:, None]], 1)
    picture = cv2.warpAffine(example.image, together, (net[1], net[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    truth = to_unit(relit(picture, rng) if rng.random() < 0.7 else picture)
    amodal, visible = np.full(net, 0.5, np.float32), np.full(net, 0.5, np.float32)
    if masked:
        told = annotator_noise(world.mask, rng, np.ones_like(world.mask)) if rng.random() < 0.3 else world.mask
        amodal = resample_mask(told, world_to_net, net)
        visible = resample_mask(world.mask & ~hole, world_to_net, net)
    joints = world.joints.copy()
    joints[:, :2] = apply(world_to_net, joints[:, :2] + rng.normal(0, rng.choice([0.005, 0.02]), (17, 2)) * SIDE)
    joints[:, 2] *= rng.random(17) > 0.08
    grid = net[0] // patch, net[1] // patch
    condition = condition_of(truth, known, amodal, visible, heatmaps(joints, patch, grid), patch)
    if rng.random() < 0.1:
        condition = without_body(condition, patch)
    weight = np.where(known, 0.1, 0.6).astype(np.float32)
    if masked:
        weight += 0.9 * (amodal * (~known))
    weight *= photo_known
    return {"condition": condition, "target": to_patches(truth, patch), "weight": to_patches(np.repeat(weight[None], 3, 0), patch)}


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
    """

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float, float, float] = (0.3, 0.15, 0.25, 0.3), batch_size: int = 16,
                 workers: int = 1, seed: int = 0, canvas: tuple[int, int] = (256, 192), patch: int = 4) -> None:
        super().__init__(batch_size, workers, seed)
        self.ccp, self.coco, self.scenes, self.shares = ccp, coco, scenes, shares
        self.canvas, self.patch = canvas, patch

    def read(self) -> Sources:
        return [(self.shares[0], read_ccp(Path(self.ccp), "train", CROP, photos=True) if self.ccp else []),
                (self.shares[1], read_ccp(Path(self.ccp), "unlabelled", CROP, photos=True) if self.ccp else []),
                (self.shares[2], read_coco_people(Path(self.coco), CROP, photos=True) if self.coco else []),
                (self.shares[3], read_scenes(Path(self.scenes), CROP, photos=True) if self.scenes else [])]

    def maker(self) -> Make:
        shapes = read_coco_shapes(Path(self.coco)) if self.coco else []
        return partial(holed_photo, shapes=shapes, size=self.canvas, patch=self.patch)
