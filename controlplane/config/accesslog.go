package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// DropErrorsAnnotation has, at "true", a Telemetry's accessLogging drop the rows of
// requests that failed too.
const DropErrorsAnnotation = "sightline.dev/drop-error-logs"

// DropsErrors reports whether rows of requests that failed may be dropped.
func (o Object) DropsErrors() bool { return o.annotations[DropErrorsAnnotation] == "true" }

const (
	maxFilter      = 4 << 10 // bytes of an expression
	maxFilterDepth = 32
)

// LogFilter reads a filter of access logs: Istio's, a CEL expression, of which the part
// is taken that sidecars can tell without an interpreter.
func LogFilter(expression string) (*mesh.LogTest, error) {
	if len(expression) > maxFilter {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", len(expression), maxFilter)
	}
	anything := cel.MapType(cel.StringType, cel.DynType)
	env, err := cel.NewEnv(cel.ParserRecursionLimit(maxFilterDepth),
		cel.Variable("request", anything), cel.Variable("response", anything), cel.Variable("connection", anything))
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, fmt.Errorf("is no CEL expression that is true or false: %s", strings.ReplaceAll(issues.Errors()[0].Message, "\n", " "))
	}
	test, err := logTest(checked.NativeRep().Expr())
	if err != nil {
		return nil, err
	}
	return &test, nil
}

// comparisons are CEL's, each with what it is when its sides are exchanged.
var comparisons = map[string]struct{ op, turned mesh.LogOp }{
	operators.Equals: {mesh.LogEqual, mesh.LogEqual}, operators.Less: {mesh.LogLess, mesh.LogMore},
	operators.LessEquals: {mesh.LogAtMost, mesh.LogAtLeast}, operators.Greater: {mesh.LogMore, mesh.LogLess},
	operators.GreaterEquals: {mesh.LogAtLeast, mesh.LogAtMost},
}

var textTests = map[string]mesh.LogOp{
	"startsWith": mesh.LogPrefix, "endsWith": mesh.LogSuffix, "contains": mesh.LogContains, "matches": mesh.LogMatches,
}

func logTest(e ast.Expr) (mesh.LogTest, error) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); s.IsTestOnly() {
			name, _, err := attributeOf(s.Operand(), s.FieldName())
			return mesh.LogTest{Op: mesh.LogHas, Attribute: name}, err
		}
		return flag(e)
	case ast.CallKind:
		return logCall(e.AsCall())
	}
	return mesh.LogTest{}, unsupported("an expression of this sort")
}

func unsupported(what string) error {
	return fmt.Errorf("%s is not supported; want comparisons of %s or request.headers['name'] with constants, joined by &&, || and ! alone",
		what, strings.Join(slices.Sorted(maps.Keys(mesh.LogAttributes)), ", "))
}

func flag(e ast.Expr) (mesh.LogTest, error) {
	name, sort, err := attribute(e)
	if err == nil && sort != mesh.LogBool {
		err = fmt.Errorf("%s is not true or false; compare it with something", name)
	}
	return mesh.LogTest{Op: mesh.LogTrue, Attribute: name}, err
}

func logCall(c ast.CallExpr) (mesh.LogTest, error) {
	name, args := c.FunctionName(), c.Args()
	switch name {
	case operators.LogicalAnd:
		return joined(mesh.LogAnd, args)
	case operators.LogicalOr:
		return joined(mesh.LogOr, args)
	case operators.LogicalNot:
		return joined(mesh.LogNot, args)
	case operators.NotEquals:
		equal, err := compared(mesh.LogEqual, mesh.LogEqual, args)
		return mesh.LogTest{Op: mesh.LogNot, Of: []mesh.LogTest{equal}}, err
	case operators.In:
		return contained(args)
	case operators.Index:
		return mesh.LogTest{}, errors.New("a header is not true or false; compare it with something")
	}
	if by, ok := comparisons[name]; ok {
		return compared(by.op, by.turned, args)
	}
	if op, ok := textTests[name]; ok && c.IsMemberFunction() && len(args) == 1 {
		return compared(op, op, []ast.Expr{c.Target(), args[0]})
	}
	return mesh.LogTest{}, unsupported(fmt.Sprintf("%q", strings.Trim(name, "_@")))
}

func joined(op mesh.LogOp, args []ast.Expr) (mesh.LogTest, error) {
	out := mesh.LogTest{Op: op}
	for _, a := range args {
		one, err := logTest(a)
		if err != nil {
			return out, err
		}
		out.Of = append(out.Of, one)
	}
	return out, nil
}

// compared is an attribute beside a constant, in either order where op may be turned.
func compared(op, turned mesh.LogOp, args []ast.Expr) (mesh.LogTest, error) {
	left, right := args[0], args[1]
	if _, _, _, err := constant(left); err == nil && textTests[string(op)] == "" {
		left, right, op = right, left, turned
	}
	name, sort, err := attribute(left)
	if err != nil {
		return mesh.LogTest{}, err
	}
	is, text, number, err := constant(right)
	if err != nil {
		return mesh.LogTest{}, err
	}
	if is != sort {
		return mesh.LogTest{}, fmt.Errorf("%s is %s, and compared with %s", name, sorts[sort], sorts[is])
	}
	return testOf(mesh.LogTest{Op: op, Attribute: name, Text: text, Number: number}, sort)
}

// testOf proves a comparison of an attribute with a constant of its sort.
func testOf(t mesh.LogTest, sort mesh.LogSort) (mesh.LogTest, error) {
	ordered := t.Op != mesh.LogEqual && textTests[string(t.Op)] == ""
	switch {
	case sort == mesh.LogBool && t.Op == mesh.LogEqual:
		is := mesh.LogTest{Op: mesh.LogTrue, Attribute: t.Attribute}
		if t.Number == 0 {
			return mesh.LogTest{Op: mesh.LogNot, Of: []mesh.LogTest{is}}, nil
		}
		return is, nil
	case sort != mesh.LogNumber && ordered:
		return t, unsupported("the order of texts")
	case sort != mesh.LogText && t.Op != mesh.LogEqual && !ordered:
		return t, fmt.Errorf("%s is %s, which %s is not about", t.Attribute, sorts[sort], t.Op)
	}
	if t.Op == mesh.LogMatches {
		if _, err := regexp.Compile(t.Text); err != nil {
			return t, fmt.Errorf("%q is no regular expression: %w", t.Text, err)
		}
	}
	return t, nil
}

var sorts = map[mesh.LogSort]string{mesh.LogText: "a text", mesh.LogNumber: "a number", mesh.LogBool: "true or false"}

// contained is an attribute in a list of constants, or the name of a header among those
// of the request.
func contained(args []ast.Expr) (mesh.LogTest, error) {
	if is, text, _, err := constant(args[0]); err == nil && is == mesh.LogText && isHeaders(args[1]) {
		return mesh.LogTest{Op: mesh.LogHas, Attribute: headerAttribute(text)}, nil
	}
	name, sort, err := attribute(args[0])
	if err != nil {
		return mesh.LogTest{}, err
	}
	if args[1].Kind() != ast.ListKind {
		return mesh.LogTest{}, unsupported("in, of anything but a list of constants")
	}
	out := mesh.LogTest{Op: mesh.LogIn, Attribute: name}
	for _, e := range args[1].AsList().Elements() {
		is, text, number, err := constant(e)
		switch {
		case err != nil:
			return out, err
		case is != sort:
			return out, fmt.Errorf("%s is %s, and looked for among others", name, sorts[sort])
		case is == mesh.LogText:
			out.Texts = append(out.Texts, text)
		default:
			out.Numbers = append(out.Numbers, number)
		}
	}
	return out, nil
}

func attribute(e ast.Expr) (name string, sort mesh.LogSort, err error) {
	switch {
	case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
		return attributeOf(e.AsSelect().Operand(), e.AsSelect().FieldName())
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index && isHeaders(e.AsCall().Args()[0]):
		if is, text, _, err := constant(e.AsCall().Args()[1]); err == nil && is == mesh.LogText {
			return headerAttribute(text), mesh.LogText, nil
		}
	}
	return "", 0, unsupported("what is compared")
}

func attributeOf(operand ast.Expr, field string) (name string, sort mesh.LogSort, err error) {
	if isHeaders(operand) {
		return headerAttribute(field), mesh.LogText, nil
	}
	if operand.Kind() != ast.IdentKind {
		return "", 0, unsupported("." + field)
	}
	name = operand.AsIdent() + "." + field
	if sort, known := mesh.LogAttributes[name]; known {
		return name, sort, nil
	}
	return "", 0, unsupported(name)
}

func headerAttribute(name string) string { return "request.headers[" + strings.ToLower(name) + "]" }

func isHeaders(e ast.Expr) bool {
	if e.Kind() != ast.SelectKind {
		return false
	}
	s := e.AsSelect()
	return s.FieldName() == "headers" && s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "request"
}

func constant(e ast.Expr) (is mesh.LogSort, text string, number float64, err error) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "duration" && len(e.AsCall().Args()) == 1 {
		is, text, _, err = constant(e.AsCall().Args()[0])
		d, bad := time.ParseDuration(text)
		if err == nil && (is != mesh.LogText || bad != nil) {
			err = fmt.Errorf("duration(%q) is none", text)
		}
		return mesh.LogNumber, "", d.Seconds(), err
	}
	if e.Kind() != ast.LiteralKind {
		return 0, "", 0, unsupported("what is no constant")
	}
	return literal(e.AsLiteral().Value())
}

func literal(value any) (is mesh.LogSort, text string, number float64, err error) {
	switch v := value.(type) {
	case string:
		return mesh.LogText, v, 0, nil
	case int64:
		return mesh.LogNumber, "", float64(v), nil
	case uint64:
		return mesh.LogNumber, "", float64(v), nil
	case float64:
		return mesh.LogNumber, "", v, nil
	case bool:
		if v {
			number = 1
		}
		return mesh.LogBool, "", number, nil
	}
	return 0, "", 0, unsupported("a constant of this sort")
}
