"""Whom a regressor of whole images found, told from the boxes that were asked about."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deocc_aug.integrations.mesh.protocol import MeshPrediction
from deocc_aug.observe.boxes import overlap
from deocc_aug.types import Box

LEAST_OVERLAP = 0.2


def matched(found: Sequence[MeshPrediction], boxes: Sequence[Box], least: float = LEAST_OVERLAP,
            size: tuple[int, int] | None = None) -> list[MeshPrediction | None]:
    """For each box the person whose projected mesh overlaps it most (intersection over union), None where that is under `least`.

    Every box is matched by itself, so that an answer does not depend on who else is asked about.  With the image's `size` (H, W) a mesh
    that reaches beyond the image is compared both as it is and as far as the image goes: a box may end there too.
    """
    out: list[MeshPrediction | None] = []
    seen = [[person.seen_box] for person in found]
    if size is not None:
        seen = [[whole, whole.clip(0, [size[1], size[0]] * 2)] for (whole,) in seen]
    for box in boxes:
        overlaps = [max(overlap(each, box) for each in some) for some in seen]
        best = max(range(len(found)), key=overlaps.__getitem__, default=None)
        out.append(None if best is None or overlaps[best] < least else replace(found[best], box_xyxy=box))
    return out
