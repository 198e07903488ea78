"""The figures of decoding and of answers, where they can be known."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from deocc_aug.appearance.autoencoder import autoencoder
from deocc_aug.benchmarks.answering import row_of
from deocc_aug.benchmarks.decoding import WAYS, psnr, seam, ways


def test_a_perfect_seam_is_one_and_a_step_across_the_border_shows() -> None:
    rng = np.random.default_rng(0)
    clean = rng.uniform(0, 255, (40, 30, 3)).astype(np.float32)
    hole = np.zeros((40, 30), np.bool_)
    hole[10:20, 8:25] = True
    assert seam(clean, clean, hole) == pytest.approx(1)
    inside = clean.copy()
    inside[12:18, 10:22] = 0  # nothing of the border's own
    assert seam(inside, clean, hole) == pytest.approx(1)
    flat = np.full_like(clean, 100)
    assert seam(np.where(hole[..., None], flat + 30, flat), np.where(hole[..., None], flat + 10, flat), hole) == pytest.approx(3)
    assert np.isnan(seam(clean, clean, np.zeros_like(hole)))


def test_psnr_counts_the_pixels_of_the_mask_alone() -> None:
    clean, where = np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.bool_)
    where[:4] = True
    wrong = clean.copy()
    wrong[:4] += 25.5
    assert psnr(wrong, clean, where) == pytest.approx(20) and psnr(wrong, clean, ~where) == 60


def test_the_composite_keeps_visible_pixels_exactly() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = autoencoder((16, 32, 32), 4, 2).eval()
    clean = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    hole = np.zeros((64, 48), np.bool_)
    hole[20:40, 10:30] = True
    said = ways(vae, vae, clean, hole)
    exact, told = said[WAYS[2]], said[WAYS[1]]
    assert (exact[~hole] == clean[~hole]).all() and (exact[hole] == told[hole]).all() and (told[~hole] != clean[~hole]).any()


def test_an_answer_that_is_not_given_is_not_right() -> None:
    row = row_of("hair", [("black", "black"), ("brown", None), ("black", "red"), ("black", "black")])
    assert row["people"] == 4 and row["always the commonest"] == "0.750"
    assert (row["right"].value, row["answered"].value) == (0.5, 0.75) and row["right of those answered"].value == pytest.approx(2 / 3)
