"""What the compact observer's net reads and says, as tensors: the same code in training and in use.

The canvas is cut into patches and the net runs on their grid (256x192 with patches of 4: 64x48); its label map has
half the canvas's resolution.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from deocc_aug.patches import JOINT_SIGMA, SHRINK, WIDEST
from deocc_aug.types import JOINTS

LABELS = PERSON, IN_FRONT, OTHER = range(3)
"""A pixel shows this person, what is in front of them and hides a part, or anything else (behind or beside them)."""
STATES = VISIBLE, HIDDEN, OUT_OF_FRAME = range(3)
"""A joint lies in the visible part (of the person's own limb or one before it), behind something in front, or outside the image."""
WHERE = 3  # planes beside the picture: across and down in half boxes from the given box's middle, inside the image
FARTHEST = 2.0  # half boxes


def condition_channels(patch: int) -> int:
    return 3 * patch**2 + WHERE + JOINTS


def answer_channels(patch: int) -> int:
    return len(LABELS) * (patch // SHRINK) ** 2 + JOINTS + JOINTS * len(STATES) + 1


def gaussians(joints: Float[Tensor, "b 17 3"], cell: int, grid: tuple[int, int]) -> Float[Tensor, "b 17 gh gw"]:
    """`deocc_aug.patches.heatmaps` for a batch of joints: a Gaussian each, none without confidence, wide and low with little."""
    ys, xs = (torch.arange(n, device=joints.device) + 0.5 for n in grid)
    x, y, confidence = (joints[..., i, None] for i in range(3))
    sigma = JOINT_SIGMA * (WIDEST - (WIDEST - 1) * confidence)
    row, column = (torch.exp(-((at - place / cell) ** 2) / (2 * sigma**2)) for at, place in ((ys, y), (xs, x)))
    return row[..., :, None] * column[..., None, :] * (JOINT_SIGMA / sigma * (confidence > 0))[..., None]


def encode(pictures: UInt8[Tensor, "b h w 3"], frames_xyxy: Float[Tensor, "b 4"], boxes_xyxy: Float[Tensor, "b 4"],
           joints: Float[Tensor, "b 17 3"], patch: int) -> Float[Tensor, "b c gh gw"]:
    """The net's input, (b, 3 * patch^2 + 3 + 17, gh, gw) float32.

    Args:
        pictures: canvases, RGB.
        frames_xyxy: where the image's own border lies on the canvas, canvas pixels; outside is grey.
        boxes_xyxy: the box that says who is meant, canvas pixels.
        joints: x, y in canvas pixels and confidence of joints that somebody already found; 0 where nobody did.
    """
    _, height, width, _ = pictures.shape
    ys, xs = (torch.arange(n, device=pictures.device) + 0.5 for n in (height, width))
    (x0, y0, x1, y1) = frames_xyxy.T[..., None]
    inside = ((ys >= y0) & (ys < y1)).float()[:, :, None] * ((xs >= x0) & (xs < x1)).float()[:, None, :]
    picture = (pictures.permute(0, 3, 1, 2).float() / 127.5 - 1) * inside[:, None]
    grid = height // patch, width // patch
    (x0, y0, x1, y1) = boxes_xyxy.T[..., None]
    across = ((2 * xs[patch // 2::patch] - x0 - x1) / (x1 - x0)).clamp(-FARTHEST, FARTHEST)
    down = ((2 * ys[patch // 2::patch] - y0 - y1) / (y1 - y0)).clamp(-FARTHEST, FARTHEST)
    where = torch.stack([across[:, None, :].expand(-1, *grid), down[:, :, None].expand(-1, *grid), F.avg_pool2d(inside, patch)], 1)
    return torch.cat([F.pixel_unshuffle(picture, patch), where, gaussians(joints, patch, grid)], 1)


@dataclass(frozen=True, eq=False)
class Answer:
    """What the net says, as logits: `labels` (b, 3, h / 2, w / 2), `places` (b, 17, gh, gw) of each joint over all cells, `states`
    (b, 17, 3) of each joint, `hidden` (b,) of the share of the body that is not seen."""

    labels: Float[Tensor, "b 3 h2 w2"]
    places: Float[Tensor, "b 17 gh gw"]
    states: Float[Tensor, "b 17 3"]
    hidden: Float[Tensor, "b"]


def decode(output: Float[Tensor, "b c gh gw"], patch: int) -> Answer:
    """The net's output (b, answer_channels(patch), gh, gw) taken apart.

    A joint's state is read where the joint probably is; the hidden share everywhere.
    """
    labels, places, states, hidden = output.float().split(
        [len(LABELS) * (patch // SHRINK) ** 2, JOINTS, JOINTS * len(STATES), 1], dim=1)
    probable = places.detach().flatten(2).softmax(2)
    there = torch.einsum("bjn,bjsn->bjs", probable, states.flatten(2).unflatten(1, (JOINTS, len(STATES))))
    return Answer(F.pixel_shuffle(labels, patch // SHRINK), places, there, hidden.mean((1, 2, 3)))
