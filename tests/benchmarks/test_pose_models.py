"""Promises of the compact pose models: who they learn from, how they are trained, kept and found again, and what their table says."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from presets import write_tiny_preset
from tiny_people import write_ccp, write_everyday, write_scenes

pytest.importorskip("mmpose", reason="needs the extra mmpose, and pip install --no-deps mmpose==1.3.2")

from deocc_aug.benchmarks.pose_models import hiding, people as readers, photo_set, table, train, weights  # isort: skip  (before mmpose)

from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, TRANSFORMS

from deocc_aug.benchmarks.estimators.mmpose import MMPoseEstimator
from deocc_aug.benchmarks.harness.metrics import OksAP
from deocc_aug.benchmarks.pose_models.precision import average_precision, oks
from deocc_aug.cli import main
from deocc_aug.data.coco import mask_of, read_coco
from deocc_aug.data.images import read_image
from deocc_aug.humans.shards import read_shards
from deocc_aug.occluders.cutouts import read_cutouts

PIPELINE = ["GetBBoxCenterScale", "RandomFlip", "RandomBBoxTransform", "TopdownAffine"]
OPTIONS = {"TopdownAffine": {"input_size": (192, 256), "use_udp": True}}


@pytest.fixture(scope="module", autouse=True)
def mmpose_scope() -> None:
    init_default_scope("mmpose")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("people")
    writers = {"ccp": write_ccp, "coco": write_everyday, "scenes": write_scenes}
    return {name: str(write(folder / name)) for name, write in writers.items()}


@pytest.fixture(scope="module")
def run(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was stopped after two steps and gone on with for one more."""
    out = tmp_path_factory.mktemp("runs") / "compact-occluded"
    for steps in (2, 3):
        train.main(_arguments(folders, out, "--weights", "occluded", "--max-steps", str(steps)))
    return out


@pytest.fixture(scope="module")
def people(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("set")
    cutouts = read_cutouts(Path(folders["coco"]), side=160, min_area=500)
    photos = [*photo_set.ccp_photos(Path(folders["ccp"]), "val"), *photo_set.coco_photos(Path(folders["coco"]), "val")]
    assert photo_set.write_set(out, photos, cutouts) == 2
    return out


def _arguments(folders: dict[str, str], out: Path, *more: str) -> list[str]:
    given = [part for name, folder in folders.items() for part in (f"--{name}", folder)]
    return [*given, "--out", str(out), "--batch-size", "2", "--workers", "0", "--precision", "float32", *more]


def _loaded(folders: dict[str, str], *more: Any, **given: Any) -> Any:
    return DATASETS.build({"type": "CompactPosePeople", **folders, "pipeline": [{"type": "LoadPerson", "mask": True}, *more], **given})


def test_val_people_are_in_no_training(folders: dict[str, str]) -> None:
    once = _loaded(folders, times={"ccp": 1, "coco": 1, "scenes": 1})
    names = [Path(once.get_data_info(i)["img_path"]).name for i in range(len(once))]
    assert names == ["0000.jpg", "0001.jpg", "000000000001.jpg", "000000000003.jpg", *["scenes-000000.tar"] * 2]
    assert len(_loaded(folders, times={"ccp": 3, "coco": 0, "scenes": 1})) == 8
    with pytest.raises(ValueError, match="nobody to learn from"):
        DATASETS.build({"type": readers.CompactPosePeople, "pipeline": []})


def test_a_scene_is_what_its_shard_says(folders: dict[str, str]) -> None:
    dataset = _loaded({"scenes": folders["scenes"]})
    for i, scene in enumerate(read_shards(Path(folders["scenes"]))):
        found = dataset[i]
        np.testing.assert_array_equal(found["img"][..., ::-1], scene.clean)
        np.testing.assert_array_equal(found["person_mask"], scene.amodal)
        assert found["keypoints_visible"].tolist() == [[0, *[1] * 16]]
        np.testing.assert_allclose(found["keypoints"][0, 1:], scene.joints_px[1:], atol=1e-3)


def test_whoever_has_no_silhouette_is_all_of_their_box(folders: dict[str, str]) -> None:
    labelled, unlabelled = (_loaded({"ccp": folders["ccp"]}, times={"ccp": 1})[i] for i in (0, 1))
    x0, y0, x1, y1 = unlabelled["bbox"][0].round().astype(int)
    assert unlabelled["person_mask"].sum() == (x1 - x0) * (y1 - y0) > 1.5 * labelled["person_mask"].sum() > 0


@pytest.mark.parametrize("hidden_weight", [1.0, 0.0])
def test_what_is_in_front_hides_joints_and_nothing_else(folders: dict[str, str], hidden_weight: float) -> None:
    steps = [{"type": name, **OPTIONS.get(name, {})} for name in PIPELINE]
    dataset = _loaded({"ccp": folders["ccp"], "scenes": folders["scenes"]}, *steps)
    hide = TRANSFORMS.build({"type": "HidePerson", "p": 1.0, "hidden_weight": hidden_weight})
    np.random.seed(0)
    seen = 0
    for i in [*range(len(dataset))] * 2:
        before = dataset[i]
        after = hide(dict(before))
        around = ~after["occluder_mask"]
        assert (after["img"][around] <= before["img"][around]).all()  # shadows may fall there, nothing else
        np.testing.assert_array_equal(after["keypoints"], before["keypoints"])
        hidden = after["keypoints_hidden"]
        np.testing.assert_array_equal(after["keypoints_visible"], np.where(hidden, hidden_weight, 1) * before["keypoints_visible"])
        columns, rows = np.floor(after["transformed_keypoints"][0, hidden[0], :2] + 0.5).astype(int).T
        assert after["occluder_mask"][rows, columns].all()
        seen += int(hidden.sum())
    assert seen > 5


def test_the_silhouette_goes_where_the_person_goes(folders: dict[str, str], tmp_path: Path) -> None:
    steps = [{"type": name, **OPTIONS.get(name, {}), **({"prob": 1.0} if name == "RandomFlip" else {})} for name in PIPELINE]
    dataset = _loaded({"ccp": folders["ccp"]}, steps[0])
    np.random.seed(1)
    for _ in range(3):
        results = dataset[0]
        results["img"] = np.repeat(results["person_mask"][..., None].astype(np.uint8) * 255, 3, 2)
        for step in steps[1:]:
            results = TRANSFORMS.build(step)(results)
        assert (hiding._in_crop(results) != (results["img"][..., 0] > 127)).mean() < 0.002


@pytest.mark.parametrize(("given", "message"), [({"p": 2}, "p is 2"), ({"hidden_weight": 0.3}, "hidden_weight is 0.3")])
def test_wrong_shares_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build({"type": "HidePerson", **given})


def test_a_run_that_goes_on_ends_where_it_should(run: Path) -> None:
    said = json.loads((run / "weights" / "manifest.json").read_text())
    assert said["name"] == "compact-occluded" and said["trained"]["steps"] == 3 and said["trained"]["seed"] == 0
    assert train.steps_done(run) == 3
    assert sum(path.stat().st_size for path in (run / "weights").iterdir()) < 5e6


def test_weights_predict_what_the_running_average_did(run: Path) -> None:
    state = torch.load(run / "iter_3.pth", weights_only=True)["state_dict"]  # the average: MMEngine swaps the two when it saves
    model = weights.pose_model(run / "weights")
    mine = model.state_dict()
    assert set(mine) == set(state)
    for name, tensor in state.items():
        torch.testing.assert_close(mine[name], tensor, rtol=1e-3, atol=1e-6, msg=name)
    shown = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        before = model.head.forward(model.extract_feat(shown))
        model.load_state_dict(state)
        torch.testing.assert_close(model.head.forward(model.extract_feat(shown)), before, rtol=0.01, atol=1e-4)


def test_a_training_ends_by_time(folders: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "timed"
    train.main(_arguments({"scenes": folders["scenes"]}, out, "--weights", "clean", "--max-time", "00:00:00:01"))
    said = json.loads((out / "weights" / "manifest.json").read_text())["trained"]
    assert 1 <= said["steps"] < 200 and said["seconds"] >= 1 and (out / f"iter_{said['steps']}.pth").is_file()
    train.main(_arguments({"scenes": folders["scenes"]}, out, "--weights", "clean", "--max-time", "00:00:00:01"))
    assert json.loads((out / "weights" / "manifest.json").read_text())["trained"]["steps"] == said["steps"]
    for text in ("25:00", "00:00:00:00"):
        with pytest.raises(ValueError, match="pass DD:HH:MM:SS"):
            train.seconds_of(text)


def test_damaged_or_missing_weights_are_an_error_that_says_so(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "manifest.json", "model.safetensors"):
        content = (run / "weights" / name).read_bytes()
        (broken / name).write_bytes(content if name != "model.safetensors" else content[:-1] + b"x")
    with pytest.raises(ValueError, match="model.safetensors is damaged or was replaced"):
        weights.pose_model(broken)
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="compact-clean: this package has no weights of that name yet.*pose_models.train"):
        MMPoseEstimator(Path("compact-clean"))
    assert main(["bench", "pose2d", "--out", str(tmp_path / "out")]) != 0
    assert "no estimator is named, and the package has no weights" in capsys.readouterr().err


def test_compact_models_are_estimators_by_name(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pose").mkdir()
    (tmp_path / "pose" / "compact-occluded").symlink_to(run / "weights")
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "pose")
    from deocc_aug.benchmarks.harness.pose2d import compact

    assert list(compact()) == ["compact-occluded"]
    image = np.random.default_rng(0).integers(0, 255, (120, 90, 3), dtype=np.uint8)
    found = [MMPoseEstimator(Path(given)).estimate(image, np.array([10.0, 10, 80, 110])) for given in ("compact-occluded", run / "weights")]
    assert found[0].shape == (17, 3) and np.array_equal(*found)
    with pytest.raises(ValueError, match="has its own weights"):
        MMPoseEstimator(Path("compact-occluded"), Path("other.pth"))


def test_average_precision_is_cocos() -> None:
    sigmas = parse_pose_metainfo({"from_file": "configs/_base_/datasets/coco.py"})["sigmas"]
    rng = np.random.default_rng(0)
    for count in (1, 7, 40):
        boxes = np.tile([0.0, 0, 100, 200], (count, 1))
        truth = np.concatenate([rng.uniform(0, 100, (count, 17, 2)), rng.random((count, 17, 1)) > 0.3], 2)
        off = rng.normal(0, rng.uniform(1, 25, (count, 1, 1)), (count, 17, 2))
        found = np.concatenate([truth[..., :2] + off, rng.random((count, 17, 1))], 2)
        metric = OksAP()
        metric.update(*map(torch.from_numpy, (found, truth, np.full(count, 9000.0), boxes)))
        people = [{"keypoints": one.ravel().tolist(), "area": 9000.0} for one in truth]
        ours = average_precision(np.array([oks(*pair, sigmas) for pair in zip(people, found, strict=True)]), found[..., 2].mean(1))
        assert ours == pytest.approx(float(metric.compute()), abs=1e-6)


def test_the_set_is_the_same_people_with_and_without(people: Path) -> None:
    behind, clean = (read_coco(people / kind / "people.json") for kind in ("occluded", "clean"))
    for before, after in zip(behind, clean, strict=True):
        assert before.id == after.id > 0 and before.size == after.size
        (hidden,), (whole,) = before.annotations, after.annotations
        occluder = mask_of(hidden["occluder_segmentation"], before.size, "occluder_segmentation")
        images = [read_image(people / kind / "images" / before.file_name) for kind in ("occluded", "clean")]
        assert occluder.any() and not ((images[0] != images[1]).any(-1) & ~occluder).any()
        assert hidden["bbox"] == whole["bbox"] and hidden["area"] == whole["area"]
        joints = np.array(hidden["keypoints"]).reshape(17, 3)
        columns, rows = np.floor(joints[:, :2]).astype(int).T
        np.testing.assert_array_equal(joints[:, 2], np.where(occluder[rows, columns], 1, 2))
        assert set(whole["keypoints"][2::3]) == {2}


def test_the_table_asks_every_model_of_everybody_in_every_view(run: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 20)
    preset, other = write_tiny_preset(tmp_path / "tiny"), tmp_path / "other"
    other.mkdir()
    for name in ("config.json", "manifest.json", "model.safetensors"):
        (other / name).write_bytes((run / "weights" / name).read_bytes().replace(b'"compact-occluded"', b'"other"'))
    fusion = {name: [0, 2, 2, 0, 0, 1, 0] for name in ("original", "completed", "own")} | {"margin": 0}
    (tmp_path / "fusion.json").write_text(json.dumps(fusion))
    table.main(["--people", str(people), "--weights", json.dumps([str(run / "weights"), str(other)]), "--out", str(tmp_path / "out"),
                "--preset", str(preset), "--fusion", str(tmp_path / "fusion.json"), "--json", str(tmp_path / "table.json")])
    rows = json.loads((tmp_path / "table.json").read_text())
    assert [(row["model"], row["photos"], row["view"]) for row in rows] == [
        (model, photos, view) for model in ("compact-occluded", "other") for photos in ("occluded", "clean")
        for view in ("photo", "DeoccludePerson", "DeoccludedPose")]
    assert all(row["people"] == 2 and 0 <= row["AP"]["value"] <= 1 and row["mean OKS"]["value"] >= 0 for row in rows)
    same = [{key: value for key, value in row.items() if key not in ("model", "AP more than other's photo")} for row in rows]
    assert same[:6] == same[6:]  # the same weights find the same
    similarity = [row["mean OKS"]["value"] for row in rows]
    assert len(set(similarity[:3])) == 3  # what is in front is completed, and both views differ from either
    assert capsys.readouterr().out.count("| compact-occluded |") == 6


def test_models_of_one_name_are_refused(run: Path, people: Path, tmp_path: Path) -> None:
    question = table.Question(people, tmp_path, table.Settings())
    with pytest.raises(ValueError, match="two are called the same"):
        table.table(question, [str(run / "weights")] * 2)
