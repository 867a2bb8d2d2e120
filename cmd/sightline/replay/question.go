package replay

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// questions are what rules ask for and no record has. To the sidecars' code each is a
// header of its own, there or not.
type questions struct {
	known map[string]int // by text
	all   []question
}

type question struct {
	text  string // "header x-user is beta"
	field string // "header x-user"
	exact bool   // it asks for one value: two such of a field are not both true
	asked bool   // a request turned on it
}

// prefix begins the names of the headers that stand for questions. No request has one:
// they are not asked for under their names.
const prefix = "sightline-question-"

// header is the header that stands for a question.
func (q *questions) header(field, is string, exact bool) string {
	text := field + " " + is
	i, ok := q.known[text]
	if !ok {
		if q.known == nil {
			q.known = map[string]int{}
		}
		i = len(q.all)
		q.known[text] = i
		q.all = append(q.all, question{text: text, field: field, exact: exact})
	}
	return prefix + strconv.Itoa(i)
}

// of is the header that stands for the comparison of a field.
func (q *questions) of(field string, m *mesh.StringMatch) string {
	switch {
	case m == nil:
		return q.header(field, "is there", false)
	case m.Regex != "":
		return q.header(field, "fits "+m.Regex, false)
	case m.Prefix != "":
		return q.header(field, "begins with "+m.Prefix, false)
	}
	return q.header(field, "is "+m.Exact, true)
}

// world is an answer to some of the questions.
type world map[int]bool

// possible reports whether the answers can all be true at once.
func (q *questions) possible(w world) bool {
	seen := map[string]bool{}
	for i, yes := range w {
		if !yes || !q.all[i].exact {
			continue
		}
		if seen[q.all[i].field] {
			return false
		}
		seen[q.all[i].field] = true
	}
	return true
}

// recordedHeaders are those that a record has.
var recordedHeaders = []string{"host", "user-agent", "x-request-id"}

func recorded(header string) bool { return slices.Contains(recordedHeaders, strings.ToLower(header)) }

// asker answers for one request in one world, and notes the first question that the
// world has no answer to.
type asker struct {
	world   world
	headers map[string]string // that are recorded
	missing int               // -1 is none
}

func (a *asker) header(name string) (string, bool) {
	n, ok := strings.CutPrefix(name, prefix)
	if !ok {
		v := a.headers[name]
		return v, v != ""
	}
	i, _ := strconv.Atoi(n)
	yes, told := a.world[i]
	if !told && a.missing < 0 {
		a.missing = i
	}
	return "x", yes
}

// maxWorlds is how many combinations of answers are tried for one request.
const maxWorlds = 64

// explore runs a decision in every world that makes a difference to it, and returns what
// it came to in each. It is false where there are too many.
func explore[T any](q *questions, headers map[string]string, decide func(header func(string) (string, bool)) T) ([]T, bool) {
	var out []T
	todo := []world{{}}
	for n := 0; len(todo) > 0; n++ {
		if n == maxWorlds {
			return nil, false
		}
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		a := asker{world: w, headers: headers, missing: -1}
		got := decide(a.header)
		if a.missing < 0 {
			out = append(out, got)
			continue
		}
		q.all[a.missing].asked = true
		for _, yes := range []bool{true, false} {
			next := maps.Clone(w)
			next[a.missing] = yes
			if q.possible(next) {
				todo = append(todo, next)
			}
		}
	}
	return out, true
}
