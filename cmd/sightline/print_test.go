package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestOutputs(t *testing.T) {
	v := map[string]int{"name": 7}
	text := func(tb *table) {
		tb.head("A", "B")
		tb.row("", 7)
		tb.row(time.Time{}, true)
	}
	for output, want := range map[string]string{
		"json": "{\n  \"name\": 7\n}\n",
		"yaml": "name: 7\n",
		"text": "A  B\n-  7\n-  true\n",
	} {
		var b bytes.Buffer
		if err := (&globals{output: output}).print(&b, v, text); err != nil || b.String() != want {
			t.Errorf("%s = %q, %v; want %q", output, b.String(), err, want)
		}
	}
	if err := (&globals{output: "xml"}).print(&bytes.Buffer{}, v, text); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("xml: %v, want it refused by name", err)
	}
}

func TestParseWeights(t *testing.T) {
	got, err := parseWeights([]string{"v1=90", "v2=10"})
	if err != nil || got["v1"] != 90 || got["v2"] != 10 {
		t.Errorf("weights %v, %v", got, err)
	}
	for _, bad := range []string{"v1", "=5", "v1=-1", "v1=many", "v1=70000"} {
		if _, err := parseWeights([]string{bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("weight %q: %v, want it refused by name", bad, err)
		}
	}
}

func TestKinds(t *testing.T) {
	for in, want := range map[string]string{"vs": "VirtualService", "DestinationRules": "DestinationRule", "SLO": "SLO", "all": ""} {
		if got, err := kindOf(in); err != nil || got != want {
			t.Errorf("kindOf(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	if _, err := kindOf("gateway"); err == nil || !strings.Contains(err.Error(), `"gateway"`) {
		t.Errorf("kindOf(gateway): %v, want it refused by name", err)
	}
}

func TestStatusIsWell(t *testing.T) {
	good := mesh.ProxyStatus{Connected: true, InSync: true}
	for _, c := range []struct {
		why string
		s   meshStatus
		ok  bool
	}{
		{"all in sync", meshStatus{Proxies: []mesh.ProxyStatus{good}}, true},
		{"one away", meshStatus{Proxies: []mesh.ProxyStatus{good, {InSync: true}}}, false},
		{"one behind", meshStatus{Proxies: []mesh.ProxyStatus{{Connected: true}}}, false},
		{"a certificate that is not renewed", meshStatus{Authority: mesh.Authority{Troubled: []mesh.Holder{{Instance: "web-1", Failures: 3}}}}, false},
		{"an authority that ends", meshStatus{Authority: mesh.Authority{Signing: mesh.AuthorityCertificate{Alarm: "critical"}}}, false},
		{"a breaker", meshStatus{Proxies: []mesh.ProxyStatus{good}, Breakers: []mesh.Verdict{{ID: "v"}}}, false},
		{"a collector whose disk is full", meshStatus{Signals: []signal.Pipeline{{Trouble: "the queue's disk is full"}}}, false},
		{"a damaged part of the store", meshStatus{Store: signal.StoreState{Damaged: []signal.DamagedPart{{Table: "spans", Part: "broken_1"}}}}, false},
		{"a disk for old days", meshStatus{Store: signal.StoreState{Cold: &signal.ColdState{Bytes: 1}}}, true},
		{"a disk for old days that is away", meshStatus{Store: signal.StoreState{Cold: &signal.ColdState{Trouble: "connection refused"}}}, false},
		{"one of a registry without a sidecar", meshStatus{Proxies: []mesh.ProxyStatus{{Instance: mesh.Instance{Origin: "file"}}}}, true},
	} {
		if got := c.s.problems(); (len(got) == 0) != c.ok {
			t.Errorf("%s: problems %q, want none: %v", c.why, got, c.ok)
		}
	}
}
