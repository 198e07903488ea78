"""What scenes are to be made of, in a few words that a worker process can be told."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deocc_aug.humans.poses import FAMILIES

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Ingredients

SMALLEST, LARGEST_RATE = 32, 0.8
CUTOUT_SIDE = 224  # pixels of a cut-out's longer side in a scene 256 pixels high


@dataclass(frozen=True)
class Recipe:
    """The folders and options that :class:`deocc_aug.humans.scenes.Ingredients` are read from.

    Args:
        size: (height, width) pixels.
        backgrounds: folder of photos with nobody in them.
        coco: COCO-format folder: its photos are backgrounds too, its objects and people stand in front.
        leave_out_even: leaves out the images of `coco` whose name is an even number.
        wardrobe: folder of MakeHuman's assets.
        families: pose families to draw from, None for all.
        rate: share to hide of what the frame shows of each person, None for a drawn one.
        cut: share of the scenes in which the frame cuts 5 to 45% of the person off.
        clothed: False for people in their skin.

    Raises:
        ValueError: a size under 32 pixels, an unknown family, a rate or cut out of range, `leave_out_even` without `coco`.
    """

    size: tuple[int, int] = (256, 192)
    backgrounds: Path | None = None
    coco: Path | None = None
    leave_out_even: bool = False
    wardrobe: Path | None = None
    families: tuple[str, ...] | None = None
    rate: float | None = None
    cut: float = 0.2
    clothed: bool = True

    def __post_init__(self) -> None:
        if min(self.size) < SMALLEST:
            raise ValueError(f"size is {self.size}: pass a height and a width of at least {SMALLEST} pixels")
        unknown = [family for family in self.families or () if family not in FAMILIES]
        if unknown or self.families == ():
            raise ValueError(f"families is {list(self.families or ())}: pass some of {', '.join(FAMILIES)}")
        if self.rate is not None and not 0 <= self.rate <= LARGEST_RATE:
            raise ValueError(f"rate is {self.rate}: pass the share of each person to hide, from 0 to {LARGEST_RATE}")
        if not 0 <= self.cut <= 1:
            raise ValueError(f"cut is {self.cut}: pass the share of the scenes whose person the frame cuts, from 0 to 1")
        if self.leave_out_even and self.coco is None:
            raise ValueError("leave_out_even is about the images of a COCO-format folder: pass coco too")

    def as_json(self) -> dict[str, Any]:
        """The recipe in JSON's types, folders as they were given."""
        given = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return given | {"size": list(self.size), "families": None if self.families is None else list(self.families)}

    def read(self) -> Ingredients:
        """Reads the folders.

        Raises:
            OSError: one is not there.
            ValueError: one has nothing that can be used.
            ImportError: numba is not installed.
        """
        from deocc_aug.humans.scenes import Ingredients
        from deocc_aug.humans.wardrobe import Wardrobe
        from deocc_aug.occluders.backgrounds import Backgrounds
        from deocc_aug.occluders.cutouts import read_cutouts
        from deocc_aug.occluders.objects import even_numbered, none_left_out

        leave_out = even_numbered if self.leave_out_even else none_left_out
        photos = () if self.backgrounds is None else Backgrounds.from_folder(self.backgrounds).photos
        if self.coco is not None:
            try:
                photos += Backgrounds.from_coco(self.coco, leave_out).photos
            except ValueError as error:  # what is no COCO folder at all has no cut-outs either
                warnings.warn(f"{'the other' if photos else 'drawn'} backgrounds alone: {error}", stacklevel=2)
        side = max(CUTOUT_SIDE * max(self.size) // 256, SMALLEST)
        return Ingredients(
            size=self.size,
            backgrounds=Backgrounds(photos) if photos else None,
            cutouts=() if self.coco is None else read_cutouts(self.coco, side=side, leave_out=leave_out),
            wardrobe=None if self.wardrobe is None else Wardrobe.from_makehuman(self.wardrobe),
            families=self.families,
            rate=self.rate,
            cut=self.cut,
            clothed=self.clothed,
        )
