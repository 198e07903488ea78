"""Promises of LPIPS, FID and KID: the user's weights and nothing fetched, closed forms, the same figures however the run went."""
from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics
from tiny_coco import write_coco
from torch import nn

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")
pytest.importorskip("torchvision")

from deocc_aug.benchmarks.harness import looks
from deocc_aug.benchmarks.harness.looks import FEATURES, SIZE, Looks, Weights, crop_around, features_of, fid, kid, text_of
from deocc_aug.benchmarks.harness.records import Records
from deocc_aug.cli import main

PICTURES = "occluded", "grey", "oracle"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the layout of torchvision's AlexNet."""
    import torchvision

    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = {f"features.{name}": value for name, value in torchvision.models.alexnet(weights=None).features.state_dict().items()}
    torch.save(layers, path)
    return path


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in torch-fidelity's own layout, which its constructor alone knows."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        patch.setattr(module.torch, "load", lambda *_, **__: {})
        net = module.FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path="none")
    torch.save(net.state_dict(), path)
    return path


class Corners(nn.Module):
    """Stands for Inception where its layout is not what is tested: a picture's 2048 first values."""

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor]:
        return (pictures.flatten(1)[:, :FEATURES * 8:8].float() / 255,)


@pytest.fixture
def command(tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The arguments of a run over the drawn people with all three figures."""
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)
    monkeypatch.setattr(looks, "inception", lambda path: Corners())
    people = write_coco(tmp_path / "set")

    def arguments(out: Path, arms: tuple[str, ...] = PICTURES) -> list[str]:
        return ["bench", "completion", "--out", str(out), "--arms", json.dumps(arms), "--data",
                "deocc_aug.benchmarks.harness.pasted.PastedCoco", "--data.folder", str(people.parent), "--data.annotations", "people.json",
                "--data.rate", "0.3", "--gallery", "0", "--metrics.inception", str(backbone), "--metrics.lpips_backbone", str(backbone)]

    return arguments


def said(out: Path) -> dict[str, Any]:
    return json.loads((out / "metrics.json").read_text())


def test_the_clean_picture_is_no_way_off_and_what_was_not_asked_for_is_not_there(command: Callable[..., list[str]], tmp_path: Path,
                                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path / "out")) == 0
    found = said(tmp_path / "out")
    rows, sets = ({row["arm"]: row for row in found["figures"][kind]} for kind in ("arms", "sets"))
    assert rows["oracle"]["hidden LPIPS"]["value"] == 0 < rows["grey"]["hidden LPIPS"]["value"]
    before, after = (rows[arm]["hidden LPIPS"]["value"] for arm in ("occluded", "grey"))
    assert rows["grey"]["LPIPS gain"]["value"] == pytest.approx(before - after) and rows["occluded"]["LPIPS gain"] is None
    assert sets["oracle"]["FID"] == pytest.approx(0, abs=1e-6) and sets["grey"]["FID"] > 0 and sets["oracle"]["KID"] <= 0
    assert sets["grey"]["of crops"] == sets["grey"]["crops"] == 6 and sets["grey"]["KID's subsets"] == 1
    assert found["metrics"]["grey/FID"] == sets["grey"]["FID"] and len(found["weights"]["inception_sha256"]) == 64
    page = (tmp_path / "out" / "report.html").read_text()
    assert "FID and KID" in page and "hidden LPIPS" in page and "base64" not in json.dumps(found)
    plain = command(tmp_path / "plain")
    assert main(plain[:plain.index("--metrics.inception")]) == 0
    without = said(tmp_path / "plain")
    assert main(["bench", "compare", str(tmp_path / "out" / "metrics.json"), str(tmp_path / "plain" / "metrics.json")]) == 0
    assert "| hidden LPIPS | FID | KID |" in capsys.readouterr().out
    assert "sets" not in without["figures"] and "weights" not in without and "hidden LPIPS" not in without["figures"]["arms"][0]
    assert {name: value for name, value in rows["grey"].items() if "LPIPS" not in name} == without["figures"]["arms"][1]


def test_a_run_in_parts_ends_with_the_same_numbers(command: Callable[..., list[str]], tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    written, add = [], Records.add

    def counted(*arguments: Any, **named: Any) -> None:
        if len(written) == 3:
            raise OSError("the power went")
        written.append(arguments[1])
        add(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Records, "add", counted)
        assert main(command(tmp_path / "parts", PICTURES[:2])) == 2
    assert main(command(tmp_path / "parts", PICTURES[:2])) == 0 and main(command(tmp_path / "parts")) == 0
    assert main(command(tmp_path / "whole")) == 0
    for key in ("figures", "metrics"):
        assert said(tmp_path / "parts")[key] == said(tmp_path / "whole")[key]


@pytest.mark.slow
def test_two_processes_give_exactly_the_numbers_of_one(tmp_path: Path, backbone: Path, inception: Path) -> None:
    people = write_coco(tmp_path / "set")
    script = tmp_path / "bench.py"
    script.write_text("import sys\nfrom deocc_aug.cli import main\nsys.exit(main())\n")  # what Lightning starts again for the other

    def run(out: Path, *more: str) -> dict[str, Any]:
        asked = ["bench", "completion", "--out", str(out), "--arms", '["oracle"]', "--gallery", "0",
                 "--data", "deocc_aug.benchmarks.harness.pasted.PastedCoco", "--data.folder", str(people.parent),
                 "--data.annotations", "people.json", "--data.rate", "0.3", "--data.limit", "5",
                 "--metrics.inception", str(inception), "--metrics.lpips_backbone", str(backbone), *more]
        ended = subprocess.run([sys.executable, str(script), *asked], capture_output=True, text=True, timeout=500,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert ended.returncode == 0, ended.stderr
        return said(out)

    one, two = run(tmp_path / "one"), run(tmp_path / "two", "--trainer.devices", "2", "--trainer.strategy", "ddp")
    assert one["figures"] == two["figures"] and one["metrics"] == two["metrics"] and one["figures"]["sets"][0]["FID"] > 0


def test_frechet_distance_is_torchmetrics_and_knows_its_closed_forms() -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Given(nn.Module):
        num_features = 6

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 6)), rng.normal(size=(25, 6)) @ rng.normal(size=(6, 6)) + 1
    metric = FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(a), real=False)
    metric.update(torch.from_numpy(b), real=True)
    assert fid(a, b) == pytest.approx(float(metric.compute()), rel=1e-6) and fid(a, b) == pytest.approx(fid(b, a))
    few = rng.normal(size=(5, 300))  # fewer crops than features
    assert fid(few, few) == pytest.approx(0, abs=1e-9) and fid(few, few + 2) == pytest.approx(300 * 4)
    assert fid(few, 3 * few) == pytest.approx(4 * few.mean(0) @ few.mean(0) + 4 * few.var(0, ddof=1).sum())
    assert np.isnan(fid(few[:1], few)) and np.isnan(kid(few[:1], few[:1])[0])


def test_kid_is_that_of_all_or_of_subsets_that_are_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 8)), rng.normal(size=(30, 8)) + 1
    kernel = [(x @ y.T / 8 + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
    by_hand = sum((k.sum() - np.trace(k)) / (30 * 29) for k in kernel[:2]) - 2 * kernel[2].mean()
    assert kid(a, b) == (pytest.approx(by_hand), 0.0)
    monkeypatch.setattr(looks, "SUBSET", 20)
    value, spread = kid(a, b)
    assert kid(a, b) == (value, spread) and spread > 0 and abs(value - by_hand) < 4 * spread


def test_records_keep_features_to_the_bit() -> None:
    features = np.random.default_rng(0).normal(size=FEATURES).astype(np.float32)
    assert np.array_equal(features_of([text_of(features)])[0], features.astype(np.float64))


def test_a_crop_is_the_box_of_what_is_hidden() -> None:
    image, hidden = np.zeros((90, 80, 3), np.uint8), np.zeros((90, 80), np.bool_)
    hidden[20:60, 10:40] = True  # three by four, as the crop
    image[20:60, 10:40] = 200
    crop = crop_around(image, hidden)
    assert crop.shape == (*SIZE, 3) and crop[10:-10, 10:-10].min() == 200


def test_inception_is_torch_fidelitys_with_the_files_weights(inception: Path) -> None:
    found = Looks(Weights(inception=inception))
    crop = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    features = found.features(crop)
    assert features.shape == (FEATURES,) and features.dtype == np.float32 and np.array_equal(features, found.features(crop))
    assert fid(*[np.stack([features, found.features(255 - crop)])] * 2) == pytest.approx(0, abs=1e-6)


def test_lpips_is_torchmetrics_on_these_weights(backbone: Path) -> None:
    found = Looks(Weights(lpips_backbone=backbone))
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8) for _ in range(2))
    assert found.distance(a, a) == 0 and found.distance(a, b) == found.distance(b, a) > 0
    assert found.lpips is not None
    heads = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "alex.pth"
    own, shipped = found.lpips.state_dict(), torch.load(heads, map_location="cpu", weights_only=True)
    assert shipped and all(torch.equal(own[name], value) for name, value in shipped.items())
    assert torch.equal(own["net.slice5.10.weight"], torch.load(backbone, weights_only=True)["features.10.weight"])


def test_missing_and_wrong_files_are_named(tmp_path: Path, backbone: Path, command: Callable[..., list[str]],
                                           capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.pth is not there: pass Inception's weights in torch-fidelity's layout"):
        Weights(inception=tmp_path / "nowhere.pth").described()
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth holds other weights: pass the weights of torchvision's AlexNet"):
        Looks(Weights(lpips_backbone=tmp_path / "other.pth"))
    (tmp_path / "code.pth").write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match="code.pth is no file of weights that torch loads without running code"):
        Looks(Weights(lpips_backbone=tmp_path / "code.pth"))
    arguments = command(tmp_path / "out")
    arguments[-1] = str(tmp_path / "nowhere.pth")
    assert main(arguments) == 2 and "nowhere.pth is not there" in capsys.readouterr().err


def test_wrong_inceptions_are_named(tmp_path: Path, backbone: Path) -> None:
    pytest.importorskip("torch_fidelity")
    with pytest.raises(ValueError, match="alexnet.pth holds other weights: pass Inception's"):
        looks.inception(backbone)
