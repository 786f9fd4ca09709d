"""Registries: reads manifests and blobs over the OCI distribution API. Nothing is ever written to one."""
