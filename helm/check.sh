#!/usr/bin/env bash
# Is the chart sound? Renders it without a cluster: lint, every value set of ci/, every object against Kubernetes' own
# schemas, and what must be refused. Needs `helm` (or $HELM) and `kubernetes-validate` (or $KUBERNETES_VALIDATE).
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
helm=${HELM:-helm}
validate=${KUBERNETES_VALIDATE:-kubernetes-validate}
chart=$here/system-log
# The oldest Kubernetes of Chart.yaml, and one that both tools know. A helm built by `go install` believes in 1.20 unless told.
versions=(1.27 1.33)
accepted=(minimal full)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
ok() { printf 'ok %s\n' "$*"; }
bad() { printf 'FAILED %s\n' "$*"; failures=$((failures + 1)); }
# Says whether the command after the name succeeds; shows its output only when it does not.
expect() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>&1; then ok "$name"; else bad "$name"; sed 's/^/    /' "$work/out"; fi
}

for tool in "$helm" "$validate"; do
  command -v "$tool" >/dev/null || { printf 'FAILED %s is not there; helm/README.md says how to install it\n' "$tool"; exit 2; }
done

render() { "$helm" template check "$chart" --namespace check --kube-version "${versions[1]}.0" "$@"; }

# One file for each object of a rendering.
split() {
  mkdir -p "$2"
  awk -v folder="$2" '/^---$/ { n++; next } { print > sprintf("%s/%03d.yaml", folder, n) }' "$1"
}
kind_of() { sed -n 's/^kind: //p' "$1"; }

# An object is valid when the tool says "passed": for a kind it has no schema for it only warns, and exits with 0.
valid() {
  local said
  said=$("$validate" --strict --kubernetes-version "$1" "$2" 2>&1) || { printf '%s\n' "$said"; return 1; }
  printf '%s\n' "$said"
  [[ $(grep -c "^INFO .* passed for resource " <<<"$said") == 1 && $(wc -l <<<"$said") == 1 ]]
}
# Not just a failure of the tool: it must have found the mistake.
invalid() {
  if valid "$@" >"$work/found"; then return 1; fi
  grep -q ' did not validate for resource ' "$work/found"
}

objects() {
  local set=$1 version file kind count
  for version in "${versions[@]}"; do
    count=0
    for file in "$work/$set"/*.yaml; do
      kind=$(kind_of "$file")
      if [[ $kind == ServiceMonitor ]]; then continue; fi
      count=$((count + 1))
      valid "$version" "$file" >"$work/out" || { bad "$set: $kind against Kubernetes $version"; cat "$work/out"; return; }
    done
    [[ $count -ge 6 ]] || { bad "$set: only $count objects"; return; }
    ok "$set: $count objects are what Kubernetes $version knows"
  done
  for file in "$work/$set"/*.yaml; do
    if [[ $(kind_of "$file") == ServiceMonitor ]]; then
      ok "$set: ServiceMonitor rendered, its schema not checked (a CRD of the Prometheus operator)"
    fi
  done
}

# refused NAME WORDS ARGS…: rendering fails and says why.
refused() {
  local name=$1 words=$2
  shift 2
  if render "$@" >"$work/out" 2>&1; then
    bad "refused: $name (it was rendered)"
  elif grep -qF -- "$words" "$work/out"; then
    ok "refused: $name"
  else
    bad "refused: $name (with other words than: $words)"
    cat "$work/out"
  fi
}

kinds() { cat "$work/$1"/*.yaml | sed -n 's/^kind: //p' | sort | tr '\n' ' '; }
stateful() { grep -lx 'kind: StatefulSet' "$work/$1"/*.yaml; }

args() {
  awk '/^          args:$/ { on = 1; next } on && /^            - / { sub(/^ +- /, ""); printf "%s ", $0; next } { on = 0 }' "$(stateful "$1")"
}
same() { [[ $1 == "$2" ]] || { printf 'is:        %s\nshould be: %s\n' "$1" "$2"; return 1; }; }

# The file the configuration names is the one the secret is mounted as.
secret_is_mounted() {
  local named folder file
  named=$(cat "$work/$1"/*.yaml | sed -n 's/^ *hs256_secret = "file:\(.*\)"$/\1/p')
  folder=$(awk '/- name: issuer/ { getline; if ($1 == "mountPath:") print $2 }' "$(stateful "$1")")
  file=$(awk '/^            items:$/ { on = 1 } on && $1 == "path:" { print $2; exit }' "$(stateful "$1")")
  same "$named" "$folder/$file"
}

# The kill comes after the server's own deadline.
outlives_shutdown() {
  local deadline grace
  deadline=$(sed -n 's/^pub const SHUTDOWN: Duration = Duration::from_secs(\([0-9]*\));$/\1/p' "$here/../service/src/server.rs")
  grace=$(sed -n 's/^ *terminationGracePeriodSeconds: //p' "$(stateful "$1")")
  printf 'the server needs %s s, the pod gets %s s\n' "${deadline:-?}" "$grace"
  [[ -n $deadline && $grace -gt $deadline ]]
}
floor_outlives_shutdown() {
  render -f "$here/ci/minimal.yaml" --set terminationGracePeriodSeconds=15 >"$work/floor.yaml"
  split "$work/floor.yaml" "$work/floor"
  outlives_shutdown floor
}

# All of the hardening, on every pod of the set: how often each line must stand there.
hardened() {
  local line pods=2
  for line in 'runAsNonRoot: true' 'type: RuntimeDefault' 'readOnlyRootFilesystem: true' 'allowPrivilegeEscalation: false' \
    'drop: \[ALL\]' 'automountServiceAccountToken: false'; do
    [[ $(cat "$(stateful "$1")" "$(grep -lx 'kind: Pod' "$work/$1"/*.yaml)" | grep -cE "^ *$line\$") == "$pods" ]] ||
      { printf 'not on every pod: %s\n' "$line"; return 1; }
  done
}

probes() {
  local of=$1 probe path
  while read -r probe path; do
    same "$(awk -v probe="$probe:" '$1 == probe { on = 1 } on && $1 == "path:" { p = $2 } on && $1 == "port:" { print p, $2; exit }' "$(stateful "$of")")" \
      "$path admin" || return 1
  done <<<$'startupProbe /healthz\nlivenessProbe /healthz\nreadinessProbe /readyz'
}

# A public Service of any type never carries the admin port.
admin_stays_inside() {
  local file with=0
  for file in "$work/$1"/*.yaml; do
    if [[ $(kind_of "$file") == Service ]] && grep -qE 'port: 8081$|targetPort: admin$' "$file"; then
      with=$((with + 1))
      grep -qx '  type: ClusterIP' "$file" && grep -qx '  clusterIP: None' "$file" || return 1
    fi
  done
  same "$with" 1
}

one_and_kept() {
  local line
  for line in '  replicas: 1' '    whenDeleted: Retain' '    whenScaled: Retain'; do
    grep -qxF -- "$line" "$(stateful "$1")" || { printf 'missing: %s\n' "$line"; return 1; }
  done
}

checksum() { sed -n 's/^ *checksum\/config: //p' "$1"; }
checksum_follows() {
  render -f "$here/ci/minimal.yaml" --set auth.issuer=another >"$work/another.yaml"
  render -f "$here/ci/minimal.yaml" --set logLevel=debug >"$work/unrelated.yaml"
  [[ $(checksum "$work/another.yaml") != "$(checksum "$work/minimal.yaml")" ]] || return 1
  [[ -n $(checksum "$work/minimal.yaml") && $(checksum "$work/unrelated.yaml") == "$(checksum "$work/minimal.yaml")" ]]
}

for set in "${accepted[@]}"; do
  expect "$set: helm lint" "$helm" lint --strict --kube-version "${versions[1]}.0" "$chart" -f "$here/ci/$set.yaml"
  if ! render -f "$here/ci/$set.yaml" >"$work/$set.yaml" 2>"$work/out"; then
    bad "$set: helm template"
    cat "$work/out"
    continue
  fi
  ok "$set: helm template"
  expect "$set: helm template for Kubernetes ${versions[0]}" \
    "$helm" template check "$chart" --kube-version "${versions[0]}.0" -f "$here/ci/$set.yaml"
  split "$work/$set.yaml" "$work/$set"
  objects "$set"
  expect "$set: the fixed command line" same "$(args "$set")" \
    "serve --config /etc/system-log/config.toml --data /var/lib/system-log/data --listen 0.0.0.0:8080 --admin-listen 0.0.0.0:8081 "
  expect "$set: the configuration names the mounted secret" secret_is_mounted "$set"
  expect "$set: the grace period outlives the server's shutdown" outlives_shutdown "$set"
  expect "$set: probes ask the admin port" probes "$set"
  expect "$set: both pods are locked down" hardened "$set"
  expect "$set: the admin port stays inside the cluster" admin_stays_inside "$set"
  expect "$set: one replica, volume kept" one_and_kept "$set"
done

expect "minimal: nothing optional" same "$(kinds minimal)" "ConfigMap Pod Service Service ServiceAccount StatefulSet "
expect "full: everything optional" same "$(kinds full)" \
  "ConfigMap NetworkPolicy Pod PodDisruptionBudget Service Service ServiceAccount ServiceMonitor StatefulSet "
expect "full: collectors as TOML, whole numbers whole" grep -qF \
  '"webhook" = { "limit" = 100000000, "nested" = { "text" = "quotes \" and\nlines" }, "ratio" = 0.5, "strict" = true, "tags" = ["one", "two"] }' "$work/full.yaml"
expect "full: plugins beside the collectors' configuration" grep -qF 'directory = "/usr/share/system-log/plugins"' "$work/full.yaml"
expect "full: receivers name mounted files" grep -qF \
  'secrets = ["file:/run/secrets/system-log-hooks/mailgun-old", "file:/run/secrets/system-log-hooks/mailgun-new"]' "$work/full.yaml"
expect "full: what they name is mounted" grep -qF 'mountPath: /run/secrets/system-log-hooks' "$(stateful full)"
expect "the checksum follows the configuration and nothing else" checksum_follows
expect "the shortest grace period the schema admits outlives the shutdown" floor_outlives_shutdown
expect "replicas: 0 stops the server" render -f "$here/ci/minimal.yaml" --set replicas=0

# The schema check itself can fail.
sed 's/^  serviceName:/  servicename:/' "$(stateful minimal)" >"$work/broken.yaml"
expect "a misspelt field is found" invalid "${versions[1]}" "$work/broken.yaml"

minimal=(-f "$here/ci/minimal.yaml")
refused "two replicas" "replicas is 2: only 1 (or 0, to stop) is possible" -f "$here/ci/refused-replicas.yaml"
refused "no secret" "auth.existingSecret is required" --set auth.issuer=me
refused "no issuer" "auth.issuer is required" --set auth.existingSecret=some
refused "receivers without a secret" "hooks.existingSecret is required" -f "$here/ci/full.yaml" --set hooks.existingSecret=
refused "a receiver that takes the secret itself" "'secret' not allowed" -f "$here/ci/full.yaml" --set 'hooks.receivers[0].secret=x'
refused "an unknown key" "'replicaCount' not allowed" "${minimal[@]}" --set replicaCount=1
refused "an unknown key further down" "'secret' not allowed" "${minimal[@]}" --set auth.secret=x
refused "root" "/runAs/user" "${minimal[@]}" --set runAs.user=0
refused "a grace period shorter than the shutdown" "/terminationGracePeriodSeconds" "${minimal[@]}" --set terminationGracePeriodSeconds=10

if [[ $failures -gt 0 ]]; then
  printf 'FAILED: %d checks of the chart\n' "$failures"
  exit 1
fi
ok "the chart is sound"
