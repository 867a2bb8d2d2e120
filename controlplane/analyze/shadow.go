package analyze

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/analyze/cover"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ordered is a list of rules of which the first that fits is taken.
type ordered interface {
	rules() int
	path(rule int) string
	// matches is how many a rule has, of which one has to fit; 0 fits everything.
	matches(rule int) int
	// covers is whether one match takes all that another one is about. A rule without
	// matches has the match -1.
	covers(rule, match, laterRule, laterMatch int) cover.Answer
}

// taken is which earlier match takes what a match is about.
type taken struct {
	answer cover.Answer
	by     string
}

// shadowed finds rules and matches that no request gets to.
func (a *analyzer) shadowed(o ordered) {
	for rule := range o.rules() {
		if o.matches(rule) == 0 {
			a.shadowedRule(o, rule, []taken{firstTaken(o, rule, -1)})
			continue
		}
		all := make([]taken, o.matches(rule))
		for m := range all {
			all[m] = firstTaken(o, rule, m)
		}
		a.shadowedRule(o, rule, all)
	}
}

func (a *analyzer) shadowedRule(o ordered, rule int, all []taken) {
	least, path := cover.Yes, o.path(rule)
	for _, t := range all {
		least = min(least, t.answer)
	}
	switch least {
	case cover.Yes:
		a.find(config.CodeUnreachable, path, "no request gets here: %s takes every one; move this rule up, or narrow the earlier one", all[0].by)
		return
	case cover.Maybe:
		a.find(config.CodeMayBeUnreachable, path, "maybe no request gets here: the regular expression of %s took every example that was tried", doubtful(all).by)
		return
	}
	for m, t := range all {
		if t.answer == cover.Yes {
			a.find(config.CodeUnreachableMatch, fmt.Sprintf("%s.match[%d]", path, m), "no request gets to this match: %s takes every one; remove it, or move the rule up", t.by)
		}
	}
}

func doubtful(all []taken) taken {
	for _, t := range all {
		if t.answer == cover.Maybe {
			return t
		}
	}
	return all[0]
}

// firstTaken looks at all that stands before a match, in its own rule too.
func firstTaken(o ordered, rule, match int) taken {
	var best taken
	see := func(earlier, m int, by string) bool {
		if got := o.covers(earlier, m, rule, match); got > best.answer {
			best = taken{got, by}
		}
		return best.answer == cover.Yes
	}
	for earlier := range rule {
		if o.matches(earlier) == 0 {
			if see(earlier, -1, o.path(earlier)) {
				return best
			}
		}
		for m := range o.matches(earlier) {
			if see(earlier, m, fmt.Sprintf("%s.match[%d]", o.path(earlier), m)) {
				return best
			}
		}
	}
	if best.answer == cover.Maybe {
		return best
	}
	for m := range max(match, 0) {
		if got := o.covers(rule, m, rule, match); got == cover.Yes {
			return taken{got, fmt.Sprintf("%s.match[%d]", o.path(rule), m)}
		}
	}
	return best
}

// requestRules are the routes of a VirtualService as it is written.
type requestRules struct {
	routes []mesh.Route
	// leaves says of a route whether it leaves requests to another VirtualService, which
	// need not take all that it is about.
	leaves func(rule int) bool
}

func (r requestRules) rules() int           { return len(r.routes) }
func (requestRules) path(rule int) string   { return fmt.Sprintf("spec.http[%d]", rule) }
func (r requestRules) matches(rule int) int { return len(r.routes[rule].Matches) }

func (r requestRules) covers(rule, match, laterRule, laterMatch int) cover.Answer {
	if rule < laterRule && r.leaves(rule) {
		return cover.No
	}
	return cover.Match(r.match(rule, match), r.match(laterRule, laterMatch))
}

func (r requestRules) match(rule, match int) mesh.Match {
	if match < 0 {
		return mesh.Match{}
	}
	return r.routes[rule].Matches[match]
}

// tlsThenTCP are the routes of connections: those for TLS come first.
type tlsThenTCP struct {
	routes []mesh.StreamRoute
	tls    int
}

func streamRules(routes []mesh.StreamRoute, tls int) ordered { return tlsThenTCP{routes, tls} }

func (s tlsThenTCP) rules() int           { return len(s.routes) }
func (s tlsThenTCP) matches(rule int) int { return len(s.routes[rule].Matches) }

func (s tlsThenTCP) path(rule int) string {
	if rule < s.tls {
		return fmt.Sprintf("spec.tls[%d]", rule)
	}
	return fmt.Sprintf("spec.tcp[%d]", rule-s.tls)
}

func (s tlsThenTCP) covers(rule, match, laterRule, laterMatch int) cover.Answer {
	return cover.Stream(s.match(rule, match), s.match(laterRule, laterMatch))
}

func (s tlsThenTCP) match(rule, match int) mesh.StreamMatch {
	if match < 0 {
		return mesh.StreamMatch{}
	}
	return s.routes[rule].Matches[match]
}
