"""What MMEngine's Runner lacks for short trainings on a CPU: an end by wall time, a learning rate that knows of it, bfloat16."""
from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, LOOPS, OPTIM_WRAPPERS
from mmengine.runner import IterBasedTrainLoop
from torch import nn

from deocc_aug.devices import quick_in_bf16

SPENT = "seconds_trained"  # in the checkpoint's message hub


@LOOPS.register_module()
class TimedTrainLoop(IterBasedTrainLoop):
    """Trains for so many steps or so many seconds, whichever is over first; the seconds of runs that this one goes on from count.

    Going on, it draws new examples, where MMEngine's own loop makes all those again that were trained on.

    Args:
        max_iters: steps of all resumed runs together.
        seconds: likewise; None for no end by time.
    """

    def __init__(self, runner: Any, dataloader: Any, max_iters: int, seconds: float | None = None) -> None:
        super().__init__(runner, dataloader, max_iters)
        self.asked, self.seconds = max_iters, seconds
        self._start = time.monotonic()

    @property
    def progress(self) -> float:
        """How much of the training is over, 0 to 1."""
        spent = 0.0 if self.seconds is None else (time.monotonic() - self._start) / self.seconds
        return min(1.0, max(self._iter / self.asked, spent))

    def run(self) -> nn.Module:
        """Trains."""
        self._start = time.monotonic() - (self.runner.message_hub.get_info(SPENT) or 0.0)
        begun = self._iter
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        while self._iter < self._max_iters and (self._iter > begun or self.progress < 1):
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_iter(self, data_batch: Any) -> None:
        """One step; the first that begins when time is over is the last, and is saved."""
        if self.progress >= 1:
            self._max_iters = self._iter + 1
        self.runner.message_hub.update_info(SPENT, time.monotonic() - self._start)
        super().run_iter(data_batch)


@HOOKS.register_module()
class PacedLearningRate(Hook):
    """Warms up over so many steps, stays for a share of the training, falls to `last` of the learning rate along a cosine.

    For a `TimedTrainLoop`: it goes by that one's progress.
    """

    def __init__(self, lr: float, warm_up: int = 50, flat: float = 0.4, last: float = 0.01) -> None:
        self.lr, self.warm_up, self.flat, self.last = lr, warm_up, flat, last

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Sets the learning rate of the step to come."""
        falling = max(0.0, (runner.train_loop.progress - self.flat) / (1 - self.flat))
        share = self.last + (1 - self.last) * (1 + math.cos(math.pi * falling)) / 2
        for group in runner.optim_wrapper.optimizer.param_groups:
            group["lr"] = self.lr * min(1.0, (runner.iter + 1) / self.warm_up) * share


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Computes forward passes in bfloat16 on any device where that is quick; MMEngine's own wrapper refuses CPUs."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """What a forward pass runs in."""
        device = next(model.parameters()).device
        with super().optim_context(model), torch.autocast(device.type, torch.bfloat16, enabled=quick_in_bf16(device)):
            yield


@HOOKS.register_module()
class PlainCheckpoints(Hook):
    """Leaves out of checkpoints what torch does not load without running code: logged numbers and the skeleton's arrays."""

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Before a checkpoint is written."""
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {SPENT: runner.message_hub.get_info(SPENT)},
                                     "resumed_keys": {SPENT: True}}
        checkpoint["meta"].pop("dataset_meta", None)


@HOOKS.register_module()
class ChannelsLast(Hook):
    """Lays the model's weights out with the channels last, in which CPUs convolve faster."""

    def before_train(self, runner: Any) -> None:
        """Before the first step, when weights were loaded."""
        runner.model.to(memory_format=torch.channels_last)
