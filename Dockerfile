# cxrreport as a container, built from `make wheelhouse` without network; BASE has the Python of the wheels and venv.
#   podman build --network none -t cxrreport .
# State lies in /data; the export is mounted read-only:
#   podman run --rm --read-only --network none -v cxrreport:/data -v /pacs/export:/export:ro cxrreport generate /export
ARG BASE=docker.io/library/python:3.11-slim
FROM ${BASE} AS build
COPY wheelhouse /wheelhouse
RUN python3 -m venv /opt/cxrreport \
 && /opt/cxrreport/bin/pip install --no-cache-dir --no-index --find-links /wheelhouse \
    --require-hashes -r /wheelhouse/requirements.lock

FROM ${BASE}
COPY --from=build /opt/cxrreport /opt/cxrreport
RUN useradd --uid 10001 --create-home cxrreport \
 && install -d -m 0700 -o cxrreport -g cxrreport /data
ENV CXRREPORT_HOME=/data
USER 10001
VOLUME /data
ENTRYPOINT ["/opt/cxrreport/bin/cxrreport"]
CMD ["--help"]
