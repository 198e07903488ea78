"""The transform that completes the person.

`Deocclude` never moves from this module: pipelines that `A.save` wrote name it by its import path.
"""
from __future__ import annotations

import warnings
from collections.abc import Mapping
from multiprocessing import get_start_method
from threading import Event
from typing import Any, Literal

import numpy as np
from albumentations.core.transforms_interface import BaseTransformInitSchema
from pydantic import field_validator
from torch.utils.data import get_worker_info

from deocc_aug.integrations.albumentations.targets import (
    AMODAL,
    OCCLUDER,
    PERSON,
    WORK,
    PersonTransform,
    as_bytes,
    image_of,
    mask_of,
    person_of,
)
from deocc_aug.loaded import loaded, one_thread
from deocc_aug.options import Options
from deocc_aug.types import JOINTS, Deocclusion, Image, Person, RefusedError
from deocc_aug.weights import resolve

_warned = Event()  # of refused people, in this process


class Deocclude(PersonTransform):
    """Completes the partly hidden person of an image.

    Targets: the image is completed; mask, masks, bboxes and keypoints pass untouched.

    Read beside them, where they are there:
        - person_mask (H, W): where the person is seen.
        - person_box (x0, y0, x1, y1) px: needed where there is no person_mask, whose box it is otherwise.  No transform of
          Albumentations moves it, so use it before those that move pixels.
        - occluder_mask (H, W): what stands in front; nothing else does.  Without it that is the preset's observer's to find.

    Written: amodal_mask (H, W) uint8 0/1, the whole body, also where no pixel was changed.  Where the transform was not applied, or
    the person was refused, it is the person_mask as it came, or empty.

    Masks are bool, or uint8 of 0 and 1, or of 0 and 255.  In a pipeline that moves pixels `Compose(..., additional_targets=TARGETS)`
    moves them too.  `Compose(..., save_applied_params=True)` gives changed, reason, uncertainty and joints (17, 3) under
    "applied_transforms".

    A result depends on pixels, masks, box and arguments alone, so it is the same in any worker and order.  The models are loaded once
    a process, at first use; they are no part of the transform, of its pickle or of its saved form.

    Args:
        preset, device, dtype: as `Deoccluder.from_pretrained` takes them, dtype as text.
        noise_seed: the `seed` of a `Deoccluder` (Albumentations keeps the name "seed" to itself).
        options: the fields of `deocc_aug.Options`, as a dict.
        on_refusal: what to do with a person whom the library refuses (an empty person_mask, under 32 px, ...): "pass" leaves the image
            as it is and warns once a process, "error" raises.
        p: how often it is applied.

    Raises:
        ValueError: an argument out of range, an unknown preset; when called, an image that is not RGB uint8, a mask of another size
            or dtype, neither person_mask nor person_box; a refused person, if asked to.
    """

    class InitSchema(BaseTransformInitSchema):
        preset: str
        device: str | None
        dtype: Literal["float32", "float16", "bfloat16"]
        noise_seed: int
        options: dict[str, Any] | None
        on_refusal: Literal["error", "pass"]

        @field_validator("preset")
        @classmethod
        def _known(cls, preset: str) -> str:
            resolve(preset)
            return preset

        @field_validator("options")
        @classmethod
        def _in_range(cls, options: dict[str, Any] | None) -> dict[str, Any] | None:
            unknown = sorted(set(options or {}) - set(Options.__dataclass_fields__))
            if unknown:
                raise ValueError(f"options has {unknown}: pass some of {sorted(Options.__dataclass_fields__)}")
            Options(**options or {})
            return options

    def __init__(self, preset: str = "compact", device: str | None = None, dtype: str = "float32", noise_seed: int = 0,
                 options: dict[str, Any] | None = None, on_refusal: str = "pass", p: float = 1.0) -> None:
        super().__init__(p=p)
        self.preset, self.device, self.dtype = preset, device, dtype
        self.noise_seed, self.options, self.on_refusal = noise_seed, options, on_refusal

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        """The data with the image completed and `amodal_mask`."""
        done = super().__call__(*args, force_apply=force_apply, **data)
        if AMODAL not in done:
            done[AMODAL] = self._what_is_seen(done)
        return done

    def get_params_dependent_on_data(self, params: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        """The person completed."""
        image = image_of(data, "Deocclude")
        box, visible = person_of(data, image, "Deocclude")
        occluder = mask_of(data, OCCLUDER, image)
        try:
            if box is None:
                raise RefusedError(f"{PERSON} is empty: nothing is seen of the person")
            result = self._completed(image, Person(box, visible, occluder))
        except RefusedError as error:
            self._refused(str(error))
            return {WORK: None, "changed": False, "reason": str(error), "uncertainty": None, "joints": np.zeros((JOINTS, 3), np.float32)}
        return {WORK: result, "changed": result.changed, "reason": result.reason, "uncertainty": result.uncertainty,
                "joints": result.joints}

    def apply_with_params(self, params: dict[str, Any], *args: Any, **data: Any) -> dict[str, Any]:
        done = super().apply_with_params(params, *args, **data)
        result: Deocclusion | None = params[WORK]
        done[AMODAL] = self._what_is_seen(data) if result is None else as_bytes(result.amodal_mask > 0.5)
        return done

    def apply(self, img: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        result: Deocclusion | None = params[WORK]
        return img if result is None else result.image

    def _completed(self, image: Image, person: Person) -> Deocclusion:
        if (self.device or "cpu").startswith("cuda") and get_worker_info() is not None and get_start_method() == "fork":
            raise RuntimeError(f"device {self.device!r} cannot be used in a data loader's worker that was forked: set num_workers=0, or "
                               "device='cpu', or DataLoader(..., multiprocessing_context='spawn')")
        deoccluder = loaded(self.preset, self.device, self.dtype)
        with one_thread():
            return deoccluder(image, person, self.noise_seed, Options(**self.options or {}))

    def _refused(self, reason: str) -> None:
        if self.on_refusal == "error":
            raise ValueError(f"Deocclude refused a person: {reason}; on_refusal='pass' leaves such images as they are")
        if not _warned.is_set():
            _warned.set()
            warnings.warn(f"Deocclude leaves people as they are whom the library refuses, such as this one: {reason}", stacklevel=2)

    def _what_is_seen(self, data: Mapping[str, Any]) -> np.ndarray:
        image = image_of(data, "Deocclude")
        seen = mask_of(data, PERSON, image)
        return np.zeros(image.shape[:2], np.uint8) if seen is None else as_bytes(seen)
