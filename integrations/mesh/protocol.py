"""What a mesh regressor is asked and answers: images and boxes in, bodies in camera coordinates out."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from deocc_aug.types import Box, Image

Boxes = Sequence[Box] | Float[np.ndarray, "n 4"]
BODY_MODELS = ("smplx", "smpl")
SCOPES = ("crop", "image")


def _finite(value: object, shape: tuple[int | None, ...], name: str, wanted: str, dtype: type = np.float64) -> np.ndarray:
    """The value as an array of this shape (None: any length)."""
    array: np.ndarray = np.asarray(value, dtype=dtype)
    if array.ndim != len(shape) or any(want is not None and want != got for want, got in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{name} has shape {array.shape}: give {wanted}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity: give {wanted}, all finite")
    return array


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole in full-image pixels; a point (x right, y down, z ahead, metres) is seen at `focal_px * (x, y) / z + centre_px`.

    Args:
        focal_px, centre_px: (2,) each, x and y.

    Raises:
        ValueError: another shape, not finite, or a focal length that is not positive.
    """

    __no_type_check__: ClassVar[bool] = True  # array-likes come in: checked below, not by the test run's hook
    focal_px: Float[np.ndarray, "2"]
    centre_px: Float[np.ndarray, "2"]

    def __post_init__(self) -> None:
        for name in ("focal_px", "centre_px"):
            object.__setattr__(self, name, _finite(getattr(self, name), (2,), name, "x and y in full-image pixels, shape (2,)"))
        if (self.focal_px <= 0).any():
            raise ValueError(f"focal_px is {self.focal_px.tolist()}: give positive pixels")

    def project(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """Pixels (N, 2) of points (N, 3) in front of the camera."""
        return np.asarray(points[:, :2] / points[:, 2:] * self.focal_px + self.centre_px)


@dataclass(frozen=True, eq=False)
class MeshPrediction:
    """One person's body in camera coordinates: metres, x right, y down, z ahead.

    Args:
        vertices: (V, 3), in the order of the regressor's body model.
        camera: what the image saw them with.
        box_xyxy: (4,) the box that was asked about.
        joints: (J, 3), where the regressor tells them, in its own order.
        score: how sure it is, 1 where it does not say.
        parameters: of the body model, under smplx's names (global_orient, body_pose, betas, expression, ...), where it tells them.

    Raises:
        ValueError: another shape, a value that is not finite.
    """

    __no_type_check__: ClassVar[bool] = True  # as in Camera
    vertices: Float[np.ndarray, "v 3"]
    camera: Camera
    box_xyxy: Box
    joints: Float[np.ndarray, "j 3"] | None = None
    score: float = 1.0
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", _finite(self.vertices, (None, 3), "vertices", "metres, shape (V, 3)", np.float32))
        object.__setattr__(self, "box_xyxy", _finite(self.box_xyxy, (4,), "box_xyxy", "x0, y0, x1, y1, shape (4,)"))
        if self.joints is not None:
            object.__setattr__(self, "joints", _finite(self.joints, (None, 3), "joints", "metres, shape (J, 3)", np.float32))
        if not np.isfinite(self.score):
            raise ValueError(f"score is {self.score}: give a finite number")
        told = {name: np.asarray(value, np.float32) for name, value in self.parameters.items()}
        for name, value in told.items():
            if not np.isfinite(value).all():
                raise ValueError(f"the parameter {name} holds NaN or infinity: give finite numbers, or leave it out")
        object.__setattr__(self, "parameters", told)

    @property
    def seen_box(self) -> Box:
        """(4,) px around the vertices as the camera sees them; those behind it are left out."""
        ahead = self.vertices[self.vertices[:, 2] > 0].astype(np.float64)
        if not len(ahead):
            return np.zeros(4)
        seen = self.camera.project(ahead)
        return np.concatenate([seen.min(0), seen.max(0)])


@runtime_checkable
class MeshRegressor(Protocol):
    """Anything that finds bodies: a net in this process, a worker in another environment, a de-occluded one of either.

    `body_model` is "smplx" or "smpl": whose vertices.  `scope` is "crop" where each person is cut out and looked at alone, "image" where
    the whole image is looked at once and everybody found in it is matched to the boxes.
    """

    @property
    def body_model(self) -> str: ...

    @property
    def scope(self) -> str: ...

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        """A person a box.

        Args:
            images: one (H, W, 3) uint8 RGB image a person, at full resolution; people of one photo may share the same array, and a
                regressor of scope "image" then looks at it once.
            boxes: as many (4,) x0, y0, x1, y1 in the image's own pixels.

        Returns:
            one prediction a box, in order; None where a regressor of scope "image" found nobody there.
        """
        ...


def checked(images: Sequence[Any], boxes: Any) -> list[np.ndarray]:
    """The boxes as (4,) float64.

    Raises:
        ValueError: another number of boxes than of images, or either of a kind that a regressor does not take.
    """
    if len(images) != len(boxes):
        raise ValueError(f"predict got {len(images)} images and {len(boxes)} boxes: pass one image a box (the same array again for people "
                         "of one image)")
    for image in images:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise ValueError(f"an image is {found}: pass RGB uint8 of shape (H, W, 3)")
    out = [_finite(box, (4,), "a box", "x0, y0, x1, y1 in pixels, shape (4,)") for box in boxes]
    for box in out:
        if (box[2:] <= box[:2]).any():
            raise ValueError(f"the box {box.tolist()} has no area: pass x0 < x1 and y0 < y1 in pixels")
    return out


def by_image(images: Sequence[Image]) -> list[tuple[Image, list[int]]]:
    """Each array once, with the places at which it came."""
    images, places = list(images), {}  # kept alive: an array of images makes each anew, and the next may get its id
    for index, image in enumerate(images):
        places.setdefault(id(image), []).append(index)
    return [(images[found[0]], found) for found in places.values()]
