"""The sources over HTTP, each below a path of its own that stands for its host."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from caudal_sandbox.rates.banxico import Banxico
from caudal_sandbox.rates.bcb import Bcb
from caudal_sandbox.rates.coingecko import CoinGecko
from caudal_sandbox.rates.ecb import Ecb
from caudal_sandbox.rates.figures import Figures
from caudal_sandbox.world import World

PREFIX: Final = "/rates/"


class Options(msgspec.Struct, frozen=True):
    """Who may ask ('' for anybody who shows a token), and how often."""

    banxico_token: str = ""
    coingecko_key: str = ""
    coingecko_per_minute: int = 30


class Rates:
    """The sources of a world as an ASGI application."""

    def __init__(self, world: World, clock: Callable[[], datetime], options: Options) -> None:
        figures = Figures(world)
        self.ecb = Ecb(figures)
        self.banxico = Banxico(figures, options.banxico_token)
        self.bcb = Bcb(figures)
        self.coingecko = CoinGecko(
            figures, clock, key=options.coingecko_key, per_minute=options.coingecko_per_minute
        )
        series = f"{PREFIX}banxico/SieAPIRest/service/v1/series/{{ids}}"
        sgs = f"{PREFIX}bcb-sgs/dados/serie/{{series}}/dados"
        self._router = Router(
            [
                Route(f"{PREFIX}ecb/stats/eurofxref/{{file}}", self.ecb.answer),
                Route(f"{series}/datos/{{days:path}}", self.banxico.answer),
                Route(f"{series}/datos", self.banxico.answer),
                Route(f"{PREFIX}bcb-ptax/olinda/servico/PTAX/versao/v1/odata/{{resource}}", self.bcb.ptax),
                Route(f"{sgs}/ultimos/{{count:int}}", self.bcb.sgs),
                Route(sgs, self.bcb.sgs),
                Route(f"{PREFIX}coingecko-{{plan}}/api/v3/{{path:path}}", self.coingecko.answer),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)
