"""Who a caller is: an identity from a certificate's names or from a socket, and patterns over identities. Pure.

An identity is a URI as it stands in the certificate ("spiffe://trust.domain/path"), "dns:NAME", or the name of a
local socket ("unix"). A common name is never one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Callers of the ordinary Unix socket, in a policy.
UNIX = "unix"

# SPIFFE-ID.md section 2: no port, user, query or fragment; path segments of letters, digits, ".", "-", "_".
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[a-zA-Z0-9._-]+")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+")
_DNS = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST = 2048


def of_certificate(uris: Sequence[str], dns_names: Sequence[str]) -> str:
    """The identity of a certificate with these names: its only URI, or else its first DNS name.

    Raises ValueError for none, for several URIs (X509-SVID.md section 2 allows one), and for a bad SPIFFE ID.
    """
    if len(uris) > 1:
        raise ValueError(f"the certificate has {len(uris)} URI names, and one is allowed")
    if uris:
        return _uri(uris[0])
    if dns_names:
        return _dns(dns_names[0])
    raise ValueError("the certificate has neither a URI nor a DNS name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which identities a rule is about. `text` is as the operator wrote it."""

    text: str
    exact: str = ""
    below: str = ""
    one_label_before: str = ""
    anybody: bool = False

    def matches(self, identity: str) -> bool:
        """Whether the identity is one of them. "*" is every certificate, and no socket."""
        if self.anybody:
            return identity != UNIX
        if self.below:
            return identity.startswith(self.below)
        if self.one_label_before:
            name = identity.removeprefix("dns:")
            label = name.removesuffix(self.one_label_before)
            return name not in {identity, label} and bool(label) and "." not in label
        return identity == self.exact


def parse_pattern(text: str) -> Pattern:
    """Read a pattern: an identity, "URI/*" for all below it, "dns:*.NAME" for one label, "*". Raises ValueError."""
    if text == "*":
        return Pattern(text=text, anybody=True)
    if text == UNIX:
        return Pattern(text=text, exact=UNIX)
    if text.startswith("dns:*."):
        return Pattern(text=text, one_label_before="." + _dns(text[6:]).removeprefix("dns:"))
    if text.startswith("dns:"):
        return Pattern(text=text, exact=_dns(text[4:]))
    if "://" in text and text.endswith("/*"):
        return Pattern(text=text, below=_uri(text[:-2]) + "/")
    if "://" in text:
        return Pattern(text=text, exact=_uri(text))
    raise ValueError(f'"{text}" is neither "{UNIX}", "dns:NAME", a URI, nor "*"')


def _dns(name: str) -> str:
    lower = name.lower().removesuffix(".")
    if len(lower) > 253 or _DNS.fullmatch(lower) is None:
        raise ValueError(f"{name!r} is no DNS name")
    return f"dns:{lower}"


def _uri(text: str) -> str:
    if len(text) > _LONGEST or _URI.fullmatch(text) is None or "*" in text:
        raise ValueError(f"{text[:100]!r} is no URI that can be an identity")
    scheme, _, rest = text.partition("://")
    if scheme != "spiffe":
        return text
    domain, slash, path = rest.partition("/")
    if _TRUST_DOMAIN.fullmatch(domain) is None:
        raise ValueError(f"{text!r} has no trust domain of a SPIFFE ID")
    segments = path.split("/") if slash else []
    if any(_SEGMENT.fullmatch(one) is None or one in {".", ".."} for one in segments):
        raise ValueError(f"{text!r} has no path of a SPIFFE ID")
    return text
