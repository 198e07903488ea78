"""Writes people behind things as a COCO-format set, and the same photos without: ``python -m deocc_aug.benchmarks.pose_models.photo_set``.

    OUT/occluded/people.json, images/     a person each with something in front
    OUT/clean/people.json, images/        the same people, the same ids, nothing in front

Val people only, and val things (COCO images of even number).  `segmentation` is the visible part, `occluder_segmentation` what is in
front; `keypoints` have v = 2 where seen and 1 behind something; `area` is the whole silhouette's.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser
from tqdm import tqdm

from deocc_aug.benchmarks.fusing import LEAST_JOINTS, RATES, SIDE, Photo, ccp_photos, coco_photos
from deocc_aug.benchmarks.harness.cases import BOXES, behind, check_choice
from deocc_aug.canvas import box_of
from deocc_aug.data.annotate import PERSON_CATEGORY
from deocc_aug.data.atomic import output_folder, write_json, write_png
from deocc_aug.data.coco import rle_of
from deocc_aug.occluders.cutouts import Cutout, even_numbered, read_cutouts
from deocc_aug.occluders.lens import Lens
from deocc_aug.occluders.paste import occlude
from deocc_aug.types import Mask

OCCLUDED, CLEAN = "occluded", "clean"
PEOPLE, IMAGES = "people.json", "images"


def write_set(out: Path, photos: Iterable[Photo], cutouts: Sequence[Cutout], *, seed: int = 0, box: str = "amodal") -> int:
    """Writes both folders; returns how many people they hold.  What is in front of a person depends on (seed, their number) alone.

    Args:
        box: of annotations: the whole body's ("amodal") or the visible part's ("visible").

    Raises:
        ValueError: another kind of box, or nobody with joints enough.
        OSError: `out` cannot be written to.
    """
    check_choice("box", box, BOXES)
    records: list[dict[str, Any]] = []
    annotations: dict[str, list[dict[str, Any]]] = {OCCLUDED: [], CLEAN: []}
    for kind in annotations:
        output_folder(out / kind / IMAGES)
    for number, photo in enumerate(photos, 1):  # COCO's own evaluation takes the id 0 for nobody
        if photo.joints[:, 2].sum() < LEAST_JOINTS:
            continue
        rng = np.random.default_rng([seed, number])
        pasted = occlude(photo.image, photo.amodal, cutouts, rng.uniform(*RATES), rng, Lens())
        if box_of(photo.amodal & ~pasted.occluder) is None:
            continue
        name = f"{number:06d}.png"
        records.append({"id": number, "file_name": name, "height": photo.image.shape[0], "width": photo.image.shape[1]})
        for kind, image, occluder in ((OCCLUDED, pasted.image, pasted.occluder), (CLEAN, pasted.clean, np.zeros_like(pasted.occluder))):
            write_png(out / kind / IMAGES / name, image)
            annotations[kind].append(_annotation(number, photo, occluder, box))
    if not records:
        raise ValueError(f"nobody has {LEAST_JOINTS} joints: pass a folder with people whose joints are known")
    for kind, people in annotations.items():
        write_json(out / kind / PEOPLE, {"images": records, "categories": [PERSON_CATEGORY | {"skeleton": []}], "annotations": people})
    return len(records)


def _annotation(number: int, photo: Photo, occluder: Mask, box: str) -> dict[str, Any]:
    visible = photo.amodal & ~occluder
    edges = box_of(photo.amodal if box == "amodal" else visible)
    assert edges is not None  # the caller's
    x0, y0, x1, y1 = edges.tolist()
    known, hidden = photo.joints[:, 2] > 0, behind(photo.joints, occluder)
    joints = np.concatenate([photo.joints[:, :2], np.where(hidden, 1.0, 2.0)[:, None]], 1) * known[:, None]
    return {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": float(photo.amodal.sum()), "num_keypoints": int(known.sum()), "keypoints": joints.round(2).ravel().tolist(),
            "segmentation": rle_of(visible), "occluder_segmentation": rle_of(occluder),
            "hidden_share": round(float((photo.amodal & occluder).sum() / photo.amodal.sum()), 4)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes val people behind val things as a COCO-format set, and the same people with nothing in front."""
    parser = ArgumentParser(prog="python -m deocc_aug.benchmarks.pose_models.photo_set", description=main.__doc__)
    parser.add_argument("--ccp", type=Path, help="folder of Clothing Co-Parsing, whose split val is shown; leave it out for coco's")
    parser.add_argument("--coco", type=Path, required=True, help="COCO-format folder whose objects of even number stand in front; without "
                        "--ccp its people of even number, of keypoints.json, are shown")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of what stands in front")
    parser.add_argument("--box", type=str, choices=BOXES, default="amodal", help="annotated boxes: of the whole body or of what is seen")
    options = parser.parse_args(arguments)
    photos = ccp_photos(options.ccp, "val") if options.ccp else coco_photos(options.coco, "val")
    cutouts = read_cutouts(options.coco, side=SIDE, leave_out=lambda name: not even_numbered(name))
    people = write_set(options.out, tqdm(photos, unit="person", disable=None), cutouts, seed=options.seed, box=options.box)
    print(f"{people} people: {options.out / OCCLUDED / PEOPLE} and {options.out / CLEAN / PEOPLE}")


if __name__ == "__main__":
    main()
