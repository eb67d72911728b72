# The device: the edge runtime alone, with neither torch nor Ray. From the root of the checkout, for amd64 or arm64:
#
#   docker build --file infra/images/device.Dockerfile --tag mgdist-device:0.1.0 .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --publish 127.0.0.1:8080:8080 \
#       --volume STORE:/store:ro --volume ./mgdist.pub:/mgdist.pub:ro mgdist-device:0.1.0
#
# Runs as 1000:1000 with a read-only root; writable is /tmp, where it remembers what was replayed. The store is only read:
# what installs into it (mgdist-edge install, watch) is another container with the store writable.

FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/mgdist-edge
ENV PATH=/opt/mgdist-edge/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
COPY edge ./edge
RUN pip install --no-cache-dir --no-compile --constraint constraints.txt "./edge[sign,image,audio]"

FROM python:3.11-slim-bookworm
RUN groupadd --gid 1000 mgdist \
    && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin mgdist \
    && pip uninstall --yes --quiet pip setuptools wheel --root-user-action=ignore
COPY --from=build /opt/mgdist-edge /opt/mgdist-edge
ENV PATH=/opt/mgdist-edge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/tmp
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4).close()"]
# Inside of a container all addresses are its own; --publish says who outside may ask.
CMD ["mgdist-edge", "serve", "/store", "--host", "0.0.0.0", "--port", "8080", "--require-signature", "/mgdist.pub"]
