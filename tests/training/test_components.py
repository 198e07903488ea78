"""An autoencoder that begins as the best linear one."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from deocc_aug.appearance.autoencoder import autoencoder, decode, encode, moments
from deocc_aug.training.autoencoder_module import psnr
from deocc_aug.training.components import begin_linear


def pictures(count: int) -> torch.Tensor:
    """Smooth ones, as photos are on the whole: most of a patch is in few components."""
    small = torch.randn(count, 3, 12, 12)
    return (0.4 * F.interpolate(small, scale_factor=8, mode="bicubic") + 0.02 * torch.randn(count, 3, 96, 96)).clamp(-1, 1)


def cells_of(shown: torch.Tensor) -> torch.Tensor:
    return F.pixel_unshuffle(shown, 8).permute(0, 2, 3, 1).flatten(0, 2)


@pytest.fixture(scope="module")
def shown() -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return pictures(24)


@torch.inference_mode()
def test_it_codes_a_picture_nearly_as_well_as_its_components_do(shown: torch.Tensor) -> None:
    vae = autoencoder((96,), 12, 8).eval()
    nothing = float(psnr(torch.zeros_like(shown), shown))
    begin_linear(vae, cells_of(shown[:20]))
    cells, middle = cells_of(shown[20:]), cells_of(shown[:20]).mean(0)
    axes = torch.linalg.svd(cells_of(shown[:20]) - middle, full_matrices=False).Vh[:12]
    best = float(-10 * torch.log10(((cells - middle) - (cells - middle) @ axes.T @ axes).square().mean() / 4))
    latents, logvar = moments(vae, shown[20:])
    plain = float(psnr(decode(vae, latents), shown[20:]))
    assert best + 0.1 > plain > best - 1 and plain > nothing + 6
    assert float(latents.std()) == pytest.approx(1, abs=0.15) and float(logvar.max()) < -5
    assert torch.allclose(encode(vae, shown[:1]), moments(vae, shown[:1])[0])


@torch.inference_mode()
def test_its_decoder_begins_by_keeping_visible_pixels(shown: torch.Tensor) -> None:
    vae = autoencoder((96,), 12, 8).eval()
    begin_linear(vae, cells_of(shown[:20]))
    known = torch.ones(4, 1, 96, 96)
    known[:, :, 40:64, 24:72] = 0
    latents, everywhere = encode(vae, shown[20:]), torch.zeros(4, 12, 12, 12)
    kept = decode(vae, everywhere, shown[20:], known)
    inner = F.max_pool2d(1 - known, 17, 1, 8) == 0
    assert float(psnr(kept, shown[20:], inner.float())) > float(psnr(decode(vae, latents), shown[20:], inner.float())) + 1


def test_what_cannot_begin_so_is_refused(shown: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"channels is \[32, 64\]: only an autoencoder of one level"):
        begin_linear(autoencoder((32, 64), 4, 2), torch.randn(50, 12))
    with pytest.raises(ValueError, match="32 channels in 16 groups hold 0 components"):
        begin_linear(autoencoder((32,), 4, 8), torch.randn(50, 192))
