package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/replay"
	"github.com/sightline-mesh/sightline/controlplane/config"
)

func newReplay(g *globals) *cobra.Command {
	a := analysis{replay: time.Hour}
	c := &cobra.Command{
		Use:   "replay -f file|directory…",
		Short: "What manifests would have done to the requests of the last hour",
		Long: "Decide the requests that sidecars recorded anew, as if the files were in force: what would be\n" +
			"routed, refused, timed out or retried otherwise. It is `sightline analyze --replay`, which says more.\n" +
			"The status is 1 where the files are refused, as they have nothing to replay then.",
		Example: "  sightline replay -f canary.yaml\n" +
			"  sightline replay -f canary.yaml --last 10m -o json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.replay <= 0 {
				return errors.New("replay: --last: want more than 0")
			}
			return a.tell(c, g, config.SeverityError)
		},
	}
	c.Flags().StringArrayVarP(&a.files, "file", "f", nil, "manifest, or a directory of them; - is standard input")
	c.Flags().DurationVar(&a.replay, "last", time.Hour, "how far back")
	c.Flags().IntVar(&a.limit, "limit", replay.MaxRequests, "how many requests at most, the newest ones")
	_ = c.MarkFlagRequired("file")
	return c
}
