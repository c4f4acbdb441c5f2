{{/* What is read and written in the namespaces of users. */}}
{{- define "daemun.rules.namespaces" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources:
    - gateways
    - listenersets
    - httproutes
    - grpcroutes
    - tlsroutes
    - tcproutes
    - udproutes
    - referencegrants
    - backendtlspolicies
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources:
    - gateways/status
    - listenersets/status
    - httproutes/status
    - grpcroutes/status
    - tlsroutes/status
    - tcproutes/status
    - udproutes/status
    - backendtlspolicies/status
  verbs: [update, patch]
- apiGroups: [policies.daemun.dev, gateway.daemun.dev]
  resources: ["*"]
  verbs: [get, list, watch]
- apiGroups: [policies.daemun.dev]
  resources: ["*/status"]
  verbs: [update, patch]
# Secrets and ConfigMaps are listed as metadata, and read only where a Gateway, route or policy refers to them.
- apiGroups: [""]
  resources: [secrets, endpoints, pods]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [multicluster.x-k8s.io]
  resources: [serviceimports]
  verbs: [get, list, watch]
{{- if .Values.rbac.kong }}
- apiGroups: [configuration.konghq.com]
  resources: [kongplugins, kongconsumers]
  verbs: [get, list, watch]
{{- end }}
# The infrastructure of Gateways. Data planes get a service account without rights.
- apiGroups: [""]
  resources: [services, serviceaccounts, configmaps]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [apps]
  resources: [deployments, daemonsets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* What belongs to no namespace. */}}
{{- define "daemun.rules.cluster" -}}
- apiGroups: [certificates.k8s.io]
  resources: [clustertrustbundles]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses/status]
  verbs: [update, patch]
- apiGroups: [""]
  resources: [namespaces, nodes]
  verbs: [get, list, watch]
{{- if .Values.rbac.kong }}
- apiGroups: [configuration.konghq.com]
  resources: [kongclusterplugins]
  verbs: [get, list, watch]
{{- end }}
# Which CRDs are there, and of which version.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
# Whether another installation has the same controller name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
# Who a data plane is that asks for its config.
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
{{- end -}}

{{/*
In the release's own namespace: who leads, and the authority that data planes trust. The Lease goes with the pod of whoever
leads: some clusters ask who owns what to another for the right to delete it.
*/}}
{{- define "daemun.rules.own" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, update, patch]
{{- end -}}
