package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func servicePort(number, group uint16, name string) mesh.ServicePort {
	return mesh.ServicePort{Port: mesh.Port{Number: number, Name: name}, Group: group}
}

// twoPorts is hello with a first port that goes by two numbers, and gRPC on 9090.
func twoPorts(routes ...mesh.Route) mesh.Snapshot {
	return mesh.Snapshot{
		Service: "hello", Known: true, Routes: routes,
		Ports: []mesh.ServicePort{servicePort(8080, 0, ""), servicePort(8081, 0, ""), servicePort(9090, 9090, "grpc")},
		Instances: []mesh.Instance{
			{ID: "a", AppPort: 8080, Ports: []mesh.Port{{Number: 8080}, {Number: 9090, Name: "grpc", Protocol: mesh.GRPC}}},
			{ID: "b", AppPort: 8081, Ports: []mesh.Port{{Number: 8081}, {Number: 9090, Name: "grpc", Protocol: mesh.GRPC}}},
		},
	}
}

func TestRoutesOfPorts(t *testing.T) {
	to := func(s mesh.ServiceName, port uint16) mesh.Destination {
		return mesh.Destination{Service: s, Port: port, Weight: 1}
	}
	other := mesh.Snapshot{
		Service: "other", Known: true,
		Ports: []mesh.ServicePort{servicePort(80, 0, "http"), servicePort(7070, 7070, "grpc"), servicePort(81, 81, "")},
	}
	lone := mesh.Snapshot{Service: "lone", Known: true, Instances: []mesh.Instance{{ID: "l", AppPort: 5000}}}
	for name, c := range map[string]struct {
		routes []mesh.Route
		ask    uint16
		want   []Destination
	}{
		"no route":                {nil, 0, []Destination{{Service: "hello", Weight: 1}}},
		"first by number":         {nil, 8081, []Destination{{Service: "hello", Weight: 1}}},
		"none is named":           {nil, 80, []Destination{{Service: "hello", Weight: 1}}},
		"second":                  {nil, 9090, []Destination{{Service: "hello", Port: 9090, Weight: 1}}},
		"a destination's own":     {[]mesh.Route{{Destinations: []mesh.Destination{to("hello", 9090)}}}, 0, []Destination{{Service: "hello", Port: 9090, Weight: 1}}},
		"a destination's first":   {[]mesh.Route{{Destinations: []mesh.Destination{to("hello", 8081)}}}, 9090, []Destination{{Service: "hello", Weight: 1}}},
		"elsewhere by name":       {[]mesh.Route{{Destinations: []mesh.Destination{to("other", 0)}}}, 9090, []Destination{{Service: "other", Port: 7070, Weight: 1}}},
		"elsewhere, its own":      {[]mesh.Route{{Destinations: []mesh.Destination{to("other", 81)}}}, 9090, []Destination{{Service: "other", Port: 81, Weight: 1}}},
		"elsewhere, the only one": {[]mesh.Route{{Destinations: []mesh.Destination{to("lone", 5000)}}}, 9090, []Destination{{Service: "lone", Weight: 1}}},
		"one that is gone":        {[]mesh.Route{{Destinations: []mesh.Destination{to("hello", 1234)}}}, 0, []Destination{{Service: "hello", Port: 1234, Weight: 1}}},
		"by the port addressed": {[]mesh.Route{
			{Matches: []mesh.Match{{Port: 9090}}, Destinations: []mesh.Destination{to("lone", 0)}}, {Destinations: []mesh.Destination{to("hello", 0)}},
		}, 9090, []Destination{{Service: "lone", Weight: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := Compile([]mesh.Snapshot{twoPorts(c.routes...), other, lone})
			if err != nil {
				t.Fatal(err)
			}
			r, err := table.Match("hello", &Request{Method: "GET", Path: "/", Authority: "hello", Port: c.ask})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, r.Destinations()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUnknownPort(t *testing.T) {
	table, err := Compile([]mesh.Snapshot{twoPorts(), {Service: "lone", Known: true}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = table.Match("hello", &Request{Port: 1234})
	_, streamErr := table.Stream("hello", Stream{To: 1234})
	for _, err := range []error{err, streamErr} {
		if !errors.Is(err, ErrUnknownPort) || !strings.Contains(err.Error(), "1234 of hello, which has 8080, 8081, 9090 (grpc)") {
			t.Errorf("err = %v, want it to name the ports there are", err)
		}
	}
	if _, err := table.Match("lone", &Request{Port: 1234}); err != nil {
		t.Errorf("a service with one port answers on any: %v", err)
	}
}

func TestMirrorsAndStreamsGoToThePort(t *testing.T) {
	s := twoPorts(mesh.Route{
		Destinations: []mesh.Destination{{Service: "hello", Weight: 1}},
		Mirrors:      []mesh.Mirror{{Service: "hello", Percent: 100}, {Service: "hello", Port: 8080, Percent: 100}},
	})
	s.Streams = []mesh.StreamRoute{{Name: "tcp", Destinations: []mesh.Destination{{Service: "hello", Weight: 1}}}}
	table, err := Compile([]mesh.Snapshot{s})
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Match("hello", &Request{Port: 9090})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint16
	for _, m := range r.Rules.Mirrors {
		got = append(got, m.Route.Destinations()[0].Port)
	}
	stream, err := table.Stream("hello", Stream{To: 9090})
	if err != nil {
		t.Fatal(err)
	}
	if got = append(got, stream.Destinations()[0].Port); !cmp.Equal(got, []uint16{9090, 0, 9090}) {
		t.Errorf("mirrors and stream go to %v", got)
	}
	if app := table.App("hello", 9090); app != (App{Protocol: mesh.GRPC, Port: 9090}) {
		t.Errorf("app %+v", app)
	}
	if app := table.App("hello", 0); app != (App{}) {
		t.Errorf("app %+v, want nothing that not all say", app)
	}
}

// TestMatchesOfAPort: a match goes by the port, not by the number that it was asked for
// under; a request that names none is for the first.
func TestMatchesOfAPort(t *testing.T) {
	lone := mesh.Snapshot{Service: "lone", Known: true, Instances: []mesh.Instance{{ID: "l", AppPort: 5000}}}
	to := func(s mesh.ServiceName) []mesh.Destination { return []mesh.Destination{{Service: s, Weight: 1}} }
	web := twoPorts(mesh.Route{Name: "ported", Matches: []mesh.Match{{Port: 8080}}, Destinations: to("lone")}, mesh.Route{Name: "rest", Destinations: to("hello")})
	named := web
	named.Ports = append([]mesh.ServicePort{servicePort(80, 9090, "grpc")}, web.Ports...)
	lone.Routes = []mesh.Route{{Name: "ported", Matches: []mesh.Match{{Port: 9080}}, Destinations: to("hello")}, {Name: "rest", Destinations: to("lone")}}
	for _, c := range []struct {
		of        mesh.Snapshot
		authority string
		port      uint16
		want      string
	}{
		{web, "hello:8080", 8080, "ported"},
		{web, "hello:8081", 8081, "ported"},
		{web, "hello", 0, "ported"},
		{web, "hello:80", 80, "ported"},
		{web, "hello:9090", 9090, "rest"},
		{named, "hello", 0, "rest"},
		{named, "hello:80", 80, "rest"},
		{named, "hello:8081", 8081, "ported"},
		{lone, "lone:9080", 9080, "ported"},
		{lone, "lone", 0, "rest"},
		{lone, "lone:5000", 5000, "rest"},
	} {
		set := []mesh.Snapshot{c.of, lone}
		if c.of.Service == "lone" {
			set = []mesh.Snapshot{web, lone}
		}
		table, err := Compile(set)
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Match(c.of.Service, &Request{Method: "GET", Path: "/", Authority: c.authority, Port: c.port})
		if err != nil || r.Name != c.want {
			t.Errorf("%s (%d): %+v, %v, want %s", c.authority, c.port, r, err, c.want)
		}
	}
}

// TestAPortThatThereIsNot: the share of one is answered as its route says.
func TestAPortThatThereIsNot(t *testing.T) {
	for port, want := range map[uint16]int{0: 0, 8081: 0, 9090: 0, 1234: 500} {
		table, err := Compile([]mesh.Snapshot{twoPorts(mesh.Route{Destinations: []mesh.Destination{{Service: "hello", Port: port, Weight: 1, Absent: 500}}})})
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Match("hello", &Request{Method: "GET", Path: "/", Authority: "hello"})
		if err != nil || r.Destinations()[0].Fail != want {
			t.Errorf("port %d: %+v, %v, want %d", port, r.Destinations(), err, want)
		}
	}
}
