"""What the diffusion parts share in training: noise, schedule, EMA, resuming, a budget of steps and time."""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNet2DModel
from pytorch_lightning.callbacks import Timer
from torch import Tensor


def small_unet(in_channels: int, out_channels: int, channels: tuple[int, ...], layers: int) -> UNet2DModel:
    """A UNet for a grid of patches, attention at its lowest level only."""
    plain = len(channels) - 1
    return UNet2DModel(in_channels=in_channels, out_channels=out_channels, block_out_channels=channels, layers_per_block=layers,
                       down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
                       up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain, attention_head_dim=32, norm_num_groups=16)


def begin_as(unet: UNet2DModel, start: str) -> None:
    """Gives `unet` the weights of a part that was trained before, in float32.

    Raises:
        ValueError: the folder `start` holds no UNet, or one that is built otherwise.
    """
    config = Path(start) / "unet" / "config.json"
    if not config.is_file():
        raise ValueError(f"start is {start!r}, which holds no unet/config.json: pass the folder of such a part, for example "
                         "deocc_aug/weights/compact/observer")
    begun = UNet2DModel.from_pretrained(config.parent, dtype=torch.float32, local_files_only=True)
    wanted, got = ({name: tuple(tensor.shape) for name, tensor in net.state_dict().items()} for net in (unet, begun))
    if wanted != got:
        raise ValueError(f"the part in {start} has channels {tuple(begun.config.block_out_channels)} and "
                         f"{begun.config.layers_per_block} layers, here {tuple(unet.config.block_out_channels)} and "
                         f"{unet.config.layers_per_block} were asked for (or the patch is another, or it is another part): pass "
                         "model.channels and model.layers as it has them")
    unet.load_state_dict(begun.state_dict())


def clean_scheduler() -> DDIMScheduler:
    """DDIM that predicts the clean sample and starts from pure noise."""
    return DDIMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", prediction_type="sample", timestep_spacing="trailing",
                         clip_sample=True, rescale_betas_zero_snr=True)


def adamw(parameters: Any, learning_rate: float) -> torch.optim.Optimizer:
    """The optimizer of all parts; a group of parameters may say in `times` how much faster than the others it learns."""
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)


class PartModule(pl.LightningModule):
    """A learned part in training; a subclass says what the loss is and how the part is written.

    The learning rate warms up and follows a cosine down to `final` of itself over the run's budget: steps or time, whichever
    of the trainer's `max_steps` and `max_time` is nearer its end.

    Args:
        learning_rate: its highest value.
        warm_up: steps until then.
        final: the last learning rate as a share of the highest.
    """

    def __init__(self, learning_rate: float, warm_up: int, final: float) -> None:
        super().__init__()
        self.learning_rate, self.warm_up, self.final = learning_rate, warm_up, final

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return adamw(self.parameters(), self.learning_rate)

    def configure_gradient_clipping(self, optimizer: Any, gradient_clip_val: float | None = None,
                                    gradient_clip_algorithm: str | None = None) -> None:
        """Clips the gradients' norm; Lightning's own refuses fused optimizers beside bf16, which needs no unscaling."""
        if gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def export(self, folder: Path) -> None:
        """Writes the part as a preset holds it: fp16 safetensors and configs."""
        raise NotImplementedError

    def progress(self) -> float:
        """Share of the budget that is spent, in [0, 1]."""
        trainer = self.trainer
        shares = [trainer.global_step / trainer.max_steps] if trainer.max_steps > 0 else []
        for timer in (c for c in trainer.callbacks if isinstance(c, Timer)):  # type: ignore[attr-defined]
            left = timer.time_remaining("train")
            if left is not None:
                shares.append(timer.time_elapsed("train") / (timer.time_elapsed("train") + left))
        return min(1.0, max(shares, default=0.0))

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        cosine = self.final + (1 - self.final) * (1 + math.cos(math.pi * self.progress())) / 2
        rate = self.learning_rate * min(1.0, (self.trainer.global_step + 1) / max(1, self.warm_up)) * cosine
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate * group.get("times", 1.0)
        self.log("learning_rate", rate, prog_bar=True)


class DiffusionModule(PartModule):
    """Predicts a clean state from a noisy one and a condition.

    Args:
        unet: the net, (B, state + condition, gh, gw) -> (B, state, gh, gw).
        pure_noise: share of examples that start from pure noise, so that one step is a good answer.
    """

    def __init__(self, unet: UNet2DModel | UNet2DConditionModel, learning_rate: float, warm_up: int, final: float,
                 pure_noise: float) -> None:
        super().__init__(learning_rate, warm_up, final)
        self.unet = unet.to(memory_format=torch.channels_last)
        self.scheduler, self.pure_noise = clean_scheduler(), pure_noise

    def noisy(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """`clean` (B, S, gh, gw) in [-1, 1] at random timesteps (B,), many of them the last."""
        count, last = len(clean), int(self.scheduler.config.num_train_timesteps) - 1
        timesteps = torch.randint(0, last + 1, (count,), device=clean.device)
        timesteps[torch.rand(count, device=clean.device) < self.pure_noise] = last
        return self.scheduler.add_noise(clean, torch.randn_like(clean), timesteps), timesteps

    def predict(self, noisy: Tensor, condition: Tensor, timesteps: Tensor) -> Tensor:
        together = torch.cat([noisy, condition], 1).contiguous(memory_format=torch.channels_last)
        return self.unet(together, timesteps).sample.float()
