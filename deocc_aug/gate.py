"""The gate: whether the pixels are touched at all.  Mask and joints are given back whatever it says."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deocc_aug.types import Body, Evidence, Label, Mask, Observation

NOTHING = "nothing to paint: no pixel of the body is hidden"


@dataclass(frozen=True)
class Verdict:
    """Whether to paint, and why (or why not)."""

    paint: bool
    reason: str


def judge(evidence: Evidence, hole: Mask, thresholds: Mapping[str, float], enabled: bool) -> Verdict:
    """Paints where enough of the body is hidden, enough of it is seen, and the completion is sure enough.

    Args:
        hole: (h, w) bool: what would be painted.
        thresholds: those of `deocc_aug.options.THRESHOLDS`.
        enabled: False paints whatever there is to paint.
    """
    if not hole.any():
        return Verdict(False, NOTHING)
    found = f"{evidence.hidden:.0%} of the body hidden, uncertainty {evidence.uncertainty:.2f}"
    if not enabled:
        return Verdict(True, f"painted: the gate is off ({found})")
    objection = objection_to(evidence, thresholds)
    return Verdict(True, f"painted: {found}") if objection is None else Verdict(False, f"left alone: {objection}")


def objection_to(evidence: Evidence, thresholds: Mapping[str, float]) -> str | None:
    """What speaks against painting; None where nothing does."""
    seen = 1 - evidence.hidden
    if evidence.hidden < thresholds["hidden"]:
        return f"{evidence.hidden:.1%} of the body is hidden, less than {thresholds['hidden']:.1%}"
    if seen < thresholds["seen"]:
        return f"{seen:.0%} of the body is seen, less than {thresholds['seen']:.0%}"
    if evidence.unknown > thresholds["unknown"]:
        return (f"of {evidence.unknown:.0%} of the hidden part nobody knows whether anything is in front, more than "
                f"{thresholds['unknown']:.0%}")
    if evidence.uncertainty > thresholds["uncertainty"]:
        return f"uncertainty {evidence.uncertainty:.2f} is above {thresholds['uncertainty']:.2f}"
    return None


def evidence_of(body: Body, observation: Observation) -> Evidence:
    """What there is to go by, on the canvas."""
    whole = body.amodal > 0.5
    hidden = whole & ~observation.visible
    count = int(hidden.sum())
    unknown = int((hidden & (observation.labels == Label.UNKNOWN)).sum())
    return Evidence(count / max(int(whole.sum()), 1), unknown / max(count, 1), body.uncertainty)
