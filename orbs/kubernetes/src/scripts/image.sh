# Which image: the parameter, else ORBYARD_IMAGE of an earlier step, else the file of an earlier job.
image="${PARAM_IMAGE:-${ORBYARD_IMAGE:-}}"
if [ -z "$image" ] && [ -n "$PARAM_IMAGE_FILE" ] && [ -f "$PARAM_IMAGE_FILE" ]; then
  image="$(cat "$PARAM_IMAGE_FILE")"
fi
