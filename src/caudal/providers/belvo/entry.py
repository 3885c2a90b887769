"""How Belvo is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.model.errors import ConfigError
from caudal.providers.belvo.client import BUDGETS, BelvoConfig
from caudal.providers.belvo.provider import DECLARATION, BelvoProvider
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> BelvoProvider:
    """Raises ConfigError where its keys are missing."""
    told = settings.belvo
    if not told.secret_id or not told.secret_password:
        raise ConfigError(
            "Belvo isn't set up: set CAUDAL_BELVO_SECRET_ID and CAUDAL_BELVO_SECRET_PASSWORD (or …_FILE)"
        )
    config = BelvoConfig(
        secret_id=told.secret_id,
        secret_password=told.secret_password,
        environment=told.environment,
        base_url=told.url or None,
        widget_url=told.widget_url,
        authorization=told.authorization,
        company=told.company,
        company_icon=told.company_icon,
        company_logo=told.company_logo,
        terms_url=told.terms_url,
        landing_url=told.landing_url,
        purpose=told.purpose,
        investments=told.investments,
        legacy=told.legacy,
    )
    kept = None if budgets is None else budgets("belvo", BUDGETS)
    return BelvoProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """As the sandbox at `url` takes it: any keys, all that is offered."""
    page = f"{url}/belvo/widget/"
    told = replace(
        settings.belvo,
        secret_id="sandbox",  # noqa: S106  no one's
        secret_password="sandbox",  # noqa: S106  no one's
        environment="sandbox",
        url=f"{url}/belvo",
        widget_url=page,
        company=settings.belvo.company or "Caudal",
        company_icon=settings.belvo.company_icon or page,
        company_logo=settings.belvo.company_logo or page,
        terms_url=settings.belvo.terms_url or page,
        purpose=settings.belvo.purpose or "ver minhas contas num só lugar",
        investments=True,
        legacy=True,
    )
    return replace(settings, belvo=told)
