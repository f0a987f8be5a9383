#!/bin/sh
# Fetches the earlier films of the patients of whom films came in since STAMP: C-FIND, then C-MOVE to the storescp that
# writes EXPORT (`--sort-on-study-uid study`). Needs dcmtk. Prints counts, and nothing of a patient or a study.
#
#   fetch-priors.sh EXPORT STAMP PACS_AET@HOST:PORT OWN_AET
#
# Ends with 3 where a study could not be fetched, with 69 where the PACS does not answer; STAMP then stays as it is.
set -eu
export_directory=$1 stamp=$2 called=${3%%@*} host=${3#*@} own=$4
port=${host##*:} host=${host%:*}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

value() { dcmdump -q -M +P "$1" "$2" 2>/dev/null | sed -n 's/^([^[]*\[\(.*\)\].*/\1/p'; }

echoscu -q -aet "$own" -aec "$called" "$host" "$port" 2>/dev/null || { echo "The PACS does not answer." >&2; exit 69; }
touch "$work/stamp"
[ -e "$stamp" ] || touch -d @0 "$stamp"
# a number with * or ? would ask for all patients
find "$export_directory" -type f -newer "$stamp" | while IFS= read -r file; do value 0010,0020 "$file"; done |
    grep -v '[*?\\]' | sort -u >"$work/patients" || true

fetched=0 failed=0
while IFS= read -r patient; do
    rm -rf "$work/found" && mkdir "$work/found"
    findscu -q -S -aet "$own" -aec "$called" -X -od "$work/found" -k QueryRetrieveLevel=STUDY -k "PatientID=$patient" \
        -k 'ModalitiesInStudy=CR\DX' -k StudyInstanceUID "$host" "$port" </dev/null 2>/dev/null || failed=$((failed + 1))
    for answer in "$work/found"/*; do
        uid=$(value 0020,000d "$answer")
        case $uid in '' | *[!0-9.]*) continue ;; esac
        [ ! -d "$export_directory/study_$uid" ] || continue
        if movescu -q -S -aet "$own" -aec "$called" -aem "$own" -k QueryRetrieveLevel=STUDY -k "StudyInstanceUID=$uid" \
            "$host" "$port" </dev/null 2>/dev/null; then fetched=$((fetched + 1)); else failed=$((failed + 1)); fi
    done
done <"$work/patients"

echo "asked for $(wc -l <"$work/patients") patients, fetched $fetched studies, failed $failed"
[ "$failed" -eq 0 ] || exit 3
touch -r "$work/stamp" "$stamp"
