"""Promises of `deocc-aug synth`: the same bytes whoever writes them, nothing half-written, and what goes in comes out."""
from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug.cli import main
from deocc_aug.data.atomic import write_png
from deocc_aug.humans.crew import hired
from deocc_aug.humans.fixed_set import fixed_set
from deocc_aug.humans.recipe import Recipe
from deocc_aug.humans.records import files_of, scene_of
from deocc_aug.humans.scenes import Ingredients, Scene, make_scenes
from deocc_aug.humans.scenes_sheet import scenes_sheet
from deocc_aug.humans.shards import count, read_shard, read_shards, write_shards

SMALL = Recipe(size=(96, 72))


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(make_scenes(0, 0, Ingredients(size=SMALL.size)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 people in three shards, written by one worker in one go."""
    folder = tmp_path_factory.mktemp("shards") / "people"
    assert write_shards(folder, 40, 0, SMALL, workers=1, per_shard=16) == 40
    return folder


def test_two_workers_write_the_same_bytes_and_a_second_run_writes_nothing(written: Path, tmp_path: Path) -> None:
    assert write_shards(tmp_path / "people", 40, 0, SMALL, workers=2, per_shard=16) == 40
    assert _bytes(tmp_path / "people") == _bytes(written)
    assert write_shards(tmp_path / "people", 40, 0, SMALL, workers=2, per_shard=16) == 0
    assert _bytes(tmp_path / "people") == _bytes(written)


def test_what_a_killed_run_left_is_swept_and_a_larger_n_makes_the_cut_shard_anew(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    assert write_shards(folder, 20, 0, SMALL, workers=1, per_shard=16) == 20
    assert count(folder) == len(list(read_shards(folder))) == 20
    (folder / "scenes-000000.tar").unlink()
    (folder / f".scenes-000000.tar.{'0' * 32}.part").write_bytes(b"half")
    with pytest.warns(UserWarning, match="scenes-000000.tar is not there"):
        assert len(list(read_shards(folder))) == 4
    assert write_shards(folder, 40, 0, SMALL, workers=1, per_shard=16) == 40
    assert _bytes(folder) == _bytes(written)


def test_what_goes_in_comes_out(scenes: list[Scene]) -> None:
    for scene in scenes[:6]:
        record = scene_of(files_of(scene, vertices=True))
        for name in ("amodal", "occluder", "parts", "wear", "joints_px", "joints_state", "joints_camera", "frame_xyxy"):
            given, got = getattr(scene, name), getattr(record, name)
            assert got.dtype == given.dtype and np.array_equal(got, given), name
        assert not record.image[~scene.in_frame].any()
        for name in ("image", "clean"):
            assert np.abs(getattr(scene, name).astype(int) - getattr(record, name)).mean() < 4
        assert (record.hidden_share, record.cut_share, record.words, record.family) == (
            scene.hidden_share, scene.cut_share, scene.words, scene.family)  # fmt: skip
        assert record.view.camera == scene.view.camera and np.array_equal(record.view.centre, scene.view.centre)
        assert record.vertices_camera is not None and scene.vertices_camera is not None
        assert np.array_equal(record.vertices_camera, scene.vertices_camera.astype(np.float16))
        seen = record.joints_camera[:, :2] / record.joints_camera[:, 2:] * record.view.focal_px + record.view.middle_px
        assert np.abs(seen - record.joints_px).max() < 0.01
    with pytest.raises(ValueError, match="has no vertices_camera"):
        files_of(scene_of(files_of(scenes[0], vertices=False)), vertices=True)


def test_a_shard_holds_the_scenes_of_its_seed(written: Path, scenes: list[Scene]) -> None:
    for scene, record in zip(scenes, read_shard(written / "scenes-000000.tar"), strict=True):
        assert np.array_equal(scene.amodal, record.amodal) and np.array_equal(scene.joints_px, record.joints_px)
        assert record.vertices_camera is None


def test_webdataset_reads_the_shards(written: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    files = [str(path) for path in sorted(written.glob("*.tar"))]
    samples = list(webdataset.WebDataset(files, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"{k:08d}" for k in range(40)]
    for sample, record in zip(samples, read_shards(written), strict=True):
        assert np.array_equal(sample["labels.png"][..., 1], record.parts)
        assert sample["image.jpg"].shape == record.image.shape
        assert sample["person.json"]["family"] == record.family


def test_other_settings_are_refused_and_say_what_differs(written: Path) -> None:
    before = _bytes(written)
    with pytest.raises(ValueError, match="seed is 0 there and 1 now"):
        write_shards(written, 40, 1, SMALL, per_shard=16)
    with pytest.raises(ValueError, match=r"ingredients is .*96.* there and .*64.* now"):
        write_shards(written, 40, 0, Recipe(size=(64, 48)), per_shard=16)
    with pytest.raises(ValueError, match="a folder of 40 people, more than 20"):
        write_shards(written, 20, 0, SMALL, per_shard=16)
    assert _bytes(written) == before


def test_a_folder_of_format_1_is_read_and_not_added_to(scenes: list[Scene], tmp_path: Path) -> None:
    files = files_of(next(scene for scene in scenes if not scene.cut_share), vertices=False)
    person = json.loads(files["person.json"])
    del person["frame_xyxy"], person["cut_share"], person["camera"]["centre"]
    files["person.json"] = json.dumps(person).encode()
    with tarfile.open(tmp_path / "scenes-000000.tar", "w") as tar:
        for ending, content in files.items():
            member = tarfile.TarInfo(f"00000000.{ending}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    (tmp_path / "scenes.json").write_text(json.dumps({"format": 1, "n": 1, "per_shard": 16, "seed": 0}))
    scene = next(read_shards(tmp_path))
    assert scene.in_frame.all() and scene.cut_share == 0 and np.isnan(scene.view.centre).all()
    with pytest.raises(ValueError, match="format is 1 there and 2 now"):
        write_shards(tmp_path, 16, 0, SMALL, per_shard=16)
    (tmp_path / "scenes.json").write_text(json.dumps({"format": 3, "n": 1, "per_shard": 16}))
    with pytest.raises(ValueError, match="format 3"):
        next(read_shards(tmp_path))


def test_a_damaged_shard_is_named_and_passed_over(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    shutil.copytree(written, folder)
    content = (folder / "scenes-000001.tar").read_bytes()
    (folder / "scenes-000001.tar").write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match="scenes-000001.tar is damaged"):
        assert 24 <= len(list(read_shards(folder))) < 40
    for shard in folder.glob("*.tar"):
        shard.write_bytes(b"")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(ValueError, match="no shard that can be read"):
        list(read_shards(folder))


def test_a_scene_without_one_of_its_files_is_damage(tmp_path: Path, scenes: list[Scene]) -> None:
    with tarfile.open(tmp_path / "scenes.tar", "w") as tar:
        for ending, content in files_of(scenes[0], vertices=False).items():
            if ending != "labels.png":
                member = tarfile.TarInfo(f"00000000.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    with pytest.raises(ValueError, match="lacks 'labels.png'"):
        list(read_shard(tmp_path / "scenes.tar"))


def test_the_sheet_changes_nothing_but_the_outline_of_what_is_not_seen(scenes: list[Scene]) -> None:
    cut = next(scene for scene in scenes if scene.cut_share)
    records = [scene_of(files_of(scene, vertices=False)) for scene in [cut, *scenes[:8]]]
    sheet = scenes_sheet(records)
    assert sheet.shape == (2 * 100 + 4, 8 * 76 + 4, 3)
    tile, record = sheet[4:100, 4:76], records[0]
    changed = (tile != record.image).any(axis=2)
    assert not changed[record.visible | ~record.amodal].any() and changed[~record.in_frame].any()


@dataclass(frozen=True)
class _Failing:
    how: str

    def __call__(self, ingredients: Ingredients) -> Iterator[int]:
        yield 1
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError("no space left") if self.how == "disk" else ZeroDivisionError(self.how)


@pytest.mark.slow
def test_a_worker_that_fails_or_is_killed_ends_the_work() -> None:
    for how, kind in (("disk", OSError), ("killed", ChildProcessError), ("bug", RuntimeError)):
        with pytest.raises(kind, match={"disk": "no space", "killed": "exit status -9", "bug": "ZeroDivisionError"}[how]):
            with hired(SMALL, 1) as crew:
                list(crew.run([_Failing(how)]))


@pytest.mark.parametrize("arguments, message", [
    (["--n", "4"], "pass --n 1000 --out people"),
    (["--n", "0", "--out", "{out}"], "n is 0"),
    (["--n", "4", "--out", "{out}", "--workers", "0"], "workers is 0"),
    (["--n", "4", "--out", "{out}", "--size", "256"], "--size is '256'"),
    (["--n", "4", "--out", "{out}", "--size", "16,12"], "at least 32 pixels"),
    (["--n", "4", "--out", "{out}", "--families", "sit", "swim"], "pass some of stand"),
    (["--n", "4", "--out", "{out}", "--rate", "0.9"], "rate is 0.9"),
    (["--n", "4", "--out", "{out}", "--cut", "1.5"], "cut is 1.5"),
    (["--n", "4", "--out", "{out}", "--leave-out-even"], "pass coco too"),
    (["--benchmark", "--n", "4"], "--benchmark writes nothing"),
])  # fmt: skip
def test_bad_arguments_give_one_line_and_write_nothing(arguments: list[str], message: str, tmp_path: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", *(argument.format(out=tmp_path / "out") for argument in arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "out").exists()


def _folder_without_use(option: str, folder: Path) -> None:
    """A folder in which there is something for the option, but nothing that can be used."""
    if option == "--wardrobe":
        (folder / "coat.mhclo").write_text("name coat\n")
    elif option == "--backgrounds":
        (folder / "photo.jpg").write_bytes(b"no picture")
    else:
        (folder / "images").mkdir()
        write_png(folder / "images" / "1.png", np.zeros((60, 60, 3), np.uint8))
        content = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [], "categories": []}
        (folder / "instances.json").write_text(json.dumps(content))


@pytest.mark.parametrize("option, message", [("--wardrobe", "no usable garment"), ("--backgrounds", "none that can be read"),
                                             ("--coco", "gave no cut-out")])  # fmt: skip
def test_a_folder_of_nothing_usable_is_named_and_nothing_is_written(option: str, message: str, tmp_path: Path,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "given").mkdir()
    _folder_without_use(option, tmp_path / "given")
    assert main(["synth", "--n", "4", "--out", f"{tmp_path}/out", option, f"{tmp_path}/given"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error and f"{tmp_path}/given" in error
    assert not (tmp_path / "out").exists()


def test_the_command_writes_shards_and_a_sheet_and_names_what_it_skips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "wall.png", np.full((120, 90, 3), 140, np.uint8))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    arguments = ["synth", "--n", "3", "--out", f"{tmp_path}/out", "--size", "64,48", "--backgrounds", f"{tmp_path}/photos", "--rate", "0.5",
                 "--cut", "1", "--bare"]  # fmt: skip
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "broken.jpg" in printed.err and "people/s" in printed.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scenes-000000.tar", "scenes.json", "sheet.jpg"]
    assert json.loads((tmp_path / "out" / "scenes.json").read_text())["found"]["backgrounds"] == 1
    for record in read_shards(tmp_path / "out"):
        assert record.cut_share > 0.03 and abs(record.hidden_share - 0.5 * (1 - record.cut_share)) < 0.1 and "top" not in record.words
    assert main(arguments) == 0
    assert "people/s" not in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_ends_soon_and_the_run_goes_on_to_the_same_bytes(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    code = ("from pathlib import Path; from deocc_aug.humans.recipe import Recipe; from deocc_aug.humans.shards import write_shards\n"
            f"if __name__ == '__main__': write_shards(Path({str(folder)!r}), 96, 0, Recipe(size=(96, 72)), 2, per_shard=16)\n")  # fmt: skip
    (tmp_path / "script.py").write_text(code)
    process = subprocess.Popen([sys.executable, tmp_path / "script.py"], start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while not list(folder.glob("scenes-*.tar")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and time.monotonic() - start < 15
    assert 1 <= len(list(folder.glob("scenes-*.tar"))) < 6 and not list(folder.glob(".*"))
    write_shards(folder, 96, 0, SMALL, workers=2, per_shard=16)
    made, whole = _bytes(folder), _bytes(written)
    assert len(list(folder.glob("scenes-*.tar"))) == 6
    assert all(made[f"scenes-00000{k}.tar"] == whole[f"scenes-00000{k}.tar"] for k in range(2))


@pytest.mark.slow
def test_the_fixed_set_is_always_the_same() -> None:
    first, second = fixed_set(), fixed_set()
    assert len(first) == 64
    for one, other in zip(first, second, strict=True):
        assert files_of(one, vertices=True) == files_of(other, vertices=True)
    larger = fixed_set(80)
    assert len(larger) == 80 and files_of(larger[63], vertices=True) == files_of(first[63], vertices=True)


def test_a_fixed_set_of_no_whole_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="people is 20: pass a multiple of 16"):
        fixed_set(20)


@pytest.mark.slow
def test_the_benchmark_prints_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "--benchmark", "--size", "64,48"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "64x48 pixels, 1 workers" in lines
    assert sum("128 people in" in line for line in lines) == 2
