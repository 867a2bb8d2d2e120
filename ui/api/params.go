package api

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// paramKind is what the text of a parameter has to be.
type paramKind int

const (
	text     paramKind = iota
	count              // from 1
	ordinal            // from 0
	instant            // RFC 3339, or seconds since 1970
	duration           // "250ms", "5m"
	flag               // "true" or "false"
	traceID            // 32 hex digits
	label              // a service or resource name
)

// param is one parameter that a route takes. Others are refused.
type param struct {
	name  string
	about string
	kind  paramKind
	in    string   // "path" or "query"
	oneOf []string // empty: anything of its kind
	max   int      // of a count; of a text, its bytes where it may be longer than maxText
}

const maxText = 500 // bytes of a parameter: longer ones are no honest query

var (
	traceIDShape = regexp.MustCompile(`^[0-9a-f]{32}$`)
	labelShape   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// checkParams refuses a request whose parameters are unknown or malformed.
func checkParams(c *gin.Context, params []param) error {
	for _, p := range params {
		if value, ok := valueOf(c, p); ok {
			if msg := p.fault(value); msg != "" {
				return badField(p.name, msg)
			}
		}
	}
	for name, values := range c.Request.URL.Query() {
		known := slices.ContainsFunc(params, func(p param) bool { return p.in == "query" && p.name == name })
		if !known {
			return badField(name, "is no parameter of this path")
		}
		if len(values) > 1 {
			return badField(name, "is given more than once")
		}
	}
	return nil
}

func valueOf(c *gin.Context, p param) (string, bool) {
	if p.in == "path" {
		return c.Param(p.name), true
	}
	v := c.Query(p.name)
	return v, v != ""
}

// fault says what is wrong with a value, "" when nothing is.
func (p param) fault(v string) string {
	longest := maxText
	if p.kind == text {
		longest = max(longest, p.max)
	}
	if len(v) > longest {
		return fmt.Sprintf("is longer than %d bytes", longest)
	}
	if len(p.oneOf) > 0 && !slices.Contains(p.oneOf, v) {
		return fmt.Sprintf("is %q, want one of %s", v, strings.Join(p.oneOf, ", "))
	}
	if ok, want := p.shape(v); !ok {
		return fmt.Sprintf("is %q, want %s", v, want)
	}
	return ""
}

// shape says whether a value is of the parameter's kind, and what it would have to be.
func (p param) shape(v string) (ok bool, want string) {
	switch p.kind {
	case count:
		n, err := strconv.Atoi(v)
		return err == nil && n >= 1 && n <= p.max, fmt.Sprintf("a number from 1 to %d", p.max)
	case ordinal:
		return isOrdinal(v), "a whole number, not below 0"
	case instant:
		_, err := parseInstant(v)
		return err == nil, "a time such as 2026-03-01T12:00:00Z"
	case duration:
		d, err := time.ParseDuration(v)
		return err == nil && d > 0, "a duration such as 250ms or 5m"
	case flag:
		return slices.Contains([]string{"true", "false"}, v), "true or false"
	case traceID:
		return traceIDShape.MatchString(v), "32 lower-case hex digits"
	case label:
		return labelShape.MatchString(v), "a name of lower-case letters, digits, dots and hyphens"
	case text:
	}
	return true, ""
}

func isOrdinal(v string) bool {
	_, err := strconv.ParseUint(v, 10, 63)
	return err == nil
}

func parseInstant(v string) (time.Time, error) {
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e11 {
		return time.UnixMilli(int64(s * 1000)), nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return time.Time{}, fmt.Errorf("parse time: %w", err)
	}
	return t, nil
}

// The readers below trust checkParams: a malformed value cannot get here.

func intParam(c *gin.Context, name string, otherwise int) int {
	if n, err := strconv.Atoi(c.Query(name)); err == nil {
		return n
	}
	return otherwise
}

func timeParam(c *gin.Context, name string) time.Time {
	t, err := parseInstant(c.Query(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

func durationParam(c *gin.Context, name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(c.Query(name)); err == nil {
		return d
	}
	return otherwise
}

// period reads start and end; a missing end is now, a missing start is span before it.
func (a *API) period(c *gin.Context, span time.Duration) (start, end time.Time, err error) {
	start, end = timeParam(c, "start"), timeParam(c, "end")
	if end.IsZero() {
		end = a.now()
	}
	if start.IsZero() {
		start = end.Add(-span)
	}
	if !start.Before(end) {
		return start, end, badField("start", "is not before end")
	}
	return start, end, nil
}

// byteCount is a size in words.
func byteCount(n int64) string {
	switch {
	case n >= 1<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// readBody reads at most limit bytes of the request's body.
func readBody(c *gin.Context, limit int64) ([]byte, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	b, err := c.GetRawData()
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return b, nil
}
