package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sightline-mesh/sightline/cmd/sightline/up"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestUpSaysWhyItCannotStart: what is wrong with the machine or the flags ends the
// command, and the last line says what it is.
func TestUpSaysWhyItCannotStart(t *testing.T) {
	elsewhere := []string{"--clickhouse", "clickhouse://user:secret@127.0.0.1:1/sightline"}
	noEngine := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(noEngine, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		taken string // flag whose port another program has
		flags []string
		want  []string
	}{
		{"no engine", "", nil, []string{"run store: exit status 2: load ClickHouse engine ", "libchdb.so: no such file", "run `make engine`"}},
		{"engine that cannot be loaded", "", []string{"--engine", noEngine}, []string{"run store: exit status 2: load ClickHouse engine " + noEngine}},
		{"store's port", "store-listen", []string{"--engine", noEngine}, []string{"run store: exit status 2: listen for store: ", "address already in use"}},
		{"control plane's port", "control-plane-listen", elsewhere, []string{"run controlplane: exit status 2: control plane: ", "address already in use"}},
		{"OTLP port", "otlp-grpc-listen", elsewhere, []string{"listen for telemetry: ", "address already in use"}},
		{"web app's port", "listen", elsewhere, []string{"open UI: ", "address already in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := addresses(t)
			if c.taken != "" {
				l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at[c.taken])
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = l.Close() }()
			}
			p := launch(t, options{}, upArgs(t, at, c.flags...)...)
			status := p.end(t)
			said := strings.TrimSpace(p.said())
			last := said[strings.LastIndexByte(said, '\n')+1:]
			for _, want := range append(c.want, "sightline: ") {
				if status != 2 || !strings.Contains(last, want) {
					t.Errorf("status %d, last line %q; want 2 and %q; it said:\n%s", status, last, want, said)
				}
			}
		})
	}
}

// TestUpSaysWhatItWaitsFor: a server that is not there yet is waited for, aloud.
func TestUpSaysWhatItWaitsFor(t *testing.T) {
	const server = "127.0.0.1:1"
	t.Setenv("SIGHTLINE_CLICKHOUSE", "clickhouse://user:secret@"+server+"/sightline")
	p := launch(t, options{}, upArgs(t, addresses(t))...)
	p.await(t, "a word on what is waited for", func() bool {
		return strings.Contains(p.said(), "Sightline is waiting for the ClickHouse server at "+server+": ")
	})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := p.end(t); status != 0 {
		t.Errorf("status %d after SIGTERM, want 0", status)
	}
	if said := p.said(); strings.Contains(said, "secret") || !strings.Contains(said, "connection refused") {
		t.Errorf("want the reason and not the password; it said:\n%s", said)
	}
}

// TestDemoSaysWhyItCannotStart, after the mesh below it has said so in its log.
func TestDemoSaysWhyItCannotStart(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"sightline", "sightline-proxy", "sightline-shop"} { // the demo wants them beside it
		this, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		if name != "sightline" {
			this = nil
		}
		if err := os.WriteFile(filepath.Join(bin, name), this, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	args := upArgs(t, addresses(t))
	args[0] = "demo"
	p := launch(t, options{path: filepath.Join(bin, "sightline")}, args...)
	status, want := p.end(t), "sightline: demo: run store: exit status 2: load ClickHouse engine "
	if status != 2 || !strings.Contains(p.said(), want) {
		t.Errorf("status %d, want 2 and %q; it said:\n%s", status, want, p.said())
	}
}

// TestFirstStartWarnsOfNothing that is as it should be: there are no tables yet.
func TestFirstStartWarnsOfNothing(t *testing.T) {
	storetest.NeedEngine(t)
	p := launch(t, options{real: true}, upArgs(t, addresses(t))...)
	p.await(t, "the mesh", func() bool { return strings.Contains(p.said(), "Sightline is up at ") })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := p.end(t); status != 0 {
		t.Errorf("status %d after SIGTERM, want 0", status)
	}
	for line := range strings.Lines(p.said()) {
		// etcd warns in many words of a machine that is short of time, and of those only.
		if strings.Contains(line, "level=WARN") && !strings.Contains(line, `msg="etcd: `) {
			t.Errorf("first start: %s", line)
		}
	}
}

// TestClickHouseFromTheEnvironment: a flag outranks it, and children do not get it.
func TestClickHouseFromTheEnvironment(t *testing.T) {
	const server = "clickhouse://user:secret@db:9000/sightline"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		server: nil,
		"clickhouse://mesh:hush@db:9000/sightline": {"--clickhouse", "clickhouse://mesh@db:9000/sightline", "--clickhouse-password-file", file},
		"http://other:8123/db":                     {"--clickhouse", "http://other:8123/db"},
		"":                                         {"--clickhouse", ""},
	} {
		t.Setenv("SIGHTLINE_CLICKHOUSE", server)
		c := up.Default()
		f := pflag.NewFlagSet("up", pflag.ContinueOnError)
		meshFlags(f, &c)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		if err := secrets(f, &c); err != nil {
			t.Fatal(err)
		}
		if c.ClickHouse != want {
			t.Errorf("with flags %q the server is %q, want %q", args, c.ClickHouse, want)
		}
		if v, ok := os.LookupEnv("SIGHTLINE_CLICKHOUSE"); ok {
			t.Errorf("children would get %q", v)
		}
		if strings.Contains(f.FlagUsages(), server) {
			t.Error("the server's password is in the help")
		}
	}
}

// TestBrokenLogIsNoEnd: the processes that keep state end with a status of their own
// also when nobody reads their log any more, as after the death of `sightline up`.
func TestBrokenLogIsNoEnd(t *testing.T) {
	for _, args := range [][]string{{"store", "--listen", "none"}, {"controlplane", "--listen", "none"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = read.Close()
		p := launch(t, options{out: write}, append(args, "--dir", t.TempDir())...)
		_ = write.Close()
		if status := p.end(t); status != 2 {
			t.Errorf("%s: %v, want status 2", args[0], p.cmd.ProcessState)
		}
	}
}

// TestStartAfterAKill: the children of a mesh that was killed may take their time, and
// the next start waits for them. The test plays a store that does.
func TestStartAfterAKill(t *testing.T) {
	storetest.NeedEngine(t)
	args := upArgs(t, addresses(t))
	first := launch(t, options{real: true}, args...)
	first.await(t, "the mesh", func() bool { return strings.Contains(first.said(), "Sightline is up at ") })
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(filepath.Join(args[2], "store", "lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil { // waits for the store's end
		t.Fatal(err)
	}
	owner, err := os.ReadFile(held.Name())
	if err != nil {
		t.Fatal(err)
	}
	second := launch(t, options{real: true}, args...)
	second.await(t, "a word on the process that is there still", func() bool {
		return strings.Contains(second.said(), "waiting for an earlier mesh's process to end") &&
			strings.Contains(second.said(), "process="+strings.TrimSpace(string(owner)))
	})
	if err := held.Close(); err != nil { // which lets go
		t.Fatal(err)
	}
	second.await(t, "the mesh", func() bool { return strings.Contains(second.said(), "Sightline is up at ") })
	if err := second.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := second.end(t); status != 0 {
		t.Errorf("status %d after SIGTERM, want 0", status)
	}
}
