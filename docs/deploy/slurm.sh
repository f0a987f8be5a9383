#!/bin/sh
#SBATCH --job-name=cxrreport
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=06:00:00
#SBATCH --signal=B:TERM@900
#SBATCH --open-mode=append
# A night on Slurm: sbatch slurm.sh /etc/cxrreport.toml /pacs/export. The first node is the head. Slurm sends SIGTERM 15 minutes
# before the time is over: the batches in hand are finished, and the next job goes on.
set -eu
bin=${BIN:-/opt/cxrreport/bin} nodes=${SLURM_JOB_NUM_NODES:?} cpus=${SLURM_CPUS_PER_TASK:?}
folder=${SHARED:-$HOME}/ray-$SLURM_JOB_ID # every node sees it
umask 077 && mkdir "$folder" && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/token"
HEAD=$(hostname -I | cut -d' ' -f1)
CXRREPORT_RAY_ADDRESS=$HEAD:$((20000 + SLURM_JOB_ID % 10000))
PORTS=" " CPUS=$cpus RAY=$bin/ray RUNTIME_DIRECTORY=/tmp/ray-$SLURM_JOB_ID
RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$folder/token
RAY_USAGE_STATS_ENABLED=0 RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9
export HEAD PORTS CPUS RAY RUNTIME_DIRECTORY CXRREPORT_RAY_ADDRESS
export RAY_AUTH_MODE RAY_AUTH_TOKEN_PATH RAY_USAGE_STATS_ENABLED RAY_USAGE_STATS_REPORT_URL

"${RAY_SH:-$bin/../ray.sh}" head >"$folder/head.log" 2>&1 &
head=$!
workers=
trap 'kill "$head" $workers 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 143' TERM
tries=60
until timeout 20 "$bin/ray" status --address "$CXRREPORT_RAY_ADDRESS" >/dev/null 2>&1; do
    tries=$((tries - 1)) && [ "$tries" -gt 0 ] && sleep 2
done
if [ "$nodes" -gt 1 ]; then
    srun --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) --exclude="$(hostname)" \
        "${RAY_SH:-$bin/../ray.sh}" worker >"$folder/workers.log" 2>&1 &
    workers=$!
fi
# a drafting process takes two cores; those of machines that join later start when they do
"$bin/cxrreport" --quiet --config "$1" generate "$2" --engine ray --drafters $((nodes * cpus / 2)) --json &
night=$!
trap 'kill -TERM "$night"' TERM
code=0
wait "$night" || code=$?
kill -0 "$night" 2>/dev/null && code=0 && { wait "$night" || code=$?; } # the trap had ended the first wait
exit "$code"
