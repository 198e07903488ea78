"""Training examples of the VQA model: the visible part of a dressed person, alone on grey, and what there is to say."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.describe.questions import DEFAULT, NOT_SEEN, QUESTIONS
from deocc_aug.describe.vqa import seen_alone
from deocc_aug.occluders.lens import photograph, random_lens
from deocc_aug.training.clothes import Dressed, place_of, read_dressed_ccp, read_dressed_scenes, redyed, shown
from deocc_aug.training.hide import annotator_noise, random_occluder
from deocc_aug.training.sources import Example, read_coco_shapes
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Mask

SIDE = 200  # a body's longer side, at most, in the pictures held in memory
ENOUGH = 0.12  # of a thing must be seen to be named
SILENT = -1
ANSWERS = (NOT_SEEN, *dict.fromkeys(answer for key in DEFAULT for answer in QUESTIONS[key].answers))
"""Every answer to the questions that are asked by default, each once."""


def interview(example: Example, rng: np.random.Generator, shapes: list[Mask], side: int) -> dict[str, np.ndarray] | None:
    """`picture` (side, side, 3) uint8 and `answers` (questions,) int64, indices into :data:`ANSWERS`, SILENT where nobody knows.

    Behind something that hides a thing all but for little, the answer is that it is not seen.
    """
    if not isinstance(example, Dressed) or any(part is None for part in (example.image, example.mask, example.regions, example.looks)):
        raise ValueError("the VQA model learns from people whose clothes are known: pass a Dressed with image, mask, regions and looks")
    assert example.image is not None and example.mask is not None and example.regions is not None and example.looks is not None
    visible = example.mask
    if rng.random() < 0.8:
        visible = visible & ~random_occluder(example.mask, shapes, rng, 0.1, 0.85)
    if rng.random() < 0.4:
        visible = annotator_noise(visible, rng, np.ones_like(visible))
    if visible.sum() < 80:
        return None
    picture, looks = redyed(example.image, example.regions, example.looks, rng)
    answers = []
    for key in DEFAULT:
        answer = looks.get(key)
        if answer is not None and shown(example.regions, visible, place_of(key, looks)) < ENOUGH:
            answer = NOT_SEEN
        answers.append(SILENT if answer is None or answer not in ANSWERS else ANSWERS.index(answer))
    if rng.random() < 0.35:
        picture = photograph([picture], random_lens(rng))[0]
    alone = seen_alone(picture, visible)
    if rng.random() < 0.5:
        alone = alone[:, ::-1]
    return {"picture": cv2.resize(np.ascontiguousarray(alone), (side, side), interpolation=cv2.INTER_AREA),
            "answers": np.array(answers, np.int64)}


class WordsData(StreamData):
    """Dressed people: those of `ccp` train, and synthetic ones.

    Args:
        ccp: folder of Clothing Co-Parsing, or None.
        coco: COCO-format folder whose objects' shapes hide, or None (drawn shapes only).
        scenes: folder of shards of synthetic people (`deocc-aug synth`), or None.
        shares: how often `ccp` and the synthetic people are drawn.
        batch_size: pictures a step.
        workers: processes that make examples; 0 makes them in the training process.
        seed: of the stream; resuming with another seed continues with fresh examples.
        side: of the pictures, pixels.
    """

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float] = (0.6, 0.4), batch_size: int = 32, workers: int = 1, seed: int = 0, side: int = 128) -> None:
        super().__init__(batch_size, workers, seed)
        self.ccp, self.coco, self.scenes, self.shares, self.side = ccp, coco, scenes, shares, side

    def read(self) -> Sources:
        return [(self.shares[0], read_dressed_ccp(Path(self.ccp), SIDE) if self.ccp else []),
                (self.shares[1], read_dressed_scenes(Path(self.scenes), SIDE) if self.scenes else [])]

    def maker(self) -> Make:
        return partial(interview, shapes=read_coco_shapes(Path(self.coco)) if self.coco else [], side=self.side)
