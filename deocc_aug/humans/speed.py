"""How many people a second: made in memory by workers that are warm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from deocc_aug.humans.recipe import Recipe

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Ingredients

PEOPLE = 128


@dataclass(frozen=True)
class Speed:
    """What was made, how many, in how many seconds of the clock and of all workers' processor time together."""

    what: str
    people: int
    seconds: float
    cpu_seconds: float


def measure(recipe: Recipe, seed: int, workers: int) -> Iterator[Speed]:
    """Makes 128 people twice: drawn alone (body, clothes, light), then in whole scenes; nothing is kept.

    Raises:
        ValueError, OSError, ImportError: no workers, or the ingredients cannot be read, or a package is not installed.
    """
    from deocc_aug.humans.crew import hired
    from deocc_aug.humans.scenes import GROUP

    if workers < 1:
        raise ValueError(f"workers is {workers}: pass the number of processes, 1 or more")
    with hired(recipe, workers) as crew:
        list(crew.run([_Scenes(seed, PEOPLE // GROUP + number) for number in range(workers)]))  # others, to warm up
        for what, task in (("people drawn alone", _Portraits), ("whole scenes", _Scenes)):
            start = perf_counter()
            cpu_seconds = sum(crew.run([task(seed, group) for group in range(PEOPLE // GROUP)]))
            yield Speed(what, PEOPLE, perf_counter() - start, cpu_seconds)


@dataclass(frozen=True)
class _Group:
    """A group of people to make; yields the processor seconds it took."""

    seed: int
    group: int

    def __call__(self, ingredients: Ingredients) -> Iterator[float]:
        start = process_time()
        self.make(ingredients)
        yield process_time() - start

    def make(self, ingredients: Ingredients) -> Any:
        raise NotImplementedError


class _Scenes(_Group):
    def make(self, ingredients: Ingredients) -> Any:
        from deocc_aug.humans.scenes import make_scenes

        return list(make_scenes(self.seed, self.group, ingredients))


class _Portraits(_Group):
    def make(self, ingredients: Ingredients) -> Any:
        from deocc_aug.humans.bodies import sample_bodies
        from deocc_aug.humans.scenes import GROUP, _portrait

        rng = np.random.default_rng([self.seed, self.group])
        bodies = sample_bodies(GROUP, rng, ingredients.families)
        return [_portrait(bodies, index, ingredients, rng) for index in range(GROUP)]
