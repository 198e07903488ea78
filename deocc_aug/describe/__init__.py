"""Words for the visible person: what stage 2 is told beside the masks."""
from __future__ import annotations

from deocc_aug.types import Canvas, Description


def describe(canvas: Canvas, prompt: str | None) -> Description:
    """The description of the visible person on a canvas, for a preset without a part for words.

    Args:
        canvas: the person.
        prompt: the caller's words; None asks the preset's VQA, "" uses none.

    Raises:
        ValueError: words were given to a preset that cannot read them.
    """
    if prompt:
        raise ValueError(f"Options.prompt is {prompt!r}, but this preset has no text encoder: pass None or \"\"")
    return Description()
