"""The sd15 preset through the whole path, from repositories laid out as on the Hub; fetching them, and what is said where that fails."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import draw
from tiny_hub import BLIP, CONTROL, SD, VAE, wanted_files, write_tiny_hub, write_tiny_sd15

from deocc_aug import Deoccluder, Options, Person
from deocc_aug.commands import doctor
from deocc_aug.devices import placed, precision
from deocc_aug.weights import HERE, check, presets, read_manifest
from deocc_aug.weights.hub import fetched, sources

WORDS = Options(prompt="a person wearing a red shirt", guidance=3.0, paint_steps=1)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_hub(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sd15(tmp_path_factory.mktemp("presets"))


@pytest.fixture
def full(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's cache holds all; the Hub is never asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Hub's cache holds nothing, and there is no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def deoccluder(hub: Path, folder: Path) -> Deoccluder:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
        return Deoccluder.from_pretrained(folder, local_files_only=True)


def test_a_person_is_completed_exactly_outside_the_changed_mask(deoccluder: Deoccluder) -> None:
    picture = draw()
    result = deoccluder(picture.image, picture.person(), seed=3, options=WORDS)
    assert result.changed and np.array_equal(result.changed_mask, picture.occluder_mask)
    assert np.array_equal(result.image[~result.changed_mask], picture.image[~result.changed_mask])
    assert (result.image != picture.image)[picture.occluder_mask].any(1).mean() > 0.95
    again = deoccluder(picture.image, picture.person(), seed=3, options=WORDS)
    assert np.array_equal(result.image, again.image)
    assert not np.array_equal(result.image, deoccluder(picture.image, picture.person(), seed=4, options=WORDS).image)


def test_words_reach_the_picture(deoccluder: Deoccluder) -> None:
    picture = draw()
    red, silent = (deoccluder(picture.image, picture.person(), options=replace(WORDS, prompt=prompt)) for prompt in (WORDS.prompt, ""))
    assert red.description.prompt == WORDS.prompt and red.description.embedding is not None and red.description.embedding.shape == (77, 32)
    assert not np.array_equal(red.image, silent.image)


def test_the_vqa_model_is_asked_and_a_box_is_enough(deoccluder: Deoccluder) -> None:
    picture = draw()
    assert deoccluder.answers is not None and type(deoccluder.answers.model).__name__ == "BlipForQuestionAnswering"  # type: ignore[attr-defined]
    deoccluder.answers.sure = 0.0  # type: ignore[attr-defined]
    result = deoccluder(picture.image, Person(box_xyxy=(40, 20, 180, 280)), options=Options(paint_steps=1))
    assert set(result.description.answers) <= set(deoccluder.answers.keys)  # type: ignore[attr-defined]
    assert "describe" in result.seconds and result.description.embedding is not None


def test_it_can_be_saved_as_a_folder_of_its_own(deoccluder: Deoccluder, empty: Path, tmp_path: Path) -> None:
    """Which then needs no Hub."""
    deoccluder.save_pretrained(tmp_path / "mine", "mine", "1")
    assert check(tmp_path / "mine").half == ("appearance", "words")
    again = Deoccluder.from_pretrained(tmp_path / "mine")
    picture = draw()
    ours, theirs = (one(picture.image, picture.person(), options=WORDS).image.astype(int) for one in (deoccluder, again))
    assert np.abs(ours - theirs).max() <= 1


def test_without_a_network_one_error_names_every_command(folder: Path, empty: Path) -> None:
    for asked in ({}, {"local_files_only": True}):
        with pytest.raises(OSError, match="preset sd15 is made of models that are not in the Hub's cache") as error:
            Deoccluder.from_pretrained(folder, **asked)
        said = str(error.value)
        assert "\n" not in said and said.count("hf download") == 4
        for repository, files in wanted_files(folder).items():
            assert f"hf download {repository} {' '.join(files)}" in said
    assert not [path for path in empty.rglob("*") if path.is_file()]


def test_a_repository_that_was_fetched_in_part_is_named_alone(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = write_tiny_hub(tmp_path)
    (weights,) = hub.glob(f"models--{CONTROL.replace('/', '--')}/snapshots/*/*.safetensors")
    weights.unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match="lacks diffusion_pytorch_model.fp16.safetensors.*hf download") as error:
        fetched(read_manifest(folder))
    assert str(error.value).count("hf download") == 1 and CONTROL in str(error.value)


def test_only_the_files_that_are_needed_are_fetched_and_only_once(folder: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None, tuple[str, ...], bool]] = []
    there = set[str]()

    def download(repository: str, *, revision: str | None, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append((repository, revision, tuple(allow_patterns), local_files_only))
        if local_files_only and repository not in there:
            raise FileNotFoundError(repository)
        there.add(repository)
        return str(next((hub / f"models--{repository.replace('/', '--')}" / "snapshots").iterdir()))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    preset = fetched(read_manifest(folder))
    wanted = wanted_files(folder)
    assert set(wanted) == {SD, CONTROL, VAE, BLIP}
    assert {name: files for name, revision, files, local in asked if not local and revision is None} == wanted
    assert preset.part("words").parent.parent.name == f"models--{BLIP.replace('/', '--')}"
    before = len(asked)
    fetched(read_manifest(folder))
    assert all(local for *_, local in asked[before:])


def test_every_file_that_the_tables_name_is_one_that_the_parts_are_loaded_from(folder: Path, hub: Path) -> None:
    """The tiny repositories are written by the libraries themselves; no pickle is fetched where there is another file."""
    for repository, files in wanted_files(folder).items():
        (snapshot,) = (hub / f"models--{repository.replace('/', '--')}" / "snapshots").iterdir()
        lacking = [name for name in files if not (snapshot / name).is_file()]
        assert not lacking, repository
        assert [name for name in files if name.endswith(".bin")] == (["diffusion_pytorch_model.bin"] if repository == VAE else [])


def test_a_pinned_revision_is_asked_for(tmp_path: Path) -> None:
    entry = {"repository": "some/model", "revision": "abc", "licence": "mit", "components": {".": "."}, "files": ["config.json"]}
    (tmp_path / "hub.json").write_text(json.dumps([entry]))
    (source,) = sources(tmp_path)
    assert source.revision == "abc" and source.command == "hf download some/model config.json --revision abc"
    (tmp_path / "hub.json").write_text(json.dumps([{"repository": "some/model"}]))
    with pytest.raises(ValueError, match="hub.json is not a readable table of sources"):
        sources(tmp_path)


def test_the_packages_own_preset_is_whole_and_its_card_has_its_table() -> None:
    preset = read_manifest(presets()["sd15"])
    card = (HERE / "sd15" / "MODEL_CARD.md").read_text()
    for name in preset.parts:
        for source in sources(preset.part(name)):
            row = next(line for line in card.splitlines() if line.startswith("|") and source.repository in line)
            assert source.licence in row and (source.revision or "unpinned") in row
    if "compact" in presets():
        check(preset.folder)


@pytest.mark.skipif("compact" not in presets(), reason="the compact weights are not in this checkout")
def test_the_doctor_knows_what_was_fetched(hub: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        return next(line for line, whole in doctor._presets() if line.startswith("sd15 ") and whole)

    assert said().endswith("whole; its models on the Hub were not fetched yet")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    assert said().endswith(": whole")


def test_half_precision_is_for_a_gpu_and_for_the_parts_that_ask_for_it() -> None:
    assert precision(None, None, True) == precision("cpu", None, True) == precision("cuda", None, False) == torch.float32
    assert precision("cuda:0", None, True) == torch.float16 and precision("cuda", torch.bfloat16, True) == torch.bfloat16


def test_offloading_is_asked_of_pipelines_that_have_an_order_and_needs_a_gpu() -> None:
    class Pipeline:
        def __init__(self, order: str | None) -> None:
            self.model_cpu_offload_seq, self.done = order, list[tuple[str, Any]]()

        def to(self, device: torch.device) -> Pipeline:
            self.done.append(("to", device))
            return self

        def enable_model_cpu_offload(self, device: torch.device) -> None:
            self.done.append(("offload", device))

    assert placed(Pipeline("unet->vae"), "cuda", True).done == [("offload", torch.device("cuda"))]
    assert placed(Pipeline(None), "cuda", True).done == placed(Pipeline("unet->vae"), "cuda", False).done == [("to", torch.device("cuda"))]
    with pytest.raises(ValueError, match="offload=True keeps nets off the GPU"):
        placed(Pipeline("unet->vae"), None, True)


@pytest.mark.skipif("compact" not in presets(), reason="the compact weights are not in this checkout")
def test_it_is_called_by_its_name(full: None) -> None:
    picture = draw()
    deoccluder = Deoccluder.from_pretrained("sd15")
    assert deoccluder.appearance.painting_size((256, 192)) == (512, 384)  # type: ignore[attr-defined]
    result = deoccluder(picture.image, picture.person(), options=replace(WORDS, guidance=1.0))
    assert np.array_equal(result.image[~result.changed_mask], picture.image[~result.changed_mask])
