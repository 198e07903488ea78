"""Keypoint AP of the compact pose models, with and without de-occlusion: ``python -m deocc_aug.benchmarks.pose_models.table --people DIR``.

For each model (trained on people with nothing in front, and with the library's own occluders in front: the cheap alternative to
de-occlusion), people behind things and the same people with nothing in front, in three views: the photo as it is; with `DeoccludePerson` in
the pipeline; and `DeoccludedPose`, both views made one.  The figures are MMPose's `CocoMetric`'s, in a `Runner.test` but for the last view,
which is no model that a Runner builds.  Intervals are over people; differences are paired.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from jsonargparse import ArgumentParser

from deocc_aug.integrations.mmpose import DeoccludedPose, insert_transform  # isort: skip  (before mmpose)

from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.evaluation import CocoMetric

from deocc_aug.benchmarks.harness.cases import TOLD, check_choice
from deocc_aug.benchmarks.pose_models.photo_set import CLEAN, IMAGES, OCCLUDED, PEOPLE
from deocc_aug.benchmarks.pose_models.precision import average_precision, oks
from deocc_aug.benchmarks.pose_models.weights import NAMES, name_of, pose_model
from deocc_aug.benchmarks.statistics import Estimate, bootstrap, markdown, mean, plain
from deocc_aug.commands.fill import Work, fill
from deocc_aug.data.atomic import output_folder
from deocc_aug.data.cache import Settings
from deocc_aug.data.coco import USED, person_of, read_coco, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.fusion import FusionWeights, read_weights
from deocc_aug.loaded import one_thread
from deocc_aug.types import JOINTS

PHOTO, COMPLETED, FUSED = "photo", "DeoccludePerson", "DeoccludedPose"
USES = dict(zip(TOLD, (USED, USED[:1], ()), strict=True))  # annotations that tell of people


@dataclass(frozen=True)
class Question:
    """What is asked: of whom, which de-occluder, what it is told, where files go; `fusion` None for the preset's own weights."""

    people: Path
    out: Path
    settings: Settings
    told: str = "masks"
    fusion: FusionWeights | None = None
    workers: int = 1

    def ann(self, photos: str) -> Path:
        return self.people / photos / PEOPLE

    @property
    def use(self) -> tuple[str, ...]:
        return USES[check_choice("told", self.told, TOLD)]


@dataclass(frozen=True, eq=False)
class Found:
    """What a model found in one kind of photos and one view: CocoMetric's figures; each person's OKS and score, in the file's order."""

    metrics: Mapping[str, float]
    similarity: Float[np.ndarray, "n"]
    scores: Float[np.ndarray, "n"]

    @property
    def ap(self) -> Estimate:
        """CocoMetric's AP, and its interval."""
        return replace(bootstrap(average_precision, self.similarity, self.scores), value=self.metrics["coco/AP"])

    def more_than(self, other: Found) -> Estimate:
        """The AP that the same people gain."""
        return bootstrap(lambda a, s, b, t: average_precision(a, s) - average_precision(b, t),
                         self.similarity, self.scores, other.similarity, other.scores)


def tested(question: Question, weights: str, photos: str, view: str) -> Found:
    """One cell of the table, but its last view: a `Runner.test`."""
    model, work = pose_model(weights), _work(question, weights, photos, view)
    cfg = Config({"test_dataloader": deepcopy(model.cfg.test_dataloader.to_dict())})
    cfg.test_dataloader.dataset.update(ann_file=str(question.ann(photos)), data_prefix={"img": f"{question.ann(photos).parent / IMAGES}/"})
    if view == COMPLETED:
        settings = question.settings
        insert_transform(cfg, {"preset": settings.preset, "seed": settings.seed, "cache": str(question.out / "cache"), "use": question.use})
    evaluator = {"type": "CocoMetric", **_judged(question, photos, work)}
    runner = Runner(model, str(work), test_dataloader=cfg.test_dataloader.to_dict(), test_evaluator=evaluator, test_cfg={},
                    default_scope="mmpose", experiment_name=f"{question.out.resolve()}/{work.name}", log_level="WARNING")
    with one_thread():
        metrics = runner.test()
    return _found(question, photos, work, metrics, model.dataset_meta)


def fused(question: Question, weights: str, photos: str) -> Found:
    """A cell of the last view."""
    model, work = pose_model(weights), _work(question, weights, photos, FUSED)
    settings, metric = question.settings, CocoMetric(**_judged(question, photos, work))
    metric.dataset_meta = model.dataset_meta
    pose = DeoccludedPose(model, settings.preset, seed=settings.seed, weights=question.fusion)
    people = 0
    for record in read_coco(question.ann(photos)):
        image = read_image(question.ann(photos).parent / IMAGES / record.file_name)
        told = [person_of(with_hints(annotation, question.use), (image.shape[0], image.shape[1])) for annotation in record.annotations]
        with one_thread():
            samples = pose(image, told)
        for annotation, sample in zip(record.annotations, samples, strict=True):
            metric.process({}, [{"id": annotation["id"], "img_id": record.id, "gt_instances": {},
                                 "pred_instances": sample.pred_instances.to_dict()}])
            people += 1
    return _found(question, photos, work, metric.evaluate(people), model.dataset_meta)


def _work(question: Question, weights: str, photos: str, view: str) -> Path:
    return output_folder(question.out / "found" / f"{name_of(weights)}-{photos}-{view}")


def _judged(question: Question, photos: str, work: Path) -> dict[str, str]:
    """What `CocoMetric` asks: the truth, and where it writes what was found."""
    return {"ann_file": str(question.ann(photos)), "outfile_prefix": str(work / "found")}


def _found(question: Question, photos: str, work: Path, metrics: Mapping[str, float], meta: Mapping[str, Any]) -> Found:
    by_image = {person["image_id"]: person for person in json.loads((work / "found.keypoints.json").read_text())}
    people = [annotation for record in read_coco(question.ann(photos)) for annotation in record.annotations]
    joints = {name: np.array(person["keypoints"], np.float64).reshape(JOINTS, 3) for name, person in by_image.items()}
    return Found(metrics, np.array([oks(person, joints[person["image_id"]], np.asarray(meta["sigmas"])) for person in people]),
                 np.array([by_image[person["image_id"]]["score"] for person in people], np.float64))


def rows_of(found: Mapping[tuple[str, str, str], Found]) -> Iterator[dict[str, object]]:
    """A row for each model, kind of photos and view; the last model is the one that the others are compared with."""
    *_, (trained_for_it, _, _) = found
    for (weights, photos, view), here in found.items():
        photo, rival = found[weights, photos, PHOTO], found[trained_for_it, photos, PHOTO]
        yield {"model": weights, "photos": photos, "view": view, "people": len(here.scores), "AP": here.ap,
               "AP50": here.metrics["coco/AP .5"], "AP75": here.metrics["coco/AP .75"], "mean OKS": mean(here.similarity),
               "AP more than its photo": "" if here is photo else here.more_than(photo),
               f"AP more than {trained_for_it}'s photo": "" if here is rival else here.more_than(rival)}


def table(question: Question, weights: Sequence[str]) -> list[dict[str, object]]:
    """All rows; whoever was completed in a run before is not completed again.

    Raises:
        OSError, ValueError: no such people, weights or preset, or `out` cannot be written to.
    """
    models = {name_of(given): given for given in weights}
    if len(models) < len(weights):
        raise ValueError(f"weights are {list(weights)}, of which two are called the same: pass each once")
    output_folder(question.out)
    found = {}
    for photos in (OCCLUDED, CLEAN):
        work = Work(question.ann(photos).parent / IMAGES, question.out / "cache", question.settings, None, question.use)
        fill(work, read_coco(question.ann(photos)), question.out / f"{photos}.json", question.workers)
    with redirect_stdout(StringIO()):  # COCO's evaluation prints
        for name, given in models.items():
            for photos in (OCCLUDED, CLEAN):
                for view in (PHOTO, COMPLETED):
                    found[name, photos, view] = tested(question, given, photos, view)
                found[name, photos, FUSED] = fused(question, given, photos)
    return list(rows_of(found))


def main(arguments: Sequence[str] | None = None) -> None:
    """Keypoint AP of compact pose models on people behind things and on the same people with nothing in front."""
    parser = ArgumentParser(prog="python -m deocc_aug.benchmarks.pose_models.table", description=main.__doc__)
    parser.add_argument("--people", type=Path, required=True, help="what `python -m deocc_aug.benchmarks.pose_models.photo_set` wrote")
    parser.add_argument("--weights", type=list[str], default=list(NAMES),
                        help="compact pose models, by name or as folders; all are compared with the last one's photo")
    parser.add_argument("--out", type=Path, required=True, help="folder for what was completed and found")
    parser.add_argument("--preset", type=str, default="compact")
    parser.add_argument("--seed", type=int, default=0, help="of the de-occluder")
    parser.add_argument("--told", type=str, choices=TOLD, default="masks", help="what the de-occluder is told of people beside the box")
    parser.add_argument("--fusion", type=Path, help="file with the fusion's weights; left out, the preset's own")
    parser.add_argument("--workers", type=int, default=1, help="processes that complete people")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    question = Question(options.people, options.out, Settings(options.preset, options.seed), options.told,
                        None if options.fusion is None else read_weights(options.fusion), options.workers)
    rows = table(question, options.weights)
    print(markdown(rows))
    if options.json:
        options.json.write_text(json.dumps(plain(rows), indent=1))


if __name__ == "__main__":
    main()
