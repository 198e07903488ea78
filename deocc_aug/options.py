"""The caller's options; None means the preset's own default."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

THRESHOLDS = ("hidden", "seen", "unknown", "uncertainty")


@dataclass(frozen=True)
class Options:
    """How a person is completed.  None means the default that the preset carries.

    Args:
        body_steps: diffusion steps of stage 1; 1 is the regression answer.
        hypotheses: completions sampled in stage 1 (K).
        paint_steps: diffusion steps of stage 2.
        guidance: classifier-free guidance scale of stage 2; 1 is off.
        prompt: None asks the VQA model, where the preset has one, "" uses no words, other text is used as it is.
        gate: False paints everybody, whatever the thresholds say.
        thresholds: the gate's: {"hidden": least hidden share of the body worth painting, "seen": least share of it that must be
            seen, "unknown": highest share of the hidden part of which nobody knows whether anything is in front, "uncertainty":
            highest uncertainty at which pixels are still touched}; a missing key is the preset's.

    Raises:
        ValueError: a value outside its range, or an unknown threshold.
    """

    __no_type_check__: ClassVar[bool] = True  # checked below, not by the test run's hook
    body_steps: int | None = None
    hypotheses: int | None = None
    paint_steps: int | None = None
    guidance: float | None = None
    prompt: str | None = None
    gate: bool | None = None
    thresholds: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for name, highest in (("body_steps", 1000), ("hypotheses", 256), ("paint_steps", 1000)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))
                                      or not 1 <= value <= highest):
                raise ValueError(f"Options.{name} is {value!r}: pass a whole number from 1 to {highest}, or None for the preset's default")
            if value is not None:
                object.__setattr__(self, name, int(value))
        if self.guidance is not None and (isinstance(self.guidance, bool) or not isinstance(self.guidance, (int, float, np.number))
                                          or not 0 <= self.guidance <= 50):
            raise ValueError(f"Options.guidance is {self.guidance!r}: pass a number from 0 to 50 (1 is off), or None")
        if self.gate is not None and not isinstance(self.gate, (bool, np.bool_)):
            raise ValueError(f"Options.gate is {self.gate!r}: pass True, False, or None for the preset's default")
        if self.prompt is not None and not isinstance(self.prompt, str):
            raise ValueError(f"Options.prompt is {self.prompt!r}: pass text, \"\" for no words, or None for the preset's default "
                             "(on a command line put quotes within quotes: '\"5 red shirts\"')")
        if self.thresholds is not None and not isinstance(self.thresholds, Mapping):
            raise ValueError(f"Options.thresholds is {self.thresholds!r}: pass a dict of some of {list(THRESHOLDS)}, or None")
        unknown = sorted(set(self.thresholds or ()) - set(THRESHOLDS), key=str)
        if unknown:
            raise ValueError(f"Options.thresholds has {unknown}: the gate knows {list(THRESHOLDS)}")
        for name, value in (self.thresholds or {}).items():
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
                raise ValueError(f"Options.thresholds[{name!r}] is {value!r}: pass a number from 0 to 1")
        # of NumPy's numbers JSON's
        if self.guidance is not None:
            object.__setattr__(self, "guidance", float(self.guidance))
        if self.gate is not None:
            object.__setattr__(self, "gate", bool(self.gate))
        if self.thresholds is not None:
            object.__setattr__(self, "thresholds", {name: float(value) for name, value in self.thresholds.items()})

    def filled(self, defaults: Options) -> Resolved:
        """These options, every None replaced by the value in `defaults`, threshold by threshold.

        Raises:
            ValueError: neither says something.
        """
        mine = {f.name: getattr(self, f.name) for f in fields(self)}
        whole = {name: getattr(defaults, name) if value is None else value for name, value in mine.items()}
        whole["thresholds"] = {**(defaults.thresholds or {}), **(self.thresholds or {})}
        missing = [name for name, value in whole.items() if value is None and name != "prompt"]
        missing += [f"thresholds[{name!r}]" for name in THRESHOLDS if name not in whole["thresholds"]]
        if missing:
            raise ValueError(f"the preset's manifest has no default for {missing}: pass them in Options, or complete the manifest")
        return Resolved(**whole)


@dataclass(frozen=True)
class Resolved:
    """Options with nothing left open (`prompt` may be None: ask the VQA model)."""

    body_steps: int
    hypotheses: int
    paint_steps: int
    guidance: float
    prompt: str | None
    gate: bool
    thresholds: Mapping[str, float]
