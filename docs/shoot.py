"""Takes docs/explore.png of a record of flash-crash: `python docs/shoot.py crash.run`; needs the extra `explore`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

EVENT = 199060
WIDTH, HEIGHT = 1440, 900
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def shoot(record: str, target: Path, browser: str = "/usr/bin/chromium") -> None:
    """The page at the event, as `deleverage explore` serves it, once why is told and the strip is whole."""
    command = [sys.executable, "-m", "deleverage", "explore", record, "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very program
    try:
        address = server.stdout.readline().strip() if server.stdout else ""
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
            page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(f"{address}#at={EVENT}&panel=event&event={EVENT}&market=AVAX-PERP")
            page.wait_for_selector(".more-why", timeout=120_000)
            page.wait_for_function("() => !document.querySelector('.notice').childElementCount", timeout=600_000)
            page.screenshot(path=target)
            chromium.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


if __name__ == "__main__":
    shoot(sys.argv[1], Path(__file__).with_name("explore.png"))
