"""`deocc-aug synth --n N --out DIR`: makes synthetic people with everything that is hidden known, as webdataset shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from deocc_aug.humans.recipe import Recipe

SHEET = 48


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--n", type=int, help="people to make; a larger number adds to a folder")
    parser.add_argument("--out", type=Path, help="folder to write to; a second run goes on where the first stopped")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other people")
    parser.add_argument("--workers", type=int, default=1, help="processes, 1.1 GB each and the photos; any number makes the same people")
    parser.add_argument("--size", type=str, default="256,192", help="H,W in pixels")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos with nobody in them, to stand before; left out, drawn places")
    parser.add_argument("--coco", type=Path, help="COCO-format folder (instances.json, images/): its photos become backgrounds, its "
                        "objects and people stand in front")  # fmt: skip
    parser.add_argument("--leave-out-even", action="store_true", help="leave out the images of --coco whose name is an even number, which "
                        "this project keeps for evaluation")  # fmt: skip
    parser.add_argument("--wardrobe", type=Path, help="folder of MakeHuman's assets, worn beside the clothes of our own")
    parser.add_argument("--families", nargs="+", type=str, help="pose families to draw from, such as sit kneel; left out, all")
    parser.add_argument("--rate", type=float, help="share to hide of each person in the frame, 0 to 0.8; left out, a drawn one")
    parser.add_argument("--cut", type=float, default=0.2, help="share of the scenes in which the frame cuts 5 to 45%% of the person off")
    parser.add_argument("--bare", action="store_true", help="people in their skin and hair, without clothes")
    parser.add_argument("--vertices", action="store_true", help="write each body's vertices too")
    parser.add_argument("--sheet", type=int, default=SHEET, help="people on the contact sheet sheet.jpg, 0 for none")
    parser.add_argument("--benchmark", action="store_true", help="write nothing: make 128 people in memory and print how many a second")


def _run(config: Namespace) -> int:
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = _show
        return _synth(config)


def _show(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: object = None,
          line: str | None = None) -> None:  # fmt: skip
    """A warning in one line, without the line of code that gave it."""
    import sys

    print(f"deocc-aug synth: {message}", file=sys.stderr)


def _synth(config: Namespace) -> int:
    recipe = _recipe(config)
    if config.benchmark:
        if config.n is not None or config.out is not None:
            raise ValueError("--benchmark writes nothing: pass it without --n and --out")
        return _benchmark(recipe, config.seed, config.workers)
    if config.n is None or config.out is None:
        raise ValueError("how many people, and where to: pass --n 1000 --out people, or --benchmark")
    if config.sheet < 0:
        raise ValueError(f"--sheet is {config.sheet}: pass the number of people on the sheet, 0 for none")
    return _write(recipe, config)


def _recipe(config: Namespace) -> Recipe:
    from deocc_aug.humans.recipe import Recipe

    try:
        height, width = (int(side) for side in config.size.split(","))
    except ValueError:
        raise ValueError(f"--size is {config.size!r}: pass height and width in pixels, such as 256,192") from None
    families = None if config.families is None else tuple(config.families)
    return Recipe((height, width), config.backgrounds, config.coco, config.leave_out_even, config.wardrobe, families, config.rate,
                  config.cut, not config.bare)  # fmt: skip


def _write(recipe: Recipe, config: Namespace) -> int:
    from itertools import islice
    from time import perf_counter

    from deocc_aug.data.atomic import write_bytes
    from deocc_aug.humans.records import jpeg
    from deocc_aug.humans.scenes_sheet import scenes_sheet
    from deocc_aug.humans.shards import read_shards, write_shards

    start = perf_counter()
    made = write_shards(config.out, config.n, config.seed, recipe, config.workers, config.vertices)
    seconds = perf_counter() - start
    if config.sheet:
        write_bytes(config.out / "sheet.jpg", jpeg(scenes_sheet(list(islice(read_shards(config.out), config.sheet)))))
    if made:
        print(f"made {made} people in {seconds:.0f} s, the workers' start included: {made / seconds:.1f} people/s")
    print(f"{config.n} people in {config.out}")
    return 0


def _benchmark(recipe: Recipe, seed: int, workers: int) -> int:
    from deocc_aug.humans.speed import measure

    print(f"{recipe.size[0]}x{recipe.size[1]} pixels, {workers} workers")
    for speed in measure(recipe, seed, workers):
        print(f"{speed.what}: {speed.people} people in {speed.seconds:.1f} s, {speed.people / speed.seconds:.1f} people/s; "
              f"{speed.people / speed.cpu_seconds:.1f} people a second of one core's time")  # fmt: skip
    return 0


command = Command("make synthetic people, partly hidden and known whole: shards to train and test with", _add_arguments, _run)
