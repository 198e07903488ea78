"""Nets that hear words: a UNet whose cells attend to a prompt beside its output, and how it and its text encoder begin."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import Transformer2DModel, UNet2DConditionModel, UNet2DModel
from torch import Tensor
from transformers import CLIPTextModel

from deocc_aug.appearance.text import small_text_encoder
from deocc_aug.describe.closed import prompt_tokenizer
from deocc_aug.training.diffusion import DiffusionModule, adamw
from deocc_aug.training.reading import teach


class ListeningModule(DiffusionModule):
    """A UNet that predicts a clean state from a noisy one, a condition and words, with the text encoder that reads them to it.

    Args:
        unet: `listening_unet`.
        start: folder of a UNet to begin from; if that hears words, the text encoder beside it is taken along.
        width, text_layers: of the text encoder.
        words_rate: of what hears words, times `learning_rate`: what it can win is small beside the rest.
        lessons: steps in which a new text encoder learns, before the first step, to tell what prompts say (`deocc_aug.training.reading`);
            then it stays as it is, or it would fall silent before the UNet hears it.
    """

    unet: UNet2DConditionModel

    def __init__(self, unet: UNet2DConditionModel, learning_rate: float, warm_up: int, final: float, pure_noise: float, start: str | None,
                 width: int, text_layers: int, words_rate: float, lessons: int) -> None:
        super().__init__(unet, learning_rate, warm_up, final, pure_noise)
        self.start, self.words_rate, self.lessons = start, words_rate, lessons
        self.tokenizer = prompt_tokenizer()
        self.text_encoder = small_text_encoder(self.tokenizer, width, text_layers).requires_grad_(False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        words = [parameter for attention in listeners(self.unet) for parameter in attention.parameters()]
        known = {id(parameter) for parameter in words}
        others = [parameter for parameter in self.parameters() if parameter.requires_grad and id(parameter) not in known]
        return adamw([{"params": others}, {"params": words, "times": self.words_rate}], self.learning_rate)

    def on_fit_start(self) -> None:
        if not getattr(self.trainer.datamodule, "words", True):  # type: ignore[attr-defined]
            raise ValueError("data.words is false, so there would be nothing to hear: pass --data.words true")
        if self.trainer.ckpt_path is None:
            learn_to_read(self.text_encoder, self.tokenizer, self.reader(), self.lessons)
            self.begin()

    def reader(self) -> Path | None:
        """The folder of the text encoder that `start` hears, if it hears one."""
        beside = None if self.start is None else Path(self.start).parent / "text_encoder"
        return beside if beside is not None and hears(Path(str(self.start))) and beside.is_dir() else None

    def begin(self) -> None:
        """Takes over what `start` holds, before the first step of a new run."""
        raise NotImplementedError

    def hear(self, noisy: Tensor, condition: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """The clean state that the UNet predicts, told a prompt's `tokens` (B, n)."""
        with torch.no_grad():
            words = self.text_encoder(tokens).last_hidden_state
        together = torch.cat([noisy, condition], 1).contiguous(memory_format=torch.channels_last)
        return self.unet(together, timesteps, encoder_hidden_states=words).sample.float()


def listening_unet(in_channels: int, out_channels: int, channels: tuple[int, ...], layers: int, width: int) -> UNet2DConditionModel:
    """`small_unet` that hears words of `width` channels: each cell attends to them in the last blocks, beside the
    output, and begins silent.

    Attention in the middle of so small a net was not heard: what is there hardly reaches the output.
    """
    plain = len(channels) - 1
    heads = (4,) * plain + (32,)  # words: how many heads; the attention among cells: channels a head
    unet = UNet2DConditionModel(in_channels=in_channels, out_channels=out_channels, block_out_channels=channels, layers_per_block=layers,
                                down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
                                up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (plain - 1) + ("CrossAttnUpBlock2D",),
                                mid_block_type="UNetMidBlock2D", only_cross_attention=(True,) * plain + (False,),
                                cross_attention_dim=width, attention_head_dim=heads, norm_num_groups=16)
    for attention in listeners(unet):
        for parameter in attention.proj_out.parameters():
            torch.nn.init.zeros_(parameter)
    return unet


def listeners(unet: UNet2DConditionModel) -> list[Transformer2DModel]:
    """Where `listening_unet` hears words."""
    return list(unet.up_blocks[-1].attentions)


@torch.no_grad()
def take_over(unet: UNet2DModel | UNet2DConditionModel, other: UNet2DModel | UNet2DConditionModel) -> int:
    """Copies every tensor of the same name and shape; returns how many.  Attention among cells that the other has not begins silent."""
    source, taken = other.state_dict(), 0
    for name, tensor in unet.state_dict().items():
        if name in source and source[name].shape == tensor.shape:
            tensor.copy_(source[name])
            taken += 1
        elif name.startswith("mid_block") and "to_out" in name:
            tensor.zero_()
    return taken


def hears(folder: Path) -> bool:
    """Whether the UNet of this folder is one that hears words."""
    return bool(json.loads((folder / "config.json").read_text())["_class_name"] == UNet2DConditionModel.__name__)


def learn_to_read(encoder: CLIPTextModel, tokenizer: Any, taught: Path | None, lessons: int) -> None:
    """Gives an untrained text encoder the weights of one that was `taught`, or else so many lessons, then freezes it."""
    if taught is not None:
        encoder.load_state_dict(CLIPTextModel.from_pretrained(taught, dtype=torch.float32, local_files_only=True).state_dict())
    else:
        teach(encoder.requires_grad_(True), tokenizer, lessons)
    encoder.requires_grad_(False)
