"""Networks that hooks may join: none, unless the policy names them. Pure.

The rest of what a hook asks for (its image, its limits) is bounded as a container's is. What no policy can allow
is refused where documents are read.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.hook import NO_NETWORK
from reconciler.core.policy_request import Denied, Request
from reconciler.core.policy_values import Policy


def hook_networks(request: Request, policy: Policy) -> Iterator[Denied]:
    """Every network that is refused."""
    for network in request.config.networks or () if request.hook else ():
        if network.name != NO_NETWORK and network.name not in policy.hook_networks:
            yield Denied("hookNetworks", f"joins the network {network.name}", network.name)
