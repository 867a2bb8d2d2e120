package pair

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// settleTime is how long telemetry may take from the last request to the sink:
// sidecars send every second.
const settleTime = 10 * time.Second

// sample is a line of a sidecar's metrics page.
var sample = regexp.MustCompile(`^sightline_telemetry_(acknowledged_total|queued|dropped_total)\{(.*)\} (\S+)$`)

// label is one of a sample's labels.
var label = regexp.MustCompile(`(\w+)="([^"]*)"`)

// accounts reads the sidecars' metrics pages until nothing is under way any more, and
// adds them up.
func accounts(pages ...netip.AddrPort) func(context.Context) (Account, error) {
	return func(ctx context.Context) (Account, error) {
		var sum Account
		err := proc.Await(ctx, settleTime, func(ctx context.Context) error {
			sum = Account{Dropped: map[string]uint64{}}
			for _, p := range pages {
				page, err := fetch(ctx, "http://"+p.String()+"/metrics")
				if err != nil {
					return err
				}
				queued, err := sum.add(page)
				if err != nil {
					return err
				}
				if queued > 0 {
					return fmt.Errorf("%d pieces of telemetry are still under way", queued)
				}
			}
			return nil
		})
		if err != nil {
			return Account{}, fmt.Errorf("account for telemetry: %w", err)
		}
		return sum, nil
	}
}

// add adds one page and says how much telemetry is still to be sent.
func (a *Account) add(page string) (queued uint64, err error) {
	found := false
	for line := range strings.Lines(page) {
		m := sample.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		found = true
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil || v < 0 {
			return 0, fmt.Errorf("metrics: line %q", line)
		}
		labels := map[string]string{}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = l[2]
		}
		switch m[1] {
		case "queued":
			queued += uint64(v)
		case "dropped_total":
			a.Dropped[labels["signal"]+": "+labels["reason"]] += uint64(v)
		default:
			a.acknowledged(labels["signal"], uint64(v))
		}
	}
	if !found {
		return 0, fmt.Errorf("metrics: no telemetry in a page of %d bytes", len(page))
	}
	return queued, nil
}

func (a *Account) acknowledged(signal string, n uint64) {
	switch signal {
	case "traces":
		a.Spans += n
	case "logs":
		a.Rows += n
	case "metrics":
		a.RED += n
	}
}

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true // no connection is to stay behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get %s: %s", url, res.Status)
	}
	return string(b), nil
}
