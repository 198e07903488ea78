"""CompactHMR: a small net that looks at a crop of one person and says how an open body is turned, shaped and seen.

Where each joint is looked for is learned as a heatmap, its features are gathered there (after PARE, Kocabas et al. 2021, in which parts'
attention is what makes a regressor bear occlusion), and the joints then tell one another where they must be (attention among 23 tokens).
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from deocc_aug.benchmarks.mesh_models.skin import BETAS, BODY, Skin
from deocc_aug.canvas import place, widened
from deocc_aug.types import Affine, Box

ROOM = 0.1  # around the box, in longer sides
STRIDE = 8
HEATMAPS = 2 * BODY
"""A map a joint where it is, and one a joint for whatever else tells how it is turned."""
CAMERA = 4
UPRIGHT = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""The first two columns of the rotation of somebody who stands and looks into the camera."""
_PER_METRE = 0.45  # of the crop's height: how large a metre usually is
_FAR = 3.5  # metres


@dataclass(frozen=True, eq=False)
class Said:
    """What the net says of people.

    Attributes:
        rotations: (B, 22, 3, 3) from SMPL-X's rest pose and axes to the camera's, of each joint.
        betas: (B, 10).
        pelvis: (B, 2) where it is seen, x and y in crop pixels.
        per_metre: (B,) pixels of the crop that a metre at the pelvis takes.
        distance: (B,) metres from the camera to the pelvis along the optical axis.
        heatmaps: (B, 22, h, w) logarithms of how likely each joint is in each cell; () where nobody asks.
    """

    rotations: Float[Tensor, "b 22 3 3"]
    betas: Float[Tensor, "b 10"]
    pelvis: Float[Tensor, "b 2"]
    per_metre: Float[Tensor, "b"]
    distance: Float[Tensor, "b"]
    heatmaps: Float[Tensor, "b 22 h w"]

    def placed(self, points: Float[Tensor, "b n 3"], size: tuple[int, int]) -> Float[Tensor, "b n 3"]:
        """Points about the pelvis as the camera has them: metres, right, down and ahead."""
        middle = torch.tensor([size[1] / 2, size[0] / 2], device=points.device)
        across = (self.pelvis - middle) / self.per_metre[:, None]
        return points + torch.cat([across, self.distance[:, None]], 1)[:, None]

    @property
    def focal(self) -> Float[Tensor, "b"]:
        """Pixels of the crop."""
        return self.per_metre * self.distance

    def projected(self, points: Float[Tensor, "b n 3"], size: tuple[int, int]) -> Float[Tensor, "b n 2"]:
        """Crop pixels in which points about the pelvis are seen: those of `placed`, the optical axis through the crop's middle.

        Nothing comes nearer to the camera than a tenth of the pelvis' distance.
        """
        middle = torch.tensor([size[1] / 2, size[0] / 2], device=points.device)
        depth = (1 + points[..., 2:] / self.distance[:, None, None]).clamp(min=0.1)
        return middle + ((self.pelvis - middle)[:, None] + self.per_metre[:, None, None] * points[..., :2]) / depth


class CompactHMR(ModelMixin, ConfigMixin):
    """The regressor: crops (B, 3, h, w) uint8 RGB in, `Said` out.  It holds its own body, so that nothing else is needed to get a mesh.

    Args:
        size: (height, width) of the crop, multiples of 16.
        channels: of the four levels, at 1/2, 1/4, 1/8 and 1/16 of the crop.
        blocks: residual blocks of the last three.
        width: of the tokens.
        layers: of attention among them.
        vertices, influences: of the body, see `Skin`.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(self, size: Sequence[int] = (192, 144), channels: Sequence[int] = (24, 48, 96, 128), blocks: Sequence[int] = (1, 2, 2),
                 width: int = 128, layers: int = 3, vertices: int = 13718, influences: int = 7) -> None:
        super().__init__()
        first, second, third, last = channels
        self.stem = nn.Sequential(_convolution(3, first, 2), nn.ReLU())
        self.near = _level(first, second, blocks[0])
        self.middle = _level(second, third, blocks[1])
        self.far = _level(third, last, blocks[2])
        self.lateral = nn.Conv2d(last, third, 1)
        self.merged = nn.Sequential(_convolution(third, third, 1), nn.ReLU())
        self.maps = nn.Conv2d(third, HEATMAPS, 1)
        self.token = nn.Linear(2 * third + 6, width)
        self.person = nn.Linear(last + third, width)
        self.names = nn.Parameter(torch.randn(BODY + 1, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, max(1, width // 32), 2 * width, dropout=0.0, activation="gelu", batch_first=True,
                                           norm_first=True)
        self.talk = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.calm = nn.LayerNorm(width)
        self.turn = nn.Parameter(torch.randn(BODY, width, 6) * 0.1 / math.sqrt(width))
        self.upright = nn.Parameter(torch.tensor(UPRIGHT).repeat(BODY, 1))
        self.shape = nn.Linear(width, BETAS + CAMERA)
        nn.init.normal_(self.shape.weight, std=0.1 / math.sqrt(width))
        nn.init.zeros_(self.shape.bias)
        self.skin = Skin(vertices, influences)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the crop."""
        return int(self.config.size[0]), int(self.config.size[1])

    def forward(self, crops: UInt8[Tensor, "b 3 h w"]) -> Said:
        dtype = self.names.dtype
        pixels = ((crops.to(dtype) - 118) / 60).contiguous(memory_format=torch.channels_last)
        middle = self.middle(self.near(self.stem(pixels)))                     # (B, third, h/8, w/8)
        far = self.far(middle)                                                 # (B, last, h/16, w/16)
        up = F.interpolate(self.lateral(far), size=middle.shape[2:], mode="nearest")
        features = self.merged(middle + up)
        maps = self.maps(features).float()                                     # (B, 44, h/8, w/8)
        tokens = torch.cat([self._joints(features, maps), self.person(torch.cat([far.mean((2, 3)), features.mean((2, 3))], 1))[:, None]], 1)
        told = self.calm(self.talk(tokens + self.names)).float()               # (B, 23, width)
        six = torch.einsum("bjw,jwk->bjk", told[:, :BODY], self.turn.float()) + self.upright.float()
        rest = self.shape(told[:, BODY].to(dtype)).float()
        height, pelvis = self.size[0], self._places(maps[:, :BODY])[:, 0]
        shift = rest[:, BETAS:BETAS + 2] * height / 8
        per_metre = height * _PER_METRE * torch.exp(rest[:, BETAS + 2].clamp(-3, 3))
        return Said(rotation_of(six), rest[:, :BETAS], pelvis + shift, per_metre, _FAR * torch.exp(rest[:, BETAS + 3].clamp(-3, 3)),
                    maps[:, :BODY].flatten(2).log_softmax(2).view_as(maps[:, :BODY]))

    def _joints(self, features: Tensor, maps: Tensor) -> Float[Tensor, "b 22 width"]:
        """A token a joint: what is seen where its two maps look, where that is, and how sure the first is."""
        share = maps.flatten(2).softmax(2)
        seen = (share.to(features.dtype) @ features.flatten(2).mT)             # (B, 44, third)
        places = self._places(maps) / torch.tensor(self.size[::-1], device=maps.device) - 0.5
        sure = share[:, :BODY].amax(2, keepdim=True)
        spread = -(share[:, :BODY] * share[:, :BODY].clamp(min=1e-9).log()).sum(2, keepdim=True) / math.log(share.shape[2])
        told = torch.cat([places[:, :BODY], places[:, BODY:], sure, spread], 2).to(features.dtype)
        return torch.as_tensor(self.token(torch.cat([seen[:, :BODY], seen[:, BODY:], told], 2)))

    def _places(self, maps: Tensor) -> Float[Tensor, "b maps 2"]:
        """Where maps look on average, x and y in crop pixels."""
        share = maps.flatten(2).softmax(2).view_as(maps)
        down, across = ((torch.arange(n, device=maps.device) + 0.5) * STRIDE for n in maps.shape[2:])
        return torch.stack([(share.sum(2) * across).sum(2), (share.sum(3) * down).sum(2)], 2)


def crop_of(box: Box, size: tuple[int, int]) -> Affine:
    """image_to_crop (2, 3) of the crop (height, width) in which the net is shown a box."""
    return place(widened(box, ROOM), size)


def rotation_of(six: Float[Tensor, "... 6"]) -> Float[Tensor, "... 3 3"]:
    """The rotation whose first two columns come nearest to those numbers, the first first (Zhou et al. 2019)."""
    first = F.normalize(six[..., :3], dim=-1)
    second = F.normalize(six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


class _Residual(nn.Module):
    """Two convolutions beside a way past them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(_convolution(channels, channels, 1), nn.ReLU(), _convolution(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.inside(x))


def _convolution(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))


def _level(before: int, after: int, blocks: int) -> nn.Sequential:
    """Half the resolution, then residual blocks."""
    return nn.Sequential(_convolution(before, after, 2), nn.ReLU(), *(_Residual(after) for _ in range(blocks)))
