# cxrreport as a container. State lies in /data; mount the export read-only:
#   docker run --rm -v cxrreport:/data -v /pacs/export:/export:ro cxrreport generate /export
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/cxrreport \
 && /opt/cxrreport/bin/pip install --no-cache-dir --constraint constraints.txt ".[postgres]"

FROM python:3.11-slim
COPY --from=build /opt/cxrreport /opt/cxrreport
RUN useradd --uid 10001 --create-home cxrreport \
 && install -d -m 0700 -o cxrreport -g cxrreport /data
ENV CXRREPORT_HOME=/data
USER 10001
VOLUME /data
ENTRYPOINT ["/opt/cxrreport/bin/cxrreport"]
CMD ["--help"]
