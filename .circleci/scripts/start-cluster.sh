#!/bin/bash
# Starts a Kubernetes cluster of one node in Docker (kind), whose node pulls 127.0.0.1:5000/… from the
# registry of start-registry.sh, and names its kubeconfig in KUBECONFIG for the steps that follow.
set -euo pipefail

kind_version=v0.24.0
cluster=orbyard
folder="$HOME/.kind"
export KUBECONFIG="$folder/kubeconfig"

mkdir -p "$folder"
curl --fail --silent --show-error --location --retry 3 \
  --output "$folder/kind" "https://kind.sigs.k8s.io/dl/$kind_version/kind-linux-amd64"
chmod +x "$folder/kind"

printf '%s\n' \
  'kind: Cluster' \
  'apiVersion: kind.x-k8s.io/v1alpha4' \
  'containerdConfigPatches:' \
  '  - |' \
  '    [plugins."io.containerd.grpc.v1.cri".registry]' \
  '      config_path = "/etc/containerd/certs.d"' \
  > "$folder/cluster.yml"
"$folder/kind" create cluster --name "$cluster" --config "$folder/cluster.yml" --wait 3m

# Inside of the node 127.0.0.1 is the node; its container runtime asks the registry by name instead.
docker network connect kind registry
for node in $("$folder/kind" get nodes --name "$cluster"); do
  hosts=/etc/containerd/certs.d/127.0.0.1:5000
  docker exec "$node" mkdir -p "$hosts"
  echo '[host."http://registry:5000"]' | docker exec --interactive "$node" tee "$hosts/hosts.toml"
done

echo "export KUBECONFIG=$KUBECONFIG" >> "$BASH_ENV"
