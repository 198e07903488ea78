"""Cloth, skin and hair as light sees them: colours with names, patterns drawn without textures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.noise import smooth_noise

Array = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "black": (26, 26, 28), "white": (234, 232, 228), "grey": (126, 126, 128), "red": (176, 38, 40), "orange": (216, 118, 44),
    "yellow": (224, 194, 74), "green": (58, 112, 66), "blue": (52, 84, 154), "purple": (106, 64, 134), "pink": (222, 144, 166),
    "brown": (106, 74, 50),
}  # fmt: skip
"""The eleven basic colour names, each with a typical cloth (sRGB)."""

PATTERNS = ("plain", "denim", "striped", "checked", "dotted", "printed")


def linear(colour: Colour | Array) -> Array:
    """A colour (R, G, B) from 0 to 255 as linear light (3,) from 0 to 1."""
    return np.asarray((np.asarray(colour, dtype=np.float64) / 255) ** 2.2)


def dyed(name: str, generator: np.random.Generator) -> Array:
    """A cloth of that colour name: sRGB (3,), lighter or darker, duller or stronger than the typical one."""
    colour = np.array(COLOURS[name], dtype=np.float64)
    grey = colour.mean()
    colour = grey + (colour - grey) * generator.uniform(0.6, 1.15)
    reach = {"black": (0.6, 1.5), "white": (0.82, 1.05), "grey": (0.55, 1.45), "brown": (0.7, 1.75)}.get(name, (0.62, 1.25))
    return np.asarray(np.clip(colour * generator.uniform(*reach) + generator.normal(0, 4, 3), 6, 250))


@dataclass(frozen=True, eq=False)
class Fabric:
    """A cloth: `first` and `second` sRGB (3,); a `pattern` of :data:`PATTERNS` that repeats after `period` metres, turned by `turn`
    radians, `share` of it in the second colour; `mottled` is how uneven the dye is."""

    name: str
    first: Array
    second: Array
    pattern: str
    period: float
    turn: float
    share: float
    mottled: float
    gloss: float

    def reflectance(self, u: Array, v: Array, generator: np.random.Generator) -> Array:
        """Linear reflectance (P,3) at u, v (P,) metres on the cloth; the generator decides dye and print."""
        base, other = linear(self.first), linear(self.second)
        mix = self._second(u, v, generator)
        out = base + mix[:, None] * (other - base)
        weave = smooth_noise(u * 180, v * 180, generator)
        dye = smooth_noise(u * 9, v * 9, generator, octaves=2)
        return np.asarray(out * (1 + 0.04 * weave + self.mottled * dye)[:, None])

    def _second(self, u: Array, v: Array, generator: np.random.Generator) -> Array:
        """Share (P,) of the second colour."""
        x = (u * np.cos(self.turn) + v * np.sin(self.turn)) / self.period
        y = (v * np.cos(self.turn) - u * np.sin(self.turn)) / self.period
        if self.pattern == "striped":
            return np.asarray((np.mod(y, 1) < self.share).astype(np.float64))
        if self.pattern == "checked":
            return np.asarray(((np.mod(x, 1) < self.share).astype(np.float64) + (np.mod(y, 1) < self.share)) / 2)
        if self.pattern == "dotted":
            row = np.floor(y)
            near = (np.mod(x + 0.5 * np.mod(row, 2), 1) - 0.5) ** 2 + (np.mod(y, 1) - 0.5) ** 2
            return np.asarray((near < (0.42 * self.share) ** 2 * 2).astype(np.float64))
        if self.pattern == "printed":
            field = smooth_noise(x, y, generator, octaves=2)
            return np.asarray((field > 1.2 - 1.8 * self.share).astype(np.float64))
        if self.pattern == "denim":
            return np.asarray(np.clip(0.35 + 0.3 * smooth_noise(x * 0.15, y * 0.05, generator, octaves=2), 0, 1))
        return np.zeros(len(u))


def sample_fabric(generator: np.random.Generator, weights: Mapping[str, float], patterned: float) -> Fabric:
    """A cloth of a colour drawn by `weights`; with probability `patterned` it has a pattern."""
    names = list(weights)
    share = np.array([weights[name] for name in names])
    name = str(generator.choice(names, p=share / share.sum()))
    pattern = "plain"
    if generator.random() < patterned:
        pattern = str(generator.choice(("striped", "checked", "dotted", "printed"), p=(0.4, 0.25, 0.1, 0.25)))
    elif name == "blue" and generator.random() < 0.4:
        pattern = "denim"
    first = dyed(name, generator)
    other = str(generator.choice([n for n in COLOURS if n != name]))
    second = np.clip(first * 1.6 + 20, 0, 255) if pattern == "denim" else dyed("white" if generator.random() < 0.35 else other, generator)
    turn = generator.choice((0.0, np.pi / 2, np.pi / 4), p=(0.7, 0.22, 0.08)) + generator.normal(0, 0.03)
    return Fabric(
        name=name,
        first=first,
        second=second,
        pattern=pattern,
        period=float(np.exp(generator.uniform(np.log(0.02), np.log(0.14)))),
        turn=float(turn),
        share=float(generator.uniform(0.25, 0.6)) if pattern != "dotted" else float(generator.uniform(0.4, 0.8)),
        mottled=float(abs(generator.normal(0.03, 0.03))),
        gloss=float(generator.choice((0.02, 0.05, 0.14), p=(0.6, 0.3, 0.1))),
    )


def plain(name: str, colour: Colour) -> Fabric:
    """An even cloth of that colour."""
    first = np.array(colour, dtype=np.float64)
    return Fabric(name, first, first, "plain", 0.1, 0.0, 0.5, 0.05, 0.03)


_TONES = np.array([
    (252, 222, 204), (240, 200, 174), (222, 176, 146), (198, 148, 116), (168, 118, 86), (134, 90, 64), (98, 64, 46), (66, 44, 34),
], dtype=np.float64)  # fmt: skip
HAIRS: dict[str, Colour] = {
    "black": (28, 24, 24), "dark brown": (56, 40, 30), "brown": (92, 64, 44), "blond": (184, 146, 92), "red": (146, 76, 42),
    "grey": (142, 138, 134), "white": (218, 214, 208),
}  # fmt: skip


def sample_skin(generator: np.random.Generator) -> Array:
    """A skin colour, sRGB (3,): every tone that people have equally often."""
    at = generator.uniform(0, len(_TONES) - 1)
    tone = np.array([np.interp(at, np.arange(len(_TONES)), _TONES[:, k]) for k in range(3)])
    return np.asarray(np.clip(tone * generator.normal(1, 0.03, 3), 10, 254))


def sample_hair_colour(generator: np.random.Generator, years: float, skin: Array) -> tuple[str, Array]:
    """A name of :data:`HAIRS` and its sRGB (3,): grey with age, seldom fair on dark skin."""
    dark = float(np.clip((190 - skin.mean()) / 80, 0, 1))
    old = float(np.clip((years - 42) / 30, 0, 0.85))
    fair = {"brown": 0.25 * (1 - dark), "blond": 0.16 * (1 - dark), "red": 0.05 * (1 - dark)}
    young = {"black": 0.25 + 0.6 * dark, "dark brown": 0.3, **fair}
    total = sum(young.values())
    weights = {name: share / total * (1 - old) for name, share in young.items()} | {"grey": 0.6 * old, "white": 0.4 * old}
    name = str(generator.choice(list(weights), p=np.array(list(weights.values())) / sum(weights.values())))
    return name, np.clip(np.array(HAIRS[name], float) * generator.normal(1, 0.15) + generator.normal(0, 4, 3), 8, 245)
