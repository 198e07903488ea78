"""Trains a compact pose model with MMEngine's Runner: ``python -m deocc_aug.benchmarks.pose_models.train``.

Started again with the same `--out` it goes on from its last checkpoint.  At its end `OUT/weights` is a folder for
`deocc_aug.benchmarks.pose_models.weights`: the running average of the weights, in half precision, as safetensors.
"""
from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from deocc_aug.integrations.mmpose import mmpose  # noqa: F401  it lets mmpose import beside mmcv-lite

from mmengine.config import Config  # isort: skip  (after that)
from mmengine.hooks import EMAHook
from mmengine.runner import Runner, find_latest_checkpoint

from deocc_aug.benchmarks.pose_models.pacing import SPENT
from deocc_aug.benchmarks.pose_models.weights import write_weights

CONFIGS = {"clean": "compact_pose.py", "occluded": "compact_pose_occluded.py"}


def config_of(weights: str) -> Config:
    """The config that trains "clean" or "occluded" weights."""
    return Config.fromfile(str(files("deocc_aug.benchmarks") / "configs" / CONFIGS[weights]))


def aimed(cfg: Config, options: Any) -> Config:
    """The config with the command's folders, bounds and seed in it; a run that goes on draws other examples."""
    dataset = cfg.train_dataloader.dataset
    dataset.update({name: str(options[name]) for name in ("ccp", "coco", "scenes") if options[name]})
    for step in dataset.pipeline:
        if step.type == "HidePerson" and options.coco:
            step.coco = str(options.coco)
    cfg.train_dataloader.update(batch_size=options.batch_size, num_workers=options.workers, persistent_workers=options.workers > 0)
    cfg.train_cfg.update(max_iters=options.max_steps, seconds=None if options.max_time is None else seconds_of(options.max_time))
    if options.precision == "float32":
        cfg.optim_wrapper.type = "OptimWrapper"
    cfg.update(work_dir=str(options.out), resume=True, experiment_name=options.out.resolve().name, first_seed=options.seed,
               randomness={"seed": options.seed + steps_done(options.out)})
    return cfg


def seconds_of(text: str) -> float:
    """What DD:HH:MM:SS says, in seconds.

    Raises:
        ValueError: it is something else.
    """
    parts = text.split(":")
    days, hours, minutes, seconds = map(int, parts) if len(parts) == 4 and all(part.isdecimal() for part in parts) else (0, 0, 0, 0)
    total = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    if not total:
        raise ValueError(f"max_time is {text!r}: pass DD:HH:MM:SS, such as 00:00:25:00")
    return total


def steps_done(out: Path) -> int:
    """Steps that the last checkpoint of a run's folder has behind it, 0 where there is none."""
    last = find_latest_checkpoint(str(out)) if out.is_dir() else None
    return 0 if last is None else int(Path(last).stem.rpartition("_")[2])


def train(cfg: Config, name: str) -> Path:
    """Trains as the config says; returns the folder of the weights."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    average = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module
    folder = Path(runner.work_dir) / "weights"
    write_weights(folder, name, average.state_dict(), cfg, {
        "steps": runner.iter, "batch_size": cfg.train_dataloader.batch_size, "seconds": round(runner.message_hub.get_info(SPENT) or 0.0),
        "people": len(runner.train_dataloader.dataset), "seed": cfg.first_seed, "torch": torch.__version__,
        "parameters": sum(weight.numel() for weight in average.parameters())})
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains a compact pose model, or goes on with its training."""
    parser = ArgumentParser(prog="python -m deocc_aug.benchmarks.pose_models.train", description=main.__doc__)
    parser.add_argument("--config", action="config", help="YAML file with any of the options below")
    parser.add_argument("--weights", type=str, choices=tuple(CONFIGS), required=True,
                        help="what to train on: people with nothing in front, or with the library's occluders in front of three in four")
    parser.add_argument("--ccp", type=Path, help="folder of Clothing Co-Parsing (splits train and unlabelled)")
    parser.add_argument("--coco", type=Path, help="COCO-format folder with keypoints.json (images of odd number); its things go in front")
    parser.add_argument("--scenes", type=Path, help="folder of `deocc-aug synth`")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a second run goes on from its last checkpoint")
    parser.add_argument("--max-time", type=str, help="wall time of all resumed runs together, DD:HH:MM:SS")
    parser.add_argument("--max-steps", type=int, default=20_000, help="steps of all resumed runs together")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1, help="processes that make examples; 0 makes them in this one")
    parser.add_argument("--precision", type=str, choices=("bfloat16", "float32"), default="bfloat16", help="of the forward pass")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(f"wrote {train(aimed(config_of(options.weights), options), f'compact-{options.weights}')}")


if __name__ == "__main__":
    main()
