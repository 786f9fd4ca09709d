"""The images that most tests and the demo need: three releases of a web app, and some that end or just sleep.

All of them end at once on SIGTERM: an app that ignores it costs ten seconds at every replacement.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.parts.images import PublishedImage, Recipe, publish

WEB_PORT = 8080
HEALTH_INTERVAL_NS = 500_000_000
"""A check costs 0.04 s of processor time, for as long as the app lives; a deploy waits for the first one."""

# The first process of a container gets no default signal handling: without the trap, SIGTERM would do nothing.
_SERVE = """\
#!/bin/sh
trap 'exit 0' TERM INT
httpd -f -p 8080 -h /www &
wait $!
"""
_SLEEP = """\
#!/bin/sh
trap 'exit 0' TERM INT
sleep 1000000 &
wait $!
"""


def web(version: str, *, healthy: bool = True) -> Recipe:
    """A release of the web app: its page shows the version; ``healthy=False`` serves no ``/healthz``, which the
    health check asks for.
    """
    files = {"app/serve": _SERVE, "www/index.html": f"web {version}\n"}
    if healthy:
        files["www/healthz"] = "ok\n"
    return Recipe(
        files=files,
        config={
            "Cmd": ["/app/serve"],
            "Env": ["PATH=/bin", f"VERSION={version}"],
            "ExposedPorts": {f"{WEB_PORT}/tcp": {}},
            "Labels": {"org.opencontainers.image.version": version},
            "Healthcheck": {
                "Test": ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{WEB_PORT}/healthz"],
                "Interval": HEALTH_INTERVAL_NS,
                "Timeout": 2_000_000_000,
                "Retries": 2,
            },
        },
    )


EXITS = Recipe(config={"Cmd": ["/bin/false"], "Env": ["PATH=/bin"]})
JOB = Recipe(config={"Cmd": ["/bin/true"], "Env": ["PATH=/bin"]})
PLAIN = Recipe(config={"Cmd": ["/app/sleep"], "Env": ["PATH=/bin"]}, files={"app/sleep": _SLEEP})


@dataclass(frozen=True, slots=True)
class StandardImages:
    """``web_v3`` never gets healthy; ``exits`` ends with 1 at once, ``job`` with 0; ``plain`` sleeps and has no
    health check.
    """

    web_v1: PublishedImage
    web_v2: PublishedImage
    web_v3: PublishedImage
    exits: PublishedImage
    job: PublishedImage
    plain: PublishedImage


def publish_standard_images(address: str) -> StandardImages:
    """Push the set to the registry at ``address``."""
    return StandardImages(
        web_v1=publish(address, "web", "v1", web("v1")),
        web_v2=publish(address, "web", "v2", web("v2")),
        web_v3=publish(address, "web", "v3", web("v3", healthy=False)),
        exits=publish(address, "exits", "v1", EXITS),
        job=publish(address, "job", "v1", JOB),
        plain=publish(address, "plain", "v1", PLAIN),
    )
