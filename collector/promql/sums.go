package promql

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// noting parses queries and notes at the selectors of computed metrics what of the query
// makes reading them cheaper. A note is a matcher without a name, which nobody can type.
//
// Of series that are only ever added up it says by which labels: `sum by (le) (rate(x[5m]))`
// needs one counter for each le, not one for each set of labels, of which a mesh has many
// thousands. Computed counters have values at the same times and never start anew, so the
// rate of their sum is the sum of their rates.
//
// And of those outside of subqueries it says that they are: they are looked at in the
// query's steps alone.
type noting struct{ parser.Parser }

// additive are the functions that a sum may be drawn into.
var additive = []string{"rate", "increase", "irate"}

// Notes are the words before the labels, and one that has none.
const (
	sumBy      = "by "
	sumWithout = "without "
	inSteps    = "in steps"
)

// ParseExpr parses a query.
func (p noting) ParseExpr(input string) (parser.Expr, error) {
	expr, err := p.Parser.ParseExpr(input)
	if err != nil {
		return nil, err
	}
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		switch n := n.(type) {
		case *parser.AggregateExpr:
			if n.Op == parser.SUM {
				noteSum(n)
			}
		case *parser.VectorSelector:
			if !slices.ContainsFunc(path, isSubquery) {
				note(n, inSteps)
			}
		}
		return nil
	})
	return expr, nil
}

func isSubquery(n parser.Node) bool {
	_, ok := n.(*parser.SubqueryExpr)
	return ok
}

func noteSum(sum *parser.AggregateExpr) {
	s := summed(sum.Expr)
	if s == nil {
		return
	}
	words := sumBy
	if sum.Without {
		words = sumWithout
	}
	note(s, words+strings.Join(sum.Grouping, ","))
}

// note leaves a note at a selector of one computed metric.
func note(s *parser.VectorSelector, text string) {
	if slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && Computed(m.Value)
	}) {
		s.LabelMatchers = append(s.LabelMatchers, noteOf(text))
	}
}

// noteOf is a note. It is not one of equality: of those absent() makes labels.
func noteOf(text string) *labels.Matcher {
	return &labels.Matcher{Type: labels.MatchNotEqual, Value: text}
}

// summed is the selector that a sum may be drawn into, nil if there is none.
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
		return e
	}
	return nil
}

// sums says by which labels series are added up.
type sums struct {
	labels  []string
	without bool
}

// notes are what is noted at a selector: the sums, nil if there are none, and whether only
// the query's own steps are looked at.
type notes struct {
	sums    *sums
	inSteps bool
}

// noted takes the notes out of the matchers.
func noted(matchers []*labels.Matcher) (notes, []*labels.Matcher) {
	var n notes
	left := make([]*labels.Matcher, 0, len(matchers))
	for _, m := range matchers {
		switch {
		case m.Name != "":
			left = append(left, m)
		case m.Value == inSteps:
			n.inSteps = true
		default:
			n.sums = parseSums(m.Value)
		}
	}
	return n, left
}

func parseSums(text string) *sums {
	s := &sums{}
	list, by := strings.CutPrefix(text, sumBy)
	if !by {
		s.without = true
		list = strings.TrimPrefix(list, sumWithout)
	}
	if list != "" {
		s.labels = strings.Split(list, ",")
	}
	return s
}

// keeps reports whether series are told apart by a label.
func (s *sums) keeps(name string) bool {
	return s == nil || slices.Contains(s.labels, name) != s.without
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
