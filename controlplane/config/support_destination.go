package config

import (
	"slices"
	"strings"
)

// destinationRuleSupports lists the fields of a DestinationRule that the mesh acts on.
func destinationRuleSupports(rule string) bool {
	if inner, ok := strings.CutPrefix(rule, "subsets."); ok {
		return inner == "name" || inner == "labels" || policySupports(inner)
	}
	return rule == "host" || rule == "subsets" || rule == "exportTo" || policySupports(rule)
}

// policyFields are the supported fields of a traffic policy, by where they stand.
var policyFields = map[string][]string{
	"":                       {"loadBalancer", "connectionPool", "outlierDetection", "retryBudget", "tls", "portLevelSettings"},
	"portLevelSettings":      {"port", "loadBalancer", "connectionPool", "outlierDetection", "tls"},
	"portLevelSettings.port": {"number"},
	"tls": {
		"mode", "clientCertificate", "privateKey", "caCertificates", "subjectAltNames", "sni", "insecureSkipVerify",
	},
	"loadBalancer": {"simple", "consistentHash", "warmup", "warmupDurationSecs", "localityLbSetting"},
	"loadBalancer.consistentHash": {
		"httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName", "ringHash", "maglev", "minimumRingSize",
	},
	"loadBalancer.consistentHash.httpCookie":            {"name", "path", "ttl", "attributes"},
	"loadBalancer.consistentHash.httpCookie.attributes": {"name", "value"},
	"loadBalancer.consistentHash.ringHash":              {"minimumRingSize"},
	"loadBalancer.consistentHash.maglev":                {"tableSize"},
	"loadBalancer.warmup":                               {"duration", "minimumPercent", "aggression"},
	"loadBalancer.localityLbSetting":                    {"enabled", "distribute", "failover", "failoverPriority"},
	"loadBalancer.localityLbSetting.distribute":         {"from", "to"},
	"loadBalancer.localityLbSetting.failover":           {"from", "to"},
	"connectionPool":                                    {"tcp", "http"},
	"connectionPool.tcp": {
		"maxConnections", "connectTimeout", "maxConnectionDuration", "idleTimeout", "tcpKeepalive",
	},
	"connectionPool.tcp.tcpKeepalive": {"probes", "time", "interval"},
	"connectionPool.http": {
		"http1MaxPendingRequests", "http2MaxRequests", "maxRetries", "maxRequestsPerConnection", "idleTimeout",
		"maxConcurrentStreams", "h2UpgradePolicy", "useClientProtocol",
	},
	"outlierDetection": {
		"consecutive5xxErrors", "consecutiveGatewayErrors", "consecutiveLocalOriginFailures",
		"splitExternalLocalOriginErrors", "interval", "baseEjectionTime", "maxEjectionPercent", "minHealthPercent",
		"outlierDetectionHttpErrorCodes",
	},
	"retryBudget": {"percent", "minRetryConcurrency", "budgetInterval"},
}

func policySupports(rule string) bool {
	inner, ok := strings.CutPrefix(rule, "trafficPolicy")
	if !ok || inner == "" {
		return ok
	}
	if setting, ok := strings.CutPrefix(inner, ".portLevelSettings"); ok && strings.Count(setting, ".") > 1 && !strings.HasPrefix(setting, ".port.") {
		inner = setting // as without a port
	}
	at := strings.LastIndexByte(inner, '.')
	return slices.Contains(policyFields[strings.TrimPrefix(inner[:at], ".")], inner[at+1:])
}

// destinationRuleAccepts says what is wrong with a value of a supported field.
func destinationRuleAccepts(rule string, value any) string {
	at := strings.TrimPrefix(strings.TrimPrefix(rule, "subsets."), "trafficPolicy.")
	at = strings.TrimPrefix(at, "portLevelSettings.")
	switch at {
	case "loadBalancer.simple":
		if value == "PASSTHROUGH" {
			return "\"PASSTHROUGH\" is not supported: requests always go to an instance that the mesh knows; want ROUND_ROBIN, LEAST_REQUEST, RANDOM or UNSPECIFIED"
		}
	case "loadBalancer.consistentHash.useSourceIp":
		if value == false {
			return "false says nothing to tell requests apart by; want true, or another key"
		}
	default:
		return saysNothingNew(at, value)
	}
	return ""
}

// exportAccepts takes of the namespaces that a rule is for the one word for all of them.
func exportAccepts(value any) string {
	if !slices.Equal(words(value), []string{"*"}) {
		return show(value) + ` is not supported: a rule holds for every caller of its host; want "*" or none, and sourceNamespace or sourceLabels in a match`
	}
	return ""
}

// saysNothingNew looks at fields of which the mesh takes the one value that says what it
// does anyway.
func saysNothingNew(field string, value any) string {
	switch field {
	case "exportTo":
		return exportAccepts(value)
	case "connectionPool.http.h2UpgradePolicy":
		if value == "UPGRADE" {
			return "\"UPGRADE\" is not supported: requests go between sidecars in the version of HTTP that they came in; want DEFAULT or DO_NOT_UPGRADE"
		}
	case "connectionPool.http.useClientProtocol":
		if value == false {
			return "false is not supported: requests go between sidecars in the version of HTTP that they came in, and the callee's sidecar speaks what its app does; want true"
		}
	}
	return ""
}
