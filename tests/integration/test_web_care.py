"""The pages by which books are kept well: files taken in, questions answered, connections looked after."""

import re
from io import BytesIO
from typing import Any

import msgspec
import psycopg
from tests.support import statements
from tests.support.api import Hub, at_hub
from tests.support.books import all_rows
from tests.support.web import SITE, Browser, signed_in, text_of

from caudal.hub import uploads as hub_uploads
from caudal.settings import Settings


async def dropped(browser: Browser, name: str, data: bytes, **fields: Any) -> Any:
    """What the page says of a file that was dropped on it."""
    return await browser.client.post(
        f"{browser.space}/imports", data=fields, files={"files": (name, data)}, headers={"origin": SITE}
    )


def uploads(page: Any) -> list[str]:
    """The files that a page offers to take in."""
    return sorted(set(re.findall(r'name="upload" value="([0-9a-f-]{36})"', page.text)))


async def taken(browser: Browser, name: str, data: bytes) -> Any:
    """What the page says of a file that was dropped on it, looked at, and taken in."""
    return await browser.post(
        f"{browser.space}/imports/take", {"upload": uploads(await dropped(browser, name, data))}
    )


def statement() -> bytes:
    out = BytesIO()
    statements.write_ofx2(out, statements.generated(40))
    return out.getvalue()


def test_a_file_is_tried_then_taken_in_and_the_page_says_what_that_would_do_and_did(
    settings: Settings,
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            offered = await dropped(browser, "statement.ofx", statement())
            assert "Nothing is written yet" in text_of(offered)
            assert "New 40 Known already 0" in text_of(offered)
            assert "New account" in text_of(offered)
            assert "statement.ofx" not in text_of(await browser.get(f"{browser.space}/connections"))
            assert all_rows(settings.database_url, "select * from caudal.transaction") == []
            first = text_of(await browser.post(f"{browser.space}/imports/take", {"upload": uploads(offered)}))
            assert "Imported" in first
            assert "New 40 Known already 0" in first
            again = await dropped(browser, "again.ofx", statement())
            assert "New 0 Known already 40" in text_of(again)
            assert "New account" not in text_of(again)
            gone = text_of(await browser.post(f"{browser.space}/imports/leave", {"upload": uploads(again)}))
            assert "Waiting for you" not in gone
            assert "again.ofx" not in gone
            assert "40 new, 0 known already" in gone

    at_hub(settings, work)


def test_files_wait_for_who_sent_them_and_not_for_ever(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            here = f"{ana.space}/imports"
            ids = uploads(await dropped(ana, "statement.ofx", statement()))
            assert uploads(await ana.get(f"{here}/new")) == ids
            by = hub.logged_in({"access_token": ana.client.cookies["__Host-caudal"]})
            await hub.member(by, ana.space.removeprefix("/s/"), "member", "eva@example.org")
            async with signed_in(hub, "eva@example.org") as eva:
                assert uploads(await eva.get(f"{here}/new")) == []
                refused = text_of(await eva.post(f"{here}/take", {"upload": ids}))
                assert "No such file waits any more" in refused
                await eva.post(f"{here}/leave", {"upload": ids})
            assert uploads(await ana.get(f"{here}/new")) == ids
            with psycopg.connect(settings.database_url, autocommit=True) as books:
                [(sealed,)] = books.execute("select sealed from caudal.upload").fetchall()
                assert b"OFX" not in sealed
                books.execute("update caudal.upload set made_at = made_at - interval '61 minutes'")
            assert uploads(await ana.get(f"{here}/new")) == []
            assert "waits any more" in text_of(await ana.post(f"{here}/take", {"upload": ids}))
            await hub_uploads.tidy(hub.opened)
            assert all_rows(settings.database_url, "select * from caudal.upload") == []

    at_hub(settings, work)


def test_no_more_waits_than_fits(settings: Settings) -> None:
    bounds = msgspec.structs.replace(settings.file_bounds, waiting_files_max=1)

    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            assert uploads(await dropped(ana, "one.ofx", statement()))
            assert "Too many files wait" in text_of(await dropped(ana, "two.ofx", statement()))

    at_hub(msgspec.structs.replace(settings, file_bounds=bounds), work)


def test_what_is_too_large_for_a_browser_is_told_another_way(settings: Settings) -> None:
    bounds = msgspec.structs.replace(settings.file_bounds, upload_bytes_max=1_000)

    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            assert "import it from the command line" in text_of(await dropped(ana, "one.ofx", statement()))

    at_hub(msgspec.structs.replace(settings, file_bounds=bounds), work)


def test_a_file_that_cannot_be_read_is_refused_and_keeps_no_other_from_coming_in(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            answer = await browser.client.post(
                f"{browser.space}/imports",
                files=[
                    ("files", ("../../etc/passwd", b"\x00\x01 nothing that anybody reads")),
                    ("files", ("good.ofx", statement())),
                ],
                headers={"origin": SITE},
            )
            shown = text_of(answer)
            assert answer.status_code == 200
            assert "passwd This file was not taken in" in shown
            assert "New 40" in shown
            assert len(uploads(answer)) == 1

    at_hub(settings, work)


def test_who_may_only_look_is_shown_no_way_to_change_and_has_none(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            await taken(owner, "statement.ofx", statement())
            by = hub.logged_in({"access_token": owner.client.cookies["__Host-caudal"]})
            await hub.member(by, owner.space.removeprefix("/s/"), "viewer", "eva@example.org")
        async with signed_in(hub, "eva@example.org") as viewer:
            listed = (await viewer.get(f"{viewer.space}/transactions")).text
            one = listed.partition(f'href="{viewer.space}/transactions/')[2].partition('"')[0]
            shown = (await viewer.get(f"{viewer.space}/transactions/{one}")).text
            assert shown.partition("<main")[2].count("<form") == 0
            for path in ("edit", "split", "merge", "apart", "lock", "delete"):
                refused = await viewer.post(f"{viewer.space}/transactions/{one}/{path}", {"other": one})
                assert refused.status_code == 403, path
            assert (await dropped(viewer, "statement.ofx", statement())).status_code == 403
            assert (await viewer.get(f"{viewer.space}/imports/new")).status_code == 403
            assert (
                await viewer.post(f"{viewer.space}/connections/new", {"provider": "plaid"})
            ).status_code == 403

    at_hub(settings, work)


def test_a_word_is_kept_shown_and_taken_back(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            await taken(browser, "statement.ofx", statement())
            listed = (await browser.get(f"{browser.space}/transactions")).text
            one = listed.partition(f'href="{browser.space}/transactions/')[2].partition('"')[0]
            here = f"{browser.space}/transactions/{one}"
            page = (await browser.get(here)).text
            seen = page.partition('name="seen" value="')[2].partition('"')[0]
            fields = {"seen": seen, "category": "Mine", "description": "Said by me", "counterparty": "Me"}
            edited = await browser.post(f"{here}/edit", fields)
            assert 'value="Said by me"' in edited.text
            late = await browser.post(f"{here}/edit", {**fields, "description": "Too late"})
            assert late.status_code == 422
            assert "changed while you were looking" in text_of(late)
            too_much = await browser.post(f"{here}/split", {"part": ["999999", ""]})
            assert too_much.status_code == 422
            decision = edited.text.partition("/decisions/")[2].partition("/")[0]
            back = await browser.post(f"{browser.space}/decisions/{decision}/undo", {"transaction": one})
            assert "Said by me" not in back.text
            await browser.post(f"{here}/delete")
            assert "Taken out" in text_of(await browser.get(here))
            assert one not in (await browser.get(f"{browser.space}/transactions")).text
            review = (await browser.get(f"{browser.space}/review")).text
            decision = review.partition("/decisions/")[2].partition("/")[0]
            await browser.post(f"{browser.space}/decisions/{decision}/undo")
            assert "Taken out" not in text_of(await browser.get(here))
            assert one in (await browser.get(f"{browser.space}/transactions")).text

    at_hub(settings, work)
