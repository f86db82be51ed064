#!/bin/bash
# Installs a headless browser and its driver, unless both are there.
set -euo pipefail

if command -v chromium google-chrome chrome > /dev/null && command -v chromedriver > /dev/null; then
  exit 0
fi
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
"${as_root[@]}" apt-get update -qq
# Ubuntu's packages of these names install a snap, which cannot read files outside of the home folder.
if grep -q '^ID=debian' /etc/os-release; then
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver > /dev/null
else
  for program in chrome chromedriver; do
    # The last line is the version and the program's path.
    printed="$(npx --yes @puppeteer/browsers install "$program@stable" --path "$HOME/.browsers" | tail -n 1)"
    "${as_root[@]}" ln -sf "${printed#* }" "/usr/local/bin/$program"
  done
  chrome --version
fi
