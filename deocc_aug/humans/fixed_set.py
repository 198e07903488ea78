"""A small set of synthetic people that is always the same: made anew where it is needed, stored nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Scene

SEED = 0
PEOPLE = 64


def fixed_set(people: int = PEOPLE) -> list[Scene]:
    """The first people of seed 0, 256x192, with drawn places, clothes and occluders; the same bytes every time on a machine.

    Computes on one thread, as the workers of `deocc-aug synth` do: `deocc-aug synth --n 64 --out DIR` writes the same people.

    Args:
        people: how many; a larger set begins with the smaller one.

    Raises:
        ImportError: the extra `humans` is not installed.
        ValueError: not a multiple of 16.
    """
    import torch

    from deocc_aug.humans.scenes import GROUP, Ingredients, make_scenes

    if people < 1 or people % GROUP:
        raise ValueError(f"people is {people}: pass a multiple of {GROUP}, which are drawn together")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [scene for group in range(people // GROUP) for scene in make_scenes(SEED, group, Ingredients())]
    finally:
        torch.set_num_threads(threads)
