package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/cmd/sightline/replay"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// pieces is how many parts a window is replayed in, so that there is progress to show and
// something to keep when it is interrupted.
const pieces = 12

// sender is as much of a client as a replay takes.
type sender interface {
	Send(ctx context.Context, method, path string, in, out any) error
}

// replaying replays a window before end, the newest piece first, at most limit requests.
type replaying struct {
	api      sender
	manifest []byte
	end      time.Time
	window   time.Duration
	limit    int
	progress io.Writer // nil for none
}

func (r replaying) run(ctx context.Context) (mesh.Replay, error) {
	var all mesh.Replay
	piece := r.window / pieces
	for n := range pieces {
		left := r.limit - all.Requests
		if left <= 0 || all.Partial != "" {
			break
		}
		end := r.end.Add(-time.Duration(n) * piece)
		one, err := r.piece(ctx, end.Add(-piece), end, left)
		if err != nil && ctx.Err() != nil && n > 0 {
			all.Partial = "it was interrupted"
			break
		}
		if err != nil {
			return all, err
		}
		all = replay.Merge(all, one)
		r.tell("\rreplayed the last %s of %s: %d requests ", time.Duration(n+1)*piece, r.window, all.Requests)
	}
	r.tell("\r%s\r", strings.Repeat(" ", 72))
	if back := r.end.Sub(all.Start); all.Partial == "" && back < r.window-pieces {
		all.Partial = fmt.Sprintf("%d requests are the most that are replayed; these are of the last %s", r.limit, back.Round(time.Second))
	}
	return all, nil
}

func (r replaying) piece(ctx context.Context, start, end time.Time, limit int) (mesh.Replay, error) {
	var out mesh.Replay
	path := "/api/v1/config/replay?" + url.Values{
		"start": {start.UTC().Format(time.RFC3339Nano)}, "end": {end.UTC().Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(limit)},
	}.Encode()
	err := r.api.Send(ctx, http.MethodPost, path, client.YAML(r.manifest), &out)
	if p, ok := errors.AsType[*client.ProblemError](err); ok {
		return out, p
	}
	if err != nil {
		return out, fmt.Errorf("replay: %w", err)
	}
	return out, nil
}

func (r replaying) tell(format string, args ...any) {
	if r.progress != nil {
		_, _ = fmt.Fprintf(r.progress, format, args...)
	}
}

// replayText says what a replay found.
func replayText(r *mesh.Replay) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nReplayed %d requests from %s to %s, each once for each sidecar that recorded it:\n",
		r.Requests, r.Start.Local().Format("15:04:05"), r.End.Local().Format("15:04:05"))
	fmt.Fprintf(&b, "  %d changed, %d decided as before, %d not concerned, %d cannot be told of\n", r.Changed, r.Same, r.Unaffected, r.CannotTell)
	if r.Partial != "" {
		fmt.Fprintf(&b, "  This is not all: %s.\n", r.Partial)
	}
	if len(r.NotRecorded) > 0 {
		fmt.Fprintf(&b, "  Rules ask for what is not recorded: %s.\n", strings.Join(r.NotRecorded, ", "))
	}
	b.WriteString("  Not looked at: rate limits, limits in flight, checks of tokens, what an answer would have been.\n")
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "%8d  %s: %s to %s", c.Requests, c.What, orOutside(c.Caller), c.Service)
		if c.Route != "" {
			fmt.Fprintf(&b, " by %s", c.Route)
		}
		fmt.Fprintf(&b, "\n          was %s, becomes %s\n", c.Was, c.Becomes)
		if len(c.Traces) > 0 {
			fmt.Fprintf(&b, "          such as %s\n", strings.Join(c.Traces, " "))
		}
	}
	return b.String()
}

func orOutside(s mesh.ServiceName) string {
	if s == "" {
		return "callers outside the mesh"
	}
	return string(s)
}
