"""The body prior as a diffusers pipeline: observation in, whole bodies out."""
from __future__ import annotations

from copy import copy

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deocc_aug.body.codec import condition_channels, decode_body, encode_observation, joints_from_heatmaps, state_channels
from deocc_aug.patch_pipeline import PatchPipeline
from deocc_aug.patches import SHRINK
from deocc_aug.types import MIRRORED, Body, Image, Joints, Label, Observation


class BodyPipeline(PatchPipeline):
    """Completes silhouette and joints together (Noh & Chang, stage 1, with the joints produced rather than asked for).

    The UNet sees noisy body (amodal mask patches, joint heatmaps), observation and the person's colours side by side and predicts the clean
    body's logits, so one step is the regression answer and more steps sharpen and diversify.  Silhouette and joints are
    those of the first step, averaged; the hypotheses are the samples that the last step ends in.
    """

    @staticmethod
    def channels(patch: int) -> tuple[int, int]:
        return state_channels(patch), condition_channels(patch)

    @torch.inference_mode()
    def __call__(self, observation: Observation, image: Image | None, *, steps: int, hypotheses: int, generator: torch.Generator) -> Body:
        """Completes one observed person; every other hypothesis looks at them in the mirror, where the net errs differently.

        Args:
            observation: labels and known joints on a canvas.
            image: the canvas (h, w, 3) uint8 RGB, of which only the person's pixels are looked at; None to leave them out.
            steps: diffusion steps, at least 1.
            hypotheses: K completions, sampled in one batch.
            generator: CPU generator the noise is drawn from (the same noise on every device).
        """
        patch = int(self.config.patch)
        seen = encode_observation(observation.labels, observation.joints, image, patch)
        turned = encode_observation(observation.labels[:, ::-1], mirrored(observation.joints, observation.labels.shape[1]),
                                    None if image is None else image[:, ::-1], patch)
        sides = np.stack([turned if k % 2 else seen for k in range(hypotheses)])
        condition = torch.from_numpy(sides).to(self.device, self.unet.dtype)                    # (K, C, gh, gw)
        noise = torch.randn((hypotheses, state_channels(patch), *condition.shape[2:]), generator=generator)
        states = self.sample(condition, noise.to(self.device, self.unet.dtype), steps)          # first and last (K, S, gh, gw)
        (masks, maps), (sampled, _) = (_unmirrored(state.float().cpu().numpy(), patch) for state in states)
        return assemble(masks, maps, sampled, observation, patch)

    def sample(self, condition: Float[Tensor, "k c gh gw"], noise: Float[Tensor, "k s gh gw"],
               steps: int) -> tuple[Float[Tensor, "k s gh gw"], Float[Tensor, "k s gh gw"]]:
        """Denoises `noise` in `steps` DDIM steps: the states in [0, 1] that the first step and the last one predict.

        From pure noise the first prediction is the posterior mean; the last is a sample.
        """
        scheduler = copy(self.scheduler)  # it keeps count, and another thread may be completing
        scheduler.set_timesteps(steps, device=self.device)
        noisy, cleans = noise, []
        for timestep in scheduler.timesteps[:steps]:  # at 61 steps, say, trailing ones are one too many
            cleans.append(torch.sigmoid(self.predict(noisy, condition, timestep)))
            noisy = scheduler.step(2 * cleans[-1] - 1, timestep, noisy).prev_sample
        return cleans[0], cleans[-1]


def _unmirrored(states: Float[np.ndarray, "k s gh gw"], patch: int) -> tuple[Float[np.ndarray, "k h w"], Float[np.ndarray, "k 17 gh gw"]]:
    """Masks and joint maps of states of which every other one is seen in the mirror."""
    decoded = [decode_body(state, patch) for state in states]
    masks = np.stack([mask[:, ::-1] if k % 2 else mask for k, (mask, _) in enumerate(decoded)])
    return masks, np.stack([joints[MIRRORED, :, ::-1] if k % 2 else joints for k, (_, joints) in enumerate(decoded)])


def mirrored(joints: Joints, width: int) -> Joints:
    """Joints (17, 3) as a mirror shows them on a canvas of that width, left and right exchanged."""
    turned = np.concatenate([np.where(joints[:, 2:] > 0, width - joints[:, :1], 0), joints[:, 1:]], 1)
    return np.asarray(turned[MIRRORED])


def assemble(masks: Float[np.ndarray, "k h w"], maps: Float[np.ndarray, "k 17 gh gw"], sampled: Float[np.ndarray, "k h w"],
             observation: Observation, patch: int) -> Body:
    """The Body of K posterior means (`masks` and joint `maps`) and K samples: what is seen is certain, what cannot be is 0.

    With a known occluder the silhouette is the best guess of the hidden part; without one, when most of what might be hidden
    is not, it is the best guess of the whole.
    """
    person, clear = observation.labels == Label.PERSON, observation.labels == Label.CLEAR
    masks, sampled = (np.where(person, np.float32(1), np.where(clear, np.float32(0), m)).astype(np.float32) for m in (masks, sampled))
    probability, possible = masks.mean(0), ~(person | clear)
    level, overlap = best_level(probability[possible])
    if (probability[possible] <= LEVELS[0]).all():  # nothing is claimed to be hidden: what is seen is the whole
        _, overlap = best_level(probability[possible], certain=int(person.sum()))
    if (observation.labels == Label.UNKNOWN).any():
        level, _ = best_level(probability[possible], certain=int(person.sum()))
    amodal = np.where(possible, at_level(probability, level), probability).astype(np.float32)
    return Body(amodal, joints_from_heatmaps(maps.mean(0), patch * SHRINK), sampled, 1 - overlap)


LEVELS = np.linspace(0.2, 0.6, 41)


def best_level(probability: Float[np.ndarray, "n"], certain: int = 0) -> tuple[float, float]:
    """The probability above which a pixel should count as body for the highest expected IoU, and that IoU.

    `certain` more pixels are body for sure.

    The best level for an overlap measure lies below 0.5 where the outline is unsure (Lipton et al., Optimal Thresholding of
    Classifiers to Maximize F1 Measure, 2014).  Where next to nothing can be hidden the overlap is 1.
    """
    if probability.sum() + certain < 1:
        return 0.5, 1.0
    rising = np.sort(probability.astype(np.float64))
    above = np.searchsorted(rising, LEVELS, side="right")           # how many are at or below each level
    total = np.concatenate([[0.0], np.cumsum(rising)])
    expected = (certain + total[-1] - total[above]) / (certain + len(rising) - above + total[above])
    best = int(expected.argmax())
    return float(LEVELS[best]), float(expected[best])


def at_level(probability: Float[np.ndarray, "h w"], level: float) -> Float[np.ndarray, "h w"]:
    """The probabilities with their odds scaled so that `level` becomes 0.5."""
    odds = (1 - level) / level
    return np.asarray(odds * probability / (odds * probability + (1 - probability)))
