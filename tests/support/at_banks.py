"""What somebody does at the pages of simulated providers, to let a hub see what they have."""

from playwright.sync_api import Page


def at_plaid(bank: Page) -> None:
    """Somebody at Plaid's page, who is let in and shares all they have."""
    bank.click("button:has-text('First Platypus Bank')")
    bank.fill("[name=username]", "user_good")
    bank.fill("[name=password]", "pass_good")
    bank.click("button:has-text('Log in')")
    bank.click("button:has-text('Continue')")
    bank.click("button:has-text('Allow')")
    bank.wait_for_selector("text=You're done")


def at_pluggy(bank: Page) -> None:
    """Somebody at Pluggy's page."""
    bank.select_option("[name=connectorId]", label="Pluggy Bank (2)")
    bank.fill("[name=user]", "user-ok")
    bank.fill("[name=password]", "password-ok")
    bank.click("button:has-text('Connect')")
    bank.wait_for_load_state()
