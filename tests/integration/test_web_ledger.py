"""The pages of the ledger: where a space stands, its movements, its accounts."""

from io import BytesIO

from tests.support import statements
from tests.support.api import Hub, at_hub
from tests.support.web import Browser, signed_in, text_of

from caudal.settings import Settings


async def filled(hub: Hub, browser: Browser) -> statements.Statement:
    """Books with a statement in them."""
    statement = statements.generated(120)
    out = BytesIO()
    statements.write_ofx2(out, statement)
    path = f"/v1{browser.space.replace('/s/', '/spaces/')}/files"
    answer = await browser.client.post(
        path,
        params={"name": "statement.ofx"},
        content=out.getvalue(),
        headers={"content-type": "application/octet-stream", "origin": "https://hub.test"},
    )
    assert answer.status_code < 300, answer.text
    return statement


def test_empty_books_invite_to_begin(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            for path in ("", "/transactions", "/accounts"):
                shown = await browser.get(browser.space + path)
                assert shown.status_code == 200
            assert "Nothing here yet" in text_of(await browser.get(browser.space))

    at_hub(settings, work)


def test_the_first_page_says_what_is_held_and_whether_it_is_right(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            await filled(hub, browser)
            shown = text_of(await browser.get(browser.space))
            assert "accounts proven" in shown
            assert "In and out by month" in shown

    at_hub(settings, work)


def test_pages_of_movements_lead_to_one_another_and_tell_each_once(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            await filled(hub, browser)
            path, seen = f"{browser.space}/transactions", set[str]()
            for _ in range(10):
                shown = (await browser.get(path)).text
                links = shown.split(f'href="{browser.space}/transactions/')[1:]
                ids = {link.partition('"')[0] for link in links}
                assert not ids & seen
                seen |= ids
                _, there, rest = shown.partition('rel="next"')
                if not there:
                    break
                path = shown[: -len(rest)].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
            assert len(seen) == 120

    at_hub(settings, work)


def test_what_cannot_be_read_narrows_nothing_down(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            await filled(hub, browser)
            all_ = text_of(await browser.get(f"{browser.space}/transactions"))
            for query in ("account=x", "start=31.02.", "least=a", "after=zz", "status=odd", "direction=up"):
                shown = await browser.get(f"{browser.space}/transactions?{query}")
                assert shown.status_code == 200
                assert len(text_of(shown)) > len(all_) // 2, query

    at_hub(settings, work)
