package config

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Code names a kind of finding. Codes are stable: one is never given to anything else,
// so that people may look it up, and scripts may tell findings apart.
type Code string

// What is wrong with a manifest itself.
const (
	CodeUnreadable  Code = "SL0001"
	CodeKind        Code = "SL0002"
	CodeField       Code = "SL0003"
	CodeUnsupported Code = "SL0004"
	CodeValue       Code = "SL0005"
	CodeTwice       Code = "SL0006"
	CodeNoEffect    Code = "SL0007"
	CodeStored      Code = "SL0008"
)

// What names something that is not there.
const (
	CodeHost         Code = "SL0101"
	CodeSubset       Code = "SL0102"
	CodeGateway      Code = "SL0103"
	CodeNoInstance   Code = "SL0104"
	CodeNobodysRule  Code = "SL0105"
	CodeUnusedSubset Code = "SL0106"
	CodeSelector     Code = "SL0107"
	CodeDelegate     Code = "SL0108"
	CodeNoMember     Code = "SL0109"
	CodeUnselected   Code = "SL0110"
	CodeNoCaller     Code = "SL0111"
	CodeTrustDomain  Code = "SL0112"
)

// What is wrong with routes.
const (
	CodeUnreachable      Code = "SL0201"
	CodeUnreachableMatch Code = "SL0202"
	CodeMayBeUnreachable Code = "SL0203"
	CodeRoutedTwice      Code = "SL0204"
	CodeRuledTwice       Code = "SL0205"
	CodeNoWeight         Code = "SL0206"
	CodeWeightForgotten  Code = "SL0207"
	CodeWeightSum        Code = "SL0208"
	CodeToItself         Code = "SL0209"
	CodeTriesTooLong     Code = "SL0210"
	CodeTriesCut         Code = "SL0211"
	CodeFitsNothing      Code = "SL0212"
)

// What is wrong with policies.
const (
	CodeDeniesAll   Code = "SL0301"
	CodeDefaultDeny Code = "SL0302"
	CodeIdlePolicy  Code = "SL0303"
	CodeAllowsAll   Code = "SL0304"
	CodeNotTaken    Code = "SL0305"
	CodeTwoPolicies Code = "SL0306"
	CodeClaimed     Code = "SL0307"
	CodePlainHTTPS  Code = "SL0308"
	CodeUnverified  Code = "SL0309"
	CodePrincipal   Code = "SL0310"
)

// CodeInfo is what there is to know of a code.
type CodeInfo struct {
	Code     Code
	Severity string
	Title    string // what a finding of it says, in short
	Help     string // why it matters, and what to do
}

// codes is every code, in order.
var codes = []CodeInfo{
	{
		CodeUnreadable, SeverityError, "The manifest cannot be read",
		"It is no YAML, too large, nested too deep, or a document is no resource. Mend it as the message says.",
	},
	{
		CodeKind, SeverityError, "The kind is not supported",
		"The mesh does not act on this apiVersion and kind, so it is refused rather than ignored. Leave the document out.",
	},
	{
		CodeField, SeverityError, "The kind has no such field",
		"Mostly a slip of spelling or of indentation: the message suggests the field that was likely meant.",
	},
	{
		CodeUnsupported, SeverityError, "The field or value is not supported",
		"The kind has it, but the mesh does not act on it; it is refused rather than ignored. Remove it.",
	},
	{
		CodeValue, SeverityError, "The value is not right",
		"It is of the wrong sort, out of range, missing, or cannot stand beside another one. The message says what would be right.",
	},
	{
		CodeTwice, SeverityError, "The resource is there twice",
		"Two documents have the same kind, namespace and name; only one of them could take effect. Keep one, or rename the other.",
	},
	{
		CodeNoEffect, SeverityWarning, "The setting has no effect",
		"It can stand, but changes nothing as things are. Remove it, or mend what keeps it from acting.",
	},
	{
		CodeStored, SeverityError, "A stored resource cannot be read",
		"Another version of the program stored it. All the rest is in force, and in its place what was last read of it; where nothing was, an AuthorizationPolicy that allows allows nothing, one that denies denies everything, a PeerAuthentication is STRICT, and anything else is left out. Mend it with sightline edit, apply it anew, or delete it.",
	},
	{
		CodeHost, SeverityWarning, "No service has this name",
		"Requests to it are answered with 404 until a service of that name joins. Look for a slip of spelling, or a missing namespace: a bare name is looked for in the namespace of the resource.",
	},
	{
		CodeSubset, SeverityError, "No DestinationRule defines the subset",
		"Without its labels the mesh cannot tell which instances are meant. Define the subset in the DestinationRule of the host, in the same change or before.",
	},
	{
		CodeGateway, SeverityError, "The gateway is not there",
		"Routes hold for the sidecars, which are the gateway called mesh. Name that one or none.",
	},
	{
		CodeNoInstance, SeverityWarning, "No instance belongs to the subset",
		"Requests sent to it are answered with 503 (UH). Start instances with its labels first, or correct the labels.",
	},
	{
		CodeNobodysRule, SeverityWarning, "The DestinationRule is about a service that nobody has",
		"It takes effect when a service of that name joins. Look for a slip of spelling, or a missing namespace.",
	},
	{
		CodeUnusedSubset, SeverityInfo, "No route uses the subset",
		"That is usual before a roll-out and after one. If it is meant to get requests, name it in a VirtualService.",
	},
	{
		CodeSelector, SeverityWarning, "The selector fits no instance",
		"The policy protects and changes nothing as things are. Compare its labels with those of the instances, and its namespace with theirs.",
	},
	{
		CodeDelegate, SeverityWarning, "There is no such delegate",
		"The route that delegates to it is left out, as if it was not written. Look for a slip of spelling, or a missing namespace: a bare name is looked for in the namespace of the resource.",
	},
	{
		CodeNoMember, SeverityWarning, "Nobody belongs to the service",
		"Requests to it are answered with 503 (UH). Compare the selector with the labels of workloads in the same namespace; a sidecar carries app (its service's name) and version.",
	},
	{
		CodeUnselected, SeverityWarning, "No Service selects the workload",
		"Nobody can call it, as it has no name to be asked for. Add a Service that selects its labels, in its namespace, or correct the labels.",
	},
	{
		CodeNoCaller, SeverityWarning, "No known workload is who the policy is about",
		"No caller fits it until a workload of that account or namespace joins: an ALLOW policy lets nobody in by it, and a DENY policy keeps nobody out. Look for a slip of spelling.",
	},
	{
		CodeTrustDomain, SeverityWarning, "The trust domain is not the mesh's",
		"Sidecars take certificates of their own trust domain alone, so no caller fits it. In principals, cluster.local stands for that one, whatever its name.",
	},
	{
		CodeUnreachable, SeverityWarning, "No request gets to the rule",
		"Rules are tried in order, and earlier ones take every request that this one is about. Move it up, or narrow the one that the message names.",
	},
	{
		CodeUnreachableMatch, SeverityWarning, "No request gets to one match of the rule",
		"An earlier match takes every request that this one is about. The rule's other matches act. Remove it, or move the rule up.",
	},
	{
		CodeMayBeUnreachable, SeverityInfo, "Maybe no request gets to the rule",
		"A regular expression before it fits every example that was tried, which is no proof. See whether it leaves anything for this rule.",
	},
	{
		CodeRoutedTwice, SeverityError, "Two VirtualServices route one host",
		"It would be left to chance which of them holds. Put the routes of a host into one.",
	},
	{
		CodeRuledTwice, SeverityError, "Two resources rule one service",
		"There is one DestinationRule, HealthCheck and Hedge for a service. Put all that is to hold into one.",
	},
	{
		CodeNoWeight, SeverityError, "The weights sum to 0",
		"No request could be sent. Give at least one destination a weight above 0.",
	},
	{
		CodeWeightForgotten, SeverityWarning, "A destination among several has no weight",
		"Without a weight it gets nothing, as if it said 0. Say 0 if that is meant, else give it its share.",
	},
	{
		CodeWeightSum, SeverityInfo, "The weights do not sum to 100",
		"They are taken in proportion to their sum, so 1 and 3 are a quarter and three quarters. Fine if that is what was meant.",
	},
	{
		CodeToItself, SeverityWarning, "The rule sends requests back to where they came from",
		"A redirect whose target the same rule takes again goes round in circles until the caller gives up; a mirror to the destination of the route doubles its load.",
	},
	{
		CodeTriesTooLong, SeverityWarning, "No try can be followed by another one in time",
		"One try may take as long as the route's timeout or longer, so a slow one is never tried again. Make perTryTimeout shorter, or the timeout longer.",
	},
	{
		CodeTriesCut, SeverityInfo, "The timeout leaves no room for every retry",
		"If tries run into perTryTimeout, the route's timeout ends the request before the last of them. Fewer attempts would say what happens.",
	},
	{
		CodeFitsNothing, SeverityWarning, "The match fits no request",
		"It asks for something that no request has, or for two things that exclude each other. Correct or remove it.",
	},
	{
		CodeDeniesAll, SeverityWarning, "The policy denies everything",
		"Every request to the selected instances is answered with 403. If that is meant, leave it; else give the rules conditions, or add a policy that allows what should pass.",
	},
	{
		CodeDefaultDeny, SeverityInfo, "The policy denies what no other one allows",
		"An ALLOW policy without rules allows nothing itself; other ALLOW policies of the same instances let their requests through. That is the usual default.",
	},
	{
		CodeIdlePolicy, SeverityWarning, "The policy fits no request",
		"A DENY or AUDIT policy without rules does nothing. Give it rules; an empty one fits every request.",
	},
	{
		CodeAllowsAll, SeverityInfo, "The policy allows everything, whatever others allow",
		"A rule without conditions fits every request, so the ALLOW policies beside it, which the message names, decide nothing.",
	},
	{
		CodeNotTaken, SeverityError, "The service is called in a way that it does not take",
		"Every request would fail to connect: a PeerAuthentication, or the mesh's default STRICT, says what instances take, and the DestinationRule says otherwise. Make it PERMISSIVE first, or change the rule.",
	},
	{
		CodeTwoPolicies, SeverityError, "Two resources say the same thing of the same workloads",
		"Only one of them could hold, and which would be left to their names. Keep one of them, or narrow its selector.",
	},
	{
		CodeClaimed, SeverityInfo, "The policy allows by an address that callers only claim",
		"remoteIpBlocks and remote.ip look at X-Forwarded-For, which a caller may write as it likes, in Istio too. Ask for its identity beside it, or for ipBlocks, if that is not meant.",
	},
	{
		CodePlainHTTPS, SeverityWarning, "HTTP would go to the port of HTTPS in plaintext",
		"A server that speaks TLS answers it with an error at best. Add a DestinationRule that has sidecars make TLS, or say protocol HTTPS where apps do.",
	},
	{
		CodeUnverified, SeverityWarning, "The server's certificate is not verified",
		"Encrypted as it is, the connection may end at anybody who got in between. Say whom to trust (caCertificates), and by which names (subjectAltNames).",
	},
	{
		CodePrincipal, SeverityWarning, "Nobody has such a principal",
		"A principal is trust-domain/ns/namespace/sa/account, with one * at its beginning or end at most, so no caller fits this one. For an account alone there is serviceAccounts.",
	},
}

// Codes is every code, in order. The slice is the caller's.
func Codes() []CodeInfo { return append([]CodeInfo(nil), codes...) }

// Info is what there is to know of a code; of one that is none it is empty.
func (c Code) Info() CodeInfo {
	for _, i := range codes {
		if i.Code == c {
			return i
		}
	}
	return CodeInfo{}
}

// On is a finding of the code about a field of a resource.
func (c Code) On(resource, path, format string, args ...any) mesh.Finding {
	return mesh.Finding{
		Code: string(c), Severity: c.Info().Severity, Resource: resource, Path: path, Message: fmt.Sprintf(format, args...),
	}
}
