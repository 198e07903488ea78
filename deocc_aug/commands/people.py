"""Who `deocc-aug run` is asked to complete: images and the people in them, described without decoding a pixel."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.data.coco import image_named, person_of, read_coco
from deocc_aug.data.images import read_mask
from deocc_aug.types import Person


@dataclass(frozen=True)
class AskedPerson:
    """One person asked for: an id, what decides the result as JSON, and the `Person` once the image's (H, W) is known."""

    id: int
    known: Mapping[str, Any]
    person: Callable[[tuple[int, int]], Person]


@dataclass(frozen=True)
class AskedImage:
    """One image asked for: its file, the name it has in results, the (height, width) that its COCO file states, if it does."""

    id: int
    path: Path
    file_name: str
    size: tuple[int, int] | None
    people: tuple[AskedPerson, ...]


def digest_of(path: Path) -> str:
    """The sha256 of a file's bytes.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: pass the path of a file") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder: pass the path of a file") from None


def from_coco(images: Sequence[Path], coco: Path) -> list[AskedImage]:
    """The people that a COCO file annotates in these images.

    Raises:
        OSError: the COCO file cannot be read.
        ValueError: what `read_coco` and `image_named` refuse; two paths mean the same image; nobody is in any image.
    """
    entries = read_coco(coco)
    asked: dict[int, AskedImage] = {}
    for path in images:
        entry = image_named(entries, path, coco)
        if entry.id in asked:
            raise ValueError(f"{path} and {asked[entry.id].path} are the same image of {coco}, {entry.file_name}: pass it once")
        people = tuple(AskedPerson(annotation["id"], annotation, partial(person_of, annotation)) for annotation in entry.annotations)
        asked[entry.id] = AskedImage(entry.id, path, entry.file_name, entry.size, people)
    if not any(image.people for image in asked.values()):
        raise ValueError(f"{coco} has nobody in the {len(images)} images passed: pass images with annotated people")
    return list(asked.values())


def from_box(images: Sequence[Path], box: str, mask: Path | None, occluder: Path | None) -> list[AskedImage]:
    """The one person in one image given by a box "x0,y0,x1,y1" and mask files.

    Raises:
        OSError: a mask file cannot be read.
        ValueError: more than one image, or a box that is not four numbers.
    """
    if len(images) != 1:
        raise ValueError(f"--box means one person in one image, but {len(images)} images came: pass one, or a --coco file")
    try:
        x0, y0, x1, y1 = (float(number) for number in box.strip("[]() ").split(","))
    except ValueError:
        raise ValueError(f"--box is {box!r}: pass four numbers in pixels, x0,y0,x1,y1") from None

    def person(_size: tuple[int, int]) -> Person:
        return Person(box_xyxy=np.array([x0, y0, x1, y1]), visible_mask=read_mask(mask) if mask else None,
                      occluder_mask=read_mask(occluder) if occluder else None)

    known = {"box": [x0, y0, x1, y1], "mask": mask and digest_of(mask), "occluder": occluder and digest_of(occluder)}
    return [AskedImage(1, images[0], images[0].name, None, (AskedPerson(1, known, person),))]
