package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
)

func newWait(g *globals) *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{
		Use:   "wait",
		Short: "Wait until Sightline is ready",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			servers, err := client.Servers(g.server)
			if err != nil {
				return err
			}
			return ready(ctx, servers)
		},
	}
	c.Flags().DurationVar(&limit, "timeout", time.Minute, "how long at most")
	return c
}

// ready asks until the answer of one is yes.
func ready(ctx context.Context, servers []string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var last error
		for _, server := range servers {
			err := ask(ctx, server+"/readyz")
			if err == nil {
				return nil
			}
			last = errors.Join(last, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for Sightline: %w", last)
		}
	}
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s", res.Status, why)
	}
	return nil
}
