"""What a wardrobe's clothes cover is read from their shape, and the outfit and its words follow what is worn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from deocc_aug.humans.bodies import Bodies, body_model, sample_bodies
from deocc_aug.humans.pieces import WEAR
from deocc_aug.humans.suits import covers
from deocc_aug.humans.tailor import dress
from deocc_aug.humans.wardrobe import Garment, Wardrobe
from deocc_aug.humans.wear import Outfit, sample_outfit

PACK = Path(__file__).resolve().parents[3] / "shared" / "data" / "makehuman"


def tube(high: float, low: float, width: float, middle: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (48, 3) and faces (48, 3) of an open tube from one height down to another, `width` metres from its middle."""
    round_about = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([middle + width * np.cos(round_about), 0.12 * np.sin(round_about), np.zeros(24)], axis=1)
    k = np.arange(24)
    faces = np.concatenate([np.stack([k, (k + 1) % 24, k + 24], axis=1), np.stack([(k + 1) % 24, (k + 1) % 24 + 24, k + 24], axis=1)])
    return np.concatenate([ring + (0, 0, high), ring + (0, 0, low)]), faces


def garment(*tubes: tuple[np.ndarray, np.ndarray], name: str = "thing", kind: str = "suit") -> Garment:
    """Cloth at these places of the average body, each vertex bound to the base vertex next to it."""
    base = body_model().anny.template_vertices.numpy().astype(np.float64)
    vertices = np.concatenate([one for one, _ in tubes])
    starts = np.cumsum([0, *(len(one) for one, _ in tubes)])
    nearest = np.array([((base - vertex) ** 2).sum(axis=1).argmin() for vertex in vertices])
    return Garment(name=name, kind=kind, tags=(), anchors=np.repeat(nearest[:, None], 3, axis=1).astype(np.int32),
                   weights=np.tile((1.0, 0.0, 0.0), (len(vertices), 1)), offsets=vertices - base[nearest],
                   references=np.zeros((3, 2), np.int32), lengths=np.zeros(3),
                   faces=np.concatenate([faces + start for (_, faces), start in zip(tubes, starts, strict=False)]).astype(np.int32),
                   texture_coordinates=np.zeros((len(vertices), 2)), hides=np.array([], np.int64), texture=None, opacity=None,
                   colour=(255, 255, 255))  # fmt: skip


LEGS = [tube(-0.05, -0.7, 0.09, 0.12), tube(-0.05, -0.7, 0.09, -0.12)]
SHORT_LEGS = [tube(-0.05, -0.35, 0.09, 0.12), tube(-0.05, -0.35, 0.09, -0.12)]
SHAPES = {
    "shirt": ([tube(0.55, -0.04, 0.2)], ("top", None)),
    "tunic": ([tube(0.55, -0.15, 0.2)], ("top", None)),
    "dress": ([tube(0.55, -0.4, 0.2)], ("top", "skirt")),
    "skirt": ([tube(0.1, -0.4, 0.2)], (None, "skirt")),
    "trousers": ([tube(0.1, -0.05, 0.2), *LEGS], (None, "trousers")),
    "shorts": ([tube(0.1, -0.05, 0.2), *SHORT_LEGS], (None, "shorts")),
    "overall": ([tube(0.55, -0.05, 0.2), *LEGS], ("top", "trousers")),
    "glasses": ([tube(0.75, 0.71, 0.08)], (None, None)),
    "necklace": ([tube(0.6, 0.5, 0.1)], (None, None)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_clothes_cover_is_seen_from_their_shape(shape: str) -> None:
    tubes, expected = SHAPES[shape]
    worn = covers(garment(*tubes))
    assert (worn.top, worn.bottom) == expected and bool(worn) == (expected != (None, None))


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return sample_bodies(1, np.random.default_rng(4), ["stand"])


def outfits(bodies: Bodies, *garments: Garment, count: int = 60) -> list[Outfit]:
    rng = np.random.default_rng(0)
    return [sample_outfit(bodies.shapes[0], "stand", rng, Wardrobe(garments)) for _ in range(count)]


def worn_by(bodies: Bodies, outfit: Outfit) -> set[str]:
    """What the pieces of the dressed person show where their surfaces are looked at."""
    seen: set[str] = set()
    for piece in dress(bodies, 0, outfit, np.random.default_rng(1)):
        seen |= {WEAR[label] for label in np.unique(piece.surface(piece.values)[1])}
    return seen


def test_a_shirt_alone_leaves_the_trousers_on(bodies: Bodies) -> None:
    shirt, glasses = garment(*SHAPES["shirt"][0], name="shirt"), garment(*SHAPES["glasses"][0], name="glasses")
    for outfit in outfits(bodies, shirt, glasses):
        assert outfit.garment("suit") in (None, shirt)  # nobody wears glasses instead of clothes
        if outfit.garment("suit"):
            lower = outfit.skirt or outfit.bottom
            assert outfit.words["top"] == "top" and lower is not None and outfit.words["bottom"] == lower.name
            assert outfit.hung == {"top", "coat"}
    dressed = next(o for o in outfits(bodies, shirt) if o.garment("suit") and o.bottom and not o.skirt)
    assert {"top", "bottom"} <= worn_by(bodies, dressed)


def test_a_skirt_is_called_one_and_worn_instead_of_trousers(bodies: Bodies) -> None:
    skirt = garment(*SHAPES["skirt"][0], name="skirt")
    worn = [outfit for outfit in outfits(bodies, skirt) if outfit.garment("suit")]
    assert worn and all(o.words["bottom"] == "skirt" and o.hung == {"bottom", "shoes"} for o in worn)
    assert "top" in worn_by(bodies, next(o for o in worn if o.top))
    assert all(o.top is None or o.words["top"] == o.top.name != "top" for o in worn)


@pytest.mark.parametrize(("name", "said"), [("ponytail01", "hair in a ponytail"), ("Braid01", "long hair"), ("bob02", "full hair"),
                                            ("short04", "short hair"), ("mh_hair_xy", " hair")])  # fmt: skip
def test_hair_of_a_wardrobe_is_called_what_it_is(bodies: Bodies, name: str, said: str) -> None:
    hair = garment(tube(0.85, 0.7, 0.08), name=name, kind="hair")
    worn = [outfit for outfit in outfits(bodies, hair) if outfit.garment("hair")]
    assert worn and all(outfit.words["hair"].endswith(said) for outfit in worn)
    assert all(outfit.words["hair"].startswith(outfit.hair_name) for outfit in worn)
    worn_by(bodies, replace(worn[0], garments=()) if name != "mh_hair_xy" else worn[0])


@pytest.mark.skipif(not PACK.is_dir(), reason=f"MakeHuman's assets are not in {PACK}")
@pytest.mark.filterwarnings("ignore:plain cloth")
def test_the_packs_suits() -> None:
    suits = {one.name: covers(one) for one in Wardrobe.from_makehuman(PACK).of_kind("suit")}
    assert all(worn.top == "top" for worn in suits.values())
    assert suits["female_elegantsuit01"].bottom == "skirt" and suits["female_casualsuit02"].bottom == "shorts"
    assert sum(worn.bottom == "trousers" for worn in suits.values()) == len(suits) - 2
