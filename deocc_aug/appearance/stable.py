"""Stage 2 from public parts: Stable Diffusion's inpainting with an OpenPose ControlNet, in two passes."""
from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import (
    AsymmetricAutoencoderKL,
    ControlNetModel,
    DPMSolverMultistepScheduler,
    StableDiffusionControlNetInpaintPipeline,
    UNet2DConditionModel,
)
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from deocc_aug.appearance.openpose import openpose_picture
from deocc_aug.appearance.text_pipeline import TextPipeline
from deocc_aug.types import Body, Canvas, Image, Mask, Observation
from deocc_aug.weights.hub import components

NEAR = 3  # canvas pixels: Telea's radius


class StableAppearancePipeline(TextPipeline):
    """Paints what an occluder hides, first the body, told by words and by a drawing of its joints, then the background.

    Stable Diffusion has no input for a silhouette: the first pass's hole *is* the hidden part of the body, its surroundings filled
    with nearby background.  The second pass paints the rest of the hole around that body, without words and without joints.  Both
    decode with the visible pixels and the hole given, as diffusers does only in its pipeline without a ControlNet.

    Args:
        unet, controlnet, text_encoder, tokenizer: Stable Diffusion's, of one family; a UNet with 9 input channels sees the visible pixels.
        vae: mask-conditioned, of the same latents.
        scheduler: any of diffusers' that Stable Diffusion runs with.
        size: pixels of the longer side at which a canvas is painted.

    Raises:
        ValueError: parts that do not fit together.
    """

    unet: UNet2DConditionModel
    controlnet: ControlNetModel
    scheduler: DPMSolverMultistepScheduler
    model_cpu_offload_seq = "text_encoder->unet->vae"

    def __init__(self, unet: UNet2DConditionModel, controlnet: ControlNetModel, vae: Any,
                 scheduler: DPMSolverMultistepScheduler, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, size: int = 512) -> None:
        super().__init__()
        words = {unet.config.cross_attention_dim, controlnet.config.cross_attention_dim, text_encoder.config.hidden_size}
        if len(words) > 1:
            raise ValueError(f"UNet, ControlNet and text encoder speak of words in {sorted(words)} channels: pass three of one family")
        if not isinstance(vae, AsymmetricAutoencoderKL):
            raise ValueError(f"the autoencoder is a {type(vae).__name__}: pass an AsymmetricAutoencoderKL, "
                             "whose decoder keeps visible pixels")
        self.cell = 2 ** (len(vae.config.down_block_out_channels) - 1)
        if size % self.cell:
            raise ValueError(f"size is {size}, but one latent is {self.cell} pixels a side: pass a multiple of that")
        self.register_modules(unet=unet, controlnet=controlnet, vae=vae, scheduler=scheduler, text_encoder=text_encoder,
                              tokenizer=tokenizer)
        self.register_to_config(size=size)

    @classmethod
    def from_pretrained(cls, folder: str | Path, **options: Any) -> Any:
        """Loads a folder that `save_pretrained` wrote, or one whose `hub.json` says where its components were fetched from."""
        return super().from_pretrained(folder, **components(Path(folder), options.get("dtype")), **options)

    @torch.inference_mode()
    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]:
        """Paints one canvas, as `deocc_aug.appearance.painter.Painter` says; where it was known, it is the canvas itself.

        `steps` are those of each pass; `guidance`, towards the words, is that of the first, and 1 or less is off.
        """
        size = self.painting_size(canvas.size)
        inside = hole & (body.amodal > 0.5)
        silent = self.read("")[0]
        told = silent if words is None else words
        stretch = np.array([size[1] / canvas.size[1], size[0] / canvas.size[0], 1.0])
        drawing = to_tensor(openpose_picture((body.joints * stretch).astype(np.float32), size))                     # (1, 3, H, W)
        around = without_hole(canvas.image, hole, observation.visible).astype(np.float32)
        pictures = []
        for seeds in torch.randint(2**62, (samples, 2), generator=generator).tolist():
            picture = self._pass(around, inside, size, drawing, 1.0, told, silent, steps, guidance, seeds[0])       # (h, w, 3)
            pictures.append(self._pass(picture, hole & ~inside, size, drawing, 0.0, silent, silent, steps, 1.0, seeds[1]))
        self.maybe_free_model_hooks()
        return np.stack(pictures)

    def painting_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) at which a canvas of `size` is painted."""
        height, width = (round(side * self.config.size / max(size) / self.cell) * self.cell for side in size)
        return height, width

    def _pass(self, picture: Float[np.ndarray, "h w 3"], hole: Mask, size: tuple[int, int], drawing: Float[Tensor, "1 3 H W"],
              follow: float, told: Float[np.ndarray, "n d"], silent: Float[np.ndarray, "n d"], steps: int, guidance: float,
              seed: int) -> Float[np.ndarray, "h w 3"]:
        """`picture` with `hole` painted, following the drawing of the joints or not (1 or 0)."""
        if not hole.any():
            return picture
        at = {"device": self._execution_device, "dtype": self.unet.dtype}
        generator = torch.Generator().manual_seed(seed)
        large = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 255)
        mask = cv2.resize(hole.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
        image, hidden = to_tensor(large), torch.from_numpy(mask.astype(np.float32))[None, None]                 # (1, 3 | 1, H, W)
        noise = torch.randn((1, self.vae.config.latent_channels, *(side // self.cell for side in size)), generator=generator)
        latents = self._stable_diffusion()(
            prompt_embeds=torch.from_numpy(told)[None].to(**at), negative_prompt_embeds=torch.from_numpy(silent)[None].to(**at),
            image=image, mask_image=self.whole_cells(hidden), control_image=drawing, controlnet_conditioning_scale=follow,
            height=size[0], width=size[1], num_inference_steps=steps, guidance_scale=guidance, generator=generator,
            latents=noise.to(**at), output_type="latent").images                                                # (1, C, H / 8, W / 8)
        decoded = self.vae.decode(latents / self.vae.config.scaling_factor, image=(2 * image - 1).to(**at),
                                  mask=hidden.to(**at)).sample                                                  # (1, 3, H, W)
        painted = ((decoded[0].float().clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).cpu().numpy()
        small = cv2.resize(painted, hole.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.where(hole[..., None], small, picture)

    def whole_cells(self, hidden: Float[Tensor, "1 1 H W"]) -> Float[Tensor, "1 1 H W"]:
        """The hole grown to whole latents: one that holds a hidden pixel is hidden, however thin the hole."""
        return F.interpolate(F.max_pool2d(hidden, self.cell), scale_factor=self.cell)

    def _stable_diffusion(self) -> Any:
        """diffusers' pipeline of these parts, with a scheduler of its own: it keeps count."""
        pipeline = StableDiffusionControlNetInpaintPipeline(
            vae=self.vae, text_encoder=self.text_encoder, tokenizer=self.tokenizer, unet=self.unet, controlnet=self.controlnet,
            scheduler=copy(self.scheduler), safety_checker=None, feature_extractor=None, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def without_hole(image: Image, hole: Mask, person: Mask) -> Image:
    """The picture with the hole filled from what is near it (Telea), the person's own pixels left out: none of the hole's is looked at."""
    unseen = hole | person
    known = np.where(unseen[..., None], np.uint8(0), image)
    return np.where(hole[..., None], cv2.inpaint(known, unseen.view(np.uint8), NEAR, cv2.INPAINT_TELEA), image)


def to_tensor(picture: Image | Float[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """0..255 (h, w, 3) -> [0, 1], as diffusers' pipelines take pictures."""
    return torch.from_numpy(np.ascontiguousarray(picture.astype(np.float32).transpose(2, 0, 1)))[None] / 255
