package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	if err := admitted(r); err != nil {
		refused := h.problem(r, err)
		write(w, "application/problem+json", refused.Status, refused)
		return
	}
	h.Metrics.ServeHTTP(w, r)
}

// Metrics are the figures of the control plane that answers, in the order of their names.
func (c *Client) Metrics(ctx context.Context) ([]*dto.MetricFamily, error) {
	var out []*dto.MetricFamily
	err := c.planes.Try(func(address string) error {
		var err error
		out, err = c.metricsOf(ctx, address)
		return err
	}, func(error) bool { return ctx.Err() != nil })
	return out, err
}

func (c *Client) metricsOf(ctx context.Context, address string) ([]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base(address)+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("ask control plane: %w", err)
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask control plane: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refusalOf(res.StatusCode, io.LimitReader(res.Body, maxAnswer))
	}
	var out []*dto.MetricFamily
	for d := expfmt.NewDecoder(io.LimitReader(res.Body, maxAnswer), expfmt.ResponseFormat(res.Header)); ; {
		f := &dto.MetricFamily{}
		err := d.Decode(f)
		if err == io.EOF { //nolint:errorlint // the decoder returns it bare at the end alone
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read control plane's figures: %w", err)
		}
		out = append(out, f)
	}
}
