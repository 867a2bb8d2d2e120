package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func toHeaderEdits(h *HeaderEdits) *mesh.HeaderEdits {
	if h == nil {
		return nil
	}
	return &mesh.HeaderEdits{Request: toFieldEdits(h.GetRequest()), Response: toFieldEdits(h.GetResponse())}
}

func toFieldEdits(e *FieldEdits) mesh.FieldEdits {
	return mesh.FieldEdits{Remove: e.GetRemove(), Set: e.GetSet(), Add: e.GetAdd()}
}

func toRewrite(r *Rewrite) *mesh.Rewrite {
	if r == nil {
		return nil
	}
	return &mesh.Rewrite{
		Path: r.GetPath(), Authority: r.GetAuthority(), Regex: r.GetRegex(), Substitution: r.GetSubstitution(),
		Elements: r.GetElements(), Whole: r.GetWhole(),
	}
}

func toRedirect(r *Redirect) *mesh.Redirect {
	if r == nil {
		return nil
	}
	return &mesh.Redirect{
		Code: int(r.GetCode()), Path: r.GetPath(), Prefix: r.GetPrefix(), Authority: r.GetAuthority(),
		Scheme: r.GetScheme(), Port: r.GetPort(), RequestPort: r.GetRequestPort(),
		Elements: r.GetElements(),
	}
}

func toDirectResponse(d *DirectResponse) *mesh.DirectResponse {
	if d == nil {
		return nil
	}
	return &mesh.DirectResponse{Status: int(d.GetStatus()), Body: d.GetBody()}
}

// toCORS keeps an origin without a kind as one that fits nothing.
func toCORS(c *CORS) *mesh.CORS {
	if c == nil {
		return nil
	}
	origin := func(m *StringMatch) mesh.StringMatch {
		if sm := toStringMatch(m); sm != nil {
			return *sm
		}
		return mesh.StringMatch{}
	}
	return &mesh.CORS{
		Origins: each(c.GetOrigins(), origin), Methods: c.GetMethods(), Headers: c.GetHeaders(), Expose: c.GetExpose(),
		MaxAge: toDuration(c.GetMaxAge()), Credentials: c.GetCredentials(), Ignore: c.GetIgnore(),
	}
}

func toFault(f *Fault) *mesh.Fault {
	if f == nil {
		return nil
	}
	out := &mesh.Fault{}
	if d := f.GetDelay(); d != nil {
		out.Delay = &mesh.Delay{Fixed: toDuration(d.GetFixed()), Percent: d.GetPercent()}
	}
	if a := f.GetAbort(); a != nil {
		out.Abort = &mesh.Abort{Status: int(a.GetStatus()), Percent: a.GetPercent()}
		if a.Grpc != nil {
			out.Abort.GRPC = new(int(a.GetGrpc()))
		}
	}
	return out
}

func toMirror(m *Mirror) mesh.Mirror {
	return mesh.Mirror{Service: mesh.ServiceName(m.GetService()), Subset: m.GetSubset(), Port: uint16(m.GetPort()), Percent: m.GetPercent()}
}
