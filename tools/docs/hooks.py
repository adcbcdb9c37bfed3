"""What mkdocs asks of us: pages that are made, pages that lie elsewhere, and links between them."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.docs import configuration, contract, links

ROOT = Path(__file__).resolve().parents[2]
MADE = {"reference/contract.md": contract.page, "reference/configuration.md": configuration.page}
# Pages that lie outside docs/: the repository's file and the site's page.
ELSEWHERE = {
    "clients/python/README.md": "clients/python.md",
    "clients/go/README.md": "clients/go.md",
    "clients/go/fleet/README.md": "clients/go-fleet.md",
    "clients/typescript/README.md": "clients/typescript.md",
    "clients/java/README.md": "clients/java.md",
    "clients/rust/README.md": "clients/rust.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
}


def pages(files: Files) -> dict[str, str]:
    """The site's page, or picture, by the repository's file."""
    own = {f"docs/{one.src_uri}": one.src_uri for one in files if not one.generated_by}
    return {**own, **ELSEWHERE, "README.md": "index.md", **{f"docs/{one}": one for one in MADE}}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages that no one has found a place for in the navigation are in it all the same."""
    named = str(config.nav)
    others = [one.name for one in sorted((ROOT / "docs").glob("*.md")) if f"'{one.name}'" not in named]
    if others and config.nav is not None:
        config.nav.append({"More": others})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in docs/."""
    for place, make in MADE.items():
        files.append(File.generated(config, place, content=make()))
    for source, place in ELSEWHERE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  its names
    """Turn the links of a page."""
    known = pages(files)
    places = {site: place for place, site in known.items() if site != "index.md" or place == "docs/index.md"}
    return links.turn(markdown, places[page.file.src_uri], ROOT, known)
