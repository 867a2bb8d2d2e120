package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromHeaderEdits(h *mesh.HeaderEdits) *HeaderEdits {
	if h == nil {
		return nil
	}
	return &HeaderEdits{Request: fromFieldEdits(h.Request), Response: fromFieldEdits(h.Response)}
}

func fromFieldEdits(e mesh.FieldEdits) *FieldEdits {
	return &FieldEdits{Remove: e.Remove, Set: e.Set, Add: e.Add}
}

func fromRewrite(r *mesh.Rewrite) *Rewrite {
	if r == nil {
		return nil
	}
	return &Rewrite{
		Path: r.Path, Authority: r.Authority, Regex: r.Regex, Substitution: r.Substitution,
		Elements: r.Elements, Whole: r.Whole,
	}
}

func fromRedirect(r *mesh.Redirect) *Redirect {
	if r == nil {
		return nil
	}
	return &Redirect{
		Code: int64(r.Code), Path: r.Path, Prefix: r.Prefix, Authority: r.Authority,
		Scheme: r.Scheme, Port: r.Port, RequestPort: r.RequestPort,
		Elements: r.Elements,
	}
}

func fromDirectResponse(d *mesh.DirectResponse) *DirectResponse {
	if d == nil {
		return nil
	}
	return &DirectResponse{Status: int64(d.Status), Body: d.Body}
}

func fromCORS(c *mesh.CORS) *CORS {
	if c == nil {
		return nil
	}
	return &CORS{
		Origins: each(c.Origins, func(m mesh.StringMatch) *StringMatch { return fromStringMatch(&m) }),
		Methods: c.Methods, Headers: c.Headers, Expose: c.Expose,
		MaxAge: fromDuration(c.MaxAge), Credentials: c.Credentials, Ignore: c.Ignore,
	}
}

func fromFault(f *mesh.Fault) *Fault {
	if f == nil {
		return nil
	}
	out := &Fault{}
	if d := f.Delay; d != nil {
		out.Delay = &Delay{Fixed: fromDuration(d.Fixed), Percent: d.Percent}
	}
	if a := f.Abort; a != nil {
		out.Abort = &Abort{Status: int64(a.Status), Percent: a.Percent}
		if a.GRPC != nil {
			out.Abort.Grpc = new(int64(*a.GRPC))
		}
	}
	return out
}

func fromMirror(m mesh.Mirror) *Mirror {
	return &Mirror{Service: string(m.Service), Subset: m.Subset, Port: uint32(m.Port), Percent: m.Percent}
}
