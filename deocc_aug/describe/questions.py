"""What a VQA model is asked about the visible person, and the prompt that its answers make."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deocc_aug.describe.colours import COLOURS

NOT_SEEN = "unknown"
"""What a model says that was taught to when the picture does not show it; never part of a prompt."""
UPPER = ("t-shirt", "shirt", "blouse", "top", "sweater", "vest", "jacket", "coat", "suit", "dress")
LOWER = ("pants", "jeans", "shorts", "skirt", "leggings", "dress")
PLURAL = ("pants", "jeans", "shorts", "leggings")


@dataclass(frozen=True)
class Question:
    """`text` as the model is asked it; `answers` what ours is taught to say; `by_default`: asked unless somebody chooses."""

    text: str
    answers: tuple[str, ...]
    by_default: bool = True


QUESTIONS: dict[str, Question] = {
    "upper": Question("what is the person wearing on the upper body?", UPPER),
    "upper_colour": Question("what color is the clothing on the upper body?", COLOURS),
    "lower": Question("what is the person wearing on the legs?", LOWER),
    "lower_colour": Question("what color is the clothing on the legs?", COLOURS),
    "shoes": Question("what color are the shoes?", COLOURS),
    "hair": Question("what color is the hair?", ("black", "brown", "blond", "red", "grey", "white")),
    "sex": Question("is the person a man or a woman?", ("man", "woman"), by_default=False),
    "age": Question("is the person a child or an adult?", ("child", "adult"), by_default=False),
}
DEFAULT = tuple(key for key, question in QUESTIONS.items() if question.by_default)


def prompt_of(answers: Mapping[str, str]) -> str:
    """The prompt that answers (question's key -> answer) make; what is not answered is left out; "" without any answer.

    >>> prompt_of({"upper": "shirt", "upper_colour": "red", "lower": "jeans", "shoes": "black", "hair": "brown"})
    'a person with brown hair wearing a red shirt, jeans and black shoes'
    >>> prompt_of({"upper": "dress", "upper_colour": "orange", "lower": "dress"})
    'a person wearing an orange dress'
    """
    said = {key: answer for key, answer in answers.items() if answer != NOT_SEEN}
    if not said:
        return ""
    who = said.get("sex", "person") if said.get("age") != "child" else {"man": "boy", "woman": "girl"}.get(said.get("sex", ""), "child")
    worn = [] if said.get("upper") == said.get("lower") == "dress" else _thing(said.get("lower"), said.get("lower_colour"), "pants")
    worn = _thing(said.get("upper"), said.get("upper_colour"), "top") + worn
    if "shoes" in said:
        worn.append(f"{said['shoes']} shoes")
    listed = ", ".join(worn[:-1]) + " and " + worn[-1] if len(worn) > 1 else "".join(worn)
    return f"a {who}" + (f" with {said['hair']} hair" if "hair" in said else "") + (f" wearing {listed}" if listed else "")


def _thing(name: str | None, colour: str | None, else_called: str) -> list[str]:
    """A garment with its article; one of whom only the colour is known goes by a common name."""
    if name is None and colour is None:
        return []
    words = " ".join(filter(None, (colour, name or else_called)))
    article = "" if words.split()[-1] in PLURAL else "an " if words[0] in "aeiou" else "a "
    return [article + words]
