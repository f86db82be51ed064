#!/bin/sh
# `circleci` (and `circleci-agent`) as the steps of a job see it. Containers may have nothing but a POSIX
# shell, so this hands its arguments to the runner through the folder in ORBYARD_AGENT, does what the
# answer asks for (reading input, listing files), asks again, and in the end prints what came back.
#
# The exchange: a folder with the request is renamed to `ask.*`; the runner puts a file `answer` into it,
# which calls the functions below. `serving` is there as long as the runner answers.

umask_before=$(umask)
umask 0

fail() {
  printf 'circleci (the stand-in of Orbyard): %s\n' "$1" >&2
  exit 1
}

clean() { # a signal may come between a rename and its being noted, so all names are tried
  rm -rf "$ORBYARD_AGENT/new.$id" "$ORBYARD_AGENT/ask.$id."*
}

# --- what an answer may call ---------------------------------------------------------------------

take_stdin() {
  if [ -t 0 ]; then
    : > "$request/stdin"
    : > "$request/stdin.terminal"
  else
    cat > "$request/stdin"
  fi
}

take_file() { # name, path
  { [ -f "$2" ] || [ -p "$2" ]; } && cat < "$2" > "$request/$1" 2>/dev/null ||
    : > "$request/$1.missing"
}

take_environment() {
  env -0 > "$request/environment" 2>/dev/null || {
    : > "$request/environment"
    export -p > "$request/exports"
  }
}

take_listing() { # name, depth or "", folder
  : > "$request/$1"
  command -v find > /dev/null || fail "tests glob needs the program find, which is not in this image"
  depth=
  if [ -n "$2" ] && find . -maxdepth 0 > /dev/null 2>&1; then
    depth="-maxdepth $2"
  fi
  (
    CDPATH='' cd -- "$3" 2>/dev/null || exit 0
    # shellcheck disable=SC2016,SC2086 # the inner shell expands; depth is two words or none
    find . $depth \( -type f -o -type l \) -exec sh -c \
      'for file; do [ -f "$file" ] && printf "%s\0" "$file"; done; :' sh {} + 2>/dev/null
  ) >> "$request/$1"
}

take_sizes() { # files
  wc -c -- "$@" /dev/null 2>/dev/null >> "$request/sizes"
}

save() { # name, file or -, exit code where it cannot be written
  case $2 in
    - | /dev/stdout) cat "$request/$1" ;;
    /dev/stderr) cat "$request/$1" >&2 ;; # opening it anew fails where another user owns the terminal
    *) (umask "$umask_before" && cat "$request/$1" > "$2") || exit "$3" ;;
  esac
}

finish() { # exit code
  cat "$request/out"
  cat "$request/err" >&2
  exit "$1"
}

run_command() { # command
  cat "$request/err" >&2
  exec 3< "$request/list"
  clean
  trap - EXIT INT TERM HUP
  umask "$umask_before"
  shell=sh
  command -v bash > /dev/null && shell=bash
  exec "$shell" -c "$1" <&3 3<&-
}

# --- the exchange --------------------------------------------------------------------------------

nap() {
  sleep 0.02 2>/dev/null && waited_ms=$((waited_ms + 25)) && return
  sleep 1
  waited_ms=$((waited_ms + 1000))
}

ask() {
  round=$((round + 1))
  next=$ORBYARD_AGENT/ask.$id.$round
  mv -f "$request" "$next" || fail "cannot ask the runner in $ORBYARD_AGENT"
  request=$next
  waited_ms=0
  limit_ms=$((${ORBYARD_AGENT_WAIT_S:-30} * 1000))
  until [ -f "$request/answer" ]; do
    if [ ! -e "$ORBYARD_AGENT/serving" ] && [ ! -f "$request/answer" ]; then
      fail "the runner that started this job has ended, so nothing can answer \`circleci $first\`"
    fi
    [ "$waited_ms" -lt "$limit_ms" ] ||
      fail "the runner did not answer \`circleci $first\` within ${ORBYARD_AGENT_WAIT_S:-30} seconds"
    nap
  done
  mv -f "$request/answer" "$request/answered"
}

[ -n "${ORBYARD_AGENT-}" ] ||
  fail 'this program works inside of a job alone (ORBYARD_AGENT is not set)'
[ -d "$ORBYARD_AGENT" ] || fail "the folder of the runner is not here: $ORBYARD_AGENT"

case "${1-} ${2-}" in
  'step halt' | 'task halt')
    : > "$ORBYARD_AGENT/halt" || fail "cannot write to $ORBYARD_AGENT"
    exit 0
    ;;
esac

first="${1-} ${2-}"
round=0
id=$$.$(date +%s) # a number of a process comes again
until mkdir "$ORBYARD_AGENT/new.$id" 2>/dev/null; do
  id=$id.1
  [ ${#id} -lt 60 ] || fail "cannot write to $ORBYARD_AGENT"
done
request=$ORBYARD_AGENT/new.$id
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

: > "$request/arguments"
[ $# -eq 0 ] || printf '%s\0' "$@" > "$request/arguments"
printf '%s\0' "$PWD" "${CIRCLE_NODE_INDEX-}" "${CIRCLE_NODE_TOTAL-}" > "$request/place"

while :; do
  ask
  # shellcheck source=/dev/null
  . "$request/answered"
done
