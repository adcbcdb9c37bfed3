"""Manifests for other people's orchestrators, held against their schemas; nothing is run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
OLDEST, NEWEST = "1.30", "1.37"
UNIT = DEPLOY / "systemd/vmplumbd.service"


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes/vmplumbd.yaml").read_text()))


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [one for one in documents() if one["kind"] == kind]
    return found


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", documents(), ids=lambda one: one["kind"])
def test_every_document_is_what_kubernetes_takes(document: Mapping[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_refuse_what_kubernetes_does_not_know() -> None:
    wrong = of_kind("DaemonSet")
    wrong["spec"]["template"]["spec"]["hostNetwrok"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_every_mount_has_its_volume_and_namespaces_are_seen_both_ways() -> None:
    pod = of_kind("DaemonSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert mounts["netns"]["mountPropagation"] == "Bidirectional"
    assert container["securityContext"]["privileged"] is True  # Kubernetes refuses Bidirectional without
    assert pod["hostNetwork"] is True
    for name, volume in volumes.items():
        if "hostPath" in volume:  # the agent tells paths, which VMMs outside must find
            assert volume["hostPath"]["path"] == mounts[name]["mountPath"]
    assert f"TimeoutStopSec={pod['terminationGracePeriodSeconds']}s" in UNIT.read_text()


def test_the_configuration_in_the_manifest_is_a_good_one(tmp_path: Path) -> None:
    file = tmp_path / "vmplumbd.toml"
    file.write_text(of_kind("ConfigMap")["data"]["vmplumbd.toml"])
    done = subprocess.run(
        [sys.executable, "-m", "vmplumbd", "check-config", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Of the job specification as Nomad's API documents it, what the job uses; durations are nanoseconds.
STRINGS = {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "integer", "minimum": 1_000_000}


def thing(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object without other properties than these."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


CHECK = thing(
    "Name Type Command Interval Timeout",
    Name={"type": "string"},
    Type={"enum": ["http", "tcp", "script", "grpc"]},
    Command={"type": "string"},
    Args=STRINGS,
    Interval=DURATION,
    Timeout=DURATION,
)
SERVICE = thing(
    "Name Provider",
    Name={"type": "string"},
    Provider={"enum": ["consul", "nomad"]},
    Checks={"type": "array", "items": CHECK},
)
TASK = thing(
    "Name Driver Config",
    Name={"type": "string"},
    Driver={"enum": ["raw_exec", "exec", "docker", "podman", "java", "qemu"]},
    Config=thing("command", command={"type": "string"}, args=STRINGS),
    KillSignal={"enum": ["SIGTERM", "SIGINT"]},
    KillTimeout=DURATION,
    Resources=thing(CPU={"type": "integer", "minimum": 1}, MemoryMB={"type": "integer", "minimum": 10}),
    LogConfig=thing(MaxFiles={"type": "integer"}, MaxFileSizeMB={"type": "integer"}),
    Services={"type": "array", "items": SERVICE},
)
GROUP = thing(
    "Name Tasks",
    Name={"type": "string"},
    RestartPolicy=thing(
        "Attempts Interval Delay Mode",
        Attempts={"type": "integer"},
        Interval=DURATION,
        Delay=DURATION,
        Mode={"enum": ["delay", "fail"]},
    ),
    Tasks={"type": "array", "items": TASK, "minItems": 1},
)
CONSTRAINT = thing(
    "LTarget RTarget Operand",
    LTarget={"type": "string", "pattern": r"^\$\{(attr|meta|node)\.[a-z._]+\}$"},
    RTarget={"type": "string"},
    Operand={"enum": ["=", "!=", ">", ">=", "<", "<=", "regexp", "version", "semver", "is_set"]},
)
NOMAD = thing(
    "Job",
    Job=thing(
        "ID Name Type Datacenters TaskGroups",
        ID={"type": "string"},
        Name={"type": "string"},
        Type={"enum": ["service", "batch", "system", "sysbatch"]},
        Datacenters=STRINGS,
        Priority={"type": "integer", "minimum": 1, "maximum": 100},
        Constraints={"type": "array", "items": CONSTRAINT},
        Update=thing(MaxParallel={"type": "integer"}, Stagger=DURATION),
        TaskGroups={"type": "array", "items": GROUP, "minItems": 1},
    ),
)


def test_the_nomad_job_is_one_agent_a_host() -> None:
    job = json.loads((DEPLOY / "nomad/vmplumbd.json").read_text())
    jsonschema.validate(job, NOMAD)
    assert job["Job"]["Type"] == "system"
    (group,) = job["Job"]["TaskGroups"]
    (task,) = group["Tasks"]
    # A driver with a file system of its own would hide the namespaces that the agent names.
    assert task["Driver"] == "raw_exec"
    assert f"TimeoutStopSec={task['KillTimeout'] // 1_000_000_000}s" in UNIT.read_text()
    job["Job"]["TaskGroups"][0]["Tasks"][0]["Kilsignal"] = "SIGTERM"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, NOMAD)


def read_by_nomad(job: str, program: Path) -> subprocess.CompletedProcess[str]:
    """What Nomad's own types of a job, those of `nomad job run -json`, make of it."""
    if not program.exists():
        subprocess.run(
            ["go", "build", "-mod=readonly", "-o", str(program), "."],
            cwd=Path(__file__).parent / "nomad", check=True, timeout=280,
        )  # fmt: skip
    return subprocess.run([str(program)], input=job, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parity
def test_nomads_own_types_know_all_of_the_job(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("no go: Nomad's types cannot be built")
    job = (DEPLOY / "nomad/vmplumbd.json").read_text()
    done = read_by_nomad(job, tmp_path / "nomad")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "vmplumbd system agent vmplumbd raw_exec 1m0s 1\n"
    for was, is_ in (("KillTimeout", "KillTimeuot"), ("MaxParallel", "Maxparalel"), ('"Type"', '"Kind"')):
        assert is_.strip('"') in read_by_nomad(job.replace(was, is_), tmp_path / "nomad").stderr
    wrong_kind = read_by_nomad(job.replace('"Priority": 90', '"Priority": "90"'), tmp_path / "nomad")
    assert "Priority" in wrong_kind.stderr
