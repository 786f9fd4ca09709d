from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import Device, Mount, NetworkAttachment, PortBinding, RestartPolicy, Ulimit
from reconciler.spec import notation
from reconciler.spec.problem import Wrong


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("80", PortBinding(80)),
        ("8080:80", PortBinding(80, host_port=8080)),
        ("0:80", PortBinding(80)),
        ("127.0.0.1:8080:80/tcp", PortBinding(80, "tcp", "127.0.0.1", 8080)),
        ("127.0.0.1::80", PortBinding(80, "tcp", "127.0.0.1", 0)),
        ("[::1]:8080:80", PortBinding(80, "tcp", "::1", 8080)),
        ("[0:0::1]:53:53/udp", PortBinding(53, "udp", "::1", 53)),
        ("[::1]:80", PortBinding(80, "tcp", "::1", 0)),
        ("9:9/sctp", PortBinding(9, "sctp", "", 9)),
        ({"containerPort": 80}, PortBinding(80)),
        (
            {"containerPort": 80, "hostPort": 8080, "hostIp": "127.0.0.1", "protocol": "udp"},
            PortBinding(80, "udp", "127.0.0.1", 8080),
        ),
    ],
)
def test_ports_are_read(written: Any, meant: PortBinding) -> None:
    assert notation.port(written) == meant


@given(
    st.builds(
        PortBinding,
        st.integers(1, 65535),
        st.sampled_from(["tcp", "udp", "sctp"]),
        st.sampled_from(["", "127.0.0.1", "::", "::1", "fe80::1"]),
        st.integers(1, 65535),
    )
)
def test_a_port_is_read_as_it_is_printed(port: PortBinding) -> None:
    assert notation.port(str(port)) == port


@given(st.text(max_size=30))
def test_any_text_is_a_port_or_refused_in_words(text: str) -> None:
    with suppress(Wrong):
        assert 1 <= notation.port(text).container_port <= 65535


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data:/var/lib/app", Mount("/var/lib/app", "data")),
        ("data:/x:ro", Mount("/x", "data", "volume", read_only=True)),
        ("data:/x:rw", Mount("/x", "data")),
        ("/srv/www:/www:ro", Mount("/www", "/srv/www", "bind", read_only=True)),
        ("//srv//www/:/www/", Mount("/www", "/srv/www", "bind")),
        ("/:/host:ro", Mount("/host", "/", "bind", read_only=True)),
    ],
)
def test_volumes_are_read(written: str, meant: Mount) -> None:
    assert notation.volume(written) == meant
    assert notation.volume(str(meant)) == meant


@pytest.mark.parametrize(
    ("reader", "written", "meant"),
    [
        (notation.tmpfs, "/tmp", ("/tmp", "")),
        (notation.tmpfs, "/run/:size=16m,mode=1777", ("/run", "size=16m,mode=1777")),
        (notation.device, "/dev/fuse", Device("/dev/fuse", "/dev/fuse")),
        (notation.device, "/dev/a:/dev/b", Device("/dev/a", "/dev/b")),
        (notation.device, "/dev/a:wr", Device("/dev/a", "/dev/a", "rw")),
        (notation.device, "/dev/a:/dev/b:m", Device("/dev/a", "/dev/b", "m")),
        (notation.extra_host, "db:10.0.0.5", "db:10.0.0.5"),
        (notation.extra_host, "db:[::1]", "db:::1"),
        (notation.extra_host, "db:0:0::1", "db:::1"),
        (notation.extra_host, "host.docker.internal:host-gateway", "host.docker.internal:host-gateway"),
        (notation.address, "0:0::1", "::1"),
        (notation.network, "front", NetworkAttachment("front")),
        (notation.network, {"name": "front", "aliases": ["b", "a", "b"]}, NetworkAttachment("front", ("a", "b"))),
        (notation.network, {"name": "bridge"}, NetworkAttachment("bridge")),
        (notation.restart_policy, "no", RestartPolicy("no")),
        (notation.restart_policy, "on-failure:3", RestartPolicy("on-failure", 3)),
        (notation.ulimit, 7, Ulimit(7, 7)),
        (notation.ulimit, {"soft": 1, "hard": -1}, Ulimit(1, -1)),
        (notation.ulimit, {"soft": -1, "hard": -1}, Ulimit(-1, -1)),
        (notation.capability, "cap_net_admin", "NET_ADMIN"),
        (notation.capability, "ALL", "ALL"),
        (notation.stop_signal, "TERM", "SIGTERM"),
        (notation.stop_signal, "SIGQUIT", "SIGQUIT"),
        (notation.stop_signal, "15", "15"),
        (notation.repository, "registry:5000/shop/web", "registry:5000/shop/web"),
        (notation.repository, "nginx", "nginx"),
        (notation.digest, "sha256:" + "0" * 64, "sha256:" + "0" * 64),
    ],
)
def test_notations_become_canonical(reader: Callable[[Any], object], written: Any, meant: object) -> None:
    assert reader(written) == meant


@pytest.mark.parametrize(
    ("reader", "written", "said"),
    [
        (notation.port, "8000-8010:80", "is a range of ports; ranges are not supported"),
        (notation.port, "80:8000-8010", "is a range of ports"),
        (notation.port, "65536:80", "out of range; allowed: 0 to 65535"),
        (notation.port, "80:0", "out of range; allowed: 1 to 65535"),
        (notation.port, "²:80", '"²" in "²:80" is not a port number'),
        (notation.port, "::1:8080:80", "is not a port; allowed:"),
        (notation.port, "80/", '"" is not a protocol'),
        (notation.port, "80/tpc", "allowed: tcp, udp, sctp"),
        (notation.port, "localhost:8080:80", '"localhost" is not an IP address'),
        (notation.port, {"containerPort": 1, "hostIp": "x"}, '"x" is not an IP address'),
        (notation.volume, "/data", "is not a volume; allowed:"),
        (notation.volume, ":/data", "is not a volume; allowed:"),
        (notation.volume, "./data:/data", "a host path must be absolute"),
        (notation.volume, "..:/data", "a host path must be absolute"),
        (notation.volume, "~/x:/data", "a host path must be absolute"),
        (notation.volume, "/a/../b:/data", 'must not contain ".."'),
        (notation.volume, "data:/x/..", 'must not contain ".."'),
        (notation.volume, "data:/", "root of the container"),
        (notation.volume, "data:/x:z", '"z" is not a mode of a volume; allowed: ro, rw'),
        (notation.volume, "da ta:/x", "is not a volume name"),
        (notation.tmpfs, "tmp", "must be absolute"),
        (notation.tmpfs, "/", "root of the container"),
        (notation.tmpfs, "/tmp:size=1 m", "are not mount options"),
        (notation.device, "fuse", "must be absolute"),
        (notation.device, "/dev/a:rwx", "is not a device"),
        (notation.device, "/dev/a:", "is not a device"),
        (notation.device, "/dev/a:/dev/b:/dev/c", "is not a device"),
        (notation.extra_host, "10.0.0.5", "is not an IP address"),
        (notation.extra_host, ":10.0.0.5", "is not an extra host"),
        (notation.extra_host, "db:gateway", "is not an IP address"),
        (notation.network, {"name": "host", "aliases": ["a"]}, "has no aliases"),
        (notation.ulimit, {"soft": 5, "hard": 1}, "above the hard limit"),
        (notation.ulimit, {"soft": -1, "hard": 1}, "above the hard limit"),
        (notation.capability, "NET_ADMINS", 'did you mean "NET_ADMIN"?'),
        (notation.repository, "shop/web:v1", 'must be without the tag "v1"; write image: shop/web and its digest'),
        (notation.repository, "shop/web:v1@sha256:0", "must be without the digest; write image: shop/web and"),
        (notation.digest, "v1", "is not a digest"),
        (notation.digest, "sha256:00", "has 2 characters"),
        (notation.digest, "SHA256:" + "0" * 64, "is not a digest"),
        (notation.digest, "A" * 64, f'did you mean "sha256:{"a" * 64}"?'),
        (notation.digest, "sha512:" + "0" * 64, "is not a digest"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    reader: Callable[[Any], object], written: Any, said: str
) -> None:
    with pytest.raises(Wrong) as caught:
        reader(written)
    assert said in str(caught.value)
