"""What the nets of the sd15 preset weigh, counted without making them: `python -m deocc_aug.appearance.stable_memory`."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AsymmetricAutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import BlipConfig, BlipForQuestionAnswering, CLIPTextConfig, CLIPTextModel

HALF, SINGLE = 2, 4  # bytes a parameter
WORDS = {"cross_attention_dim": 768, "attention_head_dim": 8}
LEVELS = 4
BESIDE_UNET = ("unet", "controlnet", "vae")  # with offloading, what lies on the GPU together at the worst moment
ALWAYS = ("words",)  # on the GPU all the time


def parameters() -> dict[str, int]:
    """Parameters by component of the sd15 preset; stage 1 and the observer, which are small, left out."""
    with torch.device("meta"):
        nets = {
            "unet": UNet2DConditionModel(in_channels=9, **WORDS),
            "controlnet": ControlNetModel(**WORDS),
            "text_encoder": CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)),
            "vae": AsymmetricAutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * LEVELS, down_block_out_channels=(128, 256, 512, 512), layers_per_down_block=2,
                up_block_types=("UpDecoderBlock2D",) * LEVELS, up_block_out_channels=(192, 384, 768, 768), layers_per_up_block=3),
            "words": BlipForQuestionAnswering(BlipConfig(vision_config={"image_size": 384})),
        }
    return {name: count(net) for name, net in nets.items()}


def count(net: Any) -> int:
    return sum(values.numel() for values in net.parameters())


def budget(counted: Mapping[str, int]) -> dict[str, int]:
    """Bytes of weights: on a GPU in half precision, there at most with `offload=True`, and on the CPU."""
    return {"GPU, half precision": HALF * sum(counted.values()),
            "GPU, half precision, offload=True": HALF * sum(counted[name] for name in (*BESIDE_UNET, *ALWAYS)),
            "CPU, single precision": SINGLE * sum(counted.values())}


if __name__ == "__main__":
    found = parameters()
    for name, number in found.items():
        print(f"{name:36s}{number / 1e6:8.1f} M parameters")
    for place, size in budget(found).items():
        print(f"{place:36s}{size / 1e9:8.2f} GB of weights")
