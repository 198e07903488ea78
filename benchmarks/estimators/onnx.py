"""Top-down pose estimators in ONNX files: SimCC heads (RTMPose) and heatmap heads."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deocc_aug.benchmarks.estimators.protocol import crop, in_image, model_file, sha256
from deocc_aug.types import JOINTS, Box, Image, Joints

ROOM = 1.25
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of RGB, ImageNet's, as MMPose's models take them


class OnnxPose:
    """A top-down model with one image input (1, 3, H, W) and COCO's 17 joints.

    Its outputs say what it is: two of them, (1, 17, w) and (1, 17, h), are a SimCC head; one, (1, 17, h, w), heatmaps.

    Args:
        model: the .onnx file.
        size: (width, height) of the input, for files that leave it open.
        mean, deviation: of the RGB channels, 0 to 255: the input is (pixel - mean) / deviation.
        bgr: the model takes BGR.

    Raises:
        FileNotFoundError: the file is not there.
        ImportError: onnxruntime is not installed.
        ValueError: it is no such model.
    """

    def __init__(self, model: Path, size: tuple[int, int] | None = None, mean: Sequence[float] = MEAN,
                 deviation: Sequence[float] = DEVIATION, bgr: bool = False) -> None:
        self.model = model_file(Path(model), "a top-down pose model, .onnx")
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("ONNX models run with onnxruntime: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # results depend on the number
        try:
            self._net: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, which share no base
            raise ValueError(f"{model} is no ONNX model that onnxruntime reads ({error}): export it again") from error
        self._in = self._net.get_inputs()[0]
        self.size = _size(model, self._in.shape, size)
        self.mean, self.deviation = np.array(mean, np.float32), np.array(deviation, np.float32)
        self.bgr = bgr

    def described(self) -> dict[str, Any]:
        return {"sha256": sha256(self.model), "size": list(self.size), "mean": self.mean.tolist(), "deviation": self.deviation.tolist(),
                "bgr": self.bgr}

    def estimate(self, image: Image, box_xyxy: Box) -> Joints:
        """Joints (17, 3) of the boxed person.

        Raises:
            ValueError: the outputs are of neither kind, or not of 17 joints.
        """
        shown, to_input = crop(image, box_xyxy, self.size, ROOM)
        pixels = (shown.astype(np.float32) - self.mean) / self.deviation
        pixels = pixels[:, :, ::-1] if self.bgr else pixels
        outputs = self._net.run(None, {self._in.name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})
        shapes = [output.shape for output in outputs]
        if len(outputs) >= 2 and all(len(shape) == 3 and shape[:2] == (1, JOINTS) for shape in shapes[:2]):
            xy, scores = from_simcc(outputs[0][0], outputs[1][0], self.size)
        elif len(shapes[0]) == 4 and shapes[0][:2] == (1, JOINTS):
            xy, scores = from_heatmaps(outputs[0][0], self.size)
        else:
            raise ValueError(f"{self.model} gives {shapes}: pass a model of COCO's 17 joints with a SimCC head ([1, 17, w], [1, 17, h]) or "
                             "heatmaps ([1, 17, h, w])")
        return in_image(xy, scores, to_input)


def from_simcc(x: Float[np.ndarray, "17 w"], y: Float[np.ndarray, "17 h"],
               size: tuple[int, int]) -> tuple[Float[np.ndarray, "17 2"], Float[np.ndarray, "17"]]:
    """Places in a crop of `size` (width, height) and scores: each axis's likeliest bin, the lesser of the two likelihoods."""
    xy = np.stack([x.argmax(1) * size[0] / x.shape[1], y.argmax(1) * size[1] / y.shape[1]], axis=1)
    return xy, np.minimum(x.max(1), y.max(1)).astype(np.float64)


def from_heatmaps(maps: Float[np.ndarray, "17 h w"], size: tuple[int, int]) -> tuple[Float[np.ndarray, "17 2"], Float[np.ndarray, "17"]]:
    """Places in a crop of `size` (width, height) and scores: the peak, moved a quarter of a cell towards its higher neighbours."""
    joints, height, width = maps.shape
    flat = maps.reshape(joints, -1)
    row, column = np.unravel_index(flat.argmax(1), (height, width))
    xy = np.stack([column, row], axis=1).astype(np.float64)
    for joint in range(joints):
        r, c = int(row[joint]), int(column[joint])
        if 0 < c < width - 1:
            xy[joint, 0] += 0.25 * np.sign(maps[joint, r, c + 1] - maps[joint, r, c - 1])
        if 0 < r < height - 1:
            xy[joint, 1] += 0.25 * np.sign(maps[joint, r + 1, c] - maps[joint, r - 1, c])
    return xy * (np.array(size) / (width, height)), flat.max(1).astype(np.float64)


def _size(model: Path, shape: Sequence[Any], given: tuple[int, int] | None) -> tuple[int, int]:
    if len(shape) != 4:
        raise ValueError(f"{model} takes {list(shape)}: pass a model whose input is one image (1, 3, H, W)")
    own = shape[3], shape[2]
    if all(isinstance(edge, int) for edge in own):
        return int(own[0]), int(own[1])
    if given is None:
        raise ValueError(f"{model} leaves the size of its input open ({list(shape)}): pass size (width, height), such as [192, 256]")
    return given
