"""Promises of `deocc-aug precompute`: the library's own results, the same bytes however they were made, nothing lost, nothing twice."""
from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import KILLER
from presets import write_tiny_preset
from tiny_coco import write_coco

from deocc_aug import Options
from deocc_aug.cli import main
from deocc_aug.data.annotate import annotation_of
from deocc_aug.data.atomic import write_json
from deocc_aug.data.cache import Cache, Settings, sha256_of
from deocc_aug.data.claims import Claims
from deocc_aug.data.coco import USED, person_of, read_coco, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.loaded import loaded, one_thread
from deocc_aug.types import Person


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of six people in three pictures, and the tiny preset."""
    folder = tmp_path_factory.mktemp("precompute")
    write_coco(folder / "coco")
    (folder / "tiny").mkdir()
    write_tiny_preset(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    """The cache of an undisturbed run."""
    assert main(_arguments(folder, folder / "whole")) == 0
    return folder / "whole"


def _arguments(folder: Path, out: Path, *more: str) -> list[str]:
    return ["precompute", "--data", "coco", "--ann", f"{folder}/coco/people.json", "--images", f"{folder}/coco/images", "--preset",
            f"{folder}/tiny", "--out", str(out), *more]


def _files(out: Path) -> dict[str, bytes]:
    """Everything in a cache but the files that locks are on."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*"))
            if path.is_file() and path.name not in (".runs", ".claims")}


def _people(folder: Path) -> Iterator[tuple[np.ndarray, Person, dict[str, Any]]]:
    for image in read_coco(folder / "coco" / "people.json"):
        pixels = read_image(folder / "coco" / "images" / image.file_name)
        for annotation in image.annotations:
            yield pixels, person_of(with_hints(annotation, USED), pixels.shape[:2]), dict(annotation)


def test_what_is_kept_is_the_librarys_own_result_bit_for_bit(folder: Path, whole: Path) -> None:
    cache, settings, deoccluder = Cache(whole), Settings(f"{folder}/tiny"), loaded(folder / "tiny")
    for pixels, person, _ in _people(folder):
        outcome = cache.read(settings.key(sha256_of(pixels), person))
        with one_thread():
            result = deoccluder(pixels, person)
        assert outcome is not None and outcome.patch is not None and not outcome.refused
        np.testing.assert_array_equal(outcome.painted(pixels), result.image)
        assert outcome.annotation == annotation_of(result)


def test_the_index_is_a_coco_file_whose_pictures_fit_the_images(folder: Path, whole: Path) -> None:
    content = json.loads((whole / "people.json").read_text())
    given = json.loads((folder / "coco" / "people.json").read_text())
    assert content["images"] == given["images"] and content["refused"] == []
    assert [(a["id"], a["image_id"]) for a in content["annotations"]] == [(a["id"], a["image_id"]) for a in given["annotations"]]
    assert content["info"]["preset"] == "tiny" and content["info"]["use"] == sorted(USED)
    assert [len(image.annotations) for image in read_coco(whole / "people.json")] == [2, 2, 2]
    for entry in content["annotations"]:
        outcome = Cache(whole).read(entry["key"])
        assert outcome is not None and outcome.patch is not None
        assert (whole / entry["patch"]).is_file() and entry["patch_origin"] == list(outcome.origin)


def test_the_same_run_again_writes_no_person_twice(folder: Path, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "results").rglob("*.*")}
    assert main(_arguments(folder, whole)) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_two_workers_and_two_runs_at_once_make_the_same_bytes(folder: Path, whole: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("deocc-aug")), *_arguments(folder, tmp_path, "--workers")]
    runs = [subprocess.Popen([*command, workers], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for workers in "12"]
    for run in runs:
        _, error = run.communicate(timeout=600)
        assert run.returncode == 0, error.decode()
    assert _files(tmp_path) == _files(whole)


def test_people_completed_together_make_the_same_bytes_in_any_company(folder: Path, tmp_path: Path) -> None:
    """One run does all six at once; another has half of them from a run before, and two workers."""
    assert main(_arguments(folder, tmp_path / "one", "--together", "3")) == 0
    content = json.loads((folder / "coco" / "people.json").read_text())
    few = content | {"annotations": content["annotations"][::2]}
    write_json(tmp_path / "few.json", few)
    arguments = _arguments(folder, tmp_path / "other", "--together", "3", "--workers", "2")
    assert main([f"{tmp_path}/few.json" if part.endswith("people.json") else part for part in arguments]) == 0
    assert main(arguments) == 0
    (tmp_path / "other" / "few.json").unlink()
    assert _files(tmp_path / "other") == _files(tmp_path / "one")


@pytest.mark.parametrize("writes", [4, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3, 5, 8, 12, 13))])
def test_a_killed_run_goes_on_where_it_stopped(folder: Path, whole: Path, tmp_path: Path, writes: int) -> None:
    """Killed just before its n-th file appears: two a person, the index last."""
    arguments = _arguments(folder, tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLER, str(writes), *arguments], capture_output=True, stdin=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    left = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.suffix in (".json", ".png")}
    assert len(left) == writes - 1
    records = {path for path in left if path.with_suffix(".json") in left}
    assert main(arguments) == 0
    assert _files(tmp_path) == _files(whole)
    assert all(path.stat().st_mtime_ns == left[path] for path in records)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_bit(folder: Path, whole: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("deocc-aug")), *_arguments(folder, tmp_path / "cache", "--workers", "2")]
    start = time.monotonic()
    assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    lasts, rng = time.monotonic() - start, random.Random(0)
    for kill in range(20):
        out = tmp_path / f"{kill // 5}"
        command[command.index("--out") + 1] = str(out)
        run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.4, 1.0) * lasts)
        run.kill()
        run.wait()
        if kill % 5 == 4:
            assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
            assert _files(out) == _files(whole)


def test_workers_end_with_a_parent_that_was_killed(folder: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    command = [str(Path(sys.executable).with_name("deocc-aug")), *_arguments(folder, tmp_path, "--workers", "2")]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers: list[Any] = []
    while not list(tmp_path.rglob("*.json")):  # a person is done: the workers are at work
        assert run.poll() is None
        workers = psutil.Process(run.pid).children(recursive=True)
        time.sleep(0.05)
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert len(workers) >= 2 and not alive


def test_the_index_is_not_written_over_the_annotations(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (folder / "coco" / "people.json").read_bytes()
    assert main(_arguments(folder, folder / "coco")) == 2
    assert "people.json would be written over" in capfd.readouterr().err
    assert (folder / "coco" / "people.json").read_bytes() == before
    assert main(_arguments(folder, tmp_path / "out", "--together", "0")) == 2
    assert "--together is 0" in capfd.readouterr().err


def test_who_is_refused_is_kept_with_the_reason_and_stops_nobody(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = json.loads((folder / "coco" / "people.json").read_text())
    content["annotations"] = [{**entry, **change} for entry, change in zip(content["annotations"], (
        {"bbox": [900, 900, 10, 10]}, {}, {"segmentation": [[1, 2, 3]]}), strict=False)]
    write_json(tmp_path / "some.json", content)
    arguments = _arguments(folder, tmp_path / "out")
    arguments[arguments.index("--ann") + 1] = f"{tmp_path}/some.json"
    assert main(arguments) == 0
    assert "3 people, 2 of them refused" in capfd.readouterr().out
    index = json.loads((tmp_path / "out" / "some.json").read_text())
    assert [entry["id"] for entry in index["annotations"]] == [11]
    assert [(entry["id"], entry["image_id"]) for entry in index["refused"]] == [(10, 1), (20, 2)]
    assert "outside the image" in index["refused"][0]["reason"] and "polygon of 3 numbers" in index["refused"][1]["reason"]


def test_a_bad_image_is_named_after_the_others_were_done(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = json.loads((folder / "coco" / "people.json").read_text())
    content["images"][0]["file_name"] = "none.png"
    content["images"][1]["height"] = 7
    write_json(tmp_path / "some.json", content)
    arguments = _arguments(folder, tmp_path / "out")
    arguments[arguments.index("--ann") + 1] = f"{tmp_path}/some.json"
    assert main(arguments) == 2
    error = capfd.readouterr().err
    assert "2 of 3 images cannot be used" in error and "none.png is not there" in error and "annotate the image as it is" in error
    assert [entry["id"] for entry in json.loads((tmp_path / "out" / "some.json").read_text())["annotations"]] == [30, 31]


@pytest.mark.parametrize(("more", "message"), [
    (["--workers", "0"], "workers is 0"), (["--preset", "giant"], "giant"), (["--use", "pose"], "pose"), (["--dtype", "int8"], "int8"),
    (["--ann", "none.json"], "none.json is not there"), (["--out", "/proc/deocc"], "/proc/deocc cannot be written to")])
def test_bad_arguments_are_one_line(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], more: list[str], message: str) -> None:
    assert main([*_arguments(folder, tmp_path / "out"), *more]) == 2
    error = capfd.readouterr().err
    assert message in error and error.count("\n") == 1, error


def test_the_key_is_what_decides_the_result(folder: Path) -> None:
    pixels, person, _ = next(_people(folder))
    tiny = f"{folder}/tiny"
    key = Settings(tiny).key(sha256_of(pixels), person)
    assert key == Settings(tiny, options=Options(guidance=1, body_steps=2)).key(sha256_of(pixels.copy()), Person(
        box_xyxy=person.box_xyxy.copy(), visible_mask=person.visible_mask, occluder_mask=person.occluder_mask))
    other = pixels.copy()
    other[0, 0, 0] ^= 1
    assert person.visible_mask is not None
    keys = {key, Settings(tiny).key(sha256_of(other), person), Settings(tiny, seed=1).key(sha256_of(pixels), person),
            Settings(tiny, options=Options(body_steps=1)).key(sha256_of(pixels), person),
            Settings(tiny, dtype="bfloat16").key(sha256_of(pixels), person), Settings("compact").key(sha256_of(pixels), person),
            Settings(tiny).key(sha256_of(pixels), Person(box_xyxy=person.box_xyxy, visible_mask=person.visible_mask)),
            Settings(tiny).key(sha256_of(pixels), Person(box_xyxy=person.box_xyxy, occluder_mask=person.visible_mask))}
    assert len(keys) == 8


def test_a_damaged_picture_is_named_and_a_damaged_record_is_nobody(folder: Path, whole: Path, tmp_path: Path) -> None:
    entry = json.loads((whole / "people.json").read_text())["annotations"][0]
    for ending in ("json", "png"):
        target = Cache(tmp_path).path(entry["key"], ending)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Cache(whole).path(entry["key"], ending).read_bytes())
    target.write_bytes(b"half")
    with pytest.raises(ValueError, match="png is damaged"):
        Cache(tmp_path).read(entry["key"])
    target.unlink()
    assert Cache(tmp_path).read(entry["key"]) is None
    Cache(tmp_path).path(entry["key"], "json").write_text("{")
    assert Cache(tmp_path).read(entry["key"]) is None


def test_a_claim_keeps_others_out_and_ends_with_its_process(tmp_path: Path) -> None:
    holder = "import sys; from pathlib import Path; from deocc_aug.data.claims import Claims\n" \
             "with Claims(Path(sys.argv[1])).on('ab' * 32) as mine: print(mine, flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", holder, f"{tmp_path}/claims"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"True\n"
    claims = Claims(tmp_path / "claims")
    with claims.on("ab" * 32) as mine, claims.on("cd" * 32) as free:
        assert not mine and free
    os.kill(other.pid, signal.SIGKILL)
    with claims.on("ab" * 32, wait=True) as mine, claims.on("ab" * 32) as twice:
        assert mine and not twice  # the process's own threads are kept out too
    with claims.on("ab" * 32) as again:
        assert again
    other.communicate()


def test_ray_writes_the_same_files(folder: Path, whole: Path) -> None:
    """Two actors of Ray Data, three pictures."""
    pytest.importorskip("ray.data", reason="needs the extra bulk", exc_type=ImportError)
    assert main(_arguments(folder, folder / "ray", "--engine", "ray", "--workers", "2")) == 0
    assert _files(folder / "ray") == _files(whole)


def test_without_ray_the_error_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(_arguments(folder, folder / "none", "--engine", "ray")) == 2
    assert "pip install 'deocc-aug[bulk]', or use --engine local" in capsys.readouterr().err
    assert not [*(folder / "none").glob("**/*.json")]
