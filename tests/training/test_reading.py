"""A text encoder's first lessons."""
from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from deocc_aug.appearance.text import small_text_encoder, tokens_of
from deocc_aug.describe.closed import prompt_tokenizer
from deocc_aug.describe.questions import prompt_of
from deocc_aug.training.listening import ListeningModule, learn_to_read
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


def test_an_encoder_is_taken_along_only_from_a_net_that_hears(tmp_path: Path) -> None:
    tokenizer = prompt_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        beside = small_text_encoder(tokenizer, 32, 1)
        beside.save_pretrained(tmp_path / "text_encoder")
        (tmp_path / "unet").mkdir()
        for name, taken in (("UNet2DModel", False), ("UNet2DConditionModel", True)):
            (tmp_path / "unet" / "config.json").write_text(json.dumps({"_class_name": name}))
            encoder = small_text_encoder(tokenizer, 32, 1)
            beside_it = ListeningModule.reader(SimpleNamespace(start=str(tmp_path / "unet")))  # type: ignore[arg-type]
            learn_to_read(encoder, tokenizer, beside_it, lessons=1)
            same = all(torch.equal(one, other) for one, other in zip(encoder.parameters(), beside.parameters(), strict=True))
            assert same == taken and not any(parameter.requires_grad for parameter in encoder.parameters())
