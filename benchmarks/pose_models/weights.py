"""Weights of the compact pose models: a folder each with a config in JSON, safetensors, and a manifest of their digests.

    config.json         what MMPose builds: model, test pipeline, skeleton; it holds no code
    model.safetensors   half precision; what has one dimension (normalisations, biases) stays single
    manifest.json       name, licence, sha256 of the other two, and how it was trained
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deocc_aug.data.atomic import output_folder, write_bytes, write_json
from deocc_aug.weights import digest

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import Tensor, nn

SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "pose"
NAMES = ("compact-clean", "compact-occluded")
CONFIG, TENSORS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
FORMAT = 1
KEPT = ("default_scope", "model", "test_dataloader")  # of a training's config


def is_weights(given: str | Path) -> bool:
    """Whether this is the name of a compact pose model, or a folder of one."""
    return str(given) in NAMES or (Path(given) / MANIFEST).is_file()


def shipped() -> list[str]:
    """Those of `NAMES` whose weights are in the package."""
    return [name for name in NAMES if (SHIPPED / name / MANIFEST).is_file()]


def resolve(given: str | Path) -> Path:
    """The folder of a compact pose model given by name or as a folder, its files known to be those of its manifest.

    Raises:
        FileNotFoundError: the package has no such weights, or the folder lacks a file.
        ValueError: a file is not the one that the manifest names, or the manifest is of another version.
    """
    folder = SHIPPED / str(given) if str(given) in NAMES else Path(given)
    if not (folder / MANIFEST).is_file():
        what = "this package has no weights of that name yet" if str(given) in NAMES else f"it has no {MANIFEST}"
        raise FileNotFoundError(f"{given}: {what}: pass the folder that `python -m deocc_aug.benchmarks.pose_models.train --out` wrote "
                                f"(its `weights`), or one of {shipped()}")
    said = json.loads((folder / MANIFEST).read_text())
    if said.get("format") != FORMAT:
        raise ValueError(f"{folder / MANIFEST} has format {said.get('format')!r}; this version reads format {FORMAT}: train again")
    for name in (CONFIG, TENSORS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} lacks {name}, which its manifest names: get the folder again")
        if digest(folder / name) != said["sha256"][name]:
            raise ValueError(f"{folder / name} is damaged or was replaced: its sha256 is not the manifest's; get the folder again")
    return folder


def name_of(given: str | Path) -> str:
    """What its manifest calls a compact pose model, given as `resolve` takes it."""
    return str(json.loads((resolve(given) / MANIFEST).read_text())["name"])


def pose_model(given: str | Path, device: str = "cpu") -> nn.Module:
    """The model, as `mmpose.apis.init_model` makes it, with its weights in single precision.

    Args:
        given: a name or a folder, as `resolve` takes them.

    Raises:
        FileNotFoundError, ValueError: as `resolve`.
        ImportError: mmpose is not installed.
    """
    from mmengine.config import Config
    from safetensors.torch import load_file

    from deocc_aug.integrations.mmpose import mmpose  # it lets mmpose import beside mmcv-lite

    folder = resolve(given)
    model = mmpose.apis.init_model(Config.fromfile(str(folder / CONFIG)), device="cpu")
    model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                           for name, tensor in load_file(folder / TENSORS).items()})
    return model.to(device)


def write_weights(folder: Path, name: str, state: Mapping[str, Tensor], cfg: Config, trained: Mapping[str, Any]) -> None:
    """Writes a model's folder.

    Args:
        name: what the manifest calls it.
        state: the model's state dict.
        cfg: the training's config.
        trained: how it was trained, as JSON.
    """
    from safetensors.torch import save

    output_folder(folder)
    config = {key: cfg.to_dict()[key] for key in KEPT}
    config["model"].pop("train_cfg", None)
    config["train_dataloader"] = {"dataset": {"type": config["test_dataloader"]["dataset"]["type"]}}  # init_model reads the skeleton there
    write_json(folder / CONFIG, {"custom_imports": {"imports": ["deocc_aug.integrations.mmpose"], "allow_failed_imports": False}, **config})
    write_bytes(folder / TENSORS, save({key: (tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor).contiguous()
                                        for key, tensor in state.items()}))
    write_json(folder / MANIFEST, {"format": FORMAT, "name": name, "licence": "Apache-2.0", "trained": dict(trained),
                                   "sha256": {file: digest(folder / file) for file in (CONFIG, TENSORS)}})
