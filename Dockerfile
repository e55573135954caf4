# The gateway as an image: no compiler, no root, nothing written outside /data and /tmp.
#
#   docker build -t social-gateway .
#   docker run --read-only --tmpfs /tmp -v gateway:/data -e GATEWAY_ENCRYPTION_KEYS=… -p 50051:50051 -p 8080:8080 social-gateway
FROM python:3.11.14-slim-bookworm AS build

WORKDIR /source
# The versions of requirements.lock, for what the gateway itself needs; its hashes are checked.
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY protos protos
COPY gateway gateway
COPY providers providers
COPY storage storage
RUN python -m venv /opt/social-gateway \
    && /opt/social-gateway/bin/python -m pip install --no-cache-dir "uv>=0.13,<1" \
    && /opt/social-gateway/bin/uv pip install --python /opt/social-gateway/bin/python --no-cache --compile-bytecode \
    --constraint requirements.lock . \
    && /opt/social-gateway/bin/python -m pip uninstall --yes uv

FROM python:3.11.14-slim-bookworm

RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway --mode 0700 /data
COPY --from=build /opt/social-gateway /opt/social-gateway
USER 10001
ENV PATH=/opt/social-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_DATA_DIR=/data \
    GATEWAY_GRPC_ADDRESS=0.0.0.0:50051 \
    GATEWAY_HTTP_ADDRESS=0.0.0.0:8080
VOLUME /data
EXPOSE 50051 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["social-gateway"]
CMD ["serve"]
