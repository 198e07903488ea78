"""Training examples of the compact mesh regressor: synthetic people in crops, with or without things in front of them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.benchmarks.mesh_models.model import crop_of
from deocc_aug.benchmarks.mesh_models.skin import HANDS, MIRRORED, middle_turns, whole_turns
from deocc_aug.canvas import box_of
from deocc_aug.humans.open_body.people import People, read_people
from deocc_aug.humans.shards import manifest, read_shard, shard_name
from deocc_aug.occluders.cutouts import Cutout, cutout_of, even_numbered, read_cutouts
from deocc_aug.occluders.matching import relit
from deocc_aug.occluders.places import procedural
from deocc_aug.occluders.shapes import random_shape
from deocc_aug.training.sources import Example
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import JOINTS as COCO
from deocc_aug.types import Box, Image, Mask

LEAST_PX = 16  # of a box's shorter side
PLACES = 192
_MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Posed(Example):
    """A person in a photo, and their body before its camera.

    `image` has nothing in front of them, `hidden` what the scene put there; `mask` is what the photo shows of the silhouette, things in
    front or not.  `rotations` (22, 3, 3) are from SMPL-X's rest pose and axes to the camera's, `betas` (10,), `pelvis` (3,) metres,
    `focal` and `middle` (2,) of the camera in the photo's pixels.
    """

    hidden: Image | None = None
    rotations: np.ndarray | None = None
    betas: np.ndarray | None = None
    pelvis: np.ndarray | None = None
    focal: float = 1.0
    middle: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """What may stand in front of people and behind them; where nothing hides people, `things` is None."""

    things: Sequence[Cutout] | None
    places: Sequence[Image]


def posed_crop(example: Example, rng: np.random.Generator, stage: Stage, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """One example: `picture` (3, h, w) uint8; `rotations` (22, 3, 3), `betas` (10,), `pelvis` (3,) metres before the crop's own camera of
    `focal` () and `middle` (2,) crop pixels.
    """
    assert isinstance(example, Posed) and example.image is not None and example.hidden is not None and example.mask is not None
    assert example.rotations is not None and example.betas is not None and example.pelvis is not None and example.middle is not None
    turn, flip = np.radians(np.clip(rng.normal(0, 8), -25, 25)), rng.random() < 0.5
    to_crop, spin = _placed(example.box_xyxy, size, turn, flip, rng)
    covered = stage.things is not None and rng.random() < 0.35
    photo = example.hidden if covered else example.image
    if not covered and stage.places and rng.random() < 0.5:
        photo = _elsewhere(photo, example.mask, stage.places[rng.integers(len(stage.places))], rng)
    picture = cv2.warpAffine(photo, _indexed(to_crop), size[::-1])
    if stage.things is not None and not covered and rng.random() < 0.8:
        body = cv2.warpAffine(example.mask.view(np.uint8), _indexed(to_crop), size[::-1]) > 0
        for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))):
            _stamp(picture, body, stage.things, rng)
    mirror = _MIRROR if flip else np.eye(3)
    rotations = example.rotations[MIRRORED] if flip else example.rotations
    focal = example.focal * np.sqrt(abs(np.linalg.det(to_crop[:, :2])))
    told = {"rotations": spin @ mirror @ rotations @ mirror, "betas": example.betas, "pelvis": spin @ mirror @ example.pelvis,
            "focal": np.array(focal), "middle": to_crop[:, :2] @ example.middle + to_crop[:, 2]}
    return {"picture": np.ascontiguousarray(_filed(picture, rng).transpose(2, 0, 1)),
            **{name: np.asarray(value, np.float32) for name, value in told.items()}}


def _placed(box: Box, size: tuple[int, int], turn: float, flip: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(2, 3) from the photo to a crop around about that box, turned and mirrored; (3, 3) how far the camera was rolled."""
    side = max(box[2:] - box[:2])
    off = np.clip(rng.normal(0, 0.025, 2), -0.06, 0.06) * side
    straight = crop_of(box + [*off, *off], size)
    scale = straight[0, 0] * np.exp(np.clip(rng.normal(0, 0.07), -0.15, 0.2))
    cosine, sine = np.cos(turn), np.sin(turn)
    spin = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    linear = scale * spin[:2, :2] @ np.diag([-1.0 if flip else 1.0, 1.0])
    looked_at = (box[:2] + box[2:]) / 2 + off
    return np.column_stack([linear, np.array([size[1], size[0]]) / 2 - linear @ looked_at]), spin


def _indexed(matrix: np.ndarray) -> np.ndarray:
    """An affine of places for OpenCV, which counts pixels by their middles."""
    out = matrix.copy()
    out[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    return out


def _elsewhere(photo: Image, mask: Mask, ground: Image, rng: np.random.Generator) -> Image:
    """The person of a photo before a drawn place; where the photo is black, it stays so."""
    height, width = mask.shape
    y, x = (int(rng.integers(max(1, ground.shape[k] - side + 1))) for k, side in enumerate((height, width)))
    behind = ground[y:y + height, x:x + width]
    if behind.shape[:2] != mask.shape:
        behind = cv2.resize(behind, (width, height))
    behind = behind[:, ::-1] if rng.random() < 0.5 else behind
    alpha = cv2.GaussianBlur(mask.view(np.uint8) * np.uint8(255), (0, 0), rng.uniform(0.5, 0.9)).astype(np.float32)[..., None] / 255
    return np.asarray(behind + (photo.astype(np.float32) - behind) * alpha, np.uint8)


def _stamp(picture: Image, body: Mask, things: Sequence[Cutout], rng: np.random.Generator) -> None:
    """Puts a thing, or a drawn shape of one colour, on some place of the body."""
    rows, columns = np.nonzero(body)
    if not len(rows):
        return
    at = rng.integers(len(rows))
    tall = float(np.ptp(rows) + np.ptp(columns)) / 2
    if things and rng.random() < 0.8:
        thing = things[rng.integers(len(things))]
        colours, alpha = thing.image, thing.alpha
    else:
        alpha = random_shape(rng).astype(np.float32)
        colours = np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), (*alpha.shape, 3))
    longer = rng.uniform(0.25, 0.9) * tall
    scale = longer / max(alpha.shape)
    matrix = cv2.getRotationMatrix2D((alpha.shape[1] / 2, alpha.shape[0] / 2), rng.normal(0, 15), scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1.0, 0, alpha.shape[1]], [0, 1, 0], [0, 0, 1]])
    matrix[:, 2] += np.array([columns[at], rows[at]]) - (alpha.shape[1] / 2, alpha.shape[0] / 2)
    size = picture.shape[1::-1]
    solid = cv2.warpAffine(alpha, matrix, size)[..., None]
    shown = cv2.warpAffine(np.ascontiguousarray(colours), matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    picture[:] = picture + (shown - picture) * solid


def _filed(picture: Image, rng: np.random.Generator) -> Image:
    """A crop in another light, by another camera."""
    if rng.random() < 0.7:
        picture = relit(picture, rng)
    if rng.random() < 0.3:
        picture = picture[..., rng.permutation(3)]
    if rng.random() < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.15:
        noise = rng.normal(0, rng.uniform(2, 8), picture.shape)
        picture = np.asarray((picture + noise).clip(0, 255), np.uint8)
    return picture


def read_posed(folder: Path, people: People, occluded: bool) -> list[Posed]:
    """The people of shards in what the photo shows of them; those who are hardly in it are left out.

    Args:
        occluded: keep the photo with things in front of them too.
    """
    rotations, said, out = whole_turns(people.rotations), manifest(folder), []
    shards = (folder / shard_name(k) for k in range(-(-said["n"] // said["per_shard"])))
    for number, scene in enumerate(chain.from_iterable(map(read_shard, shards))):
        x0, y0, x1, y1 = scene.frame_xyxy.tolist()
        clean, mask = (np.ascontiguousarray(plane[y0:y1, x0:x1]) for plane in (scene.clean, scene.amodal))
        hidden = np.ascontiguousarray(scene.image[y0:y1, x0:x1]) if occluded else clean
        box = box_of(mask)
        if box is not None and min(box[2:] - box[:2]) >= LEAST_PX:
            out.append(Posed(mask, np.zeros((COCO, 3)), box, clean, hidden=hidden, rotations=rotations[number], betas=people.betas[number],
                             pelvis=people.pelvis[number], focal=float(scene.view.focal_px), middle=scene.view.middle_px - (x0, y0)))
    return out


class MeshData(StreamData):
    """Synthetic people, each in their own photo or before a drawn place.

    Args:
        scenes: folders of shards (`deocc-aug synth`), each with its `smplx.npz` (`deocc-aug body people`).
        occluded: things are put in front of people: those of the scene, and others; without it nothing ever is.
        coco: COCO-format folder of things to put in front (odd images only), or None: people of the shards, and drawn shapes.
        batch_size: examples a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream of examples; resuming with another seed continues with fresh ones.
        mining: how many times as often people are drawn whose joints are far off, at most.
        size: (height, width) px of the crop.
    """

    def __init__(self, scenes: list[str], occluded: bool = False, coco: str | None = None, batch_size: int = 32, workers: int = 1,
                 seed: int = 0, mining: float = 1.5, size: tuple[int, int] = (192, 144)) -> None:
        super().__init__(batch_size, workers, seed, mining)
        self.scenes, self.occluded, self.coco, self.size = scenes, occluded, coco, size
        self.hands: Float[np.ndarray, "30 3 3"] = np.tile(np.eye(3), (30, 1, 1))
        self.people: list[Posed] = []

    def read(self) -> Sources:
        groups = [(Path(folder), read_people(Path(folder))) for folder in self.scenes]
        if groups:
            self.hands = middle_turns(np.concatenate([people.rotations[:, HANDS] for _, people in groups]))
        self.people = [person for folder, people in groups for person in read_posed(folder, people, self.occluded)]
        return [(1.0, list(self.people))]

    def maker(self) -> Make:
        rng = np.random.default_rng(0)
        places = [procedural((256, 192), rng) for _ in range(PLACES)]
        things: list[Cutout] | None = None
        if self.occluded:
            things = read_cutouts(Path(self.coco), side=160, leave_out=even_numbered) if self.coco else []
            for person in self.people[::max(1, len(self.people) // 150)]:
                assert person.image is not None and person.mask is not None
                things.append(cutout_of(person.image, person.mask, "rendered", "person", side=160))
        return partial(posed_crop, stage=Stage(things, places), size=self.size)
