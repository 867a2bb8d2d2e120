package compile

import (
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func headers(h *networking.Headers) *mesh.HeaderEdits {
	out := mesh.HeaderEdits{Request: fields(h.GetRequest()), Response: fields(h.GetResponse())}
	if empty(out.Request) && empty(out.Response) {
		return nil
	}
	return &out
}

func empty(e mesh.FieldEdits) bool { return len(e.Remove)+len(e.Set)+len(e.Add) == 0 }

func fields(ops *networking.Headers_HeaderOperations) mesh.FieldEdits {
	out := mesh.FieldEdits{Set: plain(ops.GetSet()), Add: plain(ops.GetAdd())}
	for _, name := range ops.GetRemove() {
		out.Remove = append(out.Remove, config.FieldName(name))
	}
	return out
}

// plain are the values as they are sent: a percent sign is written twice, because a
// single one begins a variable.
func plain(by map[string]string) map[string]string {
	if len(by) == 0 {
		return nil
	}
	out := make(map[string]string, len(by))
	for name, value := range by {
		out[config.FieldName(name)] = strings.ReplaceAll(value, "%%", "%")
	}
	return out
}

func rewrite(r *networking.HTTPRewrite) *mesh.Rewrite {
	if r == nil {
		return nil
	}
	return &mesh.Rewrite{
		Path: r.GetUri(), Authority: r.GetAuthority(),
		Regex: r.GetUriRegexRewrite().GetMatch(), Substitution: r.GetUriRegexRewrite().GetRewrite(),
	}
}

func redirect(r *networking.HTTPRedirect) *mesh.Redirect {
	if r == nil {
		return nil
	}
	out := &mesh.Redirect{
		Code: int(r.GetRedirectCode()), Path: r.GetUri(), Prefix: r.GetPrefixRewrite(),
		Authority: r.GetAuthority(), Scheme: r.GetScheme(), Port: r.GetPort(),
		RequestPort: r.GetDerivePort() == networking.HTTPRedirect_FROM_REQUEST_PORT,
	}
	if out.Code == 0 {
		out.Code = 301
	}
	return out
}

func directResponse(d *networking.HTTPDirectResponse) *mesh.DirectResponse {
	if d == nil {
		return nil
	}
	out := &mesh.DirectResponse{Status: int(d.GetStatus()), Body: d.GetBody().GetBytes()}
	if text := d.GetBody().GetString_(); text != "" {
		out.Body = []byte(text)
	}
	return out
}

func cors(c *networking.CorsPolicy) *mesh.CORS {
	if c == nil {
		return nil
	}
	out := &mesh.CORS{
		Methods: c.GetAllowMethods(), Headers: c.GetAllowHeaders(), Expose: c.GetExposeHeaders(),
		MaxAge: c.GetMaxAge().AsDuration(), Credentials: c.GetAllowCredentials().GetValue(),
		Ignore: c.GetUnmatchedPreflights() == networking.CorsPolicy_IGNORE,
	}
	for _, origin := range c.GetAllowOrigin() { //nolint:staticcheck // manifests still use it
		out.Origins = append(out.Origins, mesh.StringMatch{Exact: origin})
	}
	for _, m := range c.GetAllowOrigins() {
		if sm := stringMatch(m); sm != nil {
			out.Origins = append(out.Origins, *sm)
		}
	}
	return out
}

func fault(f *networking.HTTPFaultInjection) *mesh.Fault {
	if f == nil {
		return nil
	}
	out := &mesh.Fault{}
	if d := f.GetDelay(); d != nil {
		out.Delay = &mesh.Delay{Fixed: d.GetFixedDelay().AsDuration(), Percent: float64(d.GetPercent())} //nolint:staticcheck // manifests still use it
		if d.GetPercentage() != nil {
			out.Delay.Percent = d.GetPercentage().GetValue()
		}
	}
	if a := f.GetAbort(); a != nil {
		out.Abort = &mesh.Abort{Status: int(a.GetHttpStatus()), Percent: a.GetPercentage().GetValue()}
		if code, ok := config.GRPCStatus(a.GetGrpcStatus()); ok {
			out.Abort.GRPC = &code
		}
	}
	return out
}

// mirrors are those of both spellings. No percentage means every request.
func mirrors(o config.Object, h *networking.HTTPRoute) []mesh.Mirror {
	var out []mesh.Mirror
	add := func(d *networking.Destination, percent float64) {
		if to, ok := destination(o, d, 0, 1); ok {
			out = append(out, mesh.Mirror{Service: to.Service, Subset: to.Subset, Port: to.Port, Percent: percent})
		}
	}
	if h.GetMirror() != nil {
		percent := 100.0
		if old := h.GetMirrorPercent(); old != nil { //nolint:staticcheck // manifests still use it
			percent = float64(old.GetValue())
		}
		if p := h.GetMirrorPercentage(); p != nil {
			percent = p.GetValue()
		}
		add(h.GetMirror(), percent)
	}
	for _, m := range h.GetMirrors() {
		percent := 100.0
		if p := m.GetPercentage(); p != nil {
			percent = p.GetValue()
		}
		add(m.GetDestination(), percent)
	}
	return out
}
