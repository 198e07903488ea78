"""The gate: whether the pixels are touched at all.  Mask and joints are given back whatever it says."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deocc_aug.types import Body, Mask


@dataclass(frozen=True)
class Verdict:
    """Whether to paint, and why (or why not)."""

    paint: bool
    reason: str


def judge(body: Body, visible: Mask, hole: Mask, thresholds: Mapping[str, float], enabled: bool) -> Verdict:
    """Paints where enough of the body is hidden and the completion is sure enough.

    Args:
        body: on the canvas; `visible` and `hole` (h, w) bool on the same.
        thresholds: "hidden": least share of the body that must be hidden; "uncertainty": highest uncertainty.
        enabled: False paints whatever there is to paint.
    """
    whole = body.amodal > 0.5
    hidden = float((whole & ~visible).sum() / max(int(whole.sum()), 1))
    if not hole.any():
        return Verdict(False, "nothing to paint: no pixel of the body is hidden")
    if not enabled:
        return Verdict(True, f"painted: the gate is off ({hidden:.0%} of the body hidden, uncertainty {body.uncertainty:.2f})")
    if hidden < thresholds["hidden"]:
        return Verdict(False, f"left alone: {hidden:.1%} of the body is hidden, less than {thresholds['hidden']:.1%}")
    if body.uncertainty > thresholds["uncertainty"]:
        return Verdict(False, f"left alone: uncertainty {body.uncertainty:.2f} is above {thresholds['uncertainty']:.2f}")
    return Verdict(True, f"painted: {hidden:.0%} of the body hidden, uncertainty {body.uncertainty:.2f}")

