"""Stage 2 in latents: what it looks at, what it hears, and how it is kept."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from painting import paint

from deocc_aug.appearance.latent_pipeline import LatentAppearancePipeline
from deocc_aug.appearance.painter import Painter, painter_class
from deocc_aug.training.appearance_module import AppearanceModule
from deocc_aug.training.autoencoder_module import AutoencoderModule
from deocc_aug.training.latent_module import LatentAppearanceModule, begin_from
from deocc_aug.training.listening import listeners

TINY = (32, 32, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny latent stage 2 with random weights, as training writes it, its autoencoder beside it."""
    folder = tmp_path_factory.mktemp("latent")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoencoderModule(channels=(16, 32, 32), latent_channels=4, patch=2).export(folder / "vae")
        module = LatentAppearanceModule(str(folder / "vae"), channels=TINY, width=32, text_layers=1)
        for attention in listeners(module.unet):
            torch.nn.init.normal_(attention.proj_out.weight, std=0.2)
        module.export(folder / "part")
    return folder


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> LatentAppearancePipeline:
    return LatentAppearancePipeline.from_pretrained(folder / "part", dtype=torch.float32)


def test_it_is_kept_in_half_precision_in_files_that_are_small(folder: Path, pipeline: LatentAppearancePipeline) -> None:
    from safetensors import safe_open

    files = list((folder / "part").rglob("*.safetensors"))
    assert {path.parent.name for path in files} == {"unet", "vae", "text_encoder"}
    for path in files:
        with safe_open(path, "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert painter_class(folder / "part") is LatentAppearancePipeline and isinstance(pipeline, Painter)


def test_pixels_under_the_hole_are_never_looked_at(pipeline: LatentAppearancePipeline) -> None:
    assert np.array_equal(paint(pipeline, hidden=0), paint(pipeline, hidden=255))


def test_samples_differ_and_seeds_repeat(pipeline: LatentAppearancePipeline) -> None:
    several = paint(pipeline, samples=3)
    assert several.shape == (3, 256, 192, 3) and several.min() >= 0 and several.max() <= 255
    assert np.abs(several[0] - several[1]).max() > 0
    assert np.array_equal(several, paint(pipeline, samples=3)) and not np.array_equal(several, paint(pipeline, seed=1, samples=3))


def test_words_and_guidance_are_heard(pipeline: LatentAppearancePipeline) -> None:
    red, unknown = pipeline.read("a person wearing a red shirt")
    assert unknown == [] and red.shape == (32, 32) and pipeline.read("a magenta shirt")[1] == ["magenta"]
    assert np.array_equal(pipeline.read("a magenta shirt")[0], pipeline.read("a shirt")[0])
    silent = paint(pipeline)
    assert np.array_equal(silent, paint(pipeline, words=pipeline.read("")[0])) and not np.array_equal(silent, paint(pipeline, words=red))
    assert not np.array_equal(paint(pipeline, words=red), paint(pipeline, words=red, guidance=2.0))


def test_parts_that_do_not_fit_are_refused(pipeline: LatentAppearancePipeline) -> None:
    parts = {name: getattr(pipeline, name) for name in ("unet", "vae", "scheduler", "text_encoder", "tokenizer")}
    with pytest.raises(ValueError, match="in and 4 out channels: with patch=2"):
        LatentAppearancePipeline(**parts, patch=2)
    with pytest.raises(ValueError, match="holds no config.json"):
        LatentAppearanceModule("nowhere")


def test_training_begins_where_the_pixel_net_was(folder: Path) -> None:
    """Its convolutions read and say in latents what the other's read and said in patches, where latents are linear in patches."""
    pixels = AppearanceModule(channels=TINY).unet
    unet = LatentAppearanceModule(str(folder / "vae"), channels=TINY, width=32, text_layers=1).unet
    condition, basis = 6 * 16 + 17, torch.linalg.qr(torch.randn(48, 4)).Q
    latents = torch.randn(500, 4)
    assert begin_from(unet, pixels, condition, latents, latents @ basis.T) > 50
    state, told = torch.randn(1, 4, 8, 8), torch.randn(1, condition, 8, 8)
    in_patches = torch.einsum("sl,blhw->bshw", basis, state)
    assert torch.allclose(unet.conv_in(torch.cat([state, told], 1)), pixels.conv_in(torch.cat([in_patches, told], 1)), atol=1e-4)
    features = torch.randn(1, 32, 8, 8)
    assert torch.allclose(unet.conv_out(features), torch.einsum("sl,bshw->blhw", basis, pixels.conv_out(features)), atol=1e-4)
    words, there = torch.randn(1, 5, 32), torch.cat([state, told], 1)
    assert torch.equal(unet(there, 0, words).sample, unet(there, 0, 0 * words).sample)  # attention begins silent
