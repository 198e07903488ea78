"""The work of `deocc-aug run`: asks, completes who was not completed before, writes."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

import deocc_aug
from deocc_aug.commands.people import AskedImage, AskedPerson, digest_of
from deocc_aug.commands.results import PEOPLE, RECORDS, files_of, finished, request_digest, write_people, write_person
from deocc_aug.data.atomic import keep_apart, output_folder
from deocc_aug.data.images import read_image
from deocc_aug.options import Options
from deocc_aug.types import Image, RefusedError
from deocc_aug.weights import MANIFEST, digest, resolve

if TYPE_CHECKING:
    from deocc_aug.deoccluder import Deoccluder
    from deocc_aug.observe.protocol import Observer

MOST_NAMED = 3  # refused people named in the error


@dataclass(frozen=True)
class Settings:
    """What decides the results beside image and person, and where the work is done; `observers` are Hub ids or folders."""

    preset: str
    seed: int
    options: Options
    device: str | None
    observers: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """What decides the results, as JSON; the manifest's digest stands for all files of the preset.

        Raises:
            ValueError: an unknown preset.
        """
        manifest = digest(resolve(self.preset) / MANIFEST)
        return {"version": deocc_aug.__version__, "preset": self.preset, "preset_sha256": manifest, "seed": self.seed,
                "options": asdict(self.options), "observers": list(self.observers)}


def complete(asked: Sequence[AskedImage], out: Path, settings: Settings, read: Sequence[Path] = ()) -> None:
    """Completes the people asked for, going on where a run before stopped, and writes `people.json` at the end.

    A person who cannot be completed does not stop the others, nor does an image that cannot be read.

    Args:
        read: the files beside the images that say who is asked for.

    Raises:
        OSError: the output folder cannot be written to (found before any work).
        ValueError: a file that is read would be written over (found before any work), people who were refused, or are in images that were
            (named after the others were written).
    """
    described = settings.described()
    keep_apart([*read, *(image.path for image in asked)],
               [out / PEOPLE, *(file for image in asked for person in image.people for file in files_of(out, image, person))])
    output_folder(out)
    output_folder(out / RECORDS)
    (out / PEOPLE).unlink(missing_ok=True)
    count = sum(len(image.people) for image in asked)
    load = cache(lambda: _load(settings))
    done, refused = [], []
    with tqdm(total=count, unit="person", disable=None) as bar:
        for image in asked:
            for person, refusal in _complete_image(image, out, settings, described, load):
                if refusal:
                    refused.append(f"{image.path}, person {person.id}: {refusal}")
                else:
                    done.append((image, person))
                bar.update()
    if done:
        write_people(out, done, described)
        print(f"{len(done)} of {count} people: {out / PEOPLE}")
    if refused:
        more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
        raise ValueError(f"refused {len(refused)} of {count} people: {'; '.join(refused[:MOST_NAMED])}{more}")


def _complete_image(image: AskedImage, out: Path, settings: Settings, described: Mapping[str, Any],
                    load: Callable[[], Deoccluder]) -> Iterator[tuple[AskedPerson, str]]:
    """Each person of an image as soon as it is done, with the reason why it was refused, "" if it was not.

    Nothing is decoded and no model is loaded for people whom a run before has done.
    """
    try:
        file_digest, pixels = digest_of(image.path), None
    except OSError as error:
        yield from ((asked, str(error)) for asked in image.people)
        return
    for asked in image.people:
        wanted = request_digest(file_digest, asked, described)
        if finished(out, image, asked, wanted):
            yield asked, ""
            continue
        try:
            pixels = _pixels(image) if pixels is None else pixels
            person = asked.person((pixels.shape[0], pixels.shape[1]))
        except (ValueError, OSError) as error:
            yield asked, str(error)
            continue
        deoccluder = load()  # in no try: a preset that does not load is not this person's fault
        try:
            result = deoccluder(pixels, person, seed=settings.seed, options=settings.options)
        except RefusedError as error:
            yield asked, str(error)
            continue
        write_person(out, image, asked, wanted, person, result)
        yield asked, ""


def _pixels(image: AskedImage) -> Image:
    pixels = read_image(image.path)
    if image.size not in (None, pixels.shape[:2]):
        raise ValueError(f"{image.path} is {pixels.shape[:2]} (height, width; EXIF orientation applied) but its COCO file says "
                         f"{image.size}: annotate the image as it is")
    return pixels


def _load(settings: Settings) -> Deoccluder:
    from diffusers.utils import logging

    from deocc_aug.deoccluder import Deoccluder

    logging.disable_progress_bar()  # one bar is enough
    observer = _observer(settings) if settings.observers else None
    try:
        return Deoccluder.from_pretrained(settings.preset, device=settings.device, observer=observer)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device it does not know, or has not got
        if settings.device is None:
            raise
        raise ValueError(f"--device {settings.device} cannot be used ({error}): `deocc-aug doctor` lists the devices") from error


def _observer(settings: Settings) -> Observer:
    from deocc_aug.observe.named import observer_named
    from deocc_aug.observe.protocol import in_turn

    return in_turn(*(observer_named(source, device=settings.device) for source in settings.observers))
