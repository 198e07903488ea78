"""One training run: resumable, time-boxed, its weights exported when it ends."""
from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, TQDMProgressBar, WeightAveraging
from pytorch_lightning.loggers import CSVLogger
from torch.optim.swa_utils import get_ema_multi_avg_fn

from deocc_aug.devices import quick_in_bf16
from deocc_aug.training.diffusion import PartModule

CHECKPOINT = "last.ckpt"


class EMA(WeightAveraging):
    """An exponential moving average of the weights, the one that is exported, begun once the first steps are over.

    The module keeps its own weights to the last: they are what the final checkpoint holds, and what a resumed run goes on with.
    """

    def __init__(self, decay: float, begin: int, last: Path) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.begin, self.last = begin, last

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        return step_idx is not None and step_idx >= self.begin

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self.last)

    def give(self, module: pl.LightningModule) -> None:
        """Gives the module the averaged weights; its own stay where a run was too short for an average."""
        if self._average_model is not None and int(self._average_model.n_averaged) > 0:
            self._copy_average_to_current(module)


def fit(module: PartModule, data: pl.LightningDataModule, out: Path, *, max_time: str | None, max_steps: int, ema: float = 0.998,
        log_every: int = 50, save_every: int = 100, accelerator: str = "auto", precision: str = "32-true", resume: bool = True) -> Path:
    """Trains a part and writes it to `out/part` as a preset holds it.

    Args:
        out: folder of the run: `last.ckpt`, `metrics.csv` in `csv/`, `part/`.
        max_time: wall time over all resumed runs together, DD:HH:MM:SS; None for `max_steps` alone.
        max_steps: optimizer steps over all resumed runs together.
        ema: decay of the averaged weights.
        precision: Lightning's; bfloat16 gives way to 32-true, with a warning, where it would be slower.
        resume: go on from `out/last.ckpt` where there is one.

    Returns:
        The exported part's folder.

    Raises:
        ValueError: the checkpoint in `out` is damaged, or of another net.
    """
    out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    if precision.startswith("bf16") and not quick_in_bf16(device):
        warnings.warn(f"precision is {precision}, which the {device} of this machine computes slower than float32: training in 32-true",
                      stacklevel=2)
        precision = "32-true"
    last = out / CHECKPOINT
    averaged = EMA(ema, min(300, max_steps // 4), last)
    callbacks: list[Callback] = [
        averaged,
        ModelCheckpoint(dirpath=out, filename="step", every_n_train_steps=save_every, save_last=True, save_top_k=1,
                        monitor="step", mode="max", enable_version_counter=False),
        TQDMProgressBar(refresh_rate=log_every),
    ]
    trainer = pl.Trainer(accelerator=accelerator, devices=1, precision=precision,  # type: ignore[arg-type]
                         max_steps=max_steps, max_time=max_time, callbacks=callbacks, logger=CSVLogger(out, name="csv"),
                         log_every_n_steps=log_every, gradient_clip_val=1.0, enable_model_summary=False)
    begun = resume and last.exists()
    try:
        trainer.fit(module, data, ckpt_path=str(last) if begun else None, weights_only=False)
    except RuntimeError as error:
        if begun and trainer.global_step == 0 and ("state_dict" in str(error) or "PytorchStreamReader" in str(error)):
            raise ValueError(f"{last} cannot be gone on from ({str(error).splitlines()[0]}): pass the settings of the run that wrote it, "
                             "or another folder to write to") from error
        raise
    averaged.give(module)
    part, fresh = out / "part", out / "part.new"
    shutil.rmtree(fresh, ignore_errors=True)
    module.export(fresh)
    before = out / "part.old"
    shutil.rmtree(before, ignore_errors=True)
    if part.exists():
        part.rename(before)
    fresh.rename(part)
    shutil.rmtree(before, ignore_errors=True)
    return part
