"""Stage 2 as a diffusers pipeline: a canvas with a hole in, a painted canvas out."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deocc_aug.appearance.codec import condition_channels, decode_picture, encode_canvas, state_channels, without_body
from deocc_aug.patch_pipeline import PatchPipeline
from deocc_aug.types import Body, Canvas, Mask, Observation


class AppearancePipeline(PatchPipeline):
    """Paints what an occluder hides: body inside the amodal mask, background outside it (Noh & Chang, stage 2).

    The state is the picture in patches; the UNet sees it noisy beside the known pixels, the masks and the joints, and
    predicts it clean.  Guidance moves away from what it would paint without knowing the body.  It hears no words.
    """

    read = None

    @staticmethod
    def channels(patch: int) -> tuple[int, int]:
        return state_channels(patch), condition_channels(patch)

    @torch.inference_mode()
    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]:
        """Paints one canvas, as `deocc_aug.appearance.painter.Painter` says; words are not heard."""
        patch = int(self.config.patch)
        encoded = encode_canvas(canvas.image, hole, observation.visible, body, patch)
        condition = torch.from_numpy(encoded)[None].to(self.device, self.unet.dtype).expand(samples, -1, -1, -1)     # (K, C, gh, gw)
        blind = torch.from_numpy(without_body(encoded, patch))[None].to(condition).expand_as(condition) if guidance != 1 else None
        noise = torch.randn((samples, state_channels(patch), *encoded.shape[1:]), generator=generator)
        state = self.sample(condition, blind, noise.to(condition), steps, guidance)                                  # (K, S, gh, gw)
        return np.stack([decode_picture(one, patch) for one in state.float().cpu().numpy()])

    def sample(self, condition: Float[Tensor, "b c gh gw"], blind: Float[Tensor, "b c gh gw"] | None, noise: Float[Tensor, "b s gh gw"],
               steps: int, guidance: float) -> Float[Tensor, "b s gh gw"]:
        """Denoises `noise` in `steps` DDIM steps to states in [-1, 1]."""
        self.scheduler.set_timesteps(steps, device=self.device)
        noisy, clean = noise, noise
        for timestep in self.scheduler.timesteps:
            clean = self.predict(noisy, condition, timestep)
            if blind is not None:
                without = self.predict(noisy, blind, timestep)
                clean = without + guidance * (clean - without)
            clean = clean.clamp(-1, 1)
            noisy = self.scheduler.step(clean, timestep, noisy).prev_sample
        return clean
