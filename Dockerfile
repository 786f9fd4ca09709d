# The controller as an image, with Docker Compose for documents of kind ComposeProject.
#
#   docker build --tag reconciler .
#
# How to run it: examples/09-container. Build arguments:
#
#   BASE            any Debian from 13 on (12 has no Compose v2); by digest where builds must be repeatable
#   EXTRAS          extras of the package beside the controller itself, such as notify
#   PIP_INDEX_URL   another package index; digests are checked whatever it serves
#   VERSION, REVISION, CREATED   what the labels of the image say
#
# It runs as an ordinary user, with a root file system that may be read only. The group of the engine's socket is what
# lets it speak with the engine, and whoever may do that is root on the host in effect.

ARG BASE=debian:trixie-slim

FROM ${BASE} AS system
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update -q \
    && apt-get install -q --yes --no-install-recommends ca-certificates docker-compose python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && groupadd --gid 10001 reconciler \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reconciler \
    && install --directory --owner=reconciler --group=reconciler --mode=0700 /var/lib/reconciler

FROM system AS build
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update -q \
    && apt-get install -q --yes --no-install-recommends python3-venv
WORKDIR /source
COPY requirements-build.lock requirements.lock requirements-notify.lock ./
# What installs stays behind: nothing is installed into a running controller.
RUN python3 -m venv /build \
    && /build/bin/pip install -q --no-compile --no-deps --require-hashes --requirement requirements-build.lock \
    && python3 -m venv --without-pip /opt/reconciler \
    && /build/bin/pip --python /opt/reconciler/bin/python install -q --no-deps --require-hashes \
        --requirement requirements.lock
ARG EXTRAS=
RUN for extra in ${EXTRAS}; do \
        /build/bin/pip --python /opt/reconciler/bin/python install -q --no-deps --require-hashes \
            --requirement "requirements-${extra}.lock" || exit; \
    done
COPY pyproject.toml ./
COPY schemas schemas
COPY reconciler reconciler
RUN /build/bin/hatchling build --target wheel --directory /dist \
    && /build/bin/pip --python /opt/reconciler/bin/python install -q --no-deps --no-index /dist/*.whl

FROM system
COPY --from=build /opt/reconciler /opt/reconciler
# Places as they are for root (docs/how-to/run-as-a-service.md). All addresses of the container, not of the host: who
# may ask is decided by what is published.
ENV PATH=/opt/reconciler/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_CONFIG_HOME=/etc \
    XDG_RUNTIME_DIR=/run \
    XDG_STATE_HOME=/var/lib \
    RECONCILER_DESIRED=/desired \
    RECONCILER_LISTEN=0.0.0.0:9464
USER reconciler
WORKDIR /var/lib/reconciler
VOLUME /var/lib/reconciler
EXPOSE 9464
# Without a shell and without proxies; an engine that is away is no reason to call the controller ill.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python3", "-ISc", "\
import http.client, os, sys\n\
port = int(os.environ['RECONCILER_LISTEN'].rpartition(':')[2])\n\
asked = http.client.HTTPConnection('127.0.0.1', port, timeout=2)\n\
asked.request('GET', '/healthz')\n\
sys.exit(asked.getresponse().status != 200)\n"]
ENTRYPOINT ["reconciler"]
CMD ["run"]
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="Declarative reconciliation controller for Docker hosts" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
