"""Stage 2 as a diffusers pipeline: a canvas with a hole in, a painted canvas out."""
from __future__ import annotations

from functools import partial

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNet2DModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from deocc_aug.appearance.codec import condition_channels, decode_picture, encode_canvas, state_channels, without_body
from deocc_aug.appearance.sampling import sampled
from deocc_aug.appearance.text_pipeline import fits, read_prompt
from deocc_aug.describe.describer import Reader
from deocc_aug.patch_pipeline import PatchPipeline, predicted
from deocc_aug.types import Body, Canvas, Mask, Observation


class AppearancePipeline(PatchPipeline):
    """Paints what an occluder hides: body inside the amodal mask, background outside it (Noh & Chang, stage 2).

    The state is the picture in patches; the UNet sees it noisy beside the known pixels, the masks and the joints, and predicts it clean.
    Guidance moves away from what it would paint without knowing the body, and without words.  Words are heard by a second, smaller UNet,
    which sees what the first has painted and says what they change: told nothing, the first one's picture stays as it is, bit by bit.

    Args:
        unet: in_channels = state + condition, out_channels = state.
        scheduler: DDIM with `prediction_type="sample"`.
        patch: pixels a side of the patches, in the halved canvas.
        listener: the UNet that hears words, with the same channels; its timestep is always 0.
        text_encoder, tokenizer: CLIP's; with a listener, or none of the three.

    Raises:
        ValueError: parts that do not fit together.
    """

    _optional_components = ["listener", "text_encoder", "tokenizer"]  # noqa: RUF012  diffusers' own name

    unet: UNet2DModel
    listener: UNet2DConditionModel | None
    text_encoder: CLIPTextModel | None
    tokenizer: CLIPTokenizer | None

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler, patch: int = 4, listener: UNet2DConditionModel | None = None,
                 text_encoder: CLIPTextModel | None = None, tokenizer: CLIPTokenizer | None = None) -> None:
        super().__init__(unet, scheduler, patch)
        hearing = {"listener": listener, "text_encoder": text_encoder, "tokenizer": tokenizer}
        missing = [name for name, part in hearing.items() if part is None]
        if 0 < len(missing) < len(hearing):
            raise ValueError(f"to hear words takes {', '.join(hearing)}, and {' and '.join(missing)} is None: pass all three or none")
        if listener is not None and text_encoder is not None:
            self.check_channels(listener, patch)
            fits(listener, text_encoder)
        self.register_modules(**hearing)

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
        patch = int(self.config.patch)
        encoded = encode_canvas(canvas.image, hole, observation.visible, body, patch)
        condition = torch.from_numpy(encoded)[None].to(self.device, self.unet.dtype).expand(samples, -1, -1, -1)     # (K, C, gh, gw)
        blind = torch.from_numpy(without_body(encoded, patch))[None].to(condition).expand_as(condition) if guidance != 1 else None
        noise = torch.randn((samples, state_channels(patch), *encoded.shape[1:]), generator=generator)
        state = sampled(self.unet, self.scheduler, condition, blind, noise.to(condition), steps, guidance, bound=1)  # (K, S, gh, gw)
        if words is not None and self.listener is not None and self.read is not None:
            silent = torch.from_numpy(self.read("")[0]).to(condition) if guidance != 1 else None                     # (tokens, channels)
            state = heard(self.listener, state, condition, torch.from_numpy(words).to(condition), silent, guidance)
        return np.stack([decode_picture(one, patch) for one in state.float().cpu().numpy()])


def heard(listener: UNet2DConditionModel, state: Float[Tensor, "k s gh gw"], condition: Float[Tensor, "k c gh gw"],
          words: Float[Tensor, "... n d"], silent: Float[Tensor, "n d"] | None = None, guidance: float = 1.0) -> Float[Tensor, "k s gh gw"]:
    """A painted state with what words change in it.

    Args:
        words: (n, d) the same for all, or (K, n, d) each one's own.
        silent: no words, from which guidance moves away; None where guidance is off.
    """
    def said(heard_words: Tensor) -> Tensor:
        return predicted(listener, state, condition, torch.zeros((), device=state.device), heard_words)

    change = said(words)
    if silent is not None:
        change = torch.lerp(said(silent), change, guidance)
    return (state + change).clamp(-1, 1)
