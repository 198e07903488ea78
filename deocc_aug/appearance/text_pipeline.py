"""What stage 2's pipelines that hear words share."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AsymmetricAutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from transformers import CLIPTextModel, CLIPTokenizer

from deocc_aug.appearance.autoencoder import save
from deocc_aug.appearance.text import known_words, tokens_of, within
from deocc_aug.describe.closed import ONE_READER


class TextPipeline(DiffusionPipeline):
    """What pipelines share that hear words and paint with a mask-conditioned autoencoder: reading prompts, and files that load again.

    A subclass registers `vae`, `text_encoder` and `tokenizer`.
    """

    vae: AsymmetricAutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        super().save_pretrained(save_directory, **options)
        save(self.vae, Path(save_directory) / "vae")

    def read(self, prompt: str) -> tuple[Float[np.ndarray, "tokens channels"], list[str]]:
        """A prompt's embedding, and its words that are not known and are left out."""
        return read_prompt(self.text_encoder, self.tokenizer, prompt)


@torch.inference_mode()
def read_prompt(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, prompt: str) -> tuple[Float[np.ndarray, "tokens channels"], list[str]]:
    """A prompt's embedding, and its words that are not known, or beyond what the encoder takes, and are left out."""
    with ONE_READER:
        known, unknown = known_words(tokenizer, prompt)
        short, cut = within(tokenizer, known)
        tokens = tokens_of(tokenizer, [short])
    hidden = encoder(tokens.to(encoder.device)).last_hidden_state
    return hidden[0].float().cpu().numpy(), [*unknown, *cut]


def fits(unet: UNet2DConditionModel, encoder: CLIPTextModel) -> None:
    """
    Raises:
        ValueError: the UNet does not attend to what this text encoder says.
    """
    if unet.config.cross_attention_dim != encoder.config.hidden_size:
        raise ValueError(f"the UNet attends to {unet.config.cross_attention_dim} channels, the text encoder has "
                         f"{encoder.config.hidden_size}: pass two that were trained together")
