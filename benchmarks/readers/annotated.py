"""People who were occluded when the photo was taken: COCO val2017, OCHuman, CrowdPose.

There is no clean photo, and nobody says what is in front: the arms are `occluded`, `deocc` and `fused`.  A joint is hidden where its
annotation says so (v = 1); the hidden share, by which figures are grouped, is that of the labelled joints.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.harness.cases import Case, Unusable, check_choice
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.readers.files import first_of
from deocc_aug.data.coco import CocoImage, person_of, read_coco, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.types import JOINTS, Joints

TOLD = ("visible mask", "box")


class AnnotatedPeople(BenchData):
    """People of a COCO file as they were photographed.

    Args:
        folder: where the data set was unpacked.
        told: what the de-occluder is told beside the box: the annotated "visible mask", or nothing more than the "box".
        least_joints: people with fewer labelled joints are passed over.
        limit: the first so many cases.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where it is obtained.
    """

    clean = False
    occluders = False
    name = "annotated"
    annotations: Sequence[str] = ()
    images: Sequence[str] = ()
    obtained = ""
    joints: Sequence[int] = range(JOINTS)  # the file's keypoints, as numbers of COCO's

    def __init__(self, folder: Path, told: str = "visible mask", least_joints: int = 1, limit: int | None = None) -> None:
        super().__init__(limit)
        self.folder, self.told, self.least_joints = Path(folder), check_choice("data.told", told, TOLD), least_joints

    @cached_property
    def file(self) -> Path:
        """The annotations' file."""
        return first_of(self.folder, self.annotations, f"the annotations of {self.name}", self.obtained)

    @cached_property
    def pictures(self) -> Path:
        """The images' folder."""
        return first_of(self.folder, self.images, f"the images of {self.name}", self.obtained)

    @cached_property
    def _cases(self) -> list[tuple[CocoImage, Mapping[str, Any]]]:
        self.pictures  # noqa: B018  that the images are missing is said before anything else is done
        return [(image, annotation) for image in read_coco(self.file) for annotation in image.annotations
                if labelled_joints(annotation) >= self.least_joints]

    def open(self) -> Sequence[str]:
        return [f"{image.id}/{annotation['id']}" for image, annotation in self._cases]

    def make(self, number: int) -> Case | Unusable:
        record, annotation = self._cases[number]
        name = self.names[number]
        try:
            image = read_image(self.pictures / record.file_name)
            joints, hidden = coco_joints(annotation, self.joints)
            given = ("segmentation",) if self.told == "visible mask" else ()
            told = person_of(with_hints(annotation, given), (image.shape[0], image.shape[1]))
            if self.told == "visible mask" and told.visible_mask is None:
                raise ValueError(f"annotation {annotation['id']} of {self.name} has no segmentation: pass told: box")
        except (OSError, ValueError) as error:
            return Unusable(name, name, str(error))
        share = float(hidden.sum() / max(1, (joints[:, 2] > 0).sum()))
        x0, y0, x1, y1 = told.box_xyxy
        return Case(name, name, image, told, told.box_xyxy, joints, hidden, share,
                    area=float(annotation.get("area") or (x1 - x0) * (y1 - y0)))

    def described(self) -> dict[str, Any]:
        return {"class": type(self).__name__, "annotations_sha256": sha256(self.file), "told": self.told, "least_joints": self.least_joints}


def labelled_joints(annotation: Mapping[str, Any]) -> int:
    """How many keypoints have v > 0."""
    return sum(v > 0 for v in (annotation.get("keypoints") or ())[2::3])


def coco_joints(annotation: Mapping[str, Any], order: Sequence[int]) -> tuple[Joints, np.ndarray]:
    """COCO's joints (17, 3) with 1 where labelled, and which of them are annotated as hidden.

    Args:
        order: for each of the file's keypoints its number among COCO's, -1 where it is none of those.

    Raises:
        ValueError: another number of keypoints.
    """
    numbers = np.array(annotation.get("keypoints") or [], np.float64)
    if numbers.size != 3 * len(order):
        raise ValueError(f"annotation {annotation['id']}: keypoints holds {numbers.size} numbers: {len(order)} times x, y, v are wanted")
    joints, hidden = np.zeros((JOINTS, 3)), np.zeros(JOINTS, np.bool_)
    for number, (x, y, v) in zip(order, numbers.reshape(-1, 3), strict=True):
        if number >= 0 and v > 0:
            joints[number], hidden[number] = (x, y, 1), v == 1
    return joints, hidden


class CocoVal2017(AnnotatedPeople):
    """COCO val2017's people (cocodataset.org); `v = 1` is labelled and not seen, by the own body too."""

    name = "COCO val2017"
    annotations = ("annotations/person_keypoints_val2017.json",)
    images = ("val2017",)
    obtained = "https://cocodataset.org/#download (2017 Val images, 2017 Train/Val annotations)"


class OCHuman(AnnotatedPeople):
    """OCHuman's test people in its own COCO format, in which v = 1 is hidden by somebody else and what the own body hides is v = 2."""

    name = "OCHuman"
    annotations = ("ochuman_coco_format_test_range_0.00_1.00.json",)
    images = ("images",)
    obtained = "https://cg.cs.tsinghua.edu.cn/dataset/form.html?dataset=ochuman"


class CrowdPose(AnnotatedPeople):
    """CrowdPose's test people: twelve of COCO's joints (head and neck are not among those); it outlines nobody, so the box is told."""

    name = "CrowdPose"
    annotations = ("crowdpose_test.json", "json/crowdpose_test.json", "annotations/crowdpose_test.json")
    images = ("images",)
    obtained = "https://github.com/Jeff-sjtu/CrowdPose"
    joints = (*range(5, JOINTS), -1, -1)

    def __init__(self, folder: Path, told: str = "box", least_joints: int = 1, limit: int | None = None) -> None:
        super().__init__(folder, told, least_joints, limit)
