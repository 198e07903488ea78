"""Whom a regressor of whole images found, told from the boxes that were asked about."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deocc_aug.integrations.mesh.protocol import MeshPrediction
from deocc_aug.observe.boxes import overlap
from deocc_aug.types import Box

LEAST_OVERLAP = 0.2


def matched(found: Sequence[MeshPrediction], boxes: Sequence[Box], least: float = LEAST_OVERLAP) -> list[MeshPrediction | None]:
    """For each box the person whose projected mesh overlaps it most (intersection over union), None where that is under `least`.

    Every box is matched by itself, so that an answer does not depend on who else is asked about.
    """
    out: list[MeshPrediction | None] = []
    for box in boxes:
        overlaps = [overlap(person.seen_box, box) for person in found]
        best = max(range(len(found)), key=overlaps.__getitem__, default=None)
        out.append(None if best is None or overlaps[best] < least else replace(found[best], box_xyxy=box))
    return out
