"""Promises of the people's parameters beside shards: they are those who were drawn, before their cameras, and nobody else."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("smplx")
pytest.importorskip("webdataset")
pytest.importorskip("torchmetrics")

import torch

from deocc_aug.benchmarks.harness.synthetic_meshes import body_joints, mesh_of
from deocc_aug.benchmarks.mesh_models.skin import BODY, skin_of, whole_turns
from deocc_aug.cli import main
from deocc_aug.humans.bodies import sample_bodies
from deocc_aug.humans.open_body import build as building
from deocc_aug.humans.open_body.build import OpenBody, arrays
from deocc_aug.humans.open_body.people import read_people, write_people
from deocc_aug.humans.open_body.rig import rig
from deocc_aug.humans.recipe import Recipe
from deocc_aug.humans.records import files_of
from deocc_aug.humans.scenes import GROUP, Ingredients, Scene, make_scenes
from deocc_aug.humans.shards import MANIFEST

SEED, SIZE = 5, (64, 48)


@pytest.fixture(scope="module")
def body() -> Iterator[OpenBody]:
    """The open body, its directions made of fewer people."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "SAMPLES", 24)
        yield building.build()


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [*make_scenes(SEED, 0, Ingredients(size=SIZE, rate=0.4))]


@pytest.fixture(scope="module")
def folder(scenes: list[Scene], body: OpenBody, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those people as `deocc-aug synth` writes them, with their parameters."""
    from webdataset import TarWriter

    out = tmp_path_factory.mktemp("shards")
    with TarWriter(str(out / "scenes-000000.tar"), encoder=False) as tar:
        for number, scene in enumerate(scenes):
            tar.write({"__key__": f"{number:08d}", **files_of(scene, False)})
    said = {"format": 2, "version": "test", "seed": SEED, "ingredients": Recipe(size=SIZE).as_json(), "vertices": False, "per_shard": 256,
            "n": GROUP}
    (out / MANIFEST).write_text(json.dumps(said))
    write_people(out, body, rig())
    return out


def test_people_are_drawn_again_as_they_were_and_stand_before_their_cameras(folder: Path, scenes: list[Scene], body: OpenBody) -> None:
    people = read_people(folder)
    skin = skin_of(arrays(body))
    joints, vertices = skin.some(torch.from_numpy(whole_turns(people.rotations)).float(), torch.from_numpy(people.betas).float(),
                                 torch.arange(len(body.template)))
    for number, scene in enumerate(scenes):
        assert scene.vertices_camera is not None
        off = vertices[number].numpy() + people.pelvis[number] - scene.vertices_camera[body.order]
        assert np.linalg.norm(off, axis=1).mean() < 0.04  # few directions, straight fingers
        knees = joints[number, [4, 5]].numpy() + people.pelvis[number]
        assert np.linalg.norm(knees - scene.joints_camera[[13, 14]], axis=1).max() < 0.08


def test_the_benchmarks_bodies_are_as_drawn_and_near_their_parameters(folder: Path, scenes: list[Scene], body: OpenBody) -> None:
    bodies = sample_bodies(GROUP, np.random.default_rng([SEED, 0]))
    people = read_people(folder)
    joints = skin_of(arrays(body)).some(torch.from_numpy(whole_turns(people.rotations)).float(), torch.from_numpy(people.betas).float(),
                                        torch.arange(1))[0][:, :BODY].numpy()
    hidden = 0
    for number, scene in enumerate(scenes):
        mesh = mesh_of(scene, bodies, number, body)
        assert (mesh.vertices == scene.vertices_camera[body.order]).all()  # type: ignore[index]
        off = np.linalg.norm(mesh.joints - (joints[number] + people.pelvis[number]), axis=1)
        assert off.mean() < 0.03
        assert not (mesh.hidden & mesh.outside).any()
        hidden += mesh.hidden.sum()
        seen = mesh.camera.project(mesh.joints)[~mesh.outside]
        width, height = scene.frame_xyxy[2:] - scene.frame_xyxy[:2]
        assert (seen >= 0).all() and (seen < [width, height]).all()
    assert hidden > GROUP
    assert np.abs(body_joints(bodies)[:, 0]).max() < 1e-6
    with pytest.raises(ValueError, match="shows somebody else"):
        mesh_of(scenes[0], bodies, 1, body)


def test_people_of_another_seed_are_refused(folder: Path, body: OpenBody) -> None:
    said = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(said | {"seed": SEED + 1}))
    with pytest.raises(ValueError, match="are not those whom this version draws of its seed"):
        write_people(folder, body, rig())
    (folder / MANIFEST).write_text(json.dumps(said | {"n": GROUP + 1}))
    with pytest.raises(ValueError, match="is of 16 people and the folder of 17"):
        read_people(folder)
    (folder / MANIFEST).write_text(json.dumps(said))


def test_the_command_asks_for_a_folder_of_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["body", "people"]) == 2
    assert "pass --scenes DIR" in capsys.readouterr().err
    assert main(["body", "people", "--scenes", str(tmp_path)]) == 2
    assert "scenes.json is not there" in capsys.readouterr().err
    assert main(["body", "export"]) == 2
    assert "pass --out DIR" in capsys.readouterr().err
