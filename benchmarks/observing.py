"""What the compact observer sees from a box alone: ``python -m deocc_aug.benchmarks.observing --part DIR --ccp FOLDER --coco FOLDER``.

Measured on photos that no training reads: `ccp` photos of split val (one standing person each, nothing in front), people of
COCO images with an even number whose boxes overlap, and, with ``--rendered``, the fixed set of synthetic people.
"""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from deocc_aug.canvas import apply, box_of, inverse
from deocc_aug.data.coco import person_of, read_coco
from deocc_aug.data.images import read_image
from deocc_aug.observe.codec import HIDDEN, OUT_OF_FRAME, VISIBLE
from deocc_aug.observe.compact import CompactObserver, ObserverPipeline, in_image
from deocc_aug.occluders.objects import even_numbered
from deocc_aug.types import Box, Image, Joints, Mask, Person

NEAR = 0.1  # PCK: within this share of the box's longer side
OVERLAP = 0.3  # of the smaller box: two people whose boxes overlap this much are a pair
LEAST_AREA = 2500


@dataclass(frozen=True, eq=False)
class Case:
    """A person as annotated: `joints` (17, 3) px and 1 where labelled; `rival` (H, W) who must not be meant instead."""

    image: Image
    box_xyxy: Box
    visible: Mask
    joints: Joints | None = None
    rival: Mask | None = None


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union; 0 for two empty masks."""
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def ccp_cases(folder: Path, split: str = "val") -> Iterator[Case]:
    """The photos of a split: one standing person each, with the box of their mask."""
    people = json.loads((folder / "people.json").read_text())
    by_image = {annotation["image_id"]: annotation for annotation in people["annotations"]}
    for record in people["images"]:
        if record["split"] == split:
            name = Path(record["file_name"])
            visible = cv2.imread(str(folder / "labels" / name.with_suffix(".png")), cv2.IMREAD_UNCHANGED) > 0
            joints = np.array(by_image[record["id"]]["keypoints"], np.float64).reshape(17, 3)
            joints[:, 2] = joints[:, 2] > 0
            box = box_of(visible)
            assert box is not None
            yield Case(read_image(folder / "photos" / name), box, visible, joints)


def coco_pairs(folder: Path) -> Iterator[Case]:
    """Everybody of an even-numbered image whose box overlaps somebody else's, once for each such other person."""
    for record in read_coco(folder / "instances.json"):
        if not even_numbered(record.file_name):
            continue
        image = read_image(folder / "images" / record.file_name)
        people = [person_of(a, image.shape[:2]) for a in record.annotations if a["area"] >= LEAST_AREA]
        for person, other in permutations(people, 2):
            if person.visible_mask is not None and other.visible_mask is not None and shared(person.box_xyxy, other.box_xyxy) >= OVERLAP:
                yield Case(image, person.box_xyxy, person.visible_mask, rival=other.visible_mask)


def shared(a: Box, b: Box) -> float:
    """The boxes' intersection over the smaller of the two."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.prod(sides.clip(0)) / min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2])))


def near(found: np.ndarray, case: Case) -> np.ndarray:
    """Of each labelled joint whether the one found (17, 2+) px is near enough."""
    assert case.joints is not None
    off = np.linalg.norm(found[:, :2] - case.joints[:, :2], axis=1)
    return np.asarray(off < NEAR * max(case.box_xyxy[2:] - case.box_xyxy[:2]))[case.joints[:, 2] > 0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints how well the visible person is found, each figure with how many people it is the mean of."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.observing", description=main.__doc__)
    parser.add_argument("--part", type=Path, required=True, help="folder of an observer: what `deocc-aug train observer` wrote")
    parser.add_argument("--ccp", type=Path, help="folder of Clothing Co-Parsing")
    parser.add_argument("--coco", type=Path, help="COCO-format folder")
    parser.add_argument("--rendered", action="store_true", help="also the fixed set of synthetic people")
    parser.add_argument("--n", type=int, help="at most this many cases each")
    options = parser.parse_args(arguments)
    observer = CompactObserver(ObserverPipeline.from_pretrained(options.part))
    observer.pipeline.unet.eval()
    if options.ccp:
        report_clean(observer, [*ccp_cases(options.ccp)][: options.n])
    if options.coco:
        report_pairs(observer, [*coco_pairs(options.coco)][: options.n])
    if options.rendered:
        report_rendered(observer, options.n)


def report_clean(observer: CompactObserver, cases: Sequence[Case]) -> None:
    """Photos of people whom nothing hides."""
    overlaps, hits, claimed, hidden, seconds = [], [], [], [], []
    for case in tqdm(cases, desc="ccp"):
        start = time.perf_counter()
        canvas, seen = observer.look(case.image, Person(case.box_xyxy))
        visible = in_image(seen.person, canvas, empty=False)
        seconds.append(time.perf_counter() - start)
        overlaps.append(overlap(visible, case.visible))
        hits += near(apply(inverse(canvas.image_to_canvas), seen.joints[:, :2]), case).tolist()
        claimed.append((in_image(seen.in_front, canvas) & case.visible).sum() / case.visible.sum())
        hidden.append(seen.hidden_share)
    show("ccp val", {"visible-mask IoU": overlaps, f"visible joints PCK@{NEAR}": hits, "person taken for an occluder": claimed,
                     "hidden share (truth 0)": hidden, "seconds a person, median": [float(np.median(seconds))]})


def report_pairs(observer: CompactObserver, cases: Sequence[Case]) -> None:
    """Two people whose boxes overlap: does the mask go to the one whose box was given?"""
    right, overlaps = [], []
    for case in tqdm(cases, desc="coco pairs"):
        canvas, seen = observer.look(case.image, Person(case.box_xyxy))
        found = in_image(seen.person, canvas, empty=False)
        assert case.rival is not None
        overlaps.append(overlap(found, case.visible))
        right.append(overlaps[-1] > overlap(found, case.rival))
    show("coco pairs (even images)", {"the right person": right, "visible-mask IoU": overlaps})


def report_rendered(observer: CompactObserver, n: int | None) -> None:
    """Rendered people behind things and other people: everything is known of them."""
    from deocc_aug.humans.fixed_set import fixed_set
    from deocc_aug.humans.scenes import HIDDEN as BEHIND
    from deocc_aug.humans.scenes import OUT_OF_FRAME as CUT

    overlaps, fronts, hits, states, hidden = [], [], [], [], []
    for scene in tqdm(fixed_set()[:n], desc="rendered"):
        x0, y0, x1, y1 = scene.frame_xyxy
        shown = (slice(y0, y1), slice(x0, x1))
        visible, amodal, occluder = (np.ascontiguousarray(mask[shown]) for mask in (scene.visible, scene.amodal, scene.occluder))
        box = box_of(visible)
        if box is None or visible.sum() < LEAST_AREA / 10:
            continue
        truth = np.where(scene.joints_state == CUT, OUT_OF_FRAME, np.where(scene.joints_state == BEHIND, HIDDEN, VISIBLE))
        joints = np.concatenate([scene.joints_px - (x0, y0), (truth == VISIBLE)[:, None]], 1).astype(np.float64)
        case = Case(np.ascontiguousarray(scene.image[shown]), box, visible, joints)
        canvas, seen = observer.look(case.image, Person(box))
        overlaps.append(overlap(in_image(seen.person, canvas, empty=False), case.visible))
        if (occluder & amodal).any():
            fronts.append(overlap(in_image(seen.in_front, canvas) & amodal, occluder & amodal))
        hits += near(apply(inverse(canvas.image_to_canvas), seen.joints[:, :2]), case).tolist()
        states += (seen.states.argmax(1) == truth).tolist()
        hidden.append(abs(seen.hidden_share - scene.hidden_share - scene.cut_share))
    show("rendered", {"visible-mask IoU": overlaps, "occluder on the body IoU": fronts, f"visible joints PCK@{NEAR}": hits,
                      "states right": states, "hidden share off by": hidden})


def show(name: str, figures: dict[str, Sequence[float]]) -> None:
    """Prints means with 95% intervals."""
    for what, values in figures.items():
        spread = f", +-{1.96 * np.std(values) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
        print(f"{name}: {what:32s} {np.mean(values) if len(values) else float('nan'):.3f}  (n {len(values)}{spread})")


if __name__ == "__main__":
    main()
