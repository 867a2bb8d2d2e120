package sampling

import (
	"strconv"
	"strings"
)

// State is what a trace's samplers said of it so far.
type State struct {
	Threshold  Threshold // 0 where none was said
	Randomness uint64
}

const vendor = "ot="

// Read reads the state of a span of that trace. What is malformed says nothing, nor does a
// threshold that the trace does not reach: whoever kept it went by something else.
func Read(state string, trace [16]byte) State {
	s := State{Randomness: RandomnessOf(trace)}
	if state == "" {
		return s
	}
	said, _, _ := find(state)
	var threshold uint64
	for member := range strings.SplitSeq(said, ";") {
		key, value, _ := strings.Cut(member, ":")
		switch key {
		case "th":
			if t, ok := parse(value); ok {
				threshold = t
			}
		case "rv":
			if random, ok := parse(value); ok && len(value) == digits {
				s.Randomness = random
			}
		}
	}
	if t := Threshold(threshold); t.Keeps(s.Randomness) {
		s.Threshold = t
	}
	return s
}

// With is a tracestate that says t beside all else that it says, OpenTelemetry's part in
// front as who changed it last stands.
func With(state string, t Threshold) string {
	said, before, after := find(state)
	b := make([]byte, 0, len(state)+len(vendor)+len("th:")+digits+2)
	b = append(append(b, vendor+"th:"...), t.String()...)
	for member := range strings.SplitSeq(said, ";") {
		if key, _, _ := strings.Cut(member, ":"); member != "" && key != "th" {
			b = append(append(b, ';'), member...)
		}
	}
	for _, others := range []string{before, after} {
		if others = strings.Trim(others, ", \t"); others != "" {
			b = append(append(b, ','), others...)
		}
	}
	return string(b)
}

// find is OpenTelemetry's part of a tracestate, and what stands around it.
func find(state string) (said, before, after string) {
	for at := 0; at < len(state); {
		end := len(state)
		if n := strings.IndexByte(state[at:], ','); n >= 0 {
			end = at + n
		}
		if said, ok := strings.CutPrefix(strings.Trim(state[at:end], " \t"), vendor); ok {
			return said, state[:at], state[end:]
		}
		at = end + 1
	}
	return "", state, ""
}

// parse reads a number of 56 bits whose last digits may be missing.
func parse(s string) (uint64, bool) {
	if s == "" || len(s) > digits || strings.ContainsAny(s, "ABCDEF+-_x") {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 64)
	return n << (bits * (digits - len(s))), err == nil
}
