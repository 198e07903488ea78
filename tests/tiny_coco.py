"""A COCO folder of drawn people."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pictures import Picture, draw

from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.data.coco import rle_of
from deocc_aug.types import COCO_JOINTS

SCALES = (1.0, 0.8, 1.2)


def write_coco(folder: Path, scales: tuple[float, ...] = SCALES) -> Path:
    """Writes people.json and images/; each picture has two people, whose visible masks are said in all of COCO's ways."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i, scale in enumerate(scales, 1):
        picture = draw(scale)
        write_png(folder / "images" / f"{i}.png", picture.image)
        images.append({"id": i, "file_name": f"{i}.png", "height": picture.image.shape[0], "width": picture.image.shape[1]})
        ways = (rle_of(picture.visible_mask), polygons(picture.visible_mask), {"outer": polygons(picture.visible_mask), "inner": []})
        for k in range(2):
            annotations.append(annotation(10 * i + k, i, picture, scale) | {"segmentation": ways[(i + k) % len(ways)]})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_JOINTS), "skeleton": []}
    write_json(folder / "people.json", {"images": images, "categories": [category], "annotations": annotations})
    return folder / "people.json"


def annotation(number: int, image_id: int, picture: Picture, scale: float) -> dict[str, Any]:
    """One person of a picture; odd numbers do not say what is in front."""
    x0, y0, x1, y1 = picture.box_xyxy
    rng = np.random.default_rng(number)
    joints = rng.uniform((x0, y0), (x1, y1), (17, 2)).round()
    known = {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0],
             "area": int(picture.visible_mask.sum()), "num_keypoints": 17,
             "keypoints": np.concatenate([joints, np.full((17, 1), 2.0)], 1).ravel().tolist()}
    return known if number % 2 else known | {"occluder_segmentation": rle_of(picture.occluder_mask)}


def polygons(mask: np.ndarray) -> list[list[float]]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour.ravel().astype(float).tolist() for contour in contours if len(contour) >= 3]
