from __future__ import annotations
import json, os, subprocess, time, random, signal
from pathlib import Path
import pytest
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import edited, pair
from tests.e2e.stage import eventually


def tree(p):
    return sorted(str(x.relative_to(p)) for x in p.rglob("*"))


def test_a_users_files_folder(project: ProjectStage):
    d = project.directory
    (d / "files" / "uploads").mkdir(parents=True)
    (d / "files" / "uploads" / "cat.jpg").write_text("x")
    (d / "files").chmod(0o755)
    (d / "revisions").mkdir()
    (d / "revisions" / "mine.txt").write_text("x")
    m = pair(project.images)
    for n in range(1, 7):
        m = edited(m, "first", environment={"A": str(n)})
        project.write(m, f"r{n}")
        try:
            project.apply_here()
        except AssertionError as e:
            print("APPLY", e)
            break
    print("MODE", oct((d / "files").stat().st_mode), tree(d))
    print("SURVIVES", (d / "files" / "uploads" / "cat.jpg").exists(), (d / "revisions" / "mine.txt").exists())
    project.document_file.unlink()
    project.write_bystander()
    print(project.here("prune", "--yes"))
    print(
        "SURVIVES",
        (d / "files" / "uploads" / "cat.jpg").exists(),
        (d / "revisions" / "mine.txt").exists(),
        tree(d) if d.exists() else None,
    )


def test_b_dollar(project: ProjectStage):
    project.place = "a$HOME"
    object.__setattr__(project, "word", "shop")
    m = project.shop()
    d = project.stage.folder / "dep$HOME" / "x"
    project.place = ""
    m["services"]["web"]["configs"] = [{"source": "motd", "target": "/www/$${PATH}x"}]
    m["services"]["web"]["volumes"] = ["./motd.txt:/www/$$HOME/b:ro"]
    project.write(m, "r1", config={"deploymentDirectory": str(d)})
    print(project.here("plan", project.name))
    print(project.here("apply", project.name)[1][-3000:])
    for n, c in project.containers().items():
        print(n, c["State"]["Status"], [(x["Source"], x["Destination"]) for x in c["Mounts"]])
    print(
        "TREE", tree(project.stage.folder / "dep$HOME") if (project.stage.folder / "dep$HOME").exists() else None
    )
    print(project.here("plan", project.name)[1][-1500:])


def test_c_unused_volume_driver_opts(project: ProjectStage):
    m = pair(project.images)
    m["volumes"] = {
        "evil": {"name": f"{project.name}-evil", "driver_opts": {"type": "none", "o": "bind", "device": "/etc"}}
    }
    m["networks"] = {"n": {"name": f"{project.name}-n", "driver": "macvlan", "driver_opts": {"parent": "lo"}}}
    project.write(m, "r1")
    print(project.lock_file.read_text())
    print(project.here("apply", project.name)[1][-3000:])
    print(
        [v["Name"] for v in project.stage.sdk.volumes()["Volumes"]],
        [n["Name"] for n in project.stage.sdk.networks()],
    )


def test_d_canary(project: ProjectStage):
    c = project.stage.canary
    project.files["sec.txt"] = c + "-file"
    m = project.shop()
    m["secrets"] = {"s": {"file": "./sec.txt"}}
    m["services"]["worker"]["secrets"] = ["s"]
    m["services"]["worker"]["environment"] = {"DB_PASSWORD": c + "-env"}
    m["services"]["worker"]["command"] = ["sh", "-c", f"echo hi; sleep 1000; : {c}"]
    m["services"]["worker"]["labels"] = {"pw": c + "-label"}
    project.write(m, "r1")
    project.apply_here(outcome="converged") if False else print(project.here("apply", project.name)[1][-2500:])
    out = {}
    m2 = edited(
        m,
        "worker",
        environment={"DB_PASSWORD": c + "-env2"},
        labels={"pw": c + "-label2"},
        command=["sh", "-c", f"sleep 1000; : {c}2"],
    )
    project.files["sec.txt"] = c + "-file2"
    project.write(m2, "r2")
    for w in (["plan"], ["plan", "--json"], ["status", "--json"], ["status"]):
        out[" ".join(w)] = project.here(w[0], project.name, *w[1:])[1]
    out["apply2"] = (
        project.here("apply", project.name, "-v")[1] if False else project.here("apply", project.name)[1]
    )
    # drift by hand
    project.stage.docker("rm", "-f", project.container("worker"))
    project.stage.docker(
        "run",
        "-d",
        "--name",
        project.container("worker"),
        "--label",
        "com.docker.compose.project=" + project.name,
        "--label",
        "com.docker.compose.project.working_dir=" + str(project.directory),
        "-e",
        "DB_PASSWORD=" + c + "-hand",
        project.images["plain"].reference,
    )
    for w in (
        ["plan"],
        ["plan", "--json"],
        ["why"],
        ["history"],
        ["history", "--json"],
        ["status", "--json"],
        ["sticker"],
        ["validate"],
        ["rollback", "--dry-run"],
    ):
        out["2 " + " ".join(w)] = project.here(
            w[0], *([project.name] if w[0] not in ("validate",) else []), *w[1:]
        )[1]
    for k, v in out.items():
        print("LEAK" if c in v else "ok", k, [l for l in v.splitlines() if c in l][:3])
    for p in project.stage.folder.rglob("*"):
        if p.is_file() and c.encode() in p.read_bytes():
            print("FILE", p, oct(p.stat().st_mode), [oct(q.stat().st_mode) for q in list(p.parents)[:4]])
