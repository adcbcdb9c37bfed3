"""The path of a VM's packets as a drawing: guest, tap device, redirect, veth pair, host.

A drawing is lines of styled pieces, of single-width characters only, so that it is the same in a terminal, in
a file and as a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from vmplumb._cli import words
from vmplumb.v1.network_agent_service_pb2 import DescribeNetworkResponse
from vmplumb.v1.vm_network_pb2 import (
    DEVICE_ROLE_BRIDGE,
    DEVICE_ROLE_HOST_END,
    DEVICE_ROLE_NETNS_END,
    DEVICE_ROLE_TAP,
    PHASE_FAILED,
    PHASE_READY,
    Device,
    DeviceRole,
    InterfaceResult,
    VMNetwork,
)

Style: TypeAlias = Literal["plain", "frame", "title", "name", "dim", "good", "bad", "warn", "address"]
Piece: TypeAlias = tuple[str, Style]
Line: TypeAlias = list[Piece]

_MIN_WIDTH = 58
_INDENT = 3
# For terminals and files without Unicode.
_ASCII = str.maketrans("┌┐└┘┬┴┼─│⇅↓↑·", "+++++++-||v^.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Box:
    title: str
    badge: Piece
    rows: list[Line]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Link:
    sign: str
    text: str
    style: Style


@dataclass(kw_only=True, slots=True)
class _Path:
    """Boxes and links from the guest to the host; which of them are in the namespace."""

    outside: list[_Box | _Link] = field(default_factory=list)
    inside: list[_Box | _Link] = field(default_factory=list)
    host: list[_Box | _Link] = field(default_factory=list)


def draw(answer: DescribeNetworkResponse) -> list[Line]:
    """The whole picture: heading, path, what an operator should look at."""
    network = answer.network
    path = _path(answer)
    netns = network.result.netns_path or next(
        (one.netns_path for one in answer.devices if one.netns_path), ""
    )
    frame = f"netns {netns}" if netns else ""
    width = _width(path, frame)
    centre = _INDENT + width // 2
    lines = [*_heading(network), []]
    lines += _stack(path.outside, width, below=True)
    if frame:
        state: Piece = ("", "good") if answer.netns_exists else ("missing", "bad")
        lines += _framed(
            frame, state, _stack(path.inside, width, above=True, below=bool(path.host)), width, centre
        )
    else:
        lines += _stack(path.inside, width, above=True, below=bool(path.host))
    lines += _stack(path.host, width, above=True)
    return [*lines, *_remarks(answer)]


def plain(lines: Iterable[Line]) -> str:
    """The drawing as text, without a space at a line's end."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def ascii_only(lines: Iterable[Line]) -> list[Line]:
    """The drawing without a character beyond ASCII."""
    return [[(text.translate(_ASCII), style) for text, style in line] for line in lines]


def _heading(network: VMNetwork) -> list[Line]:
    phase = words.phase(network.phase)
    style: Style = "warn"
    if network.phase == PHASE_READY:
        style = "good"
    elif network.phase == PHASE_FAILED:
        style = "bad"
    first: Line = [(network.vm_id, "title"), ("  ", "plain"), (phase, style)]
    if name := words.network_name(network):
        first.append((f"  network {name}", "plain"))
    second = f"uid {network.uid}  revision {network.revision}"
    if network.HasField("create_time"):
        second += f"  since {words.moment(network.create_time)}"
    return [first, [(second, "dim")]]


def _path(answer: DescribeNetworkResponse) -> _Path:
    path = _Path()
    network = answer.network
    taps = _of(answer.devices, DEVICE_ROLE_TAP)
    ends = _of(answer.devices, DEVICE_ROLE_NETNS_END)
    hosts = _of(answer.devices, DEVICE_ROLE_HOST_END)
    bridges = _of(answer.devices, DEVICE_ROLE_BRIDGE)
    others = [one for one in answer.devices if one.role not in _KNOWN_ROLES]
    ready = network.phase == PHASE_READY
    by_cni = any(one.HasField("cni_configuration") for one in network.spec.network_interfaces.interfaces)
    results: Sequence[InterfaceResult] = list(network.result.interfaces)
    if not results:
        path.outside.append(_Box(title="guest", badge=("no address yet", "warn"), rows=[]))
    for made in results:
        path.outside.append(_guest(made, many=len(results) > 1))
    path.outside.append(_vmm(taps, answer))
    if ready and not taps:
        path.inside.append(_missing("tap"))
    path.inside += [_device(one, "tap") for one in taps]
    if by_cni and (ready or ends):
        path.inside.append(_redirect(taps, ends))
        path.inside += [_device(one, one.kind or "device") for one in ends] or [
            _missing("device in the namespace")
        ]
        path.host.append(_pair(ends, hosts))
        path.host += [_device(one, f"host, {one.kind}") for one in hosts] or [_missing("host end")]
        for one in bridges:
            path.host.append(_Link(sign="│", text=f"port of {one.name}", style="dim"))
            path.host.append(_device(one, "host, bridge"))
    path.host += [_device(one, f"host, {one.kind}") for one in others if not one.netns_path]
    path.inside += [_device(one, one.kind) for one in others if one.netns_path]
    return path


_KNOWN_ROLES = (DEVICE_ROLE_TAP, DEVICE_ROLE_NETNS_END, DEVICE_ROLE_HOST_END, DEVICE_ROLE_BRIDGE)


def _of(devices: Iterable[Device], role: DeviceRole.ValueType) -> list[Device]:
    return [one for one in devices if one.role == role]


def _guest(one: InterfaceResult, *, many: bool) -> _Box:
    static, conf = one.static_configuration, one.vm_conf
    rows: list[Line] = []
    head: Line = [(conf.vm_if_name or static.ip_configuration.if_name or "eth0", "name")]
    if mac := static.mac_address or conf.vm_mac_addr:
        head.append((f"  {mac}", "plain"))
    if conf.vm_mtu:
        head.append((f"  mtu {conf.vm_mtu}", "dim"))
    rows.append(head)
    rows.extend(_address(ip.address, ip.gateway) for ip in conf.vm_ip_configs)
    if not conf.vm_ip_configs and static.ip_configuration.ip_addr:
        rows.append(_address(static.ip_configuration.ip_addr, static.ip_configuration.gateway))
    servers = list(conf.vm_nameservers) or list(static.ip_configuration.nameservers)
    if servers:
        rows.append([("nameserver " + ", ".join(servers), "dim")])
    number = one.firecracker_interface.iface_id or str(one.index + 1)
    return _Box(title="guest", badge=(f"interface {number}" if many else "", "dim"), rows=rows)


def _address(address: str, gateway: str) -> Line:
    line: Line = [(address, "address")]
    if gateway:
        line.append((f"  gateway {gateway}", "dim"))
    return line


def _vmm(taps: Sequence[Device], answer: DescribeNetworkResponse) -> _Link:
    names = {one.name for one in taps}
    for one in answer.holders:
        if one.what in names:
            return _Link(sign="│", text=f"{one.command} (pid {one.pid}) has {one.what} open", style="good")
    if any(one.carrier for one in taps):
        return _Link(sign="│", text="the VMM has the tap open", style="good")
    return _Link(sign="│", text="no VMM has the tap open", style="dim")


def _device(one: Device, kind: str) -> _Box:
    rows: list[Line] = []
    head: Line = [(one.mac_address, "plain"), (f"  mtu {one.mtu}  index {one.index}", "dim")]
    rows.append(head)
    owner = []
    if one.HasField("owner_uid"):
        owner.append(f"uid {one.owner_uid}")
    if one.HasField("owner_gid"):
        owner.append(f"gid {one.owner_gid}")
    if owner:
        rows.append([("owner " + " ".join(owner), "dim")])
    rows.extend([(address, "address")] for address in one.addresses)
    for route in one.routes:
        via = f" via {route.gw}" if route.gw else ""
        rows.append([(f"route {route.dst or 'default'}{via}", "plain")])
    rows.append([(f"received {words.size(one.rx_bytes)}, sent {words.size(one.tx_bytes)}", "dim")])
    badge: Piece = ("up", "good") if one.up else ("DOWN", "bad")
    # Without a VMM a tap has no carrier, which is no fault; a veth without one lacks its other end.
    if one.up and not one.carrier and one.role != DEVICE_ROLE_TAP:
        badge = ("up, NO CARRIER", "warn")
    return _Box(title=f"{one.name} ({kind})" if kind else one.name, badge=badge, rows=rows)


def _missing(what: str) -> _Box:
    return _Box(title=what, badge=("MISSING", "bad"), rows=[])


def _redirect(taps: Sequence[Device], ends: Sequence[Device]) -> _Link:
    if not taps or not ends:
        return _Link(sign="·", text="nothing to redirect", style="bad")
    tap, end = taps[0], ends[0]
    down, up = tap.redirect_to == end.name, end.redirect_to == tap.name
    if down and up:
        return _Link(sign="⇅", text="redirected both ways", style="good")
    if down:
        return _Link(sign="↓", text=f"redirected from {tap.name} only: no way back", style="bad")
    if up:
        return _Link(sign="↑", text=f"redirected from {end.name} only: no way out", style="bad")
    return _Link(sign="·", text="NOT redirected", style="bad")


def _pair(ends: Sequence[Device], hosts: Sequence[Device]) -> _Link:
    if not ends or not hosts:
        return _Link(sign="·", text="no pair", style="bad")
    if ends[0].peer_name == hosts[0].name or hosts[0].peer_name == ends[0].name:
        return _Link(sign="│", text="veth pair", style="dim")
    return _Link(sign="·", text="NOT ends of one pair", style="bad")


def _width(path: _Path, frame: str) -> int:
    widest = max(_MIN_WIDTH, 2 * (len(frame) - 2))
    for part in (*path.outside, *path.inside, *path.host):
        if isinstance(part, _Box):
            widest = max(widest, len(part.title) + len(part.badge[0]) + 10)
            widest = max([widest, *(_length(row) + 4 for row in part.rows)])
        else:
            widest = max(widest, 2 * (len(part.text) + 3))
    return widest


def _stack(
    parts: Sequence[_Box | _Link], width: int, *, above: bool = False, below: bool = False
) -> list[Line]:
    lines: list[Line] = []
    for place, part in enumerate(parts):
        if isinstance(part, _Link):
            lines += [
                [
                    (" " * (_INDENT + width // 2), "plain"),
                    (part.sign, part.style),
                    (f" {part.text}", part.style),
                ]
            ]
            continue
        up = above if place == 0 else isinstance(parts[place - 1], _Link)
        down = below if place == len(parts) - 1 else isinstance(parts[place + 1], _Link)
        margin: Piece = (" " * _INDENT, "plain")
        lines.append([margin, *_border("┌┴┐", part.title, part.badge, width, joined=up)])
        for row in part.rows:
            space = " " * (width - 4 - _length(row))
            lines.append([margin, ("│ ", "frame"), *row, (f"{space} │", "frame")])
        lines.append([margin, *_border("└┬┘", "", ("", "plain"), width, joined=down)])
    return lines


def _framed(title: str, badge: Piece, inner: list[Line], width: int, centre: int) -> list[Line]:
    outer = width + 2 * _INDENT
    through: Line = [(" " * centre, "plain"), ("│", "frame")]
    made = [_border("┌┼┐", title, badge, outer, joined=True)]
    for line in (through, *inner, through):
        space = " " * (outer - 1 - _length(line))
        head, style = line[0]
        # Every line begins with a margin, whose first column is the frame's.
        made.append([("│", "frame"), (head[1:], style), *line[1:], (f"{space}│", "frame")])
    made.append(_border("└┼┘", "", ("", "plain"), outer, joined=True))
    return made


def _border(corners: str, title: str, badge: Piece, width: int, *, joined: bool) -> Line:
    """One edge of a box: a title on the left, a badge on the right, a joint in the middle if there is room."""
    left, joint, right = tuple(corners)
    head = f" {title} " if title else ""
    tail = f" {badge[0]} " if badge[0] else ""
    rule = list("─" * (width - 4 - len(head) - len(tail)))
    middle = width // 2 - 2 - len(head)
    if joined and 0 <= middle < len(rule):
        rule[middle] = joint
    pieces: Line = [
        (f"{left}─", "frame"),
        (head, "name"),
        ("".join(rule), "frame"),
        (tail, badge[1]),
        (f"─{right}", "frame"),
    ]
    return [piece for piece in pieces if piece[0]]


def _remarks(answer: DescribeNetworkResponse) -> list[Line]:
    network = answer.network
    lines: list[Line] = []
    if network.result.ip_boot_param:
        lines.append([("boot with  ", "dim"), (f"ip={network.result.ip_boot_param}", "plain")])
    if network.HasField("last_failure"):
        failure = network.last_failure
        lines.append([(f"failed: {words.reason(failure.reason)}: {failure.message}", "bad")])
        lines += [[(f"  {text}", "plain")] for text in words.failure_lines(failure)]
    lines += [[(f"warning: {one.message}", "warn")] for one in network.result.warnings]
    lines += [[(f"left behind: {words.leftover(one)}", "warn")] for one in network.leftovers]
    lines += [[(words.holder(one), "dim")] for one in answer.holders]
    return [[], *lines] if lines else []


def _length(line: Line) -> int:
    return sum(len(text) for text, _ in line)
