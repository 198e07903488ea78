"""Noise that depends on what is completed and on the seed, and on nothing else."""
from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from deocc_aug.options import Resolved
from deocc_aug.types import Canvas, Observation

if TYPE_CHECKING:
    import torch


def generator_for(canvas: Canvas, observation: Observation, seed: int, options: Resolved, purpose: str) -> torch.Generator:
    """A CPU generator drawn from a digest of pixels, observation, seed and options: not of batch, order, worker or history."""
    import torch

    digest = hashlib.blake2b(digest_size=8)
    for array in (canvas.image, observation.labels, observation.joints.astype(np.float32).round(2)):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps([seed, purpose, asdict(options)], sort_keys=True).encode())
    return torch.Generator().manual_seed(int.from_bytes(digest.digest(), "little") >> 1)
