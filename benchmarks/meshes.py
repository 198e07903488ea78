"""How far predicted bodies are off: MPJPE, PA-MPJPE and PVE in mm, as functions of one person and as torchmetrics over many.

Positions come in metres.  MPJPE and PVE are taken after both bodies' root (joint 0) was put at the origin; PA-MPJPE after the predicted
joints were moved, turned and scaled (never mirrored) onto the true ones as well as it goes (Umeyama 1991).
"""
from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric

MM = 1000.0
SEEN = ("all", "visible", "hidden")


def rooted(points: Float[Tensor, "n p 3"], joints: Float[Tensor, "n j 3"]) -> Float[Tensor, "n p 3"]:
    """Points with their body's root (joint 0) at the origin."""
    return points - joints[:, :1]


def distances(predicted: Float[Tensor, "n p 3"], true: Float[Tensor, "n p 3"]) -> Float[Tensor, "n p"]:
    """Of every point from its true place, in mm."""
    return MM * torch.linalg.vector_norm(predicted - true, dim=-1)


def aligned(predicted: Float[Tensor, "n p 3"], true: Float[Tensor, "n p 3"]) -> Float[Tensor, "n p 3"]:
    """The predicted points moved, turned and scaled onto the true ones, least squares; reflections are not allowed.

    Where all predicted points are one, there is nothing to turn or scale: they go to the true ones' middle.
    """
    middle, goal = predicted.mean(1, keepdim=True), true.mean(1, keepdim=True)
    from_middle, from_goal = predicted - middle, true - goal
    left, singular, right = torch.linalg.svd(from_middle.mT @ from_goal)
    proper = torch.ones_like(singular)
    proper[:, 2] = torch.where(torch.linalg.det(left @ right) < 0, -1.0, 1.0)
    turn = left @ torch.diag_embed(proper) @ right  # of row vectors
    spread = from_middle.square().sum((1, 2))
    scale = torch.where(spread > 0, (singular * proper).sum(1) / spread.clamp(min=torch.finfo(spread.dtype).tiny), 0.0)
    return scale[:, None, None] * (from_middle @ turn) + goal


def joint_errors(predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"]) -> Float[Tensor, "n j"]:
    """Each joint's error in mm, roots together: MPJPE is their mean."""
    return distances(rooted(predicted, predicted), rooted(true, true))


def aligned_joint_errors(predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"]) -> Float[Tensor, "n j"]:
    """Each joint's error in mm after the alignment of all joints: PA-MPJPE is their mean."""
    return distances(aligned(predicted, true), true)


def vertex_errors(vertices: Float[Tensor, "n v 3"], joints: Float[Tensor, "n j 3"], true_vertices: Float[Tensor, "n v 3"],
                  true_joints: Float[Tensor, "n j 3"]) -> Float[Tensor, "n v"]:
    """Each vertex's error in mm, roots together: PVE is their mean."""
    return distances(rooted(vertices, joints), rooted(true_vertices, true_joints))


class _JointMean(Metric):
    """The mean over people's joints, and over the visible and the hidden ones apart, and a joint.

    `update(predicted, true, visible, hidden)` takes (N, J, 3) metres twice and (N, J) bool twice (left out: all are visible; those that are
    not visible are hidden); `compute` gives a dict of "all", "visible", "hidden" (scalars, NaN where there is no such joint) and "joints"
    (J,), in mm.  Joints that are neither, beyond the picture's border say, count in "all" and "joints" alone.  Processes' shards add up.
    """

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, joints: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.joints = joints
        for name in ("total", "count"):
            self.add_state(name, torch.zeros(3, joints, dtype=torch.float64), dist_reduce_fx="sum")

    def errors(self, predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"]) -> Float[Tensor, "n j"]:
        raise NotImplementedError

    def update(self, predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"], visible: Bool[Tensor, "n j"] | None = None,
               hidden: Bool[Tensor, "n j"] | None = None) -> None:
        """Adds people."""
        if predicted.shape[1] != self.joints:
            raise ValueError(f"there are {predicted.shape[1]} joints a person, and this metric is of {self.joints}: pass the same joints")
        seen = torch.ones(predicted.shape[:2], dtype=torch.bool, device=predicted.device) if visible is None else visible
        behind = ~seen if hidden is None else hidden & ~seen
        off = self.errors(predicted.double(), true.double())
        for row, chosen in enumerate((seen, behind, ~seen & ~behind)):
            self.total[row] += torch.where(chosen, off, 0.0).sum(0)
            self.count[row] += chosen.sum(0)

    def compute(self) -> dict[str, Tensor]:
        """Means of all people so far, mm."""
        total, count = self.total.sum(1), self.count.sum(1)
        means = [total.sum() / count.sum(), *(total / count)[:2]]
        return {**dict(zip(SEEN, means, strict=True)), "joints": self.total.sum(0) / self.count.sum(0)}


class MPJPE(_JointMean):
    """Mean error of joints, roots together; see `_JointMean` for what goes in and comes out.

    >>> metric = MPJPE(joints=2)
    >>> true = torch.tensor([[[0.0, 0.0, 2.0], [0.0, 0.5, 2.0]]])
    >>> metric.update(true + torch.tensor([0.0, 0.0, 9.0]), true)      # elsewhere, but the same body
    >>> metric.compute()["all"].item()
    0.0
    """

    def errors(self, predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"]) -> Float[Tensor, "n j"]:
        return joint_errors(predicted, true)


class PAMPJPE(_JointMean):
    """Mean error of joints after Procrustes alignment; see `_JointMean` for what goes in and comes out."""

    def errors(self, predicted: Float[Tensor, "n j 3"], true: Float[Tensor, "n j 3"]) -> Float[Tensor, "n j"]:
        return aligned_joint_errors(predicted, true)


class PVE(Metric):
    """Mean error of vertices, roots together, in mm.  `update(vertices, joints, true_vertices, true_joints)` in metres."""

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, vertices: Float[Tensor, "n v 3"], joints: Float[Tensor, "n j 3"], true_vertices: Float[Tensor, "n v 3"],
               true_joints: Float[Tensor, "n j 3"]) -> None:
        """Adds people."""
        off = vertex_errors(vertices.double(), joints.double(), true_vertices.double(), true_joints.double())
        self.total += off.sum()
        self.count += off.numel()

    def compute(self) -> Tensor:
        """The mean of all people so far, mm; NaN of nobody."""
        return self.total / self.count
