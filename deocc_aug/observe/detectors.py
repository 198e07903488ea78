"""Object detectors of transformers as detectors of people."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deocc_aug.data.images import check_image
from deocc_aug.observe.hub import fetched, person_label, ready
from deocc_aug.types import Image, Person


class TransformersDetector:
    """D-FINE, RT-DETR, or another object detector that transformers knows: a box for everybody it is sure of.

    >>> detector = TransformersDetector.from_pretrained("ustc-community/dfine-small-coco")      # doctest: +SKIP

    Args:
        model: one that `AutoModelForObjectDetection` loads, with a class "person", that needs no suppression of doubles.
        processor: its image processor.
        threshold: the least score, in [0, 1], of a person.

    Raises:
        ValueError: no class is called "person".
    """

    def __init__(self, model: Any, processor: Any, threshold: float = 0.5) -> None:
        self.model, self.processor, self.threshold = model, processor, threshold
        self.label = person_label(model)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                        threshold: float = 0.5, local_files_only: bool = False) -> TransformersDetector:
        """Loads it from a folder or by its id on the Hub.

        Raises:
            OSError: it is not here and the Hub cannot be reached.
            ValueError: it is no object detector, knows no people, or the device cannot be used.
            ImportError: transformers is too old for it, or lacks torchvision.
        """

        def load(local: bool) -> tuple[Any, Any]:
            from transformers import AutoImageProcessor, AutoModelForObjectDetection

            return (AutoModelForObjectDetection.from_pretrained(source, local_files_only=local),
                    AutoImageProcessor.from_pretrained(source, local_files_only=local))

        model, processor = fetched(source, "an object detector", load, local_files_only)
        return cls(ready(model, device, dtype), processor, threshold)

    @torch.inference_mode()
    def __call__(self, image: Image) -> list[Person]:
        """The people found, the surest first, their boxes cut off at the image's border.

        Raises:
            ValueError: not an RGB uint8 image (H, W, 3).
        """
        image = np.ascontiguousarray(check_image(image))
        asked = self.processor(images=image, return_tensors="pt").to(self.model.device, self.model.dtype)
        said = self.model(**asked)
        said.logits, said.pred_boxes = said.logits.float().cpu(), said.pred_boxes.float().cpu()
        found = self.processor.post_process_object_detection(said, threshold=self.threshold, target_sizes=[image.shape[:2]])[0]
        people = found["labels"] == self.label
        order = found["scores"][people].argsort(descending=True, stable=True)
        boxes = found["boxes"][people][order].double().numpy().clip(0, [*image.shape[1::-1]] * 2)
        return [Person(box) for box in boxes if (box[2:] > box[:2]).all()]
