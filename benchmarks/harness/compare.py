"""Two runs side by side; where they are of the same cases, their difference is paired."""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deocc_aug.benchmarks.harness.figures import Resampled, Row, more
from deocc_aug.benchmarks.harness.report import FORMAT, estimate_from
from deocc_aug.benchmarks.statistics import markdown

SHOWN = ("hidden PCK@0.1", "visible PCK@0.1", "closed", "harm")


def compared(first: Path, second: Path) -> str:
    """A Markdown table an estimator: each arm of both runs, and, for arms of one name, second minus first.

    Raises:
        OSError: a file is not there.
        ValueError: a file is not a run's `metrics.json`, the tasks differ, or no estimator is in both.
    """
    a, b = _read(first), _read(second)
    if a["task"] != b["task"]:
        raise ValueError(f"{first} is of the task {a['task']} and {second} of {b['task']}: compare runs of one task")
    if a["task"] != "pose2d":
        raise ValueError(f"{first} is of the task {a['task']}: runs of pose2d are compared")
    both = [name for name in a["figures"] if name in b["figures"]]
    if not both:
        raise ValueError(f"no estimator is in both ({', '.join(a['figures'])}; {', '.join(b['figures'])}): compare runs that share one")
    lines = [f"first: {first}", f"second: {second}"]
    if a["data"] != b["data"]:
        lines.append(f"the data differ: {_differing(a['data'], b['data'])}")
    for name in both:
        lines += [f"\n## {name}\n", markdown([*_rows("first", a["figures"][name]["arms"]), *_rows("second", b["figures"][name]["arms"])])]
        paired = _paired(a["cases"][name], b["cases"][name]) if a["data"] == b["data"] else []
        if paired:
            lines += ["\nsecond minus first, the same cases:\n", markdown(paired)]
    return "\n".join(lines)


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


def _rows(run: str, arms: Sequence[dict[str, Any]]) -> list[Row]:
    return [{"run": run, "arm": row["arm"], "cases": row["cases"],
             **{name: "" if row[name] is None else str(estimate_from(row[name])) for name in SHOWN}} for row in arms]


def _paired(a: Sequence[Row], b: Sequence[Row]) -> list[Row]:
    """Second minus first on the cases that both have, for arms of one name."""
    first, second = ({row["case"]: row for row in rows} for rows in (a, b))
    cases = [case for case in first if case in second]
    if not cases:
        return []
    columns: dict[str, np.ndarray] = {"cases": np.ones(len(cases))}
    arms = [arm for arm in first[cases[0]]["arms"] if arm in second[cases[0]]["arms"]]
    for part in ("hidden", "visible"):
        columns[f"n {part}"] = np.array([first[case][part] for case in cases], float)
    for arm in arms:
        for k, name in enumerate(("hidden", "visible", "harm")):
            columns |= {f"{arm} {name} {run}": np.array([rows[case]["arms"][arm][k] for case in cases], float)
                        for run, rows in enumerate((first, second))}
    of = Resampled([first[case]["person"] for case in cases], columns)
    return [{"arm": arm, "cases": of.cases, "people": of.people,
             **{f"{part} PCK@0.1": of(more, f"{arm} {part} 1", f"{arm} {part} 0", f"n {part}") for part in ("hidden", "visible")},
             "harm": of(more, f"{arm} harm 1", f"{arm} harm 0", "cases")} for arm in arms]
