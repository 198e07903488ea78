"""The mesh regressor's lessons without pictures."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pytorch_lightning")
pytest.importorskip("torchmetrics")

import torch
from mesh_models import NET, SIZE, write_body, write_scenes

from deocc_aug.benchmarks.mesh_models.data import MeshData
from deocc_aug.benchmarks.mesh_models.lifting import Bodies, about, bodies_of, looked_at, teach
from deocc_aug.benchmarks.mesh_models.model import seen_by
from deocc_aug.benchmarks.mesh_models.module import MeshModule
from deocc_aug.benchmarks.mesh_models.skin import BODY


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Bodies:
    data = MeshData([str(write_scenes(tmp_path_factory.mktemp("scenes") / "scenes"))], size=SIZE, workers=0)
    (_, people), = data.read()
    return bodies_of(people)  # type: ignore[arg-type]


@pytest.fixture
def module(tmp_path: Path) -> MeshModule:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MeshModule(str(write_body(tmp_path / "body.npz")), **NET)


def test_rotations_about_an_axis_leave_it_where_it_is() -> None:
    for axis in range(3):
        turns = about(axis, torch.tensor([0.3, -1.0]))
        assert torch.allclose(turns[:, axis], torch.eye(3)[axis].expand(2, 3)) and torch.allclose(turns.det(), torch.ones(2))


def test_bodies_are_seen_from_all_sides_and_fill_their_crops(bodies: Bodies, module: MeshModule) -> None:
    count, (height, width) = 200, SIZE
    batch = looked_at(bodies, torch.zeros(count, dtype=torch.long), module.model.skin, SIZE, torch.Generator().manual_seed(0))
    assert torch.allclose(batch["rotations"].det(), torch.ones(count, BODY), atol=1e-4)
    ahead = batch["rotations"][:, 0, :, 2]                                  # where the pelvis looks
    assert (ahead[:, 2] > 0.5).float().mean() > 0.2 and (ahead[:, 2] < -0.5).float().mean() > 0.2
    joints = module.model.skin.some(batch["rotations"], batch["betas"], torch.arange(1))[0][:, :BODY]
    seen = seen_by(batch, joints)
    inside = ((seen > 0) & (seen < torch.tensor([width, height]))).all(2)
    assert 0.75 < inside.float().mean() < 1                                 # some crops end on the body
    longest = ((seen.amax(1) - seen.amin(1)) / torch.tensor([width, height])).amax(1)
    assert 0.4 < longest.median() < 1


def test_what_is_taught_is_what_pictures_then_say_where_they_show_joints(bodies: Bodies, module: MeshModule) -> None:
    """After the lessons a picture speaks through nothing but where its heatmaps look."""
    net = module.model

    def loss(said: object, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return module.total(module.losses(said, batch)[0])  # type: ignore[arg-type]

    first, last = teach(net, bodies, loss, 1), teach(net, bodies, loss, 120)
    assert last < 0.9 * first
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, *SIZE)).astype(np.uint8))
    net.eval()
    with torch.no_grad():
        features_free = net.lifted(places_of(net, crops))
        said = net(crops)
    assert torch.allclose(said.rotations, features_free.rotations, atol=1e-4)
    assert torch.allclose(said.pelvis, features_free.pelvis, atol=1e-3)


def places_of(net: torch.nn.Module, crops: torch.Tensor) -> torch.Tensor:
    """Where the first maps of the net look on average."""
    maps = net(crops).heatmaps.exp()
    down, across = ((torch.arange(n) + 0.5) * 8 for n in maps.shape[2:])
    return torch.stack([(maps.sum(2) * across).sum(2), (maps.sum(3) * down).sum(2)], 2)
