from __future__ import annotations

import json
from typing import Any

import pytest

from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.host_local import config

V6 = "2001:db8:1::/64"


def conf(ipam: dict[str, Any] | None, **top: Any) -> bytes:
    body = {"cniVersion": "0.3.1", "name": "net", "type": "ptp", **top}
    if ipam is not None:
        body["ipam"] = {"type": "host-local", **ipam}
    return json.dumps(body).encode()


def ranges(*sets: list[dict[str, str]]) -> dict[str, Any]:
    return {"ranges": list(sets)}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"subnet": "10.1.2.0/24"}, ["10.1.2.1-10.1.2.254 gw 10.1.2.1"]),
        (
            {
                "subnet": "10.1.2.0/24",
                "rangeStart": "10.1.2.9",
                "rangeEnd": "10.1.2.20",
                "gateway": "10.1.2.30",
            },
            ["10.1.2.9-10.1.2.20 gw 10.1.2.30"],
        ),
        ({"SUBNET": "10.1.2.0/24", "RangeEnd": "10.1.2.20"}, ["10.1.2.1-10.1.2.20 gw 10.1.2.1"]),
        ({"subnet": V6}, ["2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff gw 2001:db8:1::1"]),
        (
            {"subnet": "10.1.2.0/24"} | ranges([{"subnet": "11.1.2.0/24"}, {"subnet": "11.1.3.0/30"}]),
            ["10.1.2.1-10.1.2.254 gw 10.1.2.1", "11.1.2.1-11.1.2.254,11.1.3.1-11.1.3.2 gw 11.1.2.1"],
        ),
        (
            ranges([{"subnet": "10.0.0.0/30"}], [{"subnet": V6}]),
            [
                "10.0.0.1-10.0.0.2 gw 10.0.0.1",
                "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff gw 2001:db8:1::1",
            ],
        ),
        ({"subnet": "10.1.2.0/24", "gateway": "2001:db8::1"}, ["10.1.2.1-10.1.2.254 gw 2001:db8::1"]),
    ],
)
def test_ranges_get_their_defaults(given: dict[str, Any], wanted: list[str]) -> None:
    parsed = config.parse(conf(given), "")
    assert [f"{each} gw {each.ranges[0].gateway}" for each in parsed.range_sets] == wanted


def test_ranges_of_the_runtime_come_first() -> None:
    runtime = {"ipRanges": [[{"subnet": "12.1.3.0/24"}]]}
    parsed = config.parse(
        conf({"subnet": "10.1.2.0/24"} | ranges([{"subnet": "11.1.2.0/24"}]), runtimeConfig=runtime), ""
    )
    assert [str(each) for each in parsed.range_sets] == [
        "12.1.3.1-12.1.3.254",
        "10.1.2.1-10.1.2.254",
        "11.1.2.1-11.1.2.254",
    ]


def test_requested_addresses_are_gathered_in_order() -> None:
    given = conf(
        {"subnet": "10.1.2.0/24"},
        args={"cni": {"ips": ["10.1.2.11", "11.11.11.11/24", "2001:db8:1::11"]}},
        runtimeConfig={"ips": ["192.168.0.5/24", "::ffff:192.168.0.6"]},
    )
    parsed = config.parse(given, "IP=10.1.2.10/24;IgnoreUnknown=1;K=V")
    assert [str(each) for each in parsed.requested] == [
        "10.1.2.10",
        "10.1.2.11",
        "11.11.11.11",
        "2001:db8:1::11",
        "192.168.0.5",
        "192.168.0.6",
    ]


OVERLAP = ranges([{"subnet": "10.1.0.0/22"}, {"subnet": "10.1.2.0/24"}])
TWO_SETS = ranges([{"subnet": "10.1.2.0/24"}], [{"subnet": "11.1.2.0/24"}])


@pytest.mark.parametrize(
    ("given", "args", "text"),
    [
        (conf(None), "", "IPAM config missing 'ipam' key"),
        (conf({}), "", "no IP ranges specified"),
        (conf(ranges([])), "", "invalid range set 0: empty range set"),
        (conf(ranges([{"rangeStart": "10.0.0.1"}])), "", "invalid range set 0: IP <nil> not v4 nor v6"),
        (
            conf({"subnet": "10.0.0.0/31"}),
            "",
            "invalid range set 0: Network 10.0.0.0/31 too small to allocate from",
        ),
        (
            conf({"subnet": "10.1.2.3/24"}),
            "",
            (
                "invalid range set 0: Network has host bits set. "
                "For a subnet mask of length 24 the network address is 10.1.2.0"
            ),
        ),
        (conf({"subnet": "10.1.2"}), "", "invalid CIDR address: 10.1.2"),
        (
            conf({"subnet": "10.1.2.0/24", "rangeStart": "10.1.3.1"}),
            "",
            "invalid range set 0: RangeStart 10.1.3.1 not in network 10.1.2.0/24",
        ),
        (
            conf({"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.5"}),
            "",
            "invalid range set 0: RangeStart 10.1.2.9 not in network 10.1.2.0/24",
        ),
        (
            conf({"subnet": "10.1.2.0/24", "rangeEnd": "10.1.3.5"}),
            "",
            "invalid range set 0: RangeEnd 10.1.3.5 not in network 10.1.2.0/24",
        ),
        (
            conf(ranges([{"subnet": "10.1.0.0/22"}, {"subnet": V6}])),
            "",
            "invalid range set 0: mixed address families",
        ),
        (
            conf(OVERLAP),
            "",
            "invalid range set 0: subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
        ),
        (
            conf(ranges([{"subnet": "10.1.4.0/24"}], [{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.4.0/24"}])),
            "",
            "range set 0 overlaps with 1",
        ),
        (
            conf(TWO_SETS, cniVersion="0.2.0"),
            "",
            "CNI version 0.2.0 does not support more than 1 address per family",
        ),
        (conf({"subnet": "10.1.2.0/24"}), "K=V", 'ARGS: unknown args ["K=V"]'),
        (
            conf({"subnet": "10.1.2.0/24"}),
            "IP=x",
            'ARGS: error parsing value of pair "IP=x": invalid IP address x',
        ),
        (conf({"subnet": "10.1.2.0/24"}), "IP=1;", "ARGS: "),
        (
            conf({"subnet": "10.1.2.0/24"}, args={"cni": {"ips": [""]}}),
            "",
            "cannot understand ip: IP <nil> not v4 nor v6",
        ),
        (conf({"subnet": 7}), "", "json: cannot unmarshal number into Go struct field"),
        (conf({"subnet": "10.1.2.0/24", "routes": [{"dst": "x"}]}), "", "invalid CIDR address: x"),
    ],
)
def test_what_cannot_be_used_is_refused_in_the_reference_s_words(given: bytes, args: str, text: str) -> None:
    with pytest.raises(PluginFault) as caught:
        config.parse(given, args)
    assert caught.value.msg.startswith(text)
    assert caught.value.code == 999


def test_one_address_of_each_family_is_fine_for_old_versions() -> None:
    parsed = config.parse(
        conf(ranges([{"subnet": "10.1.2.0/24"}], [{"subnet": "2001:db8:1::/48"}]), cniVersion="0.2.0"), ""
    )
    assert len(parsed.range_sets) == 2
