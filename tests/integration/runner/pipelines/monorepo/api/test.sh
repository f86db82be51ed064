echo "the API is tested by $(id -un)"
