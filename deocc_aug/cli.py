"""`deocc-aug COMMAND ...`: finds the command, parses its arguments, turns the user's errors into one line.

A command is a `deocc_aug.commands.Command` that a distribution names in the entry-point group `deocc_aug.commands`:

    [project.entry-points."deocc_aug.commands"]
    train = "deocc_aug.training.command:train"

    # deocc_aug/training/command.py, which imports torch and Lightning inside _run only
    def _add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")

    def _run(config: Namespace) -> int:
        ...
        return 0

    train = Command("train a learned part", _add_arguments, _run)

The parser is a jsonargparse one, so `--config file.yaml` and nested, typed arguments work; `_run` gets them
instantiated (a dataclass argument arrives as the dataclass).  ValueError, OSError and
ImportError are taken for errors of the user's making: one line on stderr, status 2, no traceback unless `--debug` is
given.  Ctrl-C ends with status 130.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from jsonargparse import ArgumentError, ArgumentParser

from deocc_aug.commands import Command

GROUP = "deocc_aug.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `deocc-aug` with these arguments (None: those of the process) and returns its exit status."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(argv)
    except KeyboardInterrupt:
        return _fail(argv, "interrupted", 130)
    except (ValueError, OSError, ImportError, ArgumentError) as error:
        if "--debug" in argv:
            raise
        return _fail(argv, str(error) or type(error).__name__, 2)


def _dispatch(argv: list[str]) -> int:
    found = {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview(found))
        return 0
    if argv[0] == "--version":
        from deocc_aug import __version__

        print(__version__)
        return 0
    if argv[0] not in found:
        raise ValueError(f"there is no command {argv[0]!r}: pass one of {', '.join(found)}")
    command = _load(found[argv[0]])
    parser = ArgumentParser(prog=f"deocc-aug {argv[0]}", description=command.help, exit_on_error=False)
    parser.add_argument("--config", action="config", help="YAML or JSON file with values for the arguments below")
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    command.add_arguments(parser)
    return command.run(parser.instantiate(parser.parse_args(argv[1:])))


def _load(entry: EntryPoint) -> Command:
    command = entry.load()
    if not isinstance(command, Command):
        raise ValueError(f"the entry point {entry.value} is a {type(command).__name__}: make it a deocc_aug.commands.Command")
    return command


def _overview(found: dict[str, EntryPoint]) -> str:
    lines = ["usage: deocc-aug COMMAND ...", "", "Completes partly hidden people in photos.", "", "commands:"]
    for name, entry in found.items():
        try:
            line = _load(entry).help
        except (ImportError, AttributeError, ValueError) as error:
            line = f"not available: {error}"
        lines.append(f"  {name:<10} {line}")
    return "\n".join([*lines, "", "deocc-aug COMMAND --help says more; deocc-aug --version prints the version."])


def _fail(argv: list[str], message: str, status: int) -> int:
    named = argv[:1] if argv and not argv[0].startswith("-") else []
    print(f"{' '.join(['deocc-aug', *named])}: {' '.join(message.split())}", file=sys.stderr)
    return status
