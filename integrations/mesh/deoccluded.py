"""A mesh regressor that sees each person whole."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from deocc_aug.integrations.mesh.protocol import Boxes, MeshPrediction, MeshRegressor, checked
from deocc_aug.options import Options
from deocc_aug.types import Image, Person, RefusedError

if TYPE_CHECKING:
    from deocc_aug.deoccluder import Deoccluder

ON_REFUSAL = ("pass", "error")
_warned = Event()  # of refused people, in this process


@dataclass(frozen=True, eq=False)
class View:
    """What a regressor is shown for one person: `image` is the caller's own array where nothing was changed; `reason` says why."""

    image: Image
    changed: bool
    reason: str


class DeoccludedRegressor:
    """A regressor that is shown each person completed, in the caller's boxes.  It is a `MeshRegressor` itself.

    People whom the gate leaves alone, and those whom the library refuses, are shown in the very array that was passed, so their predictions
    are those of the regressor alone, and a regressor of scope "image" looks once for all of them that share an image.  The order and the
    number of what the regressor is asked are the caller's.  (A regressor whose nets look at many crops in one batch may round otherwise
    when others in it changed; those of `families.py` look at one at a time.)

    >>> regressor = DeoccludedRegressor(WorkerRegressor(command), Deoccluder.from_pretrained("compact"))     # doctest: +SKIP
    >>> predictions = regressor.predict([image, image], boxes)                                              # doctest: +SKIP

    Args:
        regressor: any `MeshRegressor`.
        deoccluder: completes people.
        seed, options: as a `Deoccluder` takes them.
        on_refusal: what to do with people whom the library refuses (too small, nothing seen of them, ...): "pass" shows them as they are
            and warns once a process; "error" raises ValueError.
    """

    def __init__(self, regressor: MeshRegressor, deoccluder: Deoccluder, seed: int = 0, options: Options | None = None,
                 on_refusal: str = "pass") -> None:
        if on_refusal not in ON_REFUSAL:
            raise ValueError(f"on_refusal is {on_refusal!r}: pass one of {list(ON_REFUSAL)}")
        self.regressor, self.deoccluder, self.seed, self.options, self.on_refusal = regressor, deoccluder, seed, options, on_refusal

    @property
    def body_model(self) -> str:
        return self.regressor.body_model

    @property
    def scope(self) -> str:
        return self.regressor.scope

    def predict(self, images: Sequence[Image], boxes: Boxes, people: Sequence[Person] | None = None) -> list[MeshPrediction | None]:
        """As `MeshRegressor.predict`; with `people`, what is known of them (masks, joints) is used, else the boxes alone."""
        return self.regressor.predict([view.image for view in self.views(images, boxes, people)], boxes)

    def views(self, images: Sequence[Image], boxes: Boxes, people: Sequence[Person] | None = None) -> list[View]:
        """What the regressor would be shown for each person.

        Raises:
            ValueError: lists of different lengths, images or boxes that a regressor does not take; with on_refusal="error", a person whom
                the library refuses.
        """
        asked = checked(images, boxes)
        known = [Person(box_xyxy=box) for box in asked] if people is None else list(people)
        if len(known) != len(images):
            raise ValueError(f"there are {len(images)} images and {len(known)} people: pass one Person an image, or none at all")
        return self.deoccluder.together.map(self._view, zip(images, known, strict=True))

    def _view(self, pair: tuple[Image, Person]) -> View:
        image, person = pair
        try:
            result = self.deoccluder(image, person, self.seed, self.options)
        except RefusedError as error:
            if self.on_refusal == "error":
                raise
            if not _warned.is_set():
                _warned.set()
                warnings.warn(f"people whom the library refuses are shown as they are, such as this one: {error}", stacklevel=2)
            return View(image, False, f"refused: {error}")
        return View(result.image if result.changed else image, result.changed, result.reason)
