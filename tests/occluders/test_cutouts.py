"""Promises of the cut-outs: tight, soft, without the old background, flagged where a border cut them, and never silent."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deocc_aug.data.coco import rle_of
from deocc_aug.humans.recipe import Recipe
from deocc_aug.occluders.backgrounds import Backgrounds
from deocc_aug.occluders.cutouts import Cutout, cutout_of, even_numbered, read_cutouts

RED, GREY = (200, 30, 30), (90, 90, 90)


def _photo(path: Path, box: tuple[int, int, int, int]) -> None:
    image = np.full((80, 100, 3), GREY, np.uint8)
    image[box[1]:box[3], box[0]:box[2]] = RED
    cv2.imwrite(str(path), image[..., ::-1])


def _folder(root: Path, **changes: Any) -> Path:
    """Two photos: 1 with a person in the middle (polygon), 2 with a chair at the left border (RLE)."""
    (root / "images").mkdir(parents=True)
    _photo(root / "images" / "001.png", (30, 20, 70, 60))
    _photo(root / "images" / "002.png", (0, 20, 40, 60))
    chair = np.zeros((80, 100), np.bool_)
    chair[20:60, :40] = True
    content = {
        "images": [{"id": 1, "file_name": "001.png"}, {"id": 2, "file_name": "002.png"}],
        "annotations": [
            {"id": 11, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[30, 20, 70, 20, 70, 60, 30, 60]]},
            {"id": 12, "image_id": 2, "category_id": 7, "iscrowd": 0, "segmentation": rle_of(chair)},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 7, "name": "chair"}],
    } | changes
    (root / "instances.json").write_text(json.dumps(content))
    return root


def test_objects_of_a_folder_are_cut_out(tmp_path: Path) -> None:
    person, chair = read_cutouts(_folder(tmp_path), side=20, min_area=100)
    assert (person.category, person.is_person, person.cut_edges, person.name) == ("person", True, frozenset(), "001.png#11")
    assert (chair.category, chair.is_person, chair.cut_edges) == ("chair", False, frozenset({"left"}))
    for cutout in (person, chair):
        assert max(cutout.alpha.shape) <= 20
        assert cutout.alpha.dtype == np.float32 and 0 <= cutout.alpha.min() and cutout.alpha.max() == 1
        assert np.abs(cutout.image.astype(int) - RED).max() <= 3  # no rim of the grey behind it
    assert chair.alpha[8:12, 0].min() > 0.99  # where the border cut it
    assert chair.alpha[8:12, -1].max() < 0.9  # where it ends
    assert chair.flipped().cut_edges == {"right"}


def test_val_images_are_left_out(tmp_path: Path) -> None:
    assert [cutout.name for cutout in read_cutouts(_folder(tmp_path), min_area=100, leave_out=even_numbered)] == ["001.png#11"]
    assert [even_numbered(name) for name in ("000000000042.jpg", "a/7.png")] == [True, False]
    with pytest.raises(ValueError, match="no number for a name"):
        even_numbered("photo.jpg")


def test_an_unreadable_image_is_named_and_skipped(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "images" / "001.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="001.png is not an image"):
        assert [cutout.category for cutout in read_cutouts(folder, min_area=100)] == ["chair"]
    (folder / "images" / "002.png").unlink()
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=f"{folder} gave no cut-out"):
        read_cutouts(folder, min_area=100)


def test_an_unreadable_outline_is_named_and_skipped(tmp_path: Path) -> None:
    outlines = {11: [[1, 2, 3]], 12: [[5, 5, 60, 5, 60, 60, 5, 60]]}
    folder = _folder(tmp_path, annotations=[{"id": number, "image_id": 1, "category_id": 7, "segmentation": outline}
                                            for number, outline in outlines.items()])
    with pytest.warns(UserWarning, match="annotation 11 skipped: segmentation has a polygon of 3"):
        assert len(read_cutouts(folder, min_area=100)) == 1


def test_an_annotation_of_no_category_is_named_and_skipped(tmp_path: Path) -> None:
    outline = [[5, 5, 60, 5, 60, 60, 5, 60]]
    folder = _folder(tmp_path, annotations=[{"id": number, "image_id": 1, "category_id": category, "segmentation": outline}
                                            for number, category in ((11, [7]), (12, 7))])
    with pytest.warns(UserWarning, match=r"annotation 11 skipped: category_id is \[7\]: pass one int"):
        assert [cutout.name for cutout in read_cutouts(folder, min_area=100)] == ["001.png#12"]


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="instances.json is not there"):
        read_cutouts(tmp_path)
    (tmp_path / "instances.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_cutouts(tmp_path)
    folder = _folder(tmp_path / "small")
    with pytest.raises(ValueError, match="none has an object over 99999 pixels"):
        read_cutouts(folder, min_area=99999)
    with pytest.raises(FileNotFoundError, match="other.json"):
        read_cutouts(folder, annotations="other.json")


def test_what_is_no_cutout_is_refused() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="cut-out cup is empty"):
        cutout_of(image, np.zeros((40, 40), np.bool_), "cup", "cup", side=20)
    with pytest.raises(ValueError, match="alpha is"):
        Cutout(image, np.ones((4, 4), np.float32), "cup", "cup")
    with pytest.raises(ValueError, match="cut_edges is"):
        Cutout(image, np.ones((40, 40), np.float32), "cup", "cup", cut_edges=frozenset({"front"}))


def test_backgrounds_show_nobody(tmp_path: Path) -> None:
    backgrounds = Backgrounds.from_coco(_folder(tmp_path), lambda name: name == "002.png")
    for seed in range(20):
        crop = backgrounds.draw((40, 30), np.random.default_rng(seed))
        assert crop.shape == (40, 30, 3) and crop.dtype == np.uint8
        assert (crop.max(2).astype(int) - crop.min(2)).max() < 60  # the grey wall in any light, never the red person


def test_backgrounds_of_a_folder_name_what_they_skip(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        Backgrounds.from_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="empty has 0 image files"):
        Backgrounds.from_folder(tmp_path / "empty")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="broken.jpg is empty"), pytest.raises(ValueError, match="1 image files and none that can"):
        Backgrounds.from_folder(folder)
    _photo(folder / "good.png", (1, 1, 9, 9))
    with pytest.warns(UserWarning, match=r"broken.jpg is empty"):
        backgrounds = Backgrounds.from_folder(folder)
    assert [photo.name for photo in backgrounds.photos] == ["good.png"]
    assert backgrounds.draw((300, 50), np.random.default_rng(0)).shape == (300, 50, 3)


def test_a_coco_folder_full_of_people_is_no_background(tmp_path: Path) -> None:
    everywhere = [{"id": 1, "image_id": n, "category_id": 1, "segmentation": [[0, 0, 100, 0, 100, 80, 0, 80]]} for n in (1, 2)]
    folder = _folder(tmp_path, annotations=everywhere)
    with pytest.raises(ValueError, match="gave no background"):
        Backgrounds.from_coco(folder)
    with pytest.warns(UserWarning, match="^drawn backgrounds alone: .* gave no background"):
        ingredients = Recipe(coco=folder).read()
    assert ingredients.backgrounds is None and len(ingredients.cutouts) == 2
    (tmp_path / "walls").mkdir()
    _photo(tmp_path / "walls" / "wall.png", (1, 1, 9, 9))
    with pytest.warns(UserWarning, match="^the other backgrounds alone: .* gave no background"):
        ingredients = Recipe(coco=folder, backgrounds=tmp_path / "walls").read()
    assert ingredients.backgrounds is not None and [photo.name for photo in ingredients.backgrounds.photos] == ["wall.png"]
