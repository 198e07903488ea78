"""Questions, answers and prompts: the words that go round, and the tokenizers that know them."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deocc_aug.appearance.text import known_words, small_text_encoder, within
from deocc_aug.appearance.text_pipeline import read_prompt
from deocc_aug.describe.closed import bert_tokenizer, clip_tokenizer, prompt_tokenizer, spoken, unknown_words
from deocc_aug.describe.colours import ANCHORS, COLOURS, colour_name, garment_colour
from deocc_aug.describe.questions import DEFAULT, NOT_SEEN, QUESTIONS, prompt_of


@pytest.mark.parametrize(("answers", "prompt"), [
    ({}, ""),
    ({"upper": NOT_SEEN}, ""),
    ({"upper": "t-shirt", "upper_colour": "red", "lower": "shorts", "lower_colour": "blue", "shoes": "white", "hair": "black"},
     "a person with black hair wearing a red t-shirt, blue shorts and white shoes"),
    ({"upper_colour": "orange", "lower_colour": "grey"}, "a person wearing an orange top and grey pants"),
    ({"upper": "dress", "upper_colour": "green", "lower": "dress", "lower_colour": "green"}, "a person wearing a green dress"),
    ({"upper": "coat", "lower": "dress", "lower_colour": "red"}, "a person wearing a coat and a red dress"),
    ({"hair": "blond"}, "a person with blond hair"),
    ({"sex": "woman", "age": "child", "shoes": "red"}, "a girl wearing red shoes"),
    ({"age": "child"}, "a child"),
])  # fmt: skip
def test_a_prompt_says_what_was_answered_and_nothing_else(answers: dict[str, str], prompt: str) -> None:
    assert prompt_of(answers) == prompt


@given(st.fixed_dictionaries({}, optional={key: st.sampled_from(question.answers) for key, question in QUESTIONS.items()}))
def test_every_prompt_is_in_words_that_our_tokenizer_knows(answers: dict[str, str]) -> None:
    prompt = prompt_of(answers)
    assert unknown_words(TOKENIZER, prompt) == []
    tokens = TOKENIZER(prompt).input_ids
    assert len(tokens) <= TOKENIZER.model_max_length and TOKENIZER.unk_token_id not in tokens


TOKENIZER = prompt_tokenizer()


def test_questions_about_sex_and_age_are_not_asked_unless_somebody_chooses() -> None:
    assert set(DEFAULT) == set(QUESTIONS) - {"sex", "age"}


def test_a_word_is_one_token_and_others_are_named(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    for made in (clip_tokenizer(spoken(), 32), bert_tokenizer(spoken(), 16)):
        made.save_pretrained(tmp_path)
        for tokenizer in (made, AutoTokenizer.from_pretrained(tmp_path)):
            assert all(len(tokenizer(word, add_special_tokens=False).input_ids) == 1 for word in spoken())
            assert unknown_words(tokenizer, "a person wearing a magenta hat, on a sofa, a magenta one") == ["magenta", "hat", "sofa", "one"]


@pytest.mark.parametrize(("prompt", "read", "unknown"), [
    ("a person wearing a red shirt.", "a person wearing a red shirt", []),
    ('"A person, wearing 1 red t-shirt!"', "A person, wearing red t-shirt", ["1"]),
    ("a magenta_coat, 123", "a coat,", ["magenta", "123"]),
    ("?!", "", []),
])
def test_signs_are_left_out_and_numbers_named(prompt: str, read: str, unknown: list[str]) -> None:
    assert known_words(TOKENIZER, prompt) == (read, unknown)
    assert TOKENIZER.unk_token_id not in TOKENIZER(read).input_ids


def test_where_a_prompt_is_too_long_is_told() -> None:
    short = "a person with brown hair wearing a red shirt, blue jeans and black shoes"
    assert within(TOKENIZER, short) == (short, [])
    kept, cut = within(TOKENIZER, f"{short}, {short}, {short}")
    assert len(TOKENIZER(kept).input_ids) == TOKENIZER.model_max_length and cut == ["all from its word 28, 'shoes,', on"]
    encoder = small_text_encoder(TOKENIZER, 32, 1)
    (embedding, left_out), (same, _) = read_prompt(encoder, TOKENIZER, f"{short}, {short}, {short}"), read_prompt(encoder, TOKENIZER, kept)
    assert left_out == cut and np.array_equal(embedding, same)


def test_a_tokenizer_comes_out_the_same_every_time() -> None:
    assert prompt_tokenizer().get_vocab() == TOKENIZER.get_vocab()
    assert clip_tokenizer(reversed(spoken()), 32).get_vocab() == TOKENIZER.get_vocab()


def test_a_tokenizer_with_an_open_vocabulary_knows_all_words() -> None:
    from transformers import CLIPTokenizer

    assert unknown_words(CLIPTokenizer(), "a magenta hat") == []


def test_every_colour_goes_by_its_own_name() -> None:
    assert len(COLOURS) == 11
    for name, anchors in ANCHORS.items():
        assert all(colour_name(np.array(anchor, np.uint8)) == name for anchor in anchors)


def test_a_garments_colour_is_that_of_its_middle() -> None:
    image = np.full((60, 60, 3), 240, np.uint8)
    mask = np.zeros((60, 60), np.bool_)
    mask[20:40, 20:40] = True
    image[20:40, 20:40] = (180, 30, 40)
    image[mask ^ np.pad(mask[1:-1, 1:-1][19:37, 19:37], 21)] = (40, 80, 160)  # a rim of another colour
    assert garment_colour(image, mask) == "red"
    assert garment_colour(image, np.zeros_like(mask)) is None
