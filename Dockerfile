# The wheel is built in one stage and is all that the other installs: no checkout, no compiler, no root.
FROM python:3.12-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir --disable-pip-version-check build
COPY pyproject.toml README.md LICENSE celeryconfig.py ./
COPY src src
COPY tasks tasks
COPY workers workers
RUN python -m build --wheel --outdir /wheels

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home overcrank && install -d -o overcrank -g overcrank /data
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check "$(echo /wheels/*.whl)[video,s3]" && rm -r /wheels
USER overcrank
WORKDIR /data
VOLUME /data
ENV OVERCRANK_DATA_DIR=/data PYTHONUNBUFFERED=1
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 CMD ["overcrank", "doctor", "--only", "redis"]
ENTRYPOINT ["overcrank"]
CMD ["--help"]
