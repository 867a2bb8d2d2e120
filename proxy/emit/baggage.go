package emit

import "strings"

// The bounds that W3C sets, or names as the least that has to be passed on.
const (
	maxBaggage        = 8192
	maxBaggageMembers = 64
	maxState          = 512
	maxStateMembers   = 32
	longStateMember   = 128 // the first to go when a tracestate is too long
)

// BoundBaggage keeps of the value of a W3C baggage header the first members that are
// within 64 members and 8,192 bytes, each whole. It says how many were left out; when
// that is none, kept is value.
func BoundBaggage(value string) (kept string, dropped int) {
	if len(value) <= maxBaggage && strings.Count(value, ",") < maxBaggageMembers {
		return value, 0
	}
	return boundList(value, maxBaggageMembers, maxBaggage)
}

// BoundTracestate keeps of the value of a W3C tracestate header what is within 32
// members and 512 bytes. Where that is too little, members of more than 128 bytes go
// first, then the last ones.
func BoundTracestate(value string) (kept string, dropped int) {
	if len(value) <= maxState && strings.Count(value, ",") < maxStateMembers {
		return value, 0
	}
	if len(value) > maxState {
		var short []string
		for m := range strings.SplitSeq(value, ",") {
			if len(m) > longStateMember {
				dropped++
				continue
			}
			short = append(short, m)
		}
		value = strings.Join(short, ",")
	}
	kept, more := boundList(value, maxStateMembers, maxState)
	return kept, dropped + more
}

// boundList keeps the first members of a list that fit.
func boundList(value string, members, bytes int) (kept string, dropped int) {
	var b strings.Builder
	n := 0
	for m := range strings.SplitSeq(value, ",") {
		m = strings.Trim(m, " \t")
		if m == "" {
			continue
		}
		if n == members || b.Len()+min(n, 1)+len(m) > bytes {
			dropped++
			continue
		}
		if n++; n > 1 {
			b.WriteByte(',')
		}
		b.WriteString(m)
	}
	return b.String(), dropped
}
