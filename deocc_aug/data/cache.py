"""Results kept on disk, found again by what decides them.

    CACHE/results/3f/3f2a....json    a record: what `annotation_of` says, where the patch belongs; or why the person was refused
    CACHE/results/3f/3f2a....png     the changed pixels, RGBA, opaque where changed; only where any changed

A record is written after its picture, so a person with a record is a person done.  The name is the key: the sha256 of pixels, person,
seed, options and weights.  Files are whole or not there, and two processes that write one key write the same bytes.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

import deocc_aug
from deocc_aug.canvas import box_of
from deocc_aug.data.annotate import annotation_of
from deocc_aug.data.atomic import write_bytes, write_json
from deocc_aug.options import Options
from deocc_aug.types import Deocclusion, Image, Person
from deocc_aug.weights import MANIFEST, digest, read_manifest, resolve

RESULTS = "results"


@dataclass(frozen=True)
class Settings:
    """What decides a result beside pixels and person; None in `options` is the preset's own default."""

    preset: str = "compact"
    seed: int = 0
    options: Options = Options()
    dtype: str = "float32"

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """The settings as JSON, nothing left open; the manifest's digest stands for all files of the preset.

        Raises:
            ValueError: an unknown preset.
        """
        folder = resolve(self.preset)
        preset = read_manifest(folder)
        return {"version": deocc_aug.__version__, "preset": preset.name, "preset_sha256": digest(folder / MANIFEST), "seed": self.seed,
                "dtype": self.dtype, "options": _numbers_alike(asdict(self.options.filled(preset.defaults)))}

    def key(self, pixels_sha256: str, person: Person) -> str:
        """The name (64 hexadecimal digits) under which the result for a person is kept."""
        found = hashlib.sha256(f"{json.dumps(self.described, sort_keys=True)} {pixels_sha256}".encode())
        for name, value in _arrays("person", person):
            found.update(f" {name} {value.dtype.str} {value.shape} ".encode())
            found.update(np.ascontiguousarray(np.packbits(value) if value.dtype == np.bool_ else value).data)
        return found.hexdigest()


def _numbers_alike(value: Any) -> Any:
    """JSON in which 1 and 1.0 are written alike."""
    if isinstance(value, Mapping):
        return {key: _numbers_alike(inner) for key, inner in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def sha256_of(image: Image) -> str:
    """The digest of an image's pixels, (H, W, 3) uint8 RGB, whatever file they were in."""
    found = hashlib.sha256(f"{image.shape} ".encode())
    found.update(np.ascontiguousarray(image).data)
    return found.hexdigest()


def _arrays(name: str, value: object) -> list[tuple[str, np.ndarray]]:
    """What a dataclass of arrays holds, inner dataclasses included, in the order of its fields; what is None is left out."""
    if value is None:
        return []
    if is_dataclass(value):
        return [found for field in fields(value) for found in _arrays(f"{name}.{field.name}", getattr(value, field.name))]
    return [(name, np.asarray(value))]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one person, small enough to keep.

    Args:
        annotation: what `annotation_of` says; empty where the person was refused.
        refused: why nothing was completed, "" where it was.
        origin: (x, y) image pixels of the patch's first pixel; may lie beyond the image's border.
        patch: (h, w, 4) uint8 RGBA, alpha 255 where a pixel was changed and 0 elsewhere; None where none was.
    """

    annotation: Mapping[str, Any]
    refused: str = ""
    origin: tuple[int, int] = (0, 0)
    patch: UInt8[np.ndarray, "h w 4"] | None = None

    @classmethod
    def of(cls, result: Deocclusion) -> Outcome:
        """The part of a result that is kept."""
        box = box_of(result.patch.changed)
        if box is None:
            return cls(annotation_of(result))
        x0, y0, x1, y1 = (int(edge) for edge in box)
        changed = result.patch.changed[y0:y1, x0:x1, None]
        colours = np.where(changed, result.patch.image[y0:y1, x0:x1], np.uint8(0))
        patch = np.concatenate([colours, changed * np.uint8(255)], axis=2)
        return cls(annotation_of(result), "", (result.patch.origin[0] + x0, result.patch.origin[1] + y0), patch)

    def painted(self, image: Image) -> Image:
        """A copy of the source image with the changed pixels, bit for bit the result's own `image`."""
        out = image.copy()
        if self.patch is not None:
            (x, y), (h, w) = self.origin, self.patch.shape[:2]
            x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, out.shape[1]), min(y + h, out.shape[0])
            inside = self.patch[max(y0 - y, 0):max(y1 - y, 0), max(x0 - x, 0):max(x1 - x, 0)]
            out[y0:y0 + inside.shape[0], x0:x0 + inside.shape[1]][inside[..., 3] > 0] = inside[..., :3][inside[..., 3] > 0]
        return out


class Cache:
    """A folder of outcomes.

    >>> cache = Cache(Path("cache"))                                             # doctest: +SKIP
    >>> outcome = cache.read(settings.key(sha256_of(image), person))             # doctest: +SKIP
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str, ending: str) -> Path:
        """Where a key's "json" or "png" is, or would be."""
        return self.folder / RESULTS / key[:2] / f"{key}.{ending}"

    def record(self, key: str) -> dict[str, Any] | None:
        """A key's record as written, without decoding its picture; None where the person is not done."""
        try:
            record = json.loads(self.path(key, "json").read_text("utf-8"))
            whole = {"refused", "annotation", "origin", "patch"} <= set(record)
        except (OSError, ValueError, TypeError):
            return None
        return record if whole and (record["patch"] is None or (self.folder / record["patch"]).is_file()) else None

    def read(self, key: str) -> Outcome | None:
        """What is kept under a key; None where nothing is.

        Raises:
            ValueError: the picture is damaged.
        """
        record = self.record(key)
        if record is None:
            return None
        patch = None
        if record["patch"] is not None:
            path = self.folder / record["patch"]
            patch = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
            if patch is None or patch.ndim != 3 or patch.shape[2] != 4:
                raise ValueError(f"{path} is damaged: remove it, and run the `deocc-aug precompute` that made it once more")
            patch = cv2.cvtColor(patch, cv2.COLOR_BGRA2RGBA)
        return Outcome(record["annotation"], record["refused"], (record["origin"][0], record["origin"][1]), patch)

    def write(self, key: str, outcome: Outcome) -> None:
        """Keeps an outcome, its record last.

        Raises:
            OSError: the folder cannot be written to.
        """
        picture, record = self.path(key, "png"), self.path(key, "json")
        record.parent.mkdir(parents=True, exist_ok=True)
        if outcome.patch is not None:
            done, encoded = cv2.imencode(".png", cv2.cvtColor(outcome.patch, cv2.COLOR_RGBA2BGRA))
            assert done
            write_bytes(picture, encoded.tobytes())
        write_json(record, {"refused": outcome.refused, "annotation": outcome.annotation, "origin": list(outcome.origin),
                            "patch": None if outcome.patch is None else picture.relative_to(self.folder).as_posix()})
