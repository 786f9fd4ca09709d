from __future__ import annotations
import json, os, subprocess, time, random, signal
from pathlib import Path
import pytest, yaml
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import edited, pair
from tests.e2e.stage import eventually
from tests.e2e.documents import document


def show(p, title):
    print("=====", title)
    for n, c in sorted(p.containers().items()):
        print("   ", n, c["Id"][:8], c["State"]["Status"], c["RestartCount"])


def say(p, *w, n=900):
    s, t = p.here(*w)
    print("##", *w, "->", s)
    print(t[-n:])
    return s, t


def test_a_swapped_names(project: ProjectStage):
    project.write(pair(project.images), "r1")
    project.apply_here()
    a, b = project.container("first"), project.container("second")
    d = project.stage.docker
    d("rename", a, "tmpx")
    d("rename", b, a)
    d("rename", "tmpx", b)
    show(project, "swapped")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    show(project, "after")
    say(project, "plan", project.name)


def test_b_foreign_copies_labels(project: ProjectStage):
    project.write(pair(project.images), "r1")
    project.apply_here()
    c = project.stage.sdk.inspect_container(project.container("first"))
    labels = c["Config"]["Labels"]
    args = [x for k, v in labels.items() for x in ("--label", f"{k}={v}")]
    project.stage.docker("run", "-d", "--name", "handmade", *args, project.images["plain"].reference)
    show(project, "exact copy")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    show(project, "after")
    project.stage.docker(
        "run",
        "-d",
        "--name",
        "foreign1",
        "--label",
        "com.docker.compose.project=" + project.name,
        "--label",
        "com.docker.compose.service=first",
        project.images["plain"].reference,
    )
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    show(project, "foreign")
    project.document_file.unlink()
    project.write_bystander()
    say(project, "prune", "--yes")
    show(project, "pruned with foreign")
    project.stage.docker("rm", "-f", "foreign1")


def test_c_network_gone_with_foreign(project: ProjectStage):
    m = pair(project.images)
    m["networks"] = {"n": {}}
    for s in m["services"].values():
        s["networks"] = ["n"]
    project.write(m, "r1")
    project.apply_here()
    d = project.stage.docker
    net = project.name + "_n"
    d("run", "-d", "--name", "guest", "--network", net, project.images["plain"].reference)
    for s in ("first", "second"):
        d("network", "disconnect", "-f", net, project.container(s))
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    say(project, "plan", project.name)
    project.document_file.unlink()
    project.write_bystander()
    say(project, "prune", "--yes")
    show(project, "pruned with guest")
    print(d("network", "ls"))
    print(d("ps", "-a"))
    say(project, "prune", "--yes")
    d("rm", "-f", "guest")
    say(project, "prune", "--yes")
    say(project, "status")
    print(d("network", "ls"))


def test_d_down_by_hand_and_old_up(project: ProjectStage):
    m = project.shop()
    project.write(m, "r1")
    project.apply_here()
    old = project.active()
    project.write(edited(m, "worker", image=project.images["worker v2"].tagged), "r2")
    project.apply_here()
    dirs = project.directory
    base = ["docker-compose", "-p", project.name, "--project-directory", str(dirs), "--env-file", "/dev/null"]
    f = lambda r: ["-f", str(r / "compose.stella.lock.yml"), "-f", str(r / "compose.stella.host.yml")]
    r = subprocess.run(
        [*base, *f(old), "up", "-d"], env=project.stage.environment(), capture_output=True, text=True
    )
    print(r.stderr[-500:])
    show(project, "old up by hand")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    say(project, "plan", project.name)
    show(project, "healed")
    print("runs", project.runs())
    r = subprocess.run(
        [*base, *f(project.active()), "down", "-v"],
        env=project.stage.environment(),
        capture_output=True,
        text=True,
    )
    print(r.stderr[-300:])
    say(project, "apply", project.name)
    show(project, "healed")
    say(project, "plan", project.name)
    # up by hand with only the lock file
    r = subprocess.run(
        [*base, "-f", str(project.active() / "compose.stella.lock.yml"), "up", "-d"],
        env=project.stage.environment(),
        capture_output=True,
        text=True,
    )
    print(r.stderr[-300:])
    show(project, "lock only by hand")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    say(project, "plan", project.name)
    # pause all, prune exited job
    for s in ("web", "worker"):
        project.stage.docker("pause", project.container(s))
    project.stage.docker("container", "prune", "-f")
    say(project, "apply", project.name)
    say(project, "plan", project.name)
    show(project, "unpaused")


def test_e_directory(project: ProjectStage):
    m = pair(project.images)
    d = project.directory
    d.parent.mkdir(parents=True, exist_ok=True)
    d.write_text("a file")
    project.write(m, "r1")
    say(project, "apply", project.name)
    d.unlink()
    target = project.stage.folder / "elsewhere"
    target.mkdir()
    d.symlink_to(target)
    say(project, "clear", project.name)
    say(project, "apply", project.name)
    print(sorted(os.listdir(target)))
    # revisions replaced by a link
    import shutil

    outside = project.stage.folder / "outside"
    outside.mkdir()
    shutil.move(target / "revisions", outside / "r")
    (target / "revisions").symlink_to(outside / "r")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    project.write(edited(m, "first", environment={"A": "1"}), "r2")
    say(project, "apply", project.name)
    print("outside", [str(x) for x in outside.rglob("*")])
    (target / "revisions").unlink()
    say(project, "clear", project.name)
    say(project, "apply", project.name)
    show(project, "")
    # current elsewhere
    (target / "current").unlink()
    (target / "current").symlink_to("/etc")
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    print(os.readlink(target / "current"))
    (target / "current").unlink()
    (target / "current").mkdir()
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    (target / "current").rmdir()
    (target / ".lock").unlink(missing_ok=True)
    (target / ".lock").symlink_to("/etc/passwd")
    project.stage.docker("rm", "-f", project.container("first"))
    say(project, "apply", project.name)
    show(project, "lock is link")
    (target / ".lock").unlink()
    (target / ".lock").mkdir()
    say(project, "apply", project.name)
    (target / ".lock").rmdir()
    os.mkfifo(target / ".lock")
    say(project, "apply", project.name)
    show(project, "fifo")
    (target / ".lock").unlink()
    shutil.rmtree(target)
    say(project, "plan", project.name)
    say(project, "apply", project.name)
    show(project, "dir deleted")
    say(project, "plan", project.name)


def test_f_full_disk(project: ProjectStage):
    m = pair(project.images)
    d = project.directory
    d.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(d)], check=True)
    try:
        project.write(m, "r1")
        say(project, "apply", project.name)
        show(project, "")
        (d / "fill").write_bytes(b"x" * 4096 * 9)
        project.files["motd.txt"] = "y" * 40000
        project.write(edited(project.shop(), "web", environment={"A": "1"}), "r2")
        say(project, "apply", project.name)
        show(project, "full")
        say(project, "plan", project.name)
        say(project, "status", project.name)
        (d / "fill").unlink()
        say(project, "apply", project.name)
    finally:
        subprocess.run(["umount", "-l", str(d)])
