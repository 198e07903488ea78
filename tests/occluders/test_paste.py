"""Promises of the pasted scenes: the mask covers every change, the rate is kept, the generator decides everything."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from deocc_aug.canvas import box_of
from deocc_aug.occluders.backgrounds import Backgrounds, procedural
from deocc_aug.occluders.border import cutting_frame
from deocc_aug.occluders.cutouts import Cutout, cutout_of
from deocc_aug.occluders.drawn import SHARES, draw, wall
from deocc_aug.occluders.lens import Lens, photograph, random_lens
from deocc_aug.occluders.paste import Pasted, draw_rate, occlude
from deocc_aug.occluders.placing import Layout, body_of, hide
from deocc_aug.types import Image, Mask


def _scene(seed: int = 0, size: tuple[int, int] = (128, 96)) -> tuple[Image, Mask]:
    """A drawn place with a figure of head, trunk and legs."""
    height, width = size
    image = procedural(size, np.random.default_rng(seed)).copy()
    body = np.zeros(size, np.uint8)
    x, y = width // 2, height // 2
    cv2.circle(body, (x, int(0.22 * height)), int(0.07 * height), 1, -1)
    cv2.ellipse(body, (x, int(0.45 * height)), (int(0.11 * height), int(0.19 * height)), 0, 0, 360, 1, -1)
    for step in (-1, 1):
        cv2.line(body, (x, y), (x + step * int(0.06 * height), int(0.92 * height)), 1, int(0.07 * height))
    image[body > 0] = (60, 80, 140)
    return image, body > 0


@pytest.fixture(scope="module")
def cutouts() -> list[Cutout]:
    """Things of all shapes, some cut off by their photo's border."""
    rng = np.random.default_rng(1)
    out = [draw(rng, 96) for _ in range(30)]
    corners = ((0, 50, 20, 60), (30, 70, 0, 40), (20, 80, 60, 90), (40, 80, 0, 90), (0, 80, 30, 60), (0, 80, 0, 90))
    for top, bottom, left, right in corners:
        mask = np.zeros((80, 90), np.bool_)
        mask[top:bottom, left:right] = True
        out.append(cutout_of(rng.integers(0, 255, (80, 90, 3), np.uint8), mask, "patch", "person", side=64))
    return out


def _same(a: Pasted, b: Pasted) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("image", "clean", "occluder", "alpha"))


def test_the_rate_is_kept(cutouts: list[Cutout]) -> None:
    rng = np.random.default_rng(2)
    image, amodal = _scene()
    for _ in range(300):
        rate = draw_rate(rng)
        pasted = occlude(image, amodal, cutouts, rate, rng)
        assert abs(pasted.hidden_share - rate) <= 0.05
        assert pasted.hidden_share == (pasted.occluder & amodal).sum() / amodal.sum()


@pytest.mark.parametrize("size", [(64, 48), (256, 192), (300, 401)])
def test_the_rate_is_kept_at_other_sizes_and_with_drawn_things_alone(size: tuple[int, int]) -> None:
    image, amodal = _scene(3, size)
    for seed in range(10):
        rate = 0.05 + 0.75 * seed / 9
        assert abs(occlude(image, amodal, [], rate, np.random.default_rng(seed)).hidden_share - rate) <= 0.05


def test_the_mask_covers_every_change(cutouts: list[Cutout]) -> None:
    image, amodal = _scene(4)
    unshadowed = 0
    for seed in range(60):
        rate = draw_rate(np.random.default_rng(seed))
        pasted = occlude(image, amodal, cutouts, rate, np.random.default_rng(seed), Lens())
        assert np.array_equal(pasted.image[~pasted.occluder], pasted.clean[~pasted.occluder])
        assert np.array_equal(pasted.occluder, pasted.alpha > 0)
        assert (pasted.clean <= image).all()  # a shadow only darkens
        unshadowed += np.array_equal(pasted.clean, image)
        filed = occlude(image, amodal, cutouts, rate, np.random.default_rng(seed))
        assert np.array_equal(filed.image[~filed.occluder], filed.clean[~filed.occluder])
    assert 15 < unshadowed < 60


def test_rate_0_leaves_the_person_alone(cutouts: list[Cutout]) -> None:
    image, amodal = _scene(5)
    with_something = 0
    for seed in range(60):
        pasted = occlude(image, amodal, cutouts, 0.0, np.random.default_rng(seed), Lens())
        assert np.array_equal(pasted.image[amodal], image[amodal])
        assert pasted.hidden_share == 0
        with_something += bool(pasted.occluder.any())
    assert 10 < with_something < 50


def test_the_generator_decides_everything(cutouts: list[Cutout]) -> None:
    image, amodal = _scene(6)
    before = image.copy(), amodal.copy()
    first = [occlude(image, amodal, cutouts, 0.4, rng) for rng in [np.random.default_rng(7)] for _ in range(5)]
    np.random.seed(1)
    cv2.setRNGSeed(1)
    again = [occlude(image, amodal, cutouts, 0.4, rng) for rng in [np.random.default_rng(7)] for _ in range(5)]
    assert all(_same(a, b) for a, b in zip(first, again, strict=True))
    assert not _same(first[0], first[1])
    assert np.array_equal(image, before[0]) and np.array_equal(amodal, before[1])


def test_cut_off_sides_stay_at_the_border(cutouts: list[Cutout]) -> None:
    """A thing that its photo's border cut off is never seen to end there."""
    _, amodal = _scene(8)
    box = box_of(amodal)
    assert box is not None
    seen = set()
    for seed in range(100):
        layout = Layout(body_of(amodal), box, sharpness=1.0)
        hide(layout, round(0.7 * amodal.sum()), cutouts[-6:], np.random.default_rng(seed))
        for stamp, (x, y) in layout.placed:
            ends = {"left": x > 0, "top": y > 0, "right": x + stamp.alpha.shape[1] < amodal.shape[1],
                    "bottom": y + stamp.alpha.shape[0] < amodal.shape[0]}
            assert not any(ends[edge] for edge in stamp.cut_edges)
            seen |= stamp.cut_edges
    assert seen == {"left", "top", "right", "bottom"}


def test_rates_are_drawn_with_zero_well_represented() -> None:
    rates = np.array([draw_rate(rng) for rng in [np.random.default_rng(0)] for _ in range(2000)])
    assert 0.15 < (rates == 0).mean() < 0.25
    assert rates[rates > 0].min() >= 0.05 and 0.75 < rates.max() <= 0.8


def test_what_cannot_be_occluded_is_refused(cutouts: list[Cutout]) -> None:
    image, amodal = _scene()
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"amodal is \(10, 10\) but the scene is \(128, 96\)"):
        occlude(image, amodal[:10, :10], cutouts, 0.2, rng)
    with pytest.raises(ValueError, match="amodal is empty"):
        occlude(image, np.zeros_like(amodal), cutouts, 0.2, rng)
    for rate in (-0.1, 0.9, float("nan")):
        with pytest.raises(ValueError, match="rate is"):
            occlude(image, amodal, cutouts, rate, rng)


def test_a_lens_treats_both_pictures_alike() -> None:
    image, _ = _scene(9)
    lens = Lens(black_noise=3, white_noise=4, grain=0.5, jpeg=80, seed=5)
    one, other = photograph([image, image], lens)
    assert np.array_equal(one, other) and not np.array_equal(one, image)
    assert np.array_equal(photograph([image], Lens())[0], image)
    noisy = photograph([np.full((99, 99, 3), 128, np.uint8)], Lens(black_noise=3, grain=1.0))[0]
    assert 2 < noisy.astype(float).std() < 4
    assert random_lens(np.random.default_rng(3)) == random_lens(np.random.default_rng(3))


@pytest.mark.parametrize("kind", sorted(SHARES))
def test_drawn_things_are_tight_and_not_flat(kind: str) -> None:
    for seed in range(12):
        thing, again = (draw(np.random.default_rng(seed), 64, kind) for _ in range(2))
        assert np.array_equal(thing.image, again.image) and np.array_equal(thing.alpha, again.alpha)
        assert thing.category == kind and 8 <= max(thing.alpha.shape) <= 72
        assert bool(thing.cut_edges) == (kind == "wall")
        for border in (thing.alpha[0], thing.alpha[-1], thing.alpha[:, 0], thing.alpha[:, -1]):
            assert border.any()
        assert thing.image[thing.alpha > 0.9].astype(float).std(0).max() > 1.5


def test_an_unknown_drawn_thing_is_refused() -> None:
    with pytest.raises(ValueError, match="no drawn occluder 'ghost': pass one of silhouette"):
        draw(np.random.default_rng(0), kind="ghost")
    assert wall(np.random.default_rng(0), 30, 50).alpha.all()


def test_places_are_reproducible_and_have_a_size() -> None:
    for seed in range(40):
        size = (96, 72) if seed % 2 else (61, 130)
        first, again = (procedural(size, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, again) and first.shape == (*size, 3) and first.dtype == np.uint8
        assert first.std() > 2
    assert Backgrounds().draw((64, 48), np.random.default_rng(0)).shape == (64, 48, 3)


def test_the_border_cuts_the_share_asked_for() -> None:
    _, amodal = _scene()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rate = draw_rate(rng)
        x0, y0, x1, y1 = cutting_frame(amodal, rate, rng)
        assert abs(1 - amodal[y0:y1, x0:x1].sum() / amodal.sum() - rate) < 0.05
    with pytest.raises(ValueError, match="rate is"):
        cutting_frame(amodal, 1.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="amodal is empty"):
        cutting_frame(np.zeros_like(amodal), 0.2, np.random.default_rng(0))
