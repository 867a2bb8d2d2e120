package controlplane

import (
	"context"
	"time"
)

const (
	watchEvery  = time.Minute // at who comes near the end of a certificate
	maintenance = time.Hour
	reloadAgain = time.Second // where the CA's state could not be read
)

// upkeep is what is done for the CA again and again.
type upkeep struct {
	news     <-chan struct{} // the state has changed in the store
	watch    func()
	maintain func(context.Context)
	reload   func(context.Context) error // is tried again soon after an error
}

// keepAuthority takes over what other control planes change of the CA, and does what is
// due once in a while, until ctx ends. It returns nil.
func (p *plane) keepAuthority(ctx context.Context) error {
	alarms := p.newAlarms()
	upkeep{
		news:  p.authorityNews,
		watch: func() { alarms.watch(ctx) },
		maintain: func(ctx context.Context) {
			_ = p.tend(ctx, "certificate authority", p.authority.Maintain) // the next hour is soon enough
			_ = p.tend(ctx, "join tokens", p.tokens.Prune)
		},
		reload: func(ctx context.Context) error {
			err := p.tend(ctx, "certificate authority", p.authority.Reload)
			_ = p.tend(ctx, "token of the mesh's own parts", p.writeToken)
			p.holders.Notify()
			return err
		},
	}.run(ctx)
	return nil
}

// run ends with ctx.
func (u upkeep) run(ctx context.Context) {
	tick, again := time.NewTicker(watchEvery), time.NewTimer(reloadAgain)
	defer tick.Stop()
	defer again.Stop()
	again.Stop()
	for last := time.Now(); ; {
		u.watch()
		select {
		case <-ctx.Done():
			return
		case <-u.news:
		case <-again.C:
		case <-tick.C:
			if time.Since(last) < maintenance {
				continue
			}
			last = time.Now()
			u.maintain(ctx)
		}
		again.Stop()
		if u.reload(ctx) != nil {
			again.Reset(reloadAgain)
		}
	}
}

// tend does something that is done again later; why it failed is logged.
func (p *plane) tend(ctx context.Context, what string, do func(context.Context) error) error {
	err := do(ctx)
	if err != nil && ctx.Err() == nil {
		p.deps.Logger.Error(what+" is seen to again later", "reason", err)
	}
	return err
}
