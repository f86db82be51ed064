#!/bin/sh
# `curl` and `wget` as the jobs of a setup workflow see them: a call that continues the pipeline is handed
# to the runner by the `circleci` program, all others are made by the real program.

program=${0##*/}
real=
IFS_before=$IFS
IFS=:
set -f
for place in $PATH; do
  [ "$place/$program" -ef "$0" ] && continue # this script, which stands in two places
  if [ -x "$place/$program" ] && [ ! -d "$place/$program" ]; then
    real=$place/$program
    break
  fi
done
IFS=$IFS_before
set +f

for word; do
  case $word in
    */api/v2/pipeline/continue*)
      "${ORBYARD_AGENT%/*}/bin/circleci" web-call "$program" "${real:+yes}" "$@"
      code=$?
      [ "$code" = 113 ] || exit "$code"
      break
      ;;
  esac
done

[ -n "$real" ] && exec "$real" "$@"
printf '%s: this image has no %s\n' "$program" "$program" >&2
exit 127
