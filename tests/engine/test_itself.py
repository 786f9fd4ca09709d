"""Which container we run in, from what kernels show in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.engine.itself import own_ids

ID, OTHER = "ab" * 32, "cd" * 32
MOUNTS = f"""\
657 656 0:59 / /proc rw,nosuid - proc proc rw
671 655 254:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
672 655 254:1 /lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
673 655 254:1 /data/containers/{ID}/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
"""
ON_A_HOST = f"""\
28 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
901 28 0:61 / /var/lib/docker/containers/{OTHER}/mounts/shm rw - tmpfs shm rw
902 28 254:1 /var/lib/docker/containers/{OTHER}/hostname /mnt/{OTHER}/hostname rw - ext4 /dev/vda1 rw
"""


def seen(
    folder: Path, *, cgroup: str | None = None, mountinfo: str | None = None, host_name: str = "host-a"
) -> set[str]:
    for name, text in (("cgroup", cgroup), ("mountinfo", mountinfo)):
        if text is not None:
            (folder / name).write_text(text)
    return set(own_ids(proc=folder, host_name=host_name))


@pytest.mark.parametrize(
    "cgroup",
    [
        f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/\n",
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/system.slice/docker-{ID}.scope/init\n",
        f"11:memory:/kubepods/burstable/pod1/{ID}\n",
    ],
)
def test_the_control_group_names_it(tmp_path: Path, cgroup: str) -> None:
    assert seen(tmp_path, cgroup=cgroup) == {ID}


def test_where_the_control_group_is_hidden_the_files_that_are_mounted_name_it(tmp_path: Path) -> None:
    assert seen(tmp_path, cgroup="0::/\n", mountinfo=MOUNTS) == {ID}


def test_where_both_are_hidden_the_host_name_is_the_beginning_of_it(tmp_path: Path) -> None:
    assert seen(tmp_path, cgroup="0::/\n", mountinfo="", host_name="ab" * 6) == {"ab" * 6}


def test_a_host_is_in_no_container_whatever_its_containers_have_mounted(tmp_path: Path) -> None:
    assert seen(tmp_path, cgroup="0::/user.slice/session-1.scope\n", mountinfo=ON_A_HOST) == set()


def test_what_cannot_be_read_is_one_sign_less(tmp_path: Path) -> None:
    assert seen(tmp_path) == set()


def test_here_it_can_be_asked() -> None:
    assert all(set(item) <= set("0123456789abcdef") for item in own_ids())
