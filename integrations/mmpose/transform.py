"""The transform that lets a top-down MMPose pipeline see each person whole."""
from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from multiprocessing import get_start_method
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from torch.utils.data import get_worker_info

from deocc_aug.data.cache import Cache, Outcome, Settings, sha256_of
from deocc_aug.data.coco import HINTS, USED, person_of, with_hints
from deocc_aug.loaded import loaded, one_thread
from deocc_aug.options import Options
from deocc_aug.types import JOINTS, Image, Person, RefusedError

RESULT_KEYS = ("deocc_changed", "deocc_reason", "deocc_source", "deocc_uncertainty", "deocc_keypoints", "deocc_segmentation",
               "deocc_hidden_segmentation")
ON_MISSING = ("error", "live", "pass")
ON_REFUSAL = ("error", "pass")
_warned = Event()  # of refused people, in this process


@TRANSFORMS.register_module()
class DeoccludePerson(BaseTransform):
    """Completes the person in a top-down pipeline's box.  Its place is right after `GetBBoxCenterScale`, before flips.

    Required keys: img (BGR), bbox.  Read where they are there: raw_ann_info (the annotation as its file says it), else segmentation,
    keypoints, keypoints_visible.

    Modified key: img, a new array if any pixel changed; the array that came is never written to.  Annotations stay as they are.

    Added keys (`PackPoseInputs(meta_keys=...)` carries them to the data samples):

        - deocc_changed (bool): whether any pixel was.
        - deocc_reason (str): the gate's word; or why the person was refused or passed over.
        - deocc_source (str): "live", "cache", "refused" (by the library, as with too small a person) or "missing" (in the cache).
        - deocc_uncertainty (float): the expected share of the hidden silhouette that is wrong; None where nothing was completed.
        - deocc_keypoints (1, 17, 3) float32: COCO joints x, y in pixels of the image as it came and score, 0 where unknown.
        - deocc_segmentation, deocc_hidden_segmentation: the whole body and its hidden part as RLE; None where nothing was completed.

    A result depends on pixels, annotation and arguments alone, so it is the same in any worker.  Live completion computes on one
    thread for that reason: give it workers.

    Args:
        preset, device, dtype: as `Deoccluder.from_pretrained` takes them, dtype as text; loaded once a process, at first use.
        seed, options: as a `Deoccluder` takes them, options as a dict.
        cache: a folder that `deocc-aug precompute` filled with the same settings; None completes live, in this process.
        on_missing: what to do with a person whom the cache does not hold: "error", "live" or "pass" (leave the image as it is).
        on_refusal: what to do with a person whom the library refuses (without a visible mask where nothing finds one, under 32 px,
            ...): "error", or "pass", which warns once a process.
        use: which annotations may help, of "segmentation" (the visible mask), "occluder_segmentation" and "keypoints".  Keypoints
            are not among the default: where a model is evaluated they are what it is to find.

    Raises:
        ValueError: an argument that is none of these, an unknown preset, or options that are out of range.
    """

    def __init__(self, preset: str = "compact", device: str | None = None, dtype: str = "float32", seed: int = 0,
                 options: Mapping[str, Any] | None = None, cache: str | None = None, on_missing: str = "error", on_refusal: str = "pass",
                 use: Sequence[str] = USED) -> None:
        for name, value, allowed in (("on_missing", on_missing, ON_MISSING), ("on_refusal", on_refusal, ON_REFUSAL)):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}: pass one of {list(allowed)}")
        if isinstance(use, str) or not set(use) <= set(HINTS):
            raise ValueError(f"use is {use!r}: pass a list of some of {list(HINTS)}")
        if cache is not None and not Path(cache).is_dir():
            raise ValueError(f"cache {cache!r} is not a folder: pass one that `deocc-aug precompute --out` filled")
        self.device, self.on_missing, self.on_refusal, self.use = device, on_missing, on_refusal, tuple(use)
        self.settings = Settings(preset, seed, _options(options), dtype)
        self.settings.described  # noqa: B018  an unknown preset is refused here, not in a worker
        self.cache = None if cache is None else Cache(Path(cache))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Completes the person; see the class."""
        if results.get("flip") or "input_size" in results:
            raise ValueError("DeoccludePerson came after a flip or TopdownAffine, when the annotation no longer fits the image: "
                             "put it right after GetBBoxCenterScale")
        image = _rgb(results["img"])
        source, outcome = self._outcome(image, results)
        if outcome.patch is not None:
            painted = cv2.cvtColor(outcome.painted(image), cv2.COLOR_RGB2BGR)
            results["img"] = painted.astype(results["img"].dtype, copy=False)
        said = outcome.annotation
        results |= {
            "deocc_changed": bool(said.get("changed", False)),
            "deocc_reason": said.get("reason", outcome.refused),
            "deocc_source": source,
            "deocc_uncertainty": said.get("uncertainty"),
            "deocc_keypoints": _keypoints(said),
            "deocc_segmentation": said.get("segmentation"),
            "deocc_hidden_segmentation": said.get("hidden_segmentation"),
        }
        return results

    def _outcome(self, image: Image, results: Mapping[str, Any]) -> tuple[str, Outcome]:
        """Where the person's result came from, and the result."""
        try:
            person = person_of(with_hints(_annotation(results), self.use), (image.shape[0], image.shape[1]))
        except ValueError as error:
            return self._refused(str(error))
        if self.cache is not None:
            key = self.settings.key(sha256_of(image), person)
            outcome = self.cache.read(key)
            if outcome is not None:
                return self._refused(outcome.refused) if outcome.refused else ("cache", outcome)
            if self.on_missing == "error":
                raise LookupError(f"{self.cache.folder} holds nobody like person {results.get('id')} of {results.get('img_path')} (key "
                                  f"{key[:12]}...): run `deocc-aug precompute` with the same settings over the same annotations, or set "
                                  "on_missing to 'live' or 'pass'")
            if self.on_missing == "pass":
                return "missing", Outcome({}, "the cache does not hold this person")
        return self._live(image, person)

    def _live(self, image: Image, person: Person) -> tuple[str, Outcome]:
        if (self.device or "cpu").startswith("cuda") and get_worker_info() is not None and get_start_method() == "fork":
            raise RuntimeError(f"device {self.device!r} cannot be used in a data loader's worker that was forked: set num_workers=0 (and "
                               "persistent_workers=False), or device='cpu', or pass cache= a folder that `deocc-aug precompute` filled, or "
                               "start workers anew with env_cfg.mp_cfg.mp_start_method='spawn'")
        deoccluder = loaded(self.settings.preset, self.device, self.settings.dtype)
        try:
            with one_thread():
                return "live", Outcome.of(deoccluder(image, person, self.settings.seed, self.settings.options))
        except RefusedError as error:
            return self._refused(str(error))

    def _refused(self, reason: str) -> tuple[str, Outcome]:
        if self.on_refusal == "error":
            raise ValueError(f"DeoccludePerson refused a person: {reason}; on_refusal='pass' leaves such images as they are")
        if not _warned.is_set():
            _warned.set()
            warnings.warn(f"DeoccludePerson leaves people as they are whom the library refuses, such as this one: {reason}", stacklevel=2)
        return "refused", Outcome({}, reason)

    def __repr__(self) -> str:
        cache = None if self.cache is None else str(self.cache.folder)
        return (f"{type(self).__name__}(preset={self.settings.preset!r}, device={self.device!r}, dtype={self.settings.dtype!r}, "
                f"seed={self.settings.seed}, options={self.settings.options}, cache={cache!r}, on_missing={self.on_missing!r}, "
                f"on_refusal={self.on_refusal!r}, use={self.use})")


def _options(options: Mapping[str, Any] | None) -> Options:
    given = dict(options or {})
    unknown = sorted(set(given) - set(Options.__dataclass_fields__))
    if unknown:
        raise ValueError(f"options has {unknown}: pass some of {sorted(Options.__dataclass_fields__)}")
    if given.get("thresholds") is not None:
        given["thresholds"] = dict(given["thresholds"])
    return Options(**given)


def _rgb(img: np.ndarray) -> Image:
    """The image of the results, (H, W, 3) BGR, as a new RGB uint8 array."""
    if not isinstance(img, np.ndarray) or img.ndim != 3 or img.shape[2] != 3:
        raise ValueError(f"img is {getattr(img, 'shape', type(img).__name__)}: pass one (H, W, 3) BGR image")
    pixels = img.astype(np.uint8, copy=False)
    if pixels is not img and not np.array_equal(pixels, img):
        raise ValueError(f"img is {img.dtype} with values that are no whole numbers from 0 to 255: put DeoccludePerson before what "
                         "normalises or blends images")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _annotation(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """The annotation of the results' one person, as its file says it or made of the results' own keys."""
    raw = results.get("raw_ann_info")
    if isinstance(raw, Mapping):
        return raw
    boxes = np.asarray(results["bbox"], np.float64)
    if raw is not None or boxes.shape != (1, 4):
        raise TypeError(f"the results hold {'several annotations' if raw is not None else f'bbox of shape {boxes.shape}'}: DeoccludePerson "
                        "is for top-down pipelines, one person at a time, bbox (1, 4)")
    x0, y0, x1, y1 = boxes[0].tolist()
    annotation = {"id": results.get("id", 0), "bbox": [x0, y0, x1 - x0, y1 - y0]}
    if results.get("segmentation"):
        annotation["segmentation"] = results["segmentation"]
    keypoints = results.get("keypoints")
    if keypoints is not None and np.any(keypoints):  # a box file's are all zero
        shown = np.asarray(results.get("keypoints_visible", np.ones(keypoints.shape[:2])))
        shown = shown[..., 0] if shown.ndim == 3 else shown  # KeypointConverter adds how much each counts
        annotation["keypoints"] = np.concatenate([keypoints[0], shown[0].reshape(-1, 1)], 1).ravel().tolist()
    return annotation


def _keypoints(said: Mapping[str, Any]) -> np.ndarray:
    """(1, 17, 3) float32 of an outcome's annotation, 0 where there is none."""
    if not said:
        return np.zeros((1, JOINTS, 3), np.float32)
    places = np.array(said["keypoints"], np.float32).reshape(1, JOINTS, 3)[..., :2]
    scores = np.array(said["keypoint_scores"], np.float32).reshape(1, JOINTS, 1)
    return np.concatenate([places, scores], 2)
