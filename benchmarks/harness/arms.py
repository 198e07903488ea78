"""Arms: what is done to a picture before an estimator sees it.

    occluded                     nothing
    grey                         what is in front is painted grey
    telea                        what is in front is filled in from around it (Telea, the journal of graphics tools 9, 2004)
    deocc:PRESET[,option=value]  what this library makes of it; options of `deocc_aug.Options`, thresholds.NAME, seed and dtype
    fused:PRESET[,option=value]  the same picture; an estimator's joints in it and in the one before are made one (`deocc_aug.fusion`)
    oracle                       the clean picture
"""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import yaml

from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.data.cache import Settings
from deocc_aug.fusion import weights_of
from deocc_aug.loaded import loaded, one_thread
from deocc_aug.options import Options
from deocc_aug.types import Deocclusion, Image, RefusedError

GREY = 114
TELEA_RADIUS = 5
OCCLUDED, ORACLE, DEOCC, FUSED = "occluded", "oracle", "deocc", "fused"
DEFAULT = (OCCLUDED, "grey", "telea", "deocc:compact", ORACLE)


@dataclass(frozen=True)
class Arm:
    """One arm: its name as it was asked for, its kind, and the de-occluder's settings where it is one."""

    name: str
    kind: str
    settings: Settings | None = None

    def described(self) -> dict[str, Any]:
        """What decides this arm's pictures, as JSON."""
        return {"kind": self.kind, **(dict(self.settings.described) if self.settings else {})}


@dataclass(frozen=True, eq=False)
class View:
    """What an arm shows.

    Attributes:
        image: (H, W, 3) uint8 RGB; the case's own where nothing was changed.
        same: no pixel differs from the case's.
        seconds: it took.
        result: the de-occluder's, where the arm is one.
        refused: why the de-occluder refused the person, who is then shown as they are; "" where it did not.
    """

    image: Image
    same: bool
    seconds: float
    result: Deocclusion | None = None
    refused: str = ""


def _grey(case: Case) -> Image:
    assert case.occluder is not None
    out = case.image.copy()
    out[case.occluder] = GREY
    return out


def _telea(case: Case) -> Image:
    assert case.occluder is not None
    return np.asarray(cv2.inpaint(case.image, case.occluder.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA))


def _oracle(case: Case) -> Image:
    assert case.clean is not None
    return case.clean


PICTURES: dict[str, Callable[[Case], Image]] = {OCCLUDED: lambda case: case.image, "grey": _grey, "telea": _telea, ORACLE: _oracle}
NEEDS_OCCLUDER = ("grey", "telea")


def parse(text: str) -> Arm:
    """The arm that a text such as "telea" or "deocc:compact,paint_steps=4" asks for.

    Raises:
        ValueError: no such arm, preset or option, a value out of range, or a preset without weights for the fusion that is asked for.
    """
    kind, _, rest = text.partition(":")
    if kind in PICTURES and not rest:
        return Arm(text, kind)
    if kind not in (DEOCC, FUSED):
        raise ValueError(f"there is no arm {text!r}: pass some of {', '.join(PICTURES)}, {DEOCC}:PRESET[,option=value...], "
                         f"{FUSED}:PRESET[,option=value...]")
    preset, *pieces = rest.split(",")
    settings = Settings(preset or "compact", **_given(text, pieces))
    settings.described  # noqa: B018  an unknown preset is refused here
    if kind == FUSED:
        weights_of(settings.preset)
    return Arm(text, kind, settings)


def _given(text: str, pieces: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments of `Settings`."""
    options: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        outer, dot, inner = name.partition(".")
        known = name in Options.__dataclass_fields__ or name in ("seed", "dtype") or (outer, dot) == ("thresholds", ".")
        if not equals or not known:
            raise ValueError(f"arm {text!r} has {piece!r}: pass option=value with one of {sorted(Options.__dataclass_fields__)}, "
                             "thresholds.NAME, seed or dtype")
        if dot:
            options.setdefault(outer, {})[inner] = yaml.safe_load(value)
        else:
            (beside if name in ("seed", "dtype") else options)[name] = yaml.safe_load(value)
    return {**beside, "options": Options(**options)}


def parse_all(texts: Sequence[str], clean: bool, occluders: bool) -> list[Arm]:
    """The arms, `occluded` among them: it is what the others are compared with.

    Args:
        clean, occluders: whether the data set has clean pictures, and knows what is in front.

    Raises:
        ValueError: as `parse`; an arm twice, or one that the data set cannot have.
    """
    arms = [parse(text) for text in dict.fromkeys((OCCLUDED, *texts))]
    if len(texts) != len(set(texts)):
        raise ValueError(f"arms are {list(texts)}: name each once")
    for arm in arms:
        if arm.kind == ORACLE and not clean:
            raise ValueError("the data set has no clean pictures: leave the arm oracle out")
        if arm.kind in NEEDS_OCCLUDER and not occluders:
            raise ValueError(f"the data set does not say what is in front of people: leave the arm {arm.name} out")
    return arms


def views_of(arms: Sequence[Arm], case: Case, device: str = "cpu") -> dict[str, View]:
    """What those arms make of a case, by name; arms with the same settings share one completion."""
    made: dict[str, View] = {}
    out = {}
    for arm in arms:
        key = json.dumps(arm.settings.described, sort_keys=True) if arm.settings else arm.kind
        out[arm.name] = made[key] = made.get(key) or view_of(arm, case, device)
    return out


def view_of(arm: Arm, case: Case, device: str = "cpu") -> View:
    """What the arm makes of a case; a person whom the de-occluder refuses is shown as they are, as a user would go on."""
    start = time.perf_counter()
    if arm.settings is None:
        image = PICTURES[arm.kind](case)
        return View(image, image is case.image, time.perf_counter() - start)
    settings = arm.settings
    deoccluder = loaded(settings.preset, device, settings.dtype)  # in no try: what it raises is not this person's fault
    start = time.perf_counter()
    try:
        with one_thread() if device == "cpu" else nullcontext():
            result = deoccluder(case.image, case.told, settings.seed, settings.options)
    except RefusedError as error:
        return View(case.image, True, time.perf_counter() - start, refused=str(error))
    image = result.image if result.changed else case.image
    return View(image, not result.changed, time.perf_counter() - start, result)
