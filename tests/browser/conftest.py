"""A real browser: Chromium from the system's packages, driven by Playwright; and a platform of real processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.live.platform import PASSWORD, PATIENCE_S
from tests.needs import CHROMIUM

PATIENCE_MS = 1000 * PATIENCE_S


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; tests that need it say so where it is absent."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        CHROMIUM.missing()
    return found


@pytest.fixture(scope="module")  # Playwright keeps an event loop running, in which Django refuses to work
def browser(chromium: str) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield started
        started.close()


class Visitor:
    """Somebody at a browser. ``complaints``: what its console, or a request to another host, gave cause for."""

    def __init__(self, browser, url: str, *, width: int = 1280, scripts: bool = True) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US", java_script_enabled=scripts)
        self.context.set_default_timeout(PATIENCE_MS)  # the default of 30 s ends a test on a busy machine
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self._complain(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._check_host)

    def _complain(self, text: str) -> None:
        if "Failed to load resource" not in text:  # a 404 or 410 that the test asked for
            self.complaints.append(text)

    def _check_host(self, request) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.complaints.append(f"asked another host: {request.url}")

    def sign_in(self, name: str) -> None:
        self.go("/login")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(lambda url: "/login" not in url)

    def go(self, path: str):
        return self.page.goto(self.url + path)

    def text(self) -> str:
        return self.page.inner_text("main")

    def speak(self, language: str) -> None:
        """The same page in another language."""
        here = self.page.url.removeprefix(self.url)
        self.go(f"/language?set={language}&next={here}")

    def keeps_out(self) -> list[str]:
        """What keeps people out, by axe: everything serious or critical, details opened."""
        self.page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        found = Axe().run(self.page).response["violations"]
        return [f"{f['id']}: {f['nodes'][0]['html'][:200]}" for f in found if f["impact"] in ("serious", "critical")]


@pytest.fixture
def visit(browser, site):
    """``visit(name)``: a visitor who is signed in; ``visit()``: one who is not. None of them may have cause to complain."""
    visitors: list[Visitor] = []

    def make(name: str = "", **options) -> Visitor:
        visitor = Visitor(browser, site.url, **options)
        visitors.append(visitor)
        if name:
            visitor.sign_in(name)
        return visitor

    yield make
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []
