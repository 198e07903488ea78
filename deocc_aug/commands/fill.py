"""The work of `deocc-aug precompute`: completes who is not in the cache, in any number of processes, and writes an index."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from deocc_aug.data.atomic import output_errors, sweep
from deocc_aug.data.cache import Cache, Outcome, Settings, sha256_of
from deocc_aug.data.claims import Claims
from deocc_aug.data.coco import CocoImage, person_of, with_hints
from deocc_aug.data.images import read_image
from deocc_aug.data.index import IndexedImage, IndexedPerson, write_index
from deocc_aug.loaded import loaded
from deocc_aug.processes import in_processes
from deocc_aug.types import Image, Person, RefusedError

if TYPE_CHECKING:
    from deocc_aug.deoccluder import Deoccluder

Tasks = tuple["Task", ...]
Answers = tuple["Done", ...]
Engine = Callable[[Callable[[], "Worker"], list[Tasks], int, Callable[[Answers], Tasks | None]], Iterable[Answers]]
RUNS, CLAIMS = ".runs", ".claims"  # the files whose locks say which runs are at work in a cache, and on whom
MOST_NAMED = 3  # images named in the error
IMAGES = 4  # done in one go for each person whom the nets complete at once


@dataclass(frozen=True)
class Work:
    """Where the images are, where results go, and what decides them; the same for every process.

    `together`: people whom the nets complete at once (`Deoccluder.from_pretrained`).
    """

    images: Path
    out: Path
    settings: Settings
    device: str | None
    use: tuple[str, ...]
    together: int = 1

    def started(self) -> Worker:
        """This work, ready to be done in this process."""
        return Worker(self, Cache(self.out), Claims(self.out / CLAIMS))

    def deoccluder(self) -> Deoccluder:
        """This process's own."""
        return loaded(self.settings.preset, self.device, self.settings.dtype, self.together)


@dataclass(frozen=True)
class Task:
    """One image to do; `wait` for people whom another run is doing, rather than leave them for later."""

    image: CocoImage
    wait: bool = False


@dataclass(frozen=True)
class Done:
    """What became of a task.  `later`: another run is doing one of the people; `problem`: why the image cannot be used."""

    task: Task
    size: tuple[int, int] = (0, 0)
    people: tuple[IndexedPerson, ...] = ()
    later: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Worker:
    """One process's hands."""

    work: Work
    cache: Cache
    claims: Claims

    def __call__(self, tasks: Tasks) -> Answers:
        """Completes the people of some images who are not done.  What is wrong with an image or its people is part of its answer."""
        if self.work.together == 1 or any(task.wait for task in tasks):  # who waits for another run keeps nobody else waiting
            return tuple(map(self.one, tasks))
        return tuple(self.work.deoccluder().together.map(self.one, tasks))

    def one(self, task: Task) -> Done:
        """Completes the people of one image."""
        path = self.work.images / task.image.file_name
        try:
            pixels = read_image(path)
        except (OSError, ValueError) as error:
            return Done(task, problem=str(error))
        size = (pixels.shape[0], pixels.shape[1])
        if task.image.size not in (None, size):
            return Done(task, problem=f"{path} is {size} (height, width; EXIF orientation applied) but its COCO file says "
                                      f"{task.image.size}: annotate the image as it is")
        pixels_sha256, people, later = sha256_of(pixels), [], False
        for annotation in task.image.annotations:
            try:
                person = person_of(with_hints(annotation, self.work.use), size)
            except ValueError as error:
                people.append(IndexedPerson(annotation["id"], "", str(error)))
                continue
            key = self.work.settings.key(pixels_sha256, person)
            later |= not self._complete(key, pixels, person, task.wait)
            people.append(IndexedPerson(annotation["id"], key))
        return Done(task, size, tuple(people), later)

    def _complete(self, key: str, pixels: Image, person: Person, wait: bool) -> bool:
        """Whether the person is done, now or before."""
        if self.cache.record(key):
            return True
        with self.claims.on(key, wait) as mine:
            if mine and not self.cache.record(key):  # another run may just have been quicker
                self.cache.write(key, self._outcome(pixels, person))
        return mine

    def _outcome(self, pixels: Image, person: Person) -> Outcome:
        settings = self.work.settings
        deoccluder = self.work.deoccluder()  # in no try: what it raises is not this person's fault
        try:
            return Outcome.of(deoccluder(pixels, person, settings.seed, settings.options))
        except RefusedError as error:
            return Outcome({}, refused=str(error))


def fill(work: Work, images: Sequence[CocoImage], index: Path, workers: int = 1, engine: Engine = in_processes) -> str:
    """Completes the people of these images into the cache and writes the index; returns a line that says how many.

    People whom a run before has done are not done again; a run that was killed is taken up by the same call.  An image that
    cannot be used does not stop the others.  A person whom the library refuses has a record too, with the reason.

    Args:
        engine: who does the tasks: `deocc_aug.processes.in_processes` or `deocc_aug.ray_engine.in_ray`.

    Raises:
        OSError: the output folder cannot be written to (found before any work).
        ValueError: no worker, nobody, an unknown preset, a number of people at once that it cannot do; images that cannot be used
            (named after the others were done).
        ChildProcessError: a worker ended by itself.
    """
    asked = [image for image in images if image.annotations]
    if workers < 1:
        raise ValueError(f"workers is {workers}: pass the number of processes, 1 or more")
    if not asked:
        raise ValueError(f"nobody is in the {len(images)} images of the annotations: pass a COCO file of people")
    if work.together < 1:
        raise ValueError(f"--together is {work.together}: pass how many people the nets complete at once, 1 or more")
    settings = {**work.settings.described, "use": sorted(work.use)}
    done: dict[int, Done] = {}
    with closing(_moved_in(work.out)):
        with tqdm(total=sum(len(image.annotations) for image in asked), unit="person", disable=None) as bar:
            for answer in chain.from_iterable(engine(work.started, _portions(asked, work.together), workers, _again)):
                done[answer.task.image.id] = answer
                bar.update(len(answer.task.image.annotations))
        good = [IndexedImage(image.id, image.file_name, done[image.id].size, done[image.id].people) for image in asked
                if not done[image.id].problem]
        refused = write_index(index, Cache(work.out), settings, good)
    problems = [done[image.id].problem for image in asked if done[image.id].problem]
    if problems:
        more = f"; and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
        raise ValueError(f"{len(problems)} of {len(asked)} images cannot be used: {'; '.join(problems[:MOST_NAMED])}{more}")
    return f"{sum(len(image.people) for image in good)} people, {refused} of them refused: {index}"


def _portions(images: Sequence[CocoImage], together: int) -> list[Tasks]:
    """What a process does in one go: an image, or enough of them for the nets to complete people together."""
    size = 1 if together == 1 else IMAGES * together
    return [tuple(map(Task, images[first:first + size])) for first in range(0, len(images), size)]


def _again(answers: Answers) -> Tasks | None:
    return tuple(replace(answer.task, wait=True) for answer in answers) if any(answer.later for answer in answers) else None


def _moved_in(out: Path) -> Claims:
    """The folder made ready, this run's presence in it, and, where no other run is at work, what killed runs left unfinished gone."""
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        runs = Claims(out / RUNS)
        runs.move_in(alone=lambda: sweep(out))
    return runs
