"""Stage 2 on patches that hears words: what stays as it is without them, what it hears, and how it is kept."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from painting import paint
from presets import write_with_listener

from deocc_aug.appearance.codec import condition_channels
from deocc_aug.appearance.painter import Painter, painter_class
from deocc_aug.appearance.pipeline import AppearancePipeline, heard
from deocc_aug.training.appearance_module import AppearanceModule, ListeningAppearanceModule
from deocc_aug.training.listening import listening_unet

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
    """The same with a listener, a loud one, as training writes it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return write_with_listener(deaf, tmp_path_factory.mktemp("listening"))


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> AppearancePipeline:
    return AppearancePipeline.from_pretrained(folder, dtype=torch.float32)


def test_a_new_listener_changes_nothing(deaf: Path) -> None:
    module = ListeningAppearanceModule(str(deaf), channels=(32, 32), width=32, text_layers=1)
    state, condition, words = torch.rand(2, 48, 32, 24), torch.rand(2, condition_channels(4), 32, 24), torch.rand(2, 5, 32)
    with torch.no_grad():
        assert torch.equal(heard(module.unet, state, condition, words), state)


def test_its_painter_is_the_one_that_hears_nothing(folder: Path, deaf: Path, pipeline: AppearancePipeline) -> None:
    one, other = (AppearancePipeline.from_pretrained(path, dtype=torch.float32) for path in (deaf, folder))
    files = [path.relative_to(deaf) for path in (deaf / "unet").iterdir()]
    assert len(files) == 2 and all((deaf / file).read_bytes() == (folder / file).read_bytes() for file in files)
    assert np.array_equal(paint(one), paint(other)) and np.array_equal(paint(one, guidance=2.0), paint(pipeline, guidance=2.0))


def test_a_listener_is_taken_along_where_training_begins_from_it(folder: Path, pipeline: AppearancePipeline) -> None:
    module = ListeningAppearanceModule(str(folder))
    assert pipeline.listener is not None
    assert all(torch.equal(tensor, module.unet.state_dict()[name]) for name, tensor in pipeline.listener.state_dict().items())


def test_only_the_listener_learns(deaf: Path) -> None:
    module = ListeningAppearanceModule(str(deaf), channels=(32, 32), width=32, text_layers=1)
    module.log = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    shape = (2, 48, 32, 24)
    batch = {"target": torch.rand(shape), "condition": torch.rand(2, condition_channels(4), 32, 24), "weight": torch.ones(shape),
             "words": torch.randint(0, 9, (2, 32))}
    optimizer = module.configure_optimizers()
    for step in range(2):
        module.training_step(batch, step).backward()
        optimizer.step()
    moved = {name.split(".")[0] for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"unet"}


def test_what_is_written_loads_as_a_painter_that_reads(folder: Path, deaf: Path, pipeline: AppearancePipeline) -> None:
    from safetensors import safe_open

    files = list(folder.rglob("*.safetensors"))
    assert {path.parent.name for path in files} == {"unet", "listener", "text_encoder"}
    for path in files:
        with safe_open(path, "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert painter_class(folder) is AppearancePipeline and isinstance(pipeline, Painter) and pipeline.read is not None
    assert AppearancePipeline.from_pretrained(deaf).read is None


def test_words_are_heard_and_hidden_pixels_are_not_seen(pipeline: AppearancePipeline) -> None:
    assert pipeline.read is not None
    (red, unknown), (blue, _) = (pipeline.read(f"a person wearing a {colour} shirt") for colour in ("red", "blue"))
    assert unknown == [] and pipeline.read("a frobnicated shirt")[1] == ["frobnicated"]
    told = paint(pipeline, words=red)
    assert np.abs(told - paint(pipeline, words=blue)).max() > 1 and np.abs(told - paint(pipeline)).max() > 1
    assert np.array_equal(told, paint(pipeline, words=red, hidden=255))


def test_guidance_moves_away_from_no_words(pipeline: AppearancePipeline) -> None:
    assert pipeline.read is not None and pipeline.listener is not None
    state, condition = torch.rand(1, 48, 32, 24) * 0.1, torch.rand(1, condition_channels(4), 32, 24)
    red, silent = (torch.from_numpy(pipeline.read(prompt)[0]) for prompt in ("a person wearing a red shirt", ""))
    with torch.no_grad():
        without, once, twice = (heard(pipeline.listener, state, condition, red, silent, guidance) for guidance in (0.0, 1.0, 2.0))
        assert torch.allclose(once, heard(pipeline.listener, state, condition, red), atol=1e-6)
        assert torch.allclose(without, heard(pipeline.listener, state, condition, silent), atol=1e-6)
    free = (twice.abs() < 1) & (without.abs() < 1) & (once.abs() < 1)
    assert free.any() and torch.allclose((twice - once)[free], (once - without)[free], atol=1e-4)


def test_parts_that_do_not_fit_are_refused(pipeline: AppearancePipeline, deaf: Path, tmp_path: Path) -> None:
    from deocc_aug.appearance.text import small_text_encoder

    parts = {name: pipeline.components[name] for name in ("unet", "scheduler", "listener", "text_encoder", "tokenizer")}
    with pytest.raises(ValueError, match="tokenizer is None: pass all three or none"):
        AppearancePipeline(**{**parts, "tokenizer": None})
    with pytest.raises(ValueError, match="listener is None"):
        AppearancePipeline(**{**parts, "listener": None})
    with pytest.raises(ValueError, match="in and 48 out channels"):
        AppearancePipeline(**{**parts, "listener": listening_unet(7, 48, (32, 32), 1, 32)})
    with pytest.raises(ValueError, match="attends to 32 channels, the text encoder has 64"):
        AppearancePipeline(**{**parts, "text_encoder": small_text_encoder(parts["tokenizer"], 64, 1)})
    with pytest.raises(ValueError, match=r"holds no unet/config\.json: pass the folder of stage 2"):
        ListeningAppearanceModule(str(tmp_path))
