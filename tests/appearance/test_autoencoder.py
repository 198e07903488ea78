"""The autoencoder: sizes, and a decoder that sees the visible pixels and never a hidden one."""
from __future__ import annotations

import pytest
import torch

from deocc_aug.appearance.autoencoder import autoencoder, decode, encode, patch_of, shrinkage
from deocc_aug.training.autoencoder_module import psnr, pyramid_loss


@pytest.fixture(scope="module")
def vae() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return autoencoder((16, 32, 32), 4, 2).eval()


@torch.inference_mode()
def test_sizes(vae: torch.nn.Module) -> None:
    pictures = torch.rand(2, 3, 64, 48) * 2 - 1
    latents = encode(vae, pictures)
    assert (patch_of(vae), shrinkage(vae)) == (2, 8) and latents.shape == (2, 4, 8, 6)
    assert decode(vae, latents).shape == pictures.shape
    assert decode(vae, latents, pictures, torch.ones(2, 1, 64, 48)).shape == pictures.shape


@torch.inference_mode()
def test_the_decoder_sees_the_visible_pixels_and_never_a_hidden_one(vae: torch.nn.Module) -> None:
    latents, pictures, known = torch.randn(1, 4, 8, 6), torch.rand(1, 3, 64, 48) * 2 - 1, torch.ones(1, 1, 64, 48)
    known[:, :, 21:40, 11:30] = 0  # odd borders: a patch that is half hidden must not leak either
    other = torch.where(known > 0, pictures, torch.rand(1, 3, 64, 48))
    assert torch.equal(decode(vae, latents, pictures, known), decode(vae, latents, other, known))
    changed = torch.where(known > 0, torch.rand(1, 3, 64, 48), pictures)
    assert not torch.equal(decode(vae, latents, pictures, known), decode(vae, latents, changed, known))


def test_levels_that_the_decoder_cannot_condition_on_are_refused() -> None:
    with pytest.raises(ValueError, match=r"such as \[32, 64, 128\]"):
        autoencoder((32, 96, 128), 4, 2)


def test_the_shipped_size_is_within_its_budget() -> None:
    with torch.device("meta"):
        vae = autoencoder((96,), 16, 8)
    assert sum(p.numel() for p in vae.parameters()) <= 2_500_000


def test_the_loss_counts_structure_at_every_size() -> None:
    truth, everywhere = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    fine = torch.ones(32, 32)
    fine[::2, 1::2] = fine[1::2, ::2] = -1
    assert pyramid_loss(truth + fine, truth, everywhere, 4) == pytest.approx(0.25)      # gone once it is halved
    assert pyramid_loss(truth + 1, truth, everywhere, 4) == pytest.approx(1.0)
    assert pyramid_loss(truth + 1, truth, 0 * everywhere, 4) == 0
    assert float(psnr(truth + 0.2, truth)) == pytest.approx(20, abs=0.01)
