"""What is behind synthetic people: crops of photos in which nobody is seen, or drawn places."""
from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32

from deocc_aug.data.images import read_image
from deocc_aug.occluders.matching import relit
from deocc_aug.occluders.objects import PERSON, none_left_out, read_photos
from deocc_aug.occluders.places import procedural
from deocc_aug.types import Image, Mask

__all__ = ["Background", "Backgrounds", "procedural"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
LONGEST = 640  # photos are held in memory at this size
MOST_PEOPLE = 0.35  # of a photo's pixels: more cannot be painted over
LOW_RES = 96  # longer side at which people are painted over
TRIES = 12
SMALLEST_CROP = 0.35  # of the largest rectangle of the wanted shape that the photo holds


@dataclass(frozen=True, eq=False)
class Background:
    """A photo (h, w, 3) uint8 and where its people are: `people` is the integral image (h + 1, w + 1) of their mask.

    `without` is the photo with its people painted over, or None where nobody is in it.
    """

    name: str
    image: Image
    people: Int32[np.ndarray, "_ _"]
    without: Image | None = None


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Photos that crops are drawn from; with none, places are drawn instead."""

    photos: tuple[Background, ...] = ()

    @classmethod
    def from_folder(cls, folder: Path) -> Backgrounds:
        """Every image file of a folder and its subfolders; whoever is in them stays.  One that cannot be read is named and skipped.

        Raises:
            OSError: the folder is not there.
            ValueError: it holds no image that can be read.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is no folder: pass a folder of photos")
        files, photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES), []
        for path in files:
            try:
                photos.append(_background(path.name, read_image(path), None))
            except (OSError, ValueError) as error:
                warnings.warn(f"background skipped: {error}", stacklevel=2)
        if not photos:
            raise ValueError(f"{folder} has {len(files)} image files and none that can be read: pass a folder of photos "
                             f"({', '.join(SUFFIXES)})")
        return cls(tuple(photos))

    @classmethod
    def from_coco(cls, folder: Path, leave_out: Callable[[str], bool] = none_left_out,
                  annotations: str = "instances.json") -> Backgrounds:
        """The photos of a COCO-format folder, for crops in which no annotated person is seen.

        Photos that people fill are left out; in the others they are painted over where no crop avoids them.

        Args:
            leave_out: called with each image's `file_name`; true leaves it out.
            annotations: the COCO file's name, beside `images/`.

        Raises:
            OSError: the folder or its COCO file is not there.
            ValueError: the COCO file is not one, or no photo is left.
        """
        photos = []
        for photo in read_photos(Path(folder), annotations, leave_out):
            people = np.zeros(photo.image.shape[:2], np.bool_)
            for thing in photo.objects:
                if thing.category == PERSON:
                    people |= thing.mask
            if people.mean() <= MOST_PEOPLE:
                photos.append(_background(photo.name, photo.image, people))
        if not photos:
            raise ValueError(f"{folder} gave no background: none of its images that could be read and were not left out has people "
                             f"on less than {MOST_PEOPLE:.0%} of it: pass another folder")
        return cls(tuple(photos))

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Image:
        """A background (height, width, 3) uint8 of `size` (height, width): a crop in other light, or a drawn place."""
        if not self.photos:
            return procedural(size, rng)
        photo = self.photos[rng.integers(len(self.photos))]
        x0, y0, x1, y1, is_free = _crop(photo, size, rng)
        picture = photo.image if is_free or photo.without is None else photo.without
        how = cv2.INTER_AREA if x1 - x0 > size[1] else cv2.INTER_LINEAR
        crop = cv2.resize(picture[y0:y1, x0:x1], size[::-1], interpolation=how)
        return relit(crop[:, ::-1] if rng.random() < 0.5 else crop, rng)


def _background(name: str, image: Image, people: Mask | None) -> Background:
    factor = min(1.0, LONGEST / max(image.shape[:2]))
    size = max(2, round(image.shape[1] * factor)), max(2, round(image.shape[0] * factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 else image
    if people is None or not people.any():
        return Background(name, small, np.zeros((size[1] + 1, size[0] + 1), np.int32))
    there = cv2.resize(people.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    there = cv2.dilate(there, np.ones((9, 9), np.uint8))
    return Background(name, small, np.asarray(cv2.integral(there), np.int32), _painted_over(small, there))


def _painted_over(image: Image, people: np.ndarray) -> Image:
    """The people filled in from around them: Telea's method at low resolution (the journal of graphics tools 9, 2004)."""
    height, width = people.shape
    factor = min(1.0, LOW_RES / max(height, width))
    size = max(2, round(width * factor)), max(2, round(height * factor))
    low, hole = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (image, people * np.uint8(255)))
    filled = cv2.inpaint(low, (hole > 0).astype(np.uint8), 4, cv2.INPAINT_TELEA)
    large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    soft = cv2.GaussianBlur(people.astype(np.float32), (0, 0), 2.0)
    soft = np.maximum(soft, people)[..., None]
    return np.asarray((image * (1 - soft) + large * soft).clip(0, 255), np.uint8)


def _crop(photo: Background, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int, bool]:
    """A rectangle (x0, y0, x1, y1) of the photo in the wanted shape and whether nobody is in it: some tries look for that."""
    height, width = photo.image.shape[:2]
    largest = min(width / size[1], height / size[0])
    for attempt in range(TRIES):
        share = rng.uniform(SMALLEST_CROP, 1.0 - 0.4 * attempt / TRIES)
        wide, tall = max(1, int(size[1] * largest * share)), max(1, int(size[0] * largest * share))
        x0, y0 = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
        x1, y1 = x0 + wide, y0 + tall
        if photo.people[y1, x1] - photo.people[y0, x1] - photo.people[y1, x0] + photo.people[y0, x0] == 0:
            return x0, y0, x1, y1, True
    return x0, y0, x1, y1, False
