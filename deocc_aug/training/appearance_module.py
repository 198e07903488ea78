"""Stage 2 in training."""
from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from torch import Tensor

from deocc_aug.appearance.codec import condition_channels, state_channels
from deocc_aug.appearance.pipeline import AppearancePipeline
from deocc_aug.training.diffusion import DiffusionModule, small_unet
from deocc_aug.training.listening import ListeningModule, listening_unet, take_over


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
        noisy, timesteps = self.noisy(batch["target"])
        return painted(self, self.predict(noisy, batch["condition"], timesteps), batch, timesteps)

    def export(self, folder: Path) -> None:
        AppearancePipeline(self.unet.half(), self.scheduler, self.patch).save_pretrained(folder)


class ListeningAppearanceModule(ListeningModule):
    """Stage 2 that hears words beside what it is shown; it begins as one that does not, or as itself.

    Args:
        start: folder of the UNet to begin from, on patches, with a text encoder beside it or without.
        patch: pixels a side of a patch, as in `start`.
        width, text_layers, words_rate, lessons: see `ListeningModule`.

    Raises:
        ValueError: `start` is no such folder.
    """

    def __init__(self, start: str, patch: int = 4, width: int = 128, text_layers: int = 2, learning_rate: float = 2e-4, warm_up: int = 100,
                 final: float = 0.02, pure_noise: float = 0.6, words_rate: float = 5.0, lessons: int = 600) -> None:
        config = Path(start) / "config.json"
        if not config.is_file():
            raise ValueError(f"start is {start!r}, which holds no config.json: pass the folder of stage 2's UNet, such as "
                             "deocc_aug/weights/compact/appearance/unet")
        said = json.loads(config.read_text())
        state, condition = state_channels(patch), condition_channels(patch)
        unet = listening_unet(state + condition, state, tuple(said["block_out_channels"]), said["layers_per_block"], width)
        super().__init__(unet, learning_rate, warm_up, final, pure_noise, start, width, text_layers, words_rate, lessons)
        self.patch, self.kind = patch, UNet2DModel if said["_class_name"] == "UNet2DModel" else UNet2DConditionModel

    def begin(self) -> None:
        assert self.start is not None
        take_over(self.unet, self.kind.from_pretrained(self.start, dtype=torch.float32, local_files_only=True))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        noisy, timesteps = self.noisy(batch["target"])
        return painted(self, self.hear(noisy, batch["condition"], timesteps, batch["words"]), batch, timesteps)

    def export(self, folder: Path) -> None:
        pipeline = AppearancePipeline(self.unet.half(), self.scheduler, self.patch, self.text_encoder.half(), self.tokenizer)
        pipeline.save_pretrained(folder)


def painted(module: DiffusionModule, clean: Tensor, batch: dict[str, Tensor], timesteps: Tensor) -> Tensor:
    """The loss of pictures that were predicted; logs it and the PSNR of hidden bodies in one step."""
    weight = batch["weight"]
    error = (clean - batch["target"]) ** 2 * weight
    with torch.no_grad():
        first = (timesteps == module.scheduler.config.num_train_timesteps - 1)[:, None, None, None]
        where = (weight > 0.5) & first
        mse = (error / weight.clamp(min=1e-6) * where).sum() / where.sum().clamp(min=1)
        module.log("first_psnr", -10 * torch.log10(mse / 4 + 1e-9), prog_bar=True)
    loss = error.mean()
    module.log("loss", loss, prog_bar=True)
    return loss
