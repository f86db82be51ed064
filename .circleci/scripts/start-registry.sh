#!/bin/bash
# Starts an image registry on port 5000 of this machine, unless one is there, and waits until it answers.
set -euo pipefail

answers() { curl --fail --silent --output /dev/null http://127.0.0.1:5000/v2/; }

# Where the pipeline runs on somebody's own machine, an earlier run has left one.
if answers; then
  echo "a registry answers on 127.0.0.1:5000 already"
  exit 0
fi
docker run --detach --restart always --name registry --publish 127.0.0.1:5000:5000 registry:2
for _ in $(seq 30); do
  if answers; then
    echo "the registry answers on 127.0.0.1:5000"
    exit 0
  fi
  sleep 1
done
echo "the registry does not answer" >&2
docker logs registry >&2
exit 1
