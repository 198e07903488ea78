"""Putting the transform into the pipelines of a config."""
from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from mmengine.config import Config, ConfigDict
from mmpose.datasets.transforms import PackPoseInputs
from torch import nn

TRANSFORM = "DeoccludePerson"
BEFORE = "GetBBoxCenterScale"
PACK = "PackPoseInputs"
MODULE = "deocc_aug.integrations.mmpose"


def insert_transform(cfg: Config | ConfigDict | dict | nn.Module, transform: Mapping[str, Any] | None = None, *,
                     meta_keys: Sequence[str] = ()) -> tuple[str, ...]:
    """Puts `DeoccludePerson` into every top-down pipeline of a config, right after its `GetBBoxCenterScale`.

    Called again it replaces what it put there, so any number of calls is as good as the last.  The config's `custom_imports` get this
    module's name, so that a config written to a file stays whole.

    Args:
        cfg: a config, or a model that `mmpose.apis.init_model` made (its `cfg` is what `inference_topdown` reads).
        transform: the arguments of `DeoccludePerson`, literals only.
        meta_keys: of `RESULT_KEYS`, those that `PackPoseInputs` shall carry to the data samples beside what it carries already.

    Returns:
        where it is now, such as ("train_dataloader.dataset.pipeline", "val_dataloader.dataset.pipeline").

    Raises:
        TypeError: `cfg` is neither.
        ValueError: it has no such pipeline, one is a tuple, or `transform` is of another type.
    """
    found = getattr(cfg, "cfg", None) if isinstance(cfg, nn.Module) else cfg
    if not isinstance(found, (Config, dict)):
        raise TypeError(f"insert_transform got a {type(cfg).__name__}: pass a Config or a model that has one; an inferencer has built its "
                        "pipeline already: change its config first, and build it from that")
    step = {"type": TRANSFORM, **(transform or {})}
    if step["type"] != TRANSFORM:
        raise ValueError(f"transform has the type {step['type']!r}: pass the arguments of {TRANSFORM}")
    pipelines = list(_pipelines(found, ""))
    if not pipelines:
        raise ValueError(f"no pipeline of the config has a {BEFORE}: people are completed in top-down pipelines, right after it")
    for place, pipeline in pipelines:
        if not isinstance(pipeline, list):
            raise ValueError(f"{place} is a {type(pipeline).__name__}: make it a list")
        _insert(pipeline, step, meta_keys)
    _import_with(found)
    return tuple(place for place, _ in pipelines)


def _pipelines(node: Any, place: str) -> Iterator[tuple[str, Sequence[Any]]]:
    if isinstance(node, (Config, dict)):
        for key, value in node.items():
            yield from _pipelines(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, (list, tuple)):
        if any(_name(step) == BEFORE for step in node):
            yield place, node
        for i, value in enumerate(node):
            yield from _pipelines(value, f"{place}[{i}]")


def _insert(pipeline: list[Any], step: Mapping[str, Any], meta_keys: Sequence[str]) -> None:
    pipeline[:] = [other for other in pipeline if _name(other) != TRANSFORM]
    at = next(i for i, other in enumerate(pipeline) if _name(other) == BEFORE)
    named = pipeline[at]["type"]
    scope = named.rpartition(".")[0] + "." if isinstance(named, str) and "." in named else ""
    pipeline.insert(at + 1, ConfigDict(deepcopy({**step, "type": scope + TRANSFORM})))
    for other in pipeline:
        if meta_keys and _name(other) == PACK:
            carried = other.get("meta_keys") or inspect.signature(PackPoseInputs).parameters["meta_keys"].default
            other["meta_keys"] = tuple(dict.fromkeys((*carried, *meta_keys)))


def _import_with(cfg: Config | dict) -> None:
    there = cfg.get("custom_imports") or {"imports": [], "allow_failed_imports": False}
    imports = [there["imports"]] if isinstance(there["imports"], str) else list(there["imports"])
    cfg["custom_imports"] = {**there, "imports": list(dict.fromkeys((*imports, MODULE)))}


def _name(step: Any) -> str:
    """The name of a pipeline step's class, without the scope; "" for what is no step."""
    kind = step.get("type") if isinstance(step, dict) else None
    return kind.rpartition(".")[2] if isinstance(kind, str) else getattr(kind, "__name__", "")
