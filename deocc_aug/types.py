"""The nouns: frozen dataclasses; those that callers make check their own shapes.

Frames.  Image coordinates are pixels of the source image, x right and y down, a pixel (column i, row j) covering
[i, i+1) x [j, j+1).  Canvas coordinates are the same on the canvas.  `image_to_canvas` maps the first to the second.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, UInt8

COCO_JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)
JOINTS = len(COCO_JOINTS)
MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])  # each joint's counterpart on the other side

Image = UInt8[np.ndarray, "_ _ 3"]
Mask = Bool[np.ndarray, "_ _"]
Joints = Float[np.ndarray, "17 3"]
Affine = Float[np.ndarray, "2 3"]
Box = Float[np.ndarray, "4"]
MASKS = ("visible_mask", "occluder_mask", "amodal_mask", "unknown_mask")  # of a Person


class RefusedError(ValueError):
    """A person whom the library cannot complete: nothing or too little is seen of them, or their box lies outside the image.

    Whoever goes through many people catches this and goes on; any other ValueError means a mistake that the next person would meet too.
    """


class Label(IntEnum):
    """What is known about a canvas pixel."""

    UNKNOWN = 0  # may be anything: an occluder nobody marked, background, or the person's hidden part
    PERSON = 1  # visible part of this person
    CLEAR = 2  # visible and not this person: the hidden body cannot be here
    OCCLUDER = 3  # something in front of whatever is behind: the hidden body may be here
    OUTSIDE = 4  # beyond the image's border: the body may go on here


def _float_array(value: object, shape: tuple[int, ...], name: str, wanted: str) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, not numbers: pass {wanted}") from None
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: pass {wanted}, shape {shape}")
    return array


def _box(value: object, name: str) -> np.ndarray:
    box = _float_array(value, (4,), name, "(x0, y0, x1, y1) in pixels")
    if not np.isfinite(box).all():
        raise ValueError(f"{name} is {box.tolist()}: pass four finite numbers (x0, y0, x1, y1)")
    if box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError(f"{name} is {box.tolist()}, which has no area: pass (x0, y0, x1, y1) with x0 < x1 and y0 < y1 "
                         "(COCO boxes are x, y, width, height)")
    return box


def _mask(value: object, name: str) -> np.ndarray:
    mask = np.asarray(value)
    if mask.ndim != 2:
        raise ValueError(f"{name} has shape {mask.shape}: pass one mask of shape (H, W), the image's own size")
    if mask.dtype == np.bool_:
        return mask
    if mask.dtype == np.uint8 and ((mask <= 1) | (mask == 255)).all():
        return mask > 0
    raise ValueError(f"{name} is {mask.dtype}: pass bool (or uint8 holding only 0 and 1, or 0 and 255)")


@dataclass(frozen=True, eq=False)
class Prompts:
    """Hints from the caller about the hidden body; silent where not given.

    Args:
        joints_px: (17, 2) COCO joints x, y in image pixels, NaN where silent.
        box_xyxy: (4,) box in image pixels that the whole body must stay within.

    Raises:
        ValueError: a wrong shape, an infinite joint, or a box without area.
    """

    __no_type_check__: ClassVar[bool] = True  # array-likes come in, arrays are kept: checked below, not by the test run's hook
    joints_px: Float[np.ndarray, "17 2"] | None = None
    box_xyxy: Box | None = None

    def __post_init__(self) -> None:
        if self.joints_px is not None:
            joints = _float_array(self.joints_px, (JOINTS, 2), "Prompts.joints_px", "17 COCO joints x, y in pixels, NaN where silent")
            if np.isinf(joints).any():
                raise ValueError("Prompts.joints_px holds an infinite coordinate: pass pixels, or NaN where silent")
            object.__setattr__(self, "joints_px", joints)
        if self.box_xyxy is not None:
            object.__setattr__(self, "box_xyxy", _box(self.box_xyxy, "Prompts.box_xyxy"))


@dataclass(frozen=True, eq=False)
class Person:
    """What the caller knows about one person in an image.  What is missing is observed.

    Args:
        box_xyxy: (4,) image pixels, of the visible part or of the whole body.
        visible_mask: (H, W) bool, the image's own size: the pixels where this person is seen.  Masks may be uint8 too, of 0 and 1
            or of 0 and 255; they are kept as bool.
        occluder_mask: (H, W) bool: what stands in front of the person (nothing else around the person is hidden, unless it is unknown).
        joints: (17, 3) COCO order: x, y in image pixels and confidence in [0, 1], 0 where unknown; hidden joints welcome.
        amodal_mask: (H, W) bool: the whole silhouette from elsewhere; stage 1 then only finds the joints.
        prompts: hints about the hidden part.
        unknown_mask: (H, W) bool: pixels of which nobody knows whether they show something in front; with neither this nor an
            occluder_mask that is everywhere.

    Raises:
        ValueError: a box with no area or not finite; a mask that is not (H, W) bool; joints of another shape, or with a
            confidence outside [0, 1].
    """

    __no_type_check__: ClassVar[bool] = True  # as in Prompts
    box_xyxy: Box
    visible_mask: Mask | None = None
    occluder_mask: Mask | None = None
    joints: Joints | None = None
    amodal_mask: Mask | None = None
    prompts: Prompts | None = None
    unknown_mask: Mask | None = None

    @property
    def occluder_known(self) -> bool:
        """Whether anybody said what is in front, and so what is not."""
        return self.occluder_mask is not None or self.unknown_mask is not None

    def __post_init__(self) -> None:
        object.__setattr__(self, "box_xyxy", _box(self.box_xyxy, "box_xyxy"))
        for name in MASKS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _mask(getattr(self, name), name))
        if self.joints is not None:
            joints = _float_array(self.joints, (JOINTS, 3), "joints", "17 COCO joints as x, y, confidence")
            known = joints[:, 2] != 0
            if not np.isfinite(joints[known]).all() or (joints[:, 2] < 0).any() or (joints[:, 2] > 1).any():
                raise ValueError("joints hold a confidence outside [0, 1] or a joint that is not finite: pass x, y in pixels and "
                                 "confidence in [0, 1], 0 where the joint is unknown (COCO's v = 2 is confidence 1)")
            object.__setattr__(self, "joints", np.where(known[:, None], joints, 0.0))


@dataclass(frozen=True, eq=False)
class Canvas:
    """A person cut out of an image at the preset's canvas size.

    `image` (h, w, 3) uint8 RGB, 0 outside the source; `image_to_canvas` (2, 3) scale and shift, no rotation;
    `source_size` (H, W) of the image it was cut from.
    """

    image: Image
    image_to_canvas: Affine
    source_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the canvas in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def scale(self) -> float:
        """Canvas pixels per image pixel."""
        return float(self.image_to_canvas[0, 0])


@dataclass(frozen=True, eq=False)
class Observation:
    """What is seen of one person on a canvas.

    `labels` (h, w) uint8 of `Label`; `joints` (17, 3) x, y in canvas pixels and confidence in [0, 1] (0: not known);
    `joints_visible` (17,) bool, meaningful where the confidence is above 0.
    """

    labels: UInt8[np.ndarray, "h w"]
    joints: Joints
    joints_visible: Bool[np.ndarray, "17"]

    @property
    def visible(self) -> Mask:
        return np.asarray(self.labels == Label.PERSON)


@dataclass(frozen=True, eq=False)
class Body:
    """The completed body on a canvas.

    `amodal` (h, w) float32 in [0, 1]: how sure the whole body covers a pixel, the posterior mean scaled so that above 0.5 is the
    silhouette of the highest expected IoU (of the hidden part where the occluder is known, else of the whole); `joints`
    (17, 3) x, y in canvas pixels and confidence; `hypotheses` (K, h, w) float32 probabilities, samples; `uncertainty` in
    [0, 1], the expected share of the hidden silhouette that is wrong (1 - its expected IoU, inside what could be hidden).
    """

    amodal: Float[np.ndarray, "h w"]
    joints: Joints
    hypotheses: Float[np.ndarray, "k h w"]
    uncertainty: float


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against painting a person; all in [0, 1].

    `hidden`: the share of the completed body that is not seen; `unknown`: the share of that hidden part that nobody knows to lie behind
    something; `uncertainty`: the expected share of the hidden silhouette that is wrong.
    """

    hidden: float
    unknown: float
    uncertainty: float


@dataclass(frozen=True, eq=False)
class Description:
    """Words for the visible person: the VQA's answers with their confidence, the prompt made of them, its embedding.

    `embedding` (tokens, channels) float32, None where there are no words, or no text encoder to read them.
    """

    prompt: str = ""
    answers: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    embedding: Float[np.ndarray, "tokens channels"] | None = None


@dataclass(frozen=True, eq=False)
class Patch:
    """A result on the rectangle of the source image around one person; may reach beyond the image's border.

    `origin` (x, y) image pixels of its first pixel; `image` (h, w, 3) uint8, meaningful where `changed`; `changed` (h, w)
    bool; `visible` (h, w) bool; `amodal` (h, w) float32 in [0, 1].
    """

    origin: tuple[int, int]
    image: Image
    changed: Mask
    visible: Mask
    amodal: Float[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Deocclusion:
    """The result for one person, in source-image coordinates, composed on demand from a patch.

    Attributes:
        joints: (17, 3) float32, x, y in image pixels and confidence in [0, 1]; hidden joints included.
        hypotheses: (K, h, w) float32, K completions of the silhouette on the canvas.
        image_to_canvas: (2, 3) affine of that canvas.
        evidence: what the gate went by.
        changed: whether any pixel was changed; `reason` says why, or why not.  The gate governs pixels only: mask and
            joints are always there.
        description: the words the picture was painted with; where it was left alone nobody was asked for any.
        seconds: wall time by step.
        source: the caller's image, by reference: change it, and `image` changes with it.
    """

    source: Image
    patch: Patch
    joints: Joints
    hypotheses: Float[np.ndarray, "k h w"]
    image_to_canvas: Affine
    evidence: Evidence
    changed: bool
    reason: str
    description: Description
    seconds: Mapping[str, float]

    @property
    def uncertainty(self) -> float:
        """In [0, 1], the expected share of the hidden silhouette that is wrong."""
        return self.evidence.uncertainty

    def _whole(self, patch: np.ndarray, dtype: type) -> np.ndarray:
        out: np.ndarray = np.zeros(self.source.shape[:2], dtype)
        (x, y), (h, w) = self.patch.origin, patch.shape[:2]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, out.shape[1]), min(y + h, out.shape[0])
        out[y0:y1, x0:x1] = patch[y0 - y:y1 - y, x0 - x:x1 - x]
        return out

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8: a copy of the source in which the changed pixels are painted."""
        out = self.source.copy()
        (x, y), (h, w) = self.patch.origin, self.patch.changed.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, out.shape[1]), min(y + h, out.shape[0])
        inside = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        where = self.patch.changed[inside]
        out[y0:y1, x0:x1][where] = self.patch.image[inside][where]
        return out

    @property
    def amodal_mask(self) -> Float[np.ndarray, "h w"]:
        """(H, W) float32 in [0, 1]: how sure the whole body covers a pixel; above 0.5 is the silhouette of the highest expected IoU."""
        return self._whole(self.patch.amodal, np.float32)

    @property
    def changed_mask(self) -> Mask:
        """(H, W) bool: the pixels in which `image` may differ from the source."""
        return self._whole(self.patch.changed, np.bool_)

    @property
    def visible_mask(self) -> Mask:
        """(H, W) bool: where the person is seen, as the caller said or an observer found."""
        return self._whole(self.patch.visible, np.bool_)

    @property
    def hidden_mask(self) -> Mask:
        """(H, W) bool: the completed body where it is not visible (inside `amodal_mask > 0.5`)."""
        return self._whole((self.patch.amodal > 0.5) & ~self.patch.visible, np.bool_)

    def padded(self) -> tuple[Image, Mask, tuple[int, int]]:
        """The view extended beyond the image's border as far as the completed body reaches.

        Returns:
            image (H', W', 3) uint8, the completed body's mask (H', W') bool, and the offset (x, y) that takes image
            coordinates to coordinates of this view.  Outside the image, pixels that were not painted are 0.
        """
        height, width = self.source.shape[:2]
        (x, y), body = self.patch.origin, self.patch.amodal > 0.5
        rows, columns = np.nonzero(body.any(1))[0], np.nonzero(body.any(0))[0]
        bounds = (x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1) if len(rows) else (0, 0, width, height)
        left, top = max(0, -int(bounds[0])), max(0, -int(bounds[1]))
        right, bottom = max(width, int(bounds[2])), max(height, int(bounds[3]))
        image = np.zeros((bottom + top, right + left, 3), np.uint8)
        image[top:top + height, left:left + width] = self.source
        mask = np.zeros(image.shape[:2], np.bool_)
        px, py = x + left, y + top
        x0, y0 = max(px, 0), max(py, 0)
        x1, y1 = min(px + body.shape[1], image.shape[1]), min(py + body.shape[0], image.shape[0])
        inside = (slice(y0 - py, y1 - py), slice(x0 - px, x1 - px))
        where = self.patch.changed[inside]
        image[y0:y1, x0:x1][where] = self.patch.image[inside][where]
        mask[y0:y1, x0:x1] = body[inside]
        return image, mask, (left, top)
