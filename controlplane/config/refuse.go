package config

import "strings"

// Each field that a kind has and the mesh does not act on is refused with a reason of its
// own, and with what would be right in its place where there is any.

// reasons are why fields of a kind are refused, by their rule.
type reasons map[string]string

func (r reasons) of(rule string) string { return r[rule] }

// noTargets says why policies have no target references.
const noTargets = "it is for the gateways and waypoints of other meshes; want a selector with matchLabels"

var virtualServiceRefuses = reasons{
	"http.fault.abort.http2Error":       "a caller that speaks HTTP/1 has no such errors; want httpStatus or grpcStatus",
	"http.fault.delay.exponentialDelay": "Istio itself does not act on it; want fixedDelay",
	"http.match.statPrefix":             "metrics are told apart by the label route; want a name for the rule, which that has",
	"tcp.match.destinationSubnets":      "streams are routed by the service that was asked for, whatever its addresses; want a host of its own for what is at those",
	"tls.match.destinationSubnets":      "streams are routed by the service that was asked for, whatever its addresses; want sniHosts",
	"tcp.match.sourceSubnet":            "the caller is always the app beside the sidecar; want sourceLabels or sourceNamespace",
}

// destinationRules are those of a DestinationRule, of traffic policies without where they
// stand.
var destinationRules = reasons{
	"workloadSelector":                   "a rule holds for every caller of its host; want a subset, and sourceLabels in a VirtualService for who goes there",
	"connectionPool.http.http2KeepAlive": "sidecars ask a silent connection by themselves whether its other end is there; leave it out, or want connectionPool.tcp.tcpKeepalive",
	"loadBalancer.zoneAwareLbSetting":    "it divides by zones what instances can take, which is not known; want localityLbSetting",
	"outlierDetection.consecutiveErrors": "Istio has replaced it; want consecutive5xxErrors or consecutiveGatewayErrors",
	"proxyProtocol":                      "the callee's sidecar knows the caller by its certificate; leave it out",
	"tunnel":                             "there are no gateways to go out through; want a ServiceEntry for the host itself",
	"tls.credentialName":                 "it names a Secret of Kubernetes, and sidecars read files of their own machine; want caCertificates, clientCertificate and privateKey with their paths",
	"tls.caCrl":                          "lists of revoked certificates are not read; want caCertificates without the authority that signed them",
}

// destinationRuleRefuses finds the reason wherever the traffic policy stands.
func destinationRuleRefuses(rule string) string {
	rule = strings.TrimPrefix(rule, "subsets.")
	rule = strings.TrimPrefix(rule, "trafficPolicy.")
	return destinationRules[strings.TrimPrefix(rule, "portLevelSettings.")]
}

const (
	noWeight   = "instances share requests by how busy they are; want labels, subsets of them in a DestinationRule, and weights in a VirtualService"
	oneNetwork = "every address has to be reached from every sidecar, as there are no gateways; leave it out"
)

// noWildcard says why an entry's hosts have none, but with resolution NONE.
const noWildcard = "DNS cannot be asked for it, and addresses that are written down are those of one name; want each host by its whole name, or resolution NONE, which carries redirected connections to where they were going"

var serviceEntryRefuses = reasons{
	"addresses":         "requests go by the host they name, TLS by its server name, and bytes by the addresses of instances or a port of the sidecar (--upstream); want endpoints at these addresses, or leave it out",
	"endpoints.weight":  noWeight,
	"endpoints.network": oneNetwork,
}

var workloadEntryRefuses = reasons{"weight": noWeight, "network": oneNetwork}

var sidecarRefuses = reasons{
	"ingress":               "ports of an app are the sidecar's own flag --port, and what reaches them is for AuthorizationPolicy and PeerAuthentication; leave it out",
	"inboundConnectionPool": "what an app takes at a time is limited by a RateLimit (inFlight) of sightline.dev; want that",
	"outboundTrafficPolicy": "who may go out of the mesh is each sidecar's own flag --outbound-policy (allow-any or registry-only); want that",
	"egress.port":           "one listener carries every port; want hosts alone, and a port in the destination of a VirtualService",
	"egress.bind":           "where sidecars listen is their own flags --outbound and --upstream; leave it out",
	"egress.captureMode":    "whether connections are redirected is how a sidecar is started (sightline-proxy init); leave it out",
}

var authorizationPolicyRefuses = reasons{
	"targetRef": noTargets, "targetRefs": noTargets,
	"provider": "the mesh asks no external authorizer; want the action ALLOW, DENY or AUDIT with rules, and RequestAuthentication for tokens",
}

var requestAuthenticationRefuses = reasons{
	"targetRef": noTargets, "targetRefs": noTargets,
	"jwtRules.timeout": "sidecars fetch keys ahead of requests, with a time of their own; leave it out",
}

const noExpression = "a label is a column of the store's rows and rollups, one for all workloads, and values that requests bring have no bound; " +
	"want a name of its own for a route of a VirtualService that matches them, which the label route has, or customTags of tracing, by which traces are found"

var telemetryRefuses = reasons{
	"targetRef": noTargets, "targetRefs": noTargets,
	"metrics.overrides.match.customMetric": "the mesh makes Istio's metrics and no others; want metric",
	"metrics.overrides.tagOverrides.value": noExpression,
	"metrics.reportingInterval":            "sidecars tell metrics every second; leave it out",
	"tracing.customTags.environment":       "a sidecar's own environment is told to nobody, as it may hold secrets; want literal or header",
	"tracing.customTags.formatter":         "it is a text of Envoy's with variables; want literal or header",
	"tracing.disableContextPropagation":    "without it no trace goes on, and none could be found again by a log; want disableSpanReporting",
	"tracing.enableIstioTags":              "spans always tell who called whom; leave it out",
	"tracing.useRequestIdForTraceSampling": "the trace's own id decides, which every hop sees alike; leave it out",
}

const (
	noGateways  = "the mesh routes between services and has no gateways; leave it out"
	noExtension = "the mesh has no filters of its own kinds; leave it out"
	noExternal  = "the mesh asks no external authorizer; want an AuthorizationPolicy, and RequestAuthentication for tokens"
)

// gatewayRefuses are those of both kinds of routes.
var gatewayRefuses = reasons{
	"hostnames":                "a route of the mesh is for the callers of a Service, whatever they call it (GEP-1294); want a Service as parent for each host",
	"parentRefs.sectionName":   "a Service has ports and no listeners; want port",
	"useDefaultGateways":       noGateways,
	"rules.sessionPersistence": "a session is kept by hashing: want a DestinationRule of the backend with loadBalancer.consistentHash.httpCookie, or httpHeaderName",

	"rules.filters.extensionRef": noExtension,
	"rules.filters.externalAuth": noExternal,

	"rules.backendRefs.filters.cors":            "a preflight is answered before a backend is chosen; want it in the rule's own filters",
	"rules.backendRefs.filters.requestMirror":   "copies are made before a backend is chosen; want it in the rule's own filters",
	"rules.backendRefs.filters.requestRedirect": "a rule redirects all of its requests or none; want it in the rule's own filters",
	"rules.backendRefs.filters.extensionRef":    noExtension,
	"rules.backendRefs.filters.externalAuth":    noExternal,
}

const (
	noNode   = "the mesh carries calls between workloads, and opens no ports of machines; leave it out"
	noFamily = "instances are called at the address that each has, IPv4 or IPv6; leave it out"
)

var serviceRefuses = reasons{
	"allocateLoadBalancerNodePorts": noNode, "externalTrafficPolicy": noNode, "healthCheckNodePort": noNode,
	"loadBalancerClass": noNode, "loadBalancerIP": noNode, "loadBalancerSourceRanges": noNode, "ports.nodePort": noNode,
	"clusterIPs":   "a service is asked for by its name, and has no address of its own; leave it out",
	"externalIPs":  "a service is asked for by its name; want a ServiceEntry with endpoints at these addresses",
	"externalName": "a Service names workloads of the mesh; want a ServiceEntry with resolution DNS",
	"ipFamilies":   noFamily, "ipFamilyPolicy": noFamily,
	"publishNotReadyAddresses": "an instance is called when it is ready, and no sooner; leave it out",
	"sessionAffinityConfig":    "want a DestinationRule with loadBalancer.consistentHash.useSourceIp",
	"trafficDistribution":      "instances nearby are preferred by a DestinationRule's loadBalancer.localityLbSetting; want that",
}

const (
	ownIndicator = "an SLO holds the one indicator that it is about; want indicator with a ratioMetric"
	noSlices     = "budgets are counted in events (budgetingMethod: Occurrences); want target"
	noThreshold  = "an objective is a share of events that are good; want a ratioMetric whose good ones are on the right side of the threshold"
	noRaw        = "a share that is made elsewhere has no number of events to weigh it by; want good or bad, and total"
)

var sloRefusals = reasons{
	"alertPolicies": "every SLO alerts by itself when its budget burns fast, and when it burns slowly; leave it out",
	"indicatorRef":  ownIndicator, "objectives.indicator": ownIndicator, "objectives.indicatorRef": ownIndicator,
	"objectives.compositeWeight": "an SLO has one objective; want another SLO for each",
	"objectives.timeSliceTarget": noSlices, "objectives.timeSliceWindow": noSlices,
	"objectives.op": noThreshold, "objectives.value": noThreshold, "indicator.spec.thresholdMetric": noThreshold,
	"indicator.spec.ratioMetric.raw": noRaw, "indicator.spec.ratioMetric.rawType": noRaw,
	"timeWindow.calendar": "a budget is that of a rolling window, the same on every day; want isRolling: true",
}

func sloRefuses(rule string) string {
	if strings.HasSuffix(rule, ".metricSource.metricSourceRef") {
		return "the mesh's own store is the one source; want type: Prometheus and a query"
	}
	return sloRefusals[rule]
}
