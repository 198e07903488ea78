"""Stage 2 on patches that hears words: what it takes over, what it hears, and how it is kept."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from painting import paint

from deocc_aug.appearance.painter import Painter, painter_class
from deocc_aug.appearance.pipeline import AppearancePipeline
from deocc_aug.training.appearance_module import AppearanceModule, ListeningAppearanceModule
from deocc_aug.training.listening import listeners

TINY = (32, 32, 32)


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny stage 2 on patches with random weights."""
    folder = tmp_path_factory.mktemp("deaf")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AppearanceModule(channels=TINY).export(folder)
    return folder


@pytest.fixture(scope="module")
def folder(deaf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same that hears words, loudly, as training writes it."""
    folder = tmp_path_factory.mktemp("listening")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = ListeningAppearanceModule(str(deaf / "unet"), width=32, text_layers=1)
        module.begin()
        for attention in listeners(module.unet):
            torch.nn.init.normal_(attention.proj_out.weight, std=0.2)
        module.export(folder)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> AppearancePipeline:
    return AppearancePipeline.from_pretrained(folder, dtype=torch.float32)


def test_it_begins_as_the_one_that_hears_nothing(deaf: Path) -> None:
    from diffusers import UNet2DModel

    module = ListeningAppearanceModule(str(deaf / "unet"), width=32, text_layers=1)
    module.begin()
    old = UNet2DModel.from_pretrained(deaf / "unet", dtype=torch.float32).state_dict()
    new = module.unet.state_dict()
    same = {name for name in old if name in new and torch.equal(old[name], new[name])}
    assert {name for name in set(old) - same if not name.startswith("mid_block")} == set()
    state, timesteps = torch.randn(2, module.unet.config.in_channels, 32, 24), torch.tensor([999, 400])
    with torch.no_grad():
        red, blue = (module.unet(state, timesteps, encoder_hidden_states=torch.full((2, 3, 32), value)).sample for value in (0.0, 1.0))
    assert torch.equal(red, blue)


def test_what_is_written_loads_as_a_painter_that_reads(folder: Path, deaf: Path, pipeline: AppearancePipeline) -> None:
    from safetensors import safe_open

    files = list(folder.rglob("*.safetensors"))
    assert {path.parent.name for path in files} == {"unet", "text_encoder"}
    for path in files:
        with safe_open(path, "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert painter_class(folder) is AppearancePipeline and isinstance(pipeline, Painter) and pipeline.read is not None
    assert AppearancePipeline.from_pretrained(deaf).read is None


def test_words_and_guidance_are_heard_and_hidden_pixels_are_not_seen(pipeline: AppearancePipeline) -> None:
    assert pipeline.read is not None
    (red, unknown), (blue, _) = (pipeline.read(f"a person wearing a {colour} shirt") for colour in ("red", "blue"))
    assert unknown == [] and pipeline.read("a frobnicated shirt")[1] == ["frobnicated"]
    told = paint(pipeline, words=red)
    assert np.abs(told - paint(pipeline, words=blue)).max() > 1 and np.abs(told - paint(pipeline)).max() > 1
    assert np.abs(told - paint(pipeline, words=red, guidance=2.0)).max() > 1
    assert np.array_equal(told, paint(pipeline, words=red, hidden=255))
    assert np.array_equal(paint(pipeline), paint(pipeline, words=pipeline.read("")[0]))  # nothing told is no words


def test_parts_that_do_not_fit_are_refused(pipeline: AppearancePipeline, deaf: Path, tmp_path: Path) -> None:
    from deocc_aug.appearance.text import small_text_encoder

    parts = {name: pipeline.components[name] for name in ("unet", "scheduler", "text_encoder", "tokenizer")}
    with pytest.raises(ValueError, match="needs a text encoder"):
        AppearancePipeline(parts["unet"], parts["scheduler"])
    with pytest.raises(ValueError, match="no use for a text encoder"):
        AppearancePipeline(**{**parts, "unet": AppearancePipeline.from_pretrained(deaf).unet})
    with pytest.raises(ValueError, match="attends to 32 channels, the text encoder has 64"):
        AppearancePipeline(**{**parts, "text_encoder": small_text_encoder(parts["tokenizer"], 64, 1)})
    with pytest.raises(ValueError, match=r"holds no config\.json: pass the folder of stage 2's UNet"):
        ListeningAppearanceModule(str(tmp_path))
