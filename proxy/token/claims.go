package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// skew is how far clocks may be apart.
const skew = time.Minute

// claims are those of a token, as decoded.
type claims map[string]any

func parseClaims(payload []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var c claims
	if err := d.Decode(&c); err != nil || d.More() || c == nil {
		return nil, errors.New("its claims are no JSON object")
	}
	return c, nil
}

// text is a claim that is a text, empty if it is not there.
func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// moment is a claim that is a time.
func (c claims) moment(name string) (at time.Time, there bool, err error) {
	v, there := c[name]
	if !there {
		return time.Time{}, false, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, true, fmt.Errorf("its claim %s is not a time", name)
	}
	seconds, err := n.Float64()
	if err != nil || math.Abs(seconds) > 1<<40 {
		return time.Time{}, true, fmt.Errorf("its claim %s is not a time", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// current checks that the token is valid now, and says until when; the zero time is
// for ever.
func (c claims) current(now time.Time) (until time.Time, err error) {
	from, there, err := c.moment("nbf")
	if err != nil {
		return time.Time{}, err
	}
	if there && now.Add(skew).Before(from) {
		return time.Time{}, errors.New("it is not valid yet")
	}
	until, there, err = c.moment("exp")
	if err != nil || !there {
		return time.Time{}, err
	}
	until = until.Add(skew)
	if !now.Before(until) {
		return time.Time{}, errExpired
	}
	return until, nil
}

var errExpired = errors.New("it has expired")

// audience reports whether one of the wanted is among the token's.
func (c claims) audience(wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	return slices.ContainsFunc(listOf(c["aud"]), func(a string) bool { return slices.Contains(wanted, a) })
}

// listOf is a text, or the texts of a list.
func listOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// tree is claims as policies look at them: lists of texts, and objects of such.
func (c claims) tree(spaced []string, path string) map[string]any {
	out := make(map[string]any, len(c))
	for name, v := range c {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch inner, object := v.(map[string]any); {
		case object:
			out[name] = claims(inner).tree(spaced, at)
		case slices.Contains(spaced, at):
			var words []string
			for _, s := range listOf(v) {
				words = append(words, strings.Fields(s)...)
			}
			out[name] = words
		default:
			out[name] = listOf(v)
		}
	}
	return out
}

// told is a claim at a dotted path as a field tells it; ok is false for one that is
// not there, or neither a text, a number nor a truth.
func (c claims) told(path string) (s string, ok bool) {
	var v any = map[string]any(c)
	if whole, there := c[path]; there { // a name may have dots itself
		v, path = whole, ""
	}
	for path != "" {
		object, is := v.(map[string]any)
		if !is {
			return "", false
		}
		var name string
		name, path, _ = strings.Cut(path, ".")
		v = object[name]
	}
	switch v := v.(type) {
	case string:
		return v, fieldValue(v)
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// fieldValue reports whether s can be the value of a field.
func fieldValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
