"""Promises of the reader of AHP: whole people by their lists, hidden the same way every time, and missing files named."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import draw

pytest.importorskip("pytorch_lightning")

from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.readers.ahp import Ahp

NAMES = ("COCO_val_17_3", "VOC_2008_000428_1", "COCO_train_9_1")


@pytest.fixture
def ahp(tmp_path: Path) -> Path:
    """AHP's layout: three people, the last of them for training."""
    root = tmp_path / "AHP" / "train"
    for place in ("ImageSets", "JPEGImages", "Annotations"):
        (root / place).mkdir(parents=True)
    for name, scale in zip(NAMES, (1.0, 0.8, 1.2), strict=True):
        picture = draw(scale)
        cv2.imwrite(str(root / "JPEGImages" / f"{name}.jpg"), picture.image[:, :, ::-1])
        cv2.imwrite(str(root / "Annotations" / f"{name}.png"), picture.amodal_mask[:, :, None] * np.array([0, 0, 128], np.uint8))
    (root / "ImageSets" / "val.txt").write_text("\n".join(NAMES[:2]) + "\n")
    (root / "ImageSets" / "train.txt").write_text(NAMES[2] + "\n")
    return root.parent


def test_people_are_whole_and_hidden_the_same_way_every_time(ahp: Path) -> None:
    data = Ahp(ahp, rate=0.4, seeds=[2, 3])
    assert list(data.names) == [f"{name}/{seed}" for seed in (2, 3) for name in NAMES[:2]] and data.clean
    case, again = data.case(1), Ahp(ahp, rate=0.4, seeds=[2]).case(1)
    assert isinstance(case, Case) and isinstance(again, Case) and np.array_equal(case.image, again.image)
    assert case.amodal is not None and case.occluder is not None and case.clean is not None and case.person == NAMES[1]
    assert np.array_equal(case.amodal, draw(0.8).amodal_mask) and 0.3 < case.hidden_share < 0.5 and not case.labelled.any()
    assert np.array_equal(case.image[~case.occluder], case.clean[~case.occluder])
    other = data.case(3)
    assert isinstance(other, Case) and other.person == case.person and not np.array_equal(other.image, case.image)
    assert list(Ahp(ahp, "train").names) == [f"{NAMES[2]}/0"] and Ahp(ahp, "train").described() != Ahp(ahp).described()


def test_a_missing_file_of_ahp_is_named_with_its_source(ahp: Path) -> None:
    (ahp / "train" / "Annotations" / f"{NAMES[0]}.png").unlink()
    case = Ahp(ahp).case(0)
    assert isinstance(case, Unusable) and f"{NAMES[0]}.png is not there" in case.problem
    (ahp / "train" / "ImageSets" / "val.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"train/ImageSets/val.txt is not there: it is the list of AHP's people, obtained from"):
        Ahp(ahp).names  # noqa: B018
    with pytest.raises(ValueError, match="data.split is 'test'"):
        Ahp(ahp, "test")
