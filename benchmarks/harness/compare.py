"""Two runs side by side; where they are of the same cases, their difference is paired."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness.arms import OCCLUDED
from deocc_aug.benchmarks.harness.completion_task import FIGURES, LPIPS
from deocc_aug.benchmarks.harness.figures import Resampled, Row, more
from deocc_aug.benchmarks.harness.mesh_figures import HARMED
from deocc_aug.benchmarks.harness.mesh_task import BODY_JOINTS
from deocc_aug.benchmarks.harness.report import FORMAT, estimate_from
from deocc_aug.benchmarks.statistics import markdown

SHOWN = {"pose2d": ("hidden PCK@0.1", "visible PCK@0.1", "closed", "harm"),
         "mesh": ("hidden MPJPE", "all MPJPE", "all PA-MPJPE", "PVE", "closed", "harm"),
         "completion": (*FIGURES, LPIPS)}
SETS = ("FID", "KID")

Sums = dict[str, tuple[float, float]]  # by figure, what it sums up to over a case, and over how much


def compared(first: Path, second: Path) -> str:
    """A Markdown table an estimator or regressor: each arm of both runs, and, for arms of one name, second minus first.

    Raises:
        OSError: a file is not there.
        ValueError: a file is not a run's `metrics.json`, the tasks differ, or no estimator is in both.
    """
    a, b = _read(first), _read(second)
    if a["task"] != b["task"]:
        raise ValueError(f"{first} is of the task {a['task']} and {second} of {b['task']}: compare runs of one task")
    parts = [_parts(content) for content in (a, b)]
    both = [name for name in parts[0] if name in parts[1]]
    if not both:
        names = "; ".join(", ".join(part) for part in parts)
        raise ValueError(f"no estimator is in both ({names}): compare runs that share one")
    lines = [f"first: {first}", f"second: {second}"]
    lines += [f"the {key} differ: {_differing(a.get(key, {}), b.get(key, {}))}" for key in ("data", "weights") if a.get(key) != b.get(key)]
    for name in both:
        (arms, cases), (other_arms, other_cases) = (part[name] for part in parts)
        rows = [*_rows("first", arms, SHOWN[a["task"]]), *_rows("second", other_arms, SHOWN[a["task"]])]
        lines += [f"\n## {name}\n", markdown(rows)]
        shared = [row["arm"] for row in arms if row["arm"] in {row["arm"] for row in other_arms}]
        paired = _paired(cases, other_cases, shared, SUMS[a["task"]]) if a["data"] == b["data"] else []
        if paired:
            lines += ["\nsecond minus first, the same cases:\n", markdown(paired)]
    return "\n".join(lines)


def _parts(content: Mapping[str, Any]) -> dict[str, tuple[list[Row], list[Row]]]:
    """By estimator the arms' rows and the cases'; `completion` has none, and its FID and KID are put to the arms."""
    figures = content["figures"]
    if content["task"] != "completion":
        return {name: (figures[name]["arms"], content["cases"][name]) for name in figures}
    sets = {row["arm"]: {name: row[name] for name in SETS} for row in figures.get("sets", ())}
    return {"completion": ([{**row, **sets.get(row["arm"], {})} for row in figures["arms"]], figures["cases"])}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: pass the metrics.json of a run") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}): pass the metrics.json of a run") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or "figures" not in content:
        raise ValueError(f"{path} is no metrics.json of format {FORMAT}: pass one that `deocc-aug bench` wrote")
    return content


def _differing(a: dict[str, Any], b: dict[str, Any]) -> str:
    return "; ".join(f"{key}: {a.get(key)} | {b.get(key)}" for key in sorted(set(a) | set(b)) if a.get(key) != b.get(key))


def _rows(run: str, arms: Sequence[Row], shown: Sequence[str]) -> list[Row]:
    rows = [{"run": run, "arm": row["arm"], "cases": row["cases"],
             **{name: "" if row[name] is None else str(estimate_from(row[name])) for name in shown if name in row}} for row in arms]
    return [{**mine, **{name: "" if row[name] is None else float(row[name]) for name in SETS if name in row}}
            for mine, row in zip(rows, arms, strict=True)]


def _pose(row: Row, arm: str) -> Sums:
    hidden, visible, harmed = row["arms"][arm]
    return {"hidden PCK@0.1": (hidden, row["hidden"]), "visible PCK@0.1": (visible, row["visible"]), "harm": (harmed, 1)}


def _mesh(row: Row, arm: str) -> Sums:
    found, before = row[arm], row[OCCLUDED]
    out = {"hidden MPJPE": ((found["hidden MPJPE"] or 0) * row["hidden joints"], row["hidden joints"])}
    out |= {name: (found[name] * BODY_JOINTS, BODY_JOINTS) for name in ("MPJPE", "PA-MPJPE")}
    out["PVE"] = (0, 0) if found["PVE"] is None else (found["PVE"], 1)
    return {**out, "harm": (float(found["MPJPE"] - before["MPJPE"] > HARMED), 1)}


def _completion(row: Row, arm: str) -> Sums:
    return {name: (value, 1) for name, value in row[arm].items()}


SUMS: dict[str, Callable[[Row, str], Sums]] = {"pose2d": _pose, "mesh": _mesh, "completion": _completion}


def _paired(a: Sequence[Row], b: Sequence[Row], arms: Sequence[str], sums: Callable[[Row, str], Sums]) -> list[Row]:
    """Second minus first for each of the arms, a figure on the cases that have it in both runs."""
    first, second = ({row["case"]: row for row in rows} for rows in (a, b))
    cases = [case for case in first if case in second]
    rows = []
    for arm in arms if cases else ():
        pairs = [(sums(first[case], arm), sums(second[case], arm)) for case in cases]
        columns: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(name for pair in pairs for said in pair for name in said):
            told = [[said.get(name, (0.0, 0.0)) for said in pair] for pair in pairs]
            table = np.array([[before[0], after[0], before[1]] if before[1] and after[1] else [0, 0, 0] for before, after in told], float)
            columns |= {f"{name} {k}": table[:, k] for k in range(3)}
        of = Resampled([first[case]["person"] for case in cases], columns)
        names = [name.removesuffix(" 2") for name in columns if name.endswith(" 2")]
        rows.append({"arm": arm, "cases": of.cases, "people": of.people,
                     **{name: of(more, f"{name} 1", f"{name} 0", f"{name} 2") for name in names}})
    return rows
