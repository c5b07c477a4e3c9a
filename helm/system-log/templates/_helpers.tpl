{{- /* Names. 52 characters leave room for "-test-ready" and for the revision hash of the pods' labels. */ -}}
{{- define "system-log.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "system-log.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The headless Service of the admin port; it also gives the pod its DNS name. */ -}}
{{- define "system-log.adminName" -}}
{{- printf "%s-admin" (include "system-log.fullname" .) -}}
{{- end -}}

{{- define "system-log.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "system-log.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* What never changes over a release's life: selectors and volume claims are immutable. */ -}}
{{- define "system-log.identity" -}}
app.kubernetes.io/name: {{ include "system-log.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* The server's pod, and not the test's. */ -}}
{{- define "system-log.selector" -}}
{{ include "system-log.identity" . }}
app.kubernetes.io/component: server
{{- end -}}

{{- /* Labels of an object: (list $ "component"). */ -}}
{{- define "system-log.labels" -}}
{{- $root := index . 0 -}}
{{ include "system-log.identity" $root }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "system-log.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Where things are in the container. The secret is not below the configuration: mounts do not nest in read-only ones. */ -}}
{{- define "system-log.configDir" -}}/etc/system-log{{- end -}}
{{- define "system-log.secretDir" -}}/run/secrets/system-log{{- end -}}
{{- define "system-log.secretFile" -}}hs256{{- end -}}
{{- define "system-log.hooksDir" -}}/run/secrets/system-log-hooks{{- end -}}
{{- define "system-log.pluginsDir" -}}/usr/share/system-log/plugins{{- end -}}
{{- define "system-log.volumeDir" -}}/var/lib/system-log{{- end -}}
{{- /* A folder below the volume: the root of some file systems holds a lost+found that is not ours. */ -}}
{{- define "system-log.dataDir" -}}{{ include "system-log.volumeDir" . }}/data{{- end -}}

{{- /* A value as TOML on one line. JSON's strings, numbers, booleans are TOML's; its objects and null are not. Helm's own
toToml is not used: it turns the whole numbers of a values file into floats. */ -}}
{{- define "system-log.toml" -}}
{{- if kindIs "map" . -}}
{{- $map := . -}}
{{- $pairs := list -}}
{{- range $key := keys $map | sortAlpha -}}
{{- $pairs = append $pairs (printf "%s = %s" (toJson $key) (include "system-log.toml" (get $map $key))) -}}
{{- end -}}
{{- printf "{ %s }" (join ", " $pairs) -}}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . -}}
{{- $items = append $items (include "system-log.toml" .) -}}
{{- end -}}
{{- printf "[%s]" (join ", " $items) -}}
{{- else if kindIs "invalid" . -}}
{{- fail "collectors: null cannot be written as TOML; leave the key out" -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{- define "system-log.config" -}}
[auth]
issuer = {{ required "auth.issuer is required: the `iss` of the tokens that are accepted; without it nobody could sign in" .Values.auth.issuer | toJson }}
{{- with .Values.auth.audience }}
audience = {{ toJson . }}
{{- end }}
hs256_secret = {{ printf "file:%s/%s" (include "system-log.secretDir" .) (include "system-log.secretFile" .) | toJson }}
{{- with .Values.plugins.existingClaim }}

[collectors]
directory = {{ include "system-log.pluginsDir" $ | toJson }}
{{- with $.Values.plugins.signingKeys }}
signing_keys = {{ include "system-log.toml" . }}
{{- end }}
{{- end }}
{{- with .Values.collectors }}

[collectors.config]
{{- range $name := keys . | sortAlpha }}
{{ toJson $name }} = {{ include "system-log.toml" (get $.Values.collectors $name) }}
{{- end }}
{{- end }}
{{- range .Values.hooks.receivers }}

[[hooks]]
source = {{ toJson .source }}
token = {{ include "system-log.hookFile" .tokenKey }}
{{- with .orgId }}
org_id = {{ toJson . }}
{{- end }}
verify = {{ toJson .verify }}
{{- $files := list -}}
{{- range .secretKeys -}}
{{- $files = append $files (include "system-log.hookFile" .) -}}
{{- end }}
secrets = [{{ join ", " $files }}]
{{- end }}
{{ end -}}

{{- /* A key of the hooks' Secret as the configuration refers to it. */ -}}
{{- define "system-log.hookFile" -}}
{{ printf "file:%s/%s" (include "system-log.hooksDir" .) . | toJson }}
{{- end -}}

{{- /* Of every container the chart starts. */ -}}
{{- define "system-log.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAs.user }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.runAs.group }}
runAsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "system-log.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
