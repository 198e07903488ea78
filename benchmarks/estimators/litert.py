"""Pose estimators in LiteRT (TFLite) files: single-pose MoveNet."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from deocc_aug.benchmarks.estimators.protocol import crop, in_image, model_file, sha256
from deocc_aug.types import Box, Image, Joints

ROOM = 1.25  # longer sides of the box that the estimator is shown


class MoveNet:
    """Single-pose MoveNet, Lightning or Thunder: a square crop in, 17 times y, x, score out.

    Args:
        model: the .tflite file.

    Raises:
        FileNotFoundError: it is not there.
        ImportError: ai-edge-litert is not installed.
        ValueError: it is no such model.
    """

    def __init__(self, model: Path) -> None:
        self.model = model_file(Path(model), "a single-pose MoveNet, .tflite")
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ImportError("LiteRT models run with ai-edge-litert: pip install ai-edge-litert") from error
        self._net: Any = Interpreter(str(model), num_threads=1)
        self._net.allocate_tensors()
        (self._in, *_), (self._out, *_) = self._net.get_input_details(), self._net.get_output_details()
        if tuple(self._out["shape"]) != (1, 1, 17, 3) or len(self._in["shape"]) != 4:
            raise ValueError(f"{model} takes {list(self._in['shape'])} and gives {list(self._out['shape'])}: pass a single-pose MoveNet, "
                             "which gives [1, 1, 17, 3]")
        self.side = int(self._in["shape"][1])

    def described(self) -> dict[str, str]:
        return {"sha256": sha256(self.model)}

    def estimate(self, image: Image, box_xyxy: Box) -> Joints:
        """Joints (17, 3) of the boxed person."""
        shown, to_input = crop(image, box_xyxy, (self.side, self.side), ROOM)
        self._net.set_tensor(self._in["index"], shown[None].astype(self._in["dtype"]))
        self._net.invoke()
        found = self._net.get_tensor(self._out["index"])[0, 0]
        return in_image(found[:, 1::-1] * self.side, found[:, 2], to_input)
