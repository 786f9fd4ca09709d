"""What Prometheus, Alertmanager and Grafana are given, held against those programs and our own metrics."""
