"""The picture of the pose families: `python -m deocc_aug.humans.families_sheet --out families.jpg`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.humans.poses import FAMILIES
from deocc_aug.types import Image

SIZE = (160, 120)  # of each person's picture, height and width in pixels
PEOPLE = 5
STRIPS = 2  # families side by side
GAP, TITLE = 8, 22


def families_sheet(seed: int = 0) -> Image:
    """(H, W, 3) uint8 RGB: of each family the first people of that seed, nothing in front of them, under the family's name.

    Raises:
        ImportError: the extra `humans` is not installed.
    """
    height, width = SIZE
    wide, tall = PEOPLE * width + GAP, height + TITLE + GAP
    out = np.full((-(-len(FAMILIES) // STRIPS) * tall, STRIPS * wide - GAP, 3), 255, np.uint8)
    for k, family in enumerate(FAMILIES):
        top, left = k // STRIPS * tall, k % STRIPS * wide
        cv2.putText(out, family, (left + 2, top + TITLE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
        out[top + TITLE:top + TITLE + height, left:left + PEOPLE * width] = _strip(family, seed)
    return out


def _strip(family: str, seed: int) -> Image:
    from deocc_aug.humans.scenes import Ingredients, make_scenes

    ingredients = Ingredients(size=SIZE, families=(family,), rate=0.0, company=0.0, cut=0.0)
    return np.concatenate([scene.clean for scene in islice(make_scenes(seed, 0, ingredients), PEOPLE)], axis=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw five people of each pose family."""
    from deocc_aug.data.atomic import write_bytes
    from deocc_aug.humans.records import jpeg

    parser = argparse.ArgumentParser(prog="python -m deocc_aug.humans.families_sheet", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .jpg to write")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other people")
    options = parser.parse_args(arguments)
    write_bytes(options.out, jpeg(families_sheet(options.seed), 85))


if __name__ == "__main__":
    main()
