"""A text encoder's first lessons."""
from __future__ import annotations

import numpy as np
import torch

from deocc_aug.appearance.text import small_text_encoder, tokens_of
from deocc_aug.describe.closed import prompt_tokenizer
from deocc_aug.describe.questions import prompt_of
from deocc_aug.training.reading import invented, teach, told


def test_what_a_prompt_says_is_told_question_by_question() -> None:
    silent, red, blond = told({}), told({"upper_colour": "red"}), told({"hair": "blond"})
    assert not silent.any() and len(red) == len(silent) and (red != 0).sum() == 4 and (blond != 0).sum() == 4
    assert told({"upper": "shirt"}).sum() == 1 and not np.array_equal(red, told({"upper_colour": "blue"}))


def test_the_encoder_learns_to_tell_what_a_prompt_says() -> None:
    tokenizer = prompt_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = small_text_encoder(tokenizer, 32, 1)
        first = teach(encoder, tokenizer, 1)
        assert teach(encoder, tokenizer, 80) < 0.3 * first
    prompts = [prompt_of(one) for one in invented(np.random.default_rng(5), 200)]
    padding = encoder(tokens_of(tokenizer, prompts)).last_hidden_state[:, -1].detach().numpy()
    assert np.abs(padding.mean(0)).mean() < 0.4 and 0.5 < padding.std(0).mean() < 1.5  # what differs is what is large
