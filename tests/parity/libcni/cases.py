"""The table of the differential test. A row is one case; where we differ on purpose it says why."""

from __future__ import annotations

import json
from typing import Any

from tests.parity.libcni.rig import Case, Difference, Seen

CONFLIST = "conf/10-net.conflist"
LOST_JSON = (r"(?<=error parsing configuration list: ).*",)


def conflist(
    *plugins: dict[str, Any] | str, version: str | None = "1.0.0", name: str = "net", **more: Any
) -> str:
    """A list of plugins; a bare word is a plugin of that type."""
    body: dict[str, Any] = {"name": name}
    if version is not None:
        body["cniVersion"] = version
    body |= more
    if plugins:
        body["plugins"] = [{"type": each} if isinstance(each, str) else each for each in plugins]
    return json.dumps(body)


def attach(verb: str, text: str, **more: Any) -> dict[str, Any]:
    """A verb on the usual attachment of the network that the text says."""
    usual = {"container_id": "c1", "netns": "/run/netns/c1", "if_name": "eth0"}
    return {"verb": verb, "inline": text, **usual, **more}


def life(text: str, **more: Any) -> tuple[dict[str, Any], ...]:
    """ADD, CHECK, DEL."""
    return tuple(attach(verb, text, **more) for verb in ("add", "check", "del"))


def load(text: str) -> tuple[dict[str, Any], ...]:
    """Load only, from bytes."""
    return ({"verb": "load", "inline": text},)


def by_name(verb: str = "load", network: str = "net") -> dict[str, Any]:
    """A network looked up in the directory."""
    usual = {"container_id": "c1", "netns": "/run/netns/c1", "if_name": "eth0"}
    return {"verb": verb, "conf_dir": "{conf}", "network": network, **usual}


def by_file(verb: str = "load") -> dict[str, Any]:
    """The network of a file."""
    return {"verb": verb, "file": "{conf}/10-net.conflist"}


def failing(command: str, **answer: Any) -> dict[str, dict[str, Any]]:
    """Answers of one plugin that fails one command."""
    return {command: {"exit": 1} | answer}


def said(code: int, msg: str, details: str = "") -> str:
    """An error object."""
    return json.dumps({"code": code, "msg": msg, "details": details})


def plugins_called(seen: Seen) -> list[str]:
    """Who was called for what, in order."""
    return [f"{call['env']['CNI_COMMAND']} {call['plugin']}" for call in seen.calls]


ONE = conflist("alpha")
CHAIN = conflist("alpha", "beta", "gamma")
CHAIN_11 = conflist("alpha", "beta", "gamma", version="1.1.0")

RESULT_11 = json.dumps(
    {
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "veth0", "mac": "02:00:00:00:00:01", "mtu": 1400},
            {"name": "eth0", "sandbox": "/run/netns/c1", "socketPath": "/s", "pciID": "0000:00:1f.6"},
        ],
        "ips": [
            {"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 1},
            {"address": "fd00::2/64", "gateway": "fd00::1", "interface": 1},
            {"address": "10.1.2.4/24"},
        ],
        "routes": [
            {"dst": "0.0.0.0/0", "gw": "10.1.2.1", "mtu": 1300, "advmss": 1260, "priority": 5},
            {"dst": "fd00:1::/48", "table": 100, "scope": 0},
        ],
        "dns": {"nameservers": ["10.1.2.1"], "domain": "a.test", "search": ["b.test"], "options": ["x"]},
        "unknown": {"kept": False},
    }
)
RESULT_04 = json.dumps(
    {
        "cniVersion": "0.4.0",
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "mtu": 1400, "sandbox": "/n"}],
        "ips": [
            {"version": "6", "address": "fd00::2/64", "interface": 0},
            {"version": "4", "address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0},
        ],
        "routes": [{"dst": "0.0.0.0/0", "mtu": 9000}],
    }
)
RESULT_02 = json.dumps(
    {
        "cniVersion": "0.2.0",
        "ip4": {
            "ip": "10.1.2.3/24",
            "gateway": "10.1.2.1",
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.5.0.0/16", "gw": "10.1.2.9"}],
        },
        "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
        "dns": {"nameservers": ["10.1.2.1"]},
    }
)


def _versions() -> list[Case]:
    return (
        [
            Case(
                id=f"a-life-at-{'no-version' if version is None else version or 'an-empty-version'}",
                steps=life(conflist("alpha", "beta", version=version)),
            )
            for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "", None)
        ]
        + [
            Case(id=f"versions-{name}", steps=load(conflist("alpha", version=version, cniVersions=offered)))
            for name, version, offered in (
                ("greatest-of-three", None, ["1.1.0", "0.4.0", "1.0.0"]),
                ("future-is-left-out", None, ["1.1.0", "99.0.0", "0.4.0"]),
                ("cniVersion-is-a-candidate", "1.0.0", ["0.1.0", "0.4.0"]),
                ("future-cniVersion-is-not", "1.2.3", ["0.4.0"]),
                ("only-future-stays", "1.2.3", ["1.3.0"]),
                ("none-offered", "1.2.3", []),
                ("none-at-all", None, []),
                ("short-ones", None, ["1", "0.4", "1.0.0"]),
                ("element-no-string", "1.0.0", ["1.0.0", 7]),
                ("too-many-parts", "1.0.0", ["1.0.0.1"]),
                ("list-no-list", "1.0.0", "1.0.0"),
            )
        ]
        + [
            Case(
                id="versions-unreadable-entry",
                steps=load(conflist("alpha", version=None, cniVersions=["1.0.0", "1.0.f"])),
                vary=(r'(?<=part "f": ).*',),
            ),
            Case(
                id="versions-unreadable-cniVersion",
                steps=load(conflist("alpha", version="x", cniVersions=["1.0.0"])),
                vary=(r'(?<=part "x": ).*',),
            ),
            Case(id="a-life-at-a-version-of-the-future", steps=life(conflist("alpha", version="1.2.3"))),
            Case(
                id="a-version-that-is-none",
                steps=life(conflist("alpha", version="one")),
                vary=(r'(?<=part "one": ).*',),
            ),
        ]
    )


def _loading() -> list[Case]:
    bad = "{"
    return [
        Case(id="list-without-name", steps=load('{"plugins":[{"type":"alpha"}]}')),
        Case(id="list-name-no-string", steps=load('{"name":7,"plugins":[{"type":"alpha"}]}')),
        Case(id="list-version-no-string", steps=load('{"name":"net","cniVersion":1}')),
        Case(id="list-without-plugins", steps=load(conflist())),
        Case(id="list-plugins-empty", steps=load('{"name":"net","plugins":[]}')),
        Case(id="list-plugins-no-list", steps=load('{"name":"net","plugins":{}}')),
        Case(id="list-no-json", steps=load(bad), vary=LOST_JSON),
        Case(id="list-no-object", steps=load("[1]"), vary=LOST_JSON),
        Case(id="list-null", steps=load("null")),
        Case(id="list-keys-are-exact", steps=load('{"Name":"net","plugins":[{"type":"alpha"}]}')),
        Case(id="list-last-of-equal-keys", steps=load('{"name":"a","name":"net","plugins":[{"type":"x"}]}')),
        Case(id="plugin-keys-are-not", steps=load('{"name":"net","plugins":[{"Type":"alpha","x":{"B":1}}]}')),
        Case(id="plugin-without-type", steps=load('{"name":"net","plugins":[{"type":"a"},{"typ":"b"}]}')),
        Case(id="plugin-null", steps=load('{"name":"net","plugins":[null]}')),
        Case(
            id="plugin-no-object",
            steps=load('{"name":"net","plugins":["alpha"]}'),
            vary=(r"(?<=error parsing configuration: ).*",),
        ),
        Case(
            id="plugin-capabilities-no-booleans",
            steps=load('{"name":"net","plugins":[{"type":"alpha","capabilities":{"a":"yes"}}]}'),
            vary=(r"(?<=error parsing configuration: ).*",),
        ),
        Case(
            id="numbers-whole-and-broken",
            steps=(
                attach(
                    "add",
                    '{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"alpha","a":1500.0,"b":15e2}]}',
                ),
                attach(
                    "add",
                    '{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"alpha","a":0.1,"b":-2.5e-3}]}',
                ),
            ),
        ),
        Case(
            id="numbers-above-two-to-the-53",
            steps=(attach("add", conflist({"type": "alpha", "id": 2**60 + 1})),),
            differs={
                "calls": Difference(
                    reason="libcni sends numbers through a float64 and rounds them",
                    ours=lambda seen: seen.calls[0]["stdin"]["id"] == 2**60 + 1,
                )
            },
        ),
        *(
            Case(id=f"switch-{key}-{name}", steps=load(json.dumps(json.loads(ONE) | {key: value})))
            for key in ("disableCheck", "disableGC")
            for name, value in (("true", "True"), ("false", "FALSE"), ("junk", "maybe"), ("number", 1))
        ),
        Case(id="directory-not-there", steps=({"verb": "load", "conf_dir": "{conf}/no", "network": "net"},)),
        Case(id="directory-empty", steps=(by_name(),)),
        Case(
            id="directory-order-of-names",
            files={
                "conf/20-b.conflist": conflist("beta"),
                "conf/10-a.conflist": conflist("alpha"),
                "conf/05.d/x.conflist": conflist("gamma"),
                "conf/00-c.conflist.bak": "{",
            },
            steps=(by_name(),),
        ),
        Case(
            id="directory-another-network-only",
            files={CONFLIST: conflist("alpha", name="other")},
            steps=(by_name(),),
        ),
        Case(
            id="directory-an-earlier-file-is-broken",
            files={"conf/00.conflist": bad, CONFLIST: ONE},
            steps=(by_name(),),
            vary=LOST_JSON,
        ),
        Case(
            id="directory-a-later-file-is-broken",
            files={"conf/99.conflist": bad, CONFLIST: ONE},
            steps=(by_name(),),
        ),
        Case(
            id="directory-single-conf",
            files={
                "conf/10.conf": json.dumps({"name": "x", "type": "beta"}),
                "conf/20.json": json.dumps(
                    {"name": "net", "cniVersion": "0.4.0", "type": "alpha", "mtu": 1400}
                ),
            },
            steps=(by_name(), by_name("add"), by_name("del")),
        ),
        Case(
            id="directory-single-conf-is-broken",
            files={"conf/10.conf": bad},
            steps=(by_name(),),
            vary=(r"(?<=error parsing configuration: ).*",),
        ),
        Case(
            id="directory-single-conf-without-type",
            files={"conf/10.conf": json.dumps({"name": "net"})},
            steps=(by_name(),),
        ),
        Case(
            id="directory-lists-win-over-singles",
            files={"conf/00.conf": json.dumps({"name": "net", "type": "beta"}), CONFLIST: ONE},
            steps=(by_name(),),
        ),
    ]


def _inlined() -> list[Case]:
    more = {
        "conf/net/10.conf": json.dumps({"type": "beta", "n": 1}),
        "conf/net/05.conf": json.dumps({"type": "gamma", "n": 2}),
        "conf/net/07.json": json.dumps({"type": "gamma"}),
    }
    return [
        Case(
            id="plugins-beside-the-list",
            files={CONFLIST: conflist("alpha"), **more},
            steps=(by_file(), by_name("add"), by_name("del")),
        ),
        Case(
            id="plugins-beside-the-list-unwanted",
            files={CONFLIST: conflist("alpha", loadOnlyInlinedPlugins=True), **more},
            steps=(by_file(),),
        ),
        Case(id="plugins-only-beside-the-list", files={CONFLIST: conflist(), **more}, steps=(by_file(),)),
        Case(id="plugins-nowhere", files={CONFLIST: conflist()}, steps=(by_file(),)),
        Case(id="plugins-inlined-only-and-none", steps=load(conflist(loadOnlyInlinedPlugins=True))),
        Case(id="plugins-inlined-only-by-text", steps=load(conflist("alpha", loadOnlyInlinedPlugins="true"))),
        Case(id="plugins-inlined-only-junk", steps=load(conflist("alpha", loadOnlyInlinedPlugins="ja"))),
        Case(
            id="plugins-beside-the-list-broken",
            files={CONFLIST: ONE, "conf/net/10.conf": json.dumps({"no": "type"})},
            steps=(by_file(),),
        ),
        Case(
            id="list-file-not-there",
            steps=({"verb": "load", "file": "{conf}/no.conflist"},),
            vary=(r"(?<=no\.conflist: ).*",),
        ),
        Case(
            id="plugins-of-a-network-that-leaves-the-directory",
            files={
                "conf/d/10-net.conflist": conflist("alpha", name="../away"),
                "conf/away/10.conf": json.dumps({"type": "beta"}),
            },
            steps=({"verb": "load", "file": "{conf}/d/10-net.conflist"},),
            differs={
                "outcomes": Difference(
                    reason="a name with a separator is no network, so no directory is its own",
                    ours=lambda seen: [p["type"] for p in seen.outcomes[0]["value"]["plugins"]] == ["alpha"],
                )
            },
        ),
    ]


def _requests() -> list[Case]:
    wants = {"type": "alpha", "capabilities": {"mac": True, "ips": True, "portMappings": False, "x": None}}
    given = {"mac": "02:00:00:00:00:09", "portMappings": [{"hostPort": 80}], "other": 1}
    return [
        Case(id="chain-of-three", steps=life(CHAIN)),
        Case(
            id="arguments", steps=life(CHAIN, args=[["IgnoreUnknown", "1"], ["K8S_POD", "a=b c"], ["E", ""]])
        ),
        Case(id="capabilities", steps=life(conflist(wants, "beta"), capability_args=given)),
        Case(
            id="capabilities-replace-what-was-written",
            steps=life(
                conflist(
                    wants | {"runtimeConfig": {"mac": "x", "y": 1}},
                    {"type": "beta", "runtimeConfig": {"z": 1}},
                ),
                capability_args=given,
            ),
        ),
        Case(id="capabilities-without-arguments", steps=life(conflist(wants))),
        Case(
            id="name-and-version-of-a-plugin-are-replaced",
            steps=life(
                conflist(
                    {"type": "alpha", "name": "own", "cniVersion": "0.3.0", "Name": "x", "args": {"a": 1}}
                )
            ),
        ),
        Case(
            id="prevResult-of-the-configuration",
            steps=life(conflist({"type": "alpha", "prevResult": {"cniVersion": "1.0.0", "z": 1}}, "beta")),
        ),
        Case(
            id="signs-and-letters",
            steps=life(conflist({"type": "alpha", "text": '<&> \u2028 ü \U0001f600 \\ " \u0001'})),
        ),
        Case(
            id="prevResult-loses-what-no-version-knows",
            answers={"alpha": {"ADD": {"stdout": RESULT_11}}},
            steps=life(conflist("alpha", "beta", version="1.1.0")),
        ),
        Case(
            id="prevResult-keeps-its-own-version-in-the-chain",
            answers={"alpha": {"ADD": {"stdout": RESULT_04}}},
            steps=life(conflist("alpha", "beta", version="1.0.0")),
        ),
        Case(
            id="prevResult-is-converted-for-del",
            answers={"beta": {"ADD": {"stdout": RESULT_11}}},
            steps=life(conflist("alpha", "beta", version="0.4.0")),
        ),
        Case(
            id="result-without-a-version",
            answers={"alpha": {"ADD": {"stdout": '{"ips":[{"address":"10.0.0.2/8"}]}'}}},
            steps=life(conflist("alpha", "beta")),
        ),
        Case(
            id="result-null",
            answers={"alpha": {"ADD": {"stdout": "null"}}},
            steps=life(conflist("alpha", "beta")),
        ),
        Case(
            id="result-of-an-unknown-version",
            answers={"beta": {"ADD": {"stdout": '{"cniVersion":"7.0.0"}'}}},
            steps=life(CHAIN),
        ),
        Case(
            id="result-no-json",
            answers={"beta": {"ADD": {"stdout": '{"cniVersion":"1.0'}}},
            steps=(attach("add", CHAIN),),
            vary=(r"(?<=failed to unmarshal raw result: ).*",),
        ),
        Case(
            id="result-empty",
            answers={"beta": {"ADD": {"stdout": ""}}},
            steps=(attach("add", CHAIN),),
            vary=(r"(?<=failed to unmarshal raw result: ).*",),
        ),
        Case(
            id="result-with-host-bits-and-odd-keys",
            answers={
                "alpha": {
                    "ADD": {
                        "stdout": '{"CNIVersion":"1.0.0","cniVersion":"1.0.0",'
                        '"IPs":[{"Address":"10.1.2.3/8"}],'
                        '"routes":[{"dst":"10.7.7.7/16","gw":"::ffff:10.1.2.1"}],"dns":{}}'
                    }
                }
            },
            steps=life(conflist("alpha", "beta")),
        ),
        Case(
            id="a-semicolon-in-an-argument",
            steps=(attach("add", ONE, args=[["A", "1;B=2"]]),),
            differs={
                "calls": Difference(
                    reason="CNI_ARGS cannot say it: the plugin would see a second argument",
                    ours=lambda seen: seen.calls == [],
                ),
                "outcomes": Difference(
                    reason="refused before any plugin", ours=lambda seen: seen.outcomes[0]["code"] == 4
                ),
                "cache": Difference(reason="no ADD, no file", ours=lambda seen: seen.cache == {}),
            },
        ),
    ]


def _failures() -> list[Case]:
    banana = said(101, "plugin error: banana", "ripe")
    cases = [
        Case(
            id=f"{command.lower()}-fails-at-{plugin}",
            answers={plugin: failing(command, stdout=banana, stderr="noise")},
            steps=life(CHAIN),
        )
        for command in ("ADD", "CHECK", "DEL")
        for plugin in ("alpha", "beta", "gamma")
    ]
    cases += [
        Case(id=f"plugin-not-there-{verb}", steps=(attach(verb, conflist("alpha", "delta")),))
        for verb in ("add", "check", "del")
    ]
    cases += [
        Case(
            id="failure-of-a-named-plugin",
            answers={"beta": failing("ADD", stdout=banana)},
            steps=(attach("add", conflist("alpha", {"type": "beta", "name": "own"})),),
        ),
        Case(id="failure-silent", answers={"beta": failing("ADD", exit=3)}, steps=(attach("add", CHAIN),)),
        Case(
            id="failure-on-stderr",
            answers={"beta": failing("ADD", stderr="boom\n")},
            steps=(attach("add", CHAIN),),
            vary=(r'(?<=netplugin failed: "boom\\n").*',),
        ),
        Case(
            id="failure-no-json",
            answers={"beta": failing("ADD", stdout="panic: x\n")},
            steps=(attach("add", CHAIN),),
            vary=(r'(?<=diagnostic message "panic: x\\n": ).*',),
        ),
        Case(
            id="failure-with-code-11",
            answers={"beta": failing("ADD", stdout=said(11, "later", "pool empty"))},
            steps=(attach("add", CHAIN),),
        ),
        Case(
            id="failure-by-signal",
            answers={"beta": failing("ADD", signal=15)},
            steps=(attach("add", CHAIN),),
        ),
        Case(
            id="failure-with-a-foreign-object",
            answers={"beta": failing("ADD", stdout='{"foo":1}')},
            steps=(attach("add", CHAIN),),
            differs={
                "outcomes": Difference(
                    reason="libcni's error has no text at all; ours says how the plugin ended",
                    ours=lambda seen: seen.outcomes[0]["error"].endswith("no error message: exit status 1"),
                )
            },
        ),
        Case(id="path-empty", path=(), steps=(attach("add", ONE),)),
        Case(id="path-of-two", path=("{bin}/none", "{bin}"), steps=life(CHAIN)),
        Case(id="path-of-two-in-vain", path=("/none", "{bin}"), steps=(attach("add", conflist("delta")),)),
        Case(id="type-with-a-separator", steps=(attach("add", conflist("../bin/alpha")),)),
        Case(
            id="cache-directory-unusable",
            files={"cache": "a file"},
            steps=(attach("add", ONE),),
            vary=(r"(?<=cached result: ).*",),
        ),
        Case(
            id="del-of-a-whole-chain-with-a-stubborn-plugin",
            answers={"beta": failing("DEL", stdout=banana)},
            steps=(attach("add", CHAIN), attach("del", CHAIN)),
        ),
    ]
    for name, changed in (
        ("container-id-bad", {"container_id": "some-%%container-id"}),
        ("container-id-empty", {"container_id": ""}),
        ("if-name-empty", {"if_name": ""}),
        ("if-name-too-long", {"if_name": "1234567890123456"}),
        ("if-name-dot", {"if_name": "."}),
        ("if-name-dots", {"if_name": ".."}),
        ("if-name-slash", {"if_name": "a/b"}),
        ("if-name-colon", {"if_name": "a:b"}),
        ("if-name-space", {"if_name": "a b"}),
        ("if-name-unicode-space", {"if_name": "a\u2003b"}),
    ):
        cases.append(Case(id=name, steps=(attach("add", ONE, **changed),)))
    cases += [
        Case(id="network-name-bad", steps=(attach("add", conflist("alpha", name="a name")),)),
        Case(id="network-name-empty", steps=(attach("add", conflist("alpha", name="")),)),
        Case(
            id="names-before-plugins",
            steps=(attach("add", conflist("delta"), container_id="%"),),
            differs={
                "outcomes": Difference(
                    reason="names are checked once, before any plugin is sought",
                    ours=lambda seen: "invalid characters in containerID" in seen.outcomes[0]["error"],
                )
            },
        ),
    ]
    return cases


def _cached() -> list[Case]:
    record = {
        "kind": "cniCacheV1",
        "containerId": "c1",
        "config": "e30=",
        "ifName": "eth0",
        "networkName": "net",
        "result": json.loads(RESULT_04),
    }
    file = "cache/results/net-c1-eth0"
    read = (
        attach("cached_result", ONE),
        attach("cached_config", ONE),
        attach("check", ONE),
        attach("del", ONE),
    )
    return [
        Case(id="cache-nothing-there", steps=read),
        Case(id="cache-of-another-version", files={file: json.dumps(record)}, steps=read),
        Case(id="cache-without-result", files={file: json.dumps(record | {"result": None})}, steps=read[1:2]),
        Case(id="cache-legacy-bare-result", files={file: RESULT_04}, steps=(read[0], read[2], read[3])),
        Case(
            id="cache-zero-bytes",
            files={file: ""},
            steps=(read[0], read[2], read[3]),
            vary=(r"(decoding version from network config|failed to unmarshal raw result): .*",),
        ),
        Case(
            id="cache-half-a-file",
            files={file: json.dumps(record)[:40]},
            steps=(read[1], read[3]),
            vary=(r'(?<=cached network "net" config: ).*',),
        ),
        Case(id="cache-of-another-kind", files={file: json.dumps(record | {"kind": "v2"})}, steps=(read[1],)),
        Case(
            id="cache-result-with-no-address-for-0.2",
            files={file: json.dumps(record | {"result": {"cniVersion": "1.0.0"}})},
            steps=(attach("cached_result", conflist("alpha", version="0.2.0")),),
        ),
        Case(
            id="cache-a-file-for-each-interface",
            steps=(
                attach("add", ONE),
                attach("add", ONE, if_name="eth1", args=[["a", "b"]], capability_args={"x": [1]}),
                attach("add", conflist("alpha", name="net2"), container_id="c2", netns=""),
                {"verb": "attachments"},
                {"verb": "attachments", "container_id": "c1"},
                {"verb": "attachments", "container_id": "c2"},
                {"verb": "attachments", "container_id": "c"},
                attach("cached_config", ONE, if_name="eth1", args=[["z", "z"]], capability_args={"y": 1}),
                attach("cached_config", ONE, args=[["z", "z"]], capability_args={"y": 1}),
                attach("del", ONE, if_name="eth1"),
                {"verb": "attachments"},
            ),
        ),
        Case(
            id="cache-foreign-files-in-the-list",
            files={
                file: json.dumps(record),
                "cache/results/a": "no json",
                "cache/results/b": "{}",
                "cache/results/c": json.dumps(record | {"ifName": ""}),
                "cache/results/d": json.dumps(record | {"networkName": ""}),
                "cache/results/e": json.dumps(record | {"kind": "v0"}),
                "cache/results/f/g": json.dumps(record),
                "cache/results/-c1-eth0": json.dumps(record),
                "cache/results/net-c1-": json.dumps(record),
                "cache/results/net-c10-eth0": json.dumps(record),
            },
            steps=({"verb": "attachments"}, {"verb": "attachments", "container_id": "c1"}),
        ),
        Case(
            id="cache-parts-missing",
            steps=(attach("cached_config", ONE, if_name=""), attach("del", ONE, container_id="")),
        ),
        Case(
            id="cache-one-name-for-two",
            steps=(
                attach("add", conflist("alpha", name="a-b"), container_id="c"),
                attach("add", conflist("alpha", name="a"), container_id="b-c"),
                {"verb": "attachments"},
            ),
            differs={
                "outcomes": Difference(
                    reason="libcni overwrites the first attachment's record; ours refuses and keeps it",
                    ours=lambda seen: (
                        "belongs to another attachment" in seen.outcomes[1]["error"]
                        and seen.outcomes[2]["value"][0]["network"] == "a-b"
                    ),
                ),
                "cache": Difference(
                    reason="the first one's record stays",
                    ours=lambda seen: [body["networkName"] for body in seen.cache.values()] == ["a-b"],
                ),
            },
        ),
        Case(
            id="cache-a-way-out",
            files={"cache/away-eth0": "precious"},
            steps=(attach("del", ONE, container_id="/../../away"),),
            differs={
                "cache": Difference(
                    reason="libcni removes what the name leads to; a name with a separator has no file here",
                    ours=lambda seen: seen.cache == {"away-eth0": "precious"},
                )
            },
        ),
    ]


def _gc_and_status() -> list[Case]:
    def two(text: str) -> tuple[dict[str, Any], ...]:
        return attach("add", text), attach("add", text, container_id="c2", args=[["a", "b"]])

    def gc(text: str, *kept: str) -> dict[str, Any]:
        return {
            "verb": "gc",
            "inline": text,
            "valid": [{"containerID": each, "ifname": "eth0"} for each in kept],
        }

    one_11 = conflist("alpha", version="1.1.0")
    return [
        Case(id="gc-all-valid", steps=(*two(CHAIN_11), gc(CHAIN_11, "c1", "c2"))),
        Case(id="gc-one-stale", steps=(*two(CHAIN_11), gc(CHAIN_11, "c1"))),
        Case(id="gc-none-valid", steps=(*two(CHAIN_11), gc(CHAIN_11))),
        Case(id="gc-without-a-list", steps=(*two(CHAIN_11), {"verb": "gc", "inline": CHAIN_11})),
        Case(id="gc-an-older-version", steps=(*two(CHAIN), gc(CHAIN, "c2"))),
        Case(id="gc-disabled", steps=(*two(one_11), gc(conflist("alpha", version="1.1.0", disableGC=True)))),
        Case(
            id="gc-another-network-stays",
            steps=(*two(one_11), attach("add", conflist("alpha", name="other")), gc(one_11)),
        ),
        Case(
            id="gc-another-interface-is-stale",
            steps=(attach("add", one_11, if_name="eth7"), gc(one_11, "c1")),
        ),
        Case(id="gc-nothing-on-record", steps=(gc(one_11, "c9"),)),
        Case(
            id="gc-failures-are-collected",
            answers={
                "alpha": failing("DEL", stdout=said(999, "no")) | failing("GC", stdout=said(7, "bad", "x")),
                "gamma": failing("GC", exit=2),
            },
            steps=(*two(CHAIN_11), gc(CHAIN_11, "c2")),
        ),
        Case(id="gc-plugin-not-there", steps=(gc(conflist("delta", "alpha", version="1.1.0")),)),
        Case(id="status-good", steps=({"verb": "status", "inline": CHAIN_11},)),
        Case(
            id="status-an-older-version",
            answers={"alpha": failing("STATUS")},
            steps=({"verb": "status", "inline": CHAIN},),
        ),
        *(
            Case(
                id=f"status-{code}-at-{plugin}",
                answers={plugin: failing("STATUS", stdout=said(code, "not now"))},
                steps=({"verb": "status", "inline": CHAIN_11},),
            )
            for code, plugin in ((50, "alpha"), (50, "beta"), (51, "gamma"))
        ),
        Case(id="check-disabled", steps=life(conflist("alpha", disableCheck=True))),
        Case(
            id="validate",
            steps=(
                {
                    "verb": "validate",
                    "inline": conflist({"type": "alpha", "capabilities": {"b": True, "a": False}}),
                },
            ),
        ),
        Case(
            id="validate-version", steps=({"verb": "validate", "inline": conflist("alpha", version="0.2.0")},)
        ),
        Case(
            id="validate-no-version", steps=({"verb": "validate", "inline": conflist("alpha", version=None)},)
        ),
        Case(
            id="validate-several",
            steps=({"verb": "validate", "inline": conflist("delta", "alpha", version="9")},),
        ),
    ]


def _version_replies() -> list[Case]:
    def asked(**answer: Any) -> dict[str, Any]:
        return {
            "steps": ({"verb": "version", "plugin": "alpha"},),
            "answers": {"alpha": {"VERSION": answer}},
        }

    return [
        Case(id="version", steps=({"verb": "version", "plugin": "alpha"},)),
        Case(id="version-unknown-command", **asked(stdout=said(4, "unknown CNI_COMMAND: VERSION"), exit=1)),
        Case(id="version-other-failure", **asked(stdout=said(4, "no"), exit=1)),
        Case(id="version-of-0.2", **asked(stdout='{"cniVersion":"0.2.0"}')),
        Case(id="version-without-list", **asked(stdout='{"cniVersion":"0.4.0"}')),
        Case(id="version-without-version", **asked(stdout='{"supportedVersions":["1.0.0"]}')),
        Case(id="version-no-json", **asked(stdout="x"), vary=(r"(?<=decoding version info: ).*",)),
    ]


def _conversions() -> list[Case]:
    targets = ("", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "2.0.0")
    sources = {"1.1": RESULT_11, "0.4": RESULT_04, "0.2": RESULT_02, "none": '{"cniVersion":"1.0.0"}'}
    return [
        Case(
            id=f"convert-from-{name}",
            steps=tuple({"verb": "convert", "text": text, "version": target} for target in targets),
        )
        for name, text in sources.items()
    ]


CASES: tuple[Case, ...] = (
    *_versions(),
    *_loading(),
    *_inlined(),
    *_requests(),
    *_failures(),
    *_cached(),
    *_gc_and_status(),
    *_version_replies(),
    *_conversions(),
)
