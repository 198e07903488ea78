"""Pictures as latents and back: diffusers' mask-conditioned autoencoder, run on patches of a few pixels.

A plane of a canvas is cut into patches (8x8 with the compact preset) before the first convolution, where most of the time would
go; the nets see 192 channels at 32x24 instead of 3 at 256x192, and the latents lie on the same grid, that of both stages.
"""
from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AsymmetricAutoencoderKL
from jaxtyping import Float
from torch import Tensor


def autoencoder(channels: tuple[int, ...], latent_channels: int, patch: int) -> AsymmetricAutoencoderKL:
    """An untrained autoencoder: one residual block a level down, two up, latents `patch * 2 ** (len(channels) - 1)` times smaller.

    Raises:
        ValueError: channels that the conditioning of the decoder on visible pixels cannot meet.
    """
    doubled = [min(channels[0] * 2**level, channels[-1]) for level in range(len(channels))]
    if list(channels) != doubled or len(channels) > 4:
        raise ValueError(f"channels is {list(channels)}: the mask-conditioned decoder of diffusers wants at most four levels that "
                         f"double up to the last one, such as {doubled[:4]}")
    levels, planes = len(channels), 3 * patch**2
    return AsymmetricAutoencoderKL(in_channels=planes, out_channels=planes, down_block_types=("DownEncoderBlock2D",) * levels,
                                   down_block_out_channels=channels, layers_per_down_block=1,
                                   up_block_types=("UpDecoderBlock2D",) * levels, up_block_out_channels=channels, layers_per_up_block=1,
                                   latent_channels=latent_channels, norm_num_groups=16, scaling_factor=1.0)


def save(vae: AsymmetricAutoencoderKL, folder: Path) -> None:
    """Writes the autoencoder without what diffusers itself adds to its configuration and then warns of at every loading."""
    vae.save_pretrained(folder)
    path = folder / vae.config_name
    settings = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("block_out_channels", "force_upcast")}
    path.write_text(json.dumps(settings, indent=2) + "\n")


def patch_of(vae: AsymmetricAutoencoderKL) -> int:
    """Pixels a side of the patches that the autoencoder runs on."""
    return math.isqrt(vae.config.in_channels // 3)


def shrinkage(vae: AsymmetricAutoencoderKL) -> int:
    """Pixels a side to one latent."""
    return patch_of(vae) * 2 ** (len(vae.config.down_block_out_channels) - 1)


def moments(vae: AsymmetricAutoencoderKL, pictures: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor]:
    """Mean and log variance (b, latent channels, h / shrinkage, w / shrinkage) of what a picture in [-1, 1] may be encoded as."""
    cells = F.pixel_unshuffle(pictures, patch_of(vae)).contiguous(memory_format=torch.channels_last)
    said = vae.encode(cells).latent_dist
    return said.mean.float(), said.logvar.float()


def encode(vae: AsymmetricAutoencoderKL, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c gh gw"]:
    """Pictures in [-1, 1] as latents of about unit variance."""
    return moments(vae, pictures)[0] * vae.config.scaling_factor


def decode(vae: AsymmetricAutoencoderKL, latents: Float[Tensor, "b c gh gw"], pictures: Float[Tensor, "b 3 h w"] | None = None,
           known: Float[Tensor, "b 1 h w"] | None = None) -> Float[Tensor, "b 3 h w"]:
    """Latents as pictures in about [-1, 1].

    Args:
        pictures: with visible pixels that the decoder is to keep; None decodes plainly.
        known: 1 where they are visible.  A patch with a pixel that is not counts as hidden to the decoder's own mask.
    """
    patch = patch_of(vae)
    latents = (latents / vae.config.scaling_factor).contiguous(memory_format=torch.channels_last)
    if pictures is None or known is None:
        return F.pixel_shuffle(vae.decode(latents).sample, patch)
    cells = F.pixel_unshuffle(pictures * known, patch).contiguous(memory_format=torch.channels_last)
    hidden = F.max_pool2d(1 - known, patch)
    return F.pixel_shuffle(vae.decode(latents, image=cells, mask=hidden).sample, patch)
