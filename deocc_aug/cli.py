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
instantiated (a dataclass argument arrives as the dataclass).  A `Program` brings a parser of its own, a `Group` is
several commands under one name.  ValueError, OSError and
ImportError are taken for errors of the user's making: one line on stderr, status 2, no traceback unless `--debug` is
given.  Ctrl-C ends with status 130.
"""
from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from jsonargparse import ArgumentError, ArgumentParser

from deocc_aug.commands import DEBUG, Command, Group, Program

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
    return _run(f"deocc-aug {argv[0]}", _load(found[argv[0]]), argv[1:])


def _run(prog: str, command: Command | Program | Group, arguments: list[str]) -> int:
    if isinstance(command, Group):
        return _run_member(prog, command, arguments)
    if isinstance(command, Program):
        return command.main(prog, arguments)
    parser = ArgumentParser(prog=prog, description=command.help, exit_on_error=False)
    parser.add_argument("--config", action="config", help="YAML or JSON file with values for the arguments below")
    parser.add_argument("--debug", action="store_true", help=DEBUG)
    command.add_arguments(parser)
    return command.run(parser.instantiate(parser.parse_args(arguments)))


def _run_member(prog: str, group: Group, arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_listed(prog, group.help, {name: member.help for name, member in group.members.items()}))
        return 0
    if arguments[0] not in group.members:
        raise ValueError(f"there is no {arguments[0]!r}: pass one of {', '.join(group.members)}, its arguments after it")
    return _run(f"{prog} {arguments[0]}", group.members[arguments[0]], arguments[1:])


def _load(entry: EntryPoint) -> Command | Program | Group:
    command = entry.load()
    if not isinstance(command, (Command, Program, Group)):
        raise ValueError(f"the entry point {entry.value} is a {type(command).__name__}: make it a Command, a Program or a Group of "
                         "deocc_aug.commands")
    return command


def _overview(found: dict[str, EntryPoint]) -> str:
    lines = {}
    for name, entry in found.items():
        try:
            lines[name] = _load(entry).help
        except (ImportError, AttributeError, ValueError) as error:
            lines[name] = f"not available: {error}"
    return f"{_listed('deocc-aug', 'Completes partly hidden people in photos.', lines)}; deocc-aug --version prints the version."


def _listed(prog: str, what: str, lines: Mapping[str, str]) -> str:
    commands = [f"  {name:<10} {line}" for name, line in lines.items()]
    return "\n".join([f"usage: {prog} COMMAND ...", "", what, "", "commands:", *commands, "", f"{prog} COMMAND --help says more"])


def _fail(argv: list[str], message: str, status: int) -> int:
    named = argv[:1] if argv and not argv[0].startswith("-") else []
    print(f"{' '.join(['deocc-aug', *named])}: {' '.join(message.split())}", file=sys.stderr)
    return status
