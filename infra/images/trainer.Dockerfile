# The trainer, for the head, the workers and whoever submits. From the root of the checkout:
#
#   docker build --file infra/images/trainer.Dockerfile --target cpu --build-arg TORCH_INDEX=INDEX --tag mgdist-trainer:0.1.0-cpu .
#   docker build --file infra/images/trainer.Dockerfile --target cuda --tag mgdist-trainer:0.1.0-cuda .
#
# INDEX is the address of PyTorch's own wheels for CPUs; the usual index has those for CUDA, which bring its libraries.
# Runs as 1000:1000 with a read-only root; writable must be /tmp, /home/mgdist, /dev/shm (Ray's objects) and the runs.

FROM python:3.11-slim-bookworm AS build
# What DeepSpeed is built with stays in this stage.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/mgdist
ENV PATH=/opt/mgdist/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
# torch comes first and alone, as in the Makefile: asked for together with the rest, pip may choose another build.
ARG TORCH_INDEX
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --no-compile ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY edge ./edge
COPY mgdist ./mgdist
RUN pip install --no-cache-dir --no-compile --constraint constraints.txt ./edge ".[s3,gs,launch,mlflow]"

FROM python:3.11-slim-bookworm AS cpu
RUN groupadd --gid 1000 mgdist \
    && useradd --uid 1000 --gid 1000 --create-home --shell /usr/sbin/nologin mgdist \
    && pip uninstall --yes --quiet pip setuptools wheel --root-user-action=ignore \
    # A login shell, as Ray's launcher opens one, sets its PATH anew.
    && printf 'PATH=/opt/mgdist/bin:%s\n' "\$PATH" > /etc/profile.d/mgdist.sh
COPY --from=build /opt/mgdist /opt/mgdist
COPY jobs /opt/mgdist/jobs
ENV PATH=/opt/mgdist/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RAY_AUTH_MODE=token \
    RAY_USAGE_STATS_ENABLED=0
WORKDIR /opt/mgdist
USER 1000:1000
# It is a head, a worker or a client, as its command says: whoever starts it knows how to ask after its health.
HEALTHCHECK NONE
CMD ["mgdist", "--help"]

FROM cpu AS cuda
# What the container runtime hands in of the host's driver; the libraries came with torch.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
