"""Photos with everything that is annotated in them, from a COCO-format folder; what cannot be read is named and passed over."""
from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deocc_aug.data.coco import entries_of, mask_of, value_of
from deocc_aug.data.images import read_image
from deocc_aug.types import Image, Mask

PERSON = "person"


@dataclass(frozen=True, eq=False)
class Object:
    """One annotated object: `mask` (H, W) bool in its photo, its annotation's id, category and whether it is a crowd."""

    mask: Mask
    id: int
    category: str
    is_crowd: bool


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo (H, W, 3) uint8 with what is annotated in it; `name` is the COCO file's `file_name`."""

    name: str
    image: Image
    objects: tuple[Object, ...]


def even_numbered(file_name: str) -> bool:
    """Whether an image's name is an even number ("000000000042.jpg"): the usual way to keep val images out of training.

    Raises:
        ValueError: the name is no number.
    """
    stem = Path(file_name).stem
    if not stem.isdecimal():
        raise ValueError(f"the image {file_name} has no number for a name: pass a `leave_out` of your own")
    return int(stem) % 2 == 0


def none_left_out(file_name: str) -> bool:
    """A `leave_out` that keeps every image."""
    return False


def read_photos(folder: Path, annotations: str, leave_out: Callable[[str], bool]) -> Iterator[Photo]:
    """The photos under `folder`/images that its COCO file `annotations` lists, one at a time.

    An image that cannot be read, or an annotation whose segmentation cannot, is named in a warning and passed over.

    Args:
        leave_out: called with each image's `file_name`; images for which it is true are not opened.

    Raises:
        OSError: the folder or its COCO file is not there.
        ValueError: the COCO file is not JSON, lacks a key, or an annotation names an unknown image.
    """
    path = folder / annotations
    images, by_image, categories = _tables(path)
    for record in images:
        name = record["file_name"]
        if leave_out(name):
            continue
        try:
            image = read_image(folder / "images" / name)
        except (OSError, ValueError) as error:
            warnings.warn(f"image skipped: {error}", stacklevel=3)
            continue
        yield Photo(name, image, tuple(_objects(by_image[record["id"]], image, categories, path)))


def _objects(annotations: list[Mapping[str, Any]], image: Image, categories: dict[int, str], path: Path) -> Iterator[Object]:
    for annotation in annotations:
        number = annotation.get("id", 0)
        try:
            mask = mask_of(annotation.get("segmentation"), (image.shape[0], image.shape[1]), "segmentation")
            if not isinstance(category := annotation.get("category_id", -1), int):
                raise ValueError(f"category_id is {category!r}: pass one int")
        except (TypeError, ValueError) as error:
            warnings.warn(f"{path}: annotation {number} skipped: {error}", stacklevel=4)
            continue
        yield Object(mask, number, categories.get(category, PERSON if not categories else "object"),
                     bool(annotation.get("iscrowd")))


def _tables(path: Path) -> tuple[list[Any], dict[int, list[Mapping[str, Any]]], dict[int, str]]:
    """Image records, annotations by image id, category names by id."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: pass a COCO-format folder (a COCO JSON file beside images/)") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}): pass a COCO JSON file") from None
    images, annotations = (entries_of(content, key, path) for key in ("images", "annotations"))
    by_image: dict[int, list[Mapping[str, Any]]] = {}
    for i, image in enumerate(images):
        value_of(image, "file_name", str, f"{path}: images[{i}]")
        by_image[value_of(image, "id", int, f"{path}: images[{i}]")] = []
    for i, annotation in enumerate(annotations):
        where = f"{path}: annotations[{i}]"
        image_id = value_of(annotation, "image_id", int, where)
        if image_id not in by_image:
            raise ValueError(f"{where} names the image {image_id}, which is not among the file's `images`")
        by_image[image_id].append(annotation)
    categories = entries_of(content, "categories", path) if content.get("categories") else []
    return images, by_image, {value_of(c, "id", int, f"{path}: categories"): str(c.get("name", "object")) for c in categories}
