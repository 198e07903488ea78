"""The autoencoder in training: first both halves, then the decoder alone, on visible pixels and a mask."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AsymmetricAutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor

from deocc_aug.appearance.autoencoder import autoencoder, decode, moments, patch_of, save
from deocc_aug.training.components import begin_linear
from deocc_aug.training.diffusion import PartModule

FIRST = 256  # pictures whose patches say what the components are


class AutoencoderModule(PartModule):
    """Learns to encode pictures and to decode them: absolute errors of the picture at several sizes, and a little of KL.

    An autoencoder of one level begins as the principal components of its patches (`deocc_aug.training.components`).

    With `start` an autoencoder that was trained so gets its decoder fine-tuned (Noh & Chang, section on the decoder): the encoder
    stays, the latents under the hole are disturbed as stage 2's are, and the decoder sees the visible pixels and the mask.

    Args:
        channels: of the autoencoder's levels.
        latent_channels: of the latents.
        patch: pixels a side of the patches it runs on.
        kl: weight of the divergence from a unit Gaussian, by latent.
        sizes: how many times the picture is halved for the errors.
        start: folder of an autoencoder whose decoder is to be fine-tuned; its own shape is taken then.
        disturbed: the largest standard deviation of what is added to the latents, in theirs.
    """

    scale: Tensor

    def __init__(self, channels: tuple[int, ...] = (96,), latent_channels: int = 16, patch: int = 8, kl: float = 1e-5,
                 sizes: int = 4, start: str | None = None, disturbed: float = 0.1, learning_rate: float = 5e-4, warm_up: int = 200,
                 final: float = 0.02) -> None:
        super().__init__(learning_rate, warm_up, final)
        if start is not None and not (Path(start) / "config.json").is_file():
            raise ValueError(f"start is {start!r}, which holds no config.json: pass the folder of an autoencoder that was trained before")
        vae = autoencoder(channels, latent_channels, patch) if start is None else \
            AsymmetricAutoencoderKL.from_pretrained(start, dtype=torch.float32, local_files_only=True)
        self.vae = vae.to(memory_format=torch.channels_last)
        self.kl, self.sizes, self.disturbed, self.decoder_alone = kl, sizes, disturbed, start is not None
        if self.decoder_alone:
            self.vae.encoder.requires_grad_(False)
            self.vae.quant_conv.requires_grad_(False)
        self.register_buffer("scale", torch.tensor(1 / self.vae.config.scaling_factor))  # the latents' standard deviation, so far

    def on_fit_start(self) -> None:
        if self.decoder_alone or self.trainer.ckpt_path is not None or len(self.vae.config.down_block_out_channels) > 1:
            return
        pictures = self.trainer.datamodule.some("picture", FIRST)  # type: ignore[attr-defined]
        cells = F.pixel_unshuffle(unit(torch.from_numpy(pictures)), patch_of(self.vae))
        begin_linear(self.vae, cells.permute(0, 2, 3, 1).flatten(0, 2).to(self.device))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        truth = unit(batch["picture"])                                                             # (B, 3, h, w)
        known = batch["known"][:, None].float()
        loss = self.fine_tuned(truth, known) if self.decoder_alone else self.both_halves(truth)
        self.log("loss", loss, prog_bar=True)
        return loss

    def both_halves(self, truth: Float[Tensor, "b 3 h w"]) -> Tensor:
        mean, logvar = moments(self.vae, truth)
        latents = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        with torch.no_grad():
            self.scale.lerp_(mean.std(), 0.01)
        said = decode(self.vae, latents * self.vae.config.scaling_factor).float()
        divergence = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).float().mean()
        self.log_dict({"psnr": psnr(said, truth), "kl": divergence, "scale": self.scale}, prog_bar=True)
        return pyramid_loss(said, truth, torch.ones_like(truth[:, :1]), self.sizes) + self.kl * divergence

    def fine_tuned(self, truth: Float[Tensor, "b 3 h w"], known: Float[Tensor, "b 1 h w"]) -> Tensor:
        with torch.no_grad():
            latents = moments(self.vae, truth)[0] * self.vae.config.scaling_factor
            noise = torch.randn_like(latents) * torch.rand(len(latents), 1, 1, 1, device=latents.device) * self.disturbed
            latents = latents + noise
        said = decode(self.vae, latents, truth, known).float()
        self.log_dict({"psnr": psnr(said, truth), "seen": psnr(said, truth, known)}, prog_bar=True)
        return pyramid_loss(said, truth, torch.ones_like(known), self.sizes)

    def export(self, folder: Path) -> None:
        if not self.decoder_alone:
            self.vae.register_to_config(scaling_factor=round(1 / float(self.scale), 4))
        save(self.vae.half(), folder)


def unit(pictures: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b 3 h w"]:
    """0..255 as [-1, 1], channels first."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def pyramid_loss(said: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], weight: Float[Tensor, "b 1 h w"], sizes: int) -> Tensor:
    """Mean absolute error of the pictures and of the pictures halved again and again: structure counts as much as detail."""
    total = torch.zeros((), device=said.device)
    for _ in range(sizes):
        total = total + ((said - truth).abs() * weight).mean() / sizes
        said, truth, weight = (F.avg_pool2d(planes, 2) for planes in (said, truth, weight))
    return total


@torch.no_grad()
def psnr(said: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], where: Float[Tensor, "b 1 h w"] | None = None) -> Tensor:
    """Peak signal-to-noise ratio, dB, of pictures in [-1, 1], where `where` is 1."""
    where = torch.ones_like(truth[:, :1]) if where is None else where
    error = (((said.clamp(-1, 1) - truth) ** 2) * where).sum() / (3 * where.sum()).clamp(min=1)
    return -10 * torch.log10(error / 4 + 1e-9)
