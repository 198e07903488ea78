"""The Hub's cache as `snapshot_download` leaves it, with the sd15 preset's repositories: their layout and classes, tiny and untrained."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AsymmetricAutoencoderKL, ControlNetModel, PNDMScheduler, UNet2DConditionModel
from presets import write_tiny_preset

from deocc_aug.appearance.autoencoder import save
from deocc_aug.appearance.text import small_text_encoder
from deocc_aug.describe.closed import CLOSED, clip_tokenizer, spoken
from deocc_aug.training.words_module import WordsModule
from deocc_aug.weights import HERE, read_manifest, write_manifest
from deocc_aug.weights.hub import sources

SD, CONTROL, VAE, BLIP = ("stable-diffusion-v1-5/stable-diffusion-inpainting", "lllyasviel/control_v11p_sd15_openpose",
                          "cross-attention/asymmetric-autoencoder-kl-x-1-5", "Salesforce/blip-vqa-base")
WIDTH = 32
NETS = {"block_out_channels": (32, 32), "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "layers_per_block": 1,
        "cross_attention_dim": WIDTH, "attention_head_dim": 8}


def write_tiny_hub(cache: Path) -> Path:
    """Writes the cache and returns it; the weights are random, the same on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _write_stable_diffusion(_snapshot(cache, SD))
        control = ControlNetModel(in_channels=4, conditioning_embedding_out_channels=(8, 8, 8, 8), **NETS)
        for name, values in control.named_parameters():
            if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond_embedding.conv_out")):
                torch.nn.init.normal_(values, std=0.5)  # they begin at zero
        control.half().save_pretrained(_snapshot(cache, CONTROL), variant="fp16")
        levels, channels = 4, (8, 16, 32, 32)
        vae = AsymmetricAutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels, down_block_out_channels=channels,
                                      up_block_types=("UpDecoderBlock2D",) * levels, up_block_out_channels=channels, norm_num_groups=8)
        save(vae, _snapshot(cache, VAE))
        (_snapshot(cache, VAE) / "diffusion_pytorch_model.safetensors").unlink()
        torch.save(vae.state_dict(), _snapshot(cache, VAE) / "diffusion_pytorch_model.bin")
        words = WordsModule(side=32, width=32, vision_layers=1, text_layers=1)
        words.export(_snapshot(cache, BLIP))
    _old_tokenizer(_snapshot(cache, BLIP), "BertTokenizer")
    return cache


def _write_stable_diffusion(folder: Path) -> None:
    unet = UNet2DConditionModel(in_channels=9, up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), **NETS)
    unet.half().save_pretrained(folder / "unet", variant="fp16")
    tokenizer = clip_tokenizer(spoken(), 77)
    small_text_encoder(tokenizer, WIDTH, 1).half().save_pretrained(folder / "text_encoder", variant="fp16")
    tokenizer.save_pretrained(folder / "tokenizer")
    _old_tokenizer(folder / "tokenizer", "CLIPTokenizer")
    PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
                  steps_offset=1).save_pretrained(folder / "scheduler")


def _old_tokenizer(folder: Path, kind: str) -> None:
    """Lays a tokenizer out as the repositories have it, with an open vocabulary."""
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop(CLOSED, None)
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": kind}))
    (folder / "special_tokens_map.json").write_text(json.dumps({k: v for k, v in settings.items() if k.endswith("_token")}))
    if kind == "CLIPTokenizer":
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, model["merges"])]) + "\n")
    else:
        (folder / "vocab.txt").write_text("\n".join(sorted(model["vocab"], key=model["vocab"].get)) + "\n")


def _snapshot(cache: Path, repository: str) -> Path:
    """The folder of a repository's snapshot in the cache, made with the reference to it."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots" / ("0" * 40)).mkdir(parents=True, exist_ok=True)
    return place / "snapshots" / ("0" * 40)


def write_tiny_sd15(folder: Path, size: int = 128) -> Path:
    """The package's own preset beside a tiny `compact`: its tables as they are, painted at `size` instead of 512."""
    write_tiny_preset(folder / "compact", observer=True)
    mine = folder / "sd15"
    shutil.copytree(HERE / "sd15", mine)
    index = mine / "appearance" / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "size": size}))
    preset, tiny = read_manifest(mine), read_manifest(folder / "compact")
    write_manifest(mine, name="sd15", revision="test", licence=preset.licence, canvas=preset.canvas, defaults=tiny.defaults,
                   parts=preset.parts, half=preset.half)
    return mine


def wanted_files(folder: Path) -> dict[str, tuple[str, ...]]:
    """Repository -> the files that the preset's tables name."""
    preset = read_manifest(folder)
    return {source.repository: source.files for name in preset.parts for source in sources(preset.part(name))}
