"""mmpose beside mmcv-lite and without mmdet.

mmpose 1.3.2 imports compiled operations of mmcv (in the heads of EDPose) and two names of mmdet (in that of RTMO) whatever model
is asked for.  Stand-ins take their place while mmpose is imported, and only for what is not installed.
"""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class AbsentOps(ModuleType):
    """The compiled operations that mmcv-lite does not have: there to be imported, and an error when called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def absent(*_: Any, **__: Any) -> None:
            raise RuntimeError(f"{name} is one of mmcv's operations, which mmcv-lite lacks: this model needs mmcv, pip install mmcv==2.1.0")

        return absent


@contextmanager
def stand_ins() -> Iterator[tuple[str, ...]]:
    """While this lasts mmpose can be imported; gives the names of the modules that something stands in for."""
    modules: dict[str, ModuleType] = {}
    if find_spec("mmcv._ext") is None:
        modules["mmcv._ext"] = AbsentOps("mmcv._ext")
    if find_spec("mmdet") is None:
        modules["mmdet"], modules["mmdet.utils"] = ModuleType("mmdet"), _mmdet_utils()
    sys.modules.update(modules)
    try:
        yield tuple(modules)
    finally:
        for name in modules:
            del sys.modules[name]


def _mmdet_utils() -> ModuleType:
    def reduce_mean(_: Any) -> None:
        raise RuntimeError("reduce_mean is mmdet's: this model needs mmdet, pip install mmdet==3.3.0")

    utils = ModuleType("mmdet.utils")
    vars(utils).update(ConfigType=dict, reduce_mean=reduce_mean)
    return utils
