"""`deocc-aug doctor`: versions, presets, devices, and what each extra lacks with the command that mends it."""
from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace
    from packaging.requirements import Requirement

NAME = "deocc-aug"
WITHOUT_DEPENDENCIES = {"mmpose": "mmpose==1.3.2"}  # by extra: pip must not follow its dependencies (chumpy does not build)
WHEELS_END = (3, 12)  # xtcocotools has none from here on, and builds (with a C compiler) only beside what its setup imports
BUILD = {"xtcocotools": "pip install cython 'numpy<2' 'setuptools<82' && pip install --no-build-isolation --no-deps xtcocotools==1.14.3"}


def _add_arguments(parser: ArgumentParser) -> None:
    """The doctor asks nothing."""


def _run(_config: Namespace) -> int:
    presets = list(_presets())
    sections = {"versions": _versions(), "devices": _devices(), "presets": (line for line, _ in presets), "extras": _extras()}
    for title, lines in sections.items():
        print(title, *lines, sep="\n  ")
    return 0 if all(whole for _, whole in presets) else 1


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()} on {platform.platform()}"
    yield f"{NAME} {metadata.version(NAME)}"
    for requirement in requirements(""):
        state = lacking(requirement)
        yield f"lacks {state}" if state else f"{requirement.name} {metadata.version(requirement.name)}"


def _devices() -> Iterator[str]:
    import torch

    yield f"cpu, {torch.get_num_threads()} threads"
    for i in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(i)
        yield f"cuda:{i}, {found.name}, {found.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        yield "mps"


def _presets() -> Iterator[tuple[str, bool]]:
    """A line for each preset, and whether it is whole."""
    from deocc_aug.weights import check, presets
    from deocc_aug.weights.hub import fetched

    for name, path in presets().items():
        try:
            preset = check(path)
        except (ValueError, OSError) as error:
            yield f"{name} {path}: {error}", False
            continue
        try:
            fetched(preset, local_files_only=True)
        except OSError:
            yield f"{name} {path}: whole; its models on the Hub were not fetched yet", True
        else:
            yield f"{name} {path}: whole", True


def _extras() -> Iterator[str]:
    extras = {extra: lacks(extra) for extra in metadata.metadata(NAME).get_all("Provides-Extra") or ()}
    complete = [extra for extra, missing in extras.items() if not missing]
    for extra, missing in extras.items():
        if not missing:
            yield f"{extra}: complete"
            continue
        # pip weighs only what it is asked for: a complete extra that is not named may be broken by a newer NumPy
        beside = [other for other in complete if not set(requirements(other)) <= set(requirements(extra))]
        commands = [f"pip install '{NAME}[{','.join([extra, *beside])}]'"]
        commands += [f"pip install --no-deps {pinned}" for name, pinned in WITHOUT_DEPENDENCIES.items() if name in missing]
        if sys.version_info >= WHEELS_END:
            commands = [build for name, build in BUILD.items() if name in missing] + commands
        yield f"{extra}: lacks {', '.join(missing.values())}"
        yield f"  {' && '.join(commands)}"


def lacks(extra: str) -> dict[str, str]:
    """What is wrong with an extra on this machine, by name, what its packages need in turn included; {} if it is complete."""
    missing: dict[str, str] = {}
    waiting, seen = [(requirement, "") for requirement in requirements(extra)], set()
    for requirement, needed_by in waiting:  # grows while it is read
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        if state := lacking(requirement):
            missing.setdefault(requirement.name, f"{state} for {needed_by}" if needed_by else state)
        elif requirement.name not in WITHOUT_DEPENDENCIES:
            waiting += [(inner, requirement.name) for inner in _needs(requirement)]
    return missing


def _needs(requirement: Requirement) -> Iterator[Requirement]:
    """What an installed package, with the extras that are asked of it, needs on this machine."""
    from packaging.requirements import Requirement

    for inner in map(Requirement, metadata.requires(requirement.name) or ()):
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            yield inner


def requirements(extra: str) -> list[Requirement]:
    """What an extra of ours ("" for the core) needs on this machine, extras that it names in turn included."""
    from packaging.requirements import Requirement

    found = [Requirement(WITHOUT_DEPENDENCIES[extra])] if extra in WITHOUT_DEPENDENCIES else []
    for requirement in map(Requirement, metadata.requires(NAME) or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        if extra and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            continue  # the core's own
        if requirement.name == NAME:
            found += [inner for name in sorted(requirement.extras) for inner in requirements(name)]
        else:
            found.append(requirement)
    return found


def lacking(requirement: Requirement) -> str:
    """What is wrong with a requirement, "" if it is met."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name}{requirement.specifier}"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name}{requirement.specifier} (it is {version})"


command = Command("print versions, devices, presets, and what each extra lacks", _add_arguments, _run)
