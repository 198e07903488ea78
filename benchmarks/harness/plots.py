"""The report's plots, as SVG."""
from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness.page import Picture
from deocc_aug.benchmarks.statistics import Estimate

SVG = "image/svg+xml"


def drawn(caption: str, draw: Callable[[Any], None], size: tuple[float, float] = (6.0, 4.0)) -> Picture:
    """A plot that `draw` draws on matplotlib's axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"svg.hashsalt": "deocc-aug", "font.size": 11}):
        figure, axes = plt.subplots(figsize=size)
        draw(axes)
        axes.grid(alpha=0.3)
        figure.tight_layout()
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)
    return Picture(caption, out.getvalue(), SVG)


def gain_by_rate(rows: Sequence[Mapping[str, Any]], estimator: str, column: str = "gain, all joints",
                 label: str = "PCK@0.1 minus occluded, all joints") -> Picture:
    """All-joint gain of each arm against the hidden share; a bar is a 95% interval."""
    places = list(dict.fromkeys(row["hidden share"] for row in rows))
    arms = list(dict.fromkeys(row["arm"] for row in rows))

    def draw(axes: Any) -> None:
        for k, arm in enumerate(arms):
            mine = [row for row in rows if row["arm"] == arm]
            x = np.array([places.index(row["hidden share"]) for row in mine]) + 0.08 * (k - (len(arms) - 1) / 2)
            _with_bars(axes, x, [row[column] for row in mine], arm)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xticks(range(len(places)), places)
        axes.set(xlabel="hidden share of the person", ylabel=label)
        axes.legend(fontsize=8)

    return drawn(f"{estimator}: gain against occlusion rate", draw)


def harm_against_gain(rows: Sequence[Mapping[str, Any]], estimator: str, label: str = "hidden PCK@0.1 gained") -> Picture:
    """Each arm's harm against its gain on hidden joints."""
    told = [row for row in rows if isinstance(row["harm"], Estimate)]

    def draw(axes: Any) -> None:
        for row in told:
            harm, gain = row["harm"], row["hidden gain"]
            x, y = [[harm.value - harm.low], [harm.high - harm.value]], [[gain.value - gain.low], [gain.high - gain.value]]
            axes.errorbar(harm.value, gain.value, xerr=np.nan_to_num(x), yerr=np.nan_to_num(y), fmt="o", capsize=2, label=row["arm"])
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(xlabel="harm: share of people", ylabel=label)
        axes.legend(fontsize=8)

    return drawn(f"{estimator}: harm against gain", draw)


def calibration(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """What share of the hidden silhouette was wrong against what the de-occluder expected."""
    def draw(axes: Any) -> None:
        for arm in dict.fromkeys(row["arm"] for row in rows):
            mine = [row for row in rows if row["arm"] == arm]
            _with_bars(axes, np.array([row["uncertainty"] for row in mine]), [row["1 - hidden IoU"] for row in mine], arm)
        axes.plot([0, 1], [0, 1], "k--", linewidth=0.8, label="as it says")
        axes.set(xlabel="uncertainty", ylabel="1 - hidden IoU", xlim=(0, 1), ylim=(0, 1))
        axes.legend(fontsize=8)

    return drawn("uncertainty against what was wrong (each point a fifth of the people)", draw)


def time_by_step(seconds: Mapping[str, float]) -> Picture:
    """Seconds of each step."""
    steps = [step for step in seconds if step not in ("loop", "models")]

    def draw(axes: Any) -> None:
        axes.barh(range(len(steps)), [seconds[step] for step in steps])
        axes.set_yticks(range(len(steps)), steps, fontsize=8)
        axes.invert_yaxis()
        axes.set(xlabel="seconds")

    return drawn("time by step, of this run's process 0", draw)


def _with_bars(axes: Any, x: np.ndarray, estimates: Sequence[Estimate], label: str) -> None:
    values = np.array([[e.value, e.value - e.low, e.high - e.value] for e in estimates]).reshape(-1, 3)
    axes.errorbar(x, values[:, 0], yerr=np.nan_to_num(values[:, 1:].T).clip(0), marker="o", capsize=2, label=label)
