"""The demo's two people, each with the clean picture that the occluder hides: a photo, and a rendering."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as Pillow

from deocc_aug.data.images import read_image
from deocc_aug.types import Image, Mask, Person

if TYPE_CHECKING:
    from deocc_aug.humans.wear import Outfit

# Grace Hopper's outline in matplotlib's grace_hopper.jpg (512 x 600 px), drawn by hand: x, y in pixels, from the crown of her
# hat down her right side (our left) and back up.  The bottom of the frame cuts her, and so does its right side.
GRACE_HOPPER = (
    (254, 23), (235, 25), (228, 28), (221, 32), (217, 40), (199, 47), (186, 60), (177, 74), (173, 84), (160, 93), (152, 103), (151, 120),
    (151, 150), (153, 183), (153, 202), (154, 214), (158, 224), (162, 233), (161, 245), (160, 262), (165, 274), (172, 284), (180, 290),
    (192, 297), (200, 299), (203, 305), (206, 312), (200, 320), (189, 330), (178, 336), (163, 346), (133, 357), (102, 365), (74, 374),
    (55, 381), (50, 387), (45, 395), (39, 407), (36, 418), (32, 428), (28, 445), (25, 466), (21, 510), (16, 556), (10, 600), (512, 600),
    (512, 447), (505, 430), (500, 412), (494, 398), (487, 389), (481, 387), (470, 380), (455, 374), (440, 370), (420, 366), (392, 354),
    (375, 345), (360, 339), (345, 326), (336, 320), (331, 312), (334, 307), (346, 300), (356, 287), (359, 272), (365, 250), (369, 232),
    (372, 217), (375, 202), (376, 190), (371, 181), (369, 165), (371, 142), (370, 112), (365, 92), (361, 87), (354, 87), (350, 71),
    (344, 62), (335, 53), (317, 45), (303, 41), (300, 32), (284, 26),
)
PRESENT_PX, PRESENT_AT = 310, (214, 256)  # side of the present, and where its corner is put
BODY_SEED, RENDERED_SIZE = 107, (640, 480)  # (H, W)


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture of the demo: `image` (H, W, 3) uint8 RGB with the occluder in it, `clean` the same without.

    `occluder` (H, W) bool holds every pixel in which the two may differ; `amodal` (H, W) bool is the whole person as far as
    the frame shows them.
    """

    name: str
    image: Image
    clean: Image
    occluder: Mask
    amodal: Mask

    @property
    def visible(self) -> Mask:
        """(H, W) bool: the person where nothing is in front of them."""
        return self.amodal & ~self.occluder

    @property
    def person(self) -> Person:
        """What the library is told: the box of the visible part, what is seen, what hides the rest."""
        x, y, w, h = cv2.boundingRect(self.visible.astype(np.uint8))
        return Person(box_xyxy=np.array([x, y, x + w, y + h], float), visible_mask=self.visible, occluder_mask=self.occluder)


def photo() -> Scene:
    """Grace Hopper (US Navy, public domain) behind a present : both in matplotlib's sample data.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: it was installed without its sample data.
    """
    clean = read_image(_sample("grace_hopper.jpg"))
    amodal = np.zeros(clean.shape[:2], np.uint8)
    cv2.fillPoly(amodal, [np.array(GRACE_HOPPER, np.int32)], (1,))
    present = _rgba(_sample("Minduka_Present_Blue_Pack.png"))
    layer = np.zeros((*clean.shape[:2], 4), np.float32)
    x, y = PRESENT_AT
    fits = cv2.resize(present, (PRESENT_PX, PRESENT_PX), interpolation=cv2.INTER_CUBIC)[: clean.shape[0] - y, : clean.shape[1] - x]
    layer[y : y + fits.shape[0], x : x + fits.shape[1]] = fits
    return _covered("photo", clean, layer, amodal > 0)


def rendering() -> Scene:
    """A synthetic person behind a crate with a plant on it.

    Raises:
        ImportError: anny, which makes the bodies, is not installed.
    """
    from deocc_aug.humans.bodies import sample_bodies
    from deocc_aug.humans.camera import Camera
    from deocc_aug.humans.lighting import light_up, room_light
    from deocc_aug.humans.props import crate_with_plant
    from deocc_aug.humans.render import FINER, developed, draw, frame, together
    from deocc_aug.humans.room import paint_room
    from deocc_aug.humans.tailor import dress

    generator = np.random.default_rng(BODY_SEED)
    bodies = sample_bodies(1, generator, ["stand"])
    camera = Camera(yaw=25.0, pitch=4.0, roll=0.0, distance=4.2)
    pieces = dress(bodies, 0, _outfit(), generator)
    view, light = frame(pieces, camera, RENDERED_SIZE), room_light(camera)
    made = draw(bodies, 0, pieces, view, RENDERED_SIZE, light)
    vertices, faces, _ = together(pieces)
    lighting = light_up(vertices, faces, light.towards)
    fine = paint_room(view.zoomed(FINER), (RENDERED_SIZE[0] * FINER, RENDERED_SIZE[1] * FINER), lighting, generator)
    room = cv2.resize(fine.astype(np.float32), RENDERED_SIZE[::-1], interpolation=cv2.INTER_AREA)
    clean = developed(made.light + (1 - made.alpha[..., None]) * room).astype(np.float64)
    clean += generator.normal(0, 2.2, clean.shape[:2])[..., None] + generator.normal(0, 1.2, clean.shape)
    layer = crate_with_plant(view, lighting.floor, RENDERED_SIZE, generator)
    return _covered("rendering", np.round(clean).clip(0, 255).astype(np.uint8), layer, made.mask)


def _outfit() -> Outfit:
    from deocc_aug.humans.fabrics import plain
    from deocc_aug.humans.wear import Bottom, Outfit, Top

    return Outfit(
        skin=np.array([214.0, 164.0, 136.0]), hair=np.array([62.0, 42.0, 30.0]), hair_name="dark brown", hair_style="short",
        top=Top("t-shirt", 0.36, 0.05, 0.0, 0.012, plain("red", (176, 54, 48))), skirt=None, coat=None,
        bottom=Bottom("trousers", 1.0, 0.009, 0.012, plain("blue", (52, 66, 98))), shoes=plain("brown", (66, 48, 40)), boots=0.0,
        beard=False, hat=None, bag=None, wrinkles=1.0,
    )  # fmt: skip


def _covered(name: str, clean: Image, layer: np.ndarray, amodal: Mask) -> Scene:
    """The clean picture under a layer (H, W, 4) float32, RGBA from 0 to 255; what hardly covers (alpha under 6) is left out."""
    occluder = layer[..., 3] >= 6
    alpha = np.where(occluder, layer[..., 3] / 255, 0)[..., None]
    image = np.round(clean * (1 - alpha) + layer[..., :3] * alpha).clip(0, 255).astype(np.uint8)
    return Scene(name, image, clean, occluder, amodal)


def _sample(name: str) -> Path:
    try:
        from matplotlib.cbook import get_sample_data
    except ImportError as error:
        raise ImportError("the demo's photo comes with matplotlib: pip install 'deocc-aug[dev]'") from error
    path = Path(get_sample_data(name, asfileobj=False))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: matplotlib lacks its sample data; pip install --force-reinstall matplotlib")
    return path


def _rgba(path: Path) -> np.ndarray:
    with Pillow.open(path) as file:
        return np.asarray(file.convert("RGBA"), dtype=np.float32)
