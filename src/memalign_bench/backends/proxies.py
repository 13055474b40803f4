"""Proxies that the environment names: this machine's own addresses are asked without them."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["ask_directly", "is_loopback", "is_proxied", "proxy_hint"]


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine.

    >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("http://host/v1")
    (True, False)
    """
    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def ask_directly(address: str) -> None:
    """From now on this process asks an address on this machine without a proxy.

    No proxy could reach it, and one that tried would see every prompt. Others are left as they are.
    """
    host = urlsplit(address).hostname or ""
    if not is_loopback(address) or not getproxies() or proxy_bypass(host):
        return
    # Clients differ in which of the two they read.
    earlier = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (earlier, host)))


def is_proxied(address: str) -> bool:
    """Whether the environment names a proxy that stands before an address."""
    place = urlsplit(address)
    proxies = getproxies()
    if not (proxies.get(place.scheme or "https") or proxies.get("all")):
        return False
    return not proxy_bypass(place.hostname or address)


def proxy_hint(address: str) -> str:
    """What to say of an address that cannot be reached, where a proxy stands before it."""
    if not is_proxied(address):
        return ""
    return " by the proxy that the environment names (NO_PROXY lists what is asked without it)"
