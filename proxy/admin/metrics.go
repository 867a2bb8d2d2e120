package admin

import (
	"slices"
	"strconv"
	"strings"
)

// Family is one metric with its samples, in Prometheus' text format.
type Family struct {
	Name    string // ends in _total for counters
	Help    string
	Gauge   bool // else a counter
	Samples []Sample
}

// Sample is one value of a family.
type Sample struct {
	Labels []Label
	Value  float64
}

// Label is a name and a value, which may be any text.
type Label struct{ Name, Value string }

// Value is a family of one sample without labels.
func Value(name, help string, v float64) Family {
	return Family{Name: name, Help: help, Gauge: !strings.HasSuffix(name, "_total"), Samples: []Sample{{Value: v}}}
}

// escape as the text format wants it.
var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func encode(families []Family) []byte {
	var b []byte
	for _, f := range families {
		kind := "counter"
		if f.Gauge {
			kind = "gauge"
		}
		b = append(b, "# HELP "+f.Name+" "+f.Help+"\n# TYPE "+f.Name+" "+kind+"\n"...)
		lines := make([]string, len(f.Samples))
		for i, s := range f.Samples {
			lines[i] = f.Name + s.labels() + " " + strconv.FormatFloat(s.Value, 'g', -1, 64)
		}
		slices.Sort(lines) // the same figures make the same page
		for _, l := range lines {
			b = append(append(b, l...), '\n')
		}
	}
	return b
}

func (s Sample) labels() string {
	if len(s.Labels) == 0 {
		return ""
	}
	parts := make([]string, len(s.Labels))
	for i, l := range s.Labels {
		parts[i] = l.Name + `="` + escape.Replace(l.Value) + `"`
	}
	return "{" + strings.Join(parts, ",") + "}"
}
