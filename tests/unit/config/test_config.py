"""The operator's settings: file, environment, flags, and every fault with its place."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from vmplumbd import __main__ as command
from vmplumbd import config
from vmplumbd.config import Config, InvalidConfig, load


def violations(text: str, folder: Path, **given: dict[str, str]) -> list[tuple[str, str]]:
    path = folder / "vmplumbd.toml"
    path.write_text(text)
    with pytest.raises(InvalidConfig) as caught:
        load(str(path), given.get("environment", {}), given.get("flags"))
    return [(one.field, one.rule) for one in caught.value.violations]


def test_without_anything_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DEFAULT_FILE", str(tmp_path / "absent.toml"))
    assert load(None, {}) == Config()
    assert Config().paths.conf_dir == "/etc/cni/conf.d"
    assert Config().paths.bin_path == ("/opt/cni/bin",)
    assert Config().listen.tcp == ""


def test_later_sources_win(tmp_path: Path) -> None:
    path = tmp_path / "vmplumbd.toml"
    path.write_text(
        "[limits]\nattempts = 2\nexec_threads = 3\nmax_networks = 4\n[paths]\nbin_path = ['/a', '/b']\n"
    )
    environment = {"VMPLUMBD_LIMITS__EXEC_THREADS": "30", "VMPLUMBD_LIMITS__MAX_NETWORKS": "40", "PATH": "/x"}
    read = load(str(path), environment, {"limits.max_networks": "400"})
    assert (read.limits.attempts, read.limits.exec_threads, read.limits.max_networks) == (2, 30, 400)
    assert read.paths.bin_path == ("/a", "/b")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("cni.strict_del", "true", True),
        ("cni.inline_config", "0", False),
        ("limits.first_retry", "0.25", 0.25),
        ("limits.max_operations", "7", 7),
        ("paths.bin_path", "/a:/b", ("/a", "/b")),
        ("cni.owned_networks", "", ()),
        ("log.level", "debug", "debug"),
        ("metrics.listen", "[::1]:9477", "[::1]:9477"),
        ("metrics.listen", "/run/vmplumb/metrics.sock", "/run/vmplumb/metrics.sock"),
        ("traces.enabled", "true", True),
    ],
)
def test_text_becomes_the_settings_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str, value: object
) -> None:
    monkeypatch.setattr(config, "DEFAULT_FILE", str(tmp_path / "absent.toml"))
    section, _, name = key.partition(".")
    assert getattr(getattr(load(None, {}, {key: text}), section), name) == value


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = """
    surprise = 1
    log = "loud"
    [limits]
    attempts = "many"
    exec_treads = 1
    operation_timeout = 0
    max_operations = true
    [listen]
    tcp = "127.0.0.1:1"
    unix_mode = "rw"
    unix = 5
    [cni]
    prefer = "none"
    strict_del = "perhaps"
    environment = "PATH"
    owned_networks = [1]
    [paths]
    conf_dir = "conf.d"
    """
    assert sorted(violations(text, tmp_path)) == sorted(
        [
            ("surprise", "unknown"),
            ("log", "type"),
            ("limits.attempts", "type"),
            ("limits.exec_treads", "unknown"),
            ("limits.operation_timeout", "positive"),
            ("limits.max_operations", "type"),
            ("listen.tcp", "tls"),
            ("policy.file", "tcp"),
            ("listen.unix_mode", "octal"),
            ("listen.unix", "type"),
            ("cni.prefer", "choice"),
            ("cni.strict_del", "type"),
            ("cni.owned_networks", "type"),
            ("paths.conf_dir", "absolute"),
        ]
    )


def test_a_pool_has_the_common_refill_rate_or_its_own() -> None:
    found = load(None, {}, {"pool.sizes": "a=3:b=8@0.5:a=4@200:c=0", "pool.refill_rate": "7"})
    assert found.pool.by_network() == {"a": (4, 200.0), "b": (8, 0.5), "c": (0, 7.0)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[limits", "file"),
        ("[listen]\nunix = ''", "empty"),
        ("[listen]\nunix_mode = '7777777'", "octal"),
        ("[listen]\nadmin_mode = 'rw'", "octal"),
        ("[listen]\nunix = '/x'\nadmin_unix = '/x'", "own"),
        ("[log]\nlevel = 'loud'", "choice"),
        ("[log]\nformat = 'xml'", "choice"),
        ("[metrics]\nlisten = '0.0.0.0:9477'", "loopback"),
        ("[metrics]\nlisten = 'localhost:9477'", "loopback"),
        ("[metrics]\nlisten = '127.0.0.1'", "loopback"),
        ("[metrics]\nlisten = '127.0.0.1:70000'", "loopback"),
        ("[traces]\nsample = 1.5", "range"),
        ("[pool]\nrefill_rate = 0.0", "range"),
        ("[pool]\nsizes = ['a']", "form"),
        ("[pool]\nsizes = ['=3']", "form"),
        ("[pool]\nsizes = ['a=-3']", "form"),
        ("[pool]\nsizes = ['a=3@']", "form"),
        ("[pool]\nsizes = ['a=3@0']", "form"),
        ("[pool]\nsizes = ['a=3@nan']", "form"),
        ("[traces]\nendpoint = 'collector:4317'", "form"),
        ("[limits]\nmax_networks = -1", "positive"),
        ("[limits]\nexec_threads = 1.5", "type"),
        ("[limits]\noperation_timeout = 'inf'", "type"),
        ("[limits]\noperation_timeout = nan", "type"),
        ("[limits]\nfirst_retry = 3\nlongest_retry = 1", "order"),
        ("[paths]\nbin_path = ['opt']", "absolute"),
        ("[paths]\nallowed_netns_roots = ['x']", "absolute"),
        ("[listen]\nmax_watches = 0", "positive"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert [rule for _, rule in violations(text, tmp_path)] == [expected]


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="no such file"):
        load(str(tmp_path / "absent.toml"), {})


def test_a_misspelt_section_of_the_environment_is_refused(tmp_path: Path) -> None:
    environment = {"VMPLUMBD_LIMIT__ATTEMPTS": "1"}
    assert violations("", tmp_path, environment=environment) == [("limit", "unknown")]


def test_a_file_section_that_is_no_table_does_not_break_a_flag(tmp_path: Path) -> None:
    assert violations("limits = 1", tmp_path, flags={"limits.attempts": "2"}) == [("limits", "type")]


def test_every_setting_can_be_written_as_toml(tmp_path: Path) -> None:
    lines: list[str] = []
    for section in fields(Config):
        lines.append(f"[{section.name}]")
        value = getattr(Config(), section.name)
        for one in fields(value):
            given = getattr(value, one.name)
            shown = list(given) if isinstance(given, tuple) else given
            lines.append(f"{one.name} = {str(shown).lower() if isinstance(shown, bool) else repr(shown)}")
    path = tmp_path / "all.toml"
    path.write_text("\n".join(lines))
    assert load(str(path), {}) == Config()


def test_check_config_says_what_is_wrong_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "v.toml"
    path.write_text("[limits]\nattempts = 0")
    assert command.run(["check-config", "--config", str(path)]) == 2
    assert "limits.attempts: must be above 0" in capsys.readouterr().err
    assert command.run(["check-config", "--config", str(path), "--set", "limits.attempts=3"]) == 0


def test_what_is_taken_at_a_reload_is_a_setting_and_the_rest_stays() -> None:
    before = config.load(None, environment={}, flags={})
    other = _other(before)
    every = config.changed(before, other)
    assert every > config.RELOADED
    now = config.reloaded(before, other)
    assert config.changed(before, now) == config.RELOADED
    assert config.changed(now, other) == every - config.RELOADED


def _other(before: config.Config) -> config.Config:
    """Every setting with another value, whatever it means."""
    return config.Config(
        **{
            section.name: replace(
                getattr(before, section.name),
                **{one.name: object() for one in fields(getattr(before, section.name))},
            )
            for section in fields(before)
        }
    )
