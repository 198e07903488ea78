"""One run: Lightning drives the task over the data, the records are kept, the report is written."""
from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar

from deocc_aug.benchmarks.harness.arms import Arm, parse_all
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.module import BenchModule
from deocc_aug.benchmarks.harness.records import Record, Records
from deocc_aug.data.atomic import output_errors, sweep
from deocc_aug.data.claims import Claims

RUNS = ".runs"
VERSIONED = ("deocc-aug", "torch", "pytorch-lightning", "torchmetrics", "numpy", "opencv-python-headless", "faster-coco-eval",
             "ai-edge-litert", "onnxruntime", "mmpose")


@dataclass(frozen=True)
class Machine:
    """Where Lightning runs it: its own arguments of these names."""

    accelerator: str = "cpu"
    devices: int = 1
    strategy: str = "auto"
    num_nodes: int = 1


@dataclass(frozen=True, eq=False)
class Done:
    """A run whose records are whole.

    `settings` say what it is of; `records` are of all cases asked for, those that cannot be judged included; `seconds` by step, of this
    process.
    """

    out: Path
    data: BenchData
    module: BenchModule
    settings: dict[str, Any]
    records: tuple[Record, ...]
    seconds: dict[str, float]

    @property
    def usable(self) -> list[Record]:
        return [record for record in self.records if not record["problem"]]


Build = Callable[[Sequence[Arm], Records, Sequence[str]], BenchModule]


def run(build: Build, task: str, data: BenchData, arms: Sequence[str], out: Path, machine: Machine,
        beside: Mapping[str, Any]) -> Done | None:
    """Runs a task to its end, going on where a run before was stopped; None in processes that only help.

    Args:
        build: makes the task's module.
        beside: what decides the records beside data and arms (estimators), as JSON.

    Raises:
        OSError: the data are not there, or `out` cannot be written to.
        ValueError: the data, an arm or a choice is not what it should be; `out` holds records of something else; nobody can be judged.
    """
    start = time.perf_counter()
    parsed = parse_all(arms, data.clean, data.occluders)
    names = data.names
    settings = {"task": task, "data": data.described(), "arms": {arm.name: arm.described() for arm in parsed}, **beside}
    records = Records(out)
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        present = Claims(out / RUNS)
        present.move_in(alone=lambda: sweep(out))
    records.settle(settings)
    module = build(parsed, records, names)
    trainer = pl.Trainer(accelerator=machine.accelerator, devices=machine.devices, strategy=machine.strategy, num_nodes=machine.num_nodes,
                         use_distributed_sampler=False, logger=False, enable_checkpointing=False, enable_model_summary=False,
                         callbacks=[TQDMProgressBar()])
    ready = time.perf_counter()
    trainer.test(module, datamodule=data, verbose=False)
    if not trainer.is_global_zero:
        return None
    loop = time.perf_counter() - ready
    found = tuple(records.of(names, [arm.name for arm in parsed]))
    if all(record["problem"] for record in found):
        raise ValueError(f"none of the {len(found)} people can be judged; the first: {found[0]['problem']}")
    models = sum(seconds for step, seconds in module.spent.items() if step.startswith(("arm ", "estimator ")))
    seconds = {"set up": ready - start, "cases": data.seconds, **module.spent, "models": models, "loop": loop,
               "harness": loop - models - data.seconds}
    return Done(out, data, module, settings, found, seconds)


def versions() -> dict[str, str]:
    """What is installed of what figures depend on."""
    out = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out


def hardware(machine: Machine) -> dict[str, Any]:
    """What it ran on."""
    gpus = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return {"platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count(), "gpus": gpus,
            "torch threads": torch.get_num_threads(), "accelerator": machine.accelerator, "devices": machine.devices,
            "strategy": machine.strategy, "num_nodes": machine.num_nodes}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
