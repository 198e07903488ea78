"""How stage 2's own UNets paint: some DDIM steps, away from what they would paint without knowing the body."""
from __future__ import annotations

from copy import copy

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from torch import Tensor

from deocc_aug.patch_pipeline import predicted


def sampled(unet: UNet2DModel | UNet2DConditionModel, scheduler: DDIMScheduler, condition: Float[Tensor, "k c gh gw"],
            blind: Float[Tensor, "k c gh gw"] | None, noise: Float[Tensor, "k s gh gw"], steps: int, guidance: float,
            told: Float[Tensor, "n d"] | None = None, silent: Float[Tensor, "n d"] | None = None,
            bound: float = torch.inf) -> Float[Tensor, "k s gh gw"]:
    """Denoises `noise` in `steps` steps to clean states.

    Args:
        blind: the condition without the body, for guidance; None where there is none.
        told, silent: the words, and no words, for a UNet that hears them.
        bound: no value of a clean state is beyond it.
    """
    scheduler = copy(scheduler)  # it keeps count, and another thread may be painting
    scheduler.set_timesteps(steps, device=noise.device)
    noisy, clean = noise, noise
    for timestep in scheduler.timesteps[:steps]:  # at 61 steps, say, trailing ones are one too many
        clean = predicted(unet, noisy, condition, timestep, told)
        if blind is not None:
            without = predicted(unet, noisy, blind, timestep, silent)
            clean = without + guidance * (clean - without)
        clean = clean.clamp(-bound, bound)
        noisy = scheduler.step(clean, timestep, noisy).prev_sample
    return clean
