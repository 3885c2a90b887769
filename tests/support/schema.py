"""Writes src/caudal/store/schema.txt: the schema as the migrations make it."""

import asyncio
import tempfile
from pathlib import Path

from caudal.store import doctor
from caudal.store.database import Store
from caudal.store.migrate import upgrade
from caudal.store.server import Server

TARGET = Path(__file__).resolve().parents[2] / "src/caudal/store/schema.txt"


async def described(conninfo: str) -> list[str]:
    """The schema of the database, line by line."""
    async with await Store.open(conninfo) as store:
        return await doctor.actual_schema(store)


def main() -> None:
    """Make an empty database, migrate it, describe it."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "postgres") as server:
        upgrade(server.conninfo())
        TARGET.write_text("\n".join(asyncio.run(described(server.conninfo()))) + "\n", "utf-8")


if __name__ == "__main__":
    main()
