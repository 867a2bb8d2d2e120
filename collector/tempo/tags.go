package tempo

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tempo/traceql"
)

// The scopes of names.
const (
	scopeSpan      = "span"
	scopeResource  = "resource"
	scopeIntrinsic = "intrinsic"
)

// recently is where names and values are listed from when nobody says.
const recently = time.Hour

type scope struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// scopes are the names that a request asks for.
func (s *Server) scopes(r *http.Request) ([]scope, error) {
	p := r.URL.Query()
	w, err := s.listWindow(p)
	if err != nil {
		return nil, err
	}
	limit, err := whole(p, "limit", 0)
	if err != nil {
		return nil, err
	}
	want := p.Get("scope")
	if want != "" && want != "none" && !slices.Contains([]string{scopeSpan, scopeResource, scopeIntrinsic}, want) {
		return nil, answer.Bad("scope", want, "span, resource, intrinsic or none")
	}
	keys, err := s.deps.Attributes.AttributeKeys(r.Context(), w)
	if err != nil {
		return nil, err
	}
	out := []scope{}
	for _, sc := range []scope{{scopeResource, keys.Resource}, {scopeSpan, keys.Span}, {scopeIntrinsic, traceql.Intrinsics()}} {
		if want != "" && want != "none" && want != sc.Name {
			continue
		}
		if limit > 0 {
			sc.Tags = sc.Tags[:min(limit, len(sc.Tags))]
		}
		out = append(out, sc)
	}
	return out, nil
}

func (s *Server) listWindow(p url.Values) (signal.Window, error) {
	w, err := windowOf(p)
	if w.End.IsZero() {
		w.End = s.deps.Now().Add(time.Minute) // other machines' clocks may be ahead
	}
	if w.Start.IsZero() {
		w.Start = w.End.Add(-recently)
	}
	return w, err
}

func (s *Server) tagsV2(r *http.Request) (any, error) {
	scopes, err := s.scopes(r)
	return map[string]any{"scopes": scopes}, err
}

// tags is v1: the names of attributes without their scopes.
func (s *Server) tags(r *http.Request) (any, error) {
	scopes, err := s.scopes(r)
	names := []string{}
	for _, sc := range scopes {
		if sc.Name != scopeIntrinsic || r.URL.Query().Get("scope") == scopeIntrinsic {
			names = append(names, sc.Tags...)
		}
	}
	slices.Sort(names)
	return map[string]any{"tagNames": slices.Compact(names)}, err
}

// typed is a value of v2.
type typed struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (s *Server) valuesV2(r *http.Request) (any, error) {
	name, err := tagName(r)
	if err != nil {
		return nil, err
	}
	values, err := s.listed(r, name)
	return map[string]any{"tagValues": values}, err
}

// values is v1: text, of a name without a scope.
func (s *Server) values(r *http.Request) (any, error) {
	name, err := tagName(r)
	if err != nil {
		return nil, err
	}
	if _, err := traceql.FieldOf(name); err != nil {
		name = "." + name
	}
	values, err := s.listed(r, name)
	all := []string{}
	for _, v := range values {
		all = append(all, v.Value)
	}
	return map[string]any{"tagValues": slices.Compact(all)}, err
}

// tagName undoes the escapes that Grafana puts around those of the URL.
func tagName(r *http.Request) (string, error) {
	name := r.PathValue("tag")
	if !strings.Contains(name, "%") {
		return name, nil
	}
	unescaped, err := url.PathUnescape(name)
	if err != nil {
		return "", answer.Bad("tag", name, "a name, its special characters escaped")
	}
	return unescaped, nil
}

// listed are the values of a field in the spans that meet the query q, so far as that is
// understood: it may be about to be written, and the list is to choose from.
func (s *Server) listed(r *http.Request, name string) ([]typed, error) {
	p := r.URL.Query()
	f, err := traceql.FieldOf(name)
	if err != nil {
		return nil, fmt.Errorf("%w: tag: %w", clickhouse.ErrBadQuery, err)
	}
	out := []typed{}
	for _, w := range f.Words() {
		out = append(out, typed{"keyword", w})
	}
	if len(out) > 0 || f.Length() {
		return out, nil
	}
	w, err := s.listWindow(p)
	if err != nil {
		return nil, err
	}
	limit, err := whole(p, "limit", 0)
	if err != nil {
		return nil, err
	}
	q := clickhouse.ValueQuery{Of: f.Keys, Window: w, Limit: limit}
	if asked, err := traceql.Parse(p.Get("q")); err == nil && len(asked.Filters) == 1 {
		q.Filters = asked.Filters
	}
	if f.Root {
		q.Filters = append(q.Filters, filter.Comparison{Key: "root", Op: filter.Equal, Value: filter.WordValue("true")})
	}
	values, err := s.deps.Attributes.AttributeValues(r.Context(), q)
	for _, v := range values {
		out = append(out, typed{typeOf(v), v.Text})
	}
	return out, err
}

// typeOf is Tempo's word for the type of a value.
func typeOf(v clickhouse.AttributeValue) string {
	switch {
	case v.Kind != "number":
		return v.Kind
	case strings.ContainsAny(v.Text, ".en"): // also inf and nan
		return "float"
	}
	return "int"
}
