"""A scene as it lies in a shard: two JPEGs, labels as PNG, the rest as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Scene

JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class Record:
    """A scene read from a shard: what :class:`deocc_aug.humans.scenes.Scene` says, its camera in numbers.

    Attributes:
        image, clean: (H,W,3) uint8 RGB; each was a JPEG, so that they differ a little outside `occluder` too.
        amodal, occluder: (H,W) bool.
        parts, wear: (H,W) uint8.
        joints_px: (17,2) float32; `joints_state` (17,) uint8; `joints_camera` (17,3) float32.
        camera: `yaw`, `pitch`, `roll` degrees, `distance` metres, `focal_px`, and `middle_px` [x, y]: a point (x, y, z) of the
            camera is seen at (x, y) / z * focal_px + middle_px.
        hidden_share, words, family: as the scene's.
        vertices_camera: (V,3) float16, or None where the shard was written without.
    """

    image: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    amodal: NDArray[np.bool_]
    occluder: NDArray[np.bool_]
    parts: NDArray[np.uint8]
    wear: NDArray[np.uint8]
    joints_px: NDArray[np.float32]
    joints_state: NDArray[np.uint8]
    joints_camera: NDArray[np.float32]
    camera: dict[str, Any]
    hidden_share: float
    words: dict[str, str]
    family: str
    vertices_camera: NDArray[np.float16] | None = None


def files_of(scene: Scene, vertices: bool) -> dict[str, bytes]:
    """The files of a scene by their endings: image.jpg, clean.jpg, labels.png, person.json, where wanted vertices.npy.

    `labels.png` has three channels: amodal + 2 * occluder, parts, wear.
    """
    labels = np.stack([scene.amodal + 2 * scene.occluder.astype(np.uint8), scene.parts, scene.wear], axis=2)
    camera = scene.view.camera
    person = {
        "joints_px": scene.joints_px.tolist(),
        "joints_state": scene.joints_state.tolist(),
        "joints_camera": scene.joints_camera.tolist(),
        "camera": {
            "yaw": camera.yaw,
            "pitch": camera.pitch,
            "roll": camera.roll,
            "distance": camera.distance,
            "focal_px": float(scene.view.focal_px),
            "middle_px": [float(value) for value in scene.view.middle_px],
        },
        "hidden_share": float(scene.hidden_share),
        "words": scene.words,
        "family": scene.family,
    }
    out = {
        "image.jpg": jpeg(scene.image),
        "clean.jpg": jpeg(scene.clean),
        "labels.png": _encoded(".png", labels, []),
        "person.json": json.dumps(person, allow_nan=False).encode(),
    }
    if vertices:
        file = io.BytesIO()
        np.save(file, scene.vertices_camera.astype(np.float16))
        out["vertices.npy"] = file.getvalue()
    return out


def record_of(files: Mapping[str, bytes]) -> Record:
    """The scene of these files, by their endings.

    Raises:
        ValueError: a file is missing or cannot be decoded.
    """
    try:
        labels = _decoded(files["labels.png"])
        person = json.loads(files["person.json"])
        return Record(
            image=_decoded(files["image.jpg"]),
            clean=_decoded(files["clean.jpg"]),
            amodal=labels[..., 0] % 2 == 1,
            occluder=labels[..., 0] >= 2,
            parts=np.ascontiguousarray(labels[..., 1]),
            wear=np.ascontiguousarray(labels[..., 2]),
            joints_px=np.array(person["joints_px"], np.float32),
            joints_state=np.array(person["joints_state"], np.uint8),
            joints_camera=np.array(person["joints_camera"], np.float32),
            camera=person["camera"],
            hidden_share=person["hidden_share"],
            words=person["words"],
            family=person["family"],
            vertices_camera=np.load(io.BytesIO(files["vertices.npy"])) if "vertices.npy" in files else None,
        )
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from None


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """An (H,W,3) uint8 RGB image as JPEG of quality 95 with its colours at full resolution."""
    colours = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    return _encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *colours])


def _encoded(kind: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    return bytes(cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1])


def _decoded(content: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a picture in it cannot be decoded")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
