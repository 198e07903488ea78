"""The index of a cache: one COCO file over the records of some images' people, for people and other tools."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deocc_aug.data.annotate import PERSON_CATEGORY
from deocc_aug.data.atomic import atomic_file
from deocc_aug.data.cache import Cache


@dataclass(frozen=True)
class IndexedPerson:
    """A person's annotation id and key; "" and the reason where the annotation is none of a person."""

    id: int
    key: str
    refused: str = ""


@dataclass(frozen=True)
class IndexedImage:
    """An image, its (height, width) and its people."""

    id: int
    file_name: str
    size: tuple[int, int]
    people: tuple[IndexedPerson, ...]


def write_index(path: Path, cache: Cache, settings: Mapping[str, Any], images: Iterable[IndexedImage]) -> int:
    """Writes the index, one record in memory at a time; returns how many people were refused.

    Beside what `annotation_of` says an annotation has `key`, `patch` (a PNG in the cache's folder, RGBA, opaque where a pixel was changed;
    None where none was) and `patch_origin` (x, y, the pixel of the image where the patch's first pixel belongs; may lie beyond its
    border).  `refused` lists id, image_id and reason of the people who have no annotation.

    Raises:
        ValueError: a record is not there.
    """
    images, refused = list(images), list[dict[str, Any]]()
    listed = ({"id": image.id, "file_name": image.file_name, "height": image.size[0], "width": image.size[1]} for image in images)
    with atomic_file(path) as file:
        info = {"description": "people completed by deocc-aug", **settings}
        file.write(f'{{"info": {json.dumps(info)},\n"categories": {json.dumps([PERSON_CATEGORY])},\n'.encode())
        _write_list(file, "images", listed)
        file.write(b",\n")
        _write_list(file, "annotations", _annotations(cache, images, refused))
        file.write(b",\n")
        _write_list(file, "refused", refused)
        file.write(b"}\n")
    return len(refused)


def _annotations(cache: Cache, images: Iterable[IndexedImage], refused: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The annotations of those who were completed; those who were refused go to the list."""
    for image in images:
        for person in image.people:
            record: dict[str, Any] | None = cache.record(person.key) if person.key else {"refused": person.refused}
            if record is None:
                raise ValueError(f"{cache.path(person.key, 'json')} is gone: run the same `deocc-aug precompute` once more")
            if record["refused"]:
                refused.append({"id": person.id, "image_id": image.id, "reason": record["refused"]})
                continue
            yield {"id": person.id, "image_id": image.id, "category_id": 1, "iscrowd": 0, "key": person.key, **record["annotation"],
                   "patch": record["patch"], "patch_origin": record["origin"]}


def _write_list(file: BinaryIO, name: str, entries: Iterable[Mapping[str, Any]]) -> None:
    file.write(f'"{name}": ['.encode())
    for i, entry in enumerate(entries):
        file.write(b",\n" if i else b"\n")
        file.write(json.dumps(entry, allow_nan=False).encode())
    file.write(b"]")
