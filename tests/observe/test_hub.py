"""Where models come from: a folder, the Hub's cache, the Hub; and what is said when they do not."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_model

from deocc_aug.observe.detectors import TransformersDetector
from deocc_aug.observe.hub import fetched
from deocc_aug.observe.named import observer_named
from deocc_aug.observe.poses import VitPoseObserver
from deocc_aug.observe.segmenters import Mask2FormerObserver, SamObserver

LOADERS = (SamObserver.from_pretrained, Mask2FormerObserver.from_pretrained, VitPoseObserver.from_pretrained,
           TransformersDetector.from_pretrained, observer_named)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("load", LOADERS)
def test_a_model_out_of_reach_says_how_to_fetch_it(offline: None, load: Callable[..., Any]) -> None:
    with pytest.raises(OSError, match=r"^nobody/nothing is no folder here.*`hf download nobody/nothing`, or pass an? ") as error:
        load("nobody/nothing")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("source", ["./nothing", "/tmp/no/where", "a/b/c"])
def test_a_path_that_is_not_there_is_not_taken_for_an_id(source: str) -> None:
    with pytest.raises(OSError, match="is no folder, and no id on the Hub: pass an object detector as a folder"):
        TransformersDetector.from_pretrained(source)


@pytest.mark.parametrize("load", LOADERS)
def test_a_folder_without_a_model_is_refused(tmp_path: Path, load: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="does not hold an? "):
        load(tmp_path)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model("vitpose", tmp_path)
    with pytest.raises(ValueError, match="a SAM or SAM 2 segmenter .its model_type is vitpose, not one of sam, sam2, sam2_video"):
        SamObserver.from_pretrained(folder)
    with pytest.raises(ValueError, match="does not hold an object detector .Unrecognized configuration .*ObjectDetection"):
        TransformersDetector.from_pretrained(folder)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model("vitpose", tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="the folder .* does not hold a ViTPose pose model"):
        VitPoseObserver.from_pretrained(folder)


@pytest.mark.parametrize(("kind", "observer"), [("sam", SamObserver), ("sam2", SamObserver), ("sam2_video", SamObserver),
                                                ("mask2former", Mask2FormerObserver), ("vitpose", VitPoseObserver)])
def test_a_model_becomes_the_observer_that_its_configuration_names(tmp_path: Path, kind: str, observer: type) -> None:
    assert type(observer_named(write_tiny_model(kind, tmp_path))) is observer


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device abacus cannot be used .*doctor"):
        VitPoseObserver.from_pretrained(write_tiny_model("vitpose", tmp_path), device="abacus")


def test_the_hub_is_asked_only_for_what_the_cache_lacks() -> None:
    asked = []

    def load(local: bool) -> str:
        asked.append(local)
        if local and len(asked) == 1:
            raise OSError("not here")
        return "model"

    assert fetched("some/model", "a model", load) == fetched("some/model", "a model", load) == "model"
    assert asked == [True, False, True]


def test_local_files_only_never_asks_the_hub() -> None:
    asked = []

    def load(local: bool) -> str:
        asked.append(local)
        raise OSError("not here")

    with pytest.raises(OSError, match="hf download some/model"):
        fetched("some/model", "a model", load, local_files_only=True)
    assert asked == [True]
