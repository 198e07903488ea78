"""Stage 2 in latents, in training: UNet and text encoder together, the autoencoder as it is."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AsymmetricAutoencoderKL, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from torch import Tensor

from deocc_aug.appearance.autoencoder import encode
from deocc_aug.appearance.codec import condition_channels
from deocc_aug.appearance.latent_pipeline import LatentAppearancePipeline
from deocc_aug.patches import SHRINK
from deocc_aug.training.autoencoder_module import unit
from deocc_aug.training.listening import ListeningModule, hears, listening_unet, take_over

FIRST = 64  # pictures that say how patches and latents go together


class LatentAppearanceModule(ListeningModule):
    """Learns to paint holes by the squared error of the clean latents; the body counts more than its background.

    Args:
        autoencoder: folder of the trained one; it stays as it is.
        start: folder of a UNet to begin from, on pixel patches with the same channels or on these latents (then with the text encoder
            beside it, which the words were learnt with); None begins from nothing.
        channels: of the UNet's levels; words are heard at the highest, beside the output.
        layers: residual blocks a level.
        patch: pixels a side of the condition's patches.
        width, text_layers, words_rate, lessons: see `ListeningModule`.
    """

    def __init__(self, autoencoder: str, start: str | None = None, channels: tuple[int, ...] = (96, 144, 176), layers: int = 1,
                 patch: int = 4, width: int = 128, text_layers: int = 2, learning_rate: float = 5e-4, warm_up: int = 200,
                 final: float = 0.02, pure_noise: float = 0.3, words_rate: float = 5.0, lessons: int = 600) -> None:
        if not (Path(autoencoder) / "config.json").is_file():
            raise ValueError(f"autoencoder is {autoencoder!r}, which holds no config.json: pass the folder of a trained one "
                             "(`deocc-aug train autoencoder`)")
        vae = AsymmetricAutoencoderKL.from_pretrained(autoencoder, dtype=torch.float32, local_files_only=True)
        latents = int(vae.config.latent_channels)
        unet = listening_unet(latents + condition_channels(patch), latents, channels, layers, width)
        super().__init__(unet, learning_rate, warm_up, final, pure_noise, start, width, text_layers, words_rate, lessons)
        self.scheduler.register_to_config(clip_sample=False)
        self.vae = vae.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        self.patch = patch

    def begin(self) -> None:
        if self.start is None:
            return
        if hears(Path(self.start)):
            take_over(self.unet, UNet2DConditionModel.from_pretrained(self.start, dtype=torch.float32, local_files_only=True))
            return
        pixels = UNet2DModel.from_pretrained(self.start, dtype=torch.float32, local_files_only=True).to(self.device)
        pictures = torch.from_numpy(self.trainer.datamodule.some("picture", FIRST)).to(self.device)  # type: ignore[attr-defined]
        with torch.no_grad():
            latents = torch.cat([encode(self.vae, unit(some)) for some in pictures.split(8)])
        cells = F.pixel_unshuffle(F.avg_pool2d(unit(pictures), SHRINK), self.patch)
        begin_from(self.unet, pixels, condition_channels(self.patch), *(x.permute(0, 2, 3, 1).flatten(0, 2) for x in (latents, cells)))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        with torch.no_grad():
            target = encode(self.vae, unit(batch["picture"]))              # (B, L, gh, gw)
        weight = batch["weight"][:, :self.patch**2].mean(1, keepdim=True)  # (B, 1, gh, gw)
        noisy, timesteps = self.noisy(target)
        clean = self.hear(noisy, batch["condition"], timesteps, batch["words"])
        error = (clean - target) ** 2 * weight
        with torch.no_grad():
            first = (timesteps == self.scheduler.config.num_train_timesteps - 1)[:, None, None, None]
            where = (weight > 0.5) & first
            self.log("first", (F.mse_loss(clean, target, reduction="none") * where).sum() / (where.sum() * target.shape[1]).clamp(min=1),
                     prog_bar=True)
        loss = error.mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def export(self, folder: Path) -> None:
        pipeline = LatentAppearancePipeline(self.unet.half(), self.vae.half(), self.scheduler, self.text_encoder.half(), self.tokenizer,
                                            self.patch)
        pipeline.save_pretrained(folder, max_shard_size="12MB")


@torch.no_grad()
def begin_from(unet: UNet2DConditionModel, other: UNet2DModel, condition: int, latents: Float[Tensor, "samples l"],
               patches: Float[Tensor, "samples s"]) -> int:
    """Takes from a UNet on pixel patches whatever fits: residual blocks, times, and how it reads the condition; returns how many tensors.

    What it reads and says in patches is translated by the linear maps that take `latents` and `patches` of the same cells to one
    another with the least squared error.
    """
    taken = take_over(unet, other)
    shown, told = linear(latents, patches), linear(patches, latents)  # (l + 1, s), (s + 1, l): the last rows are offsets
    reads = other.conv_in.weight[:, :patches.shape[1]]
    unet.conv_in.weight.copy_(torch.cat([torch.einsum("oskw,ls->olkw", reads, shown[:-1]), other.conv_in.weight[:, -condition:]], 1))
    unet.conv_in.bias.copy_(other.conv_in.bias)
    unet.conv_out.weight.copy_(torch.einsum("sokw,sl->lokw", other.conv_out.weight, told[:-1]))
    unet.conv_out.bias.copy_(other.conv_out.bias @ told[:-1] + told[-1])
    return taken


def linear(given: Float[Tensor, "samples a"], wanted: Float[Tensor, "samples b"]) -> Float[Tensor, "a+1 b"]:
    """The map of `given` and 1 to `wanted` with the least squared error."""
    return torch.linalg.lstsq(torch.cat([given, torch.ones_like(given[:, :1])], 1), wanted).solution
