"""One run: Lightning drives the task over the data, the records are kept, the report is written."""
from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from deocc_aug.benchmarks.harness.module import BenchModule
from deocc_aug.benchmarks.harness.records import Record
from deocc_aug.data.atomic import output_errors, sweep
from deocc_aug.data.claims import Claims

RUNS = ".runs"
VERSIONED = ("deocc-aug", "torch", "pytorch-lightning", "torchmetrics", "numpy", "opencv-python-headless", "faster-coco-eval",
             "ai-edge-litert", "onnxruntime", "mmpose")


@dataclass(frozen=True, eq=False)
class Done:
    """A run whose records are whole.

    `settings` say what it is of; `records` are of all cases asked for, those that cannot be judged included; `seconds` by step, of this
    process; `hardware` is what it ran on.
    """

    module: BenchModule
    settings: dict[str, Any]
    records: tuple[Record, ...]
    seconds: dict[str, float]
    hardware: dict[str, Any]

    @property
    def usable(self) -> list[Record]:
        return [record for record in self.records if not record["problem"]]


def run(module: BenchModule, trainer: pl.Trainer) -> Done | None:
    """Runs a task to its end, going on where a run before was stopped; None in processes that only help.

    Raises:
        OSError: the data are not there, or the folder of the records cannot be written to.
        ValueError: the data are not what they should be; the folder holds records of something else; nobody can be judged.
    """
    start = time.perf_counter()
    data, records, out, arms = module.data, module.records, module.records.folder, {arm.name: arm.described() for arm in module.arms}
    names = module.names
    settings = {"task": module.task, "data": data.described(), "arms": arms, **module.beside()}
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        present = Claims(out / RUNS)
        present.move_in(alone=lambda: sweep(out))
    records.settle(settings)
    ready = time.perf_counter()
    trainer.test(module, datamodule=data, verbose=False)
    if not trainer.is_global_zero:
        return None
    loop = time.perf_counter() - ready
    found = tuple(records.of(names, list(arms)))
    if all(record["problem"] for record in found):
        raise ValueError(f"none of the {len(found)} people can be judged; the first: {found[0]['problem']}")
    models = sum(seconds for step, seconds in module.spent.items() if step.startswith(("arm ", "estimator ")))
    seconds = {"set up": ready - start, "cases": data.seconds, **module.spent, "models": models, "loop": loop,
               "harness": loop - models - data.seconds}
    return Done(module, settings, found, seconds, hardware(trainer))


def versions() -> dict[str, str]:
    """What is installed of what figures depend on."""
    out = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out


def hardware(trainer: pl.Trainer) -> dict[str, Any]:
    """What it ran on."""
    gpus = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return {"platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count(), "gpus": gpus,
            "torch threads": torch.get_num_threads(), "accelerator": type(trainer.accelerator).__name__, "devices": trainer.num_devices,
            "strategy": type(trainer.strategy).__name__, "num_nodes": trainer.num_nodes}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
