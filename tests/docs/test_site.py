"""The site: it builds without a warning, needs nothing from outside, and no link in it leads nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from tests.docs.examples import ROOT
from tools.contract import error_tables, requirements
from tools.contract.lint import Contract
from tools.docs import architecture, configuration, contract, links


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in {"script", "img"} and given.get("src"):
            self.loads.append(str(given["src"]))
        if tag == "link" and given.get("rel") == "stylesheet":
            self.loads.append(str(given["href"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    built = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(built)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    # 404.html is shown in any place, so it speaks of the site's root.
    found = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    return {path: Page(path.read_text()) for path in found}


def inside(pages: dict[Path, Page], what: str) -> Iterator[tuple[Path, str]]:
    for path, page in pages.items():
        for one in getattr(page, what):
            if not one.startswith(("http://", "https://", "mailto:", "data:", "javascript:")):
                yield path, one


@pytest.mark.timeout(400)
def test_every_link_within_the_site_leads_to_a_page_and_a_place_in_it(
    site: Path, pages: dict[Path, Page]
) -> None:
    dead = []
    for path, link in inside(pages, "links"):
        target, _, anchor = link.partition("#")
        meant = (path.parent / unquote(target)).resolve() if target else path
        if meant.is_dir():
            meant /= "index.html"
        if (
            not meant.is_file()
            or site not in meant.parents
            or (meant in pages and anchor and unquote(anchor) not in pages[meant].anchors)
        ):
            dead.append((str(path.relative_to(site)), link))
    assert dead == []
    assert len(pages) > 20


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    foreign = {one for page in pages.values() for one in page.loads if "//" in one}
    assert foreign == set()
    missing = [
        (path.name, one)
        for path, one in inside(pages, "loads")
        if not (path.parent / unquote(one.partition("?")[0])).is_file()
    ]
    assert missing == []


def test_the_contract_s_page_has_every_rpc_message_enum_and_requirement() -> None:
    full = Contract.read().full
    page = contract.page()
    headings = {line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")}
    for file in full.file:
        if file.package == "vmplumb.v1":
            kinds = (file.service, file.message_type, file.enum_type)
            assert {one.name for group in kinds for one in group} <= headings
            for service in file.service:
                assert {method.name for method in service.method} <= headings
            for message in file.message_type:
                assert [
                    f"| `{field.name}` |" for field in message.field if f"| `{field.name}` |" not in page
                ] == []
    assert [one for one in requirements.ids(full) if one not in page] == []
    rows = [row for table in error_tables.rows(full).values() for row in table]
    assert [row.requirement for row in rows if f"| {row.requirement} |" not in page] == []


def test_the_configuration_s_page_has_every_setting() -> None:
    page = configuration.page()
    assert [one for one in configuration.settings() if f"| `{one}` |" not in page] == []


def test_the_drawing_is_of_the_import_contracts() -> None:
    found = architecture.walls()
    assert architecture.faults(found) == []
    rooms = {room for line in found.lines for room in line}
    there = {path.stem for path in (ROOT / "agent/vmplumbd").iterdir() if path.suffix in {"", ".py"}}
    assert there - {"__init__", "__pycache__", "py"} == rooms


def test_what_is_written_in_a_room_of_the_drawing_stays_in_it() -> None:
    drawing = ElementTree.fromstring(architecture.DRAWING.read_text())
    rooms = [
        {key: float(one.attrib[key]) for key in ("x", "y", "width", "height")}
        for one in drawing.iter("{http://www.w3.org/2000/svg}rect")
        if "x" in one.attrib
    ]
    names = [
        one for one in drawing.iter("{http://www.w3.org/2000/svg}text") if one.get("text-anchor") == "middle"
    ]
    assert len(names) > len(rooms)
    for one in names:
        # The letters of this face are narrower than 0.54 of their size, on an average.
        half = len(str(one.text)) * 0.54 * float(one.attrib["font-size"]) / 2
        middle, y = float(one.attrib["x"]), float(one.attrib["y"])
        assert any(
            room["x"] <= middle - half
            and middle + half <= room["x"] + room["width"]
            and room["y"] < y < room["y"] + room["height"]
            for room in rooms
        ), one.text


def test_a_room_that_is_moved_or_made_is_told() -> None:
    found = architecture.walls()
    moved = architecture.Walls(lines=(*found.lines[1:], found.lines[0]), stays=found.stays)
    assert [one.partition(" ")[0] for one in architecture.faults(moved)] == ["docs/architecture.svg"]
    made = architecture.Walls(lines=(*found.lines, ("cellar",)), stays=found.stays)
    assert architecture.faults(made)[1:] == ["docs/architecture.md does not say what cellar is"]


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("[a](network.md)", "[a](network.md)"),
        ("[a](network.md#try)", "[a](network.md#try)"),
        ("[a](../clients/go/README.md)", "[a](clients/go.md)"),
        ("[a](../Makefile)", "a (`Makefile`)"),
        ("[`Makefile`](../Makefile)", "`Makefile`"),
        ("![a](describe.svg) [b](https://example.org/x)", "![a](describe.svg) [b](https://example.org/x)"),
        ("```\n[a](none.md)\n```\n", "```\n[a](none.md)\n```\n"),
    ],
)
def test_a_link_is_turned_for_the_site(text: str, turned: str) -> None:
    known = {
        "docs/index.md": "index.md",
        "docs/network.md": "network.md",
        "docs/describe.svg": "describe.svg",
        "clients/go/README.md": "clients/go.md",
    }
    assert links.turn(text, "docs/index.md", ROOT, known) == turned


def test_a_page_that_lies_elsewhere_links_from_its_own_place() -> None:
    known = {"clients/go/README.md": "clients/go.md", "docs/contract.md": "contract.md"}
    text = "[contract](../../docs/contract.md)"
    assert links.turn(text, "clients/go/README.md", ROOT, known) == "[contract](../contract.md)"


def test_a_dead_link_ends_the_build() -> None:
    with pytest.raises(links.DeadLink, match=r"docs/index\.md: none\.md is not there"):
        links.turn("[a](none.md)", "docs/index.md", ROOT, {"docs/index.md": "index.md"})
