"""One case, run by libcni and by us in the same directory one after the other, and what could be seen of it.

A recording plugin, installed under every type a case names, writes down its calls and answers from a script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmplumbd.cni import cache, confdir, config, convert, result, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker

GO = Path(__file__).parent / "go"
BUILD = Path(__file__).parents[3] / "build" / "libcni"

Step = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one runtime did: each plugin's call, each step's outcome, the cache files in the end."""

    calls: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    cache: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where we differ on purpose: why, and what must hold of ours."""

    reason: str
    ours: Callable[[Seen], bool]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Steps with the files they find and the answers that plugins give.

    Texts of `files` and steps may say {conf}, {cache}, {bin}. `vary` are the parts of error texts that no
    runtime promises, as regular expressions. `differs` is keyed by a field of Seen.
    """

    id: str
    steps: tuple[Step, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    plugins: tuple[str, ...] = ("alpha", "beta", "gamma")
    path: tuple[str, ...] = ("{bin}",)
    vary: tuple[str, ...] = ()
    differs: Mapping[str, Difference] = field(default_factory=dict)


Engine = Callable[["Home", list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Home:
    """The directory of one run."""

    directory: Path
    path: tuple[str, ...]

    @property
    def cache_dir(self) -> str:
        return str(self.directory / "cache")


def build() -> None:
    """Compile the driver, the recorder and cnitool into build/; quick when nothing changed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for package in ("./...", "github.com/containernetworking/cni/cnitool"):
        done = subprocess.run(
            ["go", "build", "-mod=readonly", "-o", f"{BUILD}/", package],
            cwd=GO,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def run(case: Case, engine: Engine, directory: Path) -> Seen:
    """Run the case from a clean directory."""
    shutil.rmtree(directory, ignore_errors=True)
    home = Home(directory=directory, path=tuple(_filled(each, directory) for each in case.path))
    (directory / "bin").mkdir(parents=True)
    (directory / "conf").mkdir()
    for name in case.plugins:
        os.link(BUILD / "recorder", directory / "bin" / name)
    (directory / "answers.json").write_text(json.dumps(case.answers))
    for name, text in case.files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    steps = [json.loads(_filled(json.dumps(step), directory)) for step in case.steps]
    outcomes = engine(home, steps)
    return Seen(calls=_calls(directory), outcomes=outcomes, cache=_cache(directory / "cache"))


def _filled(text: str, directory: Path) -> str:
    for name in ("conf", "cache", "bin"):
        text = text.replace(f"{{{name}}}", str(directory / name))
    return text


def _calls(directory: Path) -> list[dict[str, Any]]:
    log = directory / "calls.jsonl"
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for call in calls:
        call["stdin"] = json.loads(call["stdin"])
    return calls


def _cache(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        raw = file.read_text()
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
        if isinstance(body, dict) and isinstance(body.get("config"), str):
            body["config"] = json.loads(base64.b64decode(body["config"]))
        found[str(file.relative_to(directory))] = body
    return found


def by_libcni(home: Home, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the steps with the Go driver."""
    done = subprocess.run(
        [BUILD / "driver"],
        input=json.dumps({"path": home.path, "cache_dir": home.cache_dir, "steps": steps}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    return outcomes


# cnitool has no setting for its cache: it gets a /var/lib of its own, with ours bound where it looks.
_IN_ITS_OWN_VAR_LIB = """
set -e
mount -t tmpfs none /var/lib
mkdir -p /var/lib/cni "$CACHE"
mount --bind "$CACHE" /var/lib/cni
exec "$@"
"""
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")


def cnitool_refusal() -> str | None:
    """Why cnitool cannot be run here with a cache of its own; None if it can."""
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no mount namespace to be had: {tried.stderr.strip()}"


def cnitool_container_id(netns: str) -> str:
    """The ID that cnitool makes up for a namespace."""
    return f"cnitool-{hashlib.sha512(netns.encode()).hexdigest()[:20]}"


def by_cnitool(home: Home, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the steps, each by one call of cnitool."""
    outcomes = []
    cnitool = BUILD / "cnitool"
    for step in steps:
        done = subprocess.run(
            [*_UNSHARE, "sh", "-c", _IN_ITS_OWN_VAR_LIB, "sh", cnitool, step["verb"], "net", step["netns"]],
            env={
                "PATH": os.environ["PATH"],
                "CACHE": home.cache_dir,
                "NETCONFPATH": step["conf_dir"],
                "CNI_PATH": ":".join(home.path),
                "CNI_IFNAME": step["if_name"],
                "CNI_ARGS": ";".join(f"{key}={value}" for key, value in step["args"]),
                "CAP_ARGS": json.dumps(step["capability_args"]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        value = json.loads(done.stdout) if done.stdout and done.returncode == 0 else None
        error = done.stderr.removesuffix("\n") if done.returncode else None
        outcomes.append({"value": value, "error": error, "code": None})
    return outcomes


def by_us(home: Home, steps: list[dict[str, Any]], *, strict: bool = True) -> list[dict[str, Any]]:
    """Run the steps with vmplumbd.cni, DEL in libcni's way unless told otherwise."""
    outcomes: list[dict[str, Any]] = []
    for step in steps:
        told: dict[str, Any] = {"value": None, "error": None, "code": None}
        try:
            told["value"] = _step(home, step, strict=strict)
        except CniError as exc:
            told["error"], told["code"] = str(exc), exc.code
        outcomes.append(json.loads(json.dumps(told)))
    return outcomes


def by_us_whole_chain(home: Home, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the steps with vmplumbd.cni as it is by default."""
    return by_us(home, steps, strict=False)


def by_turns(*engines: Engine) -> Engine:
    """Give each step to the next engine in turn."""

    def mixed(home: Home, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        turns = [engines[index % len(engines)] for index in range(len(steps))]
        return [outcome for turn, step in zip(turns, steps, strict=True) for outcome in turn(home, [step])]

    return mixed


def _network(step: dict[str, Any]) -> config.NetworkConfigList:
    if "inline" in step:
        return config.parse_list(step["inline"].encode())
    if "file" in step:
        return confdir.load_file(step["file"])
    return confdir.load(step["conf_dir"], step["network"])


def _conf(step: dict[str, Any]) -> RuntimeConf:
    return RuntimeConf(
        container_id=step.get("container_id", ""),
        netns=step.get("netns", ""),
        if_name=step.get("if_name", ""),
        args=tuple((key, value) for key, value in step.get("args", [])),
        capability_args=step.get("capability_args", {}),
    )


def _step(home: Home, step: dict[str, Any], *, strict: bool) -> Any:
    kept = cache.Cache(home.cache_dir)
    invoker = ExecInvoker()
    deadline = time.monotonic() + step["seconds"] if "seconds" in step else None
    match step["verb"]:
        case "write":
            file = Path(step["file"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step["text"])
            return None
        case "convert":
            found = result.parse(step["text"])
            return result.to_object(convert.to_version(found, step["version"]))
        case "version":
            return invoker.versions(step["plugin"], home.path).supported
        case "attachments":
            return [
                {
                    "network": each.network,
                    "container_id": each.conf.container_id,
                    "if_name": each.conf.if_name,
                    "netns": each.conf.netns,
                    "args": each.conf.args,
                    "capability_args": each.conf.capability_args,
                    "config": each.config.decode(),
                }
                for each in kept.attachments(step.get("container_id", ""))
            ]
    network, conf = _network(step), _conf(step)
    match step["verb"]:
        case "load":
            return {
                "name": network.name,
                "cni_version": network.cni_version,
                "disable_check": network.disable_check,
                "disable_gc": network.disable_gc,
                "load_only_inlined_plugins": network.load_only_inlined_plugins,
                "plugins": [{"type": each.type, "conf": each.conf} for each in network.plugins],
            }
        case "add":
            added = runtime.add(network, conf, invoker=invoker, path=home.path, cache=kept, deadline=deadline)
            return result.to_object(added.result)
        case "del":
            runtime.del_(
                network,
                conf,
                invoker=invoker,
                path=home.path,
                cache=kept,
                deadline=deadline,
                strict=strict,
            )
        case "check":
            runtime.check(network, conf, invoker=invoker, path=home.path, cache=kept, deadline=deadline)
        case "gc":
            given = step.get("valid")
            valid = None
            if given is not None:
                valid = [
                    runtime.Attachment(container_id=each["containerID"], if_name=each["ifname"])
                    for each in given
                ]
            runtime.gc(network, valid, invoker=invoker, path=home.path, cache=kept, strict=strict)
        case "status":
            runtime.status(network, invoker=invoker, path=home.path)
        case "validate":
            return sorted(runtime.validate(network, invoker=invoker, path=home.path))
        case "cached_result":
            previous = kept.read(network.name, conf, cni_version=network.cni_version)
            return None if previous is None else result.to_object(previous)
        case "cached_config":
            record = kept.read_config(network.name, conf)
            if record is None:
                return None
            return {
                "config": record.config.decode(),
                "args": record.conf.args,
                "capability_args": record.conf.capability_args,
            }
        case verb:
            raise AssertionError(f"no such verb: {verb}")
    return None
