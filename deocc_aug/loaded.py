"""Deoccluders that live as long as the process, for callers who are built anew all the time; and one thread for the same bytes."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from deocc_aug.weights import resolve

if TYPE_CHECKING:
    from deocc_aug.deoccluder import Deoccluder

DTYPES = ("float32", "float16", "bfloat16")
_one_at_a_time = Lock()


def loaded(preset: str | Path = "compact", device: str | None = None, dtype: str = "float32", together: int = 1) -> Deoccluder:
    """The process's one Deoccluder of this preset, device, dtype and number of people at once; loaded when it is asked for first.

    Raises:
        ValueError: an unknown preset or dtype, a device or number that cannot be used, or a damaged file of the preset.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}: pass one of {list(DTYPES)}")
    with _one_at_a_time:
        return _load(str(resolve(preset).resolve()), device or "cpu", dtype, together)


@cache
def _load(folder: str, device: str, dtype: str, together: int) -> Deoccluder:
    import torch

    from deocc_aug.deoccluder import Deoccluder

    try:
        return Deoccluder.from_pretrained(folder, device=device, dtype=getattr(torch, dtype), together=together)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device it does not know, or has not got
        if device == "cpu":
            raise
        raise ValueError(f"device {device!r} cannot be used ({error}): `deocc-aug doctor` lists the devices") from error


@contextmanager
def one_thread() -> Iterator[None]:
    """While this lasts torch computes on one thread, as it does in data loaders' workers: the CPU's results depend on the number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
