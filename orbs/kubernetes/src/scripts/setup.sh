#!/bin/bash
# Installs Orbyard into a folder of its own, and puts it on the PATH of the steps that follow.
set -euo pipefail

python=""
for candidate in "$PARAM_PYTHON" python3.14 python3.13 python3.12 python3.11 python3; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    python="$candidate"
    break
  fi
done
if [ -z "$python" ]; then
  echo "Orbyard needs Python 3.11 or later, and this image has none: choose another image." >&2
  exit 3
fi

folder="$HOME/.orbyard-venv"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
  ${PARAM_CONSTRAINTS:+--constraint "$PARAM_CONSTRAINTS"} \
  "${PARAM_REQUIREMENT:-orbyard==$PARAM_VERSION}"
echo "export PATH=\"$folder/bin:\$PATH\"" >> "$BASH_ENV"
"$folder/bin/orbyard" --version
