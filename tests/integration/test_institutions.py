"""Institutions: listed by their providers once a day, found by a few letters, chosen by name."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from tests.support.api import Hub, at_hub
from tests.support.stepping import NAME, Stepping, visit
from tests.support.web import browsing, text_of

from caudal.hub import institutions
from caudal.model.errors import Unavailable
from caudal.providers.base import Capability, InstitutionOffered, LinkRequest, LinkStep
from caudal.settings import Settings

SERENO = InstitutionOffered("bank-1", "Banco Sereno", ("PT", "ES"))
ITAU = InstitutionOffered("bank-2", "Itaú Unibanco", ("BR",), working=False)
UNION = InstitutionOffered("bank-3", "União de Bancos", ("BR",))
BROKER = InstitutionOffered("broker-1", "Serra Corretora", ("BR",), investments_only=True)


class Listing(Stepping):
    """A provider that lists what it is told to, in pages of two."""

    capabilities = Stepping.capabilities | {Capability.INSTITUTIONS}

    def __init__(
        self, offered: Sequence[InstitutionOffered], steps: Sequence[LinkStep | Exception] = ()
    ) -> None:
        super().__init__(steps)
        self.offered = list(offered)
        self.fails = False
        self.listed = 0

    async def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """All of them."""
        self.listed += 1
        for at in range(0, len(self.offered), 2):
            yield self.offered[at : at + 2]
            if self.fails:
                raise Unavailable("gone in the middle of it")


def names(told: Any) -> list[str]:
    return [each["name"] for each in told["data"]]


def test_a_bank_is_found_by_a_few_letters_by_country_and_by_provider(settings: Settings) -> None:
    bank = Listing([SERENO, ITAU, UNION, BROKER])

    async def work(hub: Hub) -> None:
        ana = await hub.owner()
        await institutions.fetch(hub.opened, bank.live)

        async def found(**asked: Any) -> list[str]:
            return names(await ana.get("/v1/institutions", params=asked))

        assert await found(search="ITAU") == ["Itaú Unibanco"]
        assert await found(search="  uni  ban ") == ["União de Bancos", "Itaú Unibanco"]
        assert await found(search="se") == ["Serra Corretora", "Banco Sereno"]
        assert await found(search="%") == []
        assert await found(country="BR") == ["Itaú Unibanco", "Serra Corretora", "União de Bancos"]
        assert await found(provider="nobody") == []
        first = await ana.get("/v1/institutions", params={"limit": 3})
        rest = await ana.get("/v1/institutions", params={"limit": 3, "after": first["next"]})
        assert names(first) + names(rest) == sorted([SERENO.name, ITAU.name, BROKER.name, UNION.name])
        [told] = (await ana.get("/v1/institutions", params={"search": "itau"}))["data"]
        assert told == {
            "provider": NAME, "reference": "bank-2", "name": "Itaú Unibanco", "countries": ["BR"],
            "working": False, "investments_only": False, "login": "",
        }  # fmt: skip

    at_hub(settings, work, bank.live)


def test_lists_are_fetched_once_a_day_and_one_that_breaks_off_changes_nothing(settings: Settings) -> None:
    bank = Listing([SERENO, ITAU, UNION])

    async def work(hub: Hub) -> None:
        ana = await hub.owner()
        assert await institutions.fetch(hub.opened, bank.live) == {NAME: 3}
        assert await institutions.fetch(hub.opened, bank.live) == {}
        assert bank.listed == 1
        bank.offered, bank.fails = [BROKER], True
        told = await institutions.fetch(hub.opened, bank.live, rest=timedelta(0))
        assert isinstance(told[NAME], Unavailable)
        assert len(names(await ana.get("/v1/institutions"))) == 3
        bank.fails = False
        assert await institutions.fetch(hub.opened, bank.live, rest=timedelta(0)) == {NAME: 1}
        assert names(await ana.get("/v1/institutions")) == ["Serra Corretora"]

    at_hub(settings, work, bank.live)


def test_a_person_looks_for_their_bank_and_is_taken_to_it(settings: Settings) -> None:
    bank = Listing([SERENO, ITAU, UNION, BROKER], [visit()])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        await institutions.fetch(hub.opened, bank.live)
        made = await ana.post(f"/v1/spaces/{space}/link-sessions", {})
        path = made["url"].removeprefix("http://hub.test")
        async with browsing(hub) as guest:
            shown = text_of(await guest.get(f"{path}?search=corretora&country=BR"))
            assert "Serra Corretora" in shown
            assert "Banco Sereno" not in shown
            assert "No bank of that name" in text_of(await guest.get(f"{path}?search=nowhere"))
            unknown = await guest.post(f"{path}/choose", {"provider": NAME, "institution": "bank-9"})
            assert unknown.status_code == 404
            consent = await guest.post(f"{path}/choose", {"provider": NAME, "institution": "broker-1"})
            assert "Serra Corretora" in text_of(consent)
            await guest.post(f"{path}/agree")
        [asked] = bank.asked
        assert isinstance(asked, LinkRequest)
        assert (asked.institution, asked.investments_only) == ("broker-1", True)

    at_hub(settings, work, bank.live)


def test_an_institution_is_named_with_its_provider(settings: Settings) -> None:
    bank = Listing([SERENO])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        refused = await ana.ask("POST", f"/v1/spaces/{space}/link-sessions", json={"institution": "bank-1"})
        assert refused.status_code == 409
        assert "provider" in refused.json()["detail"]

    at_hub(settings, work, bank.live)
