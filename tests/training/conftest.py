"""What the tests of trainings share: people to learn from."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import draw


@pytest.fixture(scope="session")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO-format folder with the drawn person under an odd and an even image number."""
    folder = tmp_path_factory.mktemp("coco")
    picture = draw()
    (folder / "images").mkdir()
    contours, _ = cv2.findContours(picture.amodal_mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = [contour.reshape(-1).astype(float).tolist() for contour in contours]
    images, annotations, people = [], [], []
    for number in (1, 2):
        name = f"{number:012d}.jpg"
        cv2.imwrite(str(folder / "images" / name), picture.image)
        images.append({"id": number, "file_name": name, "width": 220, "height": 300})
        annotations.append({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "area": float(picture.amodal_mask.sum()),
                            "bbox": [40, 30, 140, 250], "segmentation": polygons})
        joints = [[110.0, 60 + 10 * joint, 2.0] for joint in range(17)]
        people.append({"annotation_id": number, "file_name": name, "keypoints": sum(joints, []), "num_keypoints": 17})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "keypoints.json").write_text(json.dumps({"people": people}))
    return folder
