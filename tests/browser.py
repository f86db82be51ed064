"""A real browser for tests: Chromium, driven through chromedriver's own protocol (W3C WebDriver)."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Browser", "find_browser", "start_browser"]

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


def find_browser() -> tuple[str, str] | None:
    """Return Chromium's and chromedriver's paths, or None where one of them is missing."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


@dataclass
class Browser:
    """A browser with one page."""

    address: str
    process: subprocess.Popen[str]
    session: str = ""

    def call(self, method: str, path: str, data: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}{path}",
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path, anchor: str = "") -> None:
        """Open a file as a user does by a double click, as if for the first time."""
        self._do("url", {"url": "about:blank"})
        self._do("url", {"url": page.resolve().as_uri() + anchor})

    def _do(self, what: str, data: Any) -> Any:
        return self.call("POST", f"/session/{self.session}/{what}", data)

    def run(self, script: str, *values: Any) -> Any:
        """Return what a script's ``return`` gives; promises are waited for."""
        return self._do("execute/sync", {"script": script, "args": list(values)})

    def wait(self, script: str, what: Callable[[Any], bool] = bool) -> Any:
        """Run a script until its value is as wanted, and return that."""
        end = time.monotonic() + 30
        while True:
            value = self.run(script)
            if what(value):
                return value
            if time.monotonic() > end:
                raise AssertionError(f"{script} is still {value!r}")
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._do("actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def emulate(self, **features: str) -> None:
        """Set media features, as ``prefers_color_scheme="dark"``; none are set again without any."""
        pairs = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.devtools("Emulation.setEmulatedMedia", {"features": pairs})

    def devtools(self, command: str, parameters: Any) -> Any:
        return self._do("goog/cdp/execute", {"cmd": command, "params": parameters})

    def complaints(self) -> list[str]:
        """Return what the console says since the last call: errors, and what the page's policy forbade."""
        return [entry["message"] for entry in self._do("se/log", {"type": "browser"})]

    def close(self) -> None:
        try:
            self.call("DELETE", f"/session/{self.session}")
        finally:
            self.process.terminate()
            self.process.wait(timeout=20)


def start_browser(chromium: str, driver: str, profile: Path) -> Browser:
    """Start a browser with an empty profile."""
    process = subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    port = ""
    for line in process.stdout:
        if "started successfully on port" in line:
            port = line.rpartition("port ")[2].strip(" .\n")
            break
    process.stdout.close()
    browser = Browser(f"http://127.0.0.1:{port}", process)
    options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    try:
        made = browser.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
    except BaseException:
        process.kill()
        process.wait()
        raise
    browser.session = made["sessionId"]
    return browser
