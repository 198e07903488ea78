"""Promises of the MMPose integration, kept with the real library: a tiny model, a tiny preset, drawn people."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("mmpose", reason="needs the extra mmpose, and pip install --no-deps mmpose==1.3.2")

from deocc_aug.integrations.mmpose import RESULT_KEYS, DeoccludePerson, MMPoseObserver, insert_transform  # isort: skip  (before mmpose)

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.apis import MMPoseInferencer, Pose2DInferencer, inference_topdown, init_model
from mmpose.registry import TRANSFORMS
from pictures import Picture
from presets import write_tiny_preset
from tiny_coco import write_coco
from tiny_mmpose import write_config

from deocc_aug import Person
from deocc_aug.cli import main
from deocc_aug.data.coco import USED, person_of, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.integrations.mmpose.lite import AbsentOps, stand_ins
from deocc_aug.loaded import loaded, one_thread
from deocc_aug.types import COCO_JOINTS

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of six people in three pictures, the tiny preset, and the tiny config."""
    folder = tmp_path_factory.mktemp("mmpose")
    ann = write_coco(folder / "coco")
    (folder / "tiny").mkdir()
    write_tiny_preset(folder / "tiny")
    write_config(folder / "config.py", ann, folder / "work")
    return folder


@pytest.fixture(scope="module")
def cache(folder: Path) -> Path:
    assert main(["precompute", "--ann", f"{folder}/coco/people.json", "--images", f"{folder}/coco/images", "--preset", f"{folder}/tiny",
                 "--out", f"{folder}/cache"]) == 0
    return folder / "cache"


@pytest.fixture
def cfg(folder: Path) -> Config:
    """The config as its file has it."""
    return Config.fromfile(str(folder / "config.py"))


@pytest.fixture
def whole_cfg(folder: Path, cfg: Config) -> Config:
    """The config with the transform in every pipeline."""
    insert_transform(cfg, {"preset": f"{folder}/tiny"}, meta_keys=RESULT_KEYS)
    return cfg


def _results(folder: Path, number: int, **changes: Any) -> dict[str, Any]:
    """What a pipeline holds of an annotated person when the transform is called."""
    content = json.loads((folder / "coco" / "people.json").read_text())
    annotation = next(entry for entry in content["annotations"] if entry["id"] == number) | changes
    image = cv2.imread(f"{folder}/coco/images/{annotation['image_id']}.png")
    x, y, w, h = annotation["bbox"]
    return {"img": image, "id": number, "bbox": np.array([[x, y, x + w, y + h]], np.float32), "raw_ann_info": annotation}


def _with_workers(cfg: Config, workers: int) -> Config:
    for loader in LOADERS:
        cfg[loader].num_workers = workers
    return cfg


def _everything(cfg: Config) -> list[tuple[bytes, dict[str, Any]]]:
    """The tensor and the metainfo of every sample of the test loader."""
    init_default_scope("mmpose")
    loader = Runner.build_dataloader(cfg.test_dataloader)
    found = []
    for batch in loader:
        for inputs, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
            said = {key: np.asarray(value).tolist() if isinstance(value, np.ndarray) else value for key, value in sample.metainfo.items()
                    if key in (*RESULT_KEYS, "id")}
            found.append((inputs.numpy().tobytes(), said))
    return found


def test_the_pipeline_sees_the_librarys_own_result(folder: Path) -> None:
    for number in (10, 11, 20, 31):  # masks as RLE, polygons and OCHuman's dicts, with and without what is in front
        results = _results(folder, number)
        before = results["img"].copy()
        given, done = results["img"], DeoccludePerson(preset=f"{folder}/tiny").transform(dict(results))
        image = read_image(folder / "coco" / "images" / f"{results['raw_ann_info']['image_id']}.png")
        person = person_of(with_hints(results["raw_ann_info"], USED), image.shape[:2])
        with one_thread():
            wanted = loaded(folder / "tiny")(image, person)
        np.testing.assert_array_equal(done["img"][..., ::-1], wanted.image)
        np.testing.assert_array_equal(given, before)
        assert done["img"] is not given and done["deocc_changed"] and done["deocc_source"] == "live"
        np.testing.assert_allclose(done["deocc_keypoints"][0, :, :2], wanted.joints[:, :2], atol=0.006)
        assert done["deocc_uncertainty"] == round(wanted.uncertainty, 4) and done["deocc_reason"] == wanted.reason
        assert set(done) == {*results, *RESULT_KEYS} and done["raw_ann_info"] is results["raw_ann_info"]


def test_without_an_annotation_the_results_own_keys_are_read(folder: Path) -> None:
    transform = DeoccludePerson(preset=f"{folder}/tiny", use=["segmentation", "keypoints"])
    raw = _results(folder, 11)
    annotation = raw.pop("raw_ann_info")
    keypoints = np.array(annotation["keypoints"], np.float32).reshape(1, 17, 3)
    made = raw | {"segmentation": annotation["segmentation"], "keypoints": keypoints[..., :2], "keypoints_visible": keypoints[..., 2] / 2}
    converted = made | {"keypoints_visible": np.stack([keypoints[..., 2] / 2, np.ones((1, 17), np.float32)], 2)}  # as KeypointConverter
    wanted = transform.transform(_results(folder, 11))["img"]
    np.testing.assert_array_equal(transform.transform(made)["img"], wanted)
    np.testing.assert_array_equal(transform.transform(converted)["img"], wanted)


def test_keypoints_help_only_where_they_are_asked_to(folder: Path) -> None:
    other = (np.array(_results(folder, 10)["raw_ann_info"]["keypoints"]) * 0.5).tolist()
    for use, same in ((USED, True), ((*USED, "keypoints"), False)):
        transform = DeoccludePerson(preset=f"{folder}/tiny", use=use)
        one, two = (transform.transform(_results(folder, 10, **change)) for change in ({}, {"keypoints": other}))
        assert np.array_equal(one["deocc_keypoints"], two["deocc_keypoints"]) is same


def test_whole_float_images_stay_float_and_others_are_refused(folder: Path) -> None:
    transform, results = DeoccludePerson(preset=f"{folder}/tiny"), _results(folder, 10)
    wanted = transform.transform(dict(results))["img"]
    done = transform.transform(results | {"img": results["img"].astype(np.float32)})["img"]
    assert done.dtype == np.float32 and np.array_equal(done, wanted)
    with pytest.raises(ValueError, match="no whole numbers"):
        transform.transform(results | {"img": results["img"] / np.float32(255)})


def test_refused_people_pass_with_the_reason_or_are_an_error(folder: Path) -> None:
    results = _results(folder, 10, bbox=[900.0, 900.0, 40.0, 40.0])
    done = DeoccludePerson(preset=f"{folder}/tiny").transform(dict(results))
    assert done["img"] is results["img"] and done["deocc_source"] == "refused" and "outside the image" in done["deocc_reason"]
    assert not done["deocc_changed"] and done["deocc_uncertainty"] is None and not done["deocc_keypoints"].any()
    with pytest.raises(ValueError, match="refused a person: .*outside the image"):
        DeoccludePerson(preset=f"{folder}/tiny", on_refusal="error").transform(dict(results))


def test_a_box_alone_is_the_librarys_to_judge(folder: Path) -> None:
    results = _results(folder, 10, segmentation=[], occluder_segmentation=None)
    done = DeoccludePerson(preset=f"{folder}/tiny").transform(dict(results))
    assert done["deocc_source"] == "refused" and "visible_mask" in done["deocc_reason"]  # the tiny preset has no observer


@pytest.mark.parametrize(("spoil", "kind", "message"), [
    ({"flip": True}, ValueError, "right after GetBBoxCenterScale"), ({"input_size": (4, 4)}, ValueError, "right after GetBBoxCenterScale"),
    ({"raw_ann_info": [{}, {}]}, TypeError, "several annotations"),
    ({"raw_ann_info": None, "bbox": np.zeros((2, 4))}, TypeError, r"\(2, 4\)")])
def test_a_wrong_place_is_an_error(folder: Path, spoil: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        DeoccludePerson(preset=f"{folder}/tiny").transform(_results(folder, 10) | spoil)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"preset": "giant"}, "giant"), ({"options": {"steps": 3}}, "steps"), ({"options": {"guidance": -1}}, "guidance"),
    ({"on_missing": "skip"}, "on_missing"), ({"on_refusal": "skip"}, "on_refusal"), ({"use": "keypoints"}, "use is 'keypoints'"),
    ({"use": ["pose"]}, "pose"), ({"cache": "nowhere"}, "nowhere")])
def test_wrong_arguments_are_refused_when_the_config_is_built(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build({"type": "DeoccludePerson", **arguments})


def test_insert_transform_says_where_and_may_be_called_again(folder: Path, cfg: Config) -> None:
    places = insert_transform(cfg, {"preset": f"{folder}/tiny"})
    assert {f"{loader}.dataset.pipeline" for loader in LOADERS} <= set(places)
    once = cfg.pretty_text
    assert insert_transform(cfg, {"preset": f"{folder}/tiny"}) == places and cfg.pretty_text == once
    for loader in LOADERS:
        steps = [step["type"] for step in cfg[loader].dataset.pipeline]
        assert steps[steps.index("GetBBoxCenterScale") + 1] == "DeoccludePerson" and steps.count("DeoccludePerson") == 1
    insert_transform(cfg, {"preset": f"{folder}/tiny", "seed": 3}, meta_keys=["deocc_reason"])
    pipeline = cfg.train_dataloader.dataset.pipeline
    assert pipeline[2].seed == 3 and "deocc_reason" in pipeline[-1].meta_keys and "img_path" in pipeline[-1].meta_keys


def test_insert_transform_reaches_nested_and_scoped_pipelines() -> None:
    inner = [{"type": "mmpose.LoadImage"}, {"type": "mmpose.GetBBoxCenterScale"}]
    cfg = {"data": {"type": "CombinedDataset", "datasets": [{"pipeline": inner}]}, "custom_imports": {"imports": "mine"}}
    assert insert_transform(cfg) == ("data.datasets[0].pipeline",)
    assert inner[2] == {"type": "mmpose.DeoccludePerson"}
    assert cfg["custom_imports"]["imports"] == ["mine", "deocc_aug.integrations.mmpose"]


@pytest.mark.parametrize(("spoil", "kind", "message"), [
    (lambda cfg: {"pipeline": [{"type": "LoadImage"}]}, ValueError, "no pipeline"),
    (lambda cfg: {"pipeline": ({"type": "GetBBoxCenterScale"},)}, ValueError, "pipeline is a tuple"),
    (lambda cfg: torch.nn.Linear(1, 1), TypeError, "got a Linear: pass a Config .*an inferencer has built its pipeline already")])
def test_a_config_without_a_place_is_an_error(cfg: Config, spoil: Callable[[Config], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        insert_transform(spoil(cfg), {})


def test_live_and_cached_0_and_2_workers_see_the_same_bytes(folder: Path, cache: Path, whole_cfg: Config) -> None:
    live = _everything(_with_workers(whole_cfg, 0))
    assert [said["id"] for _, said in live] == [10, 11, 20, 21, 30, 31]
    assert all(said["deocc_source"] == "live" and said["deocc_changed"] for _, said in live)
    assert _everything(_with_workers(whole_cfg, 2)) == live
    insert_transform(whole_cfg, {"preset": f"{folder}/tiny", "cache": str(cache)})
    for workers in (0, 2):
        cached = _everything(_with_workers(whole_cfg, workers))
        assert [(image, said | {"deocc_source": "live"}) for image, said in cached] == live
        assert all(said["deocc_source"] == "cache" for _, said in cached)


@pytest.mark.parametrize("on_missing", ["error", "live", "pass"])
def test_who_is_not_in_the_cache(folder: Path, cache: Path, on_missing: str) -> None:
    transform = DeoccludePerson(preset=f"{folder}/tiny", cache=str(cache), seed=7, on_missing=on_missing)
    results = _results(folder, 10)
    if on_missing == "error":
        with pytest.raises(LookupError, match="holds nobody like person 10 .*deocc-aug precompute"):
            transform.transform(results)
        return
    done = transform.transform(dict(results))
    assert done["deocc_source"] == {"live": "live", "pass": "missing"}[on_missing]
    assert (done["img"] is results["img"]) is (on_missing == "pass")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_runner_tests_and_trains(whole_cfg: Config, tmp_path: Path, workers: int) -> None:
    whole_cfg.work_dir = str(tmp_path)
    whole_cfg.test_evaluator.nms_mode = "none"
    whole_cfg.test_evaluator.outfile_prefix = str(tmp_path / "found")
    runner = Runner.from_cfg(_with_workers(whole_cfg, workers))
    metrics = runner.test()
    assert 0 <= metrics["coco/AP"] <= 1
    assert len(json.loads((tmp_path / "found.keypoints.json").read_text())) == 6
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    assert any(not torch.equal(value, before[name]) for name, value in runner.model.state_dict().items())
    dumped = Config.fromfile(str(tmp_path / "config.py"))
    assert "deocc_aug.integrations.mmpose" in dumped.custom_imports["imports"]


def test_inference_topdown_loads_the_preset_once(folder: Path, cfg: Config, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    model = init_model(cfg, device="cpu")
    plain, bgr = _segmented(folder), np.ascontiguousarray(picture.image[..., ::-1])
    assert "test_dataloader.dataset.pipeline" in insert_transform(model, {"preset": str(plain)}, meta_keys=RESULT_KEYS)
    calls = []
    deoccluder = loaded(plain)
    monkeypatch.setattr("deocc_aug.integrations.mmpose.transform.loaded", lambda *given: calls.append(given) or loaded(*given))
    monkeypatch.setattr(deoccluder, "observer", _Observer(picture))
    for _ in range(2):
        (sample, _other) = inference_topdown(model, bgr, np.array([picture.box_xyxy] * 2))
        assert sample.deocc_source == "live" and sample.deocc_changed and sample.pred_instances.keypoints.shape == (1, 17, 2)
    assert len(calls) == 4 and loaded(*calls[0]) is deoccluder
    np.testing.assert_array_equal(bgr[..., ::-1], picture.image)


@pytest.mark.parametrize("kind", [Pose2DInferencer, MMPoseInferencer])
def test_inferencers_take_the_changed_config(whole_cfg: Config, picture: Picture, tmp_path: Path, kind: Any) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), picture.image[..., ::-1])
    inferencer = kind(whole_cfg, det_model="whole_image", device="cpu")
    (result,) = list(inferencer(str(tmp_path / "photo.png"), return_datasamples=True))
    sample = result["predictions"][0]
    assert sample.deocc_source == "refused" and sample.pred_instances.keypoints.shape[1:] == (17, 2)  # the tiny preset has no observer


def test_cuda_is_refused_in_a_forked_worker(folder: Path, cfg: Config) -> None:
    insert_transform(cfg, {"preset": f"{folder}/tiny", "device": "cuda"})
    with pytest.raises(RuntimeError, match="'cuda' cannot be used in a data loader's worker that was forked.*num_workers=0"):
        _everything(_with_workers(cfg, 1))


def test_an_mmpose_model_observes_the_joints(folder: Path, cfg: Config, picture: Picture) -> None:
    model = init_model(cfg, device="cpu")
    known = np.zeros((17, 3))
    known[0] = (110, 52, 1)
    person = Person(box_xyxy=np.array(picture.box_xyxy), visible_mask=picture.visible_mask, joints=known)
    seen = MMPoseObserver(model, least=0.0)(picture.image, person)
    assert seen.joints is not None and seen.visible_mask is picture.visible_mask
    np.testing.assert_array_equal(seen.joints[0], known[0])
    (sample,) = inference_topdown(model, np.ascontiguousarray(picture.image[..., ::-1]), np.array([picture.box_xyxy], np.float32))
    found = seen.joints[:, 2] > 0
    np.testing.assert_allclose(seen.joints[1:, :2][found[1:]], sample.pred_instances.keypoints[0, 1:][found[1:]])
    none = MMPoseObserver(model, least=1.0)(picture.image, Person(box_xyxy=np.array(picture.box_xyxy)))
    assert none.joints is not None and none.visible_mask is None


def test_an_observer_needs_cocos_joints_and_a_pipeline_without_the_transform(folder: Path, cfg: Config) -> None:
    model = init_model(cfg, device="cpu")
    names = model.dataset_meta["keypoint_name2id"]
    assert set(COCO_JOINTS) <= set(names)
    model.dataset_meta = {**model.dataset_meta, "keypoint_name2id": {name: i for name, i in names.items() if name != "nose"}}
    with pytest.raises(ValueError, match="the model has no nose"):
        MMPoseObserver(model)
    model.dataset_meta["keypoint_name2id"] = names
    insert_transform(model, {"preset": f"{folder}/tiny"})
    with pytest.raises(ValueError, match="pass a model without it"):
        MMPoseObserver(model)


def test_stand_ins_are_gone_after_the_import() -> None:
    code = "import sys, deocc_aug.integrations.mmpose; print([n for n in sys.modules if n.split('.')[0] == 'mmdet' or n == 'mmcv._ext'])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(RuntimeError, match="nms is one of mmcv's operations"):
        AbsentOps("mmcv._ext").nms()


def test_nothing_stands_in_for_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.integrations.mmpose.lite.find_spec", lambda name: object())
    with stand_ins() as replaced:
        assert replaced == ()


def test_the_library_imports_no_mm() -> None:
    sources = list(Path(str(sys.modules["deocc_aug"].__file__)).parent.rglob("*.py"))
    assert len(sources) > 50
    assert not [path for path in sources if any(line.strip().startswith((f"import {name}", f"from {name}"))
                for line in path.read_text().splitlines() for name in ("mmpose", "mmcv", "mmengine", "mmdet"))]


class _Observer:
    """Knows the one person of a picture."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def __call__(self, image: np.ndarray, person: Person) -> Person:
        return Person(box_xyxy=person.box_xyxy, visible_mask=self.picture.visible_mask, occluder_mask=self.picture.occluder_mask)


def _segmented(folder: Path) -> Path:
    """A second tiny preset, so that giving its Deoccluder an observer changes no other test's."""
    if not (folder / "observed").exists():
        (folder / "observed").mkdir()
        write_tiny_preset(folder / "observed")
    return folder / "observed"
