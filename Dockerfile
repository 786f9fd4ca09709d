# The controller as an image.
#
#   docker build --tag reconciler .
#   docker run --detach --name reconciler --restart unless-stopped \
#       --volume /var/run/docker.sock:/var/run/docker.sock \
#       --group-add "$(stat --format %g /var/run/docker.sock)" \
#       --volume "$PWD/desired:/desired:ro" \
#       --volume reconciler-state:/var/lib/reconciler \
#       --publish 127.0.0.1:9464:9464 reconciler
#
# Docker Compose is not in it: documents of kind ComposeProject need an image that adds the plugin.
#
# It runs as an ordinary user; the group of the socket is what lets it speak with the engine, and whoever may do that
# is root on the host in effect. Stickers with a host path need that path mounted at the same place, writable; so do
# the state directory and the folder of secrets, where documents have files or secrets (docs/how-to/run-as-a-service.md).

# Any Debian from 12 on; pin it by digest where builds must be repeatable.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# PIP_INDEX_URL: another package index. Digests are checked whatever it serves.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
RUN apt-get update -q \
    && apt-get install -q --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY requirements-build.lock requirements.lock ./
RUN python3 -m venv /build \
    && /build/bin/pip install --no-deps --require-hashes --requirement requirements-build.lock \
    && python3 -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml ./
COPY schemas schemas
COPY reconciler reconciler
# The installers stay behind: nothing is installed into a running controller.
RUN /build/bin/hatchling build --target wheel --directory /dist \
    && /opt/reconciler/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/reconciler/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="Declarative reconciliation controller for Docker hosts" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update -q \
    && apt-get install -q --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin reconciler \
    && install --directory --owner=reconciler --group=reconciler --mode=0700 /var/lib/reconciler
COPY --from=build /opt/reconciler /opt/reconciler
# All addresses of the container, not of the host: who may ask is decided by what is published.
ENV PATH=/opt/reconciler/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RECONCILER_DESIRED=/desired \
    RECONCILER_LISTEN=0.0.0.0:9464 \
    RECONCILER_STATE_DIR=/var/lib/reconciler
USER reconciler
WORKDIR /var/lib/reconciler
VOLUME /var/lib/reconciler
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9464/healthz', timeout=2)"]
ENTRYPOINT ["reconciler"]
CMD ["run"]
