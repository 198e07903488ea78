"""The body prior as a diffusers pipeline: observation in, whole bodies out."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deocc_aug.body.codec import condition_channels, decode_body, encode_observation, joints_from_heatmaps, state_channels
from deocc_aug.patch_pipeline import PatchPipeline
from deocc_aug.patches import SHRINK
from deocc_aug.types import Body, Label, Observation


class BodyPipeline(PatchPipeline):
    """Completes silhouette and joints together (Noh & Chang, stage 1, with the joints produced rather than asked for).

    The UNet sees noisy body (amodal mask patches, joint heatmaps) and observation side by side and predicts the clean
    body's logits, so one step is the regression answer and more steps sharpen and diversify.
    """

    @staticmethod
    def channels(patch: int) -> tuple[int, int]:
        return state_channels(patch), condition_channels(patch)

    @torch.inference_mode()
    def __call__(self, observation: Observation, *, steps: int, hypotheses: int, generator: torch.Generator) -> Body:
        """Completes one observed person.

        Args:
            observation: labels and known joints on a canvas.
            steps: diffusion steps, at least 1.
            hypotheses: K completions, sampled in one batch.
            generator: CPU generator the noise is drawn from (the same noise on every device).
        """
        patch = int(self.config.patch)
        condition = torch.from_numpy(encode_observation(observation.labels, observation.joints, patch))
        condition = condition.to(self.device, self.unet.dtype).expand(hypotheses, -1, -1, -1)   # (K, C, gh, gw)
        noise = torch.randn((hypotheses, state_channels(patch), *condition.shape[2:]), generator=generator)
        states = self.sample(condition, noise.to(self.device, self.unet.dtype), steps)          # (K, S, gh, gw) in [0, 1]
        decoded = [decode_body(state, patch) for state in states.float().cpu().numpy()]
        return assemble(np.stack([d[0] for d in decoded]), np.stack([d[1] for d in decoded]), observation, patch)

    def sample(self, condition: Float[Tensor, "k c gh gw"], noise: Float[Tensor, "k s gh gw"], steps: int) -> Float[Tensor, "k s gh gw"]:
        """Denoises `noise` in `steps` DDIM steps to states in [0, 1]."""
        self.scheduler.set_timesteps(steps, device=self.device)
        noisy, clean = noise, noise
        for timestep in self.scheduler.timesteps:
            clean = torch.sigmoid(self.predict(noisy, condition, timestep))
            noisy = self.scheduler.step(2 * clean - 1, timestep, noisy).prev_sample
        return clean


def assemble(masks: Float[np.ndarray, "k h w"], maps: Float[np.ndarray, "k 17 gh gw"], observation: Observation, patch: int) -> Body:
    """The Body of K completions: what is seen is certain, what cannot be is 0, the rest is their mean."""
    person, clear = observation.labels == Label.PERSON, observation.labels == Label.CLEAR
    masks = np.where(person, np.float32(1), np.where(clear, np.float32(0), masks)).astype(np.float32)
    amodal = masks.mean(0)
    return Body(amodal, joints_from_heatmaps(maps.mean(0), patch * SHRINK), masks, expected_error(amodal, ~(person | clear)))


def expected_error(amodal: Float[np.ndarray, "h w"], possible: np.ndarray) -> float:
    """1 - the IoU that the probabilities themselves promise for `amodal > 0.5` inside `possible`; 0 where nothing can be hidden."""
    probability = amodal[possible].astype(np.float64)
    chosen = probability > 0.5
    union = chosen.sum() + probability[~chosen].sum()
    return float(1 - probability[chosen].sum() / union) if union > 1 else 0.0
