"""Stage 2 in latents, in training: UNet and text encoder together, the autoencoder as it is."""
from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AsymmetricAutoencoderKL, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from torch import Tensor

from deocc_aug.appearance.autoencoder import encode
from deocc_aug.appearance.codec import condition_channels
from deocc_aug.appearance.latent_pipeline import LatentAppearancePipeline
from deocc_aug.appearance.text import small_text_encoder
from deocc_aug.describe.closed import prompt_tokenizer
from deocc_aug.patches import SHRINK
from deocc_aug.training.autoencoder_module import unit
from deocc_aug.training.diffusion import DiffusionModule, adamw
from deocc_aug.training.reading import teach

FIRST = 64  # pictures that say how patches and latents go together


class LatentAppearanceModule(DiffusionModule):
    """Learns to paint holes by the squared error of the clean latents; the body counts more than its background.

    Args:
        autoencoder: folder of the trained one; it stays as it is.
        start: folder of a UNet to begin from, on pixel patches with the same channels or on these latents; None begins from nothing.
        channels: of the UNet's levels; words are heard at the lowest.
        layers: residual blocks a level.
        patch: pixels a side of the condition's patches.
        width, text_layers: of the text encoder.
        words_rate: of what hears words, times `learning_rate`: what it can win is small beside the rest.
        lessons: steps in which the text encoder learns, before the first step, to tell what prompts say (`deocc_aug.training.reading`);
            then it stays as it is, or it would fall silent before the UNet hears it.
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
        super().__init__(unet, learning_rate, warm_up, final, pure_noise)
        self.scheduler.register_to_config(clip_sample=False)
        self.start, self.words_rate, self.lessons = start, words_rate, lessons
        self.tokenizer = prompt_tokenizer()
        self.text_encoder = small_text_encoder(self.tokenizer, width, text_layers).requires_grad_(False)
        self.vae = vae.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        self.patch = patch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        words = [*self.unet.add_embedding.parameters(), *self.unet.mid_block.attentions.parameters()]
        known = {id(parameter) for parameter in words}
        others = [parameter for parameter in self.parameters() if parameter.requires_grad and id(parameter) not in known]
        return adamw([{"params": others}, {"params": words, "times": self.words_rate}], self.learning_rate)

    def on_fit_start(self) -> None:
        if self.trainer.ckpt_path is not None:
            return
        teach(self.text_encoder.requires_grad_(True), self.tokenizer, self.lessons)
        self.text_encoder.requires_grad_(False)
        if self.start is None:
            return
        if json.loads((Path(self.start) / "config.json").read_text())["_class_name"] == type(self.unet).__name__:
            same = UNet2DConditionModel.from_pretrained(self.start, dtype=torch.float32, local_files_only=True)
            self.unet.load_state_dict(same.state_dict(), strict=False)
            return
        other = UNet2DModel.from_pretrained(self.start, dtype=torch.float32, local_files_only=True).to(self.device)
        pictures = torch.from_numpy(self.trainer.datamodule.some("picture", FIRST)).to(self.device)  # type: ignore[attr-defined]
        with torch.no_grad():
            latents = torch.cat([encode(self.vae, unit(some)) for some in pictures.split(8)])
        cells = F.pixel_unshuffle(F.avg_pool2d(unit(pictures), SHRINK), self.patch)
        begin_from(self.unet, other, condition_channels(self.patch), *(x.permute(0, 2, 3, 1).flatten(0, 2) for x in (latents, cells)))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        with torch.no_grad():
            target = encode(self.vae, unit(batch["picture"]))              # (B, L, gh, gw)
        weight = batch["weight"][:, :self.patch**2].mean(1, keepdim=True)  # (B, 1, gh, gw)
        noisy, timesteps = self.noisy(target)
        with torch.no_grad():
            words = self.text_encoder(batch["words"]).last_hidden_state
        together = torch.cat([noisy, batch["condition"]], 1).contiguous(memory_format=torch.channels_last)
        clean = self.unet(together, timesteps, encoder_hidden_states=words).sample.float()
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


def listening_unet(in_channels: int, out_channels: int, channels: tuple[int, ...], layers: int, width: int) -> UNet2DConditionModel:
    """`small_unet` for a grid of latents, hearing words of `width` channels: everywhere beside the time, and by attention in its middle.

    The first begins silent.  Attention in the middle alone was not heard: what is there hardly reaches the output.
    """
    plain = len(channels) - 1
    unet = UNet2DConditionModel(in_channels=in_channels, out_channels=out_channels, block_out_channels=channels, layers_per_block=layers,
                                down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
                                up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain, mid_block_type="UNetMidBlock2DCrossAttn",
                                cross_attention_dim=width, attention_head_dim=32, norm_num_groups=16, addition_embed_type="text",
                                addition_embed_type_num_heads=8)
    torch.nn.init.zeros_(unet.add_embedding.norm2.weight)
    return unet


@torch.no_grad()
def begin_from(unet: UNet2DConditionModel, other: UNet2DModel, condition: int, latents: Float[Tensor, "samples l"],
               patches: Float[Tensor, "samples s"]) -> int:
    """Takes from a UNet on pixel patches whatever fits: residual blocks, times, and how it reads the condition; returns how many tensors.

    What it reads and says in patches is translated by the linear maps that take `latents` and `patches` of the same cells to one
    another with the least squared error.  The attention begins silent.
    """
    source, target, taken = other.state_dict(), unet.state_dict(), 0
    for name, tensor in target.items():
        if name in source and source[name].shape == tensor.shape:
            tensor.copy_(source[name])
            taken += 1
    shown, told = linear(latents, patches), linear(patches, latents)  # (l + 1, s), (s + 1, l): the last rows are offsets
    reads = other.conv_in.weight[:, :patches.shape[1]]
    unet.conv_in.weight.copy_(torch.cat([torch.einsum("oskw,ls->olkw", reads, shown[:-1]), other.conv_in.weight[:, -condition:]], 1))
    unet.conv_in.bias.copy_(other.conv_in.bias)
    unet.conv_out.weight.copy_(torch.einsum("sokw,sl->lokw", other.conv_out.weight, told[:-1]))
    unet.conv_out.bias.copy_(other.conv_out.bias @ told[:-1] + told[-1])
    for attention in unet.mid_block.attentions:
        torch.nn.init.zeros_(attention.proj_out.weight)
        torch.nn.init.zeros_(attention.proj_out.bias)
    return taken


def linear(given: Float[Tensor, "samples a"], wanted: Float[Tensor, "samples b"]) -> Float[Tensor, "a+1 b"]:
    """The map of `given` and 1 to `wanted` with the least squared error."""
    return torch.linalg.lstsq(torch.cat([given, torch.ones_like(given[:, :1])], 1), wanted).solution
