package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// alarms tells of authorities and of holders' certificates that come near their end, and of
// clocks that go wrong, once for each step: the control plane that leads does, for those of
// all. It belongs to one goroutine.
type alarms struct {
	leads       func() bool
	authorities func() []mesh.AuthorityCertificate
	holders     func(context.Context) ([]mesh.Holder, error) // in trouble, wherever they are connected
	clocks      func(context.Context) ([]clock, error)       // that go wrong, anywhere
	timeline    func(context.Context) ([]mesh.Event, error)  // what was told, newest first
	tell        func(mesh.Event)
	logger      *slog.Logger

	// said is the newest step that was told of each certificate. It is nil for who does not
	// lead, who finds on the timeline what others told before.
	said map[string]string
}

// The details of an event that tells of a step.
const (
	detailAlarm       = "alarm"
	detailFingerprint = "fingerprint" // of an authority
	detailSerial      = "serial"      // of a holder's certificate
	detailClocks      = "clocks"      // with commas between them
)

func (p *plane) newAlarms() *alarms {
	return &alarms{
		leads: p.leads.Load, tell: p.tell, logger: p.deps.Logger,
		authorities: func() (out []mesh.AuthorityCertificate) {
			at := p.authority.Standing()
			for _, c := range append(slices.Clip(at.Roots), at.Signing) {
				out = append(out, describe(c))
			}
			return out
		},
		holders: func(ctx context.Context) (out []mesh.Holder, err error) {
			sums, err := p.holders.All(ctx)
			for _, s := range sums {
				out = append(out, s.Troubled...)
			}
			return out, err
		},
		clocks: p.skewed,
		timeline: func(ctx context.Context) ([]mesh.Event, error) {
			return p.events.List(ctx, event.Query{Kind: mesh.EventIdentity, Limit: event.MaxLimit})
		},
	}
}

// watch looks once. What cannot be read is looked at the next time.
func (a *alarms) watch(ctx context.Context) {
	if !a.leads() {
		a.said = nil
		return
	}
	holders, err := a.holders(ctx)
	clocks, err2 := a.clocks(ctx)
	err = errors.Join(err, err2)
	if err == nil && a.said == nil {
		err = a.recall(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			a.logger.Warn("certificates are looked at again", "reason", err)
		}
		return
	}
	now := map[string]string{}
	for _, c := range a.authorities() {
		if a.rises(now, c.Fingerprint, c.Alarm) {
			a.ends(c)
		}
	}
	for _, h := range holders {
		if a.rises(now, h.Serial, h.Alarm) {
			a.unrenewed(h)
		}
	}
	var diverged []clock
	for _, c := range clocks {
		if a.rises(now, c.key(), c.step()) {
			diverged = append(diverged, c)
		}
	}
	a.diverge(diverged)
	a.said = now
}

// recall finds what was told before.
func (a *alarms) recall(ctx context.Context) error {
	told, err := a.timeline(ctx)
	if err != nil {
		return err
	}
	a.said = map[string]string{}
	for _, e := range slices.Backward(told) {
		if e.By != author || e.Detail[detailAlarm] == "" {
			continue
		}
		keys := append(strings.Split(e.Detail[detailClocks], ","), e.Detail[detailFingerprint], e.Detail[detailSerial])
		for _, key := range keys {
			a.said[key] = e.Detail[detailAlarm] // an empty one is nobody's
		}
	}
	return nil
}

// rises notes the step at which a certificate is, and reports whether that is to be told.
func (a *alarms) rises(now map[string]string, key, step string) bool {
	_, twice := now[key]
	now[key] = step
	return !twice && step != "" && a.said[key] != step
}

func (a *alarms) ends(c mesh.AuthorityCertificate) {
	a.logger.Error("certificate authority comes to its end", "subject", c.Subject, "expires", c.Expires, "alarm", c.Alarm)
	a.tell(mesh.Event{
		Kind: mesh.EventIdentity, By: author,
		Summary: fmt.Sprintf("authority %q ends at %s: rotate the CA", c.Subject, c.Expires.UTC().Format(time.RFC3339)),
		Detail:  map[string]string{detailFingerprint: c.Fingerprint, detailAlarm: c.Alarm},
	})
}

func (a *alarms) unrenewed(h mesh.Holder) {
	a.logger.Error("certificate is not renewed", "instance", h.Instance, "expires", h.Expires, "alarm", h.Alarm, "reason", h.Failure)
	a.tell(mesh.Event{
		Kind: mesh.EventIdentity, By: author, Target: mesh.Target{Service: h.Service, Instance: h.Instance},
		Summary: fmt.Sprintf("%s does not renew its certificate, which ends at %s", h.Instance, h.Expires.UTC().Format(time.RFC3339)),
		Detail:  map[string]string{detailSerial: h.Serial, detailAlarm: h.Alarm, "reason": h.Failure},
	})
}
