"""`deocc-aug bench TASK ...`: what de-occlusion changes, for whom, and whether it is more than chance."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deocc_aug.commands import Command, Group, Program

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _pose2d(prog: str, arguments: Sequence[str]) -> int:
    from deocc_aug.benchmarks.harness import pose_report
    from deocc_aug.benchmarks.harness.lightning_cli import main
    from deocc_aug.benchmarks.harness.pose2d import Pose2D
    from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople

    return main(Pose2D, SyntheticPeople, pose_report.write, prog, arguments)


def _mesh(prog: str, arguments: Sequence[str]) -> int:
    from deocc_aug.benchmarks.harness import mesh_report
    from deocc_aug.benchmarks.harness.lightning_cli import main
    from deocc_aug.benchmarks.harness.mesh_task import Meshes
    from deocc_aug.benchmarks.harness.synthetic_meshes import SyntheticMeshes

    return main(Meshes, SyntheticMeshes, mesh_report.write, prog, arguments)


def _completion(prog: str, arguments: Sequence[str]) -> int:
    from deocc_aug.benchmarks.harness import completion_report
    from deocc_aug.benchmarks.harness.completion_task import Completion
    from deocc_aug.benchmarks.harness.lightning_cli import main
    from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople

    return main(Completion, SyntheticPeople, completion_report.write, prog, arguments)


def _add_compared(parser: ArgumentParser) -> None:
    parser.add_argument("first", type=str, help="metrics.json of a run")
    parser.add_argument("second", type=str, help="metrics.json of another")


def _compare(config: Namespace) -> int:
    from pathlib import Path

    from deocc_aug.benchmarks.harness.compare import compared

    print(compared(Path(config.first), Path(config.second)))
    return 0


bench = Group("judge de-occlusion by what estimators then find: arms x estimators, with a report", {
    "pose2d": Program("what pose estimators find in each arm's pictures", _pose2d),
    "mesh": Program("what mesh regressors find in each arm's pictures", _mesh),
    "completion": Program("how near an arm's silhouettes and pixels are to the truth", _completion),
    "compare": Command("two runs' figures side by side", _add_compared, _compare)})
