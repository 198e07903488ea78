"""Synthetic people on disk: tar files in webdataset's format, the same bytes for a seed whatever the number of workers.

A folder holds `scenes.json`, which says what was asked for, and `scenes-000000.tar`, ...; each is whole or not there.
webdataset: https://github.com/webdataset/webdataset.
"""

from __future__ import annotations

import json
import tarfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deocc_aug.data.atomic import atomic_file, output_folder, write_json
from deocc_aug.humans.recipe import Recipe
from deocc_aug.humans.records import Scene, files_of, scene_of

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Ingredients

__all__ = ["PER_SHARD", "count", "manifest", "read_shard", "read_shards", "shard_name", "write_shards"]

PER_SHARD = 256
MANIFEST = "scenes.json"
FORMAT = 2
READABLE = (1, FORMAT)  # format 1 has neither frames nor the camera's centre


@dataclass(frozen=True)
class _Shard:
    """Scenes `first` to `last` (excluded) of a seed, and the file that they belong in."""

    path: Path
    seed: int
    first: int
    last: int
    vertices: bool

    def __call__(self, ingredients: Ingredients) -> Iterator[int]:
        """Writes the file; yields the number of people made since it yielded last."""
        from webdataset import TarWriter  # type: ignore[import-untyped, unused-ignore]

        from deocc_aug.humans.scenes import GROUP, make_scenes

        with atomic_file(self.path) as file, TarWriter(file, user="", group="", mtime=0, encoder=False) as tar:
            for start in range(self.first, self.last, GROUP):
                wanted = min(GROUP, self.last - start)
                for number, scene in enumerate(islice(make_scenes(self.seed, start // GROUP, ingredients), wanted), start):
                    tar.write({"__key__": f"{number:08d}", **files_of(scene, self.vertices)})
                yield wanted


def write_shards(out: Path, n: int, seed: int, recipe: Recipe, workers: int = 1, vertices: bool = False,
                 per_shard: int = PER_SHARD) -> int:  # fmt: skip
    """Writes `n` scenes into the folder `out`, less those that are there; returns how many it made.

    An interrupted run is taken up by the same call; a larger `n` adds to what is there.  Scene i depends on (seed, i) and the
    recipe alone.

    Raises:
        ValueError: `out` holds scenes of other settings or more than `n`, or nothing in one of the recipe's folders can be used.
        OSError: a folder of the recipe is not there, or `out` cannot be written to.
        ImportError: the extra `humans` is not installed.
        RuntimeError: a worker failed; complete shards are kept.
    """
    from tqdm import tqdm

    from deocc_aug import __version__
    from deocc_aug.humans.crew import hired

    _check(n, seed, workers, per_shard)
    settings = {"format": FORMAT, "version": __version__, "seed": seed, "ingredients": recipe.as_json(), "vertices": vertices,
                "per_shard": per_shard}  # fmt: skip
    before = _before(out, settings, n)
    shards = [_Shard(out / shard_name(k), seed, k * per_shard, min((k + 1) * per_shard, n), vertices) for k in range(-(-n // per_shard))]
    cut = before // per_shard if before < n and before % per_shard else None  # the shard that is to become longer
    missing = [shard for k, shard in enumerate(shards) if k == cut or not shard.path.exists()]
    to_do = sum(shard.last - shard.first for shard in missing)
    if not missing:
        return 0
    with hired(recipe, min(workers, len(missing))) as crew:
        settings |= {"found": crew.found}
        _before(out, settings, n)
        output_folder(out)
        if cut is not None:
            shards[cut].path.unlink(missing_ok=True)
        write_json(out / MANIFEST, settings | {"n": n})
        with tqdm(total=n, initial=n - to_do, unit="person", disable=None) as bar:
            for made in crew.run(missing):
                bar.update(made)
    return to_do


def read_shards(folder: Path) -> Iterator[Scene]:
    """The scenes of a folder, in order.  A shard that is missing or damaged is named in a warning and passed over.

    Raises:
        OSError: the folder or its `scenes.json` is not there.
        ValueError: `scenes.json` is not one that `deocc-aug synth` wrote, or there is no shard that can be read.
    """
    said, read = manifest(Path(folder)), 0
    for k in range(-(-said["n"] // said["per_shard"])):
        path = Path(folder) / shard_name(k)
        try:
            for scene in read_shard(path):
                yield scene
                read += 1
        except (OSError, ValueError) as error:
            warnings.warn(f"shard skipped: {error}", stacklevel=2)
    if not read:
        raise ValueError(f"{folder} has no shard that can be read: run the `deocc-aug synth` that made it once more")


def read_shard(path: Path) -> Iterator[Scene]:
    """The scenes of one shard, in order.

    Raises:
        OSError: it is not there.
        ValueError: it is damaged.
    """
    key, files = "", dict[str, bytes]()
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name, _, ending = member.name.partition(".")
                if files and name != key:
                    yield scene_of(files)
                    files = {}
                key, content = name, tar.extractfile(member)
                files[ending] = b"" if content is None else content.read()
        if files:
            yield scene_of(files)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: the run that makes it was interrupted or goes on; run it again") from None
    except (tarfile.TarError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove it, and run the `deocc-aug synth` that made it once more") from None


def count(folder: Path) -> int:
    """How many scenes the folder is to hold; fewer are there while it is being written.

    Raises:
        OSError: the folder or its `scenes.json` is not there.
        ValueError: `scenes.json` is not one that `deocc-aug synth` wrote.
    """
    return int(manifest(Path(folder))["n"])


def shard_name(number: int) -> str:
    """The file of the shard of that number."""
    return f"scenes-{number:06d}.tar"


def _check(n: int, seed: int, workers: int, per_shard: int) -> None:
    from deocc_aug.humans.scenes import GROUP

    if n < 1:
        raise ValueError(f"n is {n}: pass the number of people to make, 1 or more")
    if seed < 0:
        raise ValueError(f"seed is {seed}: pass 0 or more")
    if workers < 1:
        raise ValueError(f"workers is {workers}: pass the number of processes, 1 or more")
    if per_shard < 1 or per_shard % GROUP:
        raise ValueError(f"per_shard is {per_shard}: pass a multiple of {GROUP}")


def _before(out: Path, settings: dict[str, Any], n: int) -> int:
    """How many people an earlier run into `out` was to make, 0 where there was none.  Raises ValueError where it was another run."""
    if not (out / MANIFEST).exists():
        if next(out.glob("scenes-*.tar"), None) is not None:
            raise ValueError(f"{out} has shards but no {MANIFEST}: pass another folder")
        return 0
    there = manifest(out)
    differing = [f"{key} is {there.get(key)!r} there and {value!r} now" for key, value in settings.items() if there.get(key) != value]
    if differing:
        raise ValueError(f"{out} holds scenes of other settings ({'; '.join(differing)}): pass another folder, or the same settings")
    if there["n"] > n:
        raise ValueError(f"{out} is a folder of {there['n']} people, more than {n}: pass another folder, or at least that n")
    return int(there["n"])


def manifest(folder: Path) -> dict[str, Any]:
    """What `scenes.json` of a folder says.

    Raises:
        OSError: it is not there.
        ValueError: it is not one that `deocc-aug synth` wrote.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] not in READABLE or content["n"] < 1 or content["per_shard"] < 1:
            raise ValueError(f"format {content['format']}, n {content['n']}, per_shard {content['per_shard']}")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: pass a folder that `deocc-aug synth` wrote") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is none of this version's ({error}): pass a folder that `deocc-aug synth` wrote") from None
    return dict(content)
