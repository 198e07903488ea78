"""The VQA model in training: BLIP's own class, small, with a tokenizer of its own."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deocc_aug.describe.closed import bert_tokenizer, spoken
from deocc_aug.describe.questions import DEFAULT, QUESTIONS
from deocc_aug.training.diffusion import PartModule
from deocc_aug.training.words_data import ANSWERS, SILENT

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's, as BLIP's processor has them
LONGEST = 16


class WordsModule(PartModule):
    """Learns to answer every question about each picture.

    Args:
        side: of its pictures, pixels.
        patch: pixels a side of the vision model's patches.
        width: of all of its parts.
        vision_layers, text_layers: of the vision model, and of each of the two text models.
    """

    def __init__(self, side: int = 128, patch: int = 16, width: int = 128, vision_layers: int = 4, text_layers: int = 2,
                 learning_rate: float = 1e-3, warm_up: int = 300, final: float = 0.02) -> None:
        super().__init__(learning_rate, warm_up, final)
        self.tokenizer = bert_tokenizer(spoken(), LONGEST)
        self.blip = small_blip(self.tokenizer, side, patch, width, vision_layers, text_layers)
        self.side = side
        asked = self.tokenizer([QUESTIONS[key].text for key in DEFAULT], padding=True, return_tensors="pt")
        said = self.tokenizer(list(ANSWERS), padding=True, return_tensors="pt")
        answers = said.input_ids.clone()
        answers[:, 0] = self.blip.decoder_start_token_id
        for name, tokens in (("asked", asked.input_ids), ("asked_mask", asked.attention_mask), ("said", answers),
                             ("said_mask", said.attention_mask)):
            self.register_buffer(name, tokens, persistent=False)

    asked: Tensor
    asked_mask: Tensor
    said: Tensor
    said_mask: Tensor

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        pixels = batch["picture"].permute(0, 3, 1, 2).float() / 255
        mean, deviation = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (MEAN, DEVIATION))
        answers = batch["answers"].flatten()  # (B * Q,)
        logits = self((pixels - mean) / deviation, answers.clamp(min=0))  # (B * Q, tokens, vocabulary)
        truth, there = self.said[answers.clamp(min=0)], self.said_mask[answers.clamp(min=0)]
        truth = truth.masked_fill((there == 0) | (answers == SILENT)[:, None], -100)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), truth[:, 1:].flatten())
        with torch.no_grad():
            right = ((logits[:, :-1].argmax(2) == truth[:, 1:]) | (truth[:, 1:] == -100)).all(1)
            self.log("right", right[answers != SILENT].float().mean(), prog_bar=True)
        self.log("loss", loss, prog_bar=True)
        return loss

    def forward(self, pixels: Tensor, answers: Tensor) -> Tensor:
        """Logits of the tokens of an answer each, for pictures (B, 3, side, side) and answers (B * questions,), indices into `ANSWERS`."""
        blip, count = self.blip, len(pixels)
        seen = blip.vision_model(pixel_values=pixels).last_hidden_state.repeat_interleave(len(self.asked), 0)
        asked, asked_mask = self.asked.repeat(count, 1), self.asked_mask.repeat(count, 1)
        read = blip.text_encoder(input_ids=asked, attention_mask=asked_mask, encoder_hidden_states=seen).last_hidden_state
        return blip.text_decoder(input_ids=self.said[answers], attention_mask=self.said_mask[answers], encoder_hidden_states=read,
                                 encoder_attention_mask=asked_mask).logits

    def export(self, folder: Path) -> None:
        """Writes model, tokenizer and image processor into one folder, as BLIP's are."""
        from transformers import BlipImageProcessor

        self.blip.half().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        size = {"height": self.side, "width": self.side}
        BlipImageProcessor(size=size, image_mean=list(MEAN), image_std=list(DEVIATION)).save_pretrained(folder)


def small_blip(tokenizer: Any, side: int, patch: int, width: int, vision_layers: int, text_layers: int) -> Any:
    """An untrained `BlipForQuestionAnswering` for a tokenizer's words."""
    from transformers import BlipConfig, BlipForQuestionAnswering, BlipTextConfig, BlipVisionConfig

    heads = max(1, width // 32)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in (("bos", "[DEC]"), ("sep", "[SEP]"), ("pad", "[PAD]"))}
    text = BlipTextConfig(vocab_size=len(tokenizer), hidden_size=width, encoder_hidden_size=width, intermediate_size=2 * width,
                          num_hidden_layers=text_layers, num_attention_heads=heads, max_position_embeddings=LONGEST,
                          bos_token_id=ids["bos"], eos_token_id=ids["sep"], sep_token_id=ids["sep"], pad_token_id=ids["pad"])
    vision = BlipVisionConfig(hidden_size=width, intermediate_size=2 * width, num_hidden_layers=vision_layers,
                              num_attention_heads=heads, image_size=side, patch_size=patch)
    return BlipForQuestionAnswering(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=width))
