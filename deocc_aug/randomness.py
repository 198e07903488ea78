"""Noise that depends on the seed alone.

Everybody completed with one seed starts from the same noise.  So a result depends on pixels, person, seed and options, never on batch,
order, worker or history; and the same person in the next frame, or in the same photo at another size, is completed
alike rather than anew.
"""
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def generator_for(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for one use of a seed ("look", "body", "paint").

    Raises:
        ValueError: the seed is not a whole number.
    """
    import torch

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"seed is {seed!r}: pass a whole number")
    digest = hashlib.blake2b(f"{seed} {purpose}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
