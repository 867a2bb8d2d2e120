package rules

import (
	"log/slog"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// loader gives the manager rule groups by name: those of SLOs from memory, all others
// from files. It is a rules.GroupLoader.
type loader struct {
	parser parser.Parser
	logger *slog.Logger

	mu       sync.Mutex // guards compiled
	compiled map[string]*rulefmt.RuleGroups
}

func (l *loader) Load(id string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	l.mu.Lock()
	groups, ok := l.compiled[id]
	l.mu.Unlock()
	if ok {
		return groups, nil
	}
	return rulefmt.ParseFile(id, ignoreUnknown, scheme, l.parser, l.logger)
}

func (l *loader) Parse(query string) (parser.Expr, error) { return l.parser.ParseExpr(query) }

func (l *loader) replace(compiled map[string]*rulefmt.RuleGroups) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.compiled = compiled
}
