"""Step 5: who is asked, what is read, and what is said about words that nobody taught."""
from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import draw

from deocc_aug.canvas import cut, place
from deocc_aug.describe.describer import describe
from deocc_aug.describe.questions import DEFAULT, QUESTIONS
from deocc_aug.describe.vqa import GREY, BlipAnswers, seen_alone
from deocc_aug.observe.given import observe
from deocc_aug.training.words_module import WordsModule
from deocc_aug.types import Canvas, Observation


@pytest.fixture(scope="module")
def seen() -> tuple[Canvas, Observation]:
    picture = draw()
    canvas = cut(picture.image, place(np.array([0.0, 0, 220, 300]), (256, 192)), (256, 192))
    return canvas, observe(canvas, picture.person())


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny VQA model with random weights, as training writes it."""
    folder = tmp_path_factory.mktemp("words")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        WordsModule(side=32, patch=16, width=32, vision_layers=1, text_layers=1).export(folder)
    return folder


def answers(image: np.ndarray, visible: np.ndarray) -> dict[str, tuple[str, float]]:
    return {"upper": ("shirt", 0.9), "upper_colour": ("blue", 0.8)}


def read(prompt: str) -> tuple[np.ndarray, list[str]]:
    return np.full((4, 8), len(prompt), np.float32), [word for word in prompt.split() if word == "magenta"]


def test_the_vqa_is_asked_where_the_caller_says_nothing(seen: tuple[Canvas, Observation]) -> None:
    said = describe(*seen, None, answers, read)
    assert said.prompt == "a person wearing a blue shirt" and said.answers["upper"] == ("shirt", 0.9)
    assert said.embedding is not None and said.embedding[0, 0] == len(said.prompt)


def test_the_callers_words_win_and_none_are_none(seen: tuple[Canvas, Observation]) -> None:
    assert describe(*seen, "a red coat", answers, read).prompt == "a red coat" and not describe(*seen, "a red coat", answers, read).answers
    silent = describe(*seen, "", answers, read)
    assert silent.prompt == "" and not silent.answers and silent.embedding is None
    assert describe(*seen, None, None, read).prompt == ""


def test_unknown_words_are_named_in_a_warning(seen: tuple[Canvas, Observation]) -> None:
    with pytest.warns(UserWarning, match="leaves out: magenta"):
        describe(*seen, "a magenta coat", answers, read)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        describe(*seen, "a red coat", answers, read)


def test_a_prompt_of_which_nothing_is_known_is_none(seen: tuple[Canvas, Observation]) -> None:
    with pytest.warns(UserWarning, match="leaves out: magenta"):
        assert describe(*seen, "magenta", answers, read).embedding is None
    for prompt in ("   ", "123"):
        assert describe(*seen, prompt, answers, read).embedding is None


def test_a_preset_without_a_text_encoder_refuses_words(seen: tuple[Canvas, Observation]) -> None:
    assert describe(*seen, None, answers, None).embedding is None and describe(*seen, "", None, None).prompt == ""
    with pytest.raises(ValueError, match="has no text encoder"):
        describe(*seen, "a red coat", None, None)


def test_the_model_sees_the_visible_part_alone() -> None:
    picture = draw()
    alone = seen_alone(picture.image, picture.visible_mask)
    shown = (alone != GREY).any(2)
    assert shown.sum() == picture.visible_mask.sum() and not shown[0].any() and not shown[:, -1].any()
    hidden = picture.image.copy()
    hidden[~picture.visible_mask] = 0
    assert (seen_alone(hidden, picture.visible_mask) == alone).all()


def test_blip_answers_every_question_with_a_probability(part: Path, seen: tuple[Canvas, Observation]) -> None:
    canvas, observation = seen
    asked = BlipAnswers.from_pretrained(part, sure=0.0)
    with torch.inference_mode():  # answers as likely as not: all of them must add up
        said = asked(canvas.image, observation.visible)
    assert set(said) <= set(DEFAULT) and all(0 < confidence <= 1 for _, confidence in said.values())
    assert asked(canvas.image, observation.visible) == said
    assert BlipAnswers.from_pretrained(part, sure=1.0)(canvas.image, observation.visible) == {}
    assert asked(canvas.image, np.zeros_like(observation.visible)) == {}
    one = BlipAnswers.from_pretrained(part, sure=0.0, keys=["sex"])(canvas.image, observation.visible)
    assert set(one) <= {"sex"}
    with pytest.raises(ValueError, match="no questions' keys"):
        BlipAnswers.from_pretrained(part, keys=["income"])


@torch.inference_mode()
def test_confidence_is_the_probability_of_the_whole_answer(part: Path, seen: tuple[Canvas, Observation]) -> None:
    """Against the model's own forward pass over the finished answer."""
    canvas, observation = seen
    asked = BlipAnswers.from_pretrained(part, sure=0.0, keys=["hair"])
    answer = asked(canvas.image, observation.visible)
    if not answer:
        pytest.skip("this random model says nothing")
    model, tokenizer = asked.model, asked.tokenizer
    pixels = asked.processor(images=seen_alone(canvas.image, observation.visible), return_tensors="pt").pixel_values
    question = tokenizer([QUESTIONS["hair"].text], return_tensors="pt")
    sequence = model.generate(question.input_ids, pixels, question.attention_mask, max_new_tokens=6, do_sample=False)
    embedded = model.text_encoder(input_ids=question.input_ids, attention_mask=question.attention_mask,
                                  encoder_hidden_states=model.vision_model(pixel_values=pixels).last_hidden_state).last_hidden_state
    logits = model.text_decoder(input_ids=sequence[:, :-1], encoder_hidden_states=embedded,
                                encoder_attention_mask=question.attention_mask).logits
    steps = logits.log_softmax(2).gather(2, sequence[:, 1:, None])[..., 0]
    assert answer["hair"][1] == pytest.approx(float(steps.sum().exp()), rel=1e-3)
