"""Settings by their pages: who is in and who is asked to come, keys of programs, what was done."""

import ast
import re
from pathlib import Path

from tests.support.api import Hub, at_hub
from tests.support.books import all_rows
from tests.support.web import browsing, signed_in, text_of

import caudal.hub
from caudal.settings import Settings
from caudal.web.routes.space_settings import AUDIT_KINDS


def test_an_invitation_is_shown_once_and_void_when_withdrawn(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner, browsing(hub) as guest:
            here = f"{owner.space}/settings/members"
            made = await owner.post(f"{here}/invite", {"email": "eva@example.org", "role": "viewer"})
            link = re.search(r"data-invitation>([^<]+)<", made.text)
            assert link is not None
            assert link[1].startswith("https://hub.test/join#")
            page = await owner.get(here)
            assert "eva@example.org" in page.text
            assert link[1].partition("#")[2] not in page.text
            invitation = re.search(r'name="invitation" value="([^"]+)"', page.text)
            assert invitation is not None
            await owner.post(f"{here}/withdraw", {"invitation": invitation[1]})
            token = {"token": link[1].partition("#")[2]}
            assert (await guest.post("/join/invitation", token)).status_code == 404

    at_hub(settings, work)


def test_the_last_owner_stays(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            refused = await owner.post(f"{owner.space}/settings/members/leave")
            assert refused.status_code == 409
            assert (await owner.get(owner.space)).status_code == 200

    at_hub(settings, work)


def test_a_key_may_what_was_ticked_and_nothing_where_nothing_was(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            here = f"{owner.space}/settings/keys"
            nothing = await owner.post(here, {"name": "sheet", "days": "30"})
            assert nothing.status_code == 422
            made = await owner.post(here, {"name": "sheet", "days": "30", "scope": ["accounts:read"]})
            key = re.search(r"data-key>([^<]+)<", made.text)
            assert key is not None
            headers = {"authorization": f"Bearer {key[1]}"}
            v1 = f"/v1{owner.space.replace('/s/', '/spaces/')}"
            assert (await hub.client.get(f"{v1}/accounts", headers=headers)).status_code == 200
            assert (await hub.client.get(f"{v1}/transactions", headers=headers)).status_code == 403
            page = (await owner.get(here)).text
            assert key[1] not in page
            key_id = re.search(r'name="key" value="([^"]+)"', page)
            assert key_id is not None
            await owner.post(f"{here}/revoke", {"key": key_id[1]})
            assert (await hub.client.get(f"{v1}/accounts", headers=headers)).status_code == 401

    at_hub(settings, work)


def test_a_space_is_called_otherwise_and_valued_in_a_currency_there_is(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            page = await owner.get(f"{owner.space}/settings")
            assert "Home" in text_of(page)
            saved = await owner.post(f"{owner.space}/settings/space", {"space": "Casa", "currency": "eur"})
            assert "Casa" in text_of(saved)
            refused = await owner.post(f"{owner.space}/settings/space", {"space": "Casa", "currency": "XYZW"})
            assert refused.status_code == 422

    at_hub(settings, work)


def test_the_trail_says_what_was_done_and_that_it_holds(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            shown = text_of(await owner.get(f"{owner.space}/settings/audit?check"))
            assert "The whole trail holds" in shown
            assert "space.founded" in shown

    at_hub(settings, work)


def test_the_trail_shows_what_is_asked_for_and_is_checked_when_that_is_asked(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            for n in range(120):
                await owner.post(f"{owner.space}/settings/space", {"space": f"Ours {n}", "currency": ""})
            trail = f"{owner.space}/settings/audit"
            page = await owner.get(trail)
            assert "The whole trail holds" not in text_of(page)
            assert page.text.count("space.renamed") == 100
            [older] = re.findall(r'href="([^"]*upto=[^"]*)"', page.text)
            assert "space.renamed" in (await owner.get(older.replace("&amp;", "&"))).text
            assert "Nothing of that kind here" in text_of(await owner.get(f"{trail}?kind=file"))
            assert "space.renamed" not in (await owner.get(f"{trail}?kind=member")).text
            assert "The whole trail holds" in text_of(await owner.get(f"{trail}?check"))
            space = owner.space.removeprefix("/s/")
            access = {"authorization": f"Bearer {owner.client.cookies['__Host-caudal']}"}
            check = f"/v1/spaces/{space}/audit/check"
            assert (await hub.client.get(check, headers=access)).json() == {"holds": True, "broken_at": None}
            changed = """update caudal.audit_entry set actor = 'person:another' where seq = 7 and space_id = %s
                returning 1"""
            assert all_rows(settings.database_url, changed, [space]) == [(1,)]
            assert "Entry 7 is missing or was changed" in text_of(await owner.get(f"{trail}?check"))
            found = (await hub.client.get(check, headers=access)).json()
            assert found == {"holds": False, "broken_at": 7}

    at_hub(settings, work)


def test_every_kind_of_act_can_be_asked_for() -> None:
    kinds = set()
    for path in Path(caudal.hub.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in {"note", "record"}:
                said = [*call.args, *(each.value for each in call.keywords if each.arg == "act")]
                acts = [each.value for each in said if isinstance(each, ast.Constant)]
                kinds |= {act.partition(".")[0] for act in acts if isinstance(act, str) and "." in act}
    assert kinds
    assert kinds <= set(AUDIT_KINDS)
