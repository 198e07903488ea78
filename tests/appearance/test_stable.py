"""Stage 2 from Stable Diffusion's parts: what it looks at, what it hears, what it covers; with tiny nets laid out as on the Hub."""
from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionControlNetInpaintPipeline
from painting import SIZE, case, paint
from tiny_hub import write_tiny_hub, write_tiny_sd15

from deocc_aug.appearance.openpose import openpose_picture
from deocc_aug.appearance.painter import Painter, painter_class
from deocc_aug.appearance.stable import StableAppearancePipeline, to_tensor, without_hole
from deocc_aug.appearance.stable_memory import budget, parameters
from deocc_aug.types import Body


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's own part folder, its models tiny and in the Hub's cache."""
    return write_tiny_sd15(tmp_path_factory.mktemp("presets")) / "appearance"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_hub(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def pipeline(part: Path, cache: Path) -> StableAppearancePipeline:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        return StableAppearancePipeline.from_pretrained(part, dtype=torch.float32)


def spied(pipeline: StableAppearancePipeline, monkeypatch: pytest.MonkeyPatch, method: str = "__call__") -> list[dict[str, Any]]:
    """What diffusers' pipeline is given from now on."""
    given: list[dict[str, Any]] = []
    real = getattr(StableDiffusionControlNetInpaintPipeline, method)

    def spy(self: Any, **options: Any) -> Any:
        given.append(options)
        return real(self, **options)

    monkeypatch.setattr(StableDiffusionControlNetInpaintPipeline, method, spy)
    return given


def test_it_is_the_painter_that_its_part_names(part: Path, pipeline: StableAppearancePipeline) -> None:
    assert painter_class(part) is StableAppearancePipeline and isinstance(pipeline, Painter)
    assert {net.dtype for net in (pipeline.unet, pipeline.controlnet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}


def test_pixels_under_the_hole_are_never_looked_at(pipeline: StableAppearancePipeline) -> None:
    assert np.array_equal(paint(pipeline, hidden=0), paint(pipeline, hidden=255))


def test_both_passes_together_cover_the_hole_and_nothing_else(pipeline: StableAppearancePipeline) -> None:
    canvas, observation, body, hole = case()
    painted = paint(pipeline)[0]
    filled = without_hole(canvas.image, hole, observation.visible)
    assert np.array_equal(painted[~hole], canvas.image[~hole])
    inside = hole & (body.amodal > 0.5)
    for part in (inside, hole & ~inside):
        assert (painted[part] != filled[part]).any(1).mean() > 0.99


def test_the_body_follows_words_and_joints_and_the_background_neither(pipeline: StableAppearancePipeline,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    given = spied(pipeline, monkeypatch)
    _, _, body, hole = case()
    words = pipeline.read("a red shirt")[0]
    paint(pipeline, words=words, guidance=3.0, steps=3)
    first, second = given
    assert np.array_equal(first["prompt_embeds"][0], words) and np.array_equal(second["prompt_embeds"][0], pipeline.read("")[0])
    assert (first["controlnet_conditioning_scale"], second["controlnet_conditioning_scale"]) == (1.0, 0.0)
    assert (first["guidance_scale"], second["guidance_scale"], first["num_inference_steps"]) == (3.0, 1.0, 3)
    height, width = pipeline.painting_size(SIZE)
    assert (height, width) == (128, 96)
    half = body.joints * np.array([0.5, 0.5, 1])
    assert torch.equal(first["control_image"], to_tensor(openpose_picture(half.astype(np.float32), (height, width))))
    asked = [np.asarray(one["mask_image"][0, 0] > 0.5) for one in given]
    inside = hole & (body.amodal > 0.5)
    for mask, wanted in zip(asked, (inside, hole & ~inside), strict=True):
        assert mask[wanted[::2, ::2]].all() and mask.mean() < 2 * wanted.mean()  # all of it, in whole latents


def test_samples_differ_seeds_repeat_and_a_sample_is_the_same_among_others(pipeline: StableAppearancePipeline) -> None:
    several = paint(pipeline, samples=2)
    assert several.shape == (2, *SIZE, 3) and several.dtype == np.float32 and several.min() >= 0 and several.max() <= 255
    assert not np.array_equal(several[0], several[1]) and np.array_equal(several[:1], paint(pipeline))
    assert not np.array_equal(several[:1], paint(pipeline, seed=1))


def test_words_guidance_and_joints_are_heard(pipeline: StableAppearancePipeline) -> None:
    red, unknown = pipeline.read("a person wearing a red shirt")
    assert unknown == [] and red.shape == (77, 32)
    silent = paint(pipeline)
    assert np.array_equal(silent, paint(pipeline, words=pipeline.read("")[0])) and not np.array_equal(silent, paint(pipeline, words=red))
    assert not np.array_equal(paint(pipeline, words=red), paint(pipeline, words=red, guidance=5.0))
    canvas, observation, body, hole = case()
    nobody = Body(body.amodal, body.joints * np.array([1, 1, 0]), body.hypotheses, 0.0)
    without = pipeline(canvas, observation, nobody, hole, steps=2, guidance=1.0, generator=torch.Generator().manual_seed(0))
    assert not np.array_equal(silent, without)


def test_the_decoder_gets_the_visible_pixels_and_the_exact_hole(pipeline: StableAppearancePipeline,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, _, body, hole = case()
    given: list[dict[str, Any]] = []
    real = pipeline.vae.decode
    monkeypatch.setattr(pipeline.vae, "decode", lambda latents, **options: given.append(options) or real(latents, **options))
    paint(pipeline)
    assert len(given) == 2
    inside = hole & (body.amodal > 0.5)
    for options, wanted in zip(given, (inside, hole & ~inside), strict=True):
        assert np.array_equal(options["mask"][0, 0].numpy() > 0.5, wanted[1::2, 1::2]) or np.array_equal(
            options["mask"][0, 0].numpy() > 0.5, wanted[::2, ::2])
    seen = ((given[0]["image"][0].permute(1, 2, 0).numpy() + 1) * 127.5)[:40]
    assert np.abs(seen - canvas.image[:80].reshape(40, 2, 96, 2, 3).mean((1, 3))).mean() < 2


@pytest.mark.parametrize("empty", ["body", "background"])
def test_a_hole_of_one_kind_takes_one_pass(pipeline: StableAppearancePipeline, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    canvas, observation, body, hole = case()
    given = spied(pipeline, monkeypatch)
    amodal = np.full(SIZE, 0.0 if empty == "body" else 1.0, np.float32)
    pipeline(canvas, observation, Body(amodal, body.joints, amodal[None], 0.0), hole, steps=1, guidance=1.0, generator=torch.Generator())
    assert [one["controlnet_conditioning_scale"] for one in given] == [0.0 if empty == "body" else 1.0]


def test_it_is_the_same_after_saving_and_with_nets_that_wait_their_turn(pipeline: StableAppearancePipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    again = StableAppearancePipeline.from_pretrained(tmp_path, dtype=torch.float32)
    painted = paint(pipeline)
    assert np.abs(painted - paint(again)).max() < 0.05  # of 255: where arrays begin in memory changes how sums are rounded
    again.enable_model_cpu_offload(device="cpu")
    assert np.abs(painted - paint(again)).max() < 0.05
    again.remove_all_hooks()
    again.enable_attention_slicing()
    assert np.abs(painted - paint(again)).max() < 1


def test_a_component_of_ones_own_loads_from_a_local_folder(pipeline: StableAppearancePipeline, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry in `model_index.json` names a module that its owner has imported; diffusers wants `ModelMixin` in it by that name."""
    pipeline.save_pretrained(tmp_path / "part")
    (tmp_path / "own_nets_of_mine.py").write_text(
        "from diffusers import ControlNetModel, ModelMixin  # noqa: F401\n\n\nclass OwnControlNet(ControlNetModel):\n    own = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("own_nets_of_mine")
    index = json.loads((tmp_path / "part" / "model_index.json").read_text())
    index["controlnet"] = ["own_nets_of_mine", "OwnControlNet"]
    (tmp_path / "part" / "model_index.json").write_text(json.dumps(index))
    own = StableAppearancePipeline.from_pretrained(tmp_path / "part", dtype=torch.float32, local_files_only=True)
    assert own.controlnet.own and np.abs(paint(own) - paint(pipeline)).max() < 0.05


def test_parts_that_do_not_fit_are_refused(pipeline: StableAppearancePipeline) -> None:
    parts = {name: getattr(pipeline, name) for name in ("unet", "controlnet", "vae", "scheduler", "text_encoder", "tokenizer")}
    with pytest.raises(ValueError, match="size is 100, but one latent is 8 pixels a side"):
        StableAppearancePipeline(**parts, size=100)
    with pytest.raises(ValueError, match="the autoencoder is a AutoencoderKL: pass an AsymmetricAutoencoderKL"):
        StableAppearancePipeline(**{**parts, "vae": AutoencoderKL(block_out_channels=(32,))})


def test_the_memory_budget_is_that_of_the_published_files() -> None:
    """Sizes in bytes of the weights' files as the Hub's pages list them; BLIP's holds its tied word embeddings twice."""
    counted = parameters()
    published = {"unet": 1.72e9 / 2, "controlnet": 723e6 / 2, "text_encoder": 246e6 / 2, "vae": 777e6 / 4,
                 "words": 1.54e9 / 4 - 30524 * 768}
    for name, number in published.items():
        assert counted[name] == pytest.approx(number, rel=0.005), name
    gpu, offloaded, cpu = budget(counted).values()
    assert offloaded < gpu == cpu // 2 and gpu == pytest.approx(3.8e9, rel=0.01)
