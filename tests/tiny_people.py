"""Folders as trainings read them, of drawn people: Clothing Co-Parsing's, everyday photos', rendered scenes'."""
from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
from pictures import Picture, draw
from tiny_coco import polygons

from deocc_aug.canvas import box_of
from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.humans.camera import Camera, View
from deocc_aug.humans.records import VISIBLE, Scene, files_of

SIZE = 256, 192  # of scenes


def joints_in(box_xyxy: np.ndarray, seed: int) -> np.ndarray:
    """(17, 3) somewhere in the box, all known."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(box_xyxy[:2], box_xyxy[2:], (17, 2)).round(1), np.full((17, 1), 2.0)], 1)


def _body(picture: Picture) -> tuple[np.ndarray, list[float]]:
    box = box_of(picture.amodal_mask)
    assert box is not None
    return box, [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]


def write_ccp(folder: Path, splits: tuple[str, ...] = ("train", "unlabelled", "val")) -> Path:
    """One photo a split; the person of the drawn picture, board and all."""
    for part in ("photos", "labels"):
        (folder / part).mkdir(parents=True)
    images, annotations = [], []
    for i, split in enumerate(splits):
        picture = draw(1 + i / 10)
        (box, bbox), (height, width) = _body(picture), picture.amodal_mask.shape
        cv2.imwrite(str(folder / "photos" / f"{i:04d}.jpg"), picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        cv2.imwrite(str(folder / "labels" / f"{i:04d}.png"), picture.amodal_mask.astype(np.uint8) * 7)
        images.append({"id": i, "file_name": f"{i:04d}.jpg", "height": height, "width": width, "split": split})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": bbox, "num_keypoints": 17,
                            "keypoints": joints_in(box, i).ravel().tolist()})
    write_json(folder / "people.json", {"images": images, "annotations": annotations, "categories": []})
    return folder


def write_everyday(folder: Path, numbers: tuple[int, ...] = (1, 2, 3)) -> Path:
    """One photo a number, of a person and a thing."""
    (folder / "images").mkdir(parents=True)
    images, annotations, people = [], [], []
    for number in numbers:
        picture, name = draw(1 + number / 20), f"{number:012d}.jpg"
        box, bbox = _body(picture)
        write_png(folder / "images" / name, picture.image)
        images.append({"id": number, "file_name": name, "height": picture.image.shape[0], "width": picture.image.shape[1]})
        for k, mask in ((1, picture.amodal_mask), (2, picture.occluder_mask)):
            annotations.append({"id": 10 * number + k, "image_id": number, "category_id": k, "iscrowd": 0, "bbox": bbox,
                                "area": float(mask.sum()), "segmentation": polygons(mask)})
        people.append({"annotation_id": 10 * number + 1, "file_name": name, "num_keypoints": 17,
                       "keypoints": joints_in(box, number).ravel().tolist()})
    write_json(folder / "instances.json", {"images": images, "annotations": annotations,
                                           "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "board"}]})
    write_json(folder / "keypoints.json", {"people": people})
    return folder


def write_scenes(folder: Path, n: int = 2) -> Path:
    """One shard of so many scenes and its manifest, as `deocc-aug synth` writes them."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "scenes-000000.tar", "w") as tar:
        for i in range(n):
            for ending, content in files_of(_scene(i), vertices=False).items():
                member = tarfile.TarInfo(f"{i:08d}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    write_json(folder / "scenes.json", {"format": 2, "n": n, "per_shard": 256})
    return folder


def _scene(number: int) -> Scene:
    picture = draw(0.8)
    height, width = SIZE
    image = cv2.copyMakeBorder(picture.image, 0, height - picture.image.shape[0], 0, width - picture.image.shape[1], cv2.BORDER_REPLICATE)
    amodal, occluder = (np.pad(mask, ((0, height - mask.shape[0]), (0, width - mask.shape[1]))) for mask in
                        (picture.amodal_mask, picture.occluder_mask))
    box = box_of(amodal)
    assert box is not None
    joints = joints_in(box, number)[:, :2].astype(np.float32)
    joints[0] = -5  # out of the picture
    zeros = np.zeros(SIZE, np.uint8)
    view = View(Camera(0, 0, 0, 3), np.zeros(3), 100.0, np.zeros(2))
    return Scene(image, image[:, :, ::-1].copy(), amodal, occluder, zeros, zeros, joints, np.full(17, VISIBLE, np.uint8),
                 np.zeros((17, 3), np.float32), np.array([0, 0, width, height]), view, {}, "stand")
