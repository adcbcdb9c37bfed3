"""Results: every version in and out, and from one to another."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.cni import convert, result
from vmplumbd.cni.error import InvalidResult
from vmplumbd.cni.result import DNS, Interface, IPConfig, Result, Route
from vmplumbd.cni.version import ALL

DATA = Path(__file__).parents[2] / "data" / "cni" / "results"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
POSITIVE = st.none() | st.integers(1, 2**31 - 1)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)


CIDRS: st.SearchStrategy[result.IpInterface] = st.builds(
    ipaddress.IPv4Interface, st.tuples(st.ip_addresses(v=4), st.integers(0, 32))
) | st.builds(ipaddress.IPv6Interface, st.tuples(st.ip_addresses(v=6), st.integers(0, 128)))


# An IPv4 address in IPv6 clothes is read as IPv4, as Go prints it.
ADDRESSES = st.ip_addresses().filter(
    lambda address: not (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped)
)
INTERFACES = st.builds(
    Interface,
    name=TEXT,
    mac=st.none() | TEXT,
    mtu=POSITIVE,
    sandbox=st.none() | TEXT,
    socket_path=st.none() | TEXT,
    pci_id=st.none() | TEXT,
)
IPS = st.builds(
    IPConfig, address=CIDRS, gateway=st.none() | ADDRESSES, interface=st.none() | st.integers(0, 9)
)
ROUTES = st.builds(
    Route,
    dst=CIDRS,
    gw=st.none() | ADDRESSES,
    mtu=POSITIVE,
    advmss=POSITIVE,
    priority=POSITIVE,
    table=st.none() | st.integers(0, 2**31 - 1),
    scope=st.none() | st.integers(0, 255),
)
DNSES = st.builds(DNS, nameservers=TEXTS, domain=st.none() | TEXT, search=TEXTS, options=TEXTS)
RESULTS = st.builds(
    Result,
    cni_version=st.sampled_from(result.VERSIONS_1),
    interfaces=st.lists(INTERFACES, max_size=3).map(tuple),
    ips=st.lists(IPS, max_size=3).map(tuple),
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    dns=DNSES,
)


@given(RESULTS)
def test_a_result_is_read_back_as_it_was_written(given_result: Result) -> None:
    assert result.parse(result.to_json(given_result)) == given_result


@given(RESULTS, st.sampled_from(ALL))
def test_a_converted_result_is_read_back_too(given_result: Result, version: str) -> None:
    if version in result.VERSIONS_02 and not given_result.ips:
        return
    converted = convert.to_version(given_result, version)
    assert converted.cni_version == version
    assert result.parse(result.to_json(converted)) == converted


@given(RESULTS, st.sampled_from(ALL))
def test_down_and_up_again_loses_nothing_more(given_result: Result, version: str) -> None:
    if version in result.VERSIONS_02 and not given_result.ips:
        return
    once = convert.to_version(convert.to_version(given_result, version), "1.1.0")
    assert convert.to_version(convert.to_version(once, version), "1.1.0") == once


@given(RESULTS)
def test_0_2_keeps_one_address_a_family(given_result: Result) -> None:
    if not given_result.ips:
        with pytest.raises(InvalidResult, match=r"^cannot convert: no valid IP addresses$"):
            convert.to_version(given_result, "0.2.0")
        return
    kept = convert.to_version(given_result, "0.2.0")
    families = [ip.address.version for ip in kept.ips]
    assert families == sorted({ip.address.version for ip in given_result.ips})
    assert all(route.dst.version in families for route in kept.routes)
    assert kept.interfaces == ()


@pytest.mark.parametrize("file", sorted(DATA.glob("*.json")), ids=lambda file: file.stem)
def test_examples_of_every_version_print_as_they_are(file: Path) -> None:
    raw = file.read_bytes()
    parsed = result.parse(raw)
    assert json.loads(result.to_json(parsed)) == json.loads(raw)
    assert parsed.cni_version in file.stem


def test_there_is_an_example_of_every_version() -> None:
    assert sorted(json.loads(file.read_bytes())["cniVersion"] for file in DATA.glob("*.json")) == list(ALL)


def test_a_result_prints_as_plugins_print_it() -> None:
    printed = result.to_json(
        Result(cni_version="1.0.0", ips=(IPConfig(address=ipaddress.IPv4Interface("10.1.2.3/24")),))
    )
    assert printed == (
        b'{\n    "cniVersion": "1.0.0",\n    "ips": [\n        {\n'
        b'            "address": "10.1.2.3/24"\n        }\n    ]\n}'
    )


def test_0_x_prints_an_empty_dns_and_1_x_none() -> None:
    assert json.loads(result.to_json(Result(cni_version="0.4.0"))) == {"cniVersion": "0.4.0", "dns": {}}
    assert json.loads(result.to_json(Result(cni_version="1.0.0"))) == {"cniVersion": "1.0.0"}


@pytest.mark.parametrize(
    ("raw", "default", "expected"),
    [
        (b"{}", "1.0.0", Result(cni_version="1.0.0")),
        (b"null", "1.0.0", Result(cni_version="1.0.0")),
        (b'{"cniVersion":""}', "", Result(cni_version="0.1.0")),
        (b'{"cniVersion":7}', "0.4.0", Result(cni_version="0.4.0")),
        (b'{"cniVersion":"1.1.0"}', "0.4.0", Result(cni_version="1.1.0")),
    ],
)
def test_a_result_without_version_has_the_configurations(raw: bytes, default: str, expected: Result) -> None:
    assert result.parse(raw, default_version=default) == expected


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '"x"',
        "{",
        '{"ips":{}}',
        '{"ips":[{}]}',
        '{"ips":[null]}',
        '{"ips":[{"address":"10.0.0.1"}]}',
        '{"ips":[{"address":"10.0.0.1/255.0.0.0"}]}',
        '{"ips":[{"address":"10.0.0.1/33"}]}',
        '{"ips":[{"address":"fe80::1%eth0/64"}]}',
        '{"ips":[{"address":"10.0.0.1/8","gateway":"x"}]}',
        '{"ips":[{"address":"10.0.0.1/8","gateway":"fe80::1%1"}]}',
        '{"ips":[{"address":"10.0.0.1/8","interface":"0"}]}',
        '{"ips":[{"address":"10.0.0.1/8","interface":true}]}',
        '{"interfaces":[{"name":1}]}',
        '{"routes":[{"dst":"0.0.0.0"}]}',
        '{"routes":[{"dst":"0.0.0.0/0","mtu":1.5}]}',
        '{"dns":[1]}',
        '{"dns":{"nameservers":[1]}}',
        '{"cniVersion":"7.0.0"}',
    ],
)
def test_a_field_of_a_wrong_type_is_refused(body: str) -> None:
    with pytest.raises(InvalidResult) as raised:
        result.parse(body, default_version="1.0.0")
    assert raised.value.code == 6


def test_unknown_versions_have_no_converter() -> None:
    known = Result(cni_version="1.0.0")
    for source, target in ((known, "2.0.0"), (replace(known, cni_version="9"), "1.0.0")):
        with pytest.raises(InvalidResult, match=r"^no converter for CNI result version "):
            convert.to_version(source, target)
