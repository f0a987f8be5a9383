#!/bin/sh
# A night: priors, signed reports, films, drafts, pages, and what is sent to other systems.
#   nightly.sh /etc/cxrreport.env
# 3 (some files or studies failed) lets the rest of the night go on; any other failure ends it with its exit code.
set -u
set -a && . "$1" && set +a
: "${CONFIG:?}" "${REPORTS:?}" "${EXPORT:?}"
worst=0

step() {
    "${CXRREPORT:-cxrreport}" --quiet --config "$CONFIG" "$@" --json
    code=$?
    case $code in
        0) ;;
        3) worst=3 ;;
        *) exit "$code" ;;
    esac
}

# a study that was drafted without its prior is drafted again once the prior is there
[ -z "${PACS:-}" ] || "$(dirname "$0")/fetch-priors.sh" "$EXPORT" "${STAMP:?}" "$PACS" "${AET:-CXRREPORT}" >&2 || worst=3
step index "$REPORTS"
step generate "$EXPORT"
[ -z "${OUT:-}" ] || step export "$OUT" --format html
if [ -n "${SEND:-}" ]; then
    set -- --since "${SEND_SINCE:?}"
    for target in $SEND; do set -- "$@" --send "$target"; done
    step export "$@"
fi
exit "$worst"
