package promql

import (
	"net/http"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// parseQuery answers with a query's syntax tree, in the shape of Prometheus' API.
func (a *api) parseQuery(r *http.Request) (answer, error) {
	expr, err := a.engine.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return answer{}, bad("query", err)
	}
	return answer{data: tree(expr)}, nil
}

// node is one of the tree: its type and what belongs to that.
type node map[string]any

// tree is nil for an expression that is not there.
func tree(e parser.Expr) any {
	switch n := e.(type) {
	case *parser.AggregateExpr:
		return node{"type": "aggregation", "op": n.Op.String(), "expr": tree(n.Expr), "param": tree(n.Param), "grouping": list(n.Grouping), "without": n.Without}
	case *parser.BinaryExpr:
		return node{"type": "binaryExpr", "op": n.Op.String(), "lhs": tree(n.LHS), "rhs": tree(n.RHS), "matching": matchingOf(n.VectorMatching), "bool": n.ReturnBool}
	case *parser.Call:
		args := []any{}
		for _, arg := range n.Args {
			args = append(args, tree(arg))
		}
		return node{"type": "call", "args": args, "func": node{
			"name": n.Func.Name, "argTypes": n.Func.ArgTypes, "variadic": n.Func.Variadic, "returnType": n.Func.ReturnType,
		}}
	case *parser.MatrixSelector:
		of, _ := n.VectorSelector.(*parser.VectorSelector)
		out := selectorOf(of)
		out["type"], out["range"], out["rangeExpr"] = "matrixSelector", n.Range.Milliseconds(), duration(n.RangeExpr)
		return out
	case *parser.SubqueryExpr:
		return node{
			"type": "subquery", "expr": tree(n.Expr), "range": n.Range.Milliseconds(), "rangeExpr": duration(n.RangeExpr),
			"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": duration(n.OriginalOffsetExpr),
			"step": n.Step.Milliseconds(), "stepExpr": duration(n.StepExpr), "timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd),
		}
	case *parser.VectorSelector:
		return selectorOf(n)
	case *parser.ParenExpr:
		return node{"type": "parenExpr", "expr": tree(n.Expr)}
	case *parser.UnaryExpr:
		return node{"type": "unaryExpr", "op": n.Op.String(), "expr": tree(n.Expr)}
	}
	return leaf(e)
}

func leaf(e parser.Expr) any {
	switch n := e.(type) {
	case *parser.NumberLiteral:
		return node{"type": "numberLiteral", "val": strconv.FormatFloat(n.Val, 'f', -1, 64)}
	case *parser.StringLiteral:
		return node{"type": "stringLiteral", "val": n.Val}
	case *parser.DurationExpr:
		return duration(n)
	}
	return nil
}

func selectorOf(n *parser.VectorSelector) node {
	matchers := []any{}
	for _, m := range n.LabelMatchers {
		matchers = append(matchers, matcherOf(m))
	}
	return node{
		"type": "vectorSelector", "name": n.Name, "matchers": matchers,
		"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": duration(n.OriginalOffsetExpr),
		"timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd), "anchored": n.Anchored, "smoothed": n.Smoothed,
	}
}

func matcherOf(m *labels.Matcher) node {
	return node{"name": m.Name, "value": m.Value, "type": m.Type.String()}
}

func matchingOf(m *parser.VectorMatching) any {
	if m == nil {
		return nil
	}
	return node{
		"card": m.Card.String(), "labels": list(m.MatchingLabels), "on": m.On, "include": list(m.Include),
		"fillValues": map[string]*float64{"lhs": m.FillValues.LHS, "rhs": m.FillValues.RHS},
	}
}

// duration is an expression where a duration stands, nil where a literal does.
func duration(e parser.Expr) any {
	switch n := e.(type) {
	case *parser.DurationExpr:
		if n != nil {
			return node{"type": "durationExpr", "op": n.Op.String(), "lhs": duration(n.LHS), "rhs": duration(n.RHS), "wrapped": n.Wrapped}
		}
	case *parser.NumberLiteral:
		if n != nil {
			return node{"type": "numberLiteral", "val": strconv.FormatFloat(n.Val, 'f', -1, 64), "duration": n.Duration}
		}
	}
	return nil
}

func startOrEnd(t parser.ItemType) any {
	if t == 0 {
		return nil
	}
	return t.String()
}

func list(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
