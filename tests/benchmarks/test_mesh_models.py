"""Promises of the compact mesh regressor: its body is smplx's own, its crops' truth lies on the person, it is trained, kept and asked."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("pytorch_lightning")
pytest.importorskip("torchmetrics")
pytest.importorskip("scipy")

import torch
from mesh_models import NET, SIZE, VERTICES, arrays, local, write_body, write_net, write_scenes
from presets import write_tiny_preset
from safetensors import safe_open

from deocc_aug import Deoccluder, Person
from deocc_aug.benchmarks.mesh_models.data import MeshData, Posed, Stage, posed_crop
from deocc_aug.benchmarks.mesh_models.model import CompactHMR, Said, rotation_of
from deocc_aug.benchmarks.mesh_models.module import MeshModule, map_loss, seen_by
from deocc_aug.benchmarks.mesh_models.regressor import CompactRegressor, folder_of
from deocc_aug.benchmarks.mesh_models.skin import BODY, MIRRORED, local_turns, middle_turns, skin_of, whole_turns
from deocc_aug.benchmarks.mesh_models.train import main
from deocc_aug.humans.open_body.tree import JOINTS
from deocc_aug.integrations.mesh import WORKER, DeoccludedRegressor, MeshRegressor, WorkerRegressor


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_net(tmp_path_factory.mktemp("net"))


def some_turns(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(whole_turns(local(count, seed))).float()


def picture(height: int = 120, width: int = 100, seed: int = 0) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def test_the_body_is_posed_as_smplx_poses_it(tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx")
    from deocc_aug.humans.open_body.tree import PARENTS

    body, turns = arrays(), local(2)
    turns[:, BODY:] = np.eye(3)  # jaw, eyes, fingers follow
    betas = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    theirs, joints = smplx.lbs.lbs(betas, torch.from_numpy(turns).float(), torch.from_numpy(body["v_template"]).float()[None],
                                   torch.from_numpy(body["shapedirs"][..., :10]).float(), torch.zeros(54 * 9, VERTICES * 3),
                                   torch.from_numpy(body["J_regressor"]).float(), torch.tensor([*PARENTS]),
                                   torch.from_numpy(body["weights"]).float(), pose2rot=False)
    ours, vertices = skin_of(body).some(torch.from_numpy(whole_turns(turns)).float(), betas, torch.arange(VERTICES))
    assert (ours - (joints - joints[:, :1])).abs().max() < 1e-5
    assert (vertices - (theirs - joints[:, :1])).abs().max() < 1e-5


def test_some_vertices_are_those_of_all_and_fingers_keep_their_pose() -> None:
    skin, turns, betas = skin_of(arrays()), some_turns(2), torch.zeros(2, 10)
    whole = skin(turns, betas)
    which = torch.tensor([3, 150, 7])
    assert torch.allclose(skin.some(turns, betas, which)[1], whole[:, which], atol=1e-6)
    skin.hands.copy_(torch.from_numpy(local(1, seed=5)[0, 25:]).float())
    bent = skin.some(turns, betas, which)[0]
    straight = skin_of(arrays()).some(turns, betas, which)[0]
    assert torch.allclose(bent[:, :BODY], straight[:, :BODY]) and (bent - straight)[:, 26:].abs().max() > 0.01


def test_turns_from_rest_and_relative_to_parents_say_the_same() -> None:
    turns = local(3)
    back = local_turns(torch.from_numpy(whole_turns(turns)))
    assert np.abs(back.numpy() - turns[:, :BODY]).max() < 1e-9


def test_six_numbers_make_a_rotation_and_a_rotations_own_six_make_it() -> None:
    made = rotation_of(torch.randn(50, 6, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(made @ made.mT, torch.eye(3).expand(50, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(made), torch.ones(50), atol=1e-5)
    turns = some_turns(1)[0]
    assert torch.allclose(rotation_of(turns[:, :, :2].mT.reshape(BODY, 6)), turns, atol=1e-5)


def test_the_middle_of_turns_about_one_axis_is_their_mean_angle() -> None:
    from scipy.spatial.transform import Rotation

    spread = Rotation.from_rotvec(np.array([[0.2, 0, 0], [0.4, 0, 0], [0.6, 0, 0]])).as_matrix()[:, None]
    assert Rotation.from_matrix(middle_turns(spread)[0]).as_rotvec() == pytest.approx([0.4, 0, 0], abs=1e-9)


def test_what_is_placed_is_seen_where_it_is_projected() -> None:
    said = Said(torch.eye(3).expand(1, BODY, 3, 3), torch.zeros(1, 10), torch.tensor([[30.0, 20.0]]), torch.tensor([40.0]),
                torch.tensor([2.5]), torch.zeros(1, BODY, 8, 6))
    points = torch.tensor([[[0.0, 0.0, 0.0], [0.3, -0.4, 0.5]]])
    placed = said.placed(points, SIZE)
    assert said.projected(points, SIZE)[0, 0].tolist() == pytest.approx([30, 20])
    assert torch.allclose(placed[..., :2] / placed[..., 2:] * said.focal + torch.tensor([24.0, 32.0]), said.projected(points, SIZE),
                          atol=1e-4)
    assert placed[0, 0, 2] == 2.5


def test_left_and_right_change_places_in_a_mirror() -> None:
    assert [MIRRORED[joint] for joint in MIRRORED] == [*range(BODY)]
    assert JOINTS[MIRRORED[JOINTS.index("left_wrist")]] == "right_wrist" and JOINTS[MIRRORED[0]] == "pelvis"


def dotted(joint: int, skin: Any, turns: np.ndarray) -> Posed:
    """A black photo with a white dot where the camera sees one joint."""
    pelvis, focal, middle = np.array([0.05, -0.1, 3.0]), 150.0, np.array([48.0, 62.0])
    place = skin.some(torch.from_numpy(turns[None]).float(), torch.zeros(1, 10), torch.arange(1))[0][0, joint].numpy() + pelvis
    at = place[:2] / place[2] * focal + middle
    photo = np.zeros((120, 100, 3), np.uint8)
    cv2.circle(photo, tuple(int(v) for v in np.floor(at)), 3, (255, 255, 255), -1)
    mask = np.zeros((120, 100), np.bool_)
    mask[20:100, 25:75] = True
    return Posed(mask, np.zeros((17, 3)), np.array([25.0, 20, 75, 100]), photo, hidden=photo, rotations=turns, betas=np.zeros(10),
                 pelvis=pelvis, focal=focal, middle=middle)


@pytest.mark.parametrize("joint", [0, 4, 5, 21])
def test_a_crops_truth_lies_where_the_crop_shows_it(joint: int) -> None:
    """Turned, moved, scaled; where it is mirrored, what was a left joint is a right one."""
    skin, turns, mirrored = skin_of(arrays()), whole_turns(local(1, seed=2, spread=0.3))[0], 0
    person = dotted(joint, skin, turns)
    for seed in range(12):
        made = posed_crop(person, np.random.default_rng(seed), Stage(None, ()), (128, 96))
        bright = made["picture"].astype(float).sum(0)
        bright = np.where(bright > bright.min() + 0.6 * np.ptp(bright), 1.0, 0)
        rows, columns = np.nonzero(bright)
        batch = {name: torch.from_numpy(np.asarray(value))[None] for name, value in made.items()}
        joints = skin.some(batch["rotations"], batch["betas"], torch.arange(1))[0][:, :BODY]
        assert torch.allclose(torch.linalg.det(batch["rotations"]), torch.ones(1), atol=1e-4)
        at = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        same, other = (np.abs(seen_by(batch, joints)[0, k].numpy() - at).max() for k in (joint, MIRRORED[joint]))
        assert min(same, other) < 2.5
        mirrored += other < same
    assert joint == 0 or 0 < mirrored < 12


def test_nothing_is_ever_in_front_of_people_where_nothing_is_to_be() -> None:
    person = dotted(0, skin_of(arrays()), whole_turns(local(1))[0])
    red = np.zeros_like(person.image)
    red[..., 0] = 255
    covered = Posed(person.mask, person.joints, person.box_xyxy, np.zeros_like(red), hidden=red, rotations=person.rotations,
                    betas=person.betas, pelvis=person.pelvis, focal=person.focal, middle=person.middle)

    def spread(stage: Stage) -> list[int]:
        made = [posed_crop(covered, np.random.default_rng(seed), stage, SIZE)["picture"] for seed in range(20)]
        return [int(np.ptp(cv2.GaussianBlur(picture.transpose(1, 2, 0), (0, 0), 3).reshape(-1, 3), axis=0).max()) for picture in made]

    assert max(spread(Stage(None, ()))) < 40  # an even black photo stays one, whatever its light
    assert max(spread(Stage([], ()))) > 100


def test_heatmaps_that_are_right_cost_least() -> None:
    rows, columns = torch.meshgrid(torch.arange(8) + 0.5, torch.arange(6) + 0.5, indexing="ij")

    def bell(x: float, y: float) -> torch.Tensor:
        off = ((columns - x / 8).square() + (rows - y / 8).square()) / (2 * 0.8**2)
        return (-off).flatten().log_softmax(0).view(1, 1, 8, 6)

    seen = torch.tensor([[[12.0, 20.0]]])
    assert map_loss(bell(12, 20), seen).abs() < 1e-5 < 0.5 < map_loss(bell(36, 52), seen)
    assert map_loss(bell(4, 20), torch.tensor([[[-500.0, 20.0]]])).abs() < 1e-5  # beyond the crop: at its border


def arguments(out: Path, scenes: Path, body: Path, weights: str = "occluded") -> list[str]:
    given = {"size": list(SIZE), **{name: list(value) if isinstance(value, tuple) else value for name, value in NET.items()
                                    if name != "size"}}
    return ["--weights", weights, "--out", str(out), "--data.scenes", f"['{scenes}']", "--data.workers", "0", "--data.batch_size", "2",
            "--accelerator", "cpu", "--model.body", str(body),
            *(part for name, value in given.items() for part in (f"--model.{name}", str(value)))]


def test_a_training_goes_on_where_it_stopped_and_what_it_writes_predicts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.mesh_models.data.PLACES", 2)
    given = arguments(tmp_path / "run", write_scenes(tmp_path / "scenes"), write_body(tmp_path / "body.npz"))
    exported: list[CompactHMR] = []
    export = MeshModule.export
    monkeypatch.setattr(MeshModule, "export", lambda self, folder: (exported.append(self.model), export(self, folder))[1])
    assert main([*given, "--max-steps", "2"]) == 0
    assert main([*given, "--max-steps", "3"]) == 0
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["global_step"] == 3
    weights = next((tmp_path / "run" / "part").glob("*.safetensors"))
    with safe_open(weights, "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys() if not name.endswith("batches_tracked")}  # noqa: SIM118
    assert kinds == {torch.float16}
    kept = CompactHMR.from_pretrained(tmp_path / "run" / "part", torch_dtype=torch.float32).eval()
    crops = torch.from_numpy(picture(*SIZE)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        ours, theirs = kept(crops), exported[-1].float().eval()(crops)
    assert torch.allclose(ours.rotations, theirs.rotations, atol=1e-5) and torch.allclose(ours.distance, theirs.distance)
    hands = np.load(tmp_path / "scenes" / "smplx.npz")["rotations"][:, 25:]
    assert np.abs(kept.skin.hands.numpy() - middle_turns(hands)).max() < 1e-3


def test_losses_of_the_truth_are_none(tmp_path: Path) -> None:
    module = MeshModule(str(write_body(tmp_path / "body.npz")), **NET)
    data = MeshData([str(write_scenes(tmp_path / "scenes"))], size=SIZE, workers=0)
    (_, people), = data.read()
    made = posed_crop(people[0], np.random.default_rng(0), Stage(None, ()), SIZE)
    batch = {name: torch.from_numpy(np.asarray(value))[None] for name, value in made.items()}
    at = seen_by(batch, torch.zeros(1, 1, 3))[:, 0]
    depth = batch["pelvis"][:, 2]
    said = Said(batch["rotations"], batch["betas"], at, batch["focal"] / depth, depth, torch.zeros(1, BODY, 8, 6).log_softmax(3))
    losses, off = module.losses(said, batch)
    for name in ("turn", "local", "joint", "vertex", "shape", "distance"):
        assert losses[name] < 1e-5, name
    assert losses["seen"] < 0.05  # the net's camera looks at the crop's middle, the crop's own at the body's
    assert off["pa"].max() < 1e-2 and off["joints"].max() < 1e-2


def test_a_training_brings_the_error_down(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = MeshModule(str(write_body(tmp_path / "body.npz")), **NET)
    data = MeshData([str(write_scenes(tmp_path / "scenes"))], size=SIZE, workers=0)
    (_, people), = data.read()
    made = [posed_crop(person, np.random.default_rng(0), Stage(None, ()), SIZE) for person in people]
    batch = {name: torch.from_numpy(np.stack([one[name] for one in made])) for name in made[0]}
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    errors = []
    for _ in range(60):
        losses, off = module.losses(module.model(batch["picture"]), batch)
        errors.append(float(off["pa"].mean()))
        optimizer.zero_grad()
        torch.stack([module.weights[name] * value for name, value in losses.items()]).sum().backward()
        optimizer.step()
    assert errors[-1] < 0.4 * errors[0]


def test_shards_without_their_peoples_parameters_name_the_command(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "scenes")
    (scenes / "smplx.npz").unlink()
    with pytest.raises(FileNotFoundError, match="deocc-aug body people --scenes"):
        MeshData([str(scenes)]).read()


def test_weights_that_are_not_there_name_the_command_that_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.mesh_models.regressor.WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="mesh_models.train --weights occluded"):
        CompactRegressor("occluded")
    with pytest.raises(FileNotFoundError, match="pass 'clean', 'occluded' or a folder"):
        folder_of(str(tmp_path))


def test_it_is_a_mesh_regressor_whose_body_is_seen_in_its_box(net: Path) -> None:
    regressor = CompactRegressor(str(net))
    assert isinstance(regressor, MeshRegressor)
    image, boxes = picture(), np.array([[10.0, 10, 60, 90], [30, 40, 95, 110]])
    pair = regressor.predict([image, image], boxes)
    for box, prediction in zip(boxes, pair, strict=True):
        alone = regressor.predict([image], box[None])[0]
        assert prediction is not None and alone is not None and (prediction.vertices == alone.vertices).all()
        assert prediction.vertices.shape == (VERTICES, 3) and prediction.joints is not None and prediction.joints.shape == (BODY, 3)
        pelvis = prediction.camera.project(prediction.joints[:1].astype(float))[0]
        assert (pelvis > box[:2] - 40).all() and (pelvis < box[2:] + 40).all()


def test_its_parameters_make_its_vertices(net: Path) -> None:
    """As smplx takes them: rotations relative to parents, a translation on top of the body at rest."""
    regressor = CompactRegressor(str(net))
    prediction = regressor.predict([picture()], np.array([[10.0, 10, 60, 90]]))[0]
    assert prediction is not None
    told = prediction.parameters
    turns = np.concatenate([told["global_orient"], told["body_pose"]])[None]
    whole = torch.from_numpy(whole_turns(np.concatenate([turns, np.tile(np.eye(3), (1, 33, 1, 1))], 1))).float()
    skin = regressor.model.skin
    betas = torch.from_numpy(told["betas"])[None]
    pelvis = skin.joints[0] + skin.joint_directions[0] @ betas[0] + torch.from_numpy(told["transl"])
    assert np.abs((skin(whole, betas)[0] + pelvis).detach().numpy() - prediction.vertices).max() < 1e-4


def test_a_worker_says_the_same_and_so_does_one_that_sees_people_whole(net: Path, tmp_path: Path) -> None:
    from pictures import draw

    drawn = draw()
    image, box = drawn.image, np.array([40.0, 30, 180, 280])
    here = CompactRegressor(str(net))
    person = Person(box, drawn.visible_mask, drawn.occluder_mask)
    whole = DeoccludedRegressor(here, Deoccluder.from_pretrained(write_tiny_preset(tmp_path / "tiny")))
    shown = whole.views([image], box[None], [person])[0]
    assert shown.changed
    with WorkerRegressor([sys.executable, str(WORKER), "deocc_aug.benchmarks.mesh_models.regressor:load", str(net)]) as there:
        assert there.body_model == "smplx" and there.scope == "crop"
        for looked, seen in ((here, image), (whole, shown.image)):
            mine = looked.predict([image], box[None], [person])[0] if looked is whole else here.predict([image], box[None])[0]
            theirs = there.predict([seen], box[None])[0]
            assert mine is not None and theirs is not None and mine.joints is not None and theirs.joints is not None
            assert (mine.vertices == theirs.vertices).all() and (mine.joints == theirs.joints).all()
            assert np.allclose(mine.camera.focal_px, theirs.camera.focal_px) and np.allclose(mine.camera.centre_px, theirs.camera.centre_px)
            assert all((mine.parameters[name] == theirs.parameters[name]).all() for name in mine.parameters)
