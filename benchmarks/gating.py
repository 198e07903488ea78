"""Harm against gain of the gate: ``python -m deocc_aug.benchmarks.gating --model FILE --ccp FOLDER --coco FOLDER``.

Everybody is painted with the gate off, and a pose estimator looks at the picture before and after.  Then every threshold is
tried on what was measured, so that a preset's defaults can be chosen.  The people are those that training may see: `ccp` photos
of split train, with a cut-out of a COCO image of odd number in front and without, and synthetic people drawn anew.  With
``--split val`` the photos are those that neither training nor thresholds have seen.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deocc_aug import Deoccluder, Options, Person
from deocc_aug.benchmarks.estimators.litert import MoveNet
from deocc_aug.benchmarks.estimators.protocol import PoseEstimator
from deocc_aug.benchmarks.observing import ccp_cases
from deocc_aug.benchmarks.statistics import Estimate, markdown, mean, plain
from deocc_aug.canvas import box_of
from deocc_aug.gate import objection_to
from deocc_aug.humans.scenes import GROUP, OUT_OF_FRAME, Ingredients, make_scenes
from deocc_aug.occluders.cutouts import even_numbered, read_cutouts
from deocc_aug.occluders.paste import HIGHEST_RATE, occlude
from deocc_aug.types import Evidence, Image, Joints, Mask

NEAR = 0.1  # PCK: within this share of the longer side of the true box
HARMED = 0.05  # the mean error grows by more than this share of it
PHOTOS = {"train": 800, "val": 100}  # of Clothing Co-Parsing
TOLD = ("masks", "visible mask", "box")
SWEPT = {"hidden": np.linspace(0, 0.3, 31), "seen": np.linspace(0, 0.6, 31), "unknown": np.linspace(0, 1, 31),
         "uncertainty": np.linspace(0.05, 0.8, 31)}


@dataclass(frozen=True, eq=False)
class Case:
    """A person in front of whom something stands or nothing does: `joints` (17, 3) px and 1 where the truth is known."""

    source: str
    image: Image
    amodal: Mask
    occluder: Mask
    joints: Joints

    def person(self, told: str) -> Person | None:
        """What is told of them; None where too little is seen."""
        visible = self.amodal & ~self.occluder
        box = box_of(visible)
        if box is None or visible.sum() < 200:
            return None
        return Person(box, visible if told != "box" else None, self.occluder if told == "masks" else None)


@dataclass(frozen=True)
class Tried:
    """One person painted whatever the gate says: what the gate would have gone by, and what painting did.

    `gained` joints more within PCK's distance, of `joints`; `grown` the mean joint error's growth in longer sides.
    """

    source: str
    told: str
    clean: bool
    evidence: Evidence
    painted: bool
    joints: int
    gained: int
    grown: float


def photo_cases(ccp: Path, coco: Path, split: str, count: int, seed: int) -> Iterator[Case]:
    """`ccp` photos of a split, each as it is and behind something."""
    cutouts = [*read_cutouts(coco, side=300, leave_out=even_numbered)]
    rng = np.random.default_rng(seed)
    for case in islice(ccp_cases(ccp, split), 0, None, max(1, PHOTOS[split] // count)):
        assert case.joints is not None
        yield Case("ccp", case.image, case.visible, np.zeros_like(case.visible), case.joints)
        pasted = occlude(case.image, case.visible, cutouts, rng.uniform(0.05, HIGHEST_RATE), rng)
        yield Case("ccp", pasted.image, case.visible, pasted.occluder, case.joints)


def drawn_cases(count: int, seed: int) -> Iterator[Case]:
    """Synthetic people, one in five with nothing in front."""
    for group in range(-(-count // GROUP)):
        for scene in make_scenes(seed, group, Ingredients()):
            x0, y0, x1, y1 = scene.frame_xyxy
            photo = (slice(y0, y1), slice(x0, x1))
            image, amodal, occluder = (np.ascontiguousarray(plane[photo]) for plane in (scene.image, scene.amodal, scene.occluder))
            joints = np.concatenate([scene.joints_px - (x0, y0), (scene.joints_state != OUT_OF_FRAME)[:, None]], 1).astype(np.float64)
            yield Case("synthetic", image, amodal, occluder, joints)


def tried(case: Case, told: str, deoccluder: Deoccluder, estimator: PoseEstimator) -> Tried | None:
    """One person, painted with the gate off."""
    person, box = case.person(told), box_of(case.amodal)
    known = case.joints[:, 2] > 0
    if person is None or box is None or not known.any():
        return None
    result = deoccluder(case.image, person, options=Options(gate=False))
    side = max(box[2:] - box[:2])
    before, after = (np.linalg.norm((estimator.estimate(image, box) - case.joints)[:, :2], axis=1)[known] / side
                     for image in (case.image, result.image))
    return Tried(case.source, told, not (case.occluder & case.amodal).any(), result.evidence, result.changed, int(known.sum()),
                 int((after < NEAR).sum() - (before < NEAR).sum()), float((after - before).mean()))


def passes(person: Tried, thresholds: Mapping[str, float]) -> bool:
    return objection_to(person.evidence, thresholds) is None


def judged(people: Sequence[Tried], let_through: Callable[[Tried], bool]) -> dict[str, Estimate]:
    """What the gate does to people: shares of them, and the points of PCK that it gains."""
    let = [let_through(person) and person.painted for person in people]
    return {"painted": mean([float(yes) for yes in let]),
            "harmed": mean([float(yes and person.grown > HARMED) for yes, person in zip(let, people, strict=True)]),
            "PCK gained": mean([person.gained / person.joints * yes for yes, person in zip(let, people, strict=True)])}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what the preset's thresholds do, and how harm and gain go with each threshold."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.gating", description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a single-pose MoveNet, .tflite")
    parser.add_argument("--ccp", type=Path, required=True, help="folder of Clothing Co-Parsing")
    parser.add_argument("--coco", type=Path, required=True, help="COCO-format folder whose objects stand in front")
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--split", choices=sorted(PHOTOS), default="train", help="of the photos; val to see what the defaults are worth")
    parser.add_argument("--n", type=int, default=80, help="photos, and as many synthetic people")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write what was measured of every person")
    parser.add_argument("--picture", type=Path, help="also draw harm against gain")
    options = parser.parse_args(arguments)
    deoccluder, estimator = Deoccluder.from_pretrained(options.preset), MoveNet(options.model)
    cases = [*photo_cases(options.ccp, options.coco, options.split, options.n, options.seed), *drawn_cases(options.n, options.seed + 1000)]
    people = [one for case in tqdm(cases, unit="person") for told in TOLD if (one := tried(case, told, deoccluder, estimator)) is not None]
    thresholds = dict(deoccluder.preset.defaults.thresholds or {})
    print(markdown([row for told in TOLD for row in rows_of([p for p in people if p.told == told], thresholds)]))
    if options.json:
        options.json.write_text(json.dumps(plain([asdict(person) for person in people]), indent=1))
    if options.picture:
        draw(people, thresholds, options.picture)


def rows_of(people: Sequence[Tried], thresholds: Mapping[str, float]) -> Iterator[dict[str, object]]:
    """Rows of one way to tell of people: without the gate and with it, for each kind of people."""
    kinds = {"ccp, nothing in front": lambda p: p.clean and p.source == "ccp", "ccp, occluded": lambda p: not p.clean and p.source == "ccp",
             "synthetic, nothing in front": lambda p: p.clean and p.source != "ccp",
             "synthetic, occluded": lambda p: not p.clean and p.source != "ccp"}
    for kind, belongs in kinds.items():
        some = [person for person in people if belongs(person)]
        if some:
            yield {"told": some[0].told, "people": kind, "n": len(some), "gate": "off", **judged(some, lambda person: True)}
            yield {"told": some[0].told, "people": kind, "n": len(some), "gate": "on",
                   **judged(some, partial(passes, thresholds=thresholds))}


def curve(people: Sequence[Tried], thresholds: Mapping[str, float], name: str) -> list[tuple[float, float, float]]:
    """(threshold, harmed, PCK gained) as one threshold goes through its range and the others stay."""
    out = []
    for value in SWEPT[name]:
        done = judged(people, partial(passes, thresholds={**thresholds, name: float(value)}))
        out.append((float(value), done["harmed"].value, done["PCK gained"].value))
    return out


def draw(people: Sequence[Tried], thresholds: Mapping[str, float], path: Path) -> None:
    """Harm against gain, a panel for each way to tell of people, a line for each threshold; the defaults are marked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(TOLD), figsize=(4 * len(TOLD), 3.6), sharey=True)
    for panel, told in zip(panels, TOLD, strict=True):
        some = [person for person in people if person.told == told]
        for name in SWEPT:
            _, harmed, gained = zip(*curve(some, thresholds, name), strict=True)
            panel.plot(harmed, gained, ".-", label=name, markersize=3)
        done = judged(some, partial(passes, thresholds=thresholds))
        panel.plot(done["harmed"].value, done["PCK gained"].value, "k*", markersize=12, label="defaults")
        panel.set(title=f"told: {told} (n {len(some)})", xlabel="share of people harmed")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("PCK@0.1 gained, all joints, all people")
    panels[-1].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
