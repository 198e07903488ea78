"""COCO files: what is read, and what is refused by name."""
from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deocc_aug.data.coco import HINTS, USED, image_named, mask_of, person_of, read_coco, rle_of, with_hints

GOOD: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a/photo.jpg", "height": 40, "width": 30}, {"id": 8, "file_name": "b/photo.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 7, "bbox": [2, 3, 10, 20], "category_id": 5, "segmentation": [[2, 3, 12, 3, 12, 23, 2, 23]],
         "occluder_segmentation": {"size": [40, 30], "counts": [0, 40, 1160]}, "keypoints": [5, 6, 2, 7, 8, 1] + [0] * 45},
        {"id": 2, "image_id": 7, "bbox": [0, 0, 5, 5], "category_id": 6},
        {"id": 3, "image_id": 7, "bbox": [0, 0, 5, 5], "category_id": 5, "iscrowd": 1},
    ],
    "categories": [{"id": 5, "name": "person"}, {"id": 6, "name": "dog"}],
}


def _written(folder: Path, content: object) -> Path:
    path = folder / "people.json"
    path.write_text(json.dumps(content))
    return path


def test_only_single_people_are_read(tmp_path: Path) -> None:
    first, second = read_coco(_written(tmp_path, GOOD))
    assert [annotation["id"] for annotation in first.annotations] == [1]
    assert (first.size, second.size, second.annotations) == ((40, 30), None, ())


def test_everybody_is_a_person_where_no_category_is_named(tmp_path: Path) -> None:
    content = {**GOOD, "categories": []}
    assert [annotation["id"] for annotation in read_coco(_written(tmp_path, content))[0].annotations] == [1, 2]


def test_an_annotation_becomes_a_person() -> None:
    person = person_of(GOOD["annotations"][0], (40, 30))
    assert person.box_xyxy.tolist() == [2, 3, 12, 23]
    assert person.visible_mask is not None and person.visible_mask[3:23, 2:12].all() and person.visible_mask.sum() == 200
    assert person.occluder_mask is not None and person.occluder_mask[:, 0].all() and person.occluder_mask.sum() == 40
    assert person.joints is not None and person.joints[:3].tolist() == [[5, 6, 1], [7, 8, 1], [0, 0, 0]]


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_rle_and_mask_are_inverse(mask: np.ndarray) -> None:
    coded = json.loads(json.dumps(rle_of(mask)))
    np.testing.assert_array_equal(mask_of(coded, (mask.shape[0], mask.shape[1]), "m"), mask)


def test_ochumans_dicts_are_outer_polygons_without_the_inner_ones() -> None:
    outer, inner = [2.0, 2.0, 20.0, 2.0, 20.0, 30.0, 2.0, 30.0], [8.0, 8.0, 12.0, 8.0, 12.0, 14.0, 8.0, 14.0]
    whole, hole = (mask_of([polygon], (40, 30), "m") for polygon in (outer, inner))
    np.testing.assert_array_equal(mask_of({"outer": [outer], "inner": [inner]}, (40, 30), "m"), whole & ~hole)
    np.testing.assert_array_equal(mask_of({"outer": [outer], "inner": []}, (40, 30), "m"), whole)
    with pytest.raises(ValueError, match="segmentation's inner has a polygon of 3 numbers"):
        mask_of({"outer": [outer], "inner": [[1, 2, 3]]}, (40, 30), "segmentation")


def test_hints_that_are_not_to_be_used_are_left_out() -> None:
    annotation = GOOD["annotations"][0] | {"keypoints": [1, 2, 2] * 17}
    assert person_of(with_hints(annotation, HINTS), (40, 30)).joints is not None
    used = person_of(with_hints(annotation, USED), (40, 30))
    assert used.joints is None and used.visible_mask is not None
    assert person_of(with_hints(annotation, ()), (40, 30)).visible_mask is None


def test_the_longer_path_finds_the_image(tmp_path: Path) -> None:
    images = read_coco(_written(tmp_path, GOOD))
    assert image_named(images, Path("/data/b/photo.jpg"), Path("c.json")).id == 8
    assert image_named(images[:1], Path("elsewhere/photo.jpg"), Path("c.json")).id == 7
    with pytest.raises(ValueError, match="photo.jpg may be any of"):
        image_named(images, Path("photo.jpg"), Path("c.json"))
    with pytest.raises(ValueError, match="other.jpg is not among the images of c.json"):
        image_named(images, Path("other.jpg"), Path("c.json"))


def _without(key: str, part: str | None = None) -> Callable[[dict[str, Any]], object]:
    return lambda content: (content[part][0] if part else content).pop(key)


def _with(part: str, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content[part][0].update(values)


@pytest.mark.parametrize(("spoil", "message"), [
    (_without("images"), "no `images`"),
    (_without("annotations"), "no `annotations`"),
    (_without("id", "images"), r"images\[0\] has no `id`"),
    (_without("file_name", "images"), r"images\[0\] has no `file_name`"),
    (_without("id", "annotations"), r"annotations\[0\] has no `id`"),
    (_without("image_id", "annotations"), r"annotations\[0\] has no `image_id`"),
    (_without("bbox", "annotations"), r"annotations\[0\] has no `bbox`"),
    (_with("annotations", image_id=99), "names the image 99"),
    (_with("annotations", image_id="7"), "`image_id` is '7'"),
    (_with("annotations", bbox=3), "`bbox` is 3: pass a list"),
    (_with("images", id=8), "uses an id twice"),
    (_with("categories", name="cat"), 'no category named "person"'),
    (lambda content: content["annotations"].append(content["annotations"][0]), "has the id 1 of an annotation before it"),
    (lambda content: content.update(images={"id": 7}), "`images` is not a list of objects"),
])
def test_bad_files_are_refused(tmp_path: Path, spoil: Callable[[dict[str, Any]], object], message: str) -> None:
    content = copy.deepcopy(GOOD)
    spoil(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_coco(_written(tmp_path, content))
    assert "people.json" in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [("{", "is not JSON"), ("[1]", "holds a list and no `images`"), ("3", "holds a int")])
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "people.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_coco(path)


@pytest.mark.parametrize(("change", "message"), [
    ({"bbox": [1, 2, 3]}, "bbox is .* pass four numbers"),
    ({"bbox": [1, 2, 0, 5]}, "no area"),
    ({"bbox": [9, 9, -3, 5]}, "no area"),
    ({"bbox": [1, 2, float("nan"), 5]}, "finite"),
    ({"bbox": [1, "a", 3, 4]}, "annotation 1"),
    ({"keypoints": [1, 2, 3]}, "keypoints holds 3 numbers"),
    ({"segmentation": [[1, 2, 3]]}, "segmentation has a polygon of 3 numbers"),
    ({"segmentation": [[1, 2, 3, 4, 1e9, 6]]}, "segmentation has a point at 1e[+]09, far outside the image of 40x30"),
    ({"segmentation": "mask.png"}, "segmentation is a str"),
    ({"segmentation": {"counts": [1]}}, "segmentation is a dict with"),
    ({"segmentation": {"size": [30, 40], "counts": [0, 1200]}}, r"size \[30, 40\] but the image is \[40, 30\]"),
    ({"occluder_segmentation": {"size": [40, 30], "counts": [5, 9999]}}, "occluder_segmentation holds RLE counts"),
    ({"occluder_segmentation": {"size": [40, 30], "counts": 5}}, "occluder_segmentation holds RLE counts"),
])
def test_bad_annotations_are_refused_by_id(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"annotation 1: .*{message}|{message}") as caught:
        person_of({**GOOD["annotations"][0], **change}, (40, 30))
    assert str(caught.value).startswith("annotation 1: ")
