"""The Grafana dashboards, made from panels that are data."""
