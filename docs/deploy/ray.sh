#!/bin/sh
# Makes this machine a part of the cluster until it is stopped: ray.sh head | ray.sh worker. Its environment is ray.env.
set -eu
: "${HEAD:?}" "${PORTS:?}" "${RAY_AUTH_TOKEN_PATH:?}"
port=${CXRREPORT_RAY_ADDRESS##*:}
own=${OWN:-$(ip -o route get "$HEAD" | sed -n 's/.* src \([^ ]*\).*/\1/p')}
set -- "$1" --block --disable-usage-stats --node-ip-address="$own" --object-store-memory=134217728 \
    ${CPUS:+--num-cpus="$CPUS"} ${GPUS:+--num-gpus="$GPUS"} --temp-dir="${RUNTIME_DIRECTORY:-/tmp/ray-$(id -u)}"
role=$1 && shift
# $PORTS is several words
case $role in
    head) exec "${RAY:-/opt/cxrreport/bin/ray}" start --head --port="$port" --include-dashboard=false $PORTS "$@" ;;
    worker) exec "${RAY:-/opt/cxrreport/bin/ray}" start --address="$HEAD:$port" $PORTS "$@" ;;
    *) echo "head or worker" >&2 && exit 2 ;;
esac
