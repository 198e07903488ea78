"""People for MMPose to learn from: street photos, everyday photos and rendered scenes, each picture read when it is wanted."""
from __future__ import annotations

import json
import tarfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS, TRANSFORMS

from deocc_aug.canvas import box_of
from deocc_aug.data.coco import mask_of
from deocc_aug.occluders.objects import even_numbered
from deocc_aug.types import JOINTS, Box, Mask

SHARDS = "scenes-*.tar"
CLEAN, LABELS, PERSON = "clean.jpg", "labels.png", "person.json"  # of what a shard holds of a scene
LEAST_JOINTS = 6
LEAST_AREA = 2500  # pixels, of people in everyday photos
TIMES = {"ccp": 3, "coco": 8, "scenes": 1}


@DATASETS.register_module()
class CompactPosePeople(BaseCocoStyleDataset):
    """COCO-17 people of three kinds; val people are in none of them.  `LoadPerson` reads the pictures.

    What is held in memory is a kilobyte a person: boxes, joints, and where the picture lies.

    Args:
        ccp: folder of Clothing Co-Parsing: its photos of the splits train and unlabelled.
        coco: COCO-format folder with `keypoints.json`: its images of odd number.
        scenes: folder of `deocc-aug synth`: everybody as they are with nothing in front.
        times: how often an epoch shows the people of each kind.
        pipeline, **others: as MMPose's data sets take them.

    Raises:
        ValueError: none of the folders is given, or nobody is in them.
    """

    METAINFO = {"from_file": "configs/_base_/datasets/coco.py"}

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 times: Mapping[str, int] | None = None, **others: Any) -> None:
        self.folders = {"ccp": ccp, "coco": coco, "scenes": scenes}
        self.times = {**TIMES, **(times or {})}
        super().__init__(**others)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Everybody, those of a kind as often as `times` says."""
        readers = {"ccp": ccp_people, "coco": coco_people, "scenes": scene_people}
        found = [person for kind, folder in self.folders.items() if folder
                 for person in list(readers[kind](Path(folder))) * self.times[kind]]
        if not found:
            raise ValueError(f"nobody to learn from in {self.folders}: pass a folder of ccp, coco or scenes that has people")
        return [{"id": number, "img_id": number, **person} for number, person in enumerate(found)]


def ccp_people(folder: Path) -> Iterator[dict[str, Any]]:
    """Clothing Co-Parsing's photos but those of split val; the labelled ones have a silhouette."""
    people = json.loads((folder / "people.json").read_text())
    by_image = {annotation["image_id"]: annotation for annotation in people["annotations"]}
    for record in people["images"]:
        if record["split"] in ("train", "unlabelled") and by_image[record["id"]]["num_keypoints"] >= LEAST_JOINTS:
            annotation, name = by_image[record["id"]], Path(record["file_name"])
            x, y, width, height = annotation["bbox"]
            mask = folder / "labels" / name.with_suffix(".png") if record["split"] == "train" else None
            yield _person(folder / "photos" / name, np.array([x, y, x + width, y + height]), annotation["keypoints"],
                          mask_path=mask and str(mask))


def coco_people(folder: Path) -> Iterator[dict[str, Any]]:
    """People of everyday photos with an odd number whose joints are known."""
    outlines = {annotation["id"]: annotation for annotation in json.loads((folder / "instances.json").read_text())["annotations"]}
    for person in json.loads((folder / "keypoints.json").read_text())["people"]:
        outline = outlines[person["annotation_id"]]
        if even_numbered(person["file_name"]) or person["num_keypoints"] < LEAST_JOINTS or outline["area"] < LEAST_AREA:
            continue
        x, y, width, height = outline["bbox"]
        yield _person(folder / "images" / person["file_name"], np.array([x, y, x + width, y + height]), person["keypoints"],
                      segmentation=outline["segmentation"])


def scene_people(folder: Path) -> Iterator[dict[str, Any]]:
    """The people of shards, as they are with nothing in front; a shard that cannot be read is named and passed over."""
    for shard in sorted(folder.glob(SHARDS)):
        try:
            yield from _shard_people(shard)
        except (OSError, tarfile.TarError, ValueError) as error:
            warnings.warn(f"shard skipped: {shard}: {error}", stacklevel=2)


def _shard_people(shard: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(shard) as tar, open(shard, "rb") as file:
        places: dict[str, dict[str, tuple[int, int]]] = {}
        for member in tar:
            key, _, ending = member.name.partition(".")
            places.setdefault(key, {})[ending] = member.offset_data, member.size
        for there in places.values():
            said, mask = json.loads(_piece(file, there[PERSON])), _amodal(_piece(file, there[LABELS]))
            box = box_of(mask)
            if box is None or min(box[2] - box[0], box[3] - box[1]) < 8:
                continue
            places_px = np.array(said["joints_px"], np.float64)
            inside = ((places_px >= 0) & (places_px < mask.shape[::-1])).all(1)
            joints = np.concatenate([places_px, inside[:, None]], 1)
            yield _person(shard, box, joints.ravel(), clean_at=there[CLEAN], labels_at=there[LABELS])


def _person(path: Path, box_xyxy: Box, keypoints: Sequence[float] | np.ndarray, **where: Any) -> dict[str, Any]:
    """What MMPose's pipelines ask of a person, and where `LoadPerson` finds picture and silhouette."""
    joints = np.array(keypoints, np.float32).reshape(1, JOINTS, 3)
    known = (joints[..., 2] > 0).astype(np.float32)
    return {"img_path": str(path), "bbox": box_xyxy[None].astype(np.float32), "bbox_score": np.ones(1, np.float32),
            "keypoints": joints[..., :2] * known[..., None], "keypoints_visible": known, "category_id": 1, **where}


@TRANSFORMS.register_module()
class LoadPerson(BaseTransform):
    """Reads the picture of one of `CompactPosePeople`, and with `mask` their whole silhouette.

    Added keys: img (H, W, 3) uint8 BGR, img_shape, ori_shape; person_mask (H, W) bool, all of the box where nobody knows better.
    """

    def __init__(self, mask: bool = False) -> None:
        self.mask = mask

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads; raises OSError or ValueError where the file is not there or is no picture."""
        image = _picture(results)
        results |= {"img": image, "img_shape": image.shape[:2], "ori_shape": image.shape[:2]}
        if self.mask:
            results["person_mask"] = _silhouette(results, (image.shape[0], image.shape[1]))
        return results


def _picture(results: Mapping[str, Any]) -> np.ndarray:
    path = Path(results["img_path"])
    with open(path, "rb") as file:
        content = _piece(file, results["clean_at"]) if "clean_at" in results else file.read()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} holds no picture that OpenCV can read: get the file again")
    return np.asarray(image)


def _silhouette(results: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    if "labels_at" in results:
        with open(results["img_path"], "rb") as file:
            return _amodal(_piece(file, results["labels_at"]))
    if results.get("segmentation"):
        return mask_of(results["segmentation"], size, "segmentation")
    if results.get("mask_path"):
        labels = cv2.imread(results["mask_path"], cv2.IMREAD_UNCHANGED)
        if labels is None:
            raise ValueError(f"{results['mask_path']} holds no labels that OpenCV can read: get the file again")
        return np.asarray(labels > 0)
    out = np.zeros(size, np.bool_)
    x0, y0, x1, y1 = results["bbox"][0].round().astype(int).clip(0)
    out[y0:y1, x0:x1] = True
    return out


def _amodal(labels: bytes) -> Mask:
    """The whole silhouette in a scene's `labels.png`."""
    image = cv2.imdecode(np.frombuffer(labels, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("labels.png cannot be decoded")
    return np.asarray(image[..., 2] % 2 == 1)  # BGR


def _piece(file: Any, place: tuple[int, int]) -> bytes:
    file.seek(place[0])
    return bytes(file.read(place[1]))
