"""Stage 2 as a diffusers pipeline: a canvas with a hole in, a painted canvas out."""
from __future__ import annotations

from functools import partial

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from transformers import CLIPTextModel, CLIPTokenizer

from deocc_aug.appearance.codec import condition_channels, decode_picture, encode_canvas, state_channels, without_body
from deocc_aug.appearance.sampling import sampled
from deocc_aug.appearance.text_pipeline import fits, read_prompt
from deocc_aug.describe.describer import Reader
from deocc_aug.patch_pipeline import PatchPipeline
from deocc_aug.types import Body, Canvas, Mask, Observation


class AppearancePipeline(PatchPipeline):
    """Paints what an occluder hides: body inside the amodal mask, background outside it (Noh & Chang, stage 2).

    The state is the picture in patches; the UNet sees it noisy beside the known pixels, the masks and the joints, hears words where it has
    a text encoder, and predicts the state clean.  Guidance moves away from what it would paint without knowing the body and without words.

    Args:
        unet: in_channels = state + condition, out_channels = state; a `UNet2DConditionModel` hears words, a `UNet2DModel` does not.
        scheduler: DDIM with `prediction_type="sample"`.
        patch: pixels a side of the patches, in the halved canvas.
        text_encoder, tokenizer: CLIP's; both or none.

    Raises:
        ValueError: parts that do not fit together.
    """

    _optional_components = ["text_encoder", "tokenizer"]  # noqa: RUF012  diffusers' own name

    unet: UNet2DModel | UNet2DConditionModel
    text_encoder: CLIPTextModel | None
    tokenizer: CLIPTokenizer | None

    def __init__(self, unet: UNet2DModel | UNet2DConditionModel, scheduler: DDIMScheduler, patch: int = 4,
                 text_encoder: CLIPTextModel | None = None, tokenizer: CLIPTokenizer | None = None) -> None:
        super().__init__(unet, scheduler, patch)
        hears = isinstance(unet, UNet2DConditionModel)
        if (text_encoder is not None, tokenizer is not None) != (hears, hears):
            raise ValueError(f"a {type(unet).__name__} {'needs a' if hears else 'has no use for a'} text encoder and tokenizer: pass "
                             f"{'both' if hears else 'neither'}, or another UNet")
        if isinstance(unet, UNet2DConditionModel) and text_encoder is not None:
            fits(unet, text_encoder)
        self.register_modules(text_encoder=text_encoder, tokenizer=tokenizer)

    @staticmethod
    def channels(patch: int) -> tuple[int, int]:
        return state_channels(patch), condition_channels(patch)

    @property
    def read(self) -> Reader | None:
        """Encodes prompts; None where no words are heard."""
        if self.text_encoder is None or self.tokenizer is None:
            return None
        return partial(read_prompt, self.text_encoder, self.tokenizer)

    @torch.inference_mode()
    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]:
        """Paints one canvas, as `deocc_aug.appearance.painter.Painter` says."""
        patch, read = int(self.config.patch), self.read
        encoded = encode_canvas(canvas.image, hole, observation.visible, body, patch)
        condition = torch.from_numpy(encoded)[None].to(self.device, self.unet.dtype).expand(samples, -1, -1, -1)     # (K, C, gh, gw)
        blind = torch.from_numpy(without_body(encoded, patch))[None].to(condition).expand_as(condition) if guidance != 1 else None
        silent = None if read is None else torch.from_numpy(read("")[0]).to(condition)                               # (tokens, channels)
        told = silent if silent is None or words is None else torch.from_numpy(words).to(condition)
        noise = torch.randn((samples, state_channels(patch), *encoded.shape[1:]), generator=generator)
        state = sampled(self.unet, self.scheduler, condition, blind, noise.to(condition), steps, guidance, told, silent,
                        bound=1)                                                                                     # (K, S, gh, gw)
        return np.stack([decode_picture(one, patch) for one in state.float().cpu().numpy()])
