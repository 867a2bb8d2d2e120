package promql

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// summing parses queries, and notes at each selector whose series are only ever added up by
// which labels: `sum by (le) (rate(x[5m]))` needs one counter for each le, not one for each
// set of labels, of which a mesh has many thousands. The note is a matcher without a name,
// which nobody can type.
//
// Computed counters have values at the same times and never start anew, so the rate of
// their sum is the sum of their rates.
type summing struct{ parser.Parser }

// additive are the functions that a sum may be drawn into.
var additive = []string{"rate", "increase", "irate"}

// Notes are the words before the labels.
const (
	sumBy      = "by "
	sumWithout = "without "
)

// ParseExpr parses a query.
func (p summing) ParseExpr(input string) (parser.Expr, error) {
	expr, err := p.Parser.ParseExpr(input)
	if err != nil {
		return nil, err
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if sum, ok := n.(*parser.AggregateExpr); ok && sum.Op == parser.SUM {
			note(sum)
		}
		return nil
	})
	return expr, nil
}

func note(sum *parser.AggregateExpr) {
	s := summed(sum.Expr)
	if s == nil {
		return
	}
	words := sumBy
	if sum.Without {
		words = sumWithout
	}
	s.LabelMatchers = append(s.LabelMatchers, &labels.Matcher{Type: labels.MatchEqual, Value: words + strings.Join(sum.Grouping, ",")})
}

// summed is the selector that a sum may be drawn into, nil if there is none: one of a
// single metric.
func summed(e parser.Expr) *parser.VectorSelector {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return summed(e.Expr)
	case *parser.Call:
		if slices.Contains(additive, e.Func.Name) {
			return summed(e.Args[0])
		}
	case *parser.MatrixSelector:
		return summed(e.VectorSelector)
	case *parser.VectorSelector:
		if slices.ContainsFunc(e.LabelMatchers, func(m *labels.Matcher) bool {
			return m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual
		}) {
			return e
		}
	}
	return nil
}

// sums says by which labels series are added up.
type sums struct {
	labels  []string
	without bool
}

// noted takes the note out of the matchers, nil if there is none.
func noted(matchers []*labels.Matcher) (*sums, []*labels.Matcher) {
	i := slices.IndexFunc(matchers, func(m *labels.Matcher) bool { return m.Name == "" })
	if i < 0 {
		return nil, matchers
	}
	s := &sums{}
	list, by := strings.CutPrefix(matchers[i].Value, sumBy)
	if !by {
		s.without = true
		list = strings.TrimPrefix(list, sumWithout)
	}
	if list != "" {
		s.labels = strings.Split(list, ",")
	}
	return s, slices.Delete(slices.Clone(matchers), i, i+1)
}

// of are the labels that are left of some, the metric's name among them.
func (s *sums) of(l labels.Labels, b *labels.Builder) labels.Labels {
	b.Reset(l)
	if s.without {
		return b.Del(s.labels...).Labels()
	}
	return b.Keep(append([]string{model.MetricNameLabel}, s.labels...)...).Labels()
}

// endsOnly reports whether a function looks at nothing but the ends of its window.
func endsOnly(h *storage.SelectHints) bool {
	return h.Func == "rate" || h.Func == "increase"
}
