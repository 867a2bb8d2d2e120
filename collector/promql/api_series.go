package promql

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// defaultSpan is how far back series are looked for when the client does not say.
const defaultSpan = 24 * time.Hour

func (a *api) series(r *http.Request) (answer, error) {
	if len(r.Form["match[]"]) == 0 {
		return answer{}, &apiError{"bad_data", errors.New("no match[] parameter provided")}
	}
	if _, err := a.selectors(r); err != nil {
		return answer{}, bad("match[]", err) // here alone Prometheus names it
	}
	found := map[string]labels.Labels{}
	notes, err := a.each(r, func(q *querier, matchers []*labels.Matcher) (annotations.Annotations, error) {
		return q.eachSeries(r.Context(), matchers, func(l labels.Labels) { found[l.String()] = l })
	})
	if err != nil {
		return answer{}, err
	}
	out := make([]labels.Labels, 0, len(found))
	for _, l := range found {
		out = append(out, l)
	}
	slices.SortFunc(out, labels.Compare)
	return limited(r, out, notes)
}

func (a *api) labels(r *http.Request) (answer, error) {
	return a.texts(r, func(q *querier, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), &storage.LabelHints{}, matchers...)
	})
}

func (a *api) labelValues(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") { // how clients write a name that would not fit into a path
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, &apiError{"bad_data", fmt.Errorf("invalid label name: %q", name)}
	}
	return a.texts(r, func(q *querier, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, &storage.LabelHints{}, matchers...)
	})
}

// texts gathers the answers for each selector, sorted and once each.
func (a *api) texts(r *http.Request, list func(*querier, []*labels.Matcher) ([]string, annotations.Annotations, error)) (answer, error) {
	out := []string{}
	notes, err := a.each(r, func(q *querier, matchers []*labels.Matcher) (annotations.Annotations, error) {
		some, notes, err := list(q, matchers)
		out = append(out, some...)
		return notes, err
	})
	if err != nil {
		return answer{}, err
	}
	slices.Sort(out)
	return limited(r, slices.Compact(out), notes)
}

// each calls f for each selector of the request, once without any where there is none.
// The notes are those of all of them.
func (a *api) each(r *http.Request, f func(*querier, []*labels.Matcher) (annotations.Annotations, error)) (annotations.Annotations, error) {
	now := time.Now()
	start, err := timeOf(r, "start", now.Add(-defaultSpan))
	if err != nil {
		return nil, err
	}
	end, err := timeOf(r, "end", now)
	if err != nil {
		return nil, err
	}
	selectors, err := a.selectors(r)
	switch {
	case err != nil:
		return nil, &apiError{"bad_data", err}
	case len(selectors) == 0:
		selectors = [][]*labels.Matcher{nil}
	}
	var all annotations.Annotations
	q := &querier{source: a.engine.source, mint: start.UnixMilli(), maxt: end.UnixMilli()}
	for _, s := range selectors {
		notes, err := f(q, s)
		if err != nil {
			return nil, err
		}
		all.Merge(notes)
	}
	return all, nil
}

// selectors reads match[]. As Prometheus does, it refuses one that lets everything through.
func (a *api) selectors(r *http.Request) ([][]*labels.Matcher, error) {
	all, err := a.engine.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if !slices.ContainsFunc(s, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return nil, errors.New("match[] must contain at least one non-empty matcher")
		}
	}
	return all, nil
}

// limited cuts a list to the limit that the client gives, and says so.
func limited[T any](r *http.Request, all []T, notes annotations.Annotations) (answer, error) {
	n, err := limitOf(r, "limit")
	if err != nil {
		return answer{}, err
	}
	out := answer{data: all, notes: notes}
	if n > 0 && len(all) > n {
		out.data = all[:n]
		out.notes.Add(errTruncated)
	}
	return out, nil
}

// errTruncated is Prometheus' word for it.
var errTruncated = errors.New("results truncated due to limit")

// limitOf reads a limit; 0 is none.
func limitOf(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, bad(name, err)
	}
	if n < 0 {
		return 0, bad(name, errors.New("limit must be non-negative"))
	}
	return n, nil
}
