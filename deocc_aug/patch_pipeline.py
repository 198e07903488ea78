"""What the two stages' diffusion pipelines share."""
from __future__ import annotations

import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from torch import Tensor


class PatchPipeline(DiffusionPipeline):
    """A UNet on the grid that sees a noisy state beside a condition and predicts the state clean, and its scheduler.

    Args:
        unet: in_channels = state + condition channels, out_channels = state channels, as the subclass counts them.
        scheduler: DDIM with `prediction_type="sample"`.
        patch: pixels a side of the patches.

    Raises:
        ValueError: the UNet has other channels.
    """

    unet: UNet2DModel | UNet2DConditionModel
    scheduler: DDIMScheduler

    def __init__(self, unet: UNet2DModel | UNet2DConditionModel, scheduler: DDIMScheduler, patch: int = 4) -> None:
        super().__init__()
        self.check_channels(unet, patch)
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(patch=patch)

    @classmethod
    def check_channels(cls, unet: UNet2DModel | UNet2DConditionModel, patch: int) -> None:
        """
        Raises:
            ValueError: the UNet has not the channels of this pipeline's state and condition.
        """
        state, condition = cls.channels(patch)
        if (unet.config.in_channels, unet.config.out_channels) != (state + condition, state):
            raise ValueError(f"the {type(unet).__name__} of {cls.__name__} has {unet.config.in_channels} in and {unet.config.out_channels} "
                             f"out channels: with patch={patch} it needs {state + condition} and {state}")

    @staticmethod
    def channels(patch: int) -> tuple[int, int]:
        """Channels of the state and of the condition."""
        raise NotImplementedError

    def predict(self, noisy: Float[Tensor, "b s gh gw"], condition: Float[Tensor, "b c gh gw"],
                timestep: Tensor) -> Float[Tensor, "b s gh gw"]:
        """The UNet's output for a noisy state."""
        return predicted(self.unet, noisy, condition, timestep)


def predicted(unet: UNet2DModel | UNet2DConditionModel, noisy: Float[Tensor, "b s gh gw"], condition: Float[Tensor, "b c gh gw"],
              timestep: Tensor, words: Float[Tensor, "... n d"] | None = None) -> Float[Tensor, "b s gh gw"]:
    """A UNet's output for a noisy state; `words` for one that hears them: (n, d) the same for all, (B, n, d) each one's own."""
    together = torch.cat([noisy, condition], 1).contiguous(memory_format=torch.channels_last)
    if words is None:
        return unet(together, timestep).sample
    return unet(together, timestep, encoder_hidden_states=words.expand(len(noisy), -1, -1)).sample
