"""What is found in the examples of the codes' pages: the pages quote it, and the tests hold them to it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.config.findings import ConfigError, Finding
from pipeline.config.nodes import Source
from pipeline.config.pages.page import CodePage

__all__ = ["example_findings"]


def example_findings(page: CodePage, *, good: bool = False) -> tuple[Finding, ...]:
    """Return what is found in the example of a page that has the code, or in the one put right."""
    text, files = (page.good, page.good_files) if good else (page.bad, page.bad_files)
    with tempfile.TemporaryDirectory(prefix="orbyard-example-") as folder:
        root = Path(folder)
        _write(root, {page.file: text, **files})
        try:
            return _found(page, text, files, root)
        except ConfigError as error:
            return error.findings


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _found(page: CodePage, text: str, files: Mapping[str, str], root: Path) -> tuple[Finding, ...]:
    if page.task == "orb.pack":
        from pipeline.config.packing import pack_orb

        pack_orb(root / "src", root=root)
        return ()
    from pipeline.config.compiler import check
    from pipeline.config.compiler import compile as compile_config

    source = Source(page.file, text)
    if page.task == "continue":
        from pipeline.config.continuation import continue_with

        setup = compile_config(Source(".circleci/config.yml", files[".circleci/config.yml"]))
        return continue_with(setup, source).warnings
    if not files:
        return check(source, values=page.values)
    from pipeline.orb_store import RepositoryOrbs

    return check(source, values=page.values, orbs=RepositoryOrbs(root, {}))
