"""Who a body is: age, sex and build, drawn from anny's own shape distribution, and the words for them.

anny (https://github.com/naver/anny, Apache-2.0) fits height, weight, muscle and proportions given age to growth tables; the
ages are drawn here, since those of photos are not those of a census.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PHENOTYPE = ("gender", "age", "muscle", "weight", "height", "proportions", "african", "asian", "caucasian")
_AGES = ((2, 12), (12, 18), (18, 60), (60, 88))  # years
_SHARES = (0.11, 0.07, 0.68, 0.14)


@dataclass(frozen=True)
class Shape:
    """`phenotype` in anny's units (0 to 1 each; gender 0 male, 1 female); `years` the age that the body looks like."""

    phenotype: dict[str, float]
    years: float

    @property
    def age_group(self) -> str:
        return "child" if self.years < 13 else "teenager" if self.years < 18 else "adult" if self.years < 60 else "old person"

    @property
    def build(self) -> str:
        weight = self.phenotype["weight"]
        return "slim" if weight < 0.38 else "heavy" if weight > 0.62 else "average"


class ShapePrior:
    """anny's `SimpleShapeDistribution`, drawn with a numpy generator instead of torch's global one.

    Args:
        model: the anny model.
    """

    def __init__(self, model: Any) -> None:
        from anny.shape_distribution import SimpleShapeDistribution

        self._distribution = SimpleShapeDistribution(model)

    def sample(self, generator: np.random.Generator) -> Shape:
        """One body; the same generator state gives the same one."""
        import torch

        low, high = _AGES[generator.choice(len(_AGES), p=_SHARES)]
        years = float(generator.uniform(low, high))
        given = self._distribution
        with torch.inference_mode():
            age = given.morphological_age_mapping.morphological_to_anny_age(torch.tensor([years], dtype=torch.float32))
            gender = float(generator.beta(0.3, 0.3))
            sex = "boys" if gender <= 0.5 else "girls"
            drawn = {"gender": gender, "age": float(age[0])}
            for name in ("height", "weight", "muscle", "proportions"):
                alpha, beta = getattr(given, f"{sex}_conditional_{name}_distribution").get_distribution_params(age)
                drawn[name] = float(generator.beta(float(alpha[0]), float(beta[0])))
        roots = generator.dirichlet((0.5, 0.5, 0.5))
        drawn.update(zip(("african", "asian", "caucasian"), roots.tolist(), strict=True))
        return Shape(drawn, years)
