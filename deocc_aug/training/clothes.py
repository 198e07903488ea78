"""What people wear, in the words of `deocc_aug.describe.questions`, and where: from class maps of photos and from synthetic people."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from deocc_aug.canvas import box_of
from deocc_aug.describe.colours import ANCHORS, COLOURS, garment_colour, lab
from deocc_aug.training.sources import Example, laid_out, photo, read_labels, shrunk
from deocc_aug.types import Image, Mask

REGIONS = ("nothing", "other", "upper", "lower", "shoes", "hair")
"""What a pixel of a region map shows; "other" is any other part of the person."""
UPPER_CLASSES = {  # the outermost first; class of Clothing Co-Parsing -> word
    "coat": "coat", "cape": "coat", "jacket": "jacket", "blazer": "jacket", "suit": "suit", "vest": "vest", "cardigan": "sweater",
    "hoodie": "sweater", "sweater": "sweater", "jumper": "sweater", "sweatshirt": "sweater", "dress": "dress", "romper": "dress",
    "shirt": "shirt", "blouse": "blouse", "t-shirt": "t-shirt", "top": "top", "bodysuit": "top",
}  # fmt: skip
LOWER_CLASSES = {"pants": "pants", "jeans": "jeans", "shorts": "shorts", "skirt": "skirt", "dress": "dress", "romper": "dress",
                 "leggings": "leggings", "tights": "leggings", "stockings": "leggings"}
SHOE_CLASSES = ("shoes", "boots", "heels", "flats", "pumps", "sneakers", "sandals", "loafers", "wedges", "clogs")
LEAST = 0.12  # of the largest garment's area: what is smaller is not what somebody would name
FAIR = 120
COLOURED = {"upper": "upper_colour", "lower": "lower_colour", "shoes": "shoes"}
"""Region -> the question that asks for its colour."""
SYNTHETIC = {"tank top": "top", "trousers": "pants", "tights": "leggings"}


@dataclass(frozen=True, eq=False)
class Dressed(Example):
    """A person in a photo who wears something known.

    `regions` (h, w) uint8, index into :data:`REGIONS`; `looks`: question's key -> answer.  A key that nobody knows is left out.
    """

    regions: UInt8[np.ndarray, "_ _"] | None = None
    looks: Mapping[str, str] | None = None


def worn(image: Image, labels: UInt8[np.ndarray, "_ _"], classes: Sequence[str]) -> tuple[dict[str, str], UInt8[np.ndarray, "_ _"]]:
    """What is worn in a photo (H, W, 3) with a class by pixel (H, W), and the region map.

    The upper garment is the outermost that is not small beside the largest; its colour, as that of the others, is the basic name nearest in
    CIELAB to its median pixel, the region eroded.
    """
    areas = {name: int((labels == at).sum()) for at, name in enumerate(classes)}
    regions = (labels > 0).astype(np.uint8)
    looks = {}
    for key, words in (("lower", LOWER_CLASSES), ("upper", UPPER_CLASSES)):  # a dress is drawn last, as an upper garment
        largest = max((areas.get(name, 0) for name in words), default=0)
        name = next((name for name in words if areas.get(name, 0) > LEAST * largest), None)
        if name is None:
            continue
        mask = labels == list(classes).index(name)
        looks[key] = words[name]
        regions[mask] = REGIONS.index(key)
        if colour := garment_colour(image, mask):
            looks[f"{key}_colour"] = colour
    shoes = np.isin(labels, [at for at, name in enumerate(classes) if name in SHOE_CLASSES])
    regions[shoes] = REGIONS.index("shoes")
    if colour := garment_colour(image, shoes):
        looks["shoes"] = colour
    hair = labels == list(classes).index("hair")
    if colour := garment_colour(image, hair):
        looks["hair"] = hair_name(colour, float(np.median(image[hair])))
    regions[hair] = REGIONS.index("hair")
    return looks, regions


def hair_name(colour: str, brightness: float) -> str:
    """The name that hair of a basic colour goes by; `brightness` in 0..255 tells fair hair from brown."""
    if colour in ("brown", "yellow", "orange"):
        return "blond" if brightness > FAIR else "brown"
    return {"grey": "grey", "white": "white", "red": "red", "pink": "red"}.get(colour, "black")


@laid_out
def read_dressed_ccp(folder: Path, side: int, split: str = "train") -> list[Example]:
    """The labelled people of Clothing Co-Parsing; `split` "val" is for measuring."""
    classes = json.loads((folder / "labels.json").read_text())
    people = json.loads((folder / "people.json").read_text())
    by_image = {a["image_id"]: a for a in people["annotations"]}
    out: list[Example] = []
    for record in people["images"]:
        if record["split"] != split:
            continue
        name = Path(record["file_name"])
        image, labels = photo(folder / "photos" / name), read_labels(folder / "labels" / name.with_suffix(".png"))
        box = box_of(labels > 0)
        if box is not None:
            looks, regions = worn(image, labels, classes)
            keypoints = np.array(by_image[record["id"]]["keypoints"], np.float64).reshape(17, 3)
            joints = np.concatenate([keypoints[:, :2], keypoints[:, 2:] > 0], 1)
            out.append(_dressed(Example(labels > 0, joints, box, image), regions, looks, side))
    return out


def read_dressed_scenes(folder: Path, side: int) -> list[Example]:
    """The people of shards that `deocc-aug synth` wrote, as they are with nothing in front of them."""
    from deocc_aug.humans.pieces import WEAR
    from deocc_aug.humans.shards import read_shards

    places = {"hair": "hair", "top": "upper", "coat": "upper", "bottom": "lower", "shoes": "shoes"}
    table = np.array([REGIONS.index(places.get(name, "other" if name != "nothing" else "nothing")) for name in WEAR], np.uint8)
    out: list[Example] = []
    for scene in read_shards(folder):
        box = box_of(scene.amodal)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) >= 8:
            regions, looks = table[scene.wear], looks_of(scene.words)
            if "coat" in scene.words:
                regions[scene.wear == WEAR.index("top")] = REGIONS.index("other")  # what is under it
            if looks.get("upper") == "dress":
                regions[scene.wear == WEAR.index("bottom")] = REGIONS.index("upper")
            looks.update(measured(scene.clean, regions, looks))
            joints = np.concatenate([scene.joints_px.astype(np.float64), scene.joints_in_picture[:, None]], 1)
            out.append(_dressed(Example(scene.amodal, joints, box, scene.clean), regions, looks, side))
    return out


def looks_of(words: Mapping[str, str]) -> dict[str, str]:
    """A synthetic person's own words as answers."""
    looks = {}
    dress = words.get("bottom") == "dress"
    for key, place in (("upper", "coat" if "coat" in words else "bottom" if dress else "top"), ("lower", "bottom")):
        if place in words:
            looks[key] = SYNTHETIC.get(words[place], words[place])
            looks[f"{key}_colour"] = words[f"{place}_colour"]
    if words.get("shoes", "none") != "none":
        looks["shoes"] = words["shoes"]
    hair = {"dark": "brown", "blonde": "blond", "ginger": "red", "auburn": "red"}
    first = words.get("hair", "bald").split()[0]
    if first != "bald":
        looks["hair"] = hair.get(first, first)
    if "age" in words:
        looks["age"] = "child" if words["age"] == "child" else "adult"
    return looks


def place_of(key: str, looks: Mapping[str, str]) -> str:
    """The region that a question is about; what a dress covers of the legs is drawn as an upper garment."""
    region = {"upper_colour": "upper", "lower_colour": "lower"}.get(key, key)
    return "upper" if region == "lower" and looks.get("lower") == "dress" else region


def measured(image: Image, regions: UInt8[np.ndarray, "h w"], looks: Mapping[str, str]) -> dict[str, str]:
    """The colours of what is worn, by their questions' keys, as the picture shows them."""
    found = {key: garment_colour(image, regions == REGIONS.index(place_of(key, looks))) for key in COLOURED.values() if key in looks}
    return {key: colour for key, colour in found.items() if colour is not None}


def redyed(image: Image, regions: UInt8[np.ndarray, "h w"], looks: Mapping[str, str], rng: np.random.Generator,
           often: float = 0.5) -> tuple[Image, dict[str, str]]:
    """A photo whose garments are dyed, each with chance `often`, and what they look like now.

    A dye moves the median of a garment to a basic colour, more or less, and keeps folds and patterns.
    """
    dyes = {region: COLOURS[rng.integers(len(COLOURS))] for region, key in COLOURED.items() if key in looks and rng.random() < often}
    if not dyes:
        return image, dict(looks)
    colours = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    for region, dye in dyes.items():
        mask = regions == REGIONS.index(region)
        if mask.any():
            wanted = lab(np.array(ANCHORS[dye], np.uint8))[rng.integers(len(ANCHORS[dye]))] + rng.normal(0, 4, 3)
            share = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)[..., None]
            colours += share * (wanted - np.median(colours[mask], axis=0)).astype(np.float32)
    colours[..., 0] = colours[..., 0].clip(2, 98)
    out = (cv2.cvtColor(colours, cv2.COLOR_LAB2RGB) * 255).clip(0, 255).astype(np.uint8)
    return out, {**looks, **measured(out, regions, looks)}


def _dressed(example: Example, regions: UInt8[np.ndarray, "_ _"], looks: Mapping[str, str], side: int) -> Dressed:
    small = shrunk(example, side)
    assert small.image is not None
    (a, b, _, _), factor = example.box_xyxy, (small.box_xyxy[2] - small.box_xyxy[0]) / (example.box_xyxy[2] - example.box_xyxy[0])
    matrix = np.array([[factor, 0, small.box_xyxy[0] - factor * a], [0, factor, small.box_xyxy[1] - factor * b]])
    size = small.image.shape[1::-1]
    moved = cv2.warpAffine(regions, matrix, size, flags=cv2.INTER_NEAREST)
    return Dressed(small.mask, small.joints, small.box_xyxy, small.image, small.bounded, moved, looks)


def shown(regions: UInt8[np.ndarray, "_ _"], visible: Mask, region: str) -> float:
    """The share of a region that is seen; 0 where the person has none."""
    there = regions == REGIONS.index(region)
    return float((there & visible).sum() / max(there.sum(), 1))
