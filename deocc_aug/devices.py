"""Where the nets run, and in which precision."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

ALIGNMENT = 64  # bytes, as torch allocates


def precision(device: str | torch.device | None, dtype: torch.dtype | None, half: bool) -> torch.dtype:
    """The dtype of a part: the caller's; else half precision where the part is meant for it and runs on a GPU; else float32."""
    import torch

    if dtype is not None:
        return dtype
    return torch.float16 if half and torch.device(device or "cpu").type == "cuda" else torch.float32


def quick_in_bf16(device: str | torch.device) -> bool:
    """Whether bfloat16 saves time there: a CPU with AVX2 alone computes convolutions in it many times slower than in float32."""
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.device(device).type != "cpu" or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "DEFAULT")


def placed(pipeline: Any, device: str | torch.device | None, offload: bool) -> Any:
    """A diffusers pipeline on the device; with `offload`, its nets wait in the CPU's memory, where it says in which order they run.

    Raises:
        ValueError: offloading without a GPU.
    """
    import torch

    place = torch.device(device or "cpu")
    if offload and place.type == "cpu":
        raise ValueError("offload=True keeps nets off the GPU while they wait, but device is the CPU: pass device=\"cuda\", or no offload")
    if offload and pipeline.model_cpu_offload_seq:
        pipeline.enable_model_cpu_offload(device=place)
        return pipeline
    for part in pipeline.components.values() if place.type == "cpu" else ():
        if isinstance(part, torch.nn.Module):
            aligned(part)
    return pipeline.to(place)


def aligned(net: nn.Module) -> nn.Module:
    """The net, its weights in memory of their own: where a file is mapped they lie anywhere, and some CPUs then round otherwise, so that
    the same weights in another file would give other pixels.
    """
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.data_ptr() % ALIGNMENT:
            tensor.data = tensor.data.clone()
    return net
