"""What pictures look like to nets: LPIPS a case, FID and KID of all cases together, on crops around what was hidden.

LPIPS: Zhang et al., CVPR 2018; FID: Heusel et al., NeurIPS 2017; KID: Binkowski et al., ICLR 2018.  The nets' weights are files of the
user's own: nothing is fetched.
"""
from __future__ import annotations

import base64
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deocc_aug.benchmarks.estimators.protocol import model_file, sha256
from deocc_aug.canvas import box_of, place, resample
from deocc_aug.loaded import one_thread
from deocc_aug.types import Image, Mask

SIZE = (256, 192)  # height and width of a crop: a canvas
FEATURES = 2048  # Inception's last pooling layer
SUBSET, SUBSETS = 1000, 100  # KID: of more crops than SUBSET, that many are drawn so often

INCEPTION = ("Inception's weights in torch-fidelity's layout, such as weights-inception-2015-12-05-6726825d.pth of "
             "https://github.com/toshas/torch-fidelity/releases")
BACKBONE = "the weights of torchvision's AlexNet or VGG-16, such as alexnet-owt-7be5be79.pth of https://download.pytorch.org/models"


@dataclass(frozen=True)
class Weights:
    """Files of weights; a figure whose file is left out is not computed.

    Args:
        inception: for FID and KID, Inception in torch-fidelity's layout.
        lpips_backbone: for LPIPS, torchvision's AlexNet or VGG-16; LPIPS' own linear layers come with torchmetrics.
    """

    inception: Path | None = None
    lpips_backbone: Path | None = None

    def described(self) -> dict[str, Any]:
        """What decides the figures, as JSON; nothing where no file is named.

        Raises:
            FileNotFoundError: a file is missing.
        """
        named = {"inception": (self.inception, INCEPTION), "lpips_backbone": (self.lpips_backbone, BACKBONE)}
        return {f"{name}_sha256": sha256(model_file(path, what)) for name, (path, what) in named.items() if path is not None}


class Looks:
    """The nets, on the CPU and one thread: what they say of a crop depends on the crop alone.

    Raises:
        OSError: a file is missing.
        ValueError: a file holds other weights than are asked for.
        ImportError: Inception is asked for and torch-fidelity is not installed.
    """

    def __init__(self, weights: Weights) -> None:
        self.inception = None if weights.inception is None else inception(weights.inception)
        self.lpips = None if weights.lpips_backbone is None else lpips(weights.lpips_backbone)

    def features(self, crop: Image) -> Float[np.ndarray, "2048"]:
        """Inception's features of a crop, float32."""
        assert self.inception is not None
        with one_thread(), torch.inference_mode():
            return self.inception(torch.from_numpy(crop).permute(2, 0, 1)[None])[0][0].numpy()

    def distance(self, crop: Image, clean: Image) -> float:
        """LPIPS of two crops, 0 where they are the same."""
        assert self.lpips is not None
        with one_thread(), torch.inference_mode():
            return float(self.lpips(*(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1 for picture in (crop, clean))))


def crop_around(image: Image, hidden: Mask) -> Image:
    """The box of what is hidden, as large as it fits on `SIZE`, with what is around it."""
    box = box_of(hidden)
    assert box is not None
    return resample(image, place(box, SIZE), SIZE)


def inception(path: Path) -> nn.Module:
    """torch-fidelity's Inception with these weights; takes (N, 3, H, W) uint8 and gives a tuple of (N, 2048).  Raises as `Looks`."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ImportError("FID and KID need torch-fidelity's Inception: pip install torch-fidelity") from error
    _state_of(path, INCEPTION)  # torch-fidelity would run what is pickled in it: only tensors may be
    try:
        return FeatureExtractorInceptionV3("inception-v3-compat", [str(FEATURES)], feature_extractor_weights_path=str(path))
    except RuntimeError as error:
        raise ValueError(f"{path} holds other weights: pass {INCEPTION}") from error


def lpips(path: Path) -> nn.Module:
    """LPIPS on AlexNet or VGG-16 with these weights, as the file's first layer says; takes (N, 3, H, W) in [-1, 1] twice.

    Raises as `Looks`.
    """
    from torchmetrics.functional.image.lpips import _LPIPS  # its public class fetches the backbone

    state = _state_of(path, BACKBONE)
    first = state.get("features.0.weight")
    kind = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}.get(() if first is None else tuple(first.shape), "")
    if not kind:
        raise ValueError(f"{path} holds other weights: pass {BACKBONE}")
    net = _LPIPS(net=kind, pnet_rand=True)  # type: ignore[arg-type]
    try:
        net.net.load_state_dict({name: state[f"features.{name.partition('.')[2]}"] for name in net.net.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path} holds other weights: pass {BACKBONE}") from error
    return net


def _state_of(path: Path, what: str) -> dict[str, Tensor]:
    try:
        state = torch.load(model_file(path, what), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is no file of weights that torch loads without running code: pass {what}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}: pass {what}")
    return state


def text_of(features: Float[np.ndarray, "2048"]) -> str:
    """Features as a record keeps them: float32 to the bit."""
    return base64.b64encode(features.astype("<f4").tobytes()).decode()


def features_of(texts: Sequence[str]) -> Float[np.ndarray, "n 2048"]:
    """Of each text the features, float64."""
    return np.array([np.frombuffer(base64.b64decode(text), "<f4") for text in texts], np.float64).reshape(len(texts), -1)


def fid(found: Float[np.ndarray, "n d"], clean: Float[np.ndarray, "m d"]) -> float:
    """The Frechet distance of two sets of features, both taken as Gaussian; NaN where one has fewer than two.

    The trace of the root of the covariances' product is the sum of the singular values of one triangular factor times the other: exact, and
    quick where there are fewer crops than features, where the product's eigenvalues are mostly rounding errors.
    """
    if min(len(found), len(clean)) < 2:
        return float("nan")
    factors = [np.linalg.qr((some - some.mean(0)) / np.sqrt(len(some) - 1), "r") for some in (found, clean)]
    apart = float(((found.mean(0) - clean.mean(0)) ** 2).sum())
    spread = sum(float((factor ** 2).sum()) for factor in factors)
    return max(0.0, apart + spread - 2 * float(np.linalg.norm(factors[0] @ factors[1].T, "nuc")))


def kid(found: Float[np.ndarray, "n d"], clean: Float[np.ndarray, "n d"], seed: int = 0) -> tuple[float, float]:
    """KID and its standard deviation over subsets; all crops are one subset where they are no more than `SUBSET`.

    The estimate has no bias and may be below 0; it is, where the two sets are of the same pictures.  NaN where there are fewer than two.
    """
    from torchmetrics.image.kid import poly_mmd

    size = min(SUBSET, len(found))
    if size < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    draws = [[rng.permutation(len(found))[:size] for _ in range(2)] for _ in range(SUBSETS)] if len(found) > size else [[slice(None)] * 2]
    values = [float(poly_mmd(*(torch.from_numpy(some[drawn]) for some, drawn in zip((clean, found), pair, strict=True)))) for pair in draws]
    return float(np.mean(values)), float(np.std(values))
