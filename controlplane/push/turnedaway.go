package push

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// lookEvery is how soon connections that were turned away are told of: people look for
// them when something does not work, and one that tries goes on trying.
const lookEvery = 5 * time.Second

// looks ticks when it is time to see what was turned away, never where nobody tells.
func (c *Client) looks() (at <-chan time.Time, stop func()) {
	if c.cfg.TurnedAway == nil {
		return nil, func() {}
	}
	t := time.NewTicker(lookEvery)
	return t.C, t.Stop
}

// turnedAway is what there is to say of connections that were not taken, if that is more
// than was said on this stream.
func (c *Client) turnedAway(said *spoken, now time.Time) []*wire.SubscribeRequest {
	if c.cfg.TurnedAway == nil {
		return nil
	}
	t := c.cfg.TurnedAway()
	if t.Plaintext == said.away {
		return nil
	}
	said.away = t.Plaintext
	return []*wire.SubscribeRequest{{Message: &wire.SubscribeRequest_TurnedAway{TurnedAway: &wire.TurnedAway{
		Plaintext: t.Plaintext, From: t.From, Ago: durationpb.New(now.Sub(t.Last)),
	}}}}
}
