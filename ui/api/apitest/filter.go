package apitest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// errFilter is of a filter that the shop does not understand.
var errFilter = errors.New("bad query")

// filter is as much of the language as the shop needs: comparisons joined by AND.
type filter []comparison

type comparison struct {
	key, op, value string
	length         time.Duration // of the value, where it is one
}

// misread is an error at a place in a filter, as the store's parser has it.
type misread struct{ at int }

// Error says what the shop understands.
func (m misread) Error() string {
	_, what := m.Place()
	return fmt.Sprintf("at character %d: %s", m.at, what)
}

// Place is where the comparison begins that is none.
func (m misread) Place() (at int, what string) {
	return m.at, `want a comparison such as service = "cart"`
}

var comparisonShape = regexp.MustCompile(`^\s*(?:"([^"]*)"|([\w.]+)\s*(=|!=|>=|<=|>|<|~)\s*("[^"]*"|[^\s"]+))\s*$`)

func parseFilter(text string) (filter, error) {
	var f filter
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	at := 0
	for part := range strings.SplitSeq(text, " AND ") {
		m := comparisonShape.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%w: filter: %w", errFilter, misread{at: at + 1})
		}
		c := comparison{key: m[2], op: m[3], value: strings.Trim(m[4], `"`)}
		if c.key == "" {
			c = comparison{op: "~", value: m[1]}
		}
		c.length, _ = time.ParseDuration(c.value)
		f = append(f, c)
		at += len(part) + len(" AND ")
	}
	return f, nil
}

func (f filter) span(s signal.Span) bool {
	return f.meets(time.Duration(s.DurationNS), func(key string) string {
		switch key {
		case "":
			return s.Name
		case "name":
			return s.Name
		case "status":
			return s.Status
		case "root":
			return strconv.FormatBool(s.ParentID == "")
		}
		return about(key, s.Service, s.Version, s.Attributes)
	})
}

func (f filter) log(l signal.Log) bool {
	return f.meets(time.Duration(l.DurationMS*1e6), func(key string) string {
		switch key {
		case "":
			return l.Path + " " + l.Reason
		case "severity":
			return l.Severity
		case "code":
			return strconv.Itoa(l.Status)
		case "peer":
			return l.Peer
		}
		return about(key, l.Service, l.Version, l.Attributes)
	})
}

// shortNames are what people type for attributes.
var shortNames = map[string]string{"code": signal.KeyStatus, "peer": signal.KeyPeer, "peer.version": signal.KeyPeerVer, "flags": signal.KeyFlags, "method": signal.KeyMethod, "path": signal.KeyPath}

func about(key, service, version string, attributes map[string]any) string {
	switch key {
	case "service":
		return service
	case "version":
		return version
	}
	if long, ok := shortNames[key]; ok {
		key = long
	}
	if v, ok := attributes[key]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

func (f filter) meets(took time.Duration, of func(key string) string) bool {
	return !slices.ContainsFunc(f, func(c comparison) bool {
		if c.key == "duration" {
			return !ordered(c.op, float64(took), float64(c.length))
		}
		have := of(c.key)
		switch c.op {
		case "=":
			return have != c.value
		case "!=":
			return have == c.value || have == ""
		case "~":
			return !strings.Contains(strings.ToLower(have), strings.ToLower(c.value))
		}
		a, _ := strconv.ParseFloat(have, 64)
		b, _ := strconv.ParseFloat(c.value, 64)
		return have == "" || !ordered(c.op, a, b)
	})
}

func ordered(op string, a, b float64) bool {
	switch op {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	case "<=":
		return a <= b
	}
	return a == b
}
