"""Step 5: from the visible person, or the caller's own words, to what stage 2 is told."""
from __future__ import annotations

import warnings
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from deocc_aug.describe.closed import WORD
from deocc_aug.describe.questions import prompt_of
from deocc_aug.types import Canvas, Description, Image, Mask, Observation


@runtime_checkable
class Answers(Protocol):
    """Says what is seen of a person on a picture (h, w, 3), their visible part given: question's key -> answer and confidence."""

    def __call__(self, image: Image, visible: Mask) -> dict[str, tuple[str, float]]: ...


@runtime_checkable
class Reader(Protocol):
    """Reads a prompt: its embedding (tokens, channels) float32, and the words that it does not know or has no room for, and leaves out."""

    def __call__(self, prompt: str) -> tuple[Float[np.ndarray, "tokens channels"], list[str]]: ...


def describe(canvas: Canvas, observation: Observation, prompt: str | None, answers: Answers | None, read: Reader | None) -> Description:
    """The description of the visible person on a canvas.

    Args:
        prompt: the caller's words; None asks for them, "" uses none.
        answers: who is asked; None where the preset has no VQA model: then nobody is.
        read: encodes the prompt; None where the preset has no text encoder.

    Raises:
        ValueError: words were given to a preset that cannot read them.
    """
    if read is None:
        if prompt:
            raise ValueError(f"Options.prompt is {prompt!r}, but this preset has no text encoder: pass None or \"\"")
        return Description()
    said = answers(canvas.image, observation.visible) if prompt is None and answers is not None else {}
    text = prompt_of({key: answer for key, (answer, _) in said.items()}) if prompt is None else prompt
    if not text:
        return Description("", said)
    embedding, unknown = read(text)
    if unknown:
        warnings.warn(f"the prompt {text!r} has words that this preset's text encoder was not taught, or has no room for, and leaves out: "
                      f"{', '.join(unknown)}; `deocc_aug.describe.closed.spoken()` lists those it knows", stacklevel=3)
    heard = [word for word in WORD.findall(text) if word not in unknown]
    return Description(text, said, embedding if heard else None)  # of nothing heard the embedding is that of no words
