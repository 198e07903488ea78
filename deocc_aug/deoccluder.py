"""The main path: an image and a person in, the same image with that person whole out."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfile, copytree
from typing import TYPE_CHECKING, Any

import numpy as np

from deocc_aug.appearance.codec import hole_of
from deocc_aug.bars import no_loading_bars
from deocc_aug.canvas import MIN_PERSON_PX, apply, around, box_of, cut, first_look, inverse, place, resample_mask, widened
from deocc_aug.compose import compose, joined, joints_in_image
from deocc_aug.data.images import check_image
from deocc_aug.describe.describer import Answers, describe
from deocc_aug.devices import placed, precision
from deocc_aug.gate import NOTHING, evidence_of, judge
from deocc_aug.observe.boxes import inside
from deocc_aug.observe.given import TRUSTED, observe
from deocc_aug.observe.protocol import in_turn
from deocc_aug.options import Options, Resolved
from deocc_aug.randomness import generator_for
from deocc_aug.surroundings import moved, occluder_beyond
from deocc_aug.together import Together
from deocc_aug.types import MASKS, Body, Box, Canvas, Deocclusion, Description, Image, Label, Mask, Observation, Patch, Person, RefusedError
from deocc_aug.weights import Preset, check, resolve
from deocc_aug.weights.hub import fetched

if TYPE_CHECKING:
    import torch

    from deocc_aug.appearance.painter import Painter
    from deocc_aug.body.pipeline import BodyPipeline
    from deocc_aug.observe.protocol import Observer

FADE = 12  # canvas pixels over which the canvas's picture fades into that of the occluder's far part
OBSERVER, WORDS = OPTIONAL = ("observer", "words")  # the parts that a preset need not have
STRAY = 0.5  # of the box's longer side: what is seen of a person farther from their box does not place the first look
BEYOND = "nothing to paint in the image: what is hidden of the body lies beyond its border (padded() shows it)"
LOOKS = 2  # times the canvas is placed again around the completed body


class Deoccluder:
    """Completes partly hidden people.

    >>> deoccluder = Deoccluder.from_pretrained("compact")                       # doctest: +SKIP
    >>> result = deoccluder(image, Person(box_xyxy=box, visible_mask=mask))      # doctest: +SKIP
    >>> result.image, result.amodal_mask, result.joints                          # doctest: +SKIP

    Args:
        preset: its manifest.
        body: stage 1.
        appearance: stage 2.
        observer: finds what the caller did not say about a person; None refuses people without a visible mask.
        answers: a VQA model that finds the words for the visible person; None uses none but the caller's own.
        together: how `batch` asks the nets; None: for one person after another.
    """

    def __init__(self, preset: Preset, body: BodyPipeline, appearance: Painter, observer: Observer | None = None,
                 answers: Answers | None = None, together: Together | None = None) -> None:
        self.preset, self.body, self.appearance, self.observer, self.answers = preset, body, appearance, observer, answers
        self.together = together or Together()

    @classmethod
    def from_pretrained(cls, preset: str | Path = "compact", *, device: str | torch.device | None = None,
                        dtype: torch.dtype | None = None, observer: Observer | None = None, offload: bool = False,
                        local_files_only: bool = False, together: int = 1) -> Deoccluder:
        """Loads a preset: "compact" (inside the package), "sd15" (fetched from the Hub when first used) or a folder with the same layout.

        Args:
            device: where the nets run; the CPU by default.
            dtype: of the nets; by default float32, on a GPU float16 for the parts that the preset names.
            offload: stage 2's nets wait in the CPU's memory and come to the GPU in turn; slower, for small GPUs.
            local_files_only: never ask the Hub.
            observer: asked first about what the caller did not say (see `deocc_aug.observe.protocol.Observer`); what it leaves open
                is for the preset's own, where it has one.
            together: people whom the nets complete at once in `batch`, for GPUs (8, say); observers of yours are then asked in threads.
                By rounding, results are others for another number, but the same for any company, a single call's included.

        Raises:
            ValueError: no such preset, or one of its files is not the one that its manifest names; or its stage 2 paints people one by one.
            OSError: models on the Hub were not fetched, and cannot be now.
        """
        manifest = fetched(check(resolve(preset)), local_files_only)
        import torch

        from deocc_aug.appearance.painter import one_by_one, painter_class
        from deocc_aug.body.pipeline import BodyPipeline
        from deocc_aug.describe.vqa import BlipAnswers
        from deocc_aug.observe.compact import CompactObserver, ObserverPipeline

        gathered = Together(together)

        def loaded(kind: Any, part: str) -> Any:
            used = precision(device, dtype, part in manifest.half)
            pipeline = placed(kind.from_pretrained(manifest.part(part), dtype=used, local_files_only=True), device, offload)
            for net in filter(None, (pipeline.unet, getattr(pipeline, "listener", None))):
                gathered.join(net.eval().to(memory_format=torch.channels_last))
            return pipeline

        painter = painter_class(manifest.part("appearance"))
        if together > 1 and one_by_one(painter):
            raise ValueError(f"together is {together}, but stage 2 of {manifest.name} paints people one by one: leave it out")
        with no_loading_bars("diffusers"), no_loading_bars("transformers"):
            body, appearance = loaded(BodyPipeline, "body"), loaded(painter, "appearance")
            if OBSERVER in manifest.parts:
                own = CompactObserver(loaded(ObserverPipeline, OBSERVER), manifest.canvas)
                observer = own if observer is None else in_turn(observer, own)
            answers = None
            if WORDS in manifest.parts:
                answers = BlipAnswers.from_pretrained(manifest.part(WORDS), device=device,
                                                      dtype=precision(device, dtype, WORDS in manifest.half))
        return cls(manifest, body, appearance, observer, answers, gathered)

    def save_pretrained(self, folder: Path | str, name: str, revision: str) -> None:
        """Writes this preset's parts and a manifest into a folder that `from_pretrained` reads."""
        from deocc_aug.weights import write_manifest

        folder = Path(folder)
        parts = {"body": "body", "appearance": "appearance"}
        self.body.save_pretrained(folder / parts["body"])
        self.appearance.save_pretrained(folder / parts["appearance"])
        for part in OPTIONAL:
            if part in self.preset.parts:
                parts[part] = part
                copytree(self.preset.part(part), folder / part, dirs_exist_ok=True)
        if self.preset.fusion is not None:
            copyfile(self.preset.folder / self.preset.fusion, folder / self.preset.fusion)
        write_manifest(folder, name=name, revision=revision, licence=self.preset.licence, canvas=self.preset.canvas,
                       defaults=self.preset.defaults, parts=parts, fusion=self.preset.fusion, half=self.preset.half)

    def __call__(self, image: Image, person: Person, seed: int = 0, options: Options | None = None) -> Deocclusion:
        """Completes one person.

        Args:
            image: (H, W, 3) uint8 RGB; kept by reference, never written to.
            person: what is known about them; an observer finds the rest.
            seed: the result depends on pixels, person, seed and options alone.
            options: what differs from the preset's defaults.

        Raises:
            RefusedError: a ValueError too: a box outside the image; a person under 32 px, without a visible pixel, or without a visible
                mask where nothing finds one.
            ValueError: not such an image; a mask of another size; a prompt for a preset that reads none.
        """
        image = check_image(image)
        check_person(person, image)
        resolved = (options or Options()).filled(self.preset.defaults)
        seconds: dict[str, float] = {}
        if self.observer is not None:
            with timed(seconds, "observe"):
                person = observed(self.observer, np.ascontiguousarray(image), person)
            check_person(person, image)
        check_visible(person)

        with timed(seconds, "cut"):                                                     # 1 cut
            canvas = cut(image, place(wide_look(person), self.preset.canvas), self.preset.canvas)      # (h, w, 3)
        with timed(seconds, "observe"):                                                 # 2 observe
            observation = observe(canvas, person)                                       # labels (h, w), joints (17, 3)
        with timed(seconds, "complete"):                                                # 3 complete, canvas placed again
            canvas, observation, body = self._complete(image, person, canvas, observation, seed, resolved)
        with timed(seconds, "gate"):                                                    # 4 gate
            hole = hole_of(observation, body)                                           # (h, w)
            evidence = evidence_of(body, observation)
            worth = hole & ((observation.labels != Label.OUTSIDE) | (body.amodal > 0.5))
            verdict = judge(evidence, worth, resolved.thresholds, resolved.gate)
        with timed(seconds, "describe"):                                                # 5 describe
            answers = self.answers if verdict.paint else None  # words are for painting: nobody is asked about people left alone
            description = describe(canvas, observation, resolved.prompt, answers, self.appearance.read)
        painted = beyond = None
        if verdict.paint:
            with timed(seconds, "paint"):                                               # 6 paint
                (painted,) = self.appearance(canvas, observation, body, hole, steps=resolved.paint_steps, guidance=resolved.guidance,
                                             generator=generator_for(seed, "paint"), words=description.embedding)   # (h, w, 3)
                beyond = self._paint_beyond(image, person, canvas, body, description, seed, resolved)
        with timed(seconds, "compose"):                                                 # 7 compose
            patch = compose(image, canvas, body, person, hole, painted)                 # at the source's resolution
            if beyond is not None:
                patch = joined(patch, beyond, edge=round(FADE / canvas.scale))
            joints = joints_in_image(body.joints, canvas)
        result = Deocclusion(image, patch, joints, body.hypotheses, canvas.image_to_canvas, evidence, False, verdict.reason,
                             description, seconds)
        if not verdict.paint:
            return result
        changed = bool(result.changed_mask.any())
        return replace(result, changed=changed, reason=verdict.reason if changed else BEYOND if evidence.hidden else NOTHING)

    def batch(self, images: Sequence[Image], people: Sequence[Sequence[Person]], seed: int = 0,
              options: Options | None = None) -> list[list[Deocclusion]]:
        """Completes several people in several images: one list of results per image, each the same as if asked for alone.

        People are never completed from one another's view.  It is all or nothing: leave out people whom nobody could complete, or call
        the deoccluder for each.

        Raises:
            ValueError: as many images as lists of people are needed; and whatever a single call refuses, with its place (RefusedError
                where that is one).
        """
        if len(images) != len(people):
            raise ValueError(f"batch got {len(images)} images and people for {len(people)}: pass one list of Person per image")

        def completed(place: tuple[int, int]) -> Deocclusion:
            i, j = place
            try:
                return self(images[i], people[i][j], seed, options)
            except ValueError as error:
                raise (RefusedError if isinstance(error, RefusedError) else ValueError)(f"image {i}, person {j}: {error}") from error

        places = [(i, j) for i, group in enumerate(people) for j in range(len(group))]
        results = iter(self.together.map(completed, places))
        return [[next(results) for _ in group] for group in people]

    def _paint_beyond(self, image: Image, person: Person, canvas: Canvas, body: Body, description: Description, seed: int,
                      options: Resolved) -> Patch | None:
        """The occluder's far part, where it reaches beyond the canvas: painted in a wider view of the same body."""
        found = occluder_beyond(person, canvas)
        if found is None:
            return None
        person, box = found
        wide = cut(image, place(widened(box, 0.02), self.preset.canvas), self.preset.canvas)
        observation, seen = observe(wide, unbounded(person)), moved(body, canvas, wide)
        hole = hole_of(observation, seen)
        (painted,) = self.appearance(wide, observation, seen, hole, steps=options.paint_steps, guidance=options.guidance,
                                     generator=generator_for(seed, "paint beyond"), words=description.embedding)
        return compose(image, wide, seen, person, hole, painted)

    def _complete(self, image: Image, person: Person, canvas: Canvas, observation: Observation, seed: int,
                  options: Resolved) -> tuple[Canvas, Observation, Body]:
        """Stage 1, the canvas placed again around its own answer; ends with the body on the last canvas."""
        size = self.preset.canvas
        # where the silhouette is given, what hides the person has their label, so the colours under it are not theirs
        seer = person if person.amodal_mask is None else whole_person(person, image)
        for _ in range(LOOKS):
            looked = observation if seer is person else observe(canvas, seer)
            body = self.body(looked, canvas.image if seer is person else None, steps=1, hypotheses=1, generator=generator_for(seed, "look"))
            box = box_of(body.amodal > 0.5)
            if box is None:
                break
            in_image = with_told(apply(inverse(canvas.image_to_canvas), box.reshape(2, 2)).reshape(4), person)
            canvas = cut(image, place(around(in_image), size), size)
            observation = observe(canvas, person)
        looked = observation if seer is person else observe(canvas, seer)
        body = self.body(looked, canvas.image if seer is person else None, steps=options.body_steps, hypotheses=options.hypotheses,
                         generator=generator_for(seed, "body"))
        if person.amodal_mask is not None:
            amodal = resample_mask(person.amodal_mask, canvas.image_to_canvas, size)
            body = replace(body, amodal=amodal, hypotheses=np.broadcast_to(amodal, body.hypotheses.shape), uncertainty=0.0)
        if (free := unbounded(person)) is not person:
            observation = observe(canvas, free)
        known = observation.joints_visible[:, None]
        return canvas, observation, replace(body, joints=np.where(known, observation.joints, body.joints))


def wide_look(person: Person) -> np.ndarray:
    """The box (4,) image px that the first canvas is placed on."""
    assert person.visible_mask is not None
    if person.amodal_mask is not None and (whole := box_of(person.amodal_mask)) is not None:
        return around(whole)
    visible = box_of(near_the_box(person.visible_mask, person.box_xyxy))
    assert visible is not None
    occluder = None if person.occluder_mask is None or person.unknown_mask is not None else box_of(person.occluder_mask)
    look, told = first_look(visible, occluder), with_told(visible, person)
    return look if (told == visible).all() else union(look, around(told))


def with_told(box_xyxy: Box, person: Person) -> Box:
    """The box, and where the caller says that joints are: all that are prompted, and of those supplied the sure ones near their box."""
    places = np.zeros((0, 2)) if person.prompts is None or person.prompts.joints_px is None else person.prompts.joints_px
    places = places[~np.isnan(places).any(1)]
    if person.joints is not None:
        x0, y0, x1, y1 = widened(person.box_xyxy, STRAY)
        x, y, confidence = person.joints.T
        sure = (confidence >= TRUSTED) & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        places = np.concatenate([places, person.joints[sure, :2]])
    return union(box_xyxy, np.concatenate([places.min(0), places.max(0)])) if len(places) else box_xyxy


def union(one: Box, other: Box) -> Box:
    """The box around two."""
    return np.concatenate([np.minimum(one, other)[:2], np.maximum(one, other)[2:]])


def observed(observer: Observer, image: Image, person: Person) -> Person:
    """What an observer gives back.  Raises ValueError where that is no `Person`."""
    found = observer(image, person)
    if not isinstance(found, Person):
        raise ValueError(f"the observer {type(observer).__name__} gave back a {type(found).__name__}: let it give back the Person, such as "
                         "told(person, visible_mask=...)")
    return found


def near_the_box(visible: Mask, box_xyxy: Box) -> Mask:
    """The pixels of a mask (H, W) in and around the person's box; all of it where none is there.

    A pixel astray, as segmenters leave them, would send the first look far away.
    """
    x0, y0, x1, y1 = np.clip(widened(box_xyxy, STRAY), 0, [*visible.shape[::-1]] * 2).astype(int).tolist()
    near = np.zeros_like(visible)
    near[y0:y1, x0:x1] = visible[y0:y1, x0:x1]
    return near if near.any() else visible


def unbounded(person: Person) -> Person:
    """The person without the box that their body must stay within: it bounds the body, and says nothing of what is painted."""
    if person.prompts is None or person.prompts.box_xyxy is None:
        return person
    return replace(person, prompts=replace(person.prompts, box_xyxy=None))


def whole_person(person: Person, image: Image) -> Person:
    """The person as if nothing hid them: what stage 1 finds the joints of when the silhouette is given."""
    return replace(person, visible_mask=person.amodal_mask, occluder_mask=np.zeros(image.shape[:2], np.bool_), unknown_mask=None)


def check_person(person: Person, image: Image) -> None:
    """Raises ValueError where a mask is not the image's, RefusedError where the box lies outside."""
    height, width = image.shape[:2]
    for name in MASKS:
        mask = getattr(person, name)
        if mask is not None and mask.shape != (height, width):
            raise ValueError(f"{name} is {mask.shape} but the image is {(height, width)}: pass the mask in the image's own size")
    inside(person.box_xyxy, image)


def check_visible(person: Person) -> None:
    """Raises RefusedError where nothing, or too little, is seen of a person."""
    if person.visible_mask is None:
        raise RefusedError("this person has no visible_mask: pass Person(box_xyxy=..., visible_mask=...), the pixels (H, W) where the "
                           "person is seen, take a preset that has an observer, or bring one that finds them (observer=... of "
                           "from_pretrained)")
    visible = box_of(person.visible_mask)
    if visible is None:
        raise RefusedError("visible_mask is empty: a person of whom nothing is seen cannot be completed; leave them out")
    x0, y0, x1, y1 = person.box_xyxy
    longer = max(x1 - x0, y1 - y0, *(visible[2:] - visible[:2]))
    if longer < MIN_PERSON_PX:
        raise RefusedError(f"the person's box is {longer:.0f} px long: people under {MIN_PERSON_PX} px hold too little to complete; "
                           "leave them out or pass a larger image")


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Adds up the wall time of a step."""
    start = time.perf_counter()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start
