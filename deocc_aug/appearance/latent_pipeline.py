"""Stage 2 in latents as a diffusers pipeline: a canvas with a hole in and words, a painted canvas out."""
from __future__ import annotations

import numpy as np
import torch
from diffusers import AsymmetricAutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from transformers import CLIPTextModel, CLIPTokenizer

from deocc_aug.appearance.autoencoder import decode, shrinkage
from deocc_aug.appearance.codec import condition_channels, encode_canvas, to_unit, without_body
from deocc_aug.appearance.sampling import sampled
from deocc_aug.appearance.text_pipeline import TextPipeline, fits
from deocc_aug.patches import SHRINK
from deocc_aug.types import Body, Canvas, Mask, Observation


class LatentAppearancePipeline(TextPipeline):
    """Paints what an occluder hides: body inside the amodal mask, background outside it (Noh & Chang, stage 2).

    The state is the picture's latents; the UNet sees them noisy beside the known pixels, the masks and the joints in patches on
    the latents' grid, hears the words through cross-attention and predicts the latents clean.  The decoder, told the visible pixels,
    keeps them.  Guidance moves away from what it would paint without knowing the body and without words.

    Args:
        unet: in_channels = latents + condition, out_channels = latents.
        vae: mask-conditioned autoencoder whose latents lie on the grid of `patch`.
        scheduler: DDIM with `prediction_type="sample"`.
        text_encoder, tokenizer: CLIP's.
        patch: pixels a side of the condition's patches, in the halved canvas.

    Raises:
        ValueError: parts that do not fit together.
    """

    unet: UNet2DConditionModel
    scheduler: DDIMScheduler

    def __init__(self, unet: UNet2DConditionModel, vae: AsymmetricAutoencoderKL, scheduler: DDIMScheduler, text_encoder: CLIPTextModel,
                 tokenizer: CLIPTokenizer, patch: int = 4) -> None:
        super().__init__()
        latents = int(vae.config.latent_channels)
        wanted = latents + condition_channels(patch), latents
        if (unet.config.in_channels, unet.config.out_channels) != wanted:
            raise ValueError(f"the UNet has {unet.config.in_channels} in and {unet.config.out_channels} out channels: with patch={patch} "
                             f"and {latents} latent channels it needs {wanted[0]} and {wanted[1]}")
        if shrinkage(vae) != patch * SHRINK:
            raise ValueError(f"the autoencoder makes one latent of {shrinkage(vae)} pixels a side, the condition one patch of "
                             f"{patch * SHRINK}: pass patch={shrinkage(vae) // SHRINK} or another autoencoder")
        fits(unet, text_encoder)
        self.register_modules(unet=unet, vae=vae, scheduler=scheduler, text_encoder=text_encoder, tokenizer=tokenizer)
        self.register_to_config(patch=patch)

    @torch.inference_mode()
    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]:
        """Paints one canvas, as `deocc_aug.appearance.painter.Painter` says; where it was known, as the decoder gives it."""
        patch, dtype = int(self.config.patch), self.unet.dtype
        encoded = encode_canvas(canvas.image, hole, observation.visible, body, patch)
        condition = torch.from_numpy(encoded)[None].to(self.device, dtype).expand(samples, -1, -1, -1)          # (K, C, gh, gw)
        blind = torch.from_numpy(without_body(encoded, patch))[None].to(condition).expand_as(condition) if guidance != 1 else None
        silent = torch.from_numpy(self.read("")[0]).to(condition)
        told = silent if words is None else torch.from_numpy(words).to(condition)                               # (tokens, channels)
        noise = torch.randn((samples, int(self.vae.config.latent_channels), *encoded.shape[1:]), generator=generator)
        latents = sampled(self.unet, self.scheduler, condition, blind, noise.to(condition), steps, guidance, told, silent)  # (K, L, gh, gw)
        known = torch.from_numpy((~hole).astype(np.float32))[None, None].to(condition).expand(samples, -1, -1, -1)
        seen = torch.from_numpy(to_unit(canvas.image))[None].to(condition).expand(samples, -1, -1, -1)
        pictures = decode(self.vae, latents, seen, known).float().clamp(-1, 1)                                  # (K, 3, h, w)
        return ((pictures + 1) * 127.5).permute(0, 2, 3, 1).cpu().numpy()
