"""The real bundle and yarn over a small app."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orbs.rails.folder_home import STAMP
from pipeline.errors import WorkFailed
from tests.integration.rails.support import PROJECT, App, read_volume

EXAMPLE = PROJECT / "examples" / "rails-app"
FILES = ("Gemfile", "Gemfile.lock", "package.json", "yarn.lock")
GEMS = "ruby/3.1.0/gems"


@pytest.fixture
def rails(app: App) -> App:
    for name in FILES:
        shutil.copy(EXAMPLE / name, app.root / name)
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(dockerfile.read_text() + f"ADD {' '.join(FILES)} ./\n")
    return app


def without_puma(app: App) -> None:
    for name in ("Gemfile", "Gemfile.lock"):
        path = app.root / name
        kept = [line for line in path.read_text().splitlines() if "puma" not in line]
        path.write_text("\n".join(kept).replace("      nio4r (~> 2.0)\n", "") + "\n")


def gems(folder: Path) -> set[str]:
    return {path.name.split("-")[0] for path in (folder / GEMS).iterdir()}


def test_gems_and_packages_are_installed_kept_apart_and_cleaned(rails, engine):
    first = rails.install(engine)
    assert '"normalize.css"' in read_volume(
        engine, str(first["yarn"].volume), "normalize.css/package.json"
    )
    assert not any(home.reused for home in first.values())
    without_puma(rails)
    second = rails.install(engine)
    assert second["yarn"].reused
    assert not second["bundle"].reused
    output = rails.err.getvalue()
    assert "bundle: starting from an earlier volume" in output
    assert "Fetching rails" not in output
    assert "Removing puma" in output


def test_in_ci_the_folders_hold_what_the_lockfiles_say(rails, engine):
    rails.install(engine, CI="true")
    bundle = rails.root / "vendor/bundle"
    assert {"rails", "puma"} <= gems(bundle)
    assert (bundle / STAMP).is_file()
    assert (rails.root / "node_modules/normalize.css/package.json").is_file()
    assert not list(bundle.rglob("gem_make.out"))
    without_puma(rails)
    shutil.rmtree(bundle / GEMS / next(p.name for p in (bundle / GEMS).glob("rake-*")))
    rails.install(engine, CI="true")
    assert "puma" not in gems(bundle)


@pytest.mark.parametrize(
    ("file", "old", "new", "hint"),
    [
        ("Gemfile", 'gem "puma"', 'gem "sinatra"\ngem "puma"', "run `bundle lock`"),
        ("Gemfile", "~> 3.1.0", "~> 9.0", "another Ruby"),
        ("Gemfile.lock", "  x86_64-linux", "  arm64-darwin-21", "--add-platform x86_64-linux"),
        (
            "package.json",
            '"normalize.css"',
            '"left-pad": "1.3.0", "normalize.css"',
            "`yarn install`",
        ),
    ],
)
def test_what_does_not_fit_together_fails_with_the_installers_words_and_what_to_do(
    rails, engine, file, old, new, hint
):
    path = rails.root / file
    text = path.read_text()
    if file == "Gemfile.lock":
        head, _, rest = text.partition("PLATFORMS\n")
        text = head + "PLATFORMS\n" + new + "\n\n" + rest.partition("\n\n")[2]
    else:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(WorkFailed) as caught:
        rails.install(engine)
    assert hint in (caught.value.hint or "")
    assert caught.value.details
