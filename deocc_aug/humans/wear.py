"""Who wears what: garments with cuts, fabrics and names, drawn at random as people dress."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from deocc_aug.humans.fabrics import Array, Fabric, sample_fabric, sample_hair_colour, sample_skin
from deocc_aug.humans.shapes import Shape
from deocc_aug.humans.suits import covers

if TYPE_CHECKING:
    from deocc_aug.humans.wardrobe import Garment, Wardrobe

_TOPS = {
    "black": 20, "white": 18, "grey": 14, "blue": 15, "red": 8, "green": 6, "brown": 5, "pink": 5, "yellow": 4, "orange": 3, "purple": 3,
}  # fmt: skip
_BOTTOMS = {
    "blue": 34, "black": 28, "grey": 13, "brown": 11, "white": 5, "green": 4, "red": 2, "pink": 1.5, "purple": 1, "yellow": 0.7,
}  # fmt: skip
_COATS = {
    "black": 28, "brown": 20, "blue": 14, "grey": 16, "green": 9, "red": 5, "white": 4, "orange": 2, "pink": 2, "yellow": 2, "purple": 1,
}  # fmt: skip
_SHOES = {"black": 40, "brown": 20, "white": 22, "grey": 7, "blue": 5, "red": 4, "pink": 1, "green": 1}


@dataclass(frozen=True, eq=False)
class Top:
    """`sleeve`, share of the arm covered (0: none); `hem`, template metres above the pelvis where it ends; `neck`, how low the
    neckline is, metres below the usual; `thick`, metres of cloth and air."""

    name: str
    sleeve: float
    hem: float
    neck: float
    thick: float
    fabric: Fabric


@dataclass(frozen=True, eq=False)
class Bottom:
    """Trousers: `leg`, share of the leg covered; `thick` metres at the thigh, `flare` more at the hem."""

    name: str
    leg: float
    thick: float
    flare: float
    fabric: Fabric


@dataclass(frozen=True, eq=False)
class Skirt:
    """`length` down the legs, 1 at the knee and 2 at the ankle; `loose` metres away from them, `flare` more at each knee's length."""

    name: str
    length: float
    loose: float
    flare: float
    fabric: Fabric


@dataclass(frozen=True, eq=False)
class Outfit:
    """Everything a person wears; None where they wear no such thing.  `skin`, `hair` sRGB (3,).

    `garments` come from a wardrobe and are worn in place of what is drawn without one; a suit in place of what it covers.
    """

    skin: Array
    hair: Array
    hair_name: str
    hair_style: str
    top: Top | None
    bottom: Bottom | None
    skirt: Skirt | None
    coat: Top | None
    shoes: Fabric | None
    boots: float
    beard: bool
    hat: Fabric | None
    bag: Fabric | None
    wrinkles: float
    garments: tuple[Garment, ...] = ()

    def garment(self, kind: str) -> Garment | None:
        """The one of that kind that comes from a wardrobe, if any."""
        return next((garment for garment in self.garments if garment.kind == kind), None)

    @property
    def hung(self) -> frozenset[str]:
        """Which of top, coat, bottom and (high) shoes need not be drawn, since a suit hangs there."""
        suit = self.garment("suit")
        worn = None if suit is None else covers(suit)
        top = worn is not None and worn.top is not None
        bottom = worn is not None and worn.bottom is not None
        return frozenset(("top", "coat") * top + ("bottom", "shoes") * bottom)

    @property
    def dyes(self) -> dict[str, Fabric | Array]:
        """What a wardrobe's garments are coloured with, by what they are."""
        worn = {"top": self.top, "bottom": self.bottom}
        dyes: dict[str, Fabric | Array] = {place: thing.fabric for place, thing in worn.items() if thing is not None}
        dyes |= {place: fabric for place, fabric in (("shoes", self.shoes), ("hat", self.hat)) if fabric is not None}
        return dyes | {"hair": self.hair}

    @property
    def words(self) -> dict[str, str]:
        """Names and colours: top, top_colour, bottom, bottom_colour, shoes, hair, and coat, hat, bag where worn."""
        lower = self.skirt or self.bottom
        hair = {"bald": "bald", "tail": f"{self.hair_name} hair in a ponytail", "": f"{self.hair_name} hair"}
        said = {"hair": hair.get(self.hair_style, f"{self.hair_name} {self.hair_style} hair")}
        for place, thing in (("top", self.top), ("bottom", lower), ("coat", self.coat)):
            if thing is not None:
                said[place], said[f"{place}_colour"] = thing.name, thing.fabric.name
                if thing.fabric.pattern != "plain":
                    said[f"{place}_pattern"] = thing.fabric.pattern
        for place, fabric in (("shoes", self.shoes), ("hat", self.hat), ("bag", self.bag)):
            said[place] = "none" if fabric is None else fabric.name
        return said


HAIR_STYLES = ("bald", "cropped", "short", "full", "long", "tail")


def sample_outfit(shape: Shape, family: str, generator: np.random.Generator, wardrobe: Wardrobe | None = None) -> Outfit:
    """Clothes for a body of that shape that does what the pose family says; the same generator state gives the same ones.

    With a `wardrobe` about half of what people wear comes from it.
    """
    rng = generator
    female = shape.phenotype["gender"] > 0.5
    sporty = family in ("run", "sport") and rng.random() < 0.7
    skin = sample_skin(rng)
    hair_name, hair = sample_hair_colour(rng, shape.years, skin)
    style_weights = (0.01, 0.06, 0.2, 0.2, 0.38, 0.15) if female else (0.09, 0.32, 0.38, 0.16, 0.03, 0.02)
    top_fabric = sample_fabric(rng, _TOPS, patterned=0.26)
    bottom_fabric = sample_fabric(rng, _BOTTOMS, patterned=0.05)
    coat = None
    if not sporty and rng.random() < (0.06 if family in ("crouch", "lie") else 0.2):
        coat = Top("coat" if rng.random() < 0.5 else "jacket", 1.0, float(rng.uniform(-0.02, 0.05)), float(rng.uniform(0, 0.05)),
                   float(rng.uniform(0.022, 0.042)), sample_fabric(rng, _COATS, patterned=0.08))  # fmt: skip
    sleeve = float(rng.choice((0.0, rng.uniform(0.2, 0.42), rng.uniform(0.55, 0.8), rng.uniform(0.9, 1.0)), p=(0.1, 0.4, 0.08, 0.42)))
    name = str(rng.choice(("shirt", "sweater", "blouse" if female else "shirt")))
    name = "tank top" if sleeve == 0 else "t-shirt" if sleeve < 0.5 else name
    thick = rng.uniform(0.012, 0.03) if name == "sweater" else abs(rng.normal(0.009, 0.007)) + 0.003
    hem = float(np.clip(rng.normal(0.045, 0.025), -0.03, 0.16 if female and rng.random() < 0.25 else 0.09))
    top: Top | None = Top(name, sleeve, hem, float(abs(rng.normal(0, 0.03 if female else 0.015))), float(thick), top_fabric)
    skirt: Skirt | None = None
    bottom: Bottom | None = None
    if female and not sporty and rng.random() < 0.36:
        dress = rng.random() < 0.45
        length = float(rng.choice((rng.uniform(0.45, 1.0), rng.uniform(1.0, 1.85)), p=(0.66, 0.34)))
        skirt = Skirt("dress" if dress else "skirt", length, float(rng.uniform(0.012, 0.03)), float(abs(rng.normal(0.03, 0.06))),
                      top_fabric if dress else sample_fabric(rng, _BOTTOMS, patterned=0.25))  # fmt: skip
        if rng.random() < 0.4:
            bottom = Bottom("tights", 1.0, 0.001, 0.0, sample_fabric(rng, {"black": 5, "grey": 1, "brown": 2, "white": 1}, 0.03))
    else:
        short = rng.random() < (0.6 if sporty else 0.17)
        leg = float(rng.uniform(0.22, 0.5)) if short else float(np.clip(rng.normal(0.97, 0.06), 0.7, 1.0))
        tight = rng.random() < (0.45 if female else 0.12)
        bottom = Bottom("shorts" if short else "leggings" if tight else "jeans" if bottom_fabric.pattern == "denim" else "trousers", leg,
                        float(rng.uniform(0.001, 0.004) if tight else rng.uniform(0.006, 0.024)),
                        0.0 if tight else float(rng.uniform(0, 0.03) * rng.random()), bottom_fabric)  # fmt: skip
    if not female and rng.random() < (0.08 if sporty or family == "lie" else 0.015):
        top = None
    outfit = Outfit(
        skin=skin,
        hair=hair,
        hair_name=hair_name,
        hair_style=str(rng.choice(HAIR_STYLES, p=style_weights)),
        top=top,
        bottom=bottom,
        skirt=skirt,
        coat=coat,
        shoes=None if rng.random() < 0.06 else sample_fabric(rng, _SHOES, patterned=0.0),
        boots=float(rng.choice((0.0, rng.uniform(0.05, 0.3)), p=(0.86, 0.14))),
        beard=bool(not female and shape.years > 20 and rng.random() < 0.3),
        hat=sample_fabric(rng, _COATS, patterned=0.1) if rng.random() < 0.15 else None,
        bag=sample_fabric(rng, _COATS, patterned=0.08) if rng.random() < 0.18 else None,
        wrinkles=float(rng.uniform(0.3, 1.6)),
    )
    return outfit if wardrobe is None else _from_wardrobe(outfit, wardrobe, female, rng)


def bare(outfit: Outfit) -> Outfit:
    """The same person in their skin, with their hair and beard."""
    hair = tuple(garment for garment in outfit.garments if garment.kind == "hair")
    return replace(outfit, top=None, bottom=None, skirt=None, coat=None, shoes=None, boots=0.0, hat=None, bag=None, garments=hair)


_USED = 0.5  # how often what a wardrobe has is worn


def _from_wardrobe(outfit: Outfit, wardrobe: Wardrobe, female: bool, rng: np.random.Generator) -> Outfit:
    """The outfit with some of its things taken from a wardrobe."""
    other = "male" if female else "female"
    wanted = {
        "suit": True,
        "shoes": outfit.shoes is not None and outfit.boots == 0,
        "hair": outfit.hair_style not in ("bald", "cropped") and outfit.hat is None,
        "hat": outfit.hat is not None,
    }
    chosen = []
    for kind, fits in wanted.items():
        choice = [g for g in wardrobe.of_kind(kind)
                  if kind != "suit" or (other not in g.tags or female and "female" in g.tags) and _may_replace(outfit, g)]  # fmt: skip
        if fits and choice and rng.random() < _USED:
            chosen.append(choice[rng.integers(len(choice))])
    for garment in chosen:
        if garment.kind == "hair":
            outfit = replace(outfit, hair_style=_hair_style(garment))
        worn = covers(garment) if garment.kind == "suit" else None
        if worn is not None and worn.top is not None and outfit.top is not None:
            outfit = replace(outfit, coat=None, top=replace(outfit.top, name=worn.top))
        if worn is not None and worn.bottom is not None and outfit.bottom is not None:
            outfit = replace(outfit, bottom=replace(outfit.bottom, name=worn.bottom))
    return replace(outfit, garments=tuple(chosen))


def _may_replace(outfit: Outfit, suit: Garment) -> bool:
    """Whether the outfit has what a suit would be worn instead of: its fabrics, and its names, are needed."""
    worn = covers(suit)
    top = worn.top is None or outfit.top is not None
    return bool(worn) and top and (worn.bottom is None or outfit.bottom is not None and outfit.skirt is None)


_HAIR_WORDS = {"afro": "full", "bob": "full", "ponytail": "tail", "tail": "tail", "braid": "long", "long": "long", "cropped": "cropped",
               "buzz": "cropped", "short": "short"}  # fmt: skip


def _hair_style(garment: Garment) -> str:
    """The one of :data:`HAIR_STYLES` that a wardrobe's hair is called by its name, else by a tag; "" where neither tells."""
    name = "".join(c if c.isalpha() else " " for c in garment.name.lower()).split()
    said = [*name, *garment.tags]
    return next((style for word, style in _HAIR_WORDS.items() if word in said), "")
