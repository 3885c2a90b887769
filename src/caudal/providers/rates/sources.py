"""Which sources there are, and how to open them. What isn't set up is left out, and said."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from caudal.provider_settings import RatesSettings
from caudal.providers.http import BudgetsOf, HttpBounds, Observer
from caudal.providers.rates import banxico, bcb, coingecko, ecb
from caudal.providers.rates.banxico import Banxico
from caudal.providers.rates.base import Source
from caudal.providers.rates.bcb import Bcb
from caudal.providers.rates.coingecko import CoinGecko
from caudal.providers.rates.ecb import Ecb


def sandboxed(told: RatesSettings, url: str) -> RatesSettings:
    """By the sources of the sandbox at `url`, which take any token."""
    return msgspec.structs.replace(
        told,
        ecb_url=f"{url}/rates/ecb",
        banxico_url=f"{url}/rates/banxico/SieAPIRest/service/v1",
        banxico_token="sandbox",  # noqa: S106  no one's
        bcb_ptax_url=f"{url}/rates/bcb-ptax/olinda/servico/PTAX/versao/v1/odata",
        bcb_sgs_url=f"{url}/rates/bcb-sgs",
        coingecko_url=f"{url}/rates/coingecko-demo/api/v3",
        coingecko_key="sandbox",
        coingecko_plan="demo",
    )


class Sources(msgspec.Struct, frozen=True):
    """Those that can be asked, and of the others what they lack."""

    open: tuple[Source, ...]
    lacking: dict[str, str]


@asynccontextmanager
async def opened(
    told: RatesSettings, bounds: HttpBounds, observe: Observer | None = None, budgets: BudgetsOf | None = None
) -> AsyncIterator[Sources]:
    """Every source that is set up, closed at the end of the block. Raises ConfigError for a setting that can't do."""
    keep = budgets or (lambda *_: None)
    lacking = {}
    async with AsyncExitStack() as stack:
        there: list[Source] = [
            await stack.enter_async_context(
                Ecb(told.ecb_url, bounds, budgets=keep(ecb.NAME, ecb.BUDGETS), observer=observe)
            ),
            await stack.enter_async_context(
                Bcb(
                    told.bcb_ptax_url,
                    told.bcb_sgs_url,
                    bounds,
                    budgets=keep(bcb.NAME, bcb.BUDGETS),
                    observer=observe,
                )
            ),
            await stack.enter_async_context(
                CoinGecko(
                    told.coingecko_url,
                    told.coingecko_key,
                    told.coingecko_plan,
                    bounds,
                    budgets=keep(coingecko.NAME, coingecko.budgets_of(told.coingecko_per_minute)),
                    observer=observe,
                )
            ),
        ]
        if told.banxico_token:
            kept = keep(banxico.NAME, banxico.BUDGETS)
            source = Banxico(told.banxico_url, told.banxico_token, bounds, budgets=kept, observer=observe)
            there.append(await stack.enter_async_context(source))
        else:
            lacking["banxico"] = "set CAUDAL_RATES_BANXICO_TOKEN (free: www.banxico.org.mx/SieAPIRest)"
        yield Sources(tuple(there), lacking)
