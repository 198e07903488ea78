"""COCOA (Zhu et al., Semantic Amodal Segmentation, CVPR 2017): whole silhouettes of regions in COCO photos, drawn by hand."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.harness.cases import BOXES, TOLD, Case, Unusable, check_choice, no_joints, told_of
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.readers.files import first_of
from deocc_aug.canvas import box_of
from deocc_aug.data.coco import entries_of, mask_of, value_of
from deocc_aug.data.images import read_image
from deocc_aug.types import Mask

OBTAINED = "https://github.com/Wakeupbuddy/amodalAPI (annotations) and https://cocodataset.org/#download (2014 Val images)"
PEOPLE = frozenset(("person", "people", "man", "woman", "boy", "girl", "child", "kid", "baby", "lady", "guy", "player", "rider", "skier"))


class Cocoa(BenchData):
    """COCOA's regions that are named as people, for the task `completion`: silhouettes are known, the clean photo is not.

    Args:
        folder: with `COCO_amodal_val2014.json` (here or in `annotations`) and `val2014`.
        told: what the de-occluder is told: "masks", "visible mask" or "box".
        box: the box is that of the visible part or of the whole body ("visible" or "amodal").
        limit: the first so many cases.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where it is obtained.
        ValueError: the file is not COCOA's.
    """

    clean = False

    def __init__(self, folder: Path, told: str = "masks", box: str = "visible", limit: int | None = None) -> None:
        super().__init__(limit)
        self.folder = Path(folder)
        self.told, self.box = check_choice("data.told", told, TOLD), check_choice("data.box", box, BOXES)

    @cached_property
    def file(self) -> Path:
        names = ("COCO_amodal_val2014.json", "annotations/COCO_amodal_val2014.json")
        return first_of(self.folder, names, "COCOA's annotations", OBTAINED)

    @cached_property
    def pictures(self) -> Path:
        return first_of(self.folder, ("val2014",), "COCO's photos", OBTAINED)

    @cached_property
    def _cases(self) -> list[tuple[str, Mapping[str, Any], int]]:
        """File name, annotation of the image, number of the region."""
        self.pictures  # noqa: B018  that the images are missing is said before anything else is done
        try:
            content = json.loads(self.file.read_text("utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.file} is not JSON ({error}): get it again from {OBTAINED}") from None
        images = {value_of(image, "id", int, f"{self.file}: images"): value_of(image, "file_name", str, f"{self.file}: images")
                  for image in entries_of(content, "images", self.file)}
        out = []
        for k, annotation in enumerate(entries_of(content, "annotations", self.file)):
            where = f"{self.file}: annotations[{k}]"
            image_id, regions = value_of(annotation, "image_id", int, where), value_of(annotation, "regions", list, where)
            if image_id not in images:
                raise ValueError(f"{where} names the image {image_id}, which is not among the file's `images`")
            out += [(images[image_id], annotation, number) for number, region in enumerate(regions) if is_person(region.get("name", ""))]
        return out

    def open(self) -> Sequence[str]:
        return [f"{annotation['image_id']}/{annotation.get('id', 0)}/{number}" for _, annotation, number in self._cases]

    def make(self, number: int) -> Case | Unusable:
        file_name, annotation, region = self._cases[number]
        name = self.names[number]
        try:
            image = read_image(self.pictures / file_name)
            amodal, visible, occluder = masks_of(annotation, region, (image.shape[0], image.shape[1]))
            told, whole = told_of(amodal, occluder, self.told, self.box), box_of(amodal)
            if told is None or whole is None:
                raise ValueError("nothing is seen of the person")
        except (OSError, ValueError) as error:
            return Unusable(name, name, str(error))
        return Case(name, name, image, told, whole, no_joints(), np.zeros(17, np.bool_), 1 - float(visible.sum() / amodal.sum()), None,
                    amodal, occluder)

    def described(self) -> dict[str, Any]:
        return {"class": "Cocoa", "annotations_sha256": sha256(self.file), "told": self.told, "box": self.box}


def is_person(name: str) -> bool:
    """Whether a region's free-text name has a word for one."""
    return bool(PEOPLE & set(name.lower().replace(",", " ").split()))


def masks_of(annotation: Mapping[str, Any], number: int, size: tuple[int, int]) -> tuple[Mask, Mask, Mask]:
    """Of a region the whole mask, the visible one, and what is in front: visible parts of regions that the depth order puts before it.

    Raises:
        ValueError: a region's masks are not what COCOA's are.
    """
    regions = annotation["regions"]
    amodal, visible = _whole(regions[number], size), _visible(regions[number], size)
    occluder = amodal & ~visible
    for pair in filter(None, annotation.get("depth_constraint", "").split(",")):
        front, behind = (int(edge) - 1 for edge in pair.split("-"))
        if behind == number:
            occluder |= _visible(regions[front], size) & ~visible
    return amodal, visible, occluder


def _whole(region: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    polygon = region.get("segmentation")
    flat = isinstance(polygon, list) and bool(polygon) and not isinstance(polygon[0], list)
    return mask_of([polygon] if flat else polygon, size, "segmentation")


def _visible(region: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    whole = _whole(region, size)
    return mask_of(region["visible_mask"], size, "visible_mask") & whole if region.get("visible_mask") else whole
