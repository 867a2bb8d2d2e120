package controlplane

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What another control plane has changed of the CA, such as a revocation, must not wait
// for the next maintenance because the store was away for a moment.
func TestReloadThatFailedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		news, begun, at := make(chan struct{}, 1), time.Now(), make(chan time.Duration, 10)
		failures := 2
		u := upkeep{
			news: news, watch: func() {}, maintain: func(context.Context) {},
			reload: func(context.Context) error {
				at <- time.Since(begun)
				if failures--; failures >= 0 {
					return errors.New("the store is away")
				}
				return nil
			},
		}
		go u.run(ctx)
		signal(news)
		time.Sleep(maintenance + time.Minute/2)
		stop()
		synctest.Wait()
		close(at)
		got := []time.Duration{}
		for one := range at {
			got = append(got, one)
		}
		want := []time.Duration{0, reloadAgain, 2 * reloadAgain, maintenance}
		if !slices.Equal(got, want) {
			t.Errorf("reloaded at %v, want every second until it is done, and with maintenance: %v", got, want)
		}
	})
}
