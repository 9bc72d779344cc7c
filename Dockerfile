# Stepcue in a container; docs_index/corpus/getting-started/docker.md says how to use it.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY durable_engine ./durable_engine
COPY docs_index ./docs_index
COPY mcp_server ./mcp_server
COPY pytest_stepcue ./pytest_stepcue
RUN python -m venv /opt/stepcue && /opt/stepcue/bin/pip install --no-cache-dir .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Stepcue" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.modelcontextprotocol.server.name="io.github.stepcue/stepcue"
COPY --from=build /opt/stepcue /opt/stepcue
# A user of its own, with a home for the index of the documentation; /data is the one place it keeps things.
RUN useradd --uid 10001 --create-home stepcue && install -d -o stepcue -g stepcue /data
ENV PATH=/opt/stepcue/bin:$PATH \
    PYTHONUNBUFFERED=1
USER stepcue
WORKDIR /data
VOLUME /data
EXPOSE 8288
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8288/health', timeout=2)"]
ENTRYPOINT ["stepcue"]
CMD ["dev", "--host", "0.0.0.0", "--data", "/data/engine.db"]
