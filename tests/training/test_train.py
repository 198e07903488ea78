"""Training runs from the shell, goes on where it stopped, writes what a preset needs, and never reads val photos."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from diffusers import UNet2DModel
from pictures import draw

from deocc_aug.body.codec import encode_observation
from deocc_aug.cli import main
from deocc_aug.training.appearance_data import holed_photo
from deocc_aug.training.appearance_module import AppearanceModule
from deocc_aug.training.body_data import hidden_body
from deocc_aug.training.body_module import BodyModule
from deocc_aug.training.hide import random_occluder, to_world
from deocc_aug.training.sources import Example, read_ccp, read_coco_people, read_coco_shapes
from deocc_aug.types import COCO_JOINTS, MIRRORED


@pytest.mark.parametrize("part", ["body", "appearance"])
def test_a_run_goes_on_where_it_stopped_and_writes_the_part(part: str, coco: Path, tmp_path: Path) -> None:
    arguments = ["train", part, "--out", str(tmp_path), "--data.coco", str(coco), "--data.workers", "0", "--data.batch_size", "2",
                 "--model.channels", "[32, 32, 32]", "--accelerator", "cpu"]
    assert main([*arguments, "--max-steps", "2"]) == 0
    assert main([*arguments, "--max-steps", "3"]) == 0
    if part == "body":  # another run that begins as this one ended
        begun = BodyModule(channels=(32, 32, 32), start=str(tmp_path / "part"))
        ended = UNet2DModel.from_pretrained(tmp_path / "part" / "unet").state_dict()
        assert all((tensor == ended[name].float()).all() for name, tensor in begun.unet.state_dict().items())
        with pytest.raises(ValueError, match=r"channels \(32, 32, 32\) and 1 layers, here \(32, 32\)"):
            BodyModule(channels=(32, 32), start=str(tmp_path / "part"))
    import torch

    assert torch.load(tmp_path / "last.ckpt", weights_only=False)["global_step"] == 3
    from deocc_aug.appearance.pipeline import AppearancePipeline
    from deocc_aug.body.pipeline import BodyPipeline

    pipeline = {"body": BodyPipeline, "appearance": AppearancePipeline}[part].from_pretrained(tmp_path / "part")
    weights = next((tmp_path / "part").rglob("*.safetensors"))
    from safetensors import safe_open

    with safe_open(weights, "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert pipeline.unet.config.block_out_channels == [32, 32, 32] or pipeline.unet.config.block_out_channels == (32, 32, 32)


@pytest.mark.slow
def test_stage_2_in_latents_is_trained_in_three_runs(coco: Path, tmp_path: Path) -> None:
    """Autoencoder, its decoder alone, then the UNet and the text encoder on its latents."""
    common = ["--data.coco", str(coco), "--data.workers", "0", "--data.batch_size", "2", "--accelerator", "cpu", "--max-steps", "2"]
    first, tuned, last = (str(tmp_path / name) for name in ("first", "tuned", "last"))
    assert main(["train", "autoencoder", "--out", first, "--model.channels", "[64]", "--model.latent_channels", "4",
                 "--data.side", "64", *common]) == 0
    assert main(["train", "autoencoder", "--out", tuned, "--model.start", f"{first}/part", "--data.side", "64", *common]) == 0
    AppearanceModule(channels=(32, 32, 32)).export(tmp_path / "pixels")
    assert main(["train", "latent", "--out", last, "--model.autoencoder", f"{tuned}/part", "--model.channels", "[32, 32, 32]",
                 "--model.start", f"{tmp_path}/pixels/unet", "--model.width", "32", "--data.words", "true", *common]) == 0
    import torch
    from diffusers import AsymmetricAutoencoderKL

    from deocc_aug.appearance.latent_pipeline import LatentAppearancePipeline

    before, after = (AsymmetricAutoencoderKL.from_pretrained(f"{run}/part").state_dict() for run in (first, tuned))
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "decoder" in moved <= {"decoder", "post_quant_conv"}
    assert LatentAppearancePipeline.from_pretrained(f"{last}/part").vae is not None


@pytest.mark.slow
def test_stage_2_learns_to_listen_and_goes_on(coco: Path, tmp_path: Path) -> None:
    """From one that hears nothing; then from itself, with the text encoder that it learned with."""
    from transformers import CLIPTextModel

    AppearanceModule(channels=(32, 32, 32)).export(tmp_path / "pixels")
    start = tmp_path / "pixels"
    for run in ("first", "second"):
        assert main(["train", "listening", "--out", str(tmp_path / run), "--model.start", str(start), "--model.width", "32",
                     "--model.channels", "[32, 32]", "--model.lessons", "5", "--data.words", "true", "--data.coco", str(coco),
                     "--data.workers", "0", "--data.batch_size", "2", "--accelerator", "cpu", "--max-steps", "2"]) == 0
        start = tmp_path / run / "part"
    first, second = (CLIPTextModel.from_pretrained(tmp_path / run / "part" / "text_encoder").state_dict() for run in ("first", "second"))
    assert all((first[name] == second[name]).all() for name in first)


def test_val_photos_are_never_read(coco: Path) -> None:
    assert len(read_coco_people(coco, 144, photos=True)) == 1 and len(read_coco_shapes(coco)) == 1
    with pytest.raises(ValueError, match="'train' or 'unlabelled'"):
        read_ccp(coco, "val", 144, photos=False)


def test_a_folder_that_is_laid_out_otherwise_is_one_line(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And joints may be missing, or be COCO's own."""
    whole = read_coco_people(coco, 200, photos=True)
    assert whole and all(example.joints[:, 2].all() for example in whole)
    folder = shutil.copytree(coco, tmp_path / "coco")
    people = json.loads((folder / "keypoints.json").read_text())["people"]
    own = [{"id": person["annotation_id"], "keypoints": person["keypoints"]} for person in people]
    (folder / "keypoints.json").write_text(json.dumps({"annotations": own}))
    again = read_coco_people(folder, 200, photos=True, min_keypoints=17)
    assert [example.joints.tolist() for example in again] == [example.joints.tolist() for example in whole]
    (folder / "keypoints.json").rename(tmp_path / "keypoints.json")
    assert not any(example.joints.any() for example in read_coco_people(folder, 200, photos=True))
    (tmp_path / "keypoints.json").rename(folder / "keypoints.json")
    arguments = ["train", "body", "--out", str(tmp_path / "run"), "--data.coco", str(folder), "--data.workers", "0", "--accelerator", "cpu",
                 "--model.channels", "[32, 32, 32]", "--max-steps", "1"]  # fmt: skip
    picture = folder / "images" / f"{1:012d}.jpg"
    content = json.loads((folder / "instances.json").read_text())

    def fails(message: str) -> None:
        assert main(arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert message in error and "Traceback" not in error

    picture.write_bytes(b"no picture")
    fails("is no picture that can be read")
    picture.unlink()
    fails("should have it: docs/training.md")
    (folder / "instances.json").write_text(json.dumps({**content, "annotations": [{"id": 1, "image_id": 1}]}))
    fails("is not laid out as it should be (KeyError: 'iscrowd'): docs/training.md")


def test_nobody_to_learn_from_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "body", "--out", str(tmp_path / "run"), "--accelerator", "cpu"]) == 2
    assert "nobody to learn from" in capsys.readouterr().err


@pytest.fixture(scope="module")
def example() -> Example:
    picture = draw()
    joints = np.ones((17, 3))
    joints[:, 0], joints[:, 1] = 110, 60 + 10 * np.arange(17)
    return Example(picture.amodal_mask, joints, np.array([50.0, 32, 171, 278]), picture.image)


def test_examples_repeat_for_a_seed_and_hold_no_hidden_pixel(example: Example) -> None:
    made = [holed_photo(example, np.random.default_rng(7), [], (256, 192), 4) for _ in range(2)]
    assert made[0] is not None and made[1] is not None
    assert all((made[0][key] == made[1][key]).all() for key in made[0])
    for seed in range(20):
        one = holed_photo(example, np.random.default_rng(seed), [], (256, 192), 4)
        assert one is not None
        shown, known = one["condition"][:48], np.repeat(one["condition"][48:64][None], 3, 0).reshape(48, 32, 24)
        assert not shown[known == 0].any()
        assert np.allclose(shown[known == 1], one["target"][known == 1])


def test_the_truth_agrees_with_what_is_seen(example: Example) -> None:
    agrees: dict[str, list[np.ndarray]] = {"person": [], "clear": []}  # all but what the annotator's noise gets wrong
    for seed in range(20):
        made = hidden_body(example, np.random.default_rng(seed), [], (256, 192), 4, coloured=0.5)
        if made is not None:
            person, clear, truth = made["condition"][:16], made["condition"][16:32], made["target"][:16]
            assert made["condition"].shape == encode_observation(np.zeros((256, 192), np.uint8), np.zeros((17, 3)), None, 4).shape
            assert not made["condition"][-12:, ~(person > 0).any(0)].any()
            agrees["person"].append(truth[person == 1] > 0.5)
            agrees["clear"].append(truth[clear == 1] < 0.5)
    assert all(np.concatenate(shares).mean() > 0.95 for shares in agrees.values())


def test_colours_are_shown_as_often_as_asked(example: Example) -> None:
    for coloured, shown in ((0.0, 0), (1.0, 10)):
        made = [hidden_body(example, np.random.default_rng(seed), [], (256, 192), 4, coloured) for seed in range(40)]
        assert [bool(one["condition"][-12:].any()) for one in made if one is not None][:10].count(True) == shown


def test_occluders_hide_the_share_that_was_asked_for(example: Example) -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(30):
        world = to_world(example, 144, rng)
        occluder = random_occluder(world.mask, [], rng, 0.2, 0.6)
        shares.append((occluder & world.mask).sum() / world.mask.sum())
    assert max(shares) <= 0.6 and np.mean(np.array(shares) >= 0.2) > 0.9


def test_flipping_swaps_left_and_right() -> None:
    for joint, other in enumerate(MIRRORED):
        assert COCO_JOINTS[other] == COCO_JOINTS[joint].replace("left", "?").replace("right", "left").replace("?", "right")
