"""AHP (Amodal Human Perception; Zhou et al., Human De-occlusion, CVPR 2021): whole people cut out of photos, to be hidden.

    AHP/train/ImageSets/val.txt          a name a line (`train.txt` likewise)
    AHP/train/JPEGImages/NAME.jpg        the photo, nothing in front of the person
    AHP/train/Annotations/NAME.png       the whole silhouette: every value above 0

This is the part with which others train and choose; its layout is as four public programs read it (BenP31/KV6003, the crop script of *Large
Occluded Human Image Completion via Image-Prior Cooperating*, AAAI 2024, and two segmentation trainings), for its authors document none.
How AHP's own test sets (synthesised and real occlusion) are laid out none of them tells: they are not read, and figures on the people here
are not comparable with those that are published.  This reader was never run on the real files.
"""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.harness.cases import Case, Unusable, check_choice, no_joints
from deocc_aug.benchmarks.harness.pasted import PastedCoco
from deocc_aug.benchmarks.readers.files import first_of
from deocc_aug.data.images import read_image

OBTAINED = "https://sydney0zq.github.io/ahp/"
SPLITS = ("val", "train")


class Ahp(PastedCoco):
    """AHP's people with things pasted in front; the clean photo and the silhouette are known, joints are not: for `completion`.

    Args:
        folder: what AHP was unpacked to, with `train` in it.
        split: the names in `train/ImageSets/val.txt` or `train.txt`.
        cutouts: a COCO-format folder whose objects are pasted; None for drawn things.
        cutouts_annotations: its COCO file.
        rate: the share of a person to hide, 0 to 0.8; None draws it, 0 for one case in five.
        seeds: each person is a case with each seed.
        told: what the de-occluder is told: "masks", "visible mask" or "box".
        box: the box is that of the visible part or of the whole body ("visible" or "amodal").
        limit: the first so many cases.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where it is obtained.
    """

    def __init__(self, folder: Path, split: str = "val", cutouts: Path | None = None, cutouts_annotations: str = "instances.json",
                 rate: float | None = None, seeds: Sequence[int] = (0,), told: str = "masks", box: str = "visible",
                 limit: int | None = None) -> None:
        super().__init__(folder, cutouts=cutouts, cutouts_annotations=cutouts_annotations, rate=rate, seeds=seeds, told=told, box=box,
                         limit=limit)
        self.split = check_choice("data.split", split, SPLITS)

    @cached_property
    def index(self) -> Path:
        """The file with the names."""
        return first_of(self.folder, (f"train/ImageSets/{self.split}.txt",), "the list of AHP's people", OBTAINED)

    @cached_property
    def photos(self) -> Path:
        return first_of(self.folder, ("train/JPEGImages",), "AHP's photos", OBTAINED)

    @cached_property
    def masks(self) -> Path:
        return first_of(self.folder, ("train/Annotations",), "AHP's silhouettes", OBTAINED)

    @cached_property
    def people(self) -> tuple[str, ...]:
        """The names."""
        self.photos, self.masks  # noqa: B018  that these are missing is said before anything else is done
        return tuple(filter(None, (line.strip() for line in self.index.read_text("utf-8").splitlines())))

    def open(self) -> Sequence[str]:
        return [f"{person}/{seed}" for seed in self.seeds for person in self.people]

    def make(self, number: int) -> Case | Unusable:
        seed, person = self.seeds[number // len(self.people)], self.people[number % len(self.people)]
        name = self.names[number]
        try:
            photo = read_image(self.photos / f"{person}.jpg")
            amodal = read_image(self.masks / f"{person}.png").any(2)
            if amodal.shape != photo.shape[:2]:
                raise ValueError(f"{person}.png is {amodal.shape} (height, width) and {person}.jpg {photo.shape[:2]}: get both again from "
                                 f"{OBTAINED}")
            digest = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "little")
            return self.covered(name, person, photo, amodal, no_joints(), np.random.default_rng([seed, digest]))
        except (OSError, ValueError) as error:
            return Unusable(name, person, str(error))

    def described(self) -> dict[str, Any]:
        return {"class": "Ahp", "split": self.split, "list_sha256": sha256(self.index), "seeds": list(self.seeds), "rate": self.rate,
                "told": self.told, "box": self.box, "cutouts_sha256": self._cutouts_digest()}
