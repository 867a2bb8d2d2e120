package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// tapLine is how a request is written on one line.
func tapLine(output string) (func(*mesh.Tapped) string, error) {
	switch output {
	case "text":
		return tapText, nil
	case "wide":
		return tapWide, nil
	case "json":
		return func(r *mesh.Tapped) string {
			b, err := json.Marshal(r)
			if err != nil { // of texts and numbers there is none
				return err.Error()
			}
			return string(b)
		}, nil
	}
	return nil, fmt.Errorf("output %q: want text, wide or json", output)
}

func tapText(r *mesh.Tapped) string {
	from, to := ends(r)
	line := r.Time.Local().Format("15:04:05.000") + " " + r.Direction + " " + from + " -> " + to + " " +
		orDash(r.Method) + " " + orDash(r.Path) + " " + tapStatus(r) + " " + r.Took.Round(10*time.Microsecond).String()
	if r.Flags != "" {
		line += " " + r.Flags
	}
	return printable(line) + headerLines(r)
}

func tapWide(r *mesh.Tapped) string {
	fields := []string{
		"authority=" + r.Authority, "protocol=" + r.Protocol, "route=" + strconv.Quote(r.Route),
		"mtls=" + strconv.FormatBool(r.MTLS), "peer=" + r.PeerIdentity, "tries=" + strconv.Itoa(r.Tries),
		"firstByte=" + r.FirstByte.Round(10*time.Microsecond).String(),
		fmt.Sprintf("in=%d out=%d", r.BytesIn, r.BytesOut), "trace=" + r.TraceID, "request=" + r.RequestID,
	}
	if r.Reason != "" {
		fields = append(fields, "reason="+strconv.Quote(r.Reason))
	}
	plain := *r
	plain.Request, plain.Response = nil, nil
	return tapText(&plain) + " " + printable(strings.Join(fields, " ")) + headerLines(r)
}

// ends are the caller and the callee, by instance where it is known.
func ends(r *mesh.Tapped) (from, to string) {
	own, peer := r.Instance, r.PeerInstance
	if peer == "" {
		peer = orDash(r.Peer)
	}
	if r.Direction == mesh.InboundTap {
		return peer, own
	}
	return own, peer
}

// tapStatus is "200", "200 grpc=5", or "-" for a request that had no answer.
func tapStatus(r *mesh.Tapped) string {
	s := "-"
	if r.Status > 0 {
		s = strconv.Itoa(r.Status)
	}
	if r.GRPCStatus >= 0 {
		s += " grpc=" + strconv.Itoa(r.GRPCStatus)
	}
	return s
}

func headerLines(r *mesh.Tapped) string {
	var b strings.Builder
	for _, h := range r.Request {
		b.WriteString("\n    > " + printable(h.Name+": "+h.Value))
	}
	for _, h := range r.Response {
		b.WriteString("\n    < " + printable(h.Name+": "+h.Value))
	}
	return b.String()
}

// printable keeps what callers wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
