"""What stage 1 finds of what is hidden of people: ``python -m deocc_aug.benchmarks.completion``.

The people are synthetic, so that the truth is known: the fixed set of 64, others drawn anew, or shards of `deocc-aug synth`.
Every figure comes with a 95% interval over people.  Whoever has less than 2% hidden counts as hidden nowhere.
"""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool
from tqdm import tqdm

from deocc_aug import Deoccluder, Deocclusion, Options, Person, Prompts
from deocc_aug.benchmarks.statistics import Estimate, auroc, average, bootstrap, iou, markdown, mean, median, plain, rate, spearman
from deocc_aug.canvas import box_of, resample_mask, window
from deocc_aug.humans.fixed_set import PEOPLE, fixed_set
from deocc_aug.humans.scenes import GROUP, HIDDEN, OUT_OF_FRAME, SELF_HIDDEN, VISIBLE, Ingredients, Scene, make_scenes
from deocc_aug.humans.shards import read_shards
from deocc_aug.occluders.border import cutting_frame
from deocc_aug.types import JOINTS, Box, Image, Mask

NEAR = 0.1  # PCK: within this share of the longer side of the true box
MET = 0.05  # a prompted joint is kept within this share of the true box's height
ROOM = 0.03  # and covered by the silhouette widened by this share of it
GOOD = 0.7  # hidden IoU of a completion that one would use
LEAST = 0.02  # hidden share
RATES = (LEAST, 0.2, 0.4, 0.6, 1.0)  # "0.6 and more" ends at 0.85, the most that a scene hides
UNSURE = 0.12  # training: a hint of confidence c is off by about (1 - c) times this share of the longer side
LEAVE_PIXELS = {"hidden": 1.0, "uncertainty": 0.0}  # thresholds at which nobody is painted

Row = dict[str, object]


@dataclass(frozen=True)
class Case:
    """What is told of a person beside the visible mask, and what is asked for.

    Args:
        occluder: the occluder's mask; without it the case is blind.
        joints: the visible joints, with confidence 1.
        error: the hidden joints too, each off by this share of the true box's height; None: not told.
        sure: their confidence is 1; else what training's hints of that error have.
        prompted: the share of the hidden joints that are prompted, where they truly are.
        cut: another photo of the person: with nothing in front, and with 10 to 40% of the body beyond its border.
        steps, hypotheses: None for the preset's.
    """

    occluder: bool = True
    joints: bool = True
    error: float | None = None
    sure: bool = True
    prompted: float = 0.0
    cut: bool = False
    steps: int | None = None
    hypotheses: int | None = None

    @property
    def options(self) -> Options:
        return Options(body_steps=self.steps, hypotheses=self.hypotheses, gate=True, thresholds=LEAVE_PIXELS)


@dataclass(frozen=True, eq=False)
class Measured:
    """One answer against the truth.

    `hidden_iou` inside the occluder and `beyond_iou` outside the photo, NaN where nothing is and nothing was found; `whole_iou`;
    `cut_share` of the body that is outside; of joints (17,) bool: `hidden` by the occluder, `beyond` the photo's border, `near` the
    truth (PCK), `met` (nearer), `covered` by the silhouette where they truly are, `copied` from what was told; `singles`: hidden
    IoU of each hypothesis; `alike`: mean IoU of pairs of them; `seconds` of the call.
    """

    hidden_iou: float
    beyond_iou: float
    whole_iou: float
    cut_share: float
    uncertainty: float
    hidden: Bool[np.ndarray, "17"]
    beyond: Bool[np.ndarray, "17"]
    near: Bool[np.ndarray, "17"]
    met: Bool[np.ndarray, "17"]
    covered: Bool[np.ndarray, "17"]
    copied: Bool[np.ndarray, "17"]
    singles: tuple[float, ...]
    alike: float
    seconds: float


Answers = Callable[[Case, Sequence[int]], list[Measured]]  # of the people of those numbers


def told_of(scene: Scene, case: Case, number: int) -> tuple[Image, Person]:
    """The photo, and the person in it as the case tells of them; what is drawn for it depends on `number` alone."""
    x0, y0, x1, y1 = scene.frame_xyxy
    photo, box = (slice(y0, y1), slice(x0, x1)), box_around(scene.amodal)
    height, longer = box[3] - box[1], max(box[2:] - box[:2])
    visible, occluder = (np.ascontiguousarray(mask[photo]) for mask in (scene.visible, scene.occluder))
    true = scene.joints_px - (x0, y0)
    joints = np.zeros((JOINTS, 3))
    told = (scene.joints_state == VISIBLE) & case.joints
    joints[told] = np.c_[true, np.ones(JOINTS)][told]
    if case.error is not None:
        angle = np.random.default_rng([number, 0]).uniform(0, 2 * np.pi, JOINTS)
        moved = true + case.error * height * np.c_[np.cos(angle), np.sin(angle)]
        confidence = 1.0 if case.sure else np.clip(1 - case.error * height / longer / UNSURE, 0.05, 1)
        hidden = scene.joints_state == HIDDEN
        joints[hidden] = np.c_[moved, np.full(JOINTS, confidence)][hidden]
    prompts = Prompts(joints_px=np.where(chosen(scene, case.prompted, number)[:, None], true, np.nan)) if case.prompted else None
    person = Person(box_around(visible), visible, occluder if case.occluder else None, joints, prompts=prompts)
    return np.ascontiguousarray(scene.image[photo]), person


def cut_short(scene: Scene, number: int) -> Scene:
    """The clean picture in a photo whose border leaves 10 to 40% of the body out."""
    rng = np.random.default_rng([number, 2])
    frame = np.array(cutting_frame(scene.amodal, rng.uniform(0.1, 0.4), rng), np.int64)
    inside = ((scene.joints_px >= frame[:2]) & (scene.joints_px < frame[2:])).all(1)
    state = np.where(inside, np.where(scene.joints_state == VISIBLE, VISIBLE, SELF_HIDDEN), OUT_OF_FRAME).astype(np.uint8)
    return replace(scene, image=scene.clean, occluder=np.zeros_like(scene.occluder), joints_state=state, frame_xyxy=frame)


def chosen(scene: Scene, share: float, number: int) -> Bool[np.ndarray, "17"]:
    """The hidden joints, or, of a `share` below 1, so many of them at random (rounded up)."""
    hidden = np.nonzero(scene.joints_state == HIDDEN)[0]
    drawn = np.random.default_rng([number, 1]).permutation(hidden)[:int(np.ceil(share * len(hidden)))]
    return np.isin(np.arange(JOINTS), drawn)


def measure(scene: Scene, person: Person, result: Deocclusion, seconds: float = 0.0) -> Measured:
    """Compares an answer about the scene's photo with the truth."""
    x0, y0, x1, y1 = scene.frame_xyxy.tolist()
    box = box_around(scene.amodal)
    height, longer = box[3] - box[1], max(box[2:] - box[:2])
    _, completed, (left, top) = result.padded()
    x, y = x0 - left, y0 - top                                      # where that view starts in the picture
    low = min(x, 0), min(y, 0)                                      # picture and view both fit into `size` from here
    size = max(y + completed.shape[0], len(scene.amodal)) - low[1], max(x + completed.shape[1], scene.amodal.shape[1]) - low[0]
    whole = window(completed, (low[0] - x, low[1] - y), size)
    truth, occluder, photo = (window(mask, low, size) for mask in (scene.amodal, scene.occluder, scene.in_frame))

    off = np.linalg.norm(result.joints[:, :2] + (x0, y0) - scene.joints_px, axis=1)
    column, row = (np.floor(scene.joints_px).astype(int) - low).clip(0, np.array(size)[::-1] - 1).T
    radius = max(1, round(ROOM * height))
    widened = cv2.dilate(whole.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
    told = person.joints[:, :2] if person.joints is not None else np.full((JOINTS, 2), np.nan)
    if person.prompts is not None and person.prompts.joints_px is not None:
        told = np.where(np.isnan(person.prompts.joints_px), told, person.prompts.joints_px)

    rows, columns = result.hypotheses.shape[1:]
    masks = (np.ascontiguousarray(mask[y0:y1, x0:x1]) for mask in (scene.occluder, scene.amodal & scene.occluder))
    covers, hidden = (resample_mask(mask, result.image_to_canvas, (rows, columns)) > 0.5 for mask in masks)
    parts = (result.hypotheses > 0.5) & covers
    return Measured(
        hidden_iou=iou(whole & occluder, truth & occluder), beyond_iou=iou(whole & ~photo, truth & ~photo), whole_iou=iou(whole, truth),
        cut_share=scene.cut_share, uncertainty=float(result.uncertainty),
        hidden=scene.joints_state == HIDDEN, beyond=scene.joints_state == OUT_OF_FRAME, near=off < NEAR * longer, met=off < MET * height,
        covered=widened[row, column] > 0, copied=np.abs(result.joints[:, :2] - told).max(1) < 0.01,
        singles=tuple(iou(part, hidden) for part in parts), alike=average([iou(a, b) for a, b in combinations(parts, 2)]), seconds=seconds)


def box_around(mask: Mask) -> Box:
    """The box (4,) px of somebody's mask.

    Raises:
        ValueError: it is empty.
    """
    box = box_of(mask)
    if box is None:
        raise ValueError("nothing is seen of somebody in these scenes: make them larger")
    return box


def answering(deoccluder: Deoccluder, people: Sequence[Scene]) -> Answers:
    """Completes people, each but once in each case; their noise depends on their number."""

    @cache
    def answer(case: Case, number: int) -> Measured:
        scene = cut_short(people[number], number) if case.cut else people[number]
        image, person = told_of(scene, case, number)
        start = time.perf_counter()
        result = deoccluder(image, person, number, case.options)
        return measure(scene, person, result, time.perf_counter() - start)

    return lambda case, numbers: [answer(case, number) for number in tqdm(numbers, desc="people", leave=False)]


def by_rate(people: Sequence[Scene]) -> dict[str, list[int]]:
    """Numbers of the people by the share that is hidden of them; the last group is everybody of whom something is."""
    shares = [scene.hidden_share for scene in people]
    groups = {f"{low:g} to {high:g}" if high < 1 else f"{low:g} and more": [k for k, share in enumerate(shares) if low <= share < high]
              for low, high in zip(RATES, RATES[1:], strict=False)}
    return groups | {"all": [k for k, share in enumerate(shares) if share >= LEAST]}


def figures(found: Sequence[Measured]) -> Row:
    """How well those people were completed."""
    hidden = [m.hidden for m in found]
    return {"people": len(found), "hidden IoU": mean([m.hidden_iou for m in found]), "whole IoU": mean([m.whole_iou for m in found]),
            "hidden joints": int(np.sum(hidden)), f"PCK@{NEAR}": share_of([m.near for m in found], hidden)}


def share_of(hits: Sequence[Bool[np.ndarray, "17"]], joints: Sequence[Bool[np.ndarray, "17"]]) -> Estimate:
    """The share of those joints that are hits."""
    return rate([int((hit & joint).sum()) for hit, joint in zip(hits, joints, strict=True)], [int(joint.sum()) for joint in joints])


def in_groups(people: Sequence[Scene], answers: Answers, case: Case) -> list[Row]:
    """A row for each occlusion rate, pose family, and for those of whom nothing is hidden."""
    groups = by_rate(people)
    somewhat, families = groups["all"], sorted({scene.family for scene in people})
    groups |= {family: [k for k in somewhat if people[k].family == family] for family in families}
    rows: list[Row] = [{"of": name, **figures(answers(case, numbers))} for name, numbers in groups.items() if numbers]
    nowhere = [k for k in range(len(people)) if k not in somewhat]
    if nowhere:
        rows.append({"of": "nothing hidden", "people": len(nowhere), "whole IoU": mean([m.whole_iou for m in answers(case, nowhere)])})
    return rows


def masks(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """Visible mask, occluder mask and visible joints told."""
    return in_groups(people, answers, Case())


def less(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """Less told: no joints; blind, which is without the occluder's mask; blind and no joints."""
    cases = {"masks": Case(joints=False), "visible mask, visible joints": Case(occluder=False),
             "visible mask": Case(occluder=False, joints=False)}
    return [{"told": told, **row} for told, case in cases.items() for row in in_groups(people, answers, case)]


def hints(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """The hidden joints told too, with an error; `taken as seen`: the share of them that are given back as they were told."""
    numbers, rows = by_rate(people)["all"], list[Row]()
    before = [m.hidden_iou for m in answers(Case(), numbers)]
    for case in (Case(), Case(error=0.0), *(Case(error=error, sure=sure) for sure in (True, False) for error in (0.05, 0.1, 0.2))):
        found = answers(case, numbers)
        gain = mean([m.hidden_iou - old for m, old in zip(found, before, strict=True)])
        rows.append({"error": "not told" if case.error is None else f"{case.error:g}",
                     "confidence": "" if case.error is None else "1" if case.sure else "falls with the error", **figures(found),
                     "more hidden IoU": gain, "taken as seen": share_of([m.copied for m in found], [m.hidden for m in found])})
    return rows


def prompts(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """Hidden joints prompted where they truly are, and the same joints without a prompt; the others are hidden ones not chosen."""
    numbers, rows = by_rate(people)["all"], list[Row]()
    before = [m.hidden_iou for m in answers(Case(), numbers)]
    for share in (1.0, 0.5):
        asked = [chosen(people[k], share, k) for k in numbers]
        for prompted in (0.0, share):
            found = answers(Case(prompted=prompted), numbers)
            others = [m.hidden & ~joints for m, joints in zip(found, asked, strict=True)]
            rows.append({
                "chosen": "all" if share == 1 else "half", "prompted": "yes" if prompted else "no", "people": len(found),
                "hidden IoU": mean([m.hidden_iou for m in found]),
                "more hidden IoU": mean([m.hidden_iou - old for m, old in zip(found, before, strict=True)]),
                "joints": int(np.sum(asked)), f"within {MET}": share_of([m.met for m in found], asked),
                f"covered within {ROOM}": share_of([m.covered for m in found], asked),
                "copied": share_of([m.copied for m in found], asked),
                "others": int(np.sum(others)), f"others' PCK@{NEAR}": share_of([m.near for m in found], others)})
    return rows


def certainty(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """Whether `uncertainty` says which completions are bad (hidden IoU below 0.7)."""
    rows = list[Row]()
    for told, case in (("masks, visible joints", Case()), ("masks", Case(joints=False))):
        found = [m for m in answers(case, by_rate(people)["all"]) if not np.isnan(m.hidden_iou)]
        unsure, overlap = (np.array([getattr(m, name) for m in found]) for name in ("uncertainty", "hidden_iou"))
        bad = overlap < GOOD
        rows.append({"told": told, "people": len(found), "bad": int(bad.sum()), "AUROC": bootstrap(auroc, unsure, bad),
                     "rank correlation with hidden IoU": bootstrap(spearman, unsure, overlap), "uncertainty": mean(unsure),
                     "1 - hidden IoU": mean(1 - overlap)})
    return rows


def steps(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """What steps and hypotheses are worth; the seconds are those of everything but painting, their median over people."""
    rows = list[Row]()
    for count in (1, 4):
        for number in (1, 2, 4, 8):
            found = answers(Case(steps=number, hypotheses=count), by_rate(people)["all"])
            rows.append({"steps": number, "hypotheses": count, "people": len(found), "hidden IoU": mean([m.hidden_iou for m in found]),
                         "best single": mean([max(m.singles) for m in found]), "mean single": mean([average(m.singles) for m in found]),
                         "IoU of pairs": mean([m.alike for m in found]), "seconds": median([m.seconds for m in found])})
    return rows


def truncation(people: Sequence[Scene], answers: Answers) -> list[Row]:
    """The border of a photo cuts 10 to 40% of the body off, and nothing stands in front of it; visible joints told."""
    rows = list[Row]()
    for told in (True, False):
        found = answers(Case(cut=True, occluder=told), range(len(people)))
        for name, low, high in (("under 0.2", 0.0, 0.2), ("0.2 to 0.3", 0.2, 0.3), ("0.3 and more", 0.3, 1.0), ("all", 0.0, 1.0)):
            group = [m for m in found if low <= m.cut_share < high]
            joints = [m.beyond for m in group]
            rows.append({"in front": "told: nothing" if told else "not told", "beyond": name, "people": len(group),
                         "IoU beyond": mean([m.beyond_iou for m in group]), "whole IoU": mean([m.whole_iou for m in group]),
                         "joints beyond": int(np.sum(joints)), f"PCK@{NEAR}": share_of([m.near for m in group], joints)})
    return rows


SECTIONS: dict[str, Callable[[Sequence[Scene], Answers], list[Row]]] = {
    section.__name__: section for section in (masks, less, hints, prompts, certainty, steps, truncation)}


def draw_people(seed: int, n: int, coco: Path | None, wardrobe: Path | None) -> list[Scene]:
    """The first `n` people of a seed; of a COCO-format folder only the photos with an even number, which no part was trained on."""
    from deocc_aug.humans.recipe import CUTOUT_SIDE
    from deocc_aug.humans.wardrobe import Wardrobe
    from deocc_aug.occluders.backgrounds import Backgrounds
    from deocc_aug.occluders.cutouts import read_cutouts
    from deocc_aug.occluders.objects import even_numbered

    def trained_on(name: str) -> bool:
        return not even_numbered(name)

    ingredients = Ingredients(backgrounds=None if coco is None else Backgrounds.from_coco(coco, trained_on),
                              cutouts=() if coco is None else read_cutouts(coco, side=CUTOUT_SIDE, leave_out=trained_on),
                              wardrobe=None if wardrobe is None else Wardrobe.from_makehuman(wardrobe))
    groups = (make_scenes(seed, group, ingredients) for group in range(-(-n // GROUP)))
    return list(islice((scene for group in groups for scene in group), n))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a Markdown table for each section: how well hidden people are completed, and what helps."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.completion", description=main.__doc__)
    parser.add_argument("--preset", default="compact", help="its name or folder")
    parser.add_argument("--device", default="cpu", help="where the nets run")
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--seed", type=int, help="draws other people than the fixed set's (which is seed 0)")
    parser.add_argument("--n", type=int, help=f"people; {PEOPLE} by default, or all of the shards'")
    parser.add_argument("--coco", type=Path, help="COCO-format folder whose photos (even names only) are backgrounds and occluders")
    parser.add_argument("--wardrobe", type=Path, help="folder of MakeHuman garments")
    parser.add_argument("--shards", type=Path, help="folder that `deocc-aug synth` wrote: its people instead")
    parser.add_argument("--json", type=Path, help="file for the same figures")
    options = parser.parse_args(arguments)
    drawn = [options.seed, options.coco, options.wardrobe]
    if options.shards is not None and any(option is not None for option in drawn):
        parser.error("--shards has its own people: leave out --seed, --coco and --wardrobe")
    if options.n is not None and options.n < 1:
        parser.error(f"--n is {options.n}: pass 1 person or more")
    deoccluder = Deoccluder.from_pretrained(options.preset, device=options.device)
    if options.shards is not None:
        people = list(islice(read_shards(options.shards), options.n))
    elif options.n is None and all(option is None for option in drawn):
        people = fixed_set()
    else:
        people = draw_people(options.seed or 0, options.n or PEOPLE, options.coco, options.wardrobe)
    tables: dict[str, Any] = {"preset": f"{deoccluder.preset.name} {deoccluder.preset.revision}"}
    answers = answering(deoccluder, people)
    deoccluder(*told_of(people[0], Case(), 0), options=Case().options)  # the first call is slower
    for name in options.sections:
        rows = SECTIONS[name](people, answers)
        tables[name] = plain(rows)
        print(f"## {name}\n\n{SECTIONS[name].__doc__}\n\n{markdown(rows)}\n", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(tables, indent=1, allow_nan=False), "utf-8")


if __name__ == "__main__":
    main()
