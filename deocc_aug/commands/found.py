"""The people that a detector finds for `deocc-aug run`; what it found is kept with the records, and not looked for again."""
from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from deocc_aug.canvas import MIN_PERSON_PX
from deocc_aug.commands.people import AskedImage, AskedPerson, digest_of
from deocc_aug.commands.results import RECORDS
from deocc_aug.data.atomic import output_folder, write_json
from deocc_aug.data.images import read_image
from deocc_aug.types import Person

if TYPE_CHECKING:
    from deocc_aug.observe.detectors import TransformersDetector

Boxes = list[list[float]]


@dataclass(frozen=True)
class Finder:
    """A detector's Hub id or folder, and the least score in [0, 1] of a person."""

    detector: str
    min_score: float

    def load(self, device: str | None) -> TransformersDetector:
        """The detector.

        Raises:
            OSError: it is out of reach; says how to do without.
            ValueError, ImportError: as `TransformersDetector.from_pretrained` does.
        """
        from deocc_aug.observe.detectors import TransformersDetector

        try:
            return TransformersDetector.from_pretrained(self.detector, device=device, threshold=self.min_score)
        except OSError as error:
            raise OSError(f"nobody was named, and the detector that would find people is out of reach: {error}; or say who is meant with "
                          "--box x0,y0,x1,y1 or --coco people.json") from error


def from_detector(images: Sequence[Path], finder: Finder, device: str | None, out: Path) -> list[AskedImage]:
    """Everybody whom the detector finds in these images and who is large enough to complete, numbered through.

    Boxes are kept in `out`, image by image; a detector that has nothing new to look at is not loaded.  An image that cannot be read is
    named in a warning, and nobody is in it.

    Raises:
        OSError: the detector cannot be read, or an image is not there, or `out` cannot be written to.
        ValueError: a score beyond [0, 1]; no image, no detector; nobody is in any image.
    """
    if not 0 <= finder.min_score <= 1:
        raise ValueError(f"--min_score is {finder.min_score}: pass a score from 0 to 1")
    digests = {path: digest_of(path) for path in images}
    found = {digest: boxes for digest in digests.values() if (boxes := _kept(out, digest, finder)) is not None}
    new = {digest: path for path, digest in digests.items() if digest not in found}
    if new:
        found |= _find(new, finder, device, out)
    asked: list[AskedImage] = []
    for number, (path, digest) in enumerate(digests.items(), 1):
        first = 1 + sum(len(image.people) for image in asked)
        people = tuple(AskedPerson(i, {"box": box}, partial(_person, box)) for i, box in enumerate(found[digest], first))
        asked.append(AskedImage(number, path, path.as_posix(), None, people))
    if not any(image.people for image in asked):
        raise ValueError(f"{finder.detector} found nobody of at least {MIN_PERSON_PX} px in the {len(asked)} images with a score of "
                         f"{finder.min_score} or more: pass a lower --min_score, or say who is meant with --box or --coco")
    return asked


def _find(images: Mapping[str, Path], finder: Finder, device: str | None, out: Path) -> dict[str, Boxes]:
    """The boxes found in each image, by digest."""
    detector = finder.load(device)  # before anything is written
    output_folder(out)
    output_folder(out / RECORDS)
    found: dict[str, Boxes] = {}
    for digest, path in tqdm(images.items(), desc="finding people", unit="image", disable=None):
        try:
            pixels = read_image(path)
        except (OSError, ValueError) as error:
            warnings.warn(f"nobody is looked for in {path}: {error}", stacklevel=2)
            found[digest] = []
            continue
        boxes = [person.box_xyxy for person in detector(pixels)]
        found[digest] = [box.round(2).tolist() for box in boxes if max(box[2] - box[0], box[3] - box[1]) >= MIN_PERSON_PX]
        write_json(_path(out, digest), {"finder": asdict(finder), "boxes": found[digest]})
    return found


def _kept(out: Path, digest: str, finder: Finder) -> Boxes | None:
    """The boxes that the same detector found in the same image before, if it did."""
    try:
        kept = json.loads(_path(out, digest).read_text())
    except (OSError, ValueError):
        return None
    return kept["boxes"] if isinstance(kept, dict) and kept.get("finder") == asdict(finder) else None


def _path(out: Path, digest: str) -> Path:
    return out / RECORDS / f"found_{digest}.json"


def _person(box: list[float], _size: tuple[int, int]) -> Person:
    return Person(box_xyxy=np.array(box))
