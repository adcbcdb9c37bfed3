"""`make clients` itself: what is left out, what differs and what fails is told, and the exit status says it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.clients import __main__ as frame
from tools.clients import language as languages
from tools.clients.language import Broken, Count, Language, Workshop
from tools.clients.languages import go, typescript


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a contract and one language's committed code, `gen/code`."""
    shutil.copytree(languages.ROOT / "protos", tmp_path / "protos")
    (tmp_path / "tools").mkdir()
    shutil.copy(languages.ROOT / "tools/system_packages.sh", tmp_path / "tools")
    for module in (frame, languages):
        monkeypatch.setattr(module, "ROOT", tmp_path)
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    monkeypatch.setattr(frame, "no_host", lambda: "")
    monkeypatch.delenv("CI", raising=False)
    assert frame.main(["--write"], table=table()) == 0
    return tmp_path


def nothing(_: Workshop) -> None:
    """Build nothing."""


def table(
    text: str = "made\n",
    *,
    test: Callable[[Workshop], Count] = lambda _: Count(passed=3),
    build: Callable[[Workshop], None] = nothing,
    packages: tuple[str, ...] = (),
) -> dict[str, Language]:
    """A language that generates one file."""

    def generate(_: Workshop, out: Path) -> None:
        (out / "gen").mkdir()
        (out / "gen" / "code").write_text(text)

    return {
        "tongue": Language(
            name="tongue",
            packages=packages,
            generated=(Path("gen"),),
            generate=generate,
            build=build,
            test=test,
            handwritten=("src/*",),
        )
    }


def runs(argv: str, *, patience: float = 60) -> Callable[[Workshop], None]:
    """A build that runs a shell's command."""
    return lambda _: print(Workshop(name="tongue", patience=patience).run("sh", "-c", argv))


def test_what_is_well_is_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main([], table=table()) == 0
    said = capsys.readouterr().out
    assert "tongue: 3 passed, 0 failed" in said
    assert said.endswith("clients: 3 passed, 0 failed\n")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (table("made otherwise\n"), "differs: gen/code"),
        (table(test=lambda _: Count()), "no test ran"),
        (table(test=lambda _: Count(passed=1, failed=2)), "2 tests failed"),
        (table(build=runs("echo this; echo that >&2; exit 3")), "exit status 3"),
        (table(build=runs("echo this; echo that >&2; exit 3")), "that"),
        (table(build=runs("sleep 1000 & wait", patience=0.2)), "did not end in 0.2 s"),
        (table(build=lambda shop: print(shop.run("/nowhere"))), "No such file"),
    ],
    ids=["differs", "no test", "failed", "status", "what it said", "hangs", "not there"],
)
def test_what_is_wrong_is_told_and_fails(
    root: Path, capsys: pytest.CaptureFixture[str], made: dict[str, Language], told: str
) -> None:
    assert frame.main([], table=made) == 1
    said = capsys.readouterr().out
    assert told in said
    assert "tongue: FAILED" in said


def test_a_file_that_nobody_generates_and_one_that_is_missing_are_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "gen/code").rename(root / "gen/older")
    assert frame.main(["--check"], table=table()) == 1
    assert {"missing: gen/code", "not generated: gen/older"} <= set(capsys.readouterr().out.splitlines())
    assert frame.main(["--write"], table=table()) == 0
    assert frame.main(["--check"], table=table()) == 0


def test_another_contract_is_told_without_a_tool(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--stale"], table=table()) == 0
    with (root / "protos/vmplumb/v1/cni.proto").open("a") as file:
        file.write("// more\n")
    assert frame.main(["--stale"], table=table()) == 1
    assert "tongue" in capsys.readouterr().out


def test_more_lines_by_hand_than_are_allowed_fail(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "src").mkdir()
    for lines, status in ((300, 0), (301, 1)):
        (root / "src/code.go").write_text("// a comment\n\n" + "x\n" * lines)
        assert frame.main([], table=table()) == status
    assert "301 lines of code are written by hand" in capsys.readouterr().out


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_language_that_cannot_be_worked_with_is_left_out_with_the_reason_but_not_in_ci(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ci: str, status: int
) -> None:
    script = "#!/bin/sh\necho 'left out: the Tongue client need Tongue: no apt-get here' >&2\nexit 1\n"
    (root / "tools/system_packages.sh").write_text(script)
    monkeypatch.setenv("CI", ci)
    assert frame.main([], table=table(packages=("tongue",))) == status
    assert "tongue: left out: the Tongue client need Tongue: no apt-get here" in capsys.readouterr().out


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_machine_that_can_make_no_host_is_told_so(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ci: str, status: int
) -> None:
    monkeypatch.setattr(frame, "no_host", lambda: "not root, and no user namespace")
    monkeypatch.setenv("CI", ci)
    assert frame.main([], table=table()) == status
    assert "tongue: left out: not root, and no user namespace" in capsys.readouterr().out
    assert frame.main(["--check"], table=table()) == 0


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_skipped_test_fails_in_ci(
    root: Path, monkeypatch: pytest.MonkeyPatch, ci: str, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    assert frame.main([], table=table(test=lambda _: Count(passed=1, skipped=1))) == status


GO = """\
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"why\\n"}
{"Action":"pass","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"q","Test":"TestA"}
{"Action":"output","Package":"q","Test":"TestA","Output":"nothing\\n"}
{"Action":"fail","Package":"p"}
"""


def test_gos_tests_are_counted_by_their_leaves_and_what_failed_is_readable() -> None:
    assert go.count(GO) == Count(passed=2, failed=1, skipped=1)
    assert go.readable("go test: exit status 1\n" + GO) == "go test: exit status 1\nwhy\n"


NODE = """\
✔ a test (1.5ms)
ℹ tests 9
ℹ suites 2
ℹ pass 3
ℹ fail 1
ℹ cancelled 1
ℹ skipped 2
ℹ todo 2
ℹ duration_ms 12.25
✖ failing tests:
"""


def test_nodes_tests_are_counted_by_its_closing_lines() -> None:
    assert typescript.count(NODE) == Count(passed=3, failed=2, skipped=4)
    with pytest.raises(Broken, match="closing lines"):
        typescript.count(NODE.partition("ℹ")[0])


def test_mavens_and_pytests_tests_are_counted_by_their_reports(tmp_path: Path) -> None:
    suite = '<testsuite name="A" tests="{}" errors="{}" skipped="{}" failures="{}"><testcase name="a"/></testsuite>'
    (tmp_path / "TEST-a.xml").write_text(suite.format(5, 1, 1, 2))
    (tmp_path / "TEST-b.xml").write_text(suite.format(2, 0, 0, 0))
    (tmp_path / "TEST-c.xml").write_text(f"<testsuites>{suite.format(4, 1, 0, 0)}</testsuites>")
    assert languages.junit(tmp_path) == Count(passed=6, failed=4, skipped=1)
    assert languages.junit(tmp_path / "nothing") == Count()


def test_a_language_whose_code_others_compare_is_built_and_tested(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {"tongue": replace(table("made otherwise\n")["tongue"], generated=())}
    assert frame.main(["--stale"], table=bare) == 0
    assert frame.main([], table=bare) == 0
    assert "tongue: 3 passed, 0 failed" in capsys.readouterr().out


def test_a_try_that_fails_is_repeated_where_a_registry_is_asked(root: Path) -> None:
    shop = Workshop(name="tongue")
    command = "echo x >>tries; test $(wc -l <tries) = 3"
    with pytest.raises(Broken):
        shop.run("sh", "-c", command, cwd=root, tries=2)
    shop.run("sh", "-c", command, cwd=root, tries=1)
