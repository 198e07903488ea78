"""What words change in the painted picture: ``python -m deocc_aug.benchmarks.wording --preset FOLDER --ccp FOLDER --coco FOLDER``.

Clothing Co-Parsing's val photos.  First with cut-outs in front: every person is painted with the description of what they wear
(`deocc_aug.training.clothes.worn`), with the words that the preset finds itself, with somebody else's and with none.  Then with
the whole upper garment hidden: painted with "a red shirt" and with "a blue shirt".  Silhouettes are told, so that words and
pixels alone differ.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import wilcoxon
from tqdm import tqdm

from deocc_aug import Deoccluder, Options, Person
from deocc_aug.benchmarks.decoding import psnr
from deocc_aug.benchmarks.statistics import markdown, mean
from deocc_aug.canvas import box_of
from deocc_aug.describe.colours import ANCHORS, lab
from deocc_aug.describe.questions import prompt_of
from deocc_aug.occluders.cutouts import Cutout, even_numbered, read_cutouts
from deocc_aug.occluders.paste import occlude
from deocc_aug.training.clothes import REGIONS, Dressed, read_dressed_ccp
from deocc_aug.types import Image, Mask

SIDE = 320  # pixels: of a person's longer side
RATE = (0.3, 0.7)  # of a person that is hidden
WORDS = "red", "blue"
LEAST = 0.15  # of a person must be seen beside a hidden garment

ARMS = "their own", "found in what is seen", "another's", "none"

Paint = Callable[[Image, Person, str | None], Image]


def described(people: Sequence[Dressed], cutouts: Sequence[Cutout], paint: Paint, seed: int) -> Iterator[tuple[float, ...]]:
    """For each person the hidden body's PSNR, dB, for each of `ARMS`: words that are told, that are asked for, and none."""
    rng = np.random.default_rng(seed)
    prompts = [prompt_of(person.looks or {}) for person in people]
    for at, person in enumerate(people):
        assert person.image is not None and person.mask is not None
        pasted = occlude(person.image, person.mask, cutouts, rng.uniform(*RATE), rng)
        hidden, visible = person.mask & pasted.occluder, person.mask & ~pasted.occluder
        other = next((p for p in prompts[at + len(prompts) // 2:] + prompts if p != prompts[at]), "")
        box = box_of(visible)
        if box is None or not hidden.any() or not prompts[at]:
            continue
        asked = Person(box, visible, pasted.occluder, amodal_mask=person.mask)
        clean = person.image.astype(np.float32)
        yield tuple(psnr(paint(pasted.image, asked, prompt).astype(np.float32), clean, hidden) for prompt in (prompts[at], None, other, ""))


def recoloured(people: Sequence[Dressed], paint: Paint, count: int) -> Iterator[tuple[float, float]]:
    """Of people whose upper garment is wholly hidden: how far the second word moves the painted colour towards it, in CIELAB and as
    a share of the words' own distance.
    """
    words = [lab(np.array(ANCHORS[word][:1], np.uint8))[0] for word in WORDS]
    way = words[1] - words[0]
    told = 0
    for person in people:
        assert person.image is not None and person.mask is not None and person.regions is not None
        garment = (person.regions == REGIONS.index("upper")) & person.mask
        if not garment.any() or told == count:
            continue
        thing = around(garment)
        visible = person.mask & ~thing
        box = box_of(visible)
        if box is None or visible.sum() < LEAST * person.mask.sum():
            continue
        asked = Person(box, visible, thing, amodal_mask=person.mask)
        image = np.where(thing[..., None], np.uint8(128), person.image)
        colours = [np.median(lab(paint(image, asked, f"a person wearing a {word} shirt")[garment]), axis=0) for word in WORDS]
        moved = float((colours[1] - colours[0]) @ way / np.linalg.norm(way))
        told += 1
        yield moved, moved / float(np.linalg.norm(way))


def around(garment: Mask) -> Mask:
    """A thing that hides all of a garment: the convex hull, a little larger."""
    ys, xs = np.nonzero(garment)
    out = np.zeros(garment.shape, np.uint8)
    cv2.fillConvexPoly(out, cv2.convexHull(np.stack([xs, ys], 1).astype(np.int32)), 1)
    return np.asarray(cv2.dilate(out, np.ones((7, 7), np.uint8)) > 0)


def painted(deoccluder: Deoccluder, image: Image, person: Person, prompt: str | None, steps: int | None = None) -> Image:
    """The picture with somebody painted whatever the gate says."""
    return deoccluder(image, person, seed=0, options=Options(prompt=prompt, gate=False, paint_steps=steps)).image


def better(one: np.ndarray, other: np.ndarray) -> str:
    """The one-sided p of a paired test; nothing where the two are the same."""
    return "" if np.array_equal(one, other) else f"{wilcoxon(one, other, alternative='greater').pvalue:.2g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what a right and a wrong description are worth in hidden PSNR, and how often red turns blue."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.wording", description=main.__doc__)
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--ccp", type=Path, required=True, help="folder of Clothing Co-Parsing")
    parser.add_argument("--coco", type=Path, required=True, help="COCO-format folder whose objects stand in front")
    parser.add_argument("--n", type=int, default=100, help="people with a cut-out in front")
    parser.add_argument("--shirts", type=int, default=25, help="people whose upper garment is hidden")
    parser.add_argument("--steps", type=int, help="diffusion steps; the preset's own without")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    paint = partial(painted, Deoccluder.from_pretrained(options.preset), steps=options.steps)
    people = [person for person in read_dressed_ccp(options.ccp, SIDE, "val") if isinstance(person, Dressed)]
    cutouts = [*read_cutouts(options.coco, side=300, leave_out=even_numbered)]
    rows = [*tqdm(described(people[:options.n], cutouts, paint, options.seed), total=options.n, unit="person")]
    by_arm = dict(zip(ARMS, np.array(rows).T, strict=True))
    own, silent = by_arm["their own"], by_arm["none"]
    print(markdown([{"description": name, "people": len(rows), "hidden PSNR, dB": mean(values), "this less none": mean(values - silent),
                     "own less this": mean(own - values), "p that own is better, Wilcoxon": better(own, values)}
                    for name, values in by_arm.items()]))
    far, share = np.array([*tqdm(recoloured(people, paint, options.shirts), total=options.shirts, unit="shirt")]).T
    print("\n" + markdown([{"from red to blue": "hidden shirts", "people": len(far), "moved towards blue": mean((far > 0).astype(float)),
                            "CIELAB": mean(far), "of the words' distance": mean(share)}]))


if __name__ == "__main__":
    main()
