"""`deocc-aug bench TASK ...`: what de-occlusion changes, for whom, and whether it is more than chance."""
from __future__ import annotations

from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from deocc_aug.benchmarks.estimators.protocol import PoseEstimator
    from deocc_aug.benchmarks.harness.data import BenchData
    from deocc_aug.benchmarks.harness.mesh_task import Regressor


def _add_arguments(parser: ArgumentParser) -> None:
    tasks = parser.add_subcommands(dest="task")
    tasks.add_subcommand("pose2d", _pose2d(type(parser)), help="what pose estimators find in each arm's pictures")
    tasks.add_subcommand("mesh", _mesh(type(parser)), help="what mesh regressors find in each arm's pictures")
    tasks.add_subcommand("completion", _completion(type(parser)), help="how near an arm's silhouettes and pixels are to the truth")
    compare = type(parser)()
    compare.add_argument("first", type=str, help="metrics.json of a run")
    compare.add_argument("second", type=str, help="metrics.json of another")
    tasks.add_subcommand("compare", compare, help="two runs' figures side by side")


def _task(kind: type[ArgumentParser]) -> ArgumentParser:
    """What every task asks."""
    from pathlib import Path

    from deocc_aug.benchmarks.harness.arms import DEFAULT
    from deocc_aug.benchmarks.harness.data import BenchData
    from deocc_aug.benchmarks.harness.run import Machine

    parser = kind()
    parser.add_argument("--config", action="config", help="YAML file with any of the options below; examples are in benchmarks/configs")
    parser.add_argument("--out", type=Path, required=True, help="folder for records and report; a run that was stopped goes on from them")
    parser.add_argument("--arms", type=list[str], default=list(DEFAULT),
                        help="occluded, grey, telea, oracle, deocc:PRESET[,option=value...], fused:PRESET[,option=value...]; the last two "
                        "as often as you like")
    parser.add_argument("--gallery", type=int, default=3, help="pictures of best, of median and of worst cases in the report; 0 for none")
    parser.add_class_arguments(Machine, "machine")
    parser.add_subclass_arguments(BenchData, "data", required=False,  # no default: its options would stay when another class is named
                                  help="the data set: a class by its import path, and its options; left out, the embedded synthetic people")
    return parser


def _pose2d(kind: type[ArgumentParser]) -> ArgumentParser:
    from deocc_aug.benchmarks.estimators.protocol import PoseEstimator

    parser = _task(kind)
    parser.add_argument("--estimators", type=dict[str, PoseEstimator], default={},
                        help="by the name that the report calls them: a class by its import path, and its options; left out, the "
                        "compact MMPose models whose weights are in the package")
    return parser


def _completion(kind: type[ArgumentParser]) -> ArgumentParser:
    from deocc_aug.benchmarks.harness.looks import Weights

    parser = _task(kind)
    parser.add_class_arguments(Weights, "metrics")
    return parser


def _mesh(kind: type[ArgumentParser]) -> ArgumentParser:
    from deocc_aug.benchmarks.harness.mesh_task import Regressor

    parser = _task(kind)
    parser.add_argument("--regressors", type=dict[str, Regressor], default={},
                        help="by the name that the report calls them: a class by its import path, and its options; the first is what all "
                        "are compared with; left out, the compact regressors whose weights are in the package")
    return parser


def _run(config: Namespace) -> int:
    if config.task == "compare":
        from pathlib import Path

        from deocc_aug.benchmarks.harness.compare import compared

        print(compared(Path(config.compare.first), Path(config.compare.second)))
        return 0
    return {"pose2d": _run_pose2d, "mesh": _run_mesh, "completion": _run_completion}[config.task](config[config.task])


def _data(given: Namespace) -> BenchData:
    from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople

    return given.data or SyntheticPeople()


def _run_completion(given: Namespace) -> int:
    from deocc_aug.benchmarks.harness import completion_report
    from deocc_aug.benchmarks.harness.completion_task import Completion
    from deocc_aug.benchmarks.harness.looks import Looks
    from deocc_aug.benchmarks.harness.run import run

    data, asked = _data(given), given.metrics.described()
    if asked and not data.clean:
        raise ValueError("the data set has no clean pictures: leave --metrics out")
    looks = Looks(given.metrics) if asked else None
    done = run(lambda arms, records, names: Completion(arms, records, names, looks), "completion", data, given.arms, given.out,
               given.machine, {"weights": asked} if asked else {})
    if done is not None:
        print(f"look at {completion_report.write(done, given.machine, given.gallery)}")
    return 0


def _run_pose2d(given: Namespace) -> int:
    from deocc_aug.benchmarks.estimators.protocol import check, described
    from deocc_aug.benchmarks.harness import pose_report
    from deocc_aug.benchmarks.harness.pose2d import Pose2D
    from deocc_aug.benchmarks.harness.run import run

    estimators = given.estimators or _shipped()
    for name, estimator in estimators.items():
        check(name, estimator)
    done = run(lambda arms, records, names: Pose2D(arms, records, names, estimators), "pose2d", _data(given), given.arms, given.out,
               given.machine, {"estimators": {name: described(estimator) for name, estimator in estimators.items()}})
    if done is not None:
        print(f"look at {pose_report.write(done, given.machine, given.gallery)}")
    return 0


def _shipped() -> dict[str, PoseEstimator]:
    """The compact MMPose models in the package, for whoever names no estimator."""
    from pathlib import Path

    from deocc_aug.benchmarks.pose_models.weights import shipped

    names = shipped()
    if not names:
        raise ValueError("no estimator is named, and the package has no weights of its own models: pass --estimators, such as "
                         "--estimators.movenet deocc_aug.benchmarks.estimators.litert.MoveNet --estimators.movenet.model FILE.tflite, or a "
                         "config that does")
    from deocc_aug.benchmarks.estimators.mmpose import MMPoseEstimator

    return {name: MMPoseEstimator(Path(name)) for name in names}


def _run_mesh(given: Namespace) -> int:
    from deocc_aug.benchmarks.harness import mesh_report
    from deocc_aug.benchmarks.harness.mesh_task import Meshes, check, described_regressor
    from deocc_aug.benchmarks.harness.run import run
    from deocc_aug.benchmarks.harness.synthetic_meshes import SyntheticMeshes

    regressors = given.regressors or _compact_regressors()
    for name, regressor in regressors.items():
        check(name, regressor)
    done = run(lambda arms, records, names: Meshes(arms, records, names, regressors), "mesh", given.data or SyntheticMeshes(), given.arms,
               given.out, given.machine,
               {"regressors": {name: described_regressor(regressor) for name, regressor in regressors.items()}})
    if done is not None:
        print(f"look at {mesh_report.write(done, given.machine, given.gallery)}")
    return 0


def _compact_regressors() -> dict[str, Regressor]:
    """Those whose weights are in the package, for whoever names none."""
    from deocc_aug.benchmarks.mesh_models.regressor import CompactRegressor, shipped

    if not shipped():
        raise ValueError("no regressor is named, and the package has no weights of its own: pass --regressors, such as --regressors.mine "
                         "deocc_aug.benchmarks.mesh_models.regressor.CompactRegressor --regressors.mine.weights RUN/part, or a config that "
                         "does")
    return {name: CompactRegressor(name) for name in shipped()}


bench = Command("judge de-occlusion by what estimators then find: arms x estimators, with a report", _add_arguments, _run)
