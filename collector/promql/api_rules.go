package promql

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// Rules answers for the rules that are being evaluated, each with what belongs under
// "data" in Prometheus' API.
type Rules interface {
	RuleGroups(ctx context.Context, want RuleFilter) (any, error)
	ActiveAlerts(ctx context.Context) any
	Alertmanagers(ctx context.Context) any
}

// RuleFilter says which rules are asked for. An empty list lets all through.
type RuleFilter struct {
	Names, Groups, Files []string
	Type                 string              // "alert", "record" or both with ""
	Match                [][]*labels.Matcher // of the labels of rules; one of them must match
	WithoutAlerts        bool
	Limit                int    // of groups; 0 is none
	From                 string // the token of the group that comes first, as the last page gave it
}

// ErrNoSuchGroup is the error of a token that names no group any more.
var ErrNoSuchGroup = errors.New("were rule groups changed?")

func (a *api) ruleGroups(r *http.Request) (answer, error) {
	want, err := a.ruleFilter(r)
	if err != nil {
		return answer{}, err
	}
	if a.rules == nil {
		return answer{data: map[string]any{"groups": []any{}}}, nil
	}
	groups, err := a.rules.RuleGroups(r.Context(), want)
	if errors.Is(err, ErrNoSuchGroup) {
		return answer{}, bad("group_next_token", fmt.Errorf("invalid group_next_token '%s'. %w", want.From, err))
	}
	return answer{data: groups}, err
}

func (a *api) ruleFilter(r *http.Request) (RuleFilter, error) {
	f := RuleFilter{
		Names: r.Form["rule_name[]"], Groups: r.Form["rule_group[]"], Files: r.Form["file[]"],
		Type: strings.ToLower(r.FormValue("type")), From: r.FormValue("group_next_token"),
	}
	switch f.Type {
	case "", "alert", "record":
	default:
		return f, bad("type", fmt.Errorf("not supported value %q", f.Type))
	}
	var err error
	if f.Match, err = a.selectors(r); err != nil {
		return f, &apiError{"bad_data", err}
	}
	if text := strings.ToLower(r.FormValue("exclude_alerts")); text != "" {
		if f.WithoutAlerts, err = strconv.ParseBool(text); err != nil {
			return f, bad("exclude_alerts", fmt.Errorf("error converting exclude_alerts: %w", err))
		}
	}
	f.Limit, err = groupLimit(r.FormValue("group_limit"), f.From)
	return f, err
}

// groupLimit reads how many groups a page has; 0 is all.
func groupLimit(text, token string) (int, error) {
	if text == "" {
		if token != "" {
			return 0, bad("group_next_token", errors.New("group_limit needs to be present in order to paginate over the groups"))
		}
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, bad("group_limit", fmt.Errorf("group_limit needs to be a valid number: %w", err))
	}
	if n <= 0 {
		return 0, bad("group_limit", errors.New("group_limit needs to be greater than 0"))
	}
	return int(n), nil
}

func (a *api) alerts(r *http.Request) (answer, error) {
	if a.rules == nil {
		return answer{data: map[string]any{"alerts": []any{}}}, nil
	}
	return answer{data: a.rules.ActiveAlerts(r.Context())}, nil
}

func (a *api) alertmanagers(r *http.Request) (answer, error) {
	if a.rules == nil {
		return answer{data: map[string]any{"activeAlertmanagers": []any{}, "droppedAlertmanagers": []any{}}}, nil
	}
	return answer{data: a.rules.Alertmanagers(r.Context())}, nil
}
