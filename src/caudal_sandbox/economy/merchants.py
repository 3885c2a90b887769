"""The shops of the world: invented, the same under every seed."""

import enum
from functools import cache
from typing import Final

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import COUNTRIES, CountryCode, Language

_SHOPS_PER_TRADE: Final = 12


class Channel(enum.StrEnum):
    """Where the payment was made."""

    IN_STORE = "in_store"
    ONLINE = "online"
    OTHER = "other"


class Business(enum.StrEnum):
    """What a shop sells."""

    GROCER = "grocer"
    CAFE = "cafe"
    TRANSIT = "transit"
    FUEL = "fuel"
    RESTAURANT = "restaurant"
    ONLINE_SHOP = "online_shop"
    FURNITURE = "furniture"
    HOTEL = "hotel"
    STREAMING = "streaming"
    SOFTWARE = "software"
    ENERGY = "energy"
    PHONE = "phone"
    WHOLESALE = "wholesale"


MCC: Final[dict[Business, int]] = {
    Business.GROCER: 5411,
    Business.CAFE: 5814,
    Business.TRANSIT: 4111,
    Business.FUEL: 5541,
    Business.RESTAURANT: 5812,
    Business.ONLINE_SHOP: 5399,
    Business.FURNITURE: 5712,
    Business.HOTEL: 7011,
    Business.STREAMING: 4899,
    Business.SOFTWARE: 5734,
    Business.ENERGY: 4900,
    Business.PHONE: 4814,
    Business.WHOLESALE: 5199,
}
"""ISO 18245 merchant category codes."""

_REMOTE: Final = {
    Business.ONLINE_SHOP,
    Business.STREAMING,
    Business.SOFTWARE,
    Business.ENERGY,
    Business.PHONE,
}


class Merchant(msgspec.Struct, frozen=True, gc=False):
    """A shop. `descriptor` is what its card terminal prints; `channel` how one usually pays there."""

    id: str
    name: str
    business: Business
    country: CountryCode
    descriptor: str
    channel: Channel
    address: str
    city: str
    region: str
    postal_code: str
    store_number: str
    website: str

    @property
    def mcc(self) -> int:
        """Its ISO 18245 category."""
        return MCC[self.business]


_FIRST: Final[dict[Language, tuple[str, ...]]] = {
    Language.EN: (
        "Alder", "Bramble", "Copper", "Driftwood", "Elm Street", "Foxglove", "Gull", "Hazel", "Ironbridge",
        "Juniper", "Kestrel", "Linden", "Marlow", "Nettle", "Otter", "Pinewood",
    ),
    Language.PT: (
        "Araucária", "Bem-te-vi", "Cajueiro", "Dourado", "Embaúba", "Figueira", "Garoa", "Horizonte", "Ipê",
        "Jacarandá", "Laranjeira", "Mangueira", "Nascente", "Oliveira", "Paineira", "Quaresmeira",
    ),
    Language.ES: (
        "Agave", "Bugambilia", "Cenzontle", "Durazno", "Encino", "Framboyán", "Girasol", "Huizache", "Jilguero",
        "Laurel", "Mezquite", "Nogal", "Ocotillo", "Palma", "Quetzal", "Sabino",
    ),
}  # fmt: skip

_LAST: Final[dict[Language, dict[Business, str]]] = {
    Language.EN: {
        Business.GROCER: "Market",
        Business.CAFE: "Coffee",
        Business.TRANSIT: "Transit",
        Business.FUEL: "Fuel",
        Business.RESTAURANT: "Kitchen",
        Business.ONLINE_SHOP: "Goods",
        Business.FURNITURE: "Home",
        Business.HOTEL: "Hotel",
        Business.STREAMING: "Play",
        Business.SOFTWARE: "Cloud",
        Business.ENERGY: "Energy",
        Business.PHONE: "Mobile",
        Business.WHOLESALE: "Trading",
    },
    Language.PT: {
        Business.GROCER: "Supermercado",
        Business.CAFE: "Café",
        Business.TRANSIT: "Transportes",
        Business.FUEL: "Posto",
        Business.RESTAURANT: "Restaurante",
        Business.ONLINE_SHOP: "Loja",
        Business.FURNITURE: "Móveis",
        Business.HOTEL: "Pousada",
        Business.STREAMING: "Play",
        Business.SOFTWARE: "Nuvem",
        Business.ENERGY: "Energia",
        Business.PHONE: "Telecom",
        Business.WHOLESALE: "Atacado",
    },
    Language.ES: {
        Business.GROCER: "Súper",
        Business.CAFE: "Café",
        Business.TRANSIT: "Transporte",
        Business.FUEL: "Gasolinera",
        Business.RESTAURANT: "Fonda",
        Business.ONLINE_SHOP: "Tienda",
        Business.FURNITURE: "Muebles",
        Business.HOTEL: "Posada",
        Business.STREAMING: "Play",
        Business.SOFTWARE: "Nube",
        Business.ENERGY: "Luz",
        Business.PHONE: "Móvil",
        Business.WHOLESALE: "Mayoreo",
    },
}

_STREET: Final = {Language.EN: "Mill Road", Language.PT: "Rua das Flores", Language.ES: "Calle Hidalgo"}


@cache
def merchants(country: CountryCode, business: Business) -> tuple[Merchant, ...]:
    """The shops of one kind in one country, always the same ones in the same order."""
    land = COUNTRIES[country]
    chance = Chance("merchants", country, business)
    firsts = _FIRST[land.language]
    start = chance.below(len(firsts))
    return tuple(
        _shop(country, business, firsts[(start + place) % len(firsts)], chance)
        for place in range(_SHOPS_PER_TRADE)
    )


def _shop(country: CountryCode, business: Business, first: str, chance: Chance) -> Merchant:
    land = COUNTRIES[country]
    name = f"{first} {_LAST[land.language][business]}"
    city, region, postal_code = chance.pick(land.cities)
    remote = business in _REMOTE
    number = chance.digits(4)
    plain = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
    return Merchant(
        id=f"{country.lower()}-{business}-{plain}",
        name=name,
        business=business,
        country=country,
        descriptor=f"{plain.upper()}.EXAMPLE" if remote else f"{name.upper()} {number}",
        channel=Channel.ONLINE if remote else Channel.IN_STORE,
        address="" if remote else f"{chance.between(1, 240)} {_STREET[land.language]}",
        city="" if remote else city,
        region="" if remote else region,
        postal_code="" if remote else postal_code,
        store_number="" if remote else number,
        website=f"https://{plain}.example" if remote else "",
    )
