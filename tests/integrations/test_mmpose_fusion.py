"""Promises of DeoccludedPose, kept with real MMPose models that are tiny."""
from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mmpose", reason="needs the extra mmpose, and pip install --no-deps mmpose==1.3.2")

from deocc_aug.integrations.mmpose import DeoccludedPose, insert_transform  # isort: skip  (before mmpose)

import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from pictures import Picture
from presets import write_tiny_preset
from tiny_coco import write_coco
from tiny_mmpose import write_config
from torch import nn

from deocc_aug import Options, Person
from deocc_aug.fusion import FusionWeights, fused
from deocc_aug.loaded import loaded
from deocc_aug.two_views import whole_box

WEIGHTS = FusionWeights((0, 2, 2, 0, 0, 1, 0), (0, 2, 2, 0, 0, 1, 0), (0, 2, 2, 0, 0, 1, 0), 0.05)


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_preset(tmp_path_factory.mktemp("fusion") / "tiny"))


@pytest.fixture(scope="module")
def cfg(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("mmpose_fusion")
    return Config.fromfile(str(write_config(folder / "config.py", write_coco(folder / "coco", (1.0,)), folder / "work")))


def made(cfg: Config) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return init_model(deepcopy(cfg), device="cpu")


@pytest.fixture
def model(cfg: Config) -> nn.Module:
    return made(cfg)


def joints_of(sample: Any) -> np.ndarray:
    return np.concatenate([sample.pred_instances.keypoints[0], sample.pred_instances.keypoint_scores[0][:, None]], 1).astype(np.float64)


def test_the_samples_are_what_the_fusion_says(model: nn.Module, preset: str, picture: Picture) -> None:
    person = picture.person()
    (sample,) = DeoccludedPose(model, preset, seed=2, weights=WEIGHTS)(picture.image, [person])
    result = loaded(preset)(picture.image, person, 2)
    (before,) = inference_topdown(model, picture.image[..., ::-1].copy(), person.box_xyxy[None].astype(np.float32))
    (after,) = inference_topdown(model, result.image[..., ::-1].copy(), whole_box(person, result)[None].astype(np.float32))
    np.testing.assert_allclose(sample.pred_instances.deocc_original[0], joints_of(before))
    np.testing.assert_allclose(sample.pred_instances.deocc_completed[0], joints_of(after))
    np.testing.assert_allclose(joints_of(sample), fused(result, joints_of(before), joints_of(after), WEIGHTS))
    assert not np.allclose(joints_of(before), joints_of(after)) and len(sample.pred_instances) == 1
    assert sample.deocc_changed and sample.deocc_reason == result.reason and sample.deocc_uncertainty == result.uncertainty


def test_whoever_is_left_alone_keeps_the_models_answer(model: nn.Module, preset: str, picture: Picture) -> None:
    speck = np.zeros_like(picture.visible_mask)
    speck[10:20, 10:20] = True
    people = [picture.person(), Person((10, 10, 20, 20), speck)]
    left = DeoccludedPose(model, preset, options=Options(gate=True, thresholds={"hidden": 1.0}), weights=WEIGHTS)(picture.image, people)
    boxes = np.stack([person.box_xyxy for person in people]).astype(np.float32)
    for sample, wanted in zip(left, inference_topdown(model, picture.image[..., ::-1].copy(), boxes), strict=True):
        np.testing.assert_array_equal(joints_of(sample), joints_of(wanted))
        assert not sample.deocc_changed
    assert left[0].deocc_reason.startswith("left alone") and left[1].deocc_uncertainty is None


def test_larger_skeletons_and_others_are_answered_for(cfg: Config, preset: str, picture: Picture) -> None:
    for dataset, joints in (("CocoWholeBodyDataset", 133), ("MpiiDataset", 16)):
        other = deepcopy(cfg)
        other.model.head.out_channels = joints
        for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
            other[loader].dataset.type = dataset
        (sample,) = DeoccludedPose(made(other), preset, weights=WEIGHTS)(picture.image, [picture.person()])
        views = [sample.pred_instances[name][0] for name in ("deocc_original", "deocc_completed")]
        answer = joints_of(sample)
        assert answer.shape == (joints, 3)
        from_one = [np.isclose(answer, view).all(1) for view in views]
        assert (from_one[0] | from_one[1])[17 if joints == 133 else 0:].all() and from_one[0].any()


def test_bottom_up_models_see_one_view(cfg: Config, preset: str, picture: Picture) -> None:
    bottom_up = deepcopy(cfg)
    codec = {"type": "AssociativeEmbedding", "input_size": (64, 64), "heatmap_size": (32, 32), "sigma": 2, "decode_max_instances": 3,
             "decode_keypoint_order": list(range(17))}
    bottom_up.model = {
        "type": "BottomupPoseEstimator", "data_preprocessor": cfg.model.data_preprocessor, "backbone": cfg.model.backbone,
        "head": {"type": "AssociativeEmbeddingHead", "in_channels": 256, "num_keypoints": 17, "tag_dim": 1, "tag_per_keypoint": True,
                 "deconv_out_channels": (8, 8, 8, 8), "deconv_kernel_sizes": (4, 4, 4, 4),
                 "keypoint_loss": {"type": "KeypointMSELoss"}, "tag_loss": {"type": "AssociativeEmbeddingLoss"}, "decoder": codec},
        "test_cfg": {"multiscale_test": False, "flip_test": True, "shift_heatmap": False, "restore_heatmap_size": False,
                     "align_corners": False}}
    bottom_up.test_dataloader.dataset.data_mode = "bottomup"
    bottom_up.test_dataloader.dataset.pipeline = [
        {"type": "LoadImage"}, {"type": "BottomupResize", "input_size": (64, 64), "size_factor": 64, "resize_mode": "expand"},
        {"type": "PackPoseInputs", "meta_keys": ("id", "img_id", "img_path", "crowd_index", "ori_shape", "img_shape", "input_size",
                                                 "input_center", "input_scale", "flip_indices")}]
    pose = DeoccludedPose(made(bottom_up), preset)  # needs no weights
    (sample,) = pose(picture.image, [picture.person()])
    assert sample.deocc_changed and joints_of(sample).shape == (17, 3) and np.isfinite(joints_of(sample)).all()
    np.testing.assert_array_equal(joints_of(sample), sample.pred_instances.deocc_completed[0])


def test_what_cannot_be_wrapped_is_refused(model: nn.Module, preset: str) -> None:
    with pytest.raises(TypeError, match="pass a top-down or bottom-up model"):
        DeoccludedPose(nn.Linear(2, 2), preset, weights=WEIGHTS)
    with pytest.raises(ValueError, match="brings no weights for the fusion"):
        DeoccludedPose(model, preset)
    insert_transform(model, {"preset": preset})
    with pytest.raises(ValueError, match="pipeline has a DeoccludePerson"):
        DeoccludedPose(model, preset, weights=WEIGHTS)
