"""Stage 2 in training."""
from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from deocc_aug.appearance.codec import condition_channels, state_channels
from deocc_aug.appearance.pipeline import AppearancePipeline
from deocc_aug.training.diffusion import DiffusionModule, small_unet


class AppearanceModule(DiffusionModule):
    """Learns to paint holes by the squared error of the clean picture; the body counts more than its background.

    Args:
        channels: of the UNet's levels.
        layers: residual blocks a level.
        patch: pixels a side of a patch.
    """

    def __init__(self, channels: tuple[int, ...] = (96, 144, 176), layers: int = 1, patch: int = 4, learning_rate: float = 5e-4,
                 warm_up: int = 200, final: float = 0.02, pure_noise: float = 0.3) -> None:
        super().__init__(small_unet(state_channels(patch) + condition_channels(patch), state_channels(patch), channels, layers),
                         learning_rate, warm_up, final, pure_noise)
        self.patch = patch

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        target, weight = batch["target"], batch["weight"]
        noisy, timesteps = self.noisy(target)
        error = (self.predict(noisy, batch["condition"], timesteps) - target) ** 2 * weight
        with torch.no_grad():
            first = (timesteps == self.scheduler.config.num_train_timesteps - 1)[:, None, None, None]
            where = (weight > 0.5) & first
            mse = (error / weight.clamp(min=1e-6) * where).sum() / where.sum().clamp(min=1)
            self.log("first_psnr", -10 * torch.log10(mse / 4 + 1e-9), prog_bar=True)
        loss = error.mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def export(self, folder: Path) -> None:
        AppearancePipeline(self.unet.half(), self.scheduler, self.patch).save_pretrained(folder)
