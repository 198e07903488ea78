"""An autoencoder that begins as the best linear one: principal components of patches, before its first step of training.

Convolutions between group normalisations take thousands of steps to pass plain colours on.  Here every residual block begins silent,
and the last normalisation and SiLU of each half as nothing: a component comes as itself and as its opposite, so that a group's mean is zero
and silu(x) - silu(-x) = x; two opposite constants in each group make out most of the deviation that it is divided by.
"""
from __future__ import annotations

import math

import torch
from diffusers import AsymmetricAutoencoderKL
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from jaxtyping import Float
from torch import Tensor, nn

CONSTANT = 6.0  # of each group, plus and minus; components have unit variance
FINE = 0.5      # how strong components are that are not in the latents
QUIET = -7.0    # log variance that latents begin with


class Slots:
    """Which of `channels` in `groups` hold components, the coarsest first, their opposites and the constants."""

    def __init__(self, channels: int, groups: int) -> None:
        each = channels // groups
        starts = [range(group * each, (group + 1) * each) for group in range(groups)]
        self.itself = [own[2 * place] for place in range((each - 2) // 2) for own in starts]
        self.opposite = [slot + 1 for slot in self.itself]
        self.constants = [own[-2] for own in starts], [own[-1] for own in starts]
        self.deviation = math.sqrt((2 * CONSTANT**2 + 2) / each)

    def write(self, into: nn.Conv2d, weights: Float[Tensor, "components inputs"], offsets: Float[Tensor, "components"]) -> None:
        """Makes `into` give the components that `weights` make of its inputs, and the constants."""
        assert into.bias is not None
        for slots, sign in ((self.itself, 1), (self.opposite, -1)):
            at = slots[:len(weights)]
            into.weight[at] = 0
            into.weight[at, :, 1, 1] = sign * weights
            into.bias[at] = sign * offsets
        for slots, sign in zip(self.constants, (1, -1), strict=True):
            into.weight[slots] = 0
            into.bias[slots] = sign * CONSTANT

    def read(self, norm: nn.GroupNorm, out: nn.Conv2d, weights: Float[Tensor, "outputs components"]) -> None:
        """Makes `out`, behind `norm` and SiLU, the linear map `weights` of the components."""
        nn.init.zeros_(out.weight)
        for slots, sign in ((self.itself, 1), (self.opposite, -1)):
            at = slots[:weights.shape[1]]
            norm.weight[at] = self.deviation
            out.weight[:, at, 1, 1] = sign * weights


@torch.no_grad()
def begin_linear(vae: AsymmetricAutoencoderKL, cells: Float[Tensor, "samples planes"]) -> None:
    """Sets an untrained autoencoder of one level so that it codes patches by their principal components.

    Latents keep the components' own proportions, at unit variance on the whole.  The decoder's view of visible pixels knows more
    components than the latents have.

    Args:
        cells: patches as the autoencoder sees them, in [-1, 1].

    Raises:
        ValueError: several levels, or too few channels a group.
    """
    config = vae.config
    channels, latents, groups = config.down_block_out_channels[0], config.latent_channels, config.norm_num_groups
    if len(config.down_block_out_channels) > 1:
        raise ValueError(f"channels is {list(config.down_block_out_channels)}: only an autoencoder of one level can begin linear")
    slots = Slots(channels, groups)
    if len(slots.itself) < latents:
        raise ValueError(f"{channels} channels in {groups} groups hold {len(slots.itself)} components beside the constants, fewer than "
                         f"the {latents} latents: pass more channels")
    count = min(len(slots.itself), cells.shape[1])
    middle = cells.mean(0)
    _, spread, axes = torch.linalg.svd(cells - middle, full_matrices=False)
    axes, spread = axes[:count], spread[:count].clamp(min=1e-4) / math.sqrt(len(cells))  # (K, planes), (K,)
    project, offset = axes / spread[:, None], -(axes @ middle) / spread
    strength = torch.full_like(spread, FINE)
    strength[:latents] = 1
    gain = spread[:latents] / spread[:latents].square().mean().sqrt()                     # of the latents
    silence(vae)

    encoder, decoder = vae.encoder, vae.decoder
    slots.write(encoder.conv_in, project, offset)
    slots.read(encoder.conv_norm_out, encoder.conv_out, torch.cat([torch.diag(gain), torch.zeros_like(torch.diag(gain))]))
    nn.init.zeros_(encoder.conv_out.bias)
    encoder.conv_out.bias[latents:] = QUIET

    nn.init.zeros_(decoder.conv_in.bias)
    slots.write(decoder.conv_in, torch.diag(1 / gain), torch.zeros_like(gain))
    fine = [*slots.itself[latents:], *slots.opposite[latents:]]
    decoder.conv_in.weight[fine] = 0
    slots.read(decoder.conv_norm_out, decoder.conv_out, axes.T * spread / strength)
    decoder.conv_out.bias.copy_(middle)

    seen, told = decoder.condition_encoder.layers[:2]
    shown = min(count, channels // 2)  # each as itself and as its opposite, for the ReLU between
    nn.init.zeros_(told.weight)
    nn.init.zeros_(told.bias)
    seen.weight[:2 * shown] = 0
    seen.weight[:2 * shown, :, 1, 1] = torch.cat([project[:shown], -project[:shown]])
    seen.bias[:2 * shown] = torch.cat([offset[:shown], -offset[:shown]])
    both = torch.zeros(shown, channels).to(spread)
    both[:, :shown], both[:, shown:2 * shown] = torch.diag(strength[:shown]), -torch.diag(strength[:shown])
    slots.write(told, both, torch.zeros_like(strength[:shown]))


def silence(vae: AsymmetricAutoencoderKL) -> None:
    """Residual blocks that begin as nothing, and identical 1x1 convolutions."""
    for module in vae.modules():
        last = module.conv2 if isinstance(module, ResnetBlock2D) else module.to_out[0] if isinstance(module, Attention) else None
        if last is not None:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    for conv in (vae.quant_conv, vae.post_quant_conv):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
