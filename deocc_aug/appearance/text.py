"""A prompt as CLIP encodes it."""
from __future__ import annotations

import re
from typing import Any

from jaxtyping import Int64
from torch import Tensor

from deocc_aug.describe.closed import CLOSED, WORD, unknown_words

NUMBER = re.compile(r"\d+")
SIGN = re.compile(r"[^\w\s,-]|[\d_]")


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
    """The prompt without what the tokenizer does not know, and which words that are; signs but , and - go without mention."""
    unknown = unknown_words(tokenizer, prompt)
    kept = WORD.sub(lambda found: "" if found.group() in unknown else found.group(), prompt)
    if tokenizer.init_kwargs.get(CLOSED, False):
        unknown += dict.fromkeys(NUMBER.findall(prompt))
        kept = SIGN.sub(" ", kept)
    return " ".join(kept.split()), unknown


def within(tokenizer: Any, prompt: str) -> tuple[str, list[str]]:
    """As much of a prompt as the encoder takes, and where it is cut, if it is."""
    words, longest = prompt.split(), tokenizer.model_max_length

    def fits(count: int) -> bool:
        return len(tokenizer(" ".join(words[:count]), verbose=False).input_ids) <= longest

    if fits(len(words)):
        return prompt, []
    kept = next(count for count in range(len(words) - 1, -1, -1) if fits(count))
    return " ".join(words[:kept]), [f"all from its word {kept + 1}, {words[kept]!r}, on"]
