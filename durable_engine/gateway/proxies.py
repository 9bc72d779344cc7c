"""The proxy of the environment, if a host is behind one.

Model providers are out on the internet, where some networks let nobody go except through a proxy. So
`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count here, as they do for curl, while calls to apps
ignore them. This machine itself is never behind a proxy, whatever `NO_PROXY` says.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.request import getproxies_environment, proxy_bypass

import httpx


def proxy_for(url: httpx.URL) -> httpx.URL | None:
    """Return the proxy for `url`, or None.

    Raises:
        httpx.UnsupportedProtocol: the environment names a proxy that cannot be used.
    """
    if _is_this_machine(url.host):
        return None
    proxies = getproxies_environment()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or proxy_bypass(url.host):
        return None
    try:
        proxy = httpx.URL(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        proxy = httpx.URL()
    if proxy.scheme in {"http", "https"} and proxy.host:
        return proxy
    raise httpx.UnsupportedProtocol(
        "the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) names a proxy that is not "
        "http://host:port or https://host:port"
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
