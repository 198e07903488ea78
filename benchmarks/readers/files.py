"""Files of public benchmarks."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def first_of(folder: Path, candidates: Sequence[str], what: str, where: str) -> Path:
    """The first of these paths in a data set's folder that is there.

    Raises:
        FileNotFoundError: none is; the message says which file is missing and where it is obtained.
    """
    found = next((folder / name for name in candidates if (folder / name).exists()), None)
    if found is None:
        named = " or ".join(str(folder / name) for name in candidates)
        raise FileNotFoundError(f"{named} is not there: it is {what}, obtained from {where}")
    return found
