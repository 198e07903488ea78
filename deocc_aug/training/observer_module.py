"""The compact observer in training."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from deocc_aug.observe.codec import PERSON, Answer, answer_channels, condition_channels, decode, encode, gaussians
from deocc_aug.observe.compact import ObserverPipeline, look
from deocc_aug.training.diffusion import PartModule, begin_as, small_unet
from deocc_aug.training.observer_data import UNKNOWN


class ObserverModule(PartModule):
    """Learns what is seen of a person: labels by pixel, joints as one place each, what hides them, how much is hidden.

    Args:
        channels: of the UNet's levels.
        layers: residual blocks a level.
        patch: pixels a side of a patch.
        joint_weight, state_weight, hidden_weight: of these losses beside the labels' own.
        overlap_weight: of one minus the soft Dice overlap with the visible person, beside them.
        start: folder of the observer to begin from, such as `compact`'s; None: from nothing.

    Raises:
        ValueError: `start` is no such folder, or its net is another.
    """

    def __init__(self, channels: tuple[int, ...] = (48, 64, 80, 96), layers: int = 1, patch: int = 4, joint_weight: float = 0.15,
                 state_weight: float = 0.15, hidden_weight: float = 0.2, overlap_weight: float = 0.0, start: str | None = None,
                 learning_rate: float = 1e-3, warm_up: int = 200, final: float = 0.02) -> None:
        super().__init__(learning_rate, warm_up, final)
        unet = small_unet(condition_channels(patch), answer_channels(patch), channels, layers)
        if start is not None:
            begin_as(unet, start)
        self.unet = unet.to(memory_format=torch.channels_last)
        self.patch, self.overlap_weight = patch, overlap_weight
        self.joint_weight, self.state_weight, self.hidden_weight = joint_weight, state_weight, hidden_weight

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        condition = encode(batch["picture"], batch["frame"], batch["box"], batch["told"], self.patch)
        said = decode(look(self.unet, condition), self.patch)
        truth = batch["labels"].float() / 255
        losses = {"labels": label_loss(said, truth), "joints": joint_loss(said, batch["joints"], self.patch),
                  "states": state_loss(said, batch["states"]), "hidden": hidden_loss(said, batch["hidden"])}
        if self.overlap_weight:
            losses["overlap"] = overlap_loss(said, truth)
        self.log_dict(losses, prog_bar=True)
        with torch.no_grad():
            known = truth.sum(1) > 0.5
            guess, person = (said.labels.argmax(1) == PERSON) & known, (truth[:, PERSON] > 0.5) & known
            self.log("visible_iou", ((guess & person).sum((1, 2)) / (guess | person).sum((1, 2)).clamp(min=1)).mean(), prog_bar=True)
        return losses["labels"] + self.joint_weight * losses["joints"] + self.state_weight * losses["states"] \
            + self.hidden_weight * losses["hidden"] + self.overlap_weight * losses.get("overlap", 0.0)

    def export(self, folder: Path) -> None:
        """Writes the part as a preset holds it: fp16 safetensors and configs."""
        ObserverPipeline(self.unet.half(), self.patch).save_pretrained(folder)


def label_loss(said: Answer, truth: Float[Tensor, "b 4 h w"]) -> Tensor:
    """Cross-entropy by pixel, where something is known; the last plane of `truth` is not this person, in front or not."""
    log = said.labels.log_softmax(1)
    not_person = log[:, PERSON + 1:].logsumexp(1, keepdim=True)
    return -(torch.cat([log, not_person], 1) * truth).sum() / truth.sum().clamp(min=1)


def overlap_loss(said: Answer, truth: Float[Tensor, "b 4 h w"]) -> Tensor:
    """One minus the soft Dice overlap of each visible person (Milletari et al. 2016) where something is known: small people weigh as much
    as large ones, so the mask is worth its IoU, not its pixels."""
    known, person = truth.sum(1), truth[:, PERSON]
    guess = said.labels.softmax(1)[:, PERSON] * known
    both = (guess * person).sum((1, 2))
    return (1 - (2 * both + 1) / (guess.sum((1, 2)) + person.sum((1, 2)) + 1)).mean()


def joint_loss(said: Answer, joints: Float[Tensor, "b 17 3"], patch: int) -> Tensor:
    """Divergence from a Gaussian at each known joint; one beyond the canvas is looked for at its border."""
    grid = said.places.shape[2], said.places.shape[3]
    farthest = torch.tensor([grid[1], grid[0]], device=joints.device) * patch - patch / 2
    nearest = torch.cat([joints[..., :2].clamp(min=patch / 2).minimum(farthest), joints[..., 2:]], 2)
    there = gaussians(nearest, patch, grid).flatten(2)
    there = there / there.sum(2, keepdim=True).clamp(min=1e-6)
    apart = F.kl_div(said.places.flatten(2).log_softmax(2), there, reduction="none").sum(2)  # 0 where the joint is not known
    known = joints[..., 2] > 0
    return (apart * known).sum() / known.sum().clamp(min=1)


def state_loss(said: Answer, states: Int64[Tensor, "b 17"]) -> Tensor:
    """Cross-entropy over the joints of known state."""
    known = (states != UNKNOWN).sum().clamp(min=1)
    return F.cross_entropy(said.states.reshape(-1, 3), states.reshape(-1), ignore_index=UNKNOWN, reduction="sum") / known


def hidden_loss(said: Answer, hidden: Float[Tensor, "b"]) -> Tensor:
    """Cross-entropy of the hidden share, where it is known."""
    known = hidden != UNKNOWN
    apart = F.binary_cross_entropy_with_logits(said.hidden, hidden.clamp(0, 1), reduction="none")
    return (apart * known).sum() / known.sum().clamp(min=1)
