"""Promises of the benchmark's estimators: a joint that a model puts somewhere in its crop is found there in the image."""
from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tiny_coco import write_coco
from tiny_mmpose import write_config

from deocc_aug.benchmarks.estimators.litert import MoveNet
from deocc_aug.benchmarks.estimators.onnx import OnnxPose, from_heatmaps, from_simcc
from deocc_aug.benchmarks.estimators.protocol import check, crop, described, in_image

BOX = np.array([30.0, 20.0, 110.0, 180.0])


def test_a_place_in_the_crop_is_that_place_in_the_image() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((220, 160, 3), np.uint8)
    image[97:100, 61:64] = 255
    for size in ((192, 192), (192, 256)):
        shown, to_input = crop(image, BOX, size, 1.25)
        assert shown.shape == (size[1], size[0], 3)
        rows, columns = np.nonzero(shown[:, :, 0] > 128)
        middle = in_image(np.tile([columns.mean(), rows.mean()], (17, 1)), np.ones(17), to_input)
        assert np.allclose(middle[:, :2], [62, 98], atol=0.6)
        points = rng.uniform(0, 150, (17, 2))
        assert np.allclose(in_image(points * to_input[0, 0] + to_input[:, 2], np.ones(17), to_input)[:, :2], points)


def test_simcc_bins_and_heatmap_peaks_are_places() -> None:
    x, y = np.zeros((17, 384), np.float32), np.zeros((17, 512), np.float32)
    x[:, 100], y[:, 30] = 0.5, 0.9
    xy, scores = from_simcc(x, y, (192, 256))
    assert np.allclose(xy, [50, 15]) and np.allclose(scores, 0.5)
    maps = np.zeros((17, 64, 48), np.float32)
    maps[:, 20, 10], maps[:, 20, 11], maps[:, 19, 10] = 0.8, 0.4, 0.2
    xy, scores = from_heatmaps(maps, (192, 256))
    assert np.allclose(xy, [(10.25) * 4, (19.75) * 4]) and np.allclose(scores, 0.8)
    corner = np.zeros((17, 64, 48), np.float32)
    corner[:, 0, 47] = 1
    assert np.allclose(from_heatmaps(corner, (192, 256))[0], [188, 0])


def _interpreter(shape: tuple[int, ...]) -> ModuleType:
    """A LiteRT that finds every joint at a quarter of the width and half the height of what it is shown."""
    class Interpreter:
        def __init__(self, path: str, num_threads: int) -> None:
            self.shown = np.zeros(0)

        def allocate_tensors(self) -> None:
            """Nothing to allocate."""

        def get_input_details(self) -> list[dict]:
            return [{"index": 0, "shape": np.array([1, 192, 192, 3]), "dtype": np.uint8}]

        def get_output_details(self) -> list[dict]:
            return [{"index": 1, "shape": np.array(shape)}]

        def set_tensor(self, index: int, value: np.ndarray) -> None:
            assert value.shape == (1, 192, 192, 3) and value.dtype == np.uint8
            self.shown = value

        def invoke(self) -> None:
            assert self.shown.any()

        def get_tensor(self, index: int) -> np.ndarray:
            return np.broadcast_to(np.array([0.5, 0.25, 0.9], np.float32), (1, 1, 17, 3))

    module = ModuleType("ai_edge_litert.interpreter")
    vars(module)["Interpreter"] = Interpreter
    return module


def test_movenet_answers_in_image_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "movenet.tflite"
    model.write_bytes(b"a model")
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", _interpreter((1, 1, 17, 3)))
    estimator = MoveNet(model)
    check("movenet", estimator)
    assert described(estimator)["class"].endswith("litert.MoveNet") and len(described(estimator)["sha256"]) == 64
    found = estimator.estimate(np.full((220, 160, 3), 127, np.uint8), BOX)
    assert np.allclose(found, [70 - 0.25 * 1.25 * 160, 100, 0.9])  # the crop is 200 px wide around (70, 100)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", _interpreter((1, 6, 56)))
    with pytest.raises(ValueError, match="single-pose MoveNet"):
        MoveNet(model)


def test_a_missing_model_or_runtime_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.tflite is not there"):
        MoveNet(tmp_path / "nowhere.tflite")
    (tmp_path / "a").write_bytes(b"")
    for name, kind, words in (("ai_edge_litert.interpreter", MoveNet, "ai-edge-litert"), ("onnxruntime", OnnxPose, "onnxruntime")):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=f"pip install {words}"):
            kind(tmp_path / "a")


def _onnx(path: Path, heatmaps: bool, joints: int = 17) -> None:
    """A model that puts every joint on the brightest column and row of its input: SimCC bins are the mean over the other axis."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 64, 48])
    if heatmaps:
        nodes = [helper.make_node("ReduceMean", ["image", "channels"], ["grey"], keepdims=1),
                 helper.make_node("Concat", ["grey"] * joints, ["maps"], axis=1)]
        outputs, constants = [("maps", [1, joints, 64, 48])], [("channels", [1])]
    else:
        nodes = [node for axis in "xy" for node in (
            helper.make_node("ReduceMean", ["image", f"over_{axis}"], [f"{axis}1"], keepdims=0),
            helper.make_node("Unsqueeze", [f"{axis}1", "one"], [f"{axis}2"]),
            helper.make_node("Concat", [f"{axis}2"] * joints, [axis], axis=1))]
        outputs, constants = [("x", [1, joints, 48]), ("y", [1, joints, 64])], [("over_x", [1, 2]), ("over_y", [1, 3]), ("one", [1])]
    graph = helper.make_graph(nodes, "g", [image], [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in outputs],
                              [helper.make_tensor(n, onnx.TensorProto.INT64, [len(v)], v) for n, v in constants])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


@pytest.mark.parametrize("heatmaps", [False, True])
def test_onnx_exports_of_both_kinds_find_a_bright_spot(tmp_path: Path, heatmaps: bool) -> None:
    pytest.importorskip("onnxruntime")
    _onnx(tmp_path / "spot.onnx", heatmaps)
    image = np.zeros((220, 160, 3), np.uint8)
    image[94:102, 58:66] = 255
    found = OnnxPose(tmp_path / "spot.onnx").estimate(image, BOX)
    assert np.allclose(found[:, :2], [62, 98], atol=4.2)  # a cell of the crop is 4.2 px
    _onnx(tmp_path / "other.onnx", heatmaps, joints=14)
    with pytest.raises(ValueError, match="COCO's 17 joints"):
        OnnxPose(tmp_path / "other.onnx").estimate(image, BOX)


def test_what_is_no_onnx_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is no ONNX model"):
        OnnxPose(tmp_path / "a.onnx")


def test_any_mmpose_model_answers_as_mmpose_does(tmp_path: Path) -> None:
    pytest.importorskip("mmpose")
    from deocc_aug.benchmarks.estimators.mmpose import MMPoseEstimator

    ann = write_coco(tmp_path / "set", (1.0,))
    estimator = MMPoseEstimator(write_config(tmp_path / "tiny.py", ann, tmp_path / "work"))
    check("tiny", estimator)
    from mmpose.apis import inference_topdown

    image = np.random.default_rng(0).integers(0, 255, (220, 160, 3), dtype=np.uint8)
    (sample,) = inference_topdown(estimator.model, np.ascontiguousarray(image[:, :, ::-1]), BOX[None].astype(np.float32))
    found = estimator.estimate(image, BOX)
    own = sample.pred_instances
    assert np.allclose(found[:, :2], own.keypoints[0]) and np.allclose(found[:, 2], own.keypoint_scores[0])
