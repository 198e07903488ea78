"""Presets: folders of learned parts with a manifest.  This module finds and checks them; it imports no framework."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deocc_aug.options import Options

HERE = Path(__file__).parent
MANIFEST = "preset.json"
FORMAT = 1
BESIDE = "../"


@dataclass(frozen=True)
class Preset:
    """A preset's folder and what its manifest says.

    `canvas` (height, width) px; `defaults` the Options it was made for; `parts` part name -> subfolder; `sha256` file -> digest;
    `fusion` the file of its `deocc_aug.fusion.FusionWeights`, None where it brings none; `half` the parts that run in half precision
    on a GPU unless somebody says otherwise.  A part may lie in a preset beside this one ("../compact/body").
    """

    folder: Path
    name: str
    revision: str
    licence: str
    canvas: tuple[int, int]
    defaults: Options
    parts: dict[str, str]
    sha256: dict[str, str]
    fusion: str | None = None
    half: tuple[str, ...] = ()

    def part(self, name: str) -> Path:
        """The folder of one part.

        Raises:
            ValueError: the preset has no such part.
        """
        if name not in self.parts:
            raise ValueError(f"preset {self.folder} has no part {name!r} (it has {sorted(self.parts)}): choose a preset that has one")
        return self.folder / self.parts[name]


def presets() -> dict[str, Path]:
    """The presets inside the package, name -> folder."""
    return {path.parent.name: path.parent for path in sorted(HERE.glob(f"*/{MANIFEST}"))}


def resolve(preset: str | Path) -> Path:
    """The folder of a preset given by name or as a folder.

    Raises:
        ValueError: neither a known name nor a folder with a manifest.
    """
    known = presets()
    if str(preset) in known:
        return known[str(preset)]
    folder = Path(preset)
    if (folder / MANIFEST).is_file():
        return folder
    what = f"{folder} has no {MANIFEST}" if folder.is_dir() else f"{str(preset)!r} is neither a preset nor a folder"
    raise ValueError(f"{what}: pass one of {sorted(known)} or a folder written by deocc_aug.weights.write_manifest")


def read_manifest(folder: Path) -> Preset:
    """The manifest of a preset's folder.

    Raises:
        ValueError: not JSON, a missing key, a format of another version, or a canvas or defaults that are none.
    """
    path = folder / MANIFEST
    try:
        raw: dict[str, Any] = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON ({error}): get the preset's folder again") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{path} holds a {type(raw).__name__}, no manifest: get the preset's folder again")
    missing = sorted({"format", "name", "revision", "licence", "canvas", "defaults", "parts", "sha256"} - set(raw))
    if missing:
        raise ValueError(f"{path} lacks {missing}: get the preset's folder again, or write it with deocc_aug.weights.write_manifest")
    if raw["format"] != FORMAT:
        raise ValueError(f"{path} has format {raw['format']!r}; this version of deocc-aug reads format {FORMAT}: update one of the two")
    try:
        height, width = (int(side) for side in raw["canvas"])
        defaults = Options(**raw["defaults"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: canvas is {raw['canvas']!r} and defaults are {raw['defaults']!r}, which this version cannot use "
                         f"({error}): canvas is [height, width] in pixels, defaults are those of Options") from None
    return Preset(folder, raw["name"], raw["revision"], raw["licence"], (height, width), defaults, raw["parts"], raw["sha256"],
                  raw.get("fusion"), tuple(raw.get("half", ())))


def check(folder: Path) -> Preset:
    """Reads the manifest and compares every file's sha256 with it, and so with those of presets beside it that have parts of this one.

    Raises:
        ValueError: a file is missing or is not the one that the manifest names.
    """
    preset = read_manifest(folder)
    for beside in sorted({preset.part(name).parent for name, sub in preset.parts.items() if sub.startswith(BESIDE)}):
        check(beside)
    for name, expected in preset.sha256.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"preset {folder} lacks {name}, which its manifest names: get the preset's folder again")
        found = digest(path)
        if found != expected:
            raise ValueError(f"{path} is damaged or was replaced: its sha256 is {found[:12]}..., the manifest says {expected[:12]}...: "
                             "get the file again, or write a new manifest if the change is yours")
    return preset


def digest(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            found.update(block)
    return found.hexdigest()


def write_manifest(folder: Path, *, name: str, revision: str, licence: str, canvas: tuple[int, int], defaults: Options,
                   parts: dict[str, str], fusion: str | None = None, half: Sequence[str] = ()) -> Preset:
    """Writes `preset.json` for the parts that lie in `folder` (part name -> subfolder), with the sha256 of all their files.

    `fusion`: the file in it that holds weights for the fusion of two views; `half`: see `Preset`.
    """
    from dataclasses import asdict

    files = sorted(p for sub in parts.values() if not sub.startswith(BESIDE) for p in (folder / sub).rglob("*") if p.is_file())
    files += [] if fusion is None else [folder / fusion]
    manifest = {"format": FORMAT, "name": name, "revision": revision, "licence": licence, "canvas": list(canvas),
                "defaults": {k: v for k, v in asdict(defaults).items() if v is not None}, "parts": parts,
                **({} if fusion is None else {"fusion": fusion}), **({"half": list(half)} if half else {}),
                "sha256": {p.relative_to(folder).as_posix(): digest(p) for p in files}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return read_manifest(folder)
