"""Stage 1 in training."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from deocc_aug.body.codec import condition_channels, state_channels
from deocc_aug.body.pipeline import BodyPipeline
from deocc_aug.training.diffusion import DiffusionModule, begin_as, small_unet
from deocc_aug.training.stream import Stream


class BodyModule(DiffusionModule):
    """Learns the body prior by cross-entropy on the clean mask and joint heatmaps, whose minimum is their posterior mean.

    Args:
        channels: of the UNet's levels.
        layers: residual blocks a level.
        joint_weight: weight of a heatmap cell against a mask pixel that could be hidden.
        patch: pixels a side of a patch.
        start: folder of the stage 1 to begin from, such as `compact`'s; None: from nothing.

    Raises:
        ValueError: `start` is no such folder, or its net is another.
    """

    def __init__(self, channels: tuple[int, ...] = (64, 128, 160), layers: int = 1, patch: int = 4, joint_weight: float = 2.0,
                 start: str | None = None, learning_rate: float = 6e-4, warm_up: int = 200, final: float = 0.02,
                 pure_noise: float = 0.5) -> None:
        unet = small_unet(state_channels(patch) + condition_channels(patch), state_channels(patch), channels, layers)
        if start is not None:
            begin_as(unet, start)
        super().__init__(unet, learning_rate, warm_up, final, pure_noise)
        self.patch, self.joint_weight = patch, joint_weight

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        target, weight = batch["target"], batch["weight"]
        noisy, timesteps = self.noisy(2 * target - 1)
        logits = self.predict(noisy, batch["condition"], timesteps)
        error = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
        cells = self.patch**2
        mask, joints = error[:, :cells].mean(), error[:, cells:].mean()
        self.log_dict({"mask": mask, "joints": joints}, prog_bar=True)
        with torch.no_grad():
            first = timesteps == self.scheduler.config.num_train_timesteps - 1
            where = (weight[:, :cells] > 0.5) & first[:, None, None, None]
            guess, truth = (logits[:, :cells] > 0) & where, (target[:, :cells] > 0.5) & where
            self.log("hidden_iou", (guess & truth).sum() / (guess | truth).sum().clamp(min=1), prog_bar=True)
            stream = getattr(self.trainer.datamodule, "stream", None)  # type: ignore[attr-defined]
            if isinstance(stream, Stream):
                stream.note(batch["who"][first], error[first, :cells].mean((1, 2, 3)))
        return mask + self.joint_weight * joints

    def export(self, folder: Path) -> None:
        """Writes the part as a preset holds it: fp16 safetensors and configs."""
        BodyPipeline(self.unet.half(), self.scheduler, self.patch).save_pretrained(folder)
