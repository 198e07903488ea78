"""Segmenters of transformers as observers: what is seen of the person that a box means."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from deocc_aug.canvas import box_of
from deocc_aug.data.images import check_image
from deocc_aug.observe.boxes import inside, overlap
from deocc_aug.observe.hub import fetched, model_type, person_label, ready
from deocc_aug.observe.protocol import told
from deocc_aug.types import Box, Image, Mask, Person


class SamObserver:
    """Segment Anything or SAM 2: the visible mask of the person that a box means.

    The box is the one prompt; of the masks it may mean, the one that the model itself scores best is taken.  It fills in
    `visible_mask` alone: what stands in front is a question of depth, which no mask answers, and stays unknown.

    >>> observer = SamObserver.from_pretrained("facebook/sam2.1-hiera-tiny")     # doctest: +SKIP

    Args:
        model: a `SamModel` or `Sam2Model`.
        processor: its processor.
    """

    MODEL_TYPES = ("sam", "sam2", "sam2_video")  # SAM 2's images and videos share checkpoints, which call themselves sam2_video

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                        local_files_only: bool = False) -> SamObserver:
        """Loads it from a folder or by its id on the Hub.

        Raises:
            OSError: it is not here and the Hub cannot be reached.
            ValueError: it is something else, or the device cannot be used.
            ImportError: transformers is too old for it, or lacks torchvision.
        """

        def load(local: bool) -> tuple[Any, Any]:
            if model_type(source, local, cls.MODEL_TYPES) == "sam":
                from transformers import SamModel as Model
                from transformers import SamProcessor as Processor
            else:
                from transformers import Sam2Model as Model
                from transformers import Sam2Processor as Processor
            return Model.from_pretrained(source, local_files_only=local), Processor.from_pretrained(source, local_files_only=local)

        model, processor = fetched(source, "a SAM or SAM 2 segmenter", load, local_files_only)
        return cls(ready(model, device, dtype), processor)

    def __call__(self, image: Image, person: Person) -> Person:
        """The person with a visible mask; as they came where they have one, or where the model's is empty.

        Raises:
            ValueError: not an RGB uint8 image (H, W, 3), or a box that lies outside it.
        """
        if person.visible_mask is not None:
            return person
        mask = self._mask(np.ascontiguousarray(check_image(image)), person.box_xyxy)
        return told(person, visible_mask=mask) if mask.any() else person

    @torch.inference_mode()
    def _mask(self, image: Image, box_xyxy: Box) -> Mask:
        model, processor = self.model, self.processor
        asked = processor(images=image, input_boxes=[[inside(box_xyxy, image).tolist()]], return_tensors="pt")
        said = model(pixel_values=asked["pixel_values"].to(model.device, model.dtype),
                     input_boxes=asked["input_boxes"].float().to(model.device), multimask_output=True)
        best = int(said.iou_scores[0, 0].argmax())
        sizes = [asked[name] for name in ("original_sizes", "reshaped_input_sizes") if name in asked]  # SAM 2 pads nothing
        masks = processor.post_process_masks(said.pred_masks[:, :, best, None].float().cpu(), *sizes)[0]
        return np.asarray(masks[0, 0].numpy(), np.bool_)


class Mask2FormerObserver:
    """Mask2Former, instance or panoptic: the visible mask of the person in its answer whom a box fits best.

    It fills in `visible_mask` alone.  The other people and things it sees are not taken for occluders: which of two neighbours
    is in front is not in its answer.

    >>> observer = Mask2FormerObserver.from_pretrained("facebook/mask2former-swin-tiny-coco-instance")    # doctest: +SKIP

    Args:
        model: a `Mask2FormerForUniversalSegmentation` with a class "person".
        processor: its image processor.
        threshold: how sure it must be, in [0, 1], that an instance is a person.
        fit: the least overlap (IoU) of the person's box with that of the instance.

    Raises:
        ValueError: no class is called "person".
    """

    MODEL_TYPES = ("mask2former",)

    def __init__(self, model: Any, processor: Any, threshold: float = 0.5, fit: float = 0.3) -> None:
        self.model, self.processor, self.threshold, self.fit = model, processor, threshold, fit
        self.label = person_label(model)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                        local_files_only: bool = False) -> Mask2FormerObserver:
        """Loads it from a folder or by its id on the Hub; raises as `SamObserver.from_pretrained` does."""

        def load(local: bool) -> tuple[Any, Any]:
            from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation

            model_type(source, local, cls.MODEL_TYPES)
            return (Mask2FormerForUniversalSegmentation.from_pretrained(source, local_files_only=local),
                    AutoImageProcessor.from_pretrained(source, local_files_only=local))

        model, processor = fetched(source, "a Mask2Former segmenter", load, local_files_only)
        return cls(ready(model, device, dtype), processor)

    def __call__(self, image: Image, person: Person) -> Person:
        """The person with a visible mask; as they came where they have one, or where nobody is found in their box.

        Raises:
            ValueError: not an RGB uint8 image (H, W, 3), or a box that lies outside it.
        """
        if person.visible_mask is not None:
            return person
        mask = self._mask(np.ascontiguousarray(check_image(image)), person.box_xyxy)
        return person if mask is None else told(person, visible_mask=mask)

    @torch.inference_mode()
    def _mask(self, image: Image, box_xyxy: Box) -> Mask | None:
        box, (height, width) = inside(box_xyxy, image), image.shape[:2]
        asked = self.processor(images=image, return_tensors="pt")
        said = self.model(pixel_values=asked["pixel_values"].to(self.model.device, self.model.dtype),
                          pixel_mask=asked["pixel_mask"].to(self.model.device))
        sure = said.class_queries_logits[0].float().softmax(-1)[:, self.label] >= self.threshold              # (queries,)
        masks = said.masks_queries_logits[0, sure].float().cpu()                                              # (people, h, w)
        # where the picture lies in what the model saw, which its processor may have padded to the right and below
        padded, shown = asked["pixel_mask"].shape[1:], (int(asked["pixel_mask"][0, :, 0].sum()), int(asked["pixel_mask"][0, 0].sum()))
        cell = np.array([width / shown[1] * padded[1] / masks.shape[2], height / shown[0] * padded[0] / masks.shape[1]])  # image px
        boxes = [box_of((mask > 0).numpy()) for mask in masks]
        fits = [0.0 if found is None else overlap(found * np.tile(cell, 2), box) for found in boxes]
        if max(fits, default=0.0) < self.fit:
            return None
        logits = F.interpolate(masks[None, None, int(np.argmax(fits))], padded, mode="bilinear")[..., :shown[0], :shown[1]]
        mask = np.asarray(F.interpolate(logits, (height, width), mode="bilinear")[0, 0].numpy() > 0)
        return mask if mask.any() else None
