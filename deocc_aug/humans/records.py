"""A scene, and how it lies in a shard: two JPEGs, labels as PNG, the rest as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.camera import Camera, View

JPEG_QUALITY = 95

OUT_OF_FRAME, HIDDEN, SELF_HIDDEN, VISIBLE = range(4)
"""What may be said of a joint."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One person in one picture, and the whole truth about them.

    The photo shows `frame_xyxy` of the picture and is black beyond; what else is said is of the whole picture.

    Attributes:
        image: (H,W,3) uint8 RGB: the photo, 0 outside the frame.
        clean: (H,W,3) uint8 RGB: the whole picture without what is in front of the person; within the frame it is `image` where
            `occluder` is not (in a shard each is a JPEG, so that they differ a little everywhere).
        amodal, occluder: (H,W) bool: the whole silhouette, beyond the frame too; where in the frame something is in front of it or of
            what is beside it.
        parts, wear: (H,W) uint8 of the whole person, index into :data:`deocc_aug.humans.pieces.PARTS` and `WEAR`.
        joints_px: (17,2) float32 COCO joints; `joints_state` (17,) uint8: OUT_OF_FRAME 0, HIDDEN 1 by the occluder,
            SELF_HIDDEN 2 by the person's own body, VISIBLE 3.
        joints_camera: (17,3) float32 metres, right, down and ahead of the camera.
        frame_xyxy: (4,) int64 x0, y0, x1, y1 pixels: the columns x0 to x1 and rows y0 to y1, the latter excluded.
        view: the camera; its `centre` is NaN in shards of format 1, which do not have it.
        words: what a person who sees them would say: clothes, colours, hair, age group, build, facing, pose.
        family: the pose family.
        vertices_camera: (V,3) metres, as `joints_camera`; None from a shard written without, float16 from one written with.
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
    frame_xyxy: NDArray[np.int64]
    view: View
    words: dict[str, str]
    family: str
    vertices_camera: NDArray[np.floating[Any]] | None = None

    @property
    def in_frame(self) -> NDArray[np.bool_]:
        """(H,W) bool: what of the picture the photo shows."""
        return frame_mask(self.frame_xyxy, self.amodal.shape)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(H,W) bool: what is seen of the person."""
        return np.asarray(self.amodal & ~self.occluder & self.in_frame)

    @property
    def hidden_share(self) -> float:
        """The share of the whole silhouette that is in `occluder`; what is beyond the frame does not count as hidden."""
        return float((self.amodal & self.occluder).sum() / self.amodal.sum())

    @property
    def cut_share(self) -> float:
        """The share of the whole silhouette that is beyond the frame."""
        return float((self.amodal & ~self.in_frame).sum() / self.amodal.sum())

    @property
    def joints_in_picture(self) -> NDArray[np.bool_]:
        """(17,) bool: the joints that lie in the whole picture, in the frame or not."""
        return np.asarray(((self.joints_px >= 0) & (self.joints_px < self.amodal.shape[::-1])).all(axis=1))


def frame_mask(frame_xyxy: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H,W) bool: the pixels of a picture of that shape that are in the frame."""
    out = np.zeros(shape, np.bool_)
    x0, y0, x1, y1 = frame_xyxy
    out[y0:y1, x0:x1] = True
    return out


def files_of(scene: Scene, vertices: bool) -> dict[str, bytes]:
    """The files of a scene by their endings: image.jpg, clean.jpg, labels.png, person.json, where wanted vertices.npy.

    `labels.png` has three channels: amodal + 2 * occluder, parts, wear.

    Raises:
        ValueError: `vertices` are wanted of a scene that has none.
    """
    labels = np.stack([scene.amodal + 2 * scene.occluder.astype(np.uint8), scene.parts, scene.wear], axis=2)
    view = scene.view
    person = {
        "joints_px": scene.joints_px.tolist(),
        "joints_state": scene.joints_state.tolist(),
        "joints_camera": scene.joints_camera.tolist(),
        "frame_xyxy": scene.frame_xyxy.tolist(),
        "camera": asdict(view.camera) | {
            "centre": [float(value) for value in view.centre],
            "focal_px": float(view.focal_px),
            "middle_px": [float(value) for value in view.middle_px],
        },
        "hidden_share": scene.hidden_share,
        "cut_share": scene.cut_share,
        "words": scene.words,
        "family": scene.family,
    }  # fmt: skip
    out = {
        "image.jpg": jpeg(scene.image),
        "clean.jpg": jpeg(scene.clean),
        "labels.png": _encoded(".png", labels, []),
        "person.json": json.dumps(person, allow_nan=False).encode(),
    }
    if vertices:
        if scene.vertices_camera is None:
            raise ValueError("this scene has no vertices_camera: pass vertices=False, or a scene of make_scenes")
        file = io.BytesIO()
        np.save(file, scene.vertices_camera.astype(np.float16))
        out["vertices.npy"] = file.getvalue()
    return out


def scene_of(files: Mapping[str, bytes]) -> Scene:
    """The scene of these files, by their endings.  Those of format 1 have no frame: it is the whole picture.

    Raises:
        ValueError: a file is missing or cannot be decoded.
    """
    try:
        labels = _decoded(files["labels.png"])
        person = json.loads(files["person.json"])
        frame_xyxy = np.array(person.get("frame_xyxy", [0, 0, *labels.shape[1::-1]]), np.int64)
        return Scene(
            image=_decoded(files["image.jpg"]) * frame_mask(frame_xyxy, labels.shape[:2])[..., None],  # a JPEG's edges ring
            clean=_decoded(files["clean.jpg"]),
            amodal=labels[..., 0] % 2 == 1,
            occluder=labels[..., 0] >= 2,
            parts=np.ascontiguousarray(labels[..., 1]),
            wear=np.ascontiguousarray(labels[..., 2]),
            joints_px=np.array(person["joints_px"], np.float32),
            joints_state=np.array(person["joints_state"], np.uint8),
            joints_camera=np.array(person["joints_camera"], np.float32),
            frame_xyxy=frame_xyxy,
            view=view_of(person["camera"]),
            words=person["words"],
            family=person["family"],
            vertices_camera=np.load(io.BytesIO(files["vertices.npy"])) if "vertices.npy" in files else None,
        )
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from None


def view_of(camera: Mapping[str, Any]) -> View:
    """The camera of a `person.json`; in format 1 nobody wrote down where it looks (NaN)."""
    stands = {name: camera[name] for name in ("yaw", "pitch", "roll", "distance")}
    return View(Camera(**stands), np.array(camera.get("centre", [np.nan] * 3)), camera["focal_px"], np.array(camera["middle_px"]))


def jpeg(image: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """An (H,W,3) uint8 RGB image as JPEG with its colours at full resolution; `quality` 0 to 100."""
    colours = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    return _encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, *colours])


def _encoded(kind: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    return bytes(cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1])


def _decoded(content: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a picture in it cannot be decoded")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
