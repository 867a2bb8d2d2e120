package authorize

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const domain = "mesh.local"

// fields are those of a request in a test.
type fields map[string]string

func (f fields) field(name string) (string, bool) { v, ok := f[name]; return v, ok }

// claims are those of a token in a test; "/" joins the names of a path.
type claims map[string][]string

func (c claims) Principal() string              { return c["iss"][0] + "/" + c["sub"][0] }
func (c claims) Strings(path []string) []string { return c[strings.Join(path, "/")] }

func caller(identity string) *Caller {
	return NewCaller(Connection{
		Identity: identity, Source: netip.MustParseAddr("10.1.2.3"),
		To: netip.MustParseAddrPort("10.9.0.1:8080"), SNI: "vault.shop",
	})
}

// web is a request that most tests vary.
func web() *Request {
	return &Request{
		Caller: caller("spiffe://mesh.local/ns/shop/sa/web"),
		Method: "GET", Host: "Vault.shop:80", Path: "/secret/1",
		Header: fields{"x-user": "ada", "x-empty": "", "x-forwarded-for": "10.7.7.7, 192.0.2.9"}.field,
		Claims: claims{
			"iss": {"https://issuer"}, "sub": {"ada"}, "aud": {"vault", "till"}, "azp": {"app"},
			"groups": {"admin", "ops"}, "realm/roles": {"auditor"},
		},
	}
}

func compile(t *testing.T, all ...mesh.Authorization) *Policies {
	t.Helper()
	p, err := Compile(all, domain)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func policy(name string, action mesh.AuthorizationAction, rules ...mesh.AuthorizationRule) mesh.Authorization {
	return mesh.Authorization{Name: "shop/" + name, Action: action, Rules: rules}
}

func from(s ...mesh.Source) mesh.AuthorizationRule    { return mesh.AuthorizationRule{From: s} }
func to(o ...mesh.Operation) mesh.AuthorizationRule   { return mesh.AuthorizationRule{To: o} }
func when(c ...mesh.Condition) mesh.AuthorizationRule { return mesh.AuthorizationRule{When: c} }

// is is a condition of one wanted value.
func is(key, value string) mesh.AuthorizationRule {
	return when(mesh.Condition{Key: key, Values: []string{value}})
}

// isNot is one of an unwanted value.
func isNot(key, value string) mesh.AuthorizationRule {
	return when(mesh.Condition{Key: key, NotValues: []string{value}})
}

func TestEachFieldAlone(t *testing.T) {
	type source = mesh.Source
	type operation = mesh.Operation
	s := func(v ...string) []string { return v }
	for name, tt := range map[string]struct {
		rule mesh.AuthorizationRule
		want bool
	}{
		"everything":               {mesh.AuthorizationRule{}, true},
		"principal":                {from(source{Principals: s("mesh.local/ns/shop/sa/web")}), true},
		"principal of local":       {from(source{Principals: s("cluster.local/ns/shop/sa/web")}), true},
		"principal elsewhere":      {from(source{Principals: s("other.local/ns/shop/sa/web")}), false},
		"principal prefix":         {from(source{Principals: s("cluster.local/ns/shop/*")}), true},
		"principal prefix only":    {from(source{Principals: s("mesh.local/ns/sho")}), false},
		"principal suffix":         {from(source{Principals: s("*/sa/web")}), true},
		"principal other suffix":   {from(source{Principals: s("*/sa/we")}), false},
		"principal any":            {from(source{Principals: s("*")}), true},
		"one of principals":        {from(source{Principals: s("a", "*b", "*/sa/web")}), true},
		"not principal":            {from(source{NotPrincipals: s("mesh.local/ns/shop/sa/web")}), false},
		"not other principal":      {from(source{NotPrincipals: s("mesh.local/ns/shop/sa/till")}), true},
		"not any principal":        {from(source{NotPrincipals: s("*")}), false},
		"namespace":                {from(source{Namespaces: s("shop")}), true},
		"namespace case":           {from(source{Namespaces: s("Shop")}), false},
		"namespace prefix":         {from(source{Namespaces: s("sh*")}), true},
		"namespace suffix":         {from(source{Namespaces: s("*op")}), true},
		"other namespace":          {from(source{Namespaces: s("sho", "shops")}), false},
		"not namespace":            {from(source{NotNamespaces: s("shop")}), false},
		"not other namespace":      {from(source{NotNamespaces: s("till")}), true},
		"account":                  {from(source{ServiceAccounts: s("shop/web")}), true},
		"account elsewhere":        {from(source{ServiceAccounts: s("till/web")}), false},
		"account has no wildcards": {from(source{ServiceAccounts: s("shop/*", "*")}), false},
		"not account":              {from(source{NotServiceAccounts: s("shop/web")}), false},
		"trust domain":             {from(source{TrustDomains: s("mesh.*")}), true},
		"not trust domain":         {from(source{NotTrustDomains: s("mesh.local")}), false},
		"address":                  {from(source{IPBlocks: s("10.1.2.3")}), true},
		"address in IPv6 form":     {from(source{IPBlocks: s("::ffff:10.1.2.3")}), true},
		"block":                    {from(source{IPBlocks: s("192.168.0.0/16", "10.1.0.0/16")}), true},
		"block with host bits":     {from(source{IPBlocks: s("10.1.9.9/16")}), true},
		"other block":              {from(source{IPBlocks: s("10.2.0.0/16", "::/0")}), false},
		"not block":                {from(source{NotIPBlocks: s("10.0.0.0/8")}), false},
		"block without a part":     {from(source{IPBlocks: s("10.0.0.0/8"), NotIPBlocks: s("10.1.2.0/24")}), false},
		"remote block":             {from(source{RemoteIPBlocks: s("192.0.2.0/24")}), true},
		"remote is the last":       {from(source{RemoteIPBlocks: s("10.7.7.7")}), false},
		"remote is no connection":  {from(source{RemoteIPBlocks: s("10.1.2.3")}), false},
		"not remote block":         {from(source{NotRemoteIPBlocks: s("192.0.2.9")}), false},
		"not other remote block":   {from(source{NotRemoteIPBlocks: s("10.0.0.0/8")}), true},
		"request principal":        {from(source{RequestPrincipals: s("https://issuer/ada")}), true},
		"request principal prefix": {from(source{RequestPrincipals: s("https://issuer/*")}), true},
		"request principal any":    {from(source{RequestPrincipals: s("*")}), true},
		"not request principal":    {from(source{NotRequestPrincipals: s("*/ada")}), false},

		"host":                     {to(operation{Hosts: s("vault.shop:80")}), true},
		"host case":                {to(operation{Hosts: s("VAULT.shop:80")}), true},
		"host without its port":    {to(operation{Hosts: s("vault.shop")}), false},
		"host prefix":              {to(operation{Hosts: s("vault.shop:*")}), true},
		"host suffix":              {to(operation{Hosts: s("*.SHOP:80")}), true},
		"host any":                 {to(operation{Hosts: s("*")}), true},
		"not host":                 {to(operation{NotHosts: s("Vault.*")}), false},
		"port":                     {to(operation{Ports: s("80", "8080")}), true},
		"other port":               {to(operation{Ports: s("808")}), false},
		"not port":                 {to(operation{NotPorts: s("8080")}), false},
		"method":                   {to(operation{Methods: s("POST", "GET")}), true},
		"method case":              {to(operation{Methods: s("get")}), false},
		"method prefix":            {to(operation{Methods: s("G*")}), true},
		"not method":               {to(operation{NotMethods: s("GET")}), false},
		"path":                     {to(operation{Paths: s("/secret/1")}), true},
		"path is not a prefix":     {to(operation{Paths: s("/secret", "/secret/")}), false},
		"path prefix":              {to(operation{Paths: s("/secret/*")}), true},
		"path suffix":              {to(operation{Paths: s("*/1")}), true},
		"path any":                 {to(operation{Paths: s("*")}), true},
		"path template":            {to(operation{Paths: s("/secret/{*}")}), true},
		"not path":                 {to(operation{NotPaths: s("/secret/*")}), false},
		"path without a part":      {to(operation{Paths: s("/secret/*"), NotPaths: s("/secret/1")}), false},
		"one of two operations":    {to(operation{Paths: s("/a")}, operation{Methods: s("GET")}), true},
		"two fields of one":        {to(operation{Paths: s("/a"), Methods: s("GET")}), false},
		"one of two sources":       {from(source{Namespaces: s("a")}, source{IPBlocks: s("10.1.2.3")}), true},
		"two fields of one source": {from(source{Namespaces: s("a"), IPBlocks: s("10.1.2.3")}), false},

		"header":                    {is("request.headers[x-user]", "ada"), true},
		"header name case":          {is("request.headers[X-User]", "ada"), true},
		"header value case":         {is("request.headers[x-user]", "Ada"), false},
		"header prefix":             {is("request.headers[x-user]", "a*"), true},
		"header suffix":             {is("request.headers[x-user]", "*da"), true},
		"header there":              {is("request.headers[x-user]", "*"), true},
		"header there but empty":    {is("request.headers[x-empty]", "*"), true},
		"header not there":          {is("request.headers[x-other]", "*"), false},
		"not header":                {isNot("request.headers[x-user]", "ada"), false},
		"not a header not there":    {isNot("request.headers[x-other]", "*"), true},
		"host as a header":          {is("request.headers[Host]", "Vault.shop:80"), true},
		"authority as a header":     {is("request.headers[:authority]", "*.shop:80"), true},
		"method as a header":        {isNot("request.headers[:method]", "GET"), false},
		"remote.ip":                 {is("remote.ip", "192.0.2.9"), true},
		"not remote.ip":             {isNot("remote.ip", "192.0.2.0/24"), false},
		"source.ip":                 {is("source.ip", "10.0.0.0/8"), true},
		"not source.ip":             {isNot("source.ip", "10.1.2.3"), false},
		"source.namespace":          {is("source.namespace", "sh*"), true},
		"source.principal":          {is("source.principal", "cluster.local/ns/shop/sa/web"), true},
		"not source.principal":      {isNot("source.principal", "cluster.local/ns/shop/*"), false},
		"source.serviceAccount":     {is("source.serviceAccount", "shop/web"), true},
		"source.trustDomain":        {is("source.trustDomain", "mesh.local"), true},
		"destination.ip":            {is("destination.ip", "10.9.0.0/24"), true},
		"destination.port":          {is("destination.port", "8080"), true},
		"not destination.port":      {isNot("destination.port", "8080"), false},
		"connection.sni":            {is("connection.sni", "*.shop"), true},
		"request.auth.principal":    {is("request.auth.principal", "https://issuer/ada"), true},
		"request.auth.audiences":    {is("request.auth.audiences", "till"), true},
		"not an audience":           {isNot("request.auth.audiences", "till"), false},
		"request.auth.presenter":    {is("request.auth.presenter", "app"), true},
		"claim":                     {is("request.auth.claims[groups]", "ops"), true},
		"claim prefix":              {is("request.auth.claims[groups]", "adm*"), true},
		"nested claim":              {is("request.auth.claims[realm][roles]", "auditor"), true},
		"claim not there":           {is("request.auth.claims[nothing]", "*"), false},
		"not a claim not there":     {isNot("request.auth.claims[nothing]", "*"), true},
		"conditions are all asked":  {when(mesh.Condition{Key: "source.namespace", Values: s("shop")}, mesh.Condition{Key: "connection.sni", Values: s("x")}), false},
		"values and not values":     {when(mesh.Condition{Key: "request.headers[x-user]", Values: s("a*"), NotValues: s("ada")}), false},
		"other values, not values":  {when(mesh.Condition{Key: "request.headers[x-user]", Values: s("a*"), NotValues: s("bob")}), true},
		"from and to and when":      {mesh.AuthorizationRule{From: []source{{Namespaces: s("shop")}}, To: []operation{{Methods: s("GET")}}, When: []mesh.Condition{{Key: "connection.sni", Values: s("*")}}}, true},
		"from and to but not when":  {mesh.AuthorizationRule{From: []source{{Namespaces: s("shop")}}, To: []operation{{Methods: s("GET")}}, When: []mesh.Condition{{Key: "connection.sni", Values: s("x")}}}, false},
		"from and when but not to":  {mesh.AuthorizationRule{From: []source{{Namespaces: s("shop")}}, To: []operation{{Methods: s("PUT")}}, When: []mesh.Condition{{Key: "connection.sni", Values: s("*")}}}, false},
		"to and when but not from":  {mesh.AuthorizationRule{From: []source{{Namespaces: s("x")}}, To: []operation{{Methods: s("GET")}}, When: []mesh.Condition{{Key: "connection.sni", Values: s("*")}}}, false},
		"not lists of all together": {from(source{NotPrincipals: s("a"), NotNamespaces: s("b"), NotIPBlocks: s("1.1.1.1"), NotRequestPrincipals: s("c")}), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := compile(t, policy("a", mesh.Allow, tt.rule)).Request(web()).Allowed; got != tt.want {
				t.Errorf("ALLOW: allowed %v, want %v", got, tt.want)
			}
			if got := compile(t, policy("d", mesh.Deny, tt.rule)).Request(web()).Allowed; got == tt.want {
				t.Errorf("DENY: allowed %v, want %v", got, !tt.want)
			}
		})
	}
}

// A caller or a request that has nothing to compare fits no list, and every Not list.
func TestNothingToCompare(t *testing.T) {
	bare := &Request{Caller: caller(""), Method: "GET", Path: "/", Header: fields{}.field}
	any := []string{"*"}
	for name, tt := range map[string]struct{ want, not mesh.AuthorizationRule }{
		"principals":        {from(mesh.Source{Principals: any}), from(mesh.Source{NotPrincipals: any})},
		"namespaces":        {from(mesh.Source{Namespaces: any}), from(mesh.Source{NotNamespaces: any})},
		"trustDomains":      {from(mesh.Source{TrustDomains: any}), from(mesh.Source{NotTrustDomains: any})},
		"requestPrincipals": {from(mesh.Source{RequestPrincipals: any}), from(mesh.Source{NotRequestPrincipals: any})},
		"hosts":             {to(mesh.Operation{Hosts: any}), to(mesh.Operation{NotHosts: any})},
		"header":            {is("request.headers[x]", "*"), isNot("request.headers[x]", "*")},
		"claim":             {is("request.auth.claims[x]", "*"), isNot("request.auth.claims[x]", "*")},
		"audience":          {is("request.auth.audiences", "*"), isNot("request.auth.audiences", "*")},
		"principal":         {is("request.auth.principal", "*"), isNot("request.auth.principal", "*")},
	} {
		if compile(t, policy("a", mesh.Allow, tt.want)).Request(bare).Allowed {
			t.Errorf("%s: fits * without a value", name)
		}
		if !compile(t, policy("a", mesh.Allow, tt.not)).Request(bare).Allowed {
			t.Errorf("%s: does not fit its Not list without a value", name)
		}
	}
}

func TestIdentitiesThatAreNoWorkloads(t *testing.T) {
	for _, id := range []string{
		"spiffe://mesh.local", "spiffe://mesh.local/ns/shop", "spiffe://mesh.local/ns/shop/x/sa/web",
		"spiffe://mesh.local/ns/shop/sa/web/sa/x", "spiffe://mesh.local/x/ns/shop/sa/web", "https://mesh.local/ns/shop/sa/web",
	} {
		r := web()
		r.Caller = caller(id)
		if compile(t, policy("a", mesh.Allow, from(mesh.Source{Namespaces: []string{"*"}}))).Request(r).Allowed {
			t.Errorf("%s has a namespace", id)
		}
	}
}

func TestEvaluation(t *testing.T) {
	fits, other := from(mesh.Source{Namespaces: []string{"shop"}}), from(mesh.Source{Namespaces: []string{"till"}})
	all := mesh.AuthorizationRule{}
	dry := func(a mesh.Authorization) mesh.Authorization { a.DryRun = true; return a }
	const (
		byD     = "RBAC: access denied by policy shop/d rule 0"
		byNone  = "RBAC: access denied by default: no rule fits of ALLOW policy shop/a"
		dryD    = "dry-run: would be denied by policy shop/d rule 0"
		dryNone = "dry-run: would be denied by default: no rule fits of ALLOW policy shop/a"
	)
	for name, tt := range map[string]struct {
		all          []mesh.Authorization
		reason, note string
	}{
		"no policy":                     {},
		"allow nothing":                 {[]mesh.Authorization{policy("a", mesh.Allow)}, byNone, ""},
		"allow all":                     {[]mesh.Authorization{policy("a", mesh.Allow, all)}, "", ""},
		"deny all":                      {[]mesh.Authorization{policy("d", mesh.Deny, all)}, byD, ""},
		"deny nothing":                  {[]mesh.Authorization{policy("d", mesh.Deny)}, "", ""},
		"allow fits":                    {[]mesh.Authorization{policy("a", mesh.Allow, fits)}, "", ""},
		"allow does not fit":            {[]mesh.Authorization{policy("a", mesh.Allow, other)}, byNone, ""},
		"second rule fits":              {[]mesh.Authorization{policy("a", mesh.Allow, other, fits)}, "", ""},
		"second denial fits":            {[]mesh.Authorization{policy("d", mesh.Deny, other, fits)}, "RBAC: access denied by policy shop/d rule 1", ""},
		"deny before allow":             {[]mesh.Authorization{policy("a", mesh.Allow, all), policy("d", mesh.Deny, fits)}, byD, ""},
		"deny does not fit, allow does": {[]mesh.Authorization{policy("d", mesh.Deny, other), policy("a", mesh.Allow, fits)}, "", ""},
		"deny only, does not fit":       {[]mesh.Authorization{policy("d", mesh.Deny, other)}, "", ""},
		"one of two allows":             {[]mesh.Authorization{policy("a", mesh.Allow, other), policy("b", mesh.Allow, fits)}, "", ""},
		"allow nothing and something":   {[]mesh.Authorization{policy("a", mesh.Allow), policy("b", mesh.Allow, fits)}, "", ""},
		"none of many allows": {
			[]mesh.Authorization{policy("a", mesh.Allow), policy("b", mesh.Allow), policy("c", mesh.Allow), policy("e", mesh.Allow)},
			"RBAC: access denied by default: no rule fits of ALLOW policy shop/a, shop/b, shop/c, …", "",
		},
		"dry-run deny":                   {[]mesh.Authorization{dry(policy("d", mesh.Deny, fits))}, "", dryD},
		"dry-run allow fits":             {[]mesh.Authorization{dry(policy("a", mesh.Allow, fits))}, "", ""},
		"dry-run allow does not fit":     {[]mesh.Authorization{dry(policy("a", mesh.Allow, other))}, "", dryNone},
		"dry-run allow is not in force":  {[]mesh.Authorization{dry(policy("x", mesh.Allow, fits)), policy("a", mesh.Allow, other)}, byNone, ""},
		"dry-run deny beside an allow":   {[]mesh.Authorization{policy("a", mesh.Allow, fits), dry(policy("d", mesh.Deny, all))}, "", dryD},
		"denied, and would be":           {[]mesh.Authorization{policy("a", mesh.Allow, other), dry(policy("d", mesh.Deny, all))}, byNone, dryD},
		"audit":                          {[]mesh.Authorization{policy("u", mesh.Audit, fits)}, "", "audited by policy shop/u rule 0"},
		"audit does not fit":             {[]mesh.Authorization{policy("u", mesh.Audit, other)}, "", ""},
		"audit of a denial":              {[]mesh.Authorization{policy("u", mesh.Audit, fits), policy("d", mesh.Deny, all)}, byD, "audited by policy shop/u rule 0"},
		"audit does not allow or forbid": {[]mesh.Authorization{policy("u", mesh.Audit), policy("a", mesh.Allow, fits)}, "", ""},
	} {
		p, err := Compile(tt.all, domain)
		if err != nil {
			t.Fatal(err)
		}
		d := p.Request(web())
		if d.Allowed != (tt.reason == "") || d.Reason != tt.reason || d.Note != tt.note || d.Rehearsed != strings.HasPrefix(tt.note, "dry-run") {
			t.Errorf("%s: %+v, want reason %q and note %q", name, d, tt.reason, tt.note)
		}
	}
}

// Ways to write a path so that a policy about /admin might not see it. What
// normalisation undoes is not here: that happens before.
func TestPathsThatLookLikeOthers(t *testing.T) {
	deny := compile(t, policy("d", mesh.Deny, to(mesh.Operation{Paths: []string{"/admin", "/admin/*"}})))
	allow := compile(t, policy("a", mesh.Allow, to(mesh.Operation{Paths: []string{"/admin", "/admin/*"}})))
	for path, same := range map[string]bool{
		"/admin": true, "/admin/": true, "/admin/x": true,
		"//admin": false, "/admin;x": false, "/Admin": false, "/admin%2f..": false, "/%61dmin": false, "/administrator": false, "/x/../admin": false, "": false,
	} {
		r := web()
		r.Path = path
		if deny.Request(r).Allowed == same || allow.Request(r).Allowed != same {
			t.Errorf("%q: taken for /admin: %v", path, !same)
		}
	}
}

func TestStreams(t *testing.T) {
	shop, till := []string{"shop"}, []string{"till"}
	for name, tt := range map[string]struct {
		p    mesh.Authorization
		want bool
	}{
		"allow by namespace":                       {policy("a", mesh.Allow, from(mesh.Source{Namespaces: shop})), true},
		"allow by other namespace":                 {policy("a", mesh.Allow, from(mesh.Source{Namespaces: till})), false},
		"allow by port":                            {policy("a", mesh.Allow, to(mesh.Operation{Ports: []string{"8080"}})), true},
		"a remote address is the connection's":     {policy("a", mesh.Allow, is("remote.ip", "10.1.2.3")), true},
		"and so of a source":                       {policy("d", mesh.Deny, from(mesh.Source{RemoteIPBlocks: []string{"10.1.2.3"}})), false},
		"allow by sni":                             {policy("a", mesh.Allow, is("connection.sni", "vault.*")), true},
		"a path cannot be known, so not allowed":   {policy("a", mesh.Allow, to(mesh.Operation{Paths: []string{"*"}})), false},
		"nor by its absence":                       {policy("a", mesh.Allow, to(mesh.Operation{NotPaths: []string{"/x"}})), false},
		"nor a header":                             {policy("a", mesh.Allow, isNot("request.headers[x]", "y")), false},
		"nor a token":                              {policy("a", mesh.Allow, from(mesh.Source{NotRequestPrincipals: []string{"x"}})), false},
		"another operation allows":                 {policy("a", mesh.Allow, to(mesh.Operation{Methods: []string{"GET"}}, mesh.Operation{Ports: []string{"8080"}})), true},
		"another source allows":                    {policy("a", mesh.Allow, from(mesh.Source{RequestPrincipals: []string{"*"}}, mesh.Source{Namespaces: shop})), true},
		"allow everything":                         {policy("a", mesh.Allow, mesh.AuthorizationRule{}), true},
		"deny by namespace":                        {policy("d", mesh.Deny, from(mesh.Source{Namespaces: shop})), false},
		"deny by other namespace":                  {policy("d", mesh.Deny, from(mesh.Source{Namespaces: till})), true},
		"a denial of a path denies all":            {policy("d", mesh.Deny, to(mesh.Operation{Paths: []string{"/x"}})), false},
		"but only on its port":                     {policy("d", mesh.Deny, to(mesh.Operation{Paths: []string{"/x"}, Ports: []string{"1"}})), true},
		"and only from its namespace":              {policy("d", mesh.Deny, mesh.AuthorizationRule{From: []mesh.Source{{Namespaces: till}}, To: []mesh.Operation{{Methods: []string{"GET"}}}}), true},
		"a denial by header denies all":            {policy("d", mesh.Deny, is("request.headers[x]", "y")), false},
		"a denial without a token denies all":      {policy("d", mesh.Deny, from(mesh.Source{NotRequestPrincipals: []string{"*"}})), false},
		"a denial that asks more than a header":    {policy("d", mesh.Deny, when(mesh.Condition{Key: "request.headers[x]", Values: []string{"y"}}, mesh.Condition{Key: "source.namespace", Values: till})), true},
		"an audit of a path is none of a stream's": {policy("u", mesh.Audit, to(mesh.Operation{Paths: []string{"*"}})), true},
	} {
		d := compile(t, tt.p).Stream(web().Caller)
		if d.Allowed != tt.want || d.Note != "" {
			t.Errorf("%s: %+v, want allowed %v", name, d, tt.want)
		}
	}
	if !(*Policies)(nil).Stream(web().Caller).Allowed {
		t.Error("no policies deny")
	}
}

func TestRemote(t *testing.T) {
	for list, want := range map[string]string{
		"": "10.1.2.3", "192.0.2.1": "192.0.2.1", "192.0.2.1,192.0.2.2": "192.0.2.2", "192.0.2.1 , \t192.0.2.2 ": "192.0.2.2",
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
		"::ffff:192.0.2.1": "192.0.2.1", "unknown": "10.1.2.3", "192.0.2.1,": "10.1.2.3", "192.0.2.1, _hidden": "10.1.2.3",
	} {
		q := web()
		q.Header = fields{"x-forwarded-for": list}.field
		if got := remote(q); got != netip.MustParseAddr(want) {
			t.Errorf("X-Forwarded-For: %q comes from %s, want %s", list, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	for template, paths := range map[string]map[string]bool{
		"/foo/{*}":          {"/foo/bar": true, "/foo/": false, "/foo": false, "/foo/bar/": false, "/foo/bar/baz": false, "/x/foo/bar": false},
		"/foo/{**}":         {"/foo/": true, "/foo/bar": true, "/foo/bar/baz": true, "/foo": false, "/fo/bar": false},
		"/foo/{**}/":        {"/foo/bar/": true, "/foo//": true, "/foo/bar": false, "/foo/": false},
		"/foo/{*}/bar/{**}": {"/foo/buzz/bar/": true, "/foo/buzz/bar/baz": true, "/foo//bar/baz": false, "/foo/a/b/bar/c": false},
		"/{*}/{*}":          {"/a/b": true, "/a/b/c": false, "/a/": false, "//b": false},
		"/{**}":             {"/": true, "/a/b": true, "": false},
		"/a/{**}/z":         {"/a//z": true, "/a/b/z": true, "/a/z": false, "/a/b/zz": false},
		"/users/{*}/orders": {"/users/7/orders": true, "/users/7/orders/": false, "/users/7/ordersx": false},
	} {
		p, err := parseTemplate(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		for path, want := range paths {
			if got := p.fits(path); got != want {
				t.Errorf("%s fits %q: %v, want %v", template, path, got, want)
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	s := func(v ...string) []string { return v }
	for want, p := range map[string]mesh.Authorization{
		`policy shop/x: action "CUSTOM"`:                      policy("x", "CUSTOM"),
		`policy shop/x rule 0: principals: a value is empty`:  policy("x", mesh.Allow, from(mesh.Source{Principals: s("")})),
		`policy shop/x rule 1: not ipBlocks: "10.0.0.0/33"`:   policy("x", mesh.Deny, mesh.AuthorizationRule{}, from(mesh.Source{NotIPBlocks: s("10.0.0.0/33")})),
		`ipBlocks: "::ffff:10.0.0.0/104"`:                     policy("x", mesh.Allow, from(mesh.Source{IPBlocks: s("::ffff:10.0.0.0/104")})),
		`paths: path template "/{**}/{*}": {**} must be`:      policy("x", mesh.Allow, to(mesh.Operation{Paths: s("/{**}/{*}")})),
		`paths: path template "/a{*}": want {*} and {**}`:     policy("x", mesh.Allow, to(mesh.Operation{Paths: s("/a{*}")})),
		`paths: path template "{*}": want it to begin`:        policy("x", mesh.Allow, to(mesh.Operation{Paths: s("{*}")})),
		`when: key "request.header[x]" is not known`:          policy("x", mesh.Allow, is("request.header[x]", "y")),
		`when: key "request.headers[x" is not known`:          policy("x", mesh.Allow, is("request.headers[x", "y")),
		`when: key "request.headers[a][b]" is not known`:      policy("x", mesh.Allow, is("request.headers[a][b]", "y")),
		`when: key "request.auth.claims[]" is not known`:      policy("x", mesh.Allow, is("request.auth.claims[]", "y")),
		`when: key "request.auth.claims[a]b[c]" is not known`: policy("x", mesh.Allow, is("request.auth.claims[a]b[c]", "y")),
		`when source.ip: "x": want an IP address`:             policy("x", mesh.Allow, is("source.ip", "x")),
	} {
		if _, err := Compile([]mesh.Authorization{policy("fine", mesh.Allow), p}, domain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := web()
	r.Host = "vault.shop:80"
	var none *Policies
	policies := compile(t,
		policy("d", mesh.Deny, to(mesh.Operation{Paths: []string{"/admin/*", "/x/{*}"}}), is("request.headers[x-user]", "bob")),
		policy("a", mesh.Allow, mesh.AuthorizationRule{
			From: []mesh.Source{{Principals: []string{"cluster.local/ns/shop/sa/web", "*/sa/till"}, NotIPBlocks: []string{"10.9.0.0/16"}}},
			To:   []mesh.Operation{{Methods: []string{"GET"}, Paths: []string{"/secret/*"}, Hosts: []string{"vault.*"}}},
		}),
	)
	if !policies.Request(r).Allowed {
		t.Fatal("denied")
	}
	for name, p := range map[string]*Policies{"none": none, "common": policies} {
		if n := testing.AllocsPerRun(1000, func() { p.Request(r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	denied := web()
	denied.Path = "/admin/x"
	if n := testing.AllocsPerRun(1000, func() { policies.Request(denied) }); n != 0 {
		t.Errorf("a denial: %v allocations", n)
	}
}
