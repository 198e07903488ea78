"""A preset with the real layout and untrained, tiny nets: the whole path in milliseconds."""
from __future__ import annotations

from pathlib import Path

import torch

from deocc_aug.options import Options
from deocc_aug.training.appearance_module import AppearanceModule
from deocc_aug.training.body_module import BodyModule
from deocc_aug.training.observer_module import ObserverModule
from deocc_aug.weights import write_manifest


def write_tiny_preset(folder: Path, observer: bool = False) -> Path:
    """Writes the preset, with an observer of its own or without; its weights are random, the same on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BodyModule(channels=(32, 32, 32)).export(folder / "body")
        AppearanceModule(channels=(32, 32, 32)).export(folder / "appearance")
        if observer:
            ObserverModule(channels=(32, 32, 32)).export(folder / "observer")
    defaults = Options(body_steps=2, hypotheses=2, paint_steps=2, guidance=1.0, gate=False, 
                       thresholds={"hidden": 0.02, "seen": 0.0, "unknown": 1.0, "uncertainty": 1.0})
    write_manifest(folder, name="tiny", revision="test", licence="Apache-2.0", canvas=(256, 192), defaults=defaults,
                   parts={part: part for part in ("body", "appearance", *(["observer"] if observer else []))})
    return folder
