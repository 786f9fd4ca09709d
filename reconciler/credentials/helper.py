"""Docker's credential helpers: programs called ``docker-credential-NAME`` that know logins of registries.

Protocol (https://github.com/docker/docker-credential-helpers): ``get`` reads the server's address and writes
``{"ServerURL", "Username", "Secret"}``; the user ``<token>`` says that the secret is an identity token.

Invariant: what a helper writes is shown to nobody: it may be a secret also when the helper fails.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Final

from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.errors import RegistryDenied, RegistryUnavailable

TIMEOUT_S: Final = 20.0
_HUB: Final = "docker.io"
_HUB_SERVER: Final = "https://index.docker.io/v1/"
_TOKEN_USER: Final = "<token>"  # noqa: S105  (the word of the protocol)
_NOT_FOUND: Final = "credentials not found"


def ask_helper(name: str, registry: str, *, timeout_s: float = TIMEOUT_S) -> Login:
    """The login that the helper has for a registry's host. Raises RegistryDenied, and RegistryUnavailable when the
    helper does not come back: most ask a service on the network.
    """
    server = _HUB_SERVER if registry == _HUB else registry
    program = f"docker-credential-{name}"
    path = shutil.which(program)
    if path is None:
        raise RegistryDenied(
            f"the credential helper {program} is not on this host", hint="install it, or put it on the PATH"
        )
    try:
        done = subprocess.run(  # noqa: S603  (an argument list, the name is letters)
            [path, "get"], input=server.encode(), capture_output=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise RegistryUnavailable(
            f"the credential helper {program} did not answer for {registry} within {timeout_s:g} s"
        ) from None
    except OSError as error:
        raise RegistryDenied(f"the credential helper {program} cannot be run: {error.strerror}") from error
    return _login(done, f"the credential helper {program}", server)


def _login(done: subprocess.CompletedProcess[bytes], helper: str, server: str) -> Login:
    if done.returncode != 0:
        known = _NOT_FOUND not in done.stdout.decode("utf-8", "replace").lower()
        said = f"ended with status {done.returncode}" if known else "has no login"
        raise RegistryDenied(
            f"{helper} {said} for {server}", hint="run it by hand to see why: it reads the server's name"
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise RegistryDenied(f"{helper} did not answer with a login for {server}") from None
    if not secret:
        raise RegistryDenied(f"{helper} has no login for {server}")
    value = Secret(secret.encode())
    return Login(identity_token=value) if username == _TOKEN_USER else Login(username=username, password=value)
