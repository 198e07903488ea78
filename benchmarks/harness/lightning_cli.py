"""A task's command line is `LightningCLI`: its module's arguments are the options, `--trainer.*` are all of Trainer's."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.module import BenchModule
from deocc_aug.benchmarks.harness.run import Done, run
from deocc_aug.commands import DEBUG

TRAINER = {"accelerator": "cpu", "devices": 1, "use_distributed_sampler": False, "logger": False, "enable_checkpointing": False,
           "enable_model_summary": False}
REFUSED = {"limit_test_batches": "figures are of everybody asked for; pass --data.limit N for the first so many",
           "fast_dev_run": "figures are of everybody asked for; pass --data.limit 1 for a try",
           "benchmark": "cuDNN would choose by the clock how to compute, and figures would differ from run to run"}


def import_path(data: type[BenchData]) -> str:
    """How `--data` names a class."""
    return f"{data.__module__}.{data.__qualname__}"


class BenchCLI(LightningCLI):
    """`LightningCLI` with a task's options at the top (`--arms`, not `--model.arms`), and without what only training needs.

    Args:
        task: its arguments beside `data` are the options.
        embedded: the data where `--data` names none.
        prog: how the command is called.
        arguments: what follows.
    """

    def __init__(self, task: type[BenchModule], embedded: type[BenchData], prog: str, arguments: Sequence[str]) -> None:
        self.task, self.embedded = task, embedded
        named = any(argument.split("=")[0] in ("--data", "--config") for argument in arguments)
        if not named and any(argument.startswith("--data.") for argument in arguments):  # options of a class want its name before them
            arguments = ["--data", import_path(embedded), *arguments]
        super().__init__(task, BenchData, save_config_callback=None, trainer_defaults=TRAINER, seed_everything_default=False,
                         parser_kwargs={"prog": prog, "description": None, "exit_on_error": False}, args=list(arguments), run=False,
                         auto_configure_optimizers=False, load_from_checkpoint_support=False)

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """As Lightning's, but the task's arguments are no group `model`, and `data` may be left out."""
        self.options = parser.add_class_arguments(self.task, skip={"data"})
        parser.add_subclass_arguments(BenchData, "data", required=False,  # no default: its options would stay when another class is named
                                      help="the data set: a class by its import path, and its options; left out, the embedded people")
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.set_defaults({f"trainer.{name}": value for name, value in self.trainer_defaults.items()})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--gallery", type=int, default=3,
                            help="pictures of best, of median and of worst cases in the report; 0 for none")
        parser.add_argument("--debug", action="store_true", help=DEBUG)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """As Lightning's, which warns whoever hands over a part of `sys.argv`."""
        self.config = parser.parse_args(args)

    def before_instantiate_classes(self) -> None:
        """Refuses, before any model is loaded, what would change figures without a word."""
        for name, why in REFUSED.items():
            value = self.config.trainer[name]
            if value is not None and value is not False:
                raise ValueError(f"--trainer.{name} is {value}: {why}; leave it out")
        if self.config.data is not None and self.config.data.class_path == import_path(BenchData):
            raise ValueError("--data.* was given and no data set that takes it: name its class first, such as --data "
                             f"{import_path(self.embedded)}, or one in --config")

    def instantiate_classes(self) -> None:
        """The trainer first, whose faults show at once; a task is made of its data."""
        self.config_init = self.parser.instantiate(self.config)
        self.trainer = self.instantiate_trainer()
        self.datamodule = self.config_init.data or self.embedded()
        self.model = self.task(self.datamodule, **{name: self.config_init[name] for name in self.options})

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """As Lightning's; refuses what the arguments may bring in by a class of the user's, a strategy's or a plugin's."""
        trainer = super().instantiate_trainer(**kwargs)
        if trainer.precision != "32-true":
            raise ValueError(f"the trainer's precision is {trainer.precision}: estimators would be judged in another than their own; leave "
                             "it out, and name an arm such as deocc:compact,dtype=float16 to judge the de-occluder in another")
        if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
            raise ValueError(f"--trainer.strategy is {self.config.trainer.strategy}: forked and spawned processes do not hand back what "
                             "they found; pass ddp")
        return trainer


def main(task: type[BenchModule], embedded: type[BenchData], report: Callable[[Done, int], Path], prog: str,
         arguments: Sequence[str]) -> int:
    """Runs a task as its command line says, and writes its report."""
    try:
        cli = BenchCLI(task, embedded, prog, arguments)
        done = run(cli.model, cli.trainer)
    except MisconfigurationException as error:  # Lightning's word for what the user asked for and cannot have
        raise ValueError(str(error)) from error
    if done is not None:
        print(f"look at {report(done, cli.config.gallery)}")
    return 0
