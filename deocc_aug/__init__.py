"""Completes partly hidden people in photos, so that the pose and mesh estimators that follow do better.

    >>> from deocc_aug import Deoccluder, Options, Person  # doctest: +SKIP
    >>> deoccluder = Deoccluder.from_pretrained("compact")
    >>> result = deoccluder(image, Person(box_xyxy=box, visible_mask=mask), seed=0)

The names below are imported when first used, so that `import deocc_aug` costs nothing.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deocc_aug.deoccluder import Deoccluder as Deoccluder
    from deocc_aug.options import Options as Options
    from deocc_aug.types import COCO_JOINTS as COCO_JOINTS
    from deocc_aug.types import Body as Body
    from deocc_aug.types import Canvas as Canvas
    from deocc_aug.types import Deocclusion as Deocclusion
    from deocc_aug.types import Description as Description
    from deocc_aug.types import Label as Label
    from deocc_aug.types import Observation as Observation
    from deocc_aug.types import Person as Person
    from deocc_aug.types import Prompts as Prompts
    from deocc_aug.types import RefusedError as RefusedError

    __version__: str

_TYPES = ("COCO_JOINTS", "Body", "Canvas", "Deocclusion", "Description", "Label", "Observation", "Person", "Prompts", "RefusedError")
_HOME = {"Deoccluder": "deoccluder", "Options": "options"} | dict.fromkeys(_TYPES, "types")


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("deocc-aug")
    if name not in _HOME:
        raise AttributeError(f"module 'deocc_aug' has no attribute {name!r}")
    value = getattr(import_module(f"deocc_aug.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "__version__"})
