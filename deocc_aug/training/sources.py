"""People to learn from, held in memory: silhouettes with joints, photos with silhouettes, shapes that hide."""
from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np

from deocc_aug.canvas import box_of
from deocc_aug.occluders.cutouts import even_numbered
from deocc_aug.types import Image, Joints, Mask


@dataclass(frozen=True, eq=False)
class Example:
    """One person: `mask` (h, w) bool, `joints` (17, 3) x, y in its pixels and 1 where labelled, `image` (h, w, 3) or None.

    `mask` is None for photos without a silhouette; `box_xyxy` is the person's box then and always.  `bounded`: nothing is
    known beyond the arrays' border; otherwise the body ends inside it and beyond is simply empty.
    """

    mask: Mask | None
    joints: Joints
    box_xyxy: np.ndarray
    image: Image | None = None
    bounded: bool = True


Read = TypeVar("Read", bound=Callable[..., Any])


def laid_out(read: Read) -> Read:
    """A reader of a folder (its first argument) whose errors say what the folder should be like.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: an entry is missing or of another kind.
    """

    @wraps(read)
    def checked(folder: Path, *arguments: Any, **options: Any) -> Any:
        advice = "docs/training.md, \"The folders\", says what is in it"
        try:
            return read(folder, *arguments, **options)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error.filename or error} is not there, but {folder} should have it: {advice}") from error
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{folder} is not laid out as it should be ({type(error).__name__}: {error}): {advice}") from error

    return cast("Read", checked)


def photo(path: Path) -> Image:
    """An RGB picture.  Raises FileNotFoundError where there is none, ValueError where the file is no picture."""
    picture = cv2.imread(str(path))
    if picture is None:
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "not there", str(path))
        raise ValueError(f"{path} is no picture that can be read: get the file again, or take its image out of the folder's list")
    return np.asarray(picture[:, :, ::-1])


def polygons_to_mask(polygons: Any, height: int, width: int) -> Mask:
    """COCO polygons filled; an RLE is refused."""
    if not isinstance(polygons, list):
        raise ValueError(f"segmentation is a {type(polygons).__name__}: this reader takes polygons only")
    out = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(out, [np.array(polygon).reshape(-1, 2).round().astype(np.int32)], 1)
    return out > 0


def mask_or_image(example: Example) -> np.ndarray:
    """Whichever of the two the example has: its shape is that of the photo."""
    if example.mask is not None:
        return example.mask
    if example.image is not None:
        return example.image
    raise ValueError("an example needs a mask or an image")


def _joints(flat: list[Any]) -> Joints:
    joints = np.array(flat, np.float64).reshape(17, 3)
    return np.concatenate([joints[:, :2], joints[:, 2:] > 0], 1)


def shrunk(example: Example, side: int) -> Example:
    """The example, cropped to 2.2 times its box and shrunk so that the box's longer side is at most `side`."""
    x0, y0, x1, y1 = example.box_xyxy
    longer = max(x1 - x0, y1 - y0)
    shape = mask_or_image(example).shape
    pad = 0.6 * longer
    a, b = int(max(0, y0 - pad)), int(min(shape[0], y1 + pad))
    c, d = int(max(0, x0 - pad)), int(min(shape[1], x1 + pad))
    f = min(1.0, side / longer)
    size = (max(1, round((d - c) * f)), max(1, round((b - a) * f)))
    image = None if example.image is None else cv2.resize(example.image[a:b, c:d], size, interpolation=cv2.INTER_AREA)
    mask = None
    if example.mask is not None:
        mask = cv2.resize(example.mask[a:b, c:d].astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
    joints = example.joints.copy()
    joints[:, :2] = (joints[:, :2] - (c, a)) * f * (joints[:, 2:] > 0)
    cut_off = bool(x0 < 2 or y0 < 2 or x1 > shape[1] - 2 or y1 > shape[0] - 2)
    return Example(mask, joints, (example.box_xyxy - [c, a, c, a]) * f, image, bounded=example.bounded and (image is not None or cut_off))


@laid_out
def read_ccp(folder: Path, split: str, side: int, photos: bool) -> list[Example]:
    """Clothing Co-Parsing: `people.json`, `photos/`, `labels/` (one class a pixel, 0 background); split train or unlabelled."""
    if split not in ("train", "unlabelled"):
        raise ValueError(f"split is {split!r}: training reads 'train' or 'unlabelled' only")
    people = json.loads((folder / "people.json").read_text())
    by_image = {a["image_id"]: a for a in people["annotations"]}
    out = []
    for record in people["images"]:
        if record["split"] != split:
            continue
        name, annotation = Path(record["file_name"]), by_image[record["id"]]
        image = photo(folder / "photos" / name) if photos else None
        mask = None
        if split == "train":
            mask = read_labels(folder / "labels" / name.with_suffix(".png")) > 0
        x, y, w, h = annotation["bbox"]
        box = box_of(mask) if mask is not None else np.array([x, y, x + w, y + h])
        if box is not None:
            out.append(shrunk(Example(mask, _joints(annotation["keypoints"]), box, image), side))
    return out


def read_labels(path: Path) -> np.ndarray:
    """A picture of one class a pixel, (h, w).  Raises as `photo` does."""
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        photo(path)  # raises, saying why
        raise ValueError(f"{path} holds no labels that can be read")
    return np.asarray(labels)


def _keypoints(folder: Path) -> dict[int, Any]:
    """What `keypoints.json` says, by annotation: this project's layout ("people"), or COCO's own ("annotations"); nothing without one."""
    path = folder / "keypoints.json"
    if not path.is_file():
        return {}
    content = json.loads(path.read_text())
    if "people" in content:
        return {p["annotation_id"]: p for p in content["people"]}
    return {a["id"]: {**a, "num_keypoints": sum(v > 0 for v in a["keypoints"][2::3])} for a in content["annotations"]}


def _coco_train(folder: Path) -> tuple[dict[int, Any], list[Any]]:
    """Images by id and annotations of a COCO-format folder, its val images (an even number) left out."""
    data = json.loads((folder / "instances.json").read_text())
    images = {i["id"]: i for i in data["images"] if not even_numbered(i["file_name"])}
    return images, [a for a in data["annotations"] if a["image_id"] in images and not a["iscrowd"] and isinstance(a["segmentation"], list)]


@laid_out
def read_coco_people(folder: Path, side: int, photos: bool, min_area: float = 2500, min_keypoints: int = 0) -> list[Example]:
    """Persons of a COCO-format folder (`instances.json`, `images/`, `keypoints.json` if it has joints), images with an odd number only."""
    keypoints = _keypoints(folder)
    images, annotations = _coco_train(folder)
    out = []
    for annotation in annotations:
        found = keypoints.get(annotation["id"], {"keypoints": [0.0] * 51, "num_keypoints": 0})
        if annotation["category_id"] != 1 or annotation["area"] < min_area or found["num_keypoints"] < min_keypoints:
            continue
        record = images[annotation["image_id"]]
        mask = polygons_to_mask(annotation["segmentation"], record["height"], record["width"])
        image = photo(folder / "images" / record["file_name"]) if photos else None
        box = box_of(mask)
        if box is not None:
            out.append(shrunk(Example(mask, _joints(found["keypoints"]), box, image), side))
    return out


def read_scenes(folder: Path, side: int, photos: bool) -> list[Example]:
    """The people of shards that `deocc-aug synth` wrote, as they are with nothing in front of them."""
    from deocc_aug.humans.shards import read_shards

    out = []
    for record in read_shards(folder):
        box = box_of(record.amodal)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) >= 8:
            joints = np.concatenate([record.joints_px.astype(np.float64), record.joints_in_picture[:, None]], 1)
            out.append(shrunk(Example(record.amodal, joints, box, record.clean if photos else None), side))
    return out


@laid_out
def read_coco_shapes(folder: Path, side: int = 128, min_area: float = 1500) -> list[Mask]:
    """Silhouettes of the objects and people of a COCO-format folder, tight, longer side at most `side`; odd images only."""
    images, annotations = _coco_train(folder)
    out = []
    for annotation in annotations:
        if annotation["area"] < min_area:
            continue
        record = images[annotation["image_id"]]
        mask = polygons_to_mask(annotation["segmentation"], record["height"], record["width"])
        box = box_of(mask)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) >= 8:
            x0, y0, x1, y1 = box.astype(int)
            f = min(1.0, side / max(x1 - x0, y1 - y0))
            size = (max(4, round((x1 - x0) * f)), max(4, round((y1 - y0) * f)))
            out.append(cv2.resize(mask[y0:y1, x0:x1].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    return out
