"""Weights for the fusion of two views, and what it is worth: ``python -m deocc_aug.benchmarks.fusing --model FILE --ccp DIR --coco DIR``.

Photos of `ccp` and of everyday people (`coco`: images of odd number are for training) get something in front, as if drawn by
`deocc_aug.occluders`; people are completed; MoveNet looks at the photo and at the completed view.  With ``--split train`` the weights are
fitted: first on two thirds of the people, to see on the others what each margin does, then on all of them.  With ``--split val`` those of
the preset are measured on photos, and behind objects, that nothing was trained on.

Three estimators: MoveNet; MoveNet with four looks (two sizes and their mirror images); and one that sees through what is in front, made up
of the second one's answers on the clean photo and on the completed view.  No completion can help that one: what counts is what it loses.
"""
from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from tqdm import tqdm

from deocc_aug import Deoccluder
from deocc_aug.benchmarks.estimators.litert import MoveNet
from deocc_aug.benchmarks.estimators.protocol import PoseEstimator
from deocc_aug.benchmarks.gating import HARMED, NEAR, Case
from deocc_aug.benchmarks.observing import ccp_cases
from deocc_aug.benchmarks.statistics import Estimate, bootstrap, markdown, plain, rate
from deocc_aug.canvas import box_of, widened
from deocc_aug.data.coco import mask_of
from deocc_aug.data.images import read_image
from deocc_aug.fusion import FEATURES, SOURCES, Candidates, FusionWeights, candidates_of, chosen, features, weights_of
from deocc_aug.occluders.cutouts import Cutout, even_numbered, read_cutouts
from deocc_aug.occluders.paste import occlude
from deocc_aug.two_views import whole_box
from deocc_aug.types import JOINTS, MIRRORED, Box, Image, Joints, Mask, RefusedError

RATES = (0.1, 0.7)  # of the body, hidden
LEAST_JOINTS = 6
TOLD = ("masks", "visible mask", "box")
TRAINED = ("masks", "masks", "visible mask", "box")  # how often training is told what
THROUGH = "sees through"
ARMS = ("occluded", "completed", "own", "fused")
MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2)
RIDGE = 1.0
WIDER = 0.1  # of the box's longer side, on each side, for an estimator's other look
SIDE = 300  # pixels of a cut-out's longer side


@dataclass(frozen=True, eq=False)
class Photo:
    """One person, nothing in front of them that was put there: `joints` (17, 3) px and 1 where the truth is known."""

    source: str
    name: str
    image: Image
    amodal: Mask
    joints: Joints


@dataclass(frozen=True, eq=False)
class Seen:
    """One person behind something, completed, as one estimator sees them.

    `person` is the same for all cases of one photo; `truth` (17, 3) px and 1 where known; `under` (17,) bool: the occluder covers it;
    `side` of the true box; `clean` (17, 3): the estimator's answer on the photo without the occluder.
    """

    person: str
    source: str
    told: str
    estimator: str
    candidates: Candidates
    changed: bool
    truth: Joints
    under: Bool[np.ndarray, "17"]
    side: float
    clean: Joints

    def answer(self, arm: str, weights: FusionWeights) -> Joints:
        """(17, 3) of an arm; without a completed picture there is but one."""
        if arm == "clean":
            return self.clean
        if arm == "fused":
            return chosen(self.candidates, weights) if self.changed else self.candidates.joints[0]
        return self.candidates.joints[ARMS.index(arm)]

    def error(self, arm: str, weights: FusionWeights) -> Float[np.ndarray, "17"]:
        """How far off each joint is, in longer sides of the true box."""
        return np.linalg.norm(self.answer(arm, weights)[:, :2] - self.truth[:, :2], axis=1) / self.side


def ccp_photos(folder: Path, split: str) -> Iterator[Photo]:
    """Clothing Co-Parsing: one standing person each."""
    for number, case in enumerate(ccp_cases(folder, split)):
        assert case.joints is not None
        yield Photo("ccp", f"ccp {number}", case.image, case.visible, case.joints)


def coco_photos(folder: Path, split: str) -> Iterator[Photo]:
    """People of a COCO-format folder with `keypoints.json`; images of even number are val."""
    outlines = {a["id"]: a["segmentation"] for a in json.loads((folder / "instances.json").read_text())["annotations"]}
    for person in json.loads((folder / "keypoints.json").read_text())["people"]:
        if person["num_keypoints"] >= LEAST_JOINTS and even_numbered(person["file_name"]) == (split == "val"):
            image, number = read_image(folder / "images" / person["file_name"]), person["annotation_id"]
            joints = np.array(person["keypoints"], np.float64).reshape(JOINTS, 3)
            joints[:, 2] = joints[:, 2] > 0
            yield Photo("coco", f"coco {number}", image, mask_of(outlines[number], image.shape[:2], "segmentation"), joints)


def seen(photo: Photo, cutouts: Sequence[Cutout], told: Sequence[str], deoccluder: Deoccluder, estimator: PoseEstimator, box: str,
         rng: np.random.Generator) -> Iterator[Seen]:
    """The person behind something, completed from each of what is told of them, as each estimator sees them."""
    pasted = occlude(photo.image, photo.amodal, cutouts, rng.uniform(*RATES), rng)
    case = Case(photo.source, pasted.image, photo.amodal, pasted.occluder, photo.joints)
    true_box = box_of(photo.amodal)
    assert true_box is not None
    columns, rows = photo.joints[:, :2].round().astype(int).clip(0, [photo.image.shape[1] - 1, photo.image.shape[0] - 1]).T
    known = photo.joints[:, 2] > 0
    for what in told:
        person = case.person(what)
        if person is None:
            continue
        try:
            result = deoccluder(pasted.image, person)
        except RefusedError:  # too small, by what is seen of them
            continue
        shown = (true_box, true_box) if box == "whole" else (person.box_xyxy, whole_box(person, result))
        looks = [four_looks(estimator, image, where) for image, where in zip((pasted.image, result.image, pasted.clean), (*shown, true_box),
                                                                       strict=True)]
        answers = {"MoveNet": [every[0] for every in looks], "MoveNet, four looks": [one_of(every) for every in looks]}
        _, completed, clean = answers["MoveNet, four looks"]
        answers[THROUGH] = [clean, completed, clean]
        for name, (before, after, without) in answers.items():
            yield Seen(photo.name, photo.source, what, name, candidates_of(result, before, after), result.changed, photo.joints,
                       pasted.occluder[rows, columns] & known, float(max(true_box[2:] - true_box[:2])), without)


def four_looks(estimator: PoseEstimator, image: Image, box: Box) -> Float[np.ndarray, "4 17 3"]:
    """The joints of four looks: the box and a wider one, the image and its mirror image; the first is the estimator's own answer."""
    width, turned = image.shape[1], np.ascontiguousarray(image[:, ::-1])
    looks = []
    for shown in (box, widened(box, WIDER)):
        x0, y0, x1, y1 = shown
        found = np.asarray(estimator.estimate(turned, np.array([width - x1, y0, width - x0, y1])))
        looks += [np.asarray(estimator.estimate(image, shown)), (np.array([width, 0, 0]) + found * (-1, 1, 1))[MIRRORED]]
    return np.stack(looks)


def one_of(looks: Float[np.ndarray, "n 17 3"]) -> Joints:
    """The joints (17, 3) of several looks as one, each look counting by its score."""
    share = looks[..., 2:].clip(0.01)
    return np.concatenate([(looks[..., :2] * share).sum(0) / share.sum(0), looks[..., 2:].mean(0)], 1)


def fit(people: Sequence[Seen], margin: float) -> FusionWeights:
    """The weights that tell best which answers are near the truth, for people whose picture was changed.

    Raises:
        ValueError: there is none.
    """
    some = [person for person in people if person.changed]
    if not some:
        raise ValueError("nobody's picture was changed: pass more people")
    numbers = {}
    for k, source in enumerate(SOURCES):
        rows = np.concatenate([features(person.candidates)[k][person.truth[:, 2] > 0] for person in some])
        near = np.concatenate([(np.linalg.norm(person.candidates.joints[k, :, :2] - person.truth[:, :2], axis=1) < NEAR * person.side)
                               [person.truth[:, 2] > 0] for person in some])
        numbers[source] = tuple(float(number) for number in logistic(rows, near).round(3))
    return FusionWeights(**numbers, margin=margin)


def logistic(rows: Float[np.ndarray, "n f"], yes: Bool[np.ndarray, "n"]) -> Float[np.ndarray, "f"]:
    """Coefficients of a logistic regression; all but the first, the bias, are held back a little."""
    sign, held = 2.0 * yes - 1, RIDGE * (np.arange(rows.shape[1]) > 0)

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        against = -sign * (rows @ numbers)
        slope = -sign / (1 + np.exp(-against))
        return float(np.logaddexp(0, against).sum() + (held * numbers**2).sum()), rows.T @ slope + 2 * held * numbers

    return np.asarray(minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x)


def rows_of(people: Sequence[Seen], weights: FusionWeights) -> Iterator[dict[str, object]]:
    """A row for each kind of photo, what was told, estimator and arm; intervals are over people."""
    kinds = list(dict.fromkeys((p.source, p.told, p.estimator) for p in people))
    for source, told, estimator in kinds:
        some = [p for p in people if (p.source, p.told, p.estimator) == (source, told, estimator)]
        base, _ = counted(some, "completed", weights)
        for arm in (*ARMS, "clean"):
            found, harmed = counted(some, arm, weights)
            yield {"people": source, "told": told, "estimator": estimator, "cases": len(some), "arm": arm,
                   f"hidden PCK@{NEAR}": rate(found["hidden hits"], found["hidden"]),
                   f"visible PCK@{NEAR}": rate(found["visible hits"], found["visible"]), "harmed": harmed,
                   **({f"{part} more than completed": paired(found[f"{part} hits"], base[f"{part} hits"], found[part])
                       for part in ("hidden", "visible")} if arm == "fused" else {})}


def counted(people: Sequence[Seen], arm: str, weights: FusionWeights) -> tuple[dict[str, np.ndarray], Estimate]:
    """Joints and hits, summed over each person's cases; and the share of cases that the arm makes worse than the photo alone."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in people:
        error, known = one.error(arm, weights), one.truth[:, 2] > 0
        grown = (error - one.error("occluded", weights))[known].mean()
        for part, which in (("hidden", one.under), ("visible", known & ~one.under)):
            sums[one.person][part] += which.sum()
            sums[one.person][f"{part} hits"] += (error < NEAR)[which].sum()
        sums[one.person]["cases"] += 1
        sums[one.person]["harmed"] += bool(grown > HARMED)
    columns = {name: np.array([of[name] for of in sums.values()]) for name in ("hidden", "hidden hits", "visible", "visible hits", "cases",
                                                                               "harmed")}
    return columns, rate(columns["harmed"], columns["cases"])


def paired(ours: np.ndarray, theirs: np.ndarray, tried: np.ndarray) -> Estimate:
    """The share of joints that one arm finds more than another, over the same people."""
    some = tried > 0
    return bootstrap(lambda a, b, n: float((a.sum() - b.sum()) / n.sum()), ours[some], theirs[some], tried[some])


def main(arguments: Sequence[str] | None = None) -> None:
    """Fits the weights on train people, or measures the preset's on val people."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.fusing", description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a single-pose MoveNet, .tflite")
    parser.add_argument("--ccp", type=Path, required=True, help="folder of Clothing Co-Parsing")
    parser.add_argument("--coco", type=Path, required=True, help="COCO-format folder with keypoints.json; its objects stand in front, too")
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--n", type=int, default=10**6, help="at most this many photos of ccp, evenly chosen; and as many coco people")
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 4), metavar=("CCP", "COCO"), help="occluders in front of each photo")
    parser.add_argument("--box", choices=("whole", "visible"), default="whole",
                        help="what the estimator is shown: the true box, or that of what is seen and then of what was completed")
    parser.add_argument("--told", nargs="+", choices=TOLD, default=["masks"], help="val: of each person; training mixes them")
    parser.add_argument("--margin", type=float, default=0.1, help="train: of the weights that are written")
    parser.add_argument("--out", type=Path, help="train: file for the weights")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    deoccluder, estimator = Deoccluder.from_pretrained(options.preset), MoveNet(options.model)
    people = list(watched(options, deoccluder, estimator))
    if options.split == "val":
        rows = [*rows_of(people, weights_of(deoccluder.preset))]
    else:
        weights, rows = trained(people, options.margin)
        print(json.dumps(written(weights)))
        if options.out:
            options.out.write_text(json.dumps(written(weights), indent=1) + "\n")
    print(markdown(rows))
    if options.json:
        options.json.write_text(json.dumps(plain(rows), indent=1))


def watched(options: argparse.Namespace, deoccluder: Deoccluder, estimator: PoseEstimator) -> Iterator[Seen]:
    """Everybody of the split."""
    val = options.split == "val"
    cutouts = read_cutouts(options.coco, side=SIDE, leave_out=(lambda name: not even_numbered(name)) if val else even_numbered)
    for photos, seeds in ((list(ccp_photos(options.ccp, options.split)), options.seeds[0]),
                          (list(coco_photos(options.coco, options.split)), options.seeds[1])):
        step = max(1, len(photos) // options.n)
        for seed in range(seeds):
            for number, photo in enumerate(tqdm(photos[::step], desc=f"{photos[0].source}, occluder {seed}")):
                rng = np.random.default_rng([seed, number, val])
                told = options.told if val else [TRAINED[rng.integers(len(TRAINED))]]
                yield from seen(photo, cutouts, told, deoccluder, estimator, options.box, rng)


def trained(people: Sequence[Seen], margin: float) -> tuple[FusionWeights, list[dict[str, object]]]:
    """The weights fitted on everybody; and, fitted on two thirds of the people, what each margin does to the other third."""
    names = np.random.default_rng(0).permutation(sorted({person.person for person in people}))
    held = set(names[: len(names) // 3].tolist())
    known, new = ([p for p in people if (p.person in held) is out] for out in (False, True))
    tentative, rows = fit(known, margin), []
    for other in MARGINS:
        for row in rows_of([replace_told(person) for person in new], replace(tentative, margin=other)):
            if row["arm"] == "fused" or other == MARGINS[0]:
                rows.append({"margin": f"{other:g}" if row["arm"] == "fused" else "", **row})
    return fit(people, margin), rows


def replace_told(person: Seen) -> Seen:
    """The person, whatever was told of them: training mixes that."""
    return replace(person, told="mixed")


def written(weights: FusionWeights) -> dict[str, Any]:
    """Weights as a preset's file has them."""
    return {"features": list(FEATURES), **asdict(weights)}


if __name__ == "__main__":
    main()
