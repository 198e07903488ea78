"""The transform that puts something in front of the person.

`PasteOccluder` never moves from this module: pipelines that `A.save` wrote name it by its import path.
"""
from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from albumentations.core.transforms_interface import BaseTransformInitSchema
from pydantic import field_validator

from deocc_aug.integrations.albumentations.targets import OCCLUDER, PERSON, WORK, PersonTransform, as_it_came, image_of, mask_of, person_of
from deocc_aug.occluders.cutouts import Cutout, even_numbered, none_left_out, read_cutouts
from deocc_aug.occluders.lens import Lens
from deocc_aug.occluders.paste import HIGHEST_RATE, Pasted, covered, occlude
from deocc_aug.types import Image, Mask

LONGEST = 300  # pixels of a cut-out's longer side


class PasteOccluder(PersonTransform):
    """Hides part of the person behind one to four things: objects and people cut out of photos, and drawn ones.

    Targets: the image is changed, and with it the labels:
        - mask, masks get `fill_mask` under what was pasted.
        - keypoints stay where they are; those under it get `hidden_value` in the label field `visibility`, if theirs was higher.
        - bboxes stay: a body is as large behind something as in front of it.

    Read beside them: person_mask (H, W) or, without one, person_box (x0, y0, x1, y1) px, all of which then counts as the person; and
    occluder_mask (H, W), what stands in front already.  Where the person_mask is empty nothing is pasted.

    Written: person_mask without what is hidden now, if it came; and occluder_mask, with what was pasted, which is what `Deocclude`
    further down the pipeline goes by.  Both keep their dtype and values; a new occluder_mask is uint8 0/1, and empty where the
    transform was not applied, which says that nothing is in front.  `Compose(..., save_applied_params=True)` gives hidden_share under
    "applied_transforms".

    Visibility is a label field because Albumentations moves label fields with their keypoints, drops them with those it drops and gives
    them back under their name:
    `KeypointParams("xy", label_fields=["visibility"], remove_invisible=False)`, and `visibility=[2, 2, 0, ...]` in the call.

    All chance is Albumentations' own, so a seeded Compose repeats.

    Args:
        rate: the share of the person to hide, lowest and highest, within 0 and 0.8.
        coco: a COCO-format folder (`instances.json` beside `images/`) whose objects and people are cut out, once a process; None draws
            everything.
        leave_out_even: of that folder use only images of odd number (where the even ones are for validation).
        visibility: the label field of the keypoints that says whether each is seen; None leaves all as they are.
        hidden_value: what it says of a hidden keypoint.  COCO: 2 is seen, 1 is hidden, 0 is not labelled.
        fill_mask: what mask and masks hold under what was pasted; None leaves them as they are.
        camera: whether the finished picture, all of it, gets a camera's noise and JPEG.
        p: how often it is applied.

    Raises:
        ValueError: an argument out of range, no such folder; when called, an image that is not RGB uint8, a mask of another size or
            dtype, neither person_mask nor person_box, or keypoints without that label field or with one that holds no numbers.
    """

    class InitSchema(BaseTransformInitSchema):
        rate: tuple[float, float]
        coco: str | None
        leave_out_even: bool
        visibility: str | None
        hidden_value: float
        fill_mask: float | None
        camera: bool

        @field_validator("rate")
        @classmethod
        def _a_range(cls, rate: tuple[float, float]) -> tuple[float, float]:
            if not 0 <= rate[0] <= rate[1] <= HIGHEST_RATE:
                raise ValueError(f"rate is {rate}: pass the lowest and the highest share of the person to hide, from 0 to {HIGHEST_RATE}")
            return rate

        @field_validator("coco")
        @classmethod
        def _a_folder(cls, coco: str | None) -> str | None:
            if coco is not None and not (Path(coco) / "instances.json").is_file():
                raise ValueError(f"coco is {coco!r}, which has no instances.json: pass a COCO-format folder, or None for drawn things")
            return coco

    def __init__(self, rate: tuple[float, float] = (0.1, 0.5), coco: str | None = None, leave_out_even: bool = False,
                 visibility: str | None = "visibility", hidden_value: float = 1.0, fill_mask: float | None = 0.0, camera: bool = False,
                 p: float = 0.5) -> None:
        super().__init__(p=p)
        self.rate, self.coco, self.leave_out_even, self.visibility = rate, coco, leave_out_even, visibility
        self.hidden_value, self.fill_mask, self.camera = hidden_value, fill_mask, camera

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        """The data with something in front of the person, and `occluder_mask`."""
        done = super().__call__(*args, force_apply=force_apply, **data)
        if OCCLUDER not in done:
            done[OCCLUDER] = np.zeros(image_of(done, "PasteOccluder").shape[:2], np.uint8)
        return done

    def get_params_dependent_on_data(self, params: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        """The picture with something pasted on it."""
        image = image_of(data, "PasteOccluder")
        mask_of(data, OCCLUDER, image)
        body = _body(data, image)
        if not body.any():
            return {WORK: None, "hidden_share": 0.0}
        cutouts = () if self.coco is None else _cutouts(self.coco, self.leave_out_even)
        rate = self.py_random.uniform(*self.rate)
        pasted = occlude(image, body, cutouts, rate, self.random_generator, None if self.camera else Lens())
        return {WORK: pasted, "hidden_share": pasted.hidden_share}

    def apply_with_params(self, params: dict[str, Any], *args: Any, **data: Any) -> dict[str, Any]:
        pasted: Pasted | None = params[WORK]
        if pasted is None:
            return data
        own = {key: data.pop(key, None) for key in (PERSON, OCCLUDER)}  # not masks like others, though TARGETS calls them so
        done = super().apply_with_params(params, *args, **data)
        seen, before = (mask_of(own, key, pasted.image) for key in (PERSON, OCCLUDER))
        if seen is not None:
            done[PERSON] = as_it_came(seen & ~pasted.occluder, own[PERSON])
        done[OCCLUDER] = as_it_came(pasted.occluder if before is None else before | pasted.occluder, own[OCCLUDER])
        return done

    def apply(self, img: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        return params[WORK].image

    def apply_to_mask(self, mask: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        if self.fill_mask is None:
            return mask
        out = mask.copy()
        out[params[WORK].occluder] = self.fill_mask
        return out

    def apply_to_keypoints(self, keypoints: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        if self.visibility is None or not len(keypoints):
            return keypoints
        column, hidden = self._visibility_column(), covered(keypoints[:, :2], params[WORK].occluder)
        out = keypoints.copy()
        out[hidden, column] = np.minimum(out[hidden, column], self.hidden_value)
        return out

    def _visibility_column(self) -> int:
        """Where the label field is among the keypoints' columns, of which label fields are the last."""
        processor = self.get_processor("keypoints")
        fields = list(processor.params.label_fields or ()) if processor is not None else []
        if self.visibility not in fields:
            raise ValueError(f"the keypoints have no label field {self.visibility!r} (theirs: {fields}): pass KeypointParams(..., "
                             f"label_fields=[{self.visibility!r}]), or PasteOccluder(visibility=None), which leaves visibility alone")
        if processor.label_manager.get_encoder("keypoints", self.visibility) is not None:
            raise ValueError(f"the label field {self.visibility!r} does not hold numbers: pass 2 for a keypoint that is seen, 1 for a "
                             "hidden one")
        return fields.index(self.visibility) - len(fields)


@cache
def _cutouts(folder: str, leave_out_even: bool) -> tuple[Cutout, ...]:
    """A folder's cut-outs, read once a process."""
    return tuple(read_cutouts(Path(folder), side=LONGEST, leave_out=even_numbered if leave_out_even else none_left_out))


def _body(data: Mapping[str, Any], image: Image) -> Mask:
    """Where the person is seen: their mask, else all of their box that is inside the image."""
    box, mask = person_of(data, image, "PasteOccluder")
    if mask is not None:
        return mask
    assert box is not None  # the caller's
    body = np.zeros(image.shape[:2], np.bool_)
    x0, y0, x1, y1 = box.round().astype(int).clip(0)
    body[y0:y1, x0:x1] = True
    return body
