"""Stage 2 in training."""
from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor

from deocc_aug.appearance.codec import condition_channels, state_channels
from deocc_aug.appearance.pipeline import AppearancePipeline, heard
from deocc_aug.patch_pipeline import predicted
from deocc_aug.training.diffusion import DiffusionModule, small_unet
from deocc_aug.training.listening import ListeningModule, listening_unet


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
    """What words change in the pictures of a stage 2 that hears none, which itself stays as it is; with a listener, goes on from that.

    Args:
        start: folder of stage 2 on patches, such as `compact`'s.
        channels, layers: of a new listener's UNet.
        pure_noise: how often it hears of a picture painted in one step; otherwise of one that is nearer its end.
        width, text_layers, words_rate, lessons: see `ListeningModule`; width and layers are those of a new text encoder.

    Raises:
        ValueError: `start` is no such folder.
    """

    def __init__(self, start: str, channels: tuple[int, ...] = (64, 96), layers: int = 1, width: int = 128, text_layers: int = 2,
                 learning_rate: float = 1e-3, warm_up: int = 100, final: float = 0.02, pure_noise: float = 0.8, words_rate: float = 1.0,
                 lessons: int = 600) -> None:
        folder = Path(start)
        if not (folder / "unet" / "config.json").is_file():
            raise ValueError(f"start is {start!r}, which holds no unet/config.json: pass the folder of stage 2 on patches, such as "
                             "deocc_aug/weights/compact/appearance")
        pipeline = AppearancePipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        patch, listener, encoder = int(pipeline.config.patch), pipeline.listener, pipeline.text_encoder
        if listener is None or encoder is None:
            state, condition = state_channels(patch), condition_channels(patch)
            listener = listening_unet(state + condition, state, channels, layers, width)
            for parameter in listener.conv_out.parameters():
                torch.nn.init.zeros_(parameter)
        else:
            width, text_layers = int(encoder.config.hidden_size), int(encoder.config.num_hidden_layers)
        super().__init__(listener, learning_rate, warm_up, final, pure_noise, str(folder / "unet"), width, text_layers, words_rate, lessons)
        self.painter = pipeline.unet.requires_grad_(False).to(memory_format=torch.channels_last)
        self.folder, self.patch, self.goes_on = folder, patch, pipeline.listener is not None and encoder is not None

    def reader(self) -> Path | None:
        """The text encoder beside the listener that it goes on from."""
        return self.folder / "text_encoder" if self.goes_on else None

    def begin(self) -> None:
        """What it begins from it has from the start."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        noisy, timesteps = self.noisy(batch["target"])
        with torch.no_grad():
            clean = predicted(self.painter, noisy, batch["condition"], timesteps).float().clamp(-1, 1)
            self.log("unheard", ((clean - batch["target"]) ** 2 * batch["weight"]).mean(), prog_bar=True)
            words = self.text_encoder(batch["words"]).last_hidden_state
        return painted(self, heard(self.unet, clean, batch["condition"], words).float(), batch, timesteps)

    def export(self, folder: Path) -> None:
        pipeline = AppearancePipeline(self.painter, self.scheduler, self.patch, self.unet.half(), self.text_encoder.half(), self.tokenizer)
        pipeline.save_pretrained(folder)
        for own in ("unet", "scheduler"):  # the painter's, as they were filed: an average of equal weights is rounded
            shutil.rmtree(folder / own)
            shutil.copytree(self.folder / own, folder / own)


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
