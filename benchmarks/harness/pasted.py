"""Any COCO-format folder, with things pasted before its people as they are asked for."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.harness.cases import BOXES, TOLD, Case, Unusable, behind, check_choice, no_joints, told_of
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.canvas import box_of
from deocc_aug.data.coco import CocoImage, mask_of, person_of, read_coco, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.occluders.cutouts import Cutout, even_numbered, read_cutouts
from deocc_aug.occluders.lens import Lens
from deocc_aug.occluders.objects import none_left_out
from deocc_aug.occluders.paste import HIGHEST_RATE, draw_rate, occlude
from deocc_aug.types import Image, Joints, Mask

NUMBERED = ("all", "even", "odd")
SIDE = 300  # pixels: cut-outs are kept this large
LEAST = 300  # pixels: a smaller silhouette has no shares to hide


class PastedCoco(BenchData):
    """People of a COCO-format folder, each with a thing in front that was not there.

    The truth is what was seen of the person before.  A case depends on (seed, image id, annotation id), the cut-outs and `rate` alone.

    Args:
        folder: with the images in `images`.
        annotations: the COCO file: `segmentation` outlines the person, `keypoints` are COCO's 17.
        images: the images' folder, in `folder`.
        cutouts: a COCO-format folder whose objects are pasted; None for drawn things.
        cutouts_annotations: its COCO file.
        numbered: take people and cut-outs from images whose names are "even" or "odd" numbers, or from "all".
        rate: the share of a person to hide, 0 to 0.8; None draws it, 0 for one case in five.
        seeds: each person is a case with each seed.
        least_area: people of fewer pixels are passed over.
        told: what the de-occluder is told: "masks", "visible mask" or "box".
        box: the box is that of the visible part or of the whole body ("visible" or "amodal").
        limit: the first so many cases.
    """

    def __init__(self, folder: Path, annotations: str = "instances.json", images: str = "images", cutouts: Path | None = None,
                 cutouts_annotations: str = "instances.json", numbered: str = "all", rate: float | None = None,
                 seeds: Sequence[int] = (0,), least_area: float = 0, told: str = "masks", box: str = "visible",
                 limit: int | None = None) -> None:
        super().__init__(limit)
        self.folder, self.annotations, self.images = Path(folder), annotations, images
        self.cutouts, self.cutouts_annotations = None if cutouts is None else Path(cutouts), cutouts_annotations
        self.numbered = check_choice("data.numbered", numbered, NUMBERED)
        self.told, self.box = check_choice("data.told", told, TOLD), check_choice("data.box", box, BOXES)
        if rate is not None and not 0 <= rate <= HIGHEST_RATE:
            raise ValueError(f"data.rate is {rate}: pass the share of a person to hide, 0 to {HIGHEST_RATE}, or leave it out")
        if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise ValueError(f"data.seeds is {list(seeds)}: pass different whole numbers from 0 on")
        self.rate, self.seeds, self.least_area = rate, tuple(seeds), least_area
        self._picture: tuple[int, Image] | None = None

    @cached_property
    def _cases(self) -> list[tuple[int, CocoImage, Mapping[str, Any]]]:
        """Seed, image and annotation of each case; all of a seed, then the next seed's."""
        left_out = leave_out(self.numbered)
        images = [image for image in read_coco(self.folder / self.annotations) if not left_out(image.file_name)]
        people = [(image, annotation) for image in images for annotation in image.annotations
                  if annotation.get("area", self.least_area) >= self.least_area]
        return [(seed, image, annotation) for seed in self.seeds for image, annotation in people]

    @cached_property
    def things(self) -> list[Cutout]:
        """What is pasted."""
        if self.cutouts is None:
            return []
        return read_cutouts(self.cutouts, side=SIDE, leave_out=leave_out(self.numbered), annotations=self.cutouts_annotations)

    def open(self) -> Sequence[str]:
        return [f"{image.id}/{annotation['id']}/{seed}" for seed, image, annotation in self._cases]

    def make(self, number: int) -> Case | Unusable:
        seed, image, annotation = self._cases[number]
        name, person = self.names[number], f"{image.id}/{annotation['id']}"
        try:
            return self._made(name, person, seed, image, annotation)
        except (OSError, ValueError) as error:
            return Unusable(name, person, str(error))

    def _made(self, name: str, person: str, seed: int, record: CocoImage, annotation: Mapping[str, Any]) -> Case | Unusable:
        photo = self._photo(record)
        size = (photo.shape[0], photo.shape[1])
        if record.size not in (None, size):
            raise ValueError(f"{record.file_name} is {size} (height, width) but its COCO file says {record.size}")
        if not annotation.get("segmentation"):
            raise ValueError(f"annotation {annotation['id']} has no segmentation: things are pasted by the person's outline")
        amodal = mask_of(annotation["segmentation"], size, "segmentation")
        joints = person_of(with_hints(annotation, ("keypoints",)), size).joints
        rng = np.random.default_rng([seed, record.id, int(annotation["id"])])
        return self.covered(name, person, photo, amodal, no_joints() if joints is None else joints, rng)

    def covered(self, name: str, person: str, photo: Image, amodal: Mask, joints: Joints, rng: np.random.Generator) -> Case:
        """The person with a thing in front.  Raises ValueError where there is too little of them to hide, or nothing left to see."""
        whole = box_of(amodal)
        if whole is None or amodal.sum() < LEAST:
            raise ValueError(f"{person} is outlined by {int(amodal.sum())} pixels: fewer than {LEAST} are no person to hide")
        rate = draw_rate(rng) if self.rate is None else self.rate
        pasted = occlude(photo, amodal, self.things, rate, rng, Lens())
        told = told_of(amodal, pasted.occluder, self.told, self.box)
        if told is None:
            raise ValueError(f"{person}: nothing is seen of the person any more")
        return Case(name, person, pasted.image, told, whole, joints, behind(joints, pasted.occluder), pasted.hidden_share, pasted.clean,
                    amodal, pasted.occluder)

    def _photo(self, record: CocoImage) -> Image:
        if self._picture is None or self._picture[0] != record.id:
            self._picture = record.id, read_image(self.folder / self.images / record.file_name)
        return self._picture[1]

    def described(self) -> dict[str, Any]:
        return {"class": "PastedCoco", "annotations_sha256": sha256(self.folder / self.annotations), "seeds": list(self.seeds),
                "rate": self.rate, "numbered": self.numbered, "least_area": self.least_area, "told": self.told, "box": self.box,
                "cutouts_sha256": self._cutouts_digest()}

    def _cutouts_digest(self) -> str:
        if self.cutouts is None:
            return ""
        said = sha256(self.cutouts / self.cutouts_annotations)
        return hashlib.sha256(f"{said} {SIDE}".encode()).hexdigest()


def leave_out(numbered: str) -> Callable[[str], bool]:
    """Which images not to open: those that are not of the wanted kind."""
    if numbered == "even":
        return lambda name: not even_numbered(name)
    return even_numbered if numbered == "odd" else none_left_out
