"""Whether a pose estimator that never saw our renders finds their joints: ``python -m deocc_aug.benchmarks.renders --model FILE``.

The estimator is MoveNet (single pose, TFLite, COCO-17), run with `ai-edge-litert`; the people are clean (nothing in front of
them, nobody beside them) before procedural places or the photos of a COCO-format folder.
"""
from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deocc_aug.benchmarks.estimators.litert import MoveNet
from deocc_aug.benchmarks.estimators.protocol import PoseEstimator
from deocc_aug.canvas import box_of
from deocc_aug.humans.scenes import GROUP, SELF_HIDDEN, VISIBLE, Ingredients, Scene, make_scenes

NEAR = 0.1  # PCK: within this share of the longer side of the person's box


def found(scene: Scene, estimator: PoseEstimator) -> np.ndarray:
    """(17,) bool: the joints that the estimator puts near enough to where they are; those out of frame count as missed."""
    box = box_of(scene.amodal)
    if box is None:
        raise ValueError("this scene shows nobody: make it larger")
    off = np.linalg.norm(estimator.estimate(scene.clean, box)[:, :2] - scene.joints_px, axis=1)
    return np.asarray(off < NEAR * max(box[2] - box[0], box[3] - box[1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints PCK@0.1 over all joints, and by what is seen of them, pose family, facing and age."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.renders", description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a single-pose MoveNet, .tflite")
    parser.add_argument("--n", type=int, default=480, help="people, a multiple of 16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--coco", type=Path, help="COCO-format folder whose photos (odd names only) are the backgrounds")
    parser.add_argument("--wardrobe", type=Path, help="folder of MakeHuman garments")
    options = parser.parse_args(arguments)
    estimator = MoveNet(options.model)
    ingredients = _ingredients(options.coco, options.wardrobe)
    hits: dict[str, list[float]] = defaultdict(list)
    for group in tqdm(range(-(-options.n // GROUP)), unit="group"):
        for scene in make_scenes(options.seed, group, ingredients):
            good = found(scene, estimator)
            hits["all joints"].append(good.mean())
            for state, name in ((VISIBLE, "seen"), (SELF_HIDDEN, "behind the own body")):
                hits[name] += good[scene.joints_state == state].tolist()
            for kind in ("pose", "facing", "age"):
                hits[f"{kind}: {scene.words[kind]}"].append(good.mean())
    for name in sorted(hits, key=lambda name: (":" in name, name)):
        people = len(hits[name])
        print(f"{name:28s} PCK@{NEAR} {np.mean(hits[name]):.3f}  (n {people}, +-{1.96 * np.std(hits[name]) / people**0.5:.3f})")


def _ingredients(coco: Path | None, wardrobe: Path | None) -> Ingredients:
    from deocc_aug.humans.wardrobe import Wardrobe
    from deocc_aug.occluders.backgrounds import Backgrounds
    from deocc_aug.occluders.objects import even_numbered

    places = None if coco is None else Backgrounds.from_coco(coco, even_numbered)
    clothes = None if wardrobe is None else Wardrobe.from_makehuman(wardrobe)
    return Ingredients(backgrounds=places, wardrobe=clothes, rate=0.0, company=0.0, cut=0.0)


if __name__ == "__main__":
    main()
