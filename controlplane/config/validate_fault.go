package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"
)

func (v *validator) faultInjection(f *networking.HTTPFaultInjection, path string) {
	if f == nil {
		return
	}
	if f.GetDelay() == nil && f.GetAbort() == nil {
		v.fault(path, "is empty; want delay or abort")
	}
	if d := f.GetDelay(); d != nil {
		at := path + ".delay"
		if d.GetFixedDelay() == nil {
			v.fault(at+".fixedDelay", "is missing; want how long, such as 2s")
		} else if v.positive(d.GetFixedDelay(), at+".fixedDelay"); d.GetFixedDelay().AsDuration() > time.Hour {
			v.fault(at+".fixedDelay", "%s is longer than 1h", d.GetFixedDelay().AsDuration())
		}
		v.percent(d.GetPercentage().GetValue(), at+".percentage.value")
		if n := d.GetPercent(); n < 0 || n > 100 { //nolint:staticcheck // manifests still use it
			v.fault(at+".percent", "%d is not a percentage from 0 to 100", n)
		}
		if d.GetPercentage() == nil && d.GetPercent() == 0 { //nolint:staticcheck // as above
			v.warn(at, "delays no request: give percentage.value, such as 100")
		}
	}
	if a := f.GetAbort(); a != nil {
		v.abort(a, path+".abort")
	}
}

func (v *validator) abort(a *networking.HTTPFaultInjection_Abort, path string) {
	switch is := a.GetErrorType().(type) {
	case *networking.HTTPFaultInjection_Abort_HttpStatus:
		if is.HttpStatus < 200 || is.HttpStatus > 599 {
			v.fault(path+".httpStatus", "%d is not the status of an answer; want 200 to 599", is.HttpStatus)
		}
	case *networking.HTTPFaultInjection_Abort_GrpcStatus:
		if _, ok := GRPCStatus(is.GrpcStatus); !ok {
			v.fault(path+".grpcStatus", "%q is not a status of gRPC; want one of %s", is.GrpcStatus, strings.Join(grpcStatuses, ", "))
		}
	default:
		v.fault(path, "says not how; want httpStatus or grpcStatus")
	}
	v.percent(a.GetPercentage().GetValue(), path+".percentage.value")
	if a.GetPercentage() == nil {
		v.warn(path, "aborts no request: give percentage.value, such as 100")
	}
}

// grpcStatuses are the names of gRPC's codes, by code.
var grpcStatuses = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// GRPCStatus is the code of gRPC that a manifest names.
func GRPCStatus(name string) (code int, ok bool) {
	code = slices.Index(grpcStatuses, name)
	return code, code >= 0
}

func (v *validator) mirrors(h *networking.HTTPRoute, path string) {
	if h.GetMirror() != nil {
		v.destination(h.GetMirror(), path+".mirror")
		if len(h.GetMirrors()) > 0 {
			v.fault(path+".mirrors", "cannot stand beside mirror; put both into mirrors")
		}
	}
	v.percent(h.GetMirrorPercentage().GetValue(), path+".mirrorPercentage.value")
	old := h.GetMirrorPercent() //nolint:staticcheck // manifests still use it
	if old.GetValue() > 100 {
		v.fault(path+".mirrorPercent", "%d is not a percentage from 0 to 100", old.GetValue())
	}
	if h.GetMirror() == nil && (h.GetMirrorPercentage() != nil || old != nil) {
		v.fault(path+".mirrorPercentage", "is for mirror, which is not there; the entries of mirrors have their own")
	}
	for i, m := range h.GetMirrors() {
		here := fmt.Sprintf("%s.mirrors[%d]", path, i)
		v.destination(m.GetDestination(), here+".destination")
		v.percent(m.GetPercentage().GetValue(), here+".percentage.value")
	}
}

func (v *validator) cors(c *networking.CorsPolicy, path string) {
	if c == nil {
		return
	}
	if len(c.GetAllowOrigins())+len(c.GetAllowOrigin()) == 0 { //nolint:staticcheck // manifests still use it
		v.warn(path, "permits no origin: give allowOrigins")
	}
	for i, m := range c.GetAllowOrigins() {
		here := fmt.Sprintf("%s.allowOrigins[%d]", path, i)
		if v.stringMatch(m, here); m.GetMatchType() != nil && m.GetExact()+m.GetPrefix()+m.GetRegex() == "" {
			v.fault(here, "is empty; want an origin such as https://shop.example, or *")
		}
	}
	for _, list := range []struct {
		field string
		words []string
	}{
		{"allowMethods", c.GetAllowMethods()},
		{"allowHeaders", c.GetAllowHeaders()},
		{"exposeHeaders", c.GetExposeHeaders()},
	} {
		for i, word := range list.words {
			if !token(word) {
				v.fault(fmt.Sprintf("%s.%s[%d]", path, list.field, i), "%q is not a name; want that of a method or a header, or *", word)
			}
		}
	}
	if d := c.GetMaxAge(); d != nil {
		v.positive(d, path+".maxAge")
		if d.AsDuration()%time.Second != 0 {
			v.fault(path+".maxAge", "%s has a part of a second; want whole seconds", d.AsDuration())
		}
	}
}
