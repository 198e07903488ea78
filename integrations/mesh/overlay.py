"""Predicted bodies drawn on the image that they were predicted from, for people to look at."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Int

from deocc_aug.integrations.mesh.protocol import MeshPrediction
from deocc_aug.types import Box, Image

COLOUR = (120, 170, 235)
OPACITY = 0.85
_LIGHT = np.array([-0.4, -0.6, -0.7])  # from the upper left, before the body; camera axes
_CAPTION = 26


def overlay(image: Image, people: Sequence[MeshPrediction], faces: Int[np.ndarray, "f 3"], colour: tuple[int, int, int] = COLOUR) -> Image:
    """A copy of the image with the bodies in it, the nearest in front, shaded by one light.

    Args:
        people: of one body model.
        faces: of that model, (F, 3); of smplx's layers it is `layer.faces`.

    Raises:
        ImportError: numba is not installed (extra `humans`).
        ValueError: the faces are of another body model.
    """
    try:
        from deocc_aug.humans.raster import rasterise, vertex_normals
    except ImportError as error:
        raise ImportError("drawing meshes needs numba: pip install 'deocc-aug[humans]'") from error
    out = image.copy()
    if not people:
        return out
    vertices = np.concatenate([person.vertices for person in people]).astype(np.float64)
    counts = [len(person.vertices) for person in people]
    if faces.max() >= min(counts):
        raise ValueError(f"the faces name vertex {faces.max()} and a body has {min(counts)} vertices: pass the faces of the regressor's "
                         "body model")
    starts = np.cumsum([0, *counts[:-1]])
    all_faces = np.concatenate([faces + start for start in starts]).astype(np.int32)
    ahead = np.maximum(vertices[:, 2], 1e-6)
    safe = np.column_stack([vertices[:, :2], ahead])
    pixels = np.concatenate([person.camera.project(safe[start:start + count])
                             for person, start, count in zip(people, starts, counts, strict=True)])
    depth = np.where(vertices[:, 2] > 0, ahead, -1.0)  # whatever is behind the camera is not drawn
    seen = rasterise(pixels, depth, all_faces, (image.shape[0], image.shape[1]), both_sides=np.ones(len(all_faces), np.bool_))
    normals = seen.interpolate(vertex_normals(vertices, all_faces))
    facing = np.abs(normals @ (_LIGHT / np.linalg.norm(_LIGHT)))
    shade = np.clip(0.35 + 0.75 * facing, 0, 1)[:, None] * np.array(colour)
    under = out[seen.rows, seen.columns]
    out[seen.rows, seen.columns] = (OPACITY * shade + (1 - OPACITY) * under).round().astype(np.uint8)
    return out


def sheet(rows: Sequence[Mapping[str, Image]], height: int = 360) -> Image:
    """Pictures side by side with their captions, a row a person: (H, W, 3).

    >>> picture = sheet([{"input": image, "without": overlay(image, [plain], faces), "shown": view.image,      # doctest: +SKIP
    ...                   "with": overlay(image, [better], faces)}])
    """
    if not rows:
        raise ValueError("a sheet of nobody was asked for: pass at least one row")
    bands = [np.concatenate([_captioned(picture, caption, height) for caption, picture in row.items()], 1) for row in rows]
    wide = max(band.shape[1] for band in bands)
    return np.concatenate([np.pad(band, ((0, 0), (0, wide - band.shape[1]), (0, 0)), constant_values=255) for band in bands])


def around(image: Image, box_xyxy: Box, room: float = 0.35) -> tuple[slice, slice]:
    """The rows and columns of an image around a box, `room` of its longer side on each side."""
    pad = room * max(box_xyxy[2:] - box_xyxy[:2])
    x0, y0 = np.maximum(np.floor(box_xyxy[:2] - pad), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(box_xyxy[2:] + pad), [image.shape[1], image.shape[0]]).astype(int)
    return slice(y0, y1), slice(x0, x1)


def _captioned(picture: Image, caption: str, height: int) -> Image:
    wide = max(round(picture.shape[1] * height / picture.shape[0]), 60)
    shrinks = height < picture.shape[0]
    tile = cv2.resize(picture, (wide, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    out = np.full((height + _CAPTION, wide + 4, 3), 255, np.uint8)
    out[:height, 2:-2] = tile
    cv2.putText(out, caption, (4, out.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return out
