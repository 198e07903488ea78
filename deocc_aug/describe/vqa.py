"""A VQA model that is asked about the visible person: transformers' BLIP, ours or anybody's."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from deocc_aug.canvas import box_of
from deocc_aug.describe.closed import ONE_READER
from deocc_aug.describe.questions import DEFAULT, NOT_SEEN, QUESTIONS
from deocc_aug.devices import aligned
from deocc_aug.types import Image, Mask

GREY = 127
ROOM = 0.06  # around the visible part, in its longer sides
LONGEST = 6  # tokens of an answer


class BlipAnswers:
    """Answers questions about a picture, each with a confidence: the answer's probability, its tokens' multiplied.

    Args:
        model: `BlipForQuestionAnswering`.
        tokenizer: its tokenizer.
        processor: its image processor.
        sure: an answer of less confidence is not given.
        keys: of `deocc_aug.describe.questions.QUESTIONS`: what is asked.

    Raises:
        ValueError: a key that is no question's.
    """

    def __init__(self, model: Any, tokenizer: Any, processor: Any, sure: float = 0.5, keys: Sequence[str] = DEFAULT) -> None:
        unknown = [key for key in keys if key not in QUESTIONS]
        if unknown:
            raise ValueError(f"{unknown} are no questions' keys: pass some of {list(QUESTIONS)}")
        self.model, self.tokenizer, self.processor, self.sure, self.keys = model, tokenizer, processor, sure, tuple(keys)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                        sure: float = 0.5, keys: Sequence[str] = DEFAULT) -> BlipAnswers:
        """Loads a folder as `save_pretrained` writes it: BLIP, its tokenizer and its image processor."""
        from transformers import AutoImageProcessor, AutoTokenizer, BlipForQuestionAnswering

        model = BlipForQuestionAnswering.from_pretrained(folder, local_files_only=True, dtype=dtype or torch.float32)
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
        aligned(model).to(device or "cpu").eval()
        return cls(model, AutoTokenizer.from_pretrained(folder, local_files_only=True), processor, sure, keys)

    @torch.inference_mode()
    def __call__(self, image: Image, visible: Mask) -> dict[str, tuple[str, float]]:
        """What is answered of the person whose visible part is `visible` (h, w), question's key -> answer and confidence in [0, 1].

        The model sees the visible part alone, on grey.  Answers that it is not sure of, and that it does not see the thing, are left out.
        """
        if not visible.any():
            return {}
        pixels = self.processor(images=seen_alone(image, visible), return_tensors="pt").pixel_values.to(self.model.device, self.model.dtype)
        with ONE_READER:
            asked = self.tokenizer([QUESTIONS[key].text for key in self.keys], padding=True, return_tensors="pt").to(self.model.device)
        seen = self.model.vision_model(pixel_values=pixels).last_hidden_state.expand(len(self.keys), -1, -1)       # (Q, patches, C)
        read = self.model.text_encoder(input_ids=asked.input_ids, attention_mask=asked.attention_mask,
                                       encoder_hidden_states=seen).last_hidden_state                              # (Q, tokens, C)
        begin = torch.full((len(self.keys), 1), self.model.decoder_start_token_id, device=read.device)
        text = self.model.config.text_config
        said = self.model.text_decoder.generate(
            input_ids=begin, encoder_hidden_states=read, encoder_attention_mask=asked.attention_mask, eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id, max_new_tokens=LONGEST, do_sample=False, num_beams=1, output_scores=True,
            return_dict_in_generate=True)
        steps = torch.stack(said.scores, 1).float().log_softmax(2)                                                 # (Q, steps, vocabulary)
        tokens = said.sequences[:, 1:]
        chosen = steps.gather(2, tokens[..., None])[..., 0].masked_fill(tokens == text.pad_token_id, 0.0)
        answers = [words(self.tokenizer.decode(row, skip_special_tokens=True)) for row in tokens]
        confidence = chosen.sum(1).exp().tolist()
        return {key: (answer, sure) for key, answer, sure in zip(self.keys, answers, confidence, strict=True)
                if sure >= self.sure and answer not in ("", NOT_SEEN)}


def words(decoded: str) -> str:
    """An answer as it is written, from what a tokenizer of words and signs decodes: "t - shirt" is "t-shirt"."""
    return decoded.replace(" - ", "-").strip().lower()


def seen_alone(image: Image, visible: Mask) -> Image:
    """The visible part of a person (h, w, 3), cut out with a little room, everything else grey."""
    box = box_of(visible)
    assert box is not None
    room = round(ROOM * float(max(box[2] - box[0], box[3] - box[1])))
    x0, y0, x1, y1 = box.astype(int).tolist()
    alone = np.where(visible[..., None], image, np.uint8(GREY))[y0:y1, x0:x1]
    return np.asarray(cv2.copyMakeBorder(alone, room, room, room, room, cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY)))
