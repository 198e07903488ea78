"""`deocc-aug run` from the shell: what it writes, what it refuses, and that a killed run goes on where it stopped."""
from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import KILLER
from pictures import Picture, draw

from deocc_aug.cli import main
from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.data.coco import mask_of, rle_of
from deocc_aug.data.images import read_image
from deocc_aug.weights import resolve

FAST = ["--options.body_steps", "1", "--options.hypotheses", "1", "--options.paint_steps", "1"]


def _png_mask(path: Path, mask: np.ndarray) -> None:
    write_png(path, np.repeat(mask[..., None].astype(np.uint8) * 255, 3, 2))


def _annotation(number: int, image_id: int, picture: Picture) -> dict[str, Any]:
    x0, y0, x1, y1 = picture.box_xyxy
    return {"id": number, "image_id": image_id, "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": rle_of(picture.visible_mask),
            "occluder_segmentation": rle_of(picture.occluder_mask)}


def _filled(folder: Path, picture: Picture) -> Path:
    """The folder with photo.png, mask.png and occluder.png, a second picture, and a COCO file of both, three people in all."""
    other = draw(0.8)
    write_png(folder / "photo.png", picture.image)
    write_png(folder / "other.png", other.image)
    _png_mask(folder / "mask.png", picture.visible_mask)
    _png_mask(folder / "occluder.png", picture.occluder_mask)
    write_json(folder / "people.json", {
        "images": [{"id": 1, "file_name": "photo.png"}, {"id": 2, "file_name": "other.png", "height": 240, "width": 176}],
        "annotations": [_annotation(10, 1, picture), _annotation(11, 1, picture), _annotation(12, 2, other)],
    })
    return folder


@pytest.fixture
def folder(tmp_path: Path, picture: Picture) -> Path:
    return _filled(tmp_path, picture)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> dict[str, bytes]:
    """The files of an undisturbed run over the COCO file."""
    folder = _filled(tmp_path_factory.mktemp("whole"), picture)
    assert main(_by_coco(folder)) == 0
    return _files(folder / "out")


def _by_box(folder: Path, box: str = "42,32,178,278") -> list[str]:
    return ["run", f"{folder}/photo.png", f"--box={box}", "--mask", f"{folder}/mask.png", "--occluder", f"{folder}/occluder.png",
            "--out", f"{folder}/out", *FAST]


def _by_coco(folder: Path) -> list[str]:
    return ["run", f"{folder}/photo.png", f"{folder}/other.png", "--coco", f"{folder}/people.json", "--out", f"{folder}/out", *FAST]


def _shell(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).with_name("deocc-aug"))
    return subprocess.run([command, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def _lasting(files: dict[str, bytes]) -> dict[str, object]:
    """The files of a run without the times in them."""

    def without_seconds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_seconds(inner) for key, inner in value.items() if key != "seconds"}
        return [without_seconds(inner) for inner in value] if isinstance(value, list) else value

    return {name: without_seconds(json.loads(content)) if name.endswith(".json") else content for name, content in files.items()}


def test_one_person_from_the_shell(folder: Path, picture: Picture) -> None:
    done = _shell(_by_box(folder))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    out = folder / "out"
    assert sorted(_files(out)) == ["people.json", "photo_1.png", "photo_1_sheet.png", "records/photo_1.json"]
    completed = read_image(out / "photo_1.png")
    np.testing.assert_array_equal(completed[~picture.occluder_mask], picture.image[~picture.occluder_mask])
    assert read_image(out / "photo_1_sheet.png").shape[0] > 256
    content = json.loads((out / "people.json").read_text())
    (image,), (annotation,) = content["images"], content["annotations"]
    assert (image["height"], image["width"]) == picture.image.shape[:2]
    amodal, hidden = (mask_of(annotation[key], (300, 220), key) for key in ("segmentation", "hidden_segmentation"))
    assert not (hidden & ~amodal).any() and not (hidden & picture.visible_mask).any()
    assert (picture.visible_mask & ~amodal).mean() < 0.01
    assert len(annotation["keypoints"]) == 51 and len(annotation["keypoint_scores"]) == 17
    assert 0 <= annotation["uncertainty"] <= 1 and isinstance(annotation["changed"], bool) and annotation["reason"]
    assert annotation["seconds"] and all(seconds >= 0 for seconds in annotation["seconds"].values())


def test_everybody_of_a_coco_file(whole: dict[str, bytes]) -> None:
    content = json.loads(whole["people.json"])
    assert [image["file_name"] for image in content["images"]] == ["photo.png", "other.png"]
    assert [(annotation["id"], annotation["image_id"]) for annotation in content["annotations"]] == [(10, 1), (11, 1), (12, 2)]
    assert {"photo_10.png", "photo_11.png", "other_12.png"} < set(whole)


def test_the_same_run_again_does_nothing_and_another_seed_does_all(folder: Path) -> None:
    assert main(_by_box(folder)) == 0
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("photo*")}
    assert main(_by_box(folder)) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert main([*_by_box(folder), "--seed", "1"]) == 0
    assert all(path.stat().st_mtime_ns > then for path, then in before.items())


@pytest.mark.parametrize("writes", [5, 9, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3, 4, 6, 7, 8, 10, 11, 12))])
def test_a_killed_run_goes_on_where_it_stopped(folder: Path, whole: dict[str, bytes], writes: int) -> None:
    """Killed just before its n-th file appears: two that probe the folder, three a person, people.json last."""
    killed = subprocess.run([sys.executable, "-c", KILLER, str(writes), *_by_coco(folder)], capture_output=True, stdin=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL
    out = folder / "out"
    left = {name: content for name, content in _files(out).items() if not Path(name).name.startswith(".")}
    assert len(left) == max(0, writes - 3)
    assert _lasting(left).items() <= _lasting(whole).items()
    done = [name for person in ("photo_10", "photo_11", "other_12") if f"records/{person}.json" in left for name in left if person in name]
    times = {name: (out / name).stat().st_mtime_ns for name in done}
    assert main(_by_coco(folder)) == 0
    assert _lasting(_files(out)) == _lasting(whole)
    assert {name: (out / name).stat().st_mtime_ns for name in done} == times


def _change_coco(**values: object) -> Callable[[Path], list[str]]:
    def spoil(folder: Path) -> list[str]:
        content = json.loads((folder / "people.json").read_text())
        content["annotations"] = [{**content["annotations"][0], **values}]
        (folder / "people.json").write_text(json.dumps(content))
        return _by_coco(folder)

    return spoil


def _rewrite(name: str, content: bytes) -> Callable[[Path], list[str]]:
    def spoil(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return _by_box(folder)

    return spoil


def _remask(mask: np.ndarray) -> Callable[[Path], list[str]]:
    def spoil(folder: Path) -> list[str]:
        _png_mask(folder / "mask.png", mask)
        arguments = _by_box(folder)
        return arguments[:arguments.index("--occluder")] + arguments[arguments.index("--out"):]

    return spoil


def _out_is_a_file(folder: Path) -> list[str]:
    (folder / "out").write_text("")
    return _by_box(folder)


def _broken_weights(folder: Path) -> list[str]:
    shutil.copytree(resolve("compact"), folder / "broken")
    weights = next((folder / "broken").rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    return [*_by_box(folder), "--preset", f"{folder}/broken"]


def _named_as_a_result(folder: Path) -> list[str]:
    (folder / "other.png").rename(folder / "photo_10.png")
    people = json.loads((folder / "people.json").read_text())
    people["images"][1]["file_name"] = "photo_10.png"
    write_json(folder / "annotations.json", people)
    return ["run", f"{folder}/photo.png", f"{folder}/photo_10.png", "--coco", f"{folder}/annotations.json", "--out", str(folder), *FAST]


BAD_RUNS: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no arguments": (lambda folder: ["run"], "required"),
    "named twice": (lambda folder: [*_by_coco(folder), "--box=1,2,3,4"], "pass either --coco"),
    "mask beside coco": (lambda folder: [*_by_coco(folder), "--mask", "m.png"], "--mask and --occluder go with --box"),
    "two images and a box": (lambda folder: ["run", "b.png", *_by_box(folder)[1:]], "2 images came"),
    "no such image": (lambda folder: ["run", "none.png", *_by_box(folder)[2:]], "none.png is not there"),
    "no such mask": (lambda folder: [*_by_box(folder), "--mask", "none.png"], "none.png is not there"),
    "no image": (_rewrite("photo.png", b"hello"), "photo.png is not an image"),
    "an empty image": (_rewrite("photo.png", b""), "photo.png is empty"),
    "a mask that is no image": (_rewrite("mask.png", b"hello"), "mask.png is not an image"),
    "a mask of another size": (_remask(np.ones((30, 22), bool)), r"visible_mask .*\(30, 22\).*\(300, 220\)"),
    "an empty mask": (_remask(np.zeros((300, 220), bool)), "visible_mask.*(empty|no pixel)"),
    "a box of words": (lambda folder: _by_box(folder, "a,b,c,d"), "--box is 'a,b,c,d'"),
    "a box of three": (lambda folder: _by_box(folder, "1,2,3"), "--box is '1,2,3'"),
    "an inverted box": (lambda folder: _by_box(folder, "90,20,10,200"), "no area"),
    "a NaN box": (lambda folder: _by_box(folder, "nan,20,90,200"), "finite"),
    "a box without area": (lambda folder: _by_box(folder, "10,20,10,200"), "no area"),
    "a box outside": (lambda folder: _by_box(folder, "500,20,600,200"), "box.*outside"),
    "a tiny person": (_change_coco(segmentation=[[10, 10, 20, 10, 20, 20, 10, 20]], bbox=[10, 10, 10, 10]), "person 10.*32"),
    "no bbox": (_change_coco(bbox=None), r"annotations\[0\].*bbox"),
    "an unknown image": (_change_coco(image_id=5), "names the image 5"),
    "nobody in the images": (_change_coco(iscrowd=1), "has nobody in the 2 images"),
    "an image not in the file": (lambda folder: ["run", f"{folder}/mask.png", *_by_coco(folder)[3:]], "mask.png is not among"),
    "coco that is no JSON": (lambda folder: [*_by_coco(folder), "--coco", f"{folder}/photo.png"], "photo.png is not JSON"),
    "an output folder that is a file": (_out_is_a_file, "out is a file"),
    "an unwritable output folder": (lambda folder: [*_by_box(folder), "--out", "/proc/deocc"], "/proc/deocc cannot be written to"),
    "an unknown preset": (lambda folder: [*_by_box(folder), "--preset", "giant"], "giant"),
    "a corrupted weights file": (_broken_weights, r"safetensors is damaged"),
    "an unknown device": (lambda folder: [*_by_box(folder), "--device", "abacus"], "--device abacus cannot be used"),
    "an unknown option": (lambda folder: [*_by_box(folder), "--options.steps", "3"], "steps"),
    "a gate that is no truth value": (lambda folder: [*_by_box(folder), "--options.gate", "maybe"], "gate"),
    "a prompt that is no text": (lambda folder: [*_by_box(folder), "--options.prompt", "5"], "Options.prompt is 5"),
    "a scale of words": (lambda folder: [*_by_box(folder), "--options.guidance", "high"], "guidance is 'high'"),
    "an output folder with the COCO file": (lambda folder: [*_by_coco(folder), "--out", str(folder)], "people.json would be written over"),
    "a picture named as a result is": (_named_as_a_result, r"photo_10.png would be written over"),
    "an option out of range": (lambda folder: [*_by_box(folder), "--options.paint_steps", "0"], "paint_steps is 0"),
}


@pytest.mark.parametrize("kind", BAD_RUNS)
def test_bad_input_is_one_line_and_leaves_nothing(folder: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    spoil, message = BAD_RUNS[kind]
    arguments = spoil(folder)
    assert main(arguments) == 2
    error = capfd.readouterr().err
    assert error.startswith("deocc-aug run: ") and error.count("\n") == 1
    assert re.search(message, error), error
    assert not (folder / "out").is_dir() or _files(folder / "out") == {}


def test_an_image_that_cannot_be_read_does_not_stop_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "photo.png").write_bytes(b"no picture")
    assert main(_by_coco(folder)) == 2
    error = capfd.readouterr().err
    assert "refused 2 of 3 people" in error and "photo.png, person 10: " in error and "photo.png, person 11: " in error
    assert [a["id"] for a in json.loads((folder / "out" / "people.json").read_text())["annotations"]] == [12]


def test_one_refused_person_does_not_stop_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = json.loads((folder / "people.json").read_text())
    content["annotations"][0]["bbox"] = [900, 900, 10, 10]
    write_json(folder / "people.json", content)
    assert main(_by_coco(folder)) == 2
    assert "refused 1 of 3 people" in capfd.readouterr().err
    assert [a["id"] for a in json.loads((folder / "out" / "people.json").read_text())["annotations"]] == [11, 12]
