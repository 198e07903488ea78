"""`deocc-aug train PART --config FILE --out DIR`: trains a learned part and writes it as a preset holds it."""
from __future__ import annotations

from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

PARTS = {"observer": "what is seen of a person, from a box", "body": "stage 1: silhouette and joints", "appearance": "stage 2: pixels",
         "listening": "stage 2: pixels, and words that it hears",
         "autoencoder": "stage 2's latents, and the decoder that keeps what was visible",
         "words": "answers to questions about the visible person", "latent": "stage 2 in latents, which hears words"}


def _add_arguments(parser: ArgumentParser) -> None:
    from deocc_aug.training.appearance_data import AppearanceData
    from deocc_aug.training.appearance_module import AppearanceModule, ListeningAppearanceModule
    from deocc_aug.training.autoencoder_data import AutoencoderData
    from deocc_aug.training.autoencoder_module import AutoencoderModule
    from deocc_aug.training.body_data import BodyData
    from deocc_aug.training.body_module import BodyModule
    from deocc_aug.training.latent_module import LatentAppearanceModule
    from deocc_aug.training.observer_data import ObserverData
    from deocc_aug.training.observer_module import ObserverModule
    from deocc_aug.training.words_data import WordsData
    from deocc_aug.training.words_module import WordsModule

    classes = {"observer": (ObserverModule, ObserverData), "body": (BodyModule, BodyData), "appearance": (AppearanceModule, AppearanceData),
               "listening": (ListeningAppearanceModule, AppearanceData), "autoencoder": (AutoencoderModule, AutoencoderData),
               "words": (WordsModule, WordsData), "latent": (LatentAppearanceModule, AppearanceData)}
    parts = parser.add_subcommands(dest="part")
    for part, (module, data) in classes.items():
        parts.add_subcommand(part, part_parser(type(parser), module, data), help=PARTS[part])


def part_parser(kind: type[ArgumentParser], module: type, data: type) -> ArgumentParser:
    """What every training asks: budget, `model` and `data`."""
    from pathlib import Path

    parser = kind()
    parser.add_argument("--config", action="config",
                        help="YAML file with any of the options below; the shipped weights' are in deocc_aug/training/configs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a second run goes on from its last checkpoint")
    parser.add_argument("--max-time", type=str, help="wall time of all resumed runs together, DD:HH:MM:SS")
    parser.add_argument("--max-steps", type=int, default=100_000, help="optimizer steps of all resumed runs together")
    parser.add_argument("--ema", type=float, default=0.998, help="decay of the averaged weights, which are the ones written")
    parser.add_argument("--accelerator", type=str, default="auto", help="Lightning's: auto, cpu, gpu")
    parser.add_argument("--precision", type=str, default="32-true", help="Lightning's: 32-true, bf16-mixed")
    parser.add_argument("--seed", type=int, default=0, help="of the noise; the examples have data.seed")
    parser.add_class_arguments(module, "model")
    parser.add_class_arguments(data, "data")
    return parser


def _run(config: Namespace) -> int:
    return run_part(config[config.part])


def run_part(part: Namespace) -> int:
    """Trains what a `part_parser` was asked for, its classes made."""
    import pytorch_lightning as pl
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    from deocc_aug.training.fit import fit

    pl.seed_everything(part.seed)
    try:
        folder = fit(part.model, part.data, part.out, max_time=part.max_time, max_steps=part.max_steps, ema=part.ema,
                     accelerator=part.accelerator, precision=part.precision)
    except MisconfigurationException as error:  # of Lightning's trainer: --accelerator, --max-time, --precision
        raise ValueError(str(error)) from error
    print(f"wrote {folder}")
    return 0


train = Command("train a learned part", _add_arguments, _run)
