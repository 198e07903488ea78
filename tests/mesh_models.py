"""A body of two hundred vertices in SMPL-X's format, a net for it, and shards of people drawn as dots: no model file, no anny."""
from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from deocc_aug.benchmarks.mesh_models.model import CompactHMR
from deocc_aug.benchmarks.mesh_models.skin import skin_of
from deocc_aug.humans.camera import Camera, View
from deocc_aug.humans.open_body.tree import JOINTS, PARENTS
from deocc_aug.humans.records import Scene, files_of

VERTICES = 200
SIZE = (64, 48)
NET = {"size": SIZE, "channels": (8, 8, 16, 16), "blocks": (1, 1, 1), "width": 32, "layers": 1}


def arrays() -> dict[str, np.ndarray]:
    """A random body, the same on both sides: its joints hang below one another, its vertices are near them."""
    rng = np.random.default_rng(0)
    places = np.zeros((len(JOINTS), 3))
    for joint, parent in enumerate(PARENTS[1:], 1):
        name, step = JOINTS[joint], rng.normal(0, 0.12, 3)
        sided = name.startswith(("left", "right"))
        places[joint] = places[parent] + (step if sided else step * [0, 1, 1])
        if name.startswith("right"):
            places[joint] = places[JOINTS.index(name.replace("right", "left"))] * [-1, 1, 1]
    template = np.concatenate([places, places[rng.integers(len(JOINTS), size=VERTICES - len(JOINTS))] + rng.normal(0, 0.04, (145, 3))])
    weights = np.zeros((VERTICES, len(JOINTS)))
    np.put_along_axis(weights, np.stack([rng.choice(len(JOINTS), 3, replace=False) for _ in range(VERTICES)]),
                      rng.dirichlet((2, 1, 1), VERTICES), axis=1)
    return {"v_template": template, "shapedirs": rng.normal(0, 0.01, (VERTICES, 3, 20)), "weights": weights,
            "J_regressor": np.eye(len(JOINTS), VERTICES)}


def write_body(path: Path) -> Path:
    """The body as a file."""
    np.savez(path, **arrays())
    return path


def write_net(folder: Path, seed: int = 0) -> Path:
    """An untrained net, saved as a training saves it."""
    torch.manual_seed(seed)
    skin = skin_of(arrays())
    model = CompactHMR(**NET, vertices=VERTICES, influences=skin.weight.shape[1])
    model.skin.load_state_dict(skin.state_dict())
    model.half().save_pretrained(folder)
    return folder


def local(count: int, seed: int = 0, spread: float = 0.4) -> np.ndarray:
    """(N, 55, 3, 3) random rotations, each relative to its parent."""
    turns = np.random.default_rng(seed).normal(0, spread, (count * len(JOINTS), 3))
    return Rotation.from_rotvec(turns).as_matrix().reshape(count, len(JOINTS), 3, 3)


def write_scenes(folder: Path, count: int = 4) -> Path:
    """Shards of people of whom nothing is right but that they can be read."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with tarfile.open(folder / "scenes-000000.tar", "w") as tar:
        for number in range(count):
            amodal = np.zeros((96, 72), np.bool_)
            amodal[16:80, 20:52] = True
            picture, nothing = rng.integers(0, 256, (96, 72, 3)).astype(np.uint8), np.zeros((96, 72), np.uint8)
            scene = Scene(picture, picture, amodal, np.zeros_like(amodal), nothing, nothing, np.zeros((17, 2), np.float32),
                          np.zeros(17, np.uint8), np.zeros((17, 3), np.float32), np.array([0, 0, 72, 96]),
                          View(Camera(0.0, 0.0, 0.0, 3.0), np.zeros(3), 200.0, np.array([36.0, 48.0])), {}, "stand")
            for ending, content in files_of(scene, vertices=False).items():
                member = tarfile.TarInfo(f"{number:08d}.{ending}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
    said = {"format": 2, "seed": 0, "n": count, "per_shard": 256, "ingredients": {"families": None}}
    (folder / "scenes.json").write_text(json.dumps(said))
    people = {"rotations": local(count), "betas": rng.normal(0, 1, (count, 10)), "translations": np.zeros((count, 3)),
              "pelvis": np.tile([0.0, 0.0, 3.0], (count, 1))}
    np.savez(folder / "smplx.npz", **{name: value.astype(np.float32) for name, value in people.items()})
    return folder
