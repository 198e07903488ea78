"""Promises of `deocc-aug bench`'s command line: it is Lightning's, what it prints can be given back, and nothing changes figures unseen."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_coco import write_coco

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")

import torch
from pytorch_lightning.cli import LightningCLI

from deocc_aug.benchmarks.harness.lightning_cli import BenchCLI
from deocc_aug.benchmarks.harness.pose2d import Pose2D
from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople
from deocc_aug.cli import main

PASTED = "deocc_aug.benchmarks.harness.pasted.PastedCoco"
Command = Callable[..., list[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The arguments of a run over drawn people."""
    folder = write_coco(tmp_path / "set").parent

    def arguments(*more: str) -> list[str]:
        return ["--out", str(tmp_path / "out"), "--arms", '["grey"]', "--estimators.one", "bench_tools.Bright", "--estimators.one.spread",
                "0.2", "--data", PASTED, "--data.folder", str(folder), "--data.annotations", "people.json", "--gallery", "0", *more]

    return arguments


def read(arguments: list[str]) -> BenchCLI:
    return BenchCLI(Pose2D, SyntheticPeople, "deocc-aug bench pose2d", arguments)


def test_options_of_the_embedded_data_need_no_class_named(tmp_path: Path) -> None:
    given = ["--arms", "[occluded]", "--estimators.one", "bench_tools.Bright", "--out", str(tmp_path / "out")]
    cli = read([*given, "--data.people", "128", "--data.limit", "2"])
    assert type(cli.datamodule) is SyntheticPeople and cli.datamodule.limit == 2 and len(cli.datamodule.open()) == 128
    (tmp_path / "only.yaml").write_text("arms: [occluded]\n")
    with pytest.raises(ValueError, match="name its class first"):
        read(["--config", str(tmp_path / "only.yaml"), *given, "--data.limit", "2"])


def test_the_command_line_is_lightnings_and_makes_module_data_and_trainer(command: Command, tmp_path: Path) -> None:
    cli = read(command("--trainer.inference_mode", "false", "--trainer.default_root_dir", str(tmp_path)))
    assert isinstance(cli, LightningCLI) and isinstance(cli.model, Pose2D) and cli.model.data is cli.datamodule
    assert [arm.name for arm in cli.model.arms] == ["occluded", "grey"] and cli.model.records.folder == tmp_path / "out"
    assert vars(cli.model.estimators["one"])["spread"] == 0.2
    assert cli.trainer.default_root_dir == str(tmp_path) and not cli.trainer.test_loop.inference_mode
    assert cli.trainer.num_devices == 1 and cli.trainer.logger is None and not cli.trainer.checkpoint_callbacks
    assert not (tmp_path / "out").exists()


def test_trainers_options_reach_the_run(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)
    logger = ("--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", str(tmp_path / "logs"))
    assert main(["bench", "pose2d", *command("--trainer.enable_progress_bar", "false", *logger)]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["hardware"]["accelerator"] == "CPUAccelerator" and metrics["hardware"]["strategy"] == "SingleDeviceStrategy"
    (logged,) = (tmp_path / "logs").rglob("metrics.csv")
    assert set(logged.read_text().splitlines()[0].split(",")) >= set(metrics["metrics"])


def test_a_printed_configuration_is_one(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command("--trainer.num_nodes", "1", "--trainer.max_epochs", "3", "--data.limit", "2")
    with pytest.raises(SystemExit) as ended:
        main(["bench", "pose2d", *arguments, "--print_config"])
    assert ended.value.code == 0
    (tmp_path / "printed.yaml").write_text(capsys.readouterr().out)
    given, back = read(arguments), read(["--config", str(tmp_path / "printed.yaml")])
    assert {**given.config.as_dict(), "config": None} == {**back.config.as_dict(), "config": None}
    assert back.config.trainer.max_epochs == 3 and back.model.names == given.model.names and len(back.model.names) == 2


@pytest.mark.parametrize(("more", "message"), [
    (["limit_test_batches", "1"], "--trainer.limit_test_batches is 1: figures are of everybody asked for; pass --data.limit N"),
    (["limit_test_batches", "0"], "--trainer.limit_test_batches is 0"),
    (["fast_dev_run", "true"], "pass --data.limit 1"),
    (["benchmark", "true"], "--trainer.benchmark is True: cuDNN would choose by the clock"),
    (["precision", "bf16-mixed"], "the trainer's precision is bf16-mixed: estimators would be judged in another than their own"),
    (["plugins", "DoublePrecision"], "the trainer's precision is 64-true"),
    (["strategy", "ddp_spawn", "--trainer.devices", "2"], "--trainer.strategy is ddp_spawn: forked and spawned processes do not hand back"),
    (["strategy", "nonsense"], "nonsense"),
    (["speed", "3"], "--trainer.speed"),
    pytest.param(["accelerator", "gpu"], "No supported gpu backend found",
                 marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")),
])
def test_what_would_change_figures_or_cannot_be_is_refused_in_a_line(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                                     more: list[str], message: str) -> None:
    assert main(["bench", "pose2d", *command(f"--trainer.{more[0]}", *more[1:])]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("deocc-aug bench: ")]
    assert len(error) == 1 and message in error[0]
    assert not (tmp_path / "out").exists()


def test_tasks_are_listed_and_an_unknown_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {task} " in listed for task in ("pose2d", "mesh", "completion", "compare"))
    assert main(["bench", "pose3d"]) == 2
    assert capsys.readouterr().err == ("deocc-aug bench: there is no 'pose3d': pass one of pose2d, mesh, completion, compare, its "
                                       "arguments after it\n")
    with pytest.raises(SystemExit) as ended:
        main(["bench", "mesh", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--regressors", "--arms", "--out", "--data", "--trainer.devices", "--debug"))
