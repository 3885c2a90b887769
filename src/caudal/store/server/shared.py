"""One server for all: joining it, starting it first if need be, and stopping it after the last."""

import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from caudal.model.errors import ConfigError
from caudal.store.server import postmaster
from caudal.store.server.binaries import binaries
from caudal.store.server.cluster import ensure_cluster
from caudal.store.server.folder import DATABASE, ServerFolder
from caudal.store.server.identity import identity_for
from caudal.store.server.locks import PAUSE_SECONDS, Share, exclusive

_CONNECT_SECONDS_MAX: Final = 5

_PAUSE_SECONDS_MAX: Final = 0.2
"""PostgreSQL logs each question it is asked while it recovers: in a long recovery we ask ever more rarely."""

_LOG: Final = logging.getLogger(__name__)


class Server:
    """Caudal's own PostgreSQL in `folder`, for as long as the `with` block lasts.

    Any number of processes, and any number of times within one process. The first to enter starts the server,
    the last to leave stops it; one that is killed has left, and the next to leave clears up after it. A child
    forked inside the block may use the server while its parent does, and leaves it running. If the server
    itself is killed, entering once more brings it back, with all that was committed.
    """

    version: tuple[int, int]
    """Major and minor, of the server that runs. Set on entering."""

    def __init__(
        self,
        folder: Path,
        *,
        start_seconds_max: int = 60,
        shared_memory_mib: int = 64,
        log: logging.Logger = _LOG,
    ) -> None:
        """`shared_memory_mib` counts for whoever starts the server. Nothing is touched before entering."""
        self._folder = ServerFolder(folder)
        self._start_seconds_max = start_seconds_max
        self._shared_memory_mib = shared_memory_mib
        self._log = log
        self._shares: list[Share] = []

    def __repr__(self) -> str:
        return f"Server({str(self._folder.path)!r})"

    def conninfo(self, dbname: str = DATABASE) -> str:
        """A libpq connection string for the superuser, with the password's file instead of the password."""
        return self._folder.conninfo(dbname)

    def __enter__(self) -> Self:
        """Join the running server, or start it. Raises ConfigError, which says what to do, if it can't."""
        deadline = time.monotonic() + self._start_seconds_max
        self._identity = identity_for(self._folder.data, self._folder.path)
        self._folder.prepare(self._identity)
        with exclusive(self._folder.open_start_lock(self._identity), deadline=deadline):
            share = Share(self._folder.open_users_lock(self._identity))
            try:
                self._bring_up(deadline)
                self._greet()
            except BaseException:
                self._stop_after_the_last(share)
                share.release()
                raise
            self._shares.append(share)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave. The last to do so stops the server."""
        share = self._shares.pop()
        try:
            if not share.is_inherited:
                deadline = time.monotonic() + self._start_seconds_max
                with exclusive(self._folder.open_start_lock(self._identity), deadline=deadline):
                    self._stop_after_the_last(share)
        except (ConfigError, OSError) as trouble:
            self._log.warning("left PostgreSQL in %s as it is: %s", self._folder.path, trouble)
        finally:
            share.release()

    def revive(self) -> None:
        """Bring the server back if it has died; for whoever is inside the block. Raises ConfigError where it can't be."""
        if self._ping() is Ping.OK:
            return
        deadline = time.monotonic() + self._start_seconds_max
        with exclusive(self._folder.open_start_lock(self._identity), deadline=deadline):
            self._bring_up(deadline)

    def _stop_after_the_last(self, share: Share) -> None:
        if not share.is_the_last():
            return
        if postmaster.stop(self._folder):
            self._folder.remove_socket_folder()
            self._log.debug("stopped PostgreSQL in %s", self._folder.path)
        else:
            self._log.warning("PostgreSQL in %s takes long to stop, and goes on doing so", self._folder.path)

    def _bring_up(self, deadline: float) -> None:
        """Return once the server answers. Nobody else starts or stops it meanwhile: we hold the lock."""
        launch: postmaster.Launch | None = None
        pause_seconds = PAUSE_SECONDS
        while (answer := self._ping()) is not Ping.OK:
            if answer is Ping.NO_ATTEMPT:
                raise ConfigError("libpq does not even try to connect: is PGSERVICE set in the environment?")
            if launch is not None and launch.has_failed:
                raise ConfigError(f"PostgreSQL did not start: {launch.complaint} (see {self._log_name})")
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"PostgreSQL was not ready within {self._start_seconds_max} s (see {self._log_name}). "
                    "If it is recovering, raise CAUDAL_SERVER_START_SECONDS_MAX"
                )
            if launch is None and answer is not Ping.REJECT and self._is_down():
                launch = self._start(deadline)
            else:
                time.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 1.1, _PAUSE_SECONDS_MAX)

    def _is_down(self) -> bool:
        """Nobody is there, not even starting or stopping, and nothing is left of who was."""
        return postmaster.find(self._folder) is None and postmaster.forget_dead_postmaster(self._folder)

    def _start(self, deadline: float) -> postmaster.Launch:
        programs = binaries()
        identity, major = self._identity.reaching(self._folder.path, programs / "postgres")
        ensure_cluster(self._folder, identity, programs, major, deadline=deadline)
        self._log.debug("starting PostgreSQL %d in %s", major, self._folder.path)
        return postmaster.launch(self._folder, identity, programs, shared_memory_mib=self._shared_memory_mib)

    def _ping(self) -> Ping:
        """A connection up to where the server would ask for the password: what `pg_ctl status` can't tell."""
        return Ping(PGconn.ping(self._own_conninfo().encode()))

    def _greet(self) -> None:
        """Learn the version, and make the database if it is not there (its maker may have been killed)."""
        try:
            with psycopg.connect(self._own_conninfo(), autocommit=True) as connection:
                number = connection.info.server_version
                self.version = number // 10_000, number % 10_000
                if not connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            why = str(error).strip().rpartition("\n")[2].rpartition("FATAL: ")[2].strip()
            raise ConfigError(f"PostgreSQL is up but did not let Caudal in: {why}") from error

    def _own_conninfo(self) -> str:
        return make_conninfo(self.conninfo("postgres"), connect_timeout=_CONNECT_SECONDS_MAX)

    @property
    def _log_name(self) -> str:
        return f"{self._folder.path.name}/{self._folder.log.name}"
