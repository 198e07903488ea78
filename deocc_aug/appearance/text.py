"""A prompt as CLIP encodes it."""
from __future__ import annotations

from typing import Any

from jaxtyping import Int64
from torch import Tensor

from deocc_aug.describe.closed import WORD, unknown_words


def small_text_encoder(tokenizer: Any, width: int, layers: int) -> Any:
    """An untrained `CLIPTextModel` for a tokenizer's words."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
                                        num_attention_heads=max(1, width // 32), max_position_embeddings=tokenizer.model_max_length,
                                        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                                        pad_token_id=tokenizer.pad_token_id, projection_dim=width))


def tokens_of(tokenizer: Any, prompts: list[str]) -> Int64[Tensor, "b n"]:
    """Prompts as tokens, cut or padded to the longest that the encoder takes."""
    return tokenizer(prompts, padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt").input_ids


def known_words(tokenizer: Any, prompt: str) -> tuple[str, list[str]]:
    """The prompt without the words that the tokenizer does not know, and those."""
    unknown = unknown_words(tokenizer, prompt)
    kept = WORD.sub(lambda found: "" if found.group() in unknown else found.group(), prompt)
    return " ".join(kept.split()), unknown
