# One image for app, relay and worker. Built from the locked requirements; no compiler stays in it.
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/diemcau
RUN python -m venv /opt/venv
COPY requirements/base.txt requirements/base.txt
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt
COPY pyproject.toml setup.py README.md ./
COPY rooms rooms
COPY media media
COPY signaling signaling
COPY web web
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data hub && mkdir /data && chown hub /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/diemcau /opt/diemcau
ENV PATH=/opt/venv/bin:$PATH HUB_DATA=/data PYTHONUNBUFFERED=1
USER hub
WORKDIR /opt/diemcau
VOLUME /data
EXPOSE 8000/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["diemcau"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--http"]
