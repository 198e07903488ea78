"""COCO files of people: reading them as `Person`s, and masks as RLE.

What is read, beside COCO's own keys `images` (id, file_name, width, height) and `annotations` (id, image_id,
bbox = x, y, width, height):

    segmentation           the *visible* mask, polygons, RLE or OCHuman's outer and inner polygons; absent or [] where not known
    occluder_segmentation  what stands in front of the person, the same two ways (not a COCO key)
    keypoints              17 times x, y, v: v = 0 is not known (confidence 0), 1 and 2 are known (confidence 1)
    category_id            left out, or the id of the category named "person"; other categories are passed over
    iscrowd                crowds (1) are passed over
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import mask as rle

from deocc_aug.types import JOINTS, Mask, Person

HINTS = ("segmentation", "occluder_segmentation", "keypoints")  # what an annotation may say of a person beside the box
USED = HINTS[:2]  # of these, what helps where keypoints are what somebody is to find

@dataclass(frozen=True)
class CocoImage:
    """An image of a COCO file: its id, file name, (height, width) or None where the file is silent, its annotations."""

    id: int
    file_name: str
    size: tuple[int, int] | None
    annotations: tuple[Mapping[str, Any], ...]


def read_coco(path: Path) -> list[CocoImage]:
    """The images of a COCO file with the people annotated in them, in the file's order.

    Raises:
        OSError: the file is not there or cannot be read.
        ValueError: it is not JSON, not a COCO file, lacks a key, names an image that is not among its `images`, has no
            category "person", or uses an id twice.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: pass a COCO JSON file") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder: pass a COCO JSON file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}): pass a COCO JSON file") from None
    images, annotations = (entries_of(content, key, path) for key in ("images", "annotations"))
    ids = [int(value_of(image, "id", int, f"{path}: images[{i}]")) for i, image in enumerate(images)]
    people: dict[int, list[Mapping[str, Any]]] = {number: [] for number in ids}
    if len(people) < len(images):
        raise ValueError(f"{path}: `images` uses an id twice: give every image its own")
    person = _person_category(content, path)
    used = set()
    for i, annotation in enumerate(annotations):
        if annotation.get("iscrowd") or (person is not None and annotation.get("category_id", person) != person):
            continue
        where = f"{path}: annotations[{i}]"
        number, image_id = value_of(annotation, "id", int, where), value_of(annotation, "image_id", int, where)
        value_of(annotation, "bbox", list, where)
        if number in used:
            raise ValueError(f"{where} has the id {number} of an annotation before it: give every annotation its own")
        if image_id not in people:
            raise ValueError(f"{where} names the image {image_id}, which is not among the file's `images`")
        used.add(number)
        people[image_id].append(annotation)
    return [CocoImage(image["id"], value_of(image, "file_name", str, f"{path}: images[{i}]"), _size(image, f"{path}: images[{i}]"),
                      tuple(people[image["id"]])) for i, image in enumerate(images)]


def image_named(images: Sequence[CocoImage], path: Path, coco: Path) -> CocoImage:
    """The entry of a COCO file that an image's path means: the one whose `file_name` ends the path, else the one of that name.

    Raises:
        ValueError: none does, or more than one.
    """
    given = path.as_posix()
    found = [image for image in images if given == image.file_name or given.endswith(f"/{image.file_name}")]
    found = found or [image for image in images if Path(image.file_name).name == path.name]
    if not found:
        known = ", ".join(image.file_name for image in images[:3]) or "none"
        raise ValueError(f"{path} is not among the images of {coco} ({len(images)} images: {known}{', ...' if len(images) > 3 else ''}): "
                         "pass images whose names are the file's `file_name`s")
    if len(found) > 1:
        raise ValueError(f"{path} may be any of {[image.file_name for image in found[:3]]} in {coco}: pass the path with its folder")
    return found[0]


def person_of(annotation: Mapping[str, Any], size: tuple[int, int]) -> Person:
    """The `Person` that an annotation describes, in an image of `size` (height, width) pixels.

    Raises:
        ValueError: a box without area, a segmentation that is neither polygons nor RLE or of another size, keypoints that
            are not 17 times x, y, v.
    """
    where = f"annotation {annotation['id']}"
    try:
        if len(annotation["bbox"]) != 4:
            raise ValueError(f"bbox is {annotation['bbox']}: pass four numbers x, y, width, height")
        x, y, width, height = (float(value) for value in annotation["bbox"])
        visible, occluder = (mask_of(annotation[key], size, key) if annotation.get(key) else None
                             for key in ("segmentation", "occluder_segmentation"))
        return Person(box_xyxy=np.array([x, y, x + width, y + height]), visible_mask=visible, occluder_mask=occluder,
                      joints=_joints(annotation.get("keypoints")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def with_hints(annotation: Mapping[str, Any], use: Sequence[str]) -> dict[str, Any]:
    """The annotation without those of `HINTS` that are not to be used."""
    return {key: value for key, value in annotation.items() if key not in HINTS or key in use}


FARTHEST = 10  # images away from its image that a polygon may reach


def mask_of(segmentation: object, size: tuple[int, int], name: str) -> Mask:
    """A COCO segmentation as an (H, W) bool mask; `size` is (H, W), `name` is what errors call it.

    OCHuman's dicts of polygons, {"outer", "inner"}, mean the outer ones without the inner ones.

    Raises:
        ValueError: neither polygons (lists of x, y, x, y, ...) nor RLE ({"size", "counts"}), RLE of another size, or a polygon far
            outside the image.
    """
    height, width = size
    if isinstance(segmentation, Mapping) and "outer" in segmentation:
        outer, holes = mask_of(segmentation["outer"], size, f"{name}'s outer"), segmentation.get("inner")
        return outer & ~mask_of(holes, size, f"{name}'s inner") if holes else outer
    wanted = "pass polygons [[x, y, x, y, x, y, ...], ...] or RLE {'size': [height, width], 'counts': ...}"
    if isinstance(segmentation, Mapping):
        if not {"size", "counts"} <= set(segmentation):
            raise ValueError(f"{name} is a dict with {sorted(segmentation)}: {wanted}")
        if segmentation["size"] != [height, width]:
            raise ValueError(f"{name} has size {segmentation['size']} but the image is {[height, width]} (height, width): "
                             "pass masks in the image's own size")
        try:
            listed = isinstance(segmentation["counts"], list)
            coded = rle.frPyObjects(dict(segmentation), height, width) if listed else dict(segmentation)
            return np.asarray(rle.decode(coded)).astype(np.bool_)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{name} holds RLE counts that cannot be decoded ({error}): {wanted}") from None
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError(f"{name} is a {type(segmentation).__name__}: {wanted}")
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2 or not np.isfinite(np.array(polygon, float)).all():
            raise ValueError(f"{name} has a polygon of {len(polygon) if isinstance(polygon, list) else polygon!r} numbers: {wanted}")
        if (farthest := max(map(abs, polygon))) > FARTHEST * max(size):  # drawing takes memory by the outline's length
            raise ValueError(f"{name} has a point at {farthest:g}, far outside the image of {height}x{width}: pass polygons in its pixels")
    return np.asarray(rle.decode(rle.merge(rle.frPyObjects(segmentation, height, width)))).astype(np.bool_)


def rle_of(mask: Mask) -> dict[str, Any]:
    """An (H, W) bool mask as compressed RLE, {"size": [H, W], "counts": text}, ready for JSON."""
    coded = rle.encode(np.asfortranarray(mask.view(np.uint8)))
    counts = coded["counts"]
    return {"size": [int(n) for n in coded["size"]], "counts": counts.decode() if isinstance(counts, bytes) else counts}


def _joints(keypoints: object) -> np.ndarray | None:
    if not keypoints:
        return None
    array = np.array(keypoints, np.float64)
    if array.size != JOINTS * 3:
        raise ValueError(f"keypoints holds {array.size} numbers: pass 17 times x, y, v ({JOINTS * 3} numbers)")
    joints = array.reshape(JOINTS, 3)
    joints[:, 2] = joints[:, 2] > 0
    return joints


def entries_of(content: object, key: str, path: Path) -> list[Any]:
    """The list of objects under `key` of a COCO file's content.  Raises ValueError, naming `path`, if there is none."""
    if not isinstance(content, dict) or key not in content:
        keys = sorted(content)[:8] if isinstance(content, dict) else f"a {type(content).__name__}"
        raise ValueError(f"{path} holds {keys} and no `{key}`: pass a COCO file with `images` and `annotations`")
    entries = content[key]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path}: `{key}` is not a list of objects: pass a COCO file")
    return entries


def value_of(entry: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """`entry[key]`, of that kind.  Raises ValueError, beginning with `where`, if it is not there or of another kind."""
    if key not in entry:
        raise ValueError(f"{where} has no `{key}` (it has {sorted(entry)}): a COCO file names it")
    if not isinstance(entry[key], kind) or isinstance(entry[key], bool):
        raise ValueError(f"{where}: `{key}` is {entry[key]!r}: pass {'a list' if kind is list else f'one {kind.__name__}'}")
    return entry[key]


def _size(image: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    if "height" not in image or "width" not in image:
        return None
    return value_of(image, "height", int, where), value_of(image, "width", int, where)


def _person_category(content: Mapping[str, Any], path: Path) -> int | None:
    """The id of the category "person"; None where the file names no categories and everybody is one."""
    categories = content.get("categories")
    if not categories:
        return None
    for category in categories:
        if isinstance(category, dict) and category.get("name") == "person":
            return int(value_of(category, "id", int, f"{path}: categories"))
    raise ValueError(f"{path} has no category named \"person\": name one, or leave `categories` out if everybody is one")
