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
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const steady = "steady"

// rotation is one run of `sightline ca rotate`.
type rotation struct {
	api   *client.Client
	force bool
	say   io.Writer
}

func newCARotate(g *globals) *cobra.Command {
	var once, force, abandon bool
	var limit time.Duration
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the root without a failed request",
		Long: "Replace the root without a failed request. The new root is trusted beside the old one; once all who are\n" +
			"connected have taken that, the new authority signs; once every certificate is renewed, the old root goes.\n" +
			"Interrupted, it goes on where it was when it is run again. A supplied authority that waits is rotated to.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit <= 0 {
				return fmt.Errorf("ca rotate: --timeout %s: want more than 0", limit)
			}
			api, err := g.api()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			r := rotation{api: api, force: force, say: c.ErrOrStderr()}
			var at mesh.Authority
			switch {
			case abandon:
				at, err = r.post(ctx, map[string]bool{"abandon": true})
			case once:
				at, err = r.post(ctx, map[string]bool{"force": force})
			default:
				at, err = r.all(ctx)
			}
			if err != nil {
				return err
			}
			return g.print(c.OutOrStdout(), at, func(t *table) { authorityText(t, at) })
		},
	}
	f := c.Flags()
	f.BoolVar(&once, "step", false, "take one step only")
	f.BoolVar(&force, "force", false, "do not wait for who lags: they are cut off until they enrol anew")
	f.BoolVar(&abandon, "abandon", false, "take back a rotation whose new authority does not sign yet")
	f.DurationVar(&limit, "timeout", 15*time.Minute, "how long to wait for who lags; the rotation stays where it is then")
	c.MarkFlagsMutuallyExclusive("abandon", "force")
	c.MarkFlagsMutuallyExclusive("abandon", "step")
	return c
}

// all takes step after step, each as soon as it may be taken.
func (r rotation) all(ctx context.Context) (mesh.Authority, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := ""
	for {
		at, err := r.post(ctx, map[string]bool{"force": r.force})
		if err == nil {
			_, _ = fmt.Fprintf(r.say, "%s: next: %s\n", at.Phase, at.Next)
			if at.Phase == steady {
				return at, nil
			}
			continue
		}
		var refused *client.ProblemError
		if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
			return at, err
		}
		if err.Error() != told {
			told = err.Error()
			_, _ = fmt.Fprintln(r.say, told)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return at, fmt.Errorf("the rotation stays where it is, and goes on when this command is run again: %w", err)
		}
	}
}

func (r rotation) post(ctx context.Context, in map[string]bool) (at mesh.Authority, err error) {
	err = r.api.Send(ctx, http.MethodPost, "/api/v1/ca/rotate", in, &at)
	return at, err
}
