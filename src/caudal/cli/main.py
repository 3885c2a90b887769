"""The command `caudal`: its subcommands, and how errors become exit codes (sysexits.h)."""

import importlib
import logging
import os
import sys
from typing import Final

import click

from caudal import __version__
from caudal.model.errors import (
    CaudalError,
    ConfigError,
    ConflictError,
    Malformed,
    NeedsUser,
    NotFound,
    NotReady,
    RateLimited,
    Revoked,
    StoreError,
    Unavailable,
)

_COMMANDS: Final = {
    "parse": ("caudal.cli.files", "parse"),
    "import": ("caudal.cli.files", "import_"),
    "link": ("caudal.cli.connections", "link"),
    "providers": ("caudal.cli.providers", "providers"),
    "institutions": ("caudal.cli.providers", "institutions"),
    "connections": ("caudal.cli.connections", "connections"),
    "sync": ("caudal.cli.connections", "sync"),
    "status": ("caudal.cli.status", "status"),
    "choose": ("caudal.cli.connections", "choose"),
    "pause": ("caudal.cli.connections", "pause"),
    "resume": ("caudal.cli.connections", "resume"),
    "unlink": ("caudal.cli.connections", "unlink"),
    "accounts": ("caudal.cli.ledger", "accounts"),
    "transactions": ("caudal.cli.ledger", "transactions"),
    "value": ("caudal.cli.rates", "value"),
    "currency": ("caudal.cli.rates", "currency"),
    "fx": ("caudal.cli.rates", "fx"),
    "proof": ("caudal.cli.proof", "proof"),
    "why": ("caudal.cli.ledger", "why"),
    "quarantine": ("caudal.cli.ledger", "quarantine"),
    "review": ("caudal.cli.decisions", "review"),
    "merge": ("caudal.cli.decisions", "merge"),
    "split-apart": ("caudal.cli.decisions", "split_apart"),
    "edit": ("caudal.cli.decisions", "edit"),
    "transfers": ("caudal.cli.transfers", "transfers"),
    "link-transfer": ("caudal.cli.transfers", "link_transfer"),
    "unlink-transfer": ("caudal.cli.transfers", "unlink_transfer"),
    "reconcile": ("caudal.cli.decisions", "reconcile"),
    "delete": ("caudal.cli.decisions", "delete"),
    "split": ("caudal.cli.decisions", "split"),
    "decisions": ("caudal.cli.decisions", "decisions"),
    "undo": ("caudal.cli.decisions", "undo"),
    "rebuild": ("caudal.cli.decisions", "rebuild"),
    "join-accounts": ("caudal.cli.accounts", "join_accounts"),
    "part-accounts": ("caudal.cli.accounts", "part_accounts"),
    "keep-accounts-apart": ("caudal.cli.accounts", "keep_accounts_apart"),
    "match": ("caudal.cli.matching", "match"),
    "replay": ("caudal.cli.matching", "replay"),
    "spaces": ("caudal.cli.ledger", "spaces"),
    "webhooks": ("caudal.cli.webhooks", "webhooks"),
    "keys": ("caudal.cli.keys", "keys"),
    "doctor": ("caudal.cli.installation", "doctor"),
    "openapi": ("caudal.cli.installation", "openapi"),
    "serve": ("caudal.cli.serve", "serve"),
    "worker": ("caudal.cli.serve", "worker"),
    "refresh": ("caudal.cli.engine", "refresh"),
    "events": ("caudal.cli.engine", "events"),
    "jobs": ("caudal.cli.engine", "jobs"),
    "sandbox": ("caudal.cli.sandbox", "sandbox"),
    "demo": ("caudal.cli.demo", "demo"),
}

_EXIT_CODES: Final[tuple[tuple[type[CaudalError], int], ...]] = (
    (Malformed, os.EX_DATAERR),
    (NotFound, os.EX_NOINPUT),
    (ConflictError, os.EX_USAGE),
    (NeedsUser, os.EX_NOPERM),
    (Revoked, os.EX_NOPERM),
    (RateLimited, os.EX_TEMPFAIL),
    (NotReady, os.EX_TEMPFAIL),
    (Unavailable, os.EX_TEMPFAIL),
    (StoreError, os.EX_UNAVAILABLE),
    (ConfigError, os.EX_CONFIG),
    (CaudalError, os.EX_SOFTWARE),
)


class _LazyGroup(click.Group):
    """Imports a subcommand only when it is asked for: `caudal --help` needs no database driver."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is not a command")
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader (head, less) has seen enough
            _write_no_more()
            return None


def _write_no_more() -> None:
    """Point stdout nowhere, or Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="caudal")
def main() -> None:
    """Every bank, wallet and exchange; one ledger you can prove."""


def exit_code(error: CaudalError) -> int:
    """The sysexits code that tells a program what kind of error it was."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def run() -> None:
    """The console script: one line on stderr for an error, and its exit code."""
    logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it has to say is in our one line
    try:
        # Not standalone: click then gives back the code of an Exit, and leaves every other error to us.
        sys.exit(main.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(os.EX_USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OSError as error:
        click.echo(f"caudal: can't write: {error.strerror or error}", err=True)
        _write_no_more()
        sys.exit(os.EX_IOERR)
    except CaudalError as error:
        click.echo(f"caudal: {error}", err=True)
        sys.exit(exit_code(error))
