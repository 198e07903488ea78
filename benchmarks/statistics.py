"""Figures over a sample of people, each with its 95% bootstrap interval over people, and tables of them."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.stats import rankdata

RESAMPLES = 2000
AT_ONCE = 100

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A figure of so many people and its 95% interval, `low` to `high`; NaN where there is none, as for the interval of one person."""

    value: float
    low: float
    high: float
    people: int

    def __str__(self) -> str:
        interval = "" if np.isnan(self.low) else f" ({self.low:.3f} to {self.high:.3f})"
        return "–" if np.isnan(self.value) else f"{self.value:.3f}{interval}"


def bootstrap(statistic: Callable[..., float], *columns: Num[np.ndarray, "n"] | Bool[np.ndarray, "n"], seed: int = 0) -> Estimate:
    """`statistic` of columns that hold a value a person, with its percentile interval.

    People are drawn anew `RESAMPLES` times; samples in which the statistic cannot be told (NaN) are left out.
    """
    people = len(columns[0])
    if not people:
        return Estimate(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.array([statistic(*(column[drawn] for column in columns)) for drawn in rng.integers(people, size=(RESAMPLES, people))])
        value = float(statistic(*columns))
    told = found[np.isfinite(found)]
    low, high = np.quantile(told, (0.025, 0.975)) if people > 1 and len(told) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high), people)


def resampled_sums(columns: Float[np.ndarray, "people columns"], seed: int = 0) -> Float[np.ndarray, "draws columns"]:
    """The columns' sums over people drawn anew `RESAMPLES` times, the same people for every column: differences of them are paired.

    Takes memory for `AT_ONCE` draws at a time, however many people there are.
    """
    people = len(columns)
    rng = np.random.default_rng(seed)
    sums = np.empty((RESAMPLES, columns.shape[1]))
    for start in range(0, RESAMPLES if people else 0, AT_ONCE):
        drawn = rng.integers(people, size=(min(AT_ONCE, RESAMPLES - start), people))
        drawn += people * np.arange(len(drawn))[:, None]
        times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        sums[start:start + len(drawn)] = times @ columns
    return sums


def of_sums(statistic: Callable[..., Any], totals: Float[np.ndarray, "columns"], sums: Float[np.ndarray, "draws columns"],
            people: int) -> Estimate:
    """`statistic` of sums over people, and its percentile interval from `resampled_sums` of the same columns.

    Args:
        statistic: takes each column's sum, one number or a draw's each; samples in which it is NaN are left out.
        totals: the columns' sums over the people themselves.
    """
    if not people:
        return Estimate(np.nan, np.nan, np.nan, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, found = float(statistic(*totals)), np.asarray(statistic(*sums.T))
    told = found[np.isfinite(found)]
    low, high = np.quantile(told, (0.025, 0.975)) if people > 1 and len(told) else (np.nan, np.nan)
    return Estimate(value if np.isfinite(value) else np.nan, float(low), float(high), people)


def iou(a: Bool[np.ndarray, "h w"], b: Bool[np.ndarray, "h w"]) -> float:
    """Intersection over union of two masks, NaN where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else float("nan")


def average(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN, NaN where there is none."""
    told = [value for value in values if not np.isnan(value)]
    return float(np.mean(told)) if told else float("nan")


def mean(values: Values) -> Estimate:
    """The mean over the people for whom there is a value (not NaN)."""
    column = np.asarray(values, np.float64)
    return bootstrap(np.mean, column[~np.isnan(column)])


def median(values: Values) -> Estimate:
    """The median over people."""
    return bootstrap(np.median, np.asarray(values, np.float64))


def rate(hits: Values, of: Values) -> Estimate:
    """All people's hits out of all of what they had to hit: a share over joints, its interval over people."""
    tried = np.asarray(of, np.float64)
    return bootstrap(lambda some, every: some.sum() / every.sum(), np.asarray(hits, np.float64)[tried > 0], tried[tried > 0])


def auroc(scores: Num[np.ndarray, "n"], positive: Bool[np.ndarray, "n"]) -> float:
    """How often a positive one has the higher score than one that is not, ties counting half; NaN where one kind is missing."""
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        return np.nan
    return float((rankdata(scores)[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def spearman(a: Num[np.ndarray, "n"], b: Num[np.ndarray, "n"]) -> float:
    """Rank correlation; NaN where one of the two is the same for everybody."""
    ranks: Float[np.ndarray, "2 n"] = np.stack([rankdata(a), rankdata(b)])
    return float(np.corrcoef(ranks)[0, 1]) if np.ptp(ranks, axis=1).all() else np.nan


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table whose columns are all their keys, in the order in which they come up."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([_cell(row.get(name, "")) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(rows: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    """Rows in JSON's types: an estimate as an object, None for NaN."""

    def value_of(value: object) -> Any:
        if isinstance(value, Estimate):
            return {name: value_of(figure) for name, figure in asdict(value).items()}
        return None if isinstance(value, float) and np.isnan(value) else value

    return [{name: value_of(value) for name, value in row.items()} for row in rows]


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
