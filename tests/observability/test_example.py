"""The example and the files for Grafana: right in the eyes of the programs that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.parts import host
from tests.parts.prometheus import amtool, promtool

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "07-monitoring"
GRAFANA = ROOT / "observability" / "grafana"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_prometheus_reads_its_settings_with_our_rules(tmp_path: Path) -> None:
    rules = str(ROOT / "observability" / "alerts.yaml")
    here = (EXAMPLE / "prometheus.yml").read_text().replace("/etc/prometheus/alerts.yaml", rules)
    settings = tmp_path / "prometheus.yml"
    settings.write_text(here)
    status, said = promtool("check", "config", "--lint=all", "--lint-fatal", str(settings))
    assert status == 0, said
    assert "1 rule files found" in said


def test_alertmanager_reads_its_settings() -> None:
    status, said = amtool("check-config", str(EXAMPLE / "alertmanager.yml"))
    assert status == 0, said


def test_compose_reads_its_file() -> None:
    compose = host.program("docker-compose", package="docker-compose")
    assert "image: prom/prometheus" in host.run(compose, "--file", str(EXAMPLE / "compose.yaml"), "config")


def test_what_compose_mounts_is_there() -> None:
    services = read(EXAMPLE / "compose.yaml")["services"]
    mounts = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    files = [EXAMPLE / mount for mount in mounts if mount.startswith(".")]
    assert files
    assert [file for file in files if not file.exists()] == []


def test_grafana_is_told_where_prometheus_and_the_dashboards_are() -> None:
    services = read(EXAMPLE / "compose.yaml")["services"]
    (source,) = read(GRAFANA / "datasources" / "prometheus.yaml")["datasources"]
    (provider,) = read(GRAFANA / "dashboards" / "reconciler.yaml")["providers"]
    assert f"--web.listen-address={source['url'].removeprefix('http://')}" in services["prometheus"]["command"]
    folder = provider["options"]["path"]
    assert f"../../observability/dashboards:{folder}:ro" in services["grafana"]["volumes"]


def test_nothing_listens_to_the_world() -> None:
    told = (EXAMPLE / "compose.yaml").read_text()
    for address in ("127.0.0.1:9090", "127.0.0.1:9093", "GF_SERVER_HTTP_ADDR: 127.0.0.1"):
        assert address in told
    assert "ports:" not in told
