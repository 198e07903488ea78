"""Smooth random fields for textures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

_SIDE = 128


def smooth_noise(u: Array, v: Array, generator: np.random.Generator, octaves: int = 1) -> Array:
    """Noise of mean 0 and deviation about 1 at coordinates u, v (both of one shape): it varies over 1, over 1/2, ... each weaker."""
    total, weight, power = np.zeros(u.shape), 1.0, 0.0
    for octave in range(octaves):
        lattice = generator.normal(0, 1.6, (_SIDE, _SIDE)).astype(np.float32)
        tile = cv2.copyMakeBorder(lattice, 1, 2, 1, 2, cv2.BORDER_WRAP)
        x, y = (np.mod(coordinate.astype(np.float64) * 2.0**octave, _SIDE) + 1.0 for coordinate in (u, v))
        total += weight * sample(tile, x, y, cv2.INTER_CUBIC)
        power += weight**2
        weight /= 2
    return np.asarray(total / np.sqrt(power))


def sample(plane: NDArray[np.float32], x: Array, y: Array, interpolation: int = cv2.INTER_LINEAR, outside: float = 0.0) -> Array:
    """Values of `plane` (H,W) at columns x and rows y (both of one shape), `outside` beyond it."""
    if not x.size:
        return np.zeros(x.shape)
    width = 256  # OpenCV's remap takes 32767 a side at most: the points are laid out as rows of 256
    columns, rows = (np.resize(c.astype(np.float32), (-(-c.size // width), width)) for c in (x, y))
    drawn = cv2.remap(plane, columns, rows, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=(outside,))
    return np.asarray(drawn.ravel()[: x.size].reshape(x.shape))
