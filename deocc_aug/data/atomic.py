"""Files that are either whole or not there: written beside their place under another name, then renamed."""
from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import cv2

from deocc_aug.types import Image

_PART = ".part"
_OURS = re.compile(rf"\..+\.[0-9a-f]{{32}}{re.escape(_PART)}")  # as `atomic_file` names them; others are somebody else's


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write to that appears at `path` when the block ends, and not at all when the block raises.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}{_PART}")
    try:
        with open(part, "xb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes the bytes to `path`, all or nothing."""
    with atomic_file(path) as file:
        file.write(content)


def write_json(path: Path, content: object) -> None:
    """Writes `content` as JSON, all or nothing.

    Raises:
        ValueError: `content` holds NaN or infinity, which JSON has no word for.
    """
    write_bytes(path, json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")


def write_png(path: Path, image: Image) -> None:
    """Writes an (H, W, 3) uint8 RGB image as PNG, all or nothing."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"{path}: an image of shape {image.shape} cannot be encoded as PNG")
    write_bytes(path, encoded.tobytes())


def output_folder(path: Path) -> Path:
    """The folder, made if need be, known to be writable, and swept of what a killed run left unfinished.

    One run at a time writes into a folder.

    Raises:
        OSError: it cannot be made, is a file, or cannot be written to; the message says so.
    """
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        sweep(path)
        write_bytes(path / ".writable", b"")
        (path / ".writable").unlink()
    return path


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Says of an OSError that it is the output folder's, and what to do."""
    try:
        yield
    except FileExistsError:
        raise NotADirectoryError(f"the output folder {path} is a file: pass a folder") from None
    except OSError as error:
        raise OSError(f"the output folder {path} cannot be written to ({error.strerror}): pass one that can") from None


def sweep(path: Path) -> None:
    """Removes what killed runs left unfinished in a folder and those inside; nobody else may be writing there."""
    for leftover in path.rglob(f".*{_PART}"):
        if _OURS.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


def keep_apart(read: Iterable[Path], written: Iterable[Path]) -> None:
    """Refuses to write over what is read.

    Raises:
        ValueError: a file is among both, links followed.
    """
    sources = {path.resolve(): path for path in read}
    for path in written:
        if path.resolve() in sources:
            raise ValueError(f"{sources[path.resolve()]} would be written over by this run, which reads it: pass another --out")
