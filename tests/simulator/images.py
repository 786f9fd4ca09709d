"""Images on the host: pulling and removing references."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Progress
from reconciler.errors import NoSpace, RegistryUnavailable
from tests.simulator.registry import SimulatedRegistry
from tests.simulator.state import Host, Image


def pull(
    host: Host, registry: SimulatedRegistry, image: ImageReference, *, deadline_s: float, progress: Progress
) -> None:
    """Raises what the registry raises, RegistryUnavailable after the deadline, NoSpace."""
    published = registry.fetch(image)
    if registry.pull_s > deadline_s:
        host.clock.advance(deadline_s)
        raise RegistryUnavailable(f"pulling {image} took longer than {deadline_s:g} s")
    host.clock.advance(registry.pull_s)
    if host.disk_full:
        raise NoSpace(f"cannot pull {image}: no space left on device")
    progress(f"pulling {image.short}")
    known = host.images.get(published.facts.id)
    digests = {*(known.facts.repo_digests if known else ()), str(image)}
    facts = replace(published.facts, repo_digests=tuple(sorted(digests)), volumes=tuple(sorted(published.volumes)))
    host.images[facts.id] = Image(facts, published.behaviour, published.volumes)
    progress(f"pulled {image.short}")


def remove(host: Host, reference: str) -> bool:
    """False when a container needs it or it is not there. The last reference takes the image along.

    As in moby, an image whose references are all of one repository is in use under each of them.
    """
    image = host.image(reference)
    if image is None:
        return False
    digests = image.facts.repo_digests
    single = len({item.partition("@")[0] for item in digests}) <= 1
    used = any(item.image_id == image.facts.id for item in host.containers.values())
    if used and (single or reference == image.facts.id):
        return False
    left = tuple(item for item in digests if item != reference)
    if reference == image.facts.id or not left:
        del host.images[image.facts.id]
    else:
        image.facts = replace(image.facts, repo_digests=left)
    return True
