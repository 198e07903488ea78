"""A preset with the real layout and untrained, tiny nets: the whole path in milliseconds."""
from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from deocc_aug.options import Options
from deocc_aug.training.appearance_module import AppearanceModule, ListeningAppearanceModule
from deocc_aug.training.autoencoder_module import AutoencoderModule
from deocc_aug.training.body_module import BodyModule
from deocc_aug.training.latent_module import LatentAppearanceModule
from deocc_aug.training.listening import listeners
from deocc_aug.training.observer_module import ObserverModule
from deocc_aug.training.words_module import WordsModule
from deocc_aug.weights import write_manifest


def write_tiny_preset(folder: Path, observer: bool = False, words: bool = False, listener: bool = False) -> Path:
    """Writes the preset, with an observer of its own or without, with words (a VQA model and stage 2 in latents) or without, with a
    listener beside stage 2 on patches or without; its weights are random, the same on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BodyModule(channels=(32, 32, 32)).export(folder / "body")
        if words:
            WordsModule(side=32, width=32, vision_layers=1, text_layers=1).export(folder / "words")
            with TemporaryDirectory() as vae:
                AutoencoderModule(channels=(16, 32, 32), latent_channels=4, patch=2).export(Path(vae))
                painter = LatentAppearanceModule(vae, channels=(32, 32, 32), width=32, text_layers=1)
            painter.export(folder / "appearance")
        else:
            AppearanceModule(channels=(32, 32, 32)).export(folder / "appearance")
        if observer:
            ObserverModule(channels=(32, 32, 32)).export(folder / "observer")
        if listener:
            (folder / "appearance").rename(folder / "deaf")
            write_with_listener(folder / "deaf", folder / "appearance")
    defaults = Options(body_steps=2, hypotheses=2, paint_steps=2, guidance=1.0, gate=False,
                       thresholds={"hidden": 0.02, "seen": 0.0, "unknown": 1.0, "uncertainty": 1.0})
    write_manifest(folder, name="tiny", revision="test", licence="Apache-2.0", canvas=(256, 192), defaults=defaults,
                   parts={part: part for part in ("body", "appearance", "observer", "words") if (folder / part).is_dir()})
    return folder


def write_with_listener(start: Path, folder: Path) -> Path:
    """Writes stage 2 on patches of `start` with a listener that hears words loudly, as training writes it."""
    module = ListeningAppearanceModule(str(start), channels=(32, 32), width=32, text_layers=1)
    for part in (module.unet.conv_out, *(attention.proj_out for attention in listeners(module.unet))):
        torch.nn.init.normal_(part.weight, std=0.2)
    module.export(folder)
    return folder
