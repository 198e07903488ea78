"""Models of transformers, from a folder or by their id on the Hugging Face Hub; what was fetched once is not asked for again."""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from deocc_aug.bars import no_loading_bars

Loaded = TypeVar("Loaded")


def fetched(source: str | Path, what: str, load: Callable[[bool], Loaded], local_files_only: bool = False) -> Loaded:
    """What `load` gives: from the folder `source` or the Hub's cache where it is there, else from the Hub.

    Args:
        source: a folder that `save_pretrained` wrote, or an id such as "facebook/sam2.1-hiera-tiny".
        what: what is loaded, for errors, such as "a detector".
        load: calls `from_pretrained`s with the `local_files_only` that it is given.
        local_files_only: never ask the Hub.

    Raises:
        OSError: nothing is there and the Hub cannot be reached, or has no such model.
        ValueError: a folder, or a model, that is not what is wanted.
        ImportError: transformers is too old for the model, or lacks what it needs.
    """
    try:
        try:
            with no_loading_bars("transformers"):
                return load(True)
        except OSError:
            if local_files_only or not _is_id(source):
                raise
            return load(False)
    except ImportError as error:
        raise ImportError(f"{what} from {source}: {error}; `pip install --upgrade transformers torchvision scipy` brings it") from error
    except ValueError as error:
        raise ValueError(f"{source} does not hold {what} ({_first_line(error)}): pass one") from error
    except OSError as error:
        said, wanted = _first_line(error), f"pass {what} as a folder that save_pretrained wrote"
        if Path(source).is_dir():
            raise ValueError(f"the folder {source} does not hold {what} ({said}): pass one that save_pretrained wrote") from error
        if not _is_id(source):
            raise OSError(f"{source} is no folder, and no id on the Hub: {wanted}, or as an id") from None
        raise OSError(f"{source} is no folder here, is not in the Hub's cache and could not be fetched ({said}): where there is a network "
                      f"run `hf download {source}`, or {wanted}") from error


def model_type(source: str | Path, local: bool, wanted: Sequence[str]) -> str:
    """What a model's configuration calls itself.

    Raises:
        OSError: as `from_pretrained` does.
        ValueError: it is not among those wanted.
    """
    from transformers import AutoConfig

    kind = str(AutoConfig.from_pretrained(source, local_files_only=local).model_type)
    if kind not in wanted:
        raise ValueError(f"its model_type is {kind}, not one of {', '.join(wanted)}")
    return kind


def ready(model: Any, device: str | torch.device | None, dtype: torch.dtype | None) -> Any:
    """The model for use, on the CPU and in float32 unless told otherwise.

    Raises:
        ValueError: a device that cannot be used.
    """
    try:
        return model.to(device or "cpu", dtype or torch.float32).eval()
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device it does not know, or has not got
        raise ValueError(f"device {device} cannot be used ({_first_line(error)}): `deocc-aug doctor` lists the devices") from error


def person_label(model: Any) -> int:
    """The number of a model's class "person".

    Raises:
        ValueError: it knows none.
    """
    names = {int(number): str(name) for number, name in model.config.id2label.items()}
    for number, name in names.items():
        if name.lower() == "person":
            return number
    few = ", ".join(list(names.values())[:5])
    raise ValueError(f"this {type(model).__name__} knows {len(names)} classes ({few}, ...) and none is called \"person\": pass one that "
                     "was trained on people, such as on COCO")


def _is_id(source: str | Path) -> bool:
    """Whether this may be the id of a model: a name, or an owner and a name."""
    return isinstance(source, str) and not Path(source).exists() and re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", source) is not None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".:")
