"""The compact observer: from a box alone, what is seen of the person in it, and not of the one in front."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DModel
from jaxtyping import Float
from torch import Tensor

from deocc_aug.body.codec import joints_from_heatmaps
from deocc_aug.body.pipeline import mirrored
from deocc_aug.canvas import apply, cut, patch_rectangle, place, resample, widened
from deocc_aug.data.images import check_image
from deocc_aug.observe.boxes import inside
from deocc_aug.observe.codec import IN_FRONT, PERSON, Answer, answer_channels, condition_channels, decode, encode
from deocc_aug.observe.given import on_canvas
from deocc_aug.observe.protocol import told
from deocc_aug.patches import JOINT_SIGMA
from deocc_aug.types import JOINTS, MIRRORED, Box, Canvas, Image, Joints, Mask, Person

ROOM = 0.2  # room on every side of the given box, in longer sides
SURE = 0.5  # a pixel more probable than this shows the person
CLEAR = 0.8  # and one that with at least this probability shows neither them nor what is in front of them hides nothing


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen of one person on a canvas.

    `person`, `in_front` (h, w) float32 in [0, 1]: how sure a pixel shows this person, or what hides a part of them; `joints`
    (17, 3) x, y in canvas pixels and confidence in [0, 1], hidden ones too; `states` (17, 3): each joint's probability to be
    visible (a limb behind the own body counts), hidden, outside the image; `hidden_share` in [0, 1]: how much of the body is
    probably not seen, beyond the image's border included.
    """

    person: Float[np.ndarray, "h w"]
    in_front: Float[np.ndarray, "h w"]
    joints: Joints
    states: Float[np.ndarray, "17 3"]
    hidden_share: float


class ObserverPipeline(DiffusionPipeline):
    """A UNet on the grid of patches that looks once, at the canvas and at its mirror image, and takes the mean.

    Args:
        unet: in and out channels as `deocc_aug.observe.codec` counts them; its timestep is always 0.
        patch: pixels a side of the patches.

    Raises:
        ValueError: the UNet has other channels.
    """

    unet: UNet2DModel

    def __init__(self, unet: UNet2DModel, patch: int = 4) -> None:
        super().__init__()
        wanted = condition_channels(patch), answer_channels(patch)
        if (unet.config.in_channels, unet.config.out_channels) != wanted:
            raise ValueError(f"the observer's UNet has {unet.config.in_channels} in and {unet.config.out_channels} out channels: "
                             f"with patch={patch} it needs {wanted[0]} and {wanted[1]}")
        self.register_modules(unet=unet)
        self.register_to_config(patch=patch)

    @torch.inference_mode()
    def __call__(self, canvas: Canvas, box_xyxy: Box, joints: Joints | None = None) -> Seen:
        """Looks for the person that the box means.

        Args:
            canvas: cut so that the box has some room around it (a tenth to a third of its longer side).
            box_xyxy: (4,) canvas pixels, of the visible part or of the whole body.
            joints: (17, 3) x, y in canvas pixels and confidence, 0 where unknown: what a pose model already said.
        """
        patch, (height, width) = int(self.config.patch), canvas.size
        frame = apply(canvas.image_to_canvas, np.array([[0.0, 0.0], canvas.source_size[::-1]])).reshape(4)
        known = np.zeros((JOINTS, 3)) if joints is None else joints

        def both(one: np.ndarray, other: np.ndarray) -> Tensor:
            return torch.from_numpy(np.stack([one, other])).to(self.device)

        pictures = both(canvas.image, canvas.image[:, ::-1])
        frames, boxes = (both(box, _turned(box, width)).float() for box in (frame, box_xyxy))
        condition = encode(pictures, frames, boxes, both(known, mirrored(known, width)).float(), patch)  # (2, C, gh, gw)
        return _seen(decode(look(self.unet, condition), patch), patch, (height, width))


def look(unet: UNet2DModel, condition: Float[Tensor, "b c gh gw"]) -> Float[Tensor, "b k gh gw"]:
    """The net's output for its input."""
    condition = condition.to(unet.dtype).contiguous(memory_format=torch.channels_last)
    return unet(condition, torch.zeros(len(condition), device=condition.device)).sample


def _turned(box_xyxy: Box, width: int) -> Box:
    x0, y0, x1, y1 = box_xyxy
    return np.array([width - x1, y0, width - x0, y1])


def _seen(said: Answer, patch: int, size: tuple[int, int]) -> Seen:
    """The mean of what is said of a canvas and of its mirror image."""
    labels, states = said.labels.softmax(1).cpu().numpy(), said.states.softmax(2).cpu().numpy()
    places = said.places.flatten(2).softmax(2).view_as(said.places).cpu().numpy()
    person, in_front = (cv2.resize((labels[0, label] + labels[1, label, :, ::-1]) / 2, size[::-1], interpolation=cv2.INTER_LINEAR)
                        for label in (PERSON, IN_FRONT))
    maps = (places[0] + places[1, MIRRORED, :, ::-1]) / 2 * np.float32(2 * np.pi * JOINT_SIGMA**2)  # the mass of a certain joint
    hidden = float(said.hidden.sigmoid().mean())
    return Seen(person, in_front, joints_from_heatmaps(maps, patch), (states[0] + states[1, MIRRORED]) / 2, hidden)


class CompactObserver:
    """The compact net as an `Observer`: cuts a canvas around the person's box and says in image coordinates what it sees.

    Args:
        pipeline: the net.
        size: (height, width) of the canvas it was trained on.
    """

    def __init__(self, pipeline: ObserverPipeline, size: tuple[int, int] = (256, 192)) -> None:
        self.pipeline, self.size = pipeline, size

    def __call__(self, image: Image, person: Person) -> Person:
        """The person with the masks that the caller did not give.

        The visible mask holds at least the pixel that shows the person most probably.  What seems to be in front, what it is not
        sure of and what it did not look at is unknown: it says what cannot hide anything, and names no occluder for certain, since
        all of an occluder would be painted over and it takes many a thing beside a person for one in front.  Nor does it tell of the
        joints that it finds (`look` has them): among occluders they are worse than those that stage 1 finds alone.

        Raises:
            ValueError: not an RGB uint8 image (H, W, 3), or a box that lies outside it.
        """
        image = check_image(image)
        if person.visible_mask is not None and person.occluder_known:
            return person
        canvas, seen = self.look(image, person)
        return told(person, in_image(seen.person, canvas, SURE, empty=False),
                    unknown_mask=~in_image(1 - seen.person - seen.in_front, canvas, CLEAR))

    def look(self, image: Image, person: Person) -> tuple[Canvas, Seen]:
        """The canvas around the person's box, and what is seen on it: probabilities, hidden joints, the hidden share."""
        box = person.box_xyxy
        inside(box, image)
        canvas = cut(image, place(widened(box, ROOM), self.size), self.size)
        on = apply(canvas.image_to_canvas, box.reshape(2, 2)).reshape(4)
        return canvas, self.pipeline(canvas, on, None if person.joints is None else on_canvas(person.joints, canvas))


def in_image(probability: Float[np.ndarray, "h w"], canvas: Canvas, least: float = SURE, empty: bool = True) -> Mask:
    """(H, W) bool in the source image: where a canvas's probability is at least `least`; unless it may be `empty`, at least where
    it is highest."""
    origin, size, to_patch = patch_rectangle(canvas)
    (x, y), (height, width) = origin, canvas.source_size
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + size[1], width), min(y + size[0], height)
    out = np.zeros(canvas.source_size, np.bool_)
    if x1 <= x0 or y1 <= y0:  # a canvas of less than a pixel, at the image's border
        return out
    to_patch[:, 2] -= x0 - x, y0 - y  # only the part in the image is made: a box may reach far beyond
    patch = np.asarray(resample(probability, to_patch, (y1 - y0, x1 - x0)))
    out[y0:y1, x0:x1] = patch >= (least if empty else min(least, float(patch.max())))
    return out
