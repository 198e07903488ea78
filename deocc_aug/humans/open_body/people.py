"""What the people of shards are in SMPL-X's parameters: a file beside the shards, for those who train and judge mesh regressors.

A shard keeps pictures, joints and the camera; who was drawn follows from (seed, number) and is drawn again here, in a fraction of the time
that their pictures took, and compared with the joints that the shard keeps.
"""
from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deocc_aug.data.atomic import output_errors, write_bytes
from deocc_aug.humans.bodies import sample_bodies
from deocc_aug.humans.camera import View
from deocc_aug.humans.open_body.build import OpenBody
from deocc_aug.humans.open_body.labels import Parameters, in_view, parameters_of
from deocc_aug.humans.open_body.rig import Rig
from deocc_aug.humans.records import view_of
from deocc_aug.humans.scenes import GROUP
from deocc_aug.humans.shards import manifest, shard_name

NAME = "smplx.npz"
CLOSE = 1e-3  # metres that a joint may lie from where its shard says


@dataclass(frozen=True, eq=False)
class People:
    """The people of a folder of shards before their cameras, in the scenes' order; what smplx makes of them is metres right, down, ahead.

    `rotations` (N, 55, 3, 3) each relative to its parent, `betas` (N, 10), `translations` (N, 3), `pelvis` (N, 3) where joint 0 is seen.
    """

    rotations: Float[np.ndarray, "n 55 3 3"]
    betas: Float[np.ndarray, "n 10"]
    translations: Float[np.ndarray, "n 3"]
    pelvis: Float[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.betas)


def write_people(scenes: Path, body: OpenBody, model: Rig) -> Path:
    """Writes `smplx.npz` into a folder of shards; gives its path.

    Raises:
        OSError: the folder, its `scenes.json` or a shard is not there; it cannot be written to.
        ValueError: the folder's people are not those whom this version draws of its seed, or its shards do not have the camera.
    """
    said = manifest(scenes)
    families = said["ingredients"]["families"]
    found: list[People] = []
    for group, people in enumerate(_groups(scenes, said)):
        rng = np.random.default_rng([said["seed"], group])
        bodies = sample_bodies(GROUP, rng, None if families is None else tuple(families))
        drawn = parameters_of(bodies, body, model)
        for k, person in enumerate(people):
            view = view_of(person["camera"])
            _compare(scenes, (bodies.joints_3d[k] - view.eye) @ view.axes, np.array(person["joints_camera"]))
            found.append(before(drawn, k, body, view))
    out, columns = io.BytesIO(), ("rotations", "betas", "translations", "pelvis")
    np.savez(out, **{name: np.concatenate([getattr(one, name) for one in found]).astype(np.float32) for name in columns})
    with output_errors(scenes):
        write_bytes(scenes / NAME, out.getvalue())
    return scenes / NAME


def read_people(scenes: Path) -> People:
    """What `write_people` wrote.

    Raises:
        FileNotFoundError: it has not.
        ValueError: it is of fewer or more scenes than the folder is to hold.
    """
    path, wanted = scenes / NAME, int(manifest(scenes)["n"])
    advice = f"run deocc-aug body people --scenes {scenes}"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there, which says what the people are in SMPL-X's parameters: {advice}")
    with np.load(path, allow_pickle=False) as stored:
        people = People(**{name: stored[name] for name in stored.files})
    if len(people) != wanted:
        raise ValueError(f"{path} is of {len(people)} people and the folder of {wanted}: {advice}")
    return people


def before(drawn: Parameters, k: int, body: OpenBody, view: View) -> People:
    """One of the people before a camera."""
    one = in_view(Parameters(drawn.rotations[k:k + 1], drawn.betas[k:k + 1], drawn.translations[k:k + 1]), body, view)
    shaped = body.template + np.einsum("vck,nk->nvc", body.directions[..., :one.betas.shape[1]], one.betas)
    pelvis = np.einsum("v,nvc->nc", body.regressor[0], shaped) + one.translations  # smplx turns the body about it
    return People(one.rotations, one.betas, one.translations, pelvis)


def _groups(scenes: Path, said: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """What the shards say of the people, `GROUP` of one draw at a time."""
    group: list[dict[str, Any]] = []
    for shard in range(-(-said["n"] // said["per_shard"])):
        path = scenes / shard_name(shard)
        try:
            with tarfile.open(path) as tar:
                for member in tar:
                    content = tar.extractfile(member) if member.name.endswith(".person.json") else None
                    if content is not None:
                        group.append(json.load(content))
                    if len(group) == GROUP:
                        yield group
                        group = []
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is not there: run the `deocc-aug synth` that makes it") from None
        except tarfile.TarError as error:
            raise ValueError(f"{path} is damaged ({error}): remove it, and run the `deocc-aug synth` that made it once more") from None
    if group:
        yield group


def _compare(scenes: Path, drawn: np.ndarray, told: np.ndarray) -> None:
    """Raises ValueError where the people drawn again are not those of the shard."""
    off = np.abs(drawn - told).max()
    if not off < CLOSE:
        raise ValueError(f"the people of {scenes} are not those whom this version draws of its seed (a joint is {off:.3f} m off, or the "
                         "camera is not known): make the scenes anew with `deocc-aug synth`")
