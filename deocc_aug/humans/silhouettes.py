"""Silhouettes of synthetic people: cameras, filled outlines with and without clothes, joints, and a bank of many.

``python -m deocc_aug.humans.silhouettes --n 12000 --out bank.npz --seed 0 --workers 2`` writes a bank;
:func:`load_bank` reads one.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.data.atomic import atomic_file
from deocc_aug.humans.bodies import COCO_JOINTS, Bodies, sample_bodies
from deocc_aug.humans.camera import Camera, project, sample_camera
from deocc_aug.humans.loose_clothes import Clothes, put_on
from deocc_aug.humans.poses import FAMILIES

Array = NDArray[np.floating[Any]]

SIDE = 256
"""Longer side in pixels of the person's box."""
CANVAS = 288
"""Side in pixels of a bank's square canvas, the person's box in its middle."""
CHUNK = 16
_CELL = 4  # pixels a cell of the depth test
_COVER = np.array([0.05, 0.05, 0.05, 0.06, 0.06, *[0.14] * 2, *[0.1] * 2, *[0.08] * 2, *[0.24] * 2, *[0.12] * 2, *[0.1] * 2])


@dataclass(frozen=True)
class Silhouette:
    """One person as a camera sees it, on a canvas (H,W) with the person's box inside.

    `mask` (H,W) uint8 0/1 is the silhouette (clothed where `clothed`), `body_mask` (H,W) uint8 0/1 that of the bare body;
    `joints_px` (17,2) float32 x, y; `visible` (17,) bool is False where the person's own body is in front of the joint;
    `pixels_per_metre` holds at the pelvis' distance.
    """

    mask: NDArray[np.uint8]
    body_mask: NDArray[np.uint8]
    joints_px: NDArray[np.float32]
    visible: NDArray[np.bool_]
    family: str
    clothed: bool
    camera: Camera
    pixels_per_metre: float


def make_silhouettes(
    bodies: Bodies,
    generator: np.random.Generator,
    clothed: float = 0.8,
    canvas: int | None = None,
    margin: int = 4,
) -> list[Silhouette]:
    """A silhouette of each body by a camera of its own; `clothed` is the probability of clothes.

    The person's box (with clothes) has a longer side of :data:`SIDE` pixels; the canvas is that box with `margin` pixels
    around it, or a square of `canvas` pixels with the box in its middle.
    """
    made = []
    for index in range(len(bodies)):
        camera = sample_camera(generator, lying=bodies.families[index] == "lie")
        clothes = put_on(bodies, index, generator) if generator.random() < clothed else None
        made.append(_silhouette(bodies, index, camera, clothes, canvas, margin))
    return made


def _silhouette(bodies: Bodies, index: int, camera: Camera, clothes: Clothes | None, canvas: int | None, margin: int) -> Silhouette:
    skin = bodies.vertices[index].astype(np.float64)
    centre = (skin.min(axis=0) + skin.max(axis=0)) / 2
    nearest = float(np.linalg.norm(skin - centre, axis=1).max()) + 0.5
    camera = Camera(camera.yaw, camera.pitch, camera.roll, max(camera.distance, nearest))
    skin_xy, skin_depth = project(skin, camera, centre)
    joints_xy, joints_depth = project(bodies.joints_3d[index].astype(np.float64), camera, centre)
    cloth_xy, hulls_xy = skin_xy, list[Array]()
    if clothes is not None:
        cloth_xy = project(clothes.vertices, camera, centre)[0]
        hulls_xy = [project(hull, camera, centre)[0] for hull in clothes.hulls]
    everything = np.concatenate([skin_xy, cloth_xy, *hulls_xy])
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (SIDE - 1) / float((high - low).max())
    box = (high - low) * scale
    width, height = (canvas, canvas) if canvas is not None else (int(np.ceil(side)) + 1 + 2 * margin for side in box)
    shift = np.array([width - 1, height - 1]) / 2 - (low + high) / 2 * scale
    skin_px, joints_px = skin_xy * scale + shift, joints_xy * scale + shift
    body_mask = fill(skin_px, bodies.faces, (height, width))
    mask = body_mask
    if clothes is not None:
        mask = fill(cloth_xy * scale + shift, bodies.faces, (height, width)) | body_mask
        for hull in hulls_xy:
            outline = cv2.convexHull(np.round((hull * scale + shift) * 16).astype(np.int32))
            cv2.fillConvexPoly(mask, outline, (1,), shift=4)
    size = float(bodies.stature[index]) / 1.7
    return Silhouette(
        mask=mask,
        body_mask=body_mask,
        joints_px=joints_px.astype(np.float32),
        visible=_self_visible(skin_px, skin_depth, joints_px, joints_depth, _COVER * size),
        family=bodies.families[index],
        clothed=clothes is not None,
        camera=camera,
        pixels_per_metre=scale / camera.distance,
    )


def fill(points_px: Array, faces: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The union (H,W) uint8 0/1 of the triangles `faces` (F,3) of points (V,2) in pixels.

    Triangles that face away are skipped (the mesh is closed) and those smaller than a pixel are drawn as one.
    """
    mask = np.zeros(shape, dtype=np.uint8)
    corners = points_px[faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    front = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
    corners = corners[front]
    small = np.ptp(corners, axis=1).max(axis=1) < 1.2
    middles = np.round(corners[small].mean(axis=1)).astype(np.intp)
    mask[np.clip(middles[:, 1], 0, shape[0] - 1), np.clip(middles[:, 0], 0, shape[1] - 1)] = 1
    for triangle in np.round(corners[~small] * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, (1,), shift=4)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed, dtype=np.uint8)


def _self_visible(points_px: Array, depth: Array, joints_px: Array, joints_depth: Array, cover: Array) -> NDArray[np.bool_]:
    """Whether no skin is nearer to the camera than each joint by more than `cover` (17,) metres, at the joint's cell."""
    corner = points_px.min(axis=0)
    cells = ((points_px - corner) // _CELL).astype(np.intp)
    shape = cells.max(axis=0) + 1
    nearest = np.full((shape[1], shape[0]), np.inf)
    np.minimum.at(nearest, (cells[:, 1], cells[:, 0]), depth)
    at = np.clip(((joints_px - corner) // _CELL).astype(np.intp), 0, shape - 1)
    visible: NDArray[np.bool_] = nearest[at[:, 1], at[:, 0]] > joints_depth - cover
    return visible


# ---------------------------------------------------------------------------------------------------------------- bank


@dataclass(frozen=True)
class Bank:
    """Many silhouettes on square canvases of `canvas` pixels: packed bits, unpacked one by one with :meth:`mask`.

    `joints_px` (N,17,2) float16, `visible` (N,17) bool, `family` (N,) uint8 index into `family_names`, `clothed` (N,) bool,
    `camera` (N,4) float32 yaw, pitch, roll (degrees) and distance (metres), `pixels_per_metre` (N,) float32.
    """

    canvas: int
    masks: NDArray[np.uint8]
    body_masks: NDArray[np.uint8]
    joints_px: NDArray[np.float16]
    visible: NDArray[np.bool_]
    family: NDArray[np.uint8]
    family_names: tuple[str, ...]
    clothed: NDArray[np.bool_]
    camera: NDArray[np.float32]
    pixels_per_metre: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.masks)

    def mask(self, index: int, bare: bool = False) -> NDArray[np.uint8]:
        """Silhouette (canvas, canvas) uint8 0/1 of person `index`, without clothes where `bare`."""
        packed = (self.body_masks if bare else self.masks)[index]
        return np.unpackbits(packed, count=self.canvas**2).reshape(self.canvas, self.canvas)


def make_bank(n: int, seed: int, workers: int = 1, families: Sequence[str] | None = None) -> Bank:
    """Draw `n` clothed silhouettes. Person i depends on (seed, i) alone, not on the number of workers.

    Raises:
        ValueError: `n` is not at least 1.
    """
    from tqdm import tqdm

    if n < 1:
        raise ValueError(f"n is {n}: pass the number of people, 1 or more")
    jobs = [(seed, chunk, min(CHUNK, n - chunk * CHUNK), families) for chunk in range(-(-n // CHUNK))]
    made: list[Silhouette] = []
    with tqdm(total=n, unit="body", mininterval=5.0) as progress:

        def gather(chunks: Iterable[list[Silhouette]]) -> None:
            for chunk in chunks:
                made.extend(chunk)
                progress.update(len(chunk))

        if workers <= 1:
            gather(map(_make_chunk, jobs))
        else:
            with multiprocessing.get_context("spawn").Pool(workers, initializer=_one_thread) as pool:
                gather(pool.imap(_make_chunk, jobs))
    return _pack(made)


def save_bank(bank: Bank, path: Path) -> None:
    """Write a bank as one compressed .npz at exactly `path`, its fields under their names; what was there stays until it is whole.

    Raises:
        OSError: it cannot be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: np.asarray(getattr(bank, name)) for name in bank.__dataclass_fields__}
    with atomic_file(path) as file:
        np.savez_compressed(file, joint_names=np.array(COCO_JOINTS), **fields)  # type: ignore[arg-type, unused-ignore]


def load_bank(path: Path | str) -> Bank:
    """Read a bank that :func:`save_bank` wrote."""
    with np.load(path) as stored:
        fields = {name: stored[name] for name in Bank.__dataclass_fields__}
    fields["canvas"] = int(fields["canvas"])
    fields["family_names"] = tuple(str(name) for name in fields["family_names"])
    return Bank(**fields)


def _make_chunk(job: tuple[int, int, int, Sequence[str] | None]) -> list[Silhouette]:
    seed, chunk, count, families = job
    generator = np.random.default_rng([seed, chunk])
    bodies = sample_bodies(CHUNK, generator, families)  # always whole, so that n changes nobody
    return make_silhouettes(bodies, generator, canvas=CANVAS)[:count]


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _pack(made: list[Silhouette]) -> Bank:
    names = tuple(FAMILIES)
    cameras = [(s.camera.yaw, s.camera.pitch, s.camera.roll, s.camera.distance) for s in made]
    return Bank(
        canvas=CANVAS,
        masks=np.stack([np.packbits(s.mask) for s in made]),
        body_masks=np.stack([np.packbits(s.body_mask) for s in made]),
        joints_px=np.stack([s.joints_px for s in made]).astype(np.float16),
        visible=np.stack([s.visible for s in made]),
        family=np.array([names.index(s.family) for s in made], dtype=np.uint8),
        family_names=names,
        clothed=np.array([s.clothed for s in made]),
        camera=np.array(cameras, dtype=np.float32),
        pixels_per_metre=np.array([s.pixels_per_metre for s in made], dtype=np.float32),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a bank of silhouettes."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.humans.silhouettes", description=main.__doc__)
    parser.add_argument("--n", type=int, default=12000, help="people")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--families", nargs="+", choices=tuple(FAMILIES), help="pose families, equally often")
    options = parser.parse_args(arguments)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)  # before the minutes that the people take
        save_bank(make_bank(options.n, options.seed, options.workers, options.families), options.out)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
