package collector

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// The whole collector with the real store: what comes in while the store is not there
// yet, while it works and after it was killed ends up stored, once.
func TestStoreComesAndGoes(t *testing.T) {
	storetest.NeedEngine(t)
	relay, dir := newRelay(t), t.TempDir()
	col, _ := start(t, Config{Dir: t.TempDir(), Store: relay.address()})
	conn := dial(t, col)

	export(t, conn, 10)
	checkBooks(t, col, 10, 0)
	select {
	case <-col.Stored():
		t.Error("there are tables before there is a store")
	default:
	}

	server := storetest.Open(t, dir)
	relay.lead(server.Addr)
	until(t, col, "the first is stored", func() bool { return storedAll(col, 10) })
	<-col.Stored()

	server.Kill()
	export(t, conn, 20)
	server = storetest.Open(t, dir)
	relay.lead(server.Addr)
	until(t, col, "all is stored", func() bool { return storedAll(col, 30) })
	checkBooks(t, col, 30, 30)

	for _, table := range []string{"all_spans", "logs", "samples"} {
		if n := rowsOf(t, col, table); n != 30 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
}

func TestRestartKeepsWhatIsQueued(t *testing.T) {
	c := Config{Dir: t.TempDir(), Store: "http://127.0.0.1:1/sightline"} // no store there
	col, stop := start(t, c)
	export(t, dial(t, col), 5)
	stop()
	col, _ = start(t, c)
	checkBooks(t, col, 5, 0)
	if all := col.Connections(); all["grpc"].TLS != 0 || len(all) != 2 {
		t.Errorf("connections %+v", all)
	}
}

func TestDirectoryIsForOne(t *testing.T) {
	c := Config{Dir: t.TempDir(), Store: "http://127.0.0.1:1/sightline", GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	first, _ := start(t, c)
	second, err := New(c, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("Run: %v", err)
	}
	export(t, dial(t, first), 1) // it was not disturbed
}

func TestAddressTaken(t *testing.T) {
	c := Config{Dir: t.TempDir(), Store: "http://127.0.0.1:1/sightline"}
	first, _ := start(t, c)
	grpc, _ := first.Addresses()
	c.Dir, c.HTTP, c.GRPC = t.TempDir(), "127.0.0.1:0", grpc.String()
	second, err := New(c, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), grpc.String()) {
		t.Errorf("Run: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	c := Config{Dir: t.TempDir(), Store: "http://127.0.0.1:1/sightline", GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	col, err := New(c, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // before it began
	if err := col.Run(ctx); err != nil {
		t.Logf("Run: %v", err)
	}
}

func TestSocketsOfALongDirectory(t *testing.T) {
	s := socketsIn("/" + strings.Repeat("d", 100))
	if len(s.grpc) > maxSocketPath || s.grpc == s.http {
		t.Errorf("sockets %+v", s)
	}
	if short := socketsIn("/var/lib/sightline"); short.grpc != "/var/lib/sightline/run/grpc.sock" {
		t.Errorf("sockets %+v", short)
	}
}

func TestValidate(t *testing.T) {
	good := Default()
	good.Dir, good.Store = "/var/lib/sightline", "http://127.0.0.1:8123/sightline"
	if err := good.Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	tests := map[string]struct {
		change func(*Config)
		names  string
	}{
		"no directory":    {func(c *Config) { c.Dir = "" }, "dir"},
		"no store":        {func(c *Config) { c.Store = "" }, "store"},
		"store is no URL": {func(c *Config) { c.Store = "127.0.0.1:8123" }, "store"},
		"no budget":       {func(c *Config) { c.TraceBudget = 0.01 }, "traceBudget"},
		"below nothing":   {func(c *Config) { c.TraceBudget = -1 }, "traceBudget"},
		"no patience":     {func(c *Config) { c.TraceBudget, c.DecisionWait = 100, time.Millisecond }, "decisionWait"},
		"waits for ever":  {func(c *Config) { c.TraceBudget, c.DecisionWait = 100, time.Hour }, "decisionWait"},
		"cold limit of a cluster": {func(c *Config) {
			c.Store, c.StoragePolicy, c.ColdAfter, c.ColdLimit = c.Store+"?cluster=main", "tiered", time.Hour, 1
		}, "coldLimit"},
		"cold limit of nothing": {func(c *Config) { c.ColdLimit = 1 }, "coldLimit"},
		"policy without an age": {func(c *Config) { c.StoragePolicy = "tiered" }, "coldAfter"},
		"age without a policy":  {func(c *Config) { c.ColdAfter = time.Hour }, "coldAfter"},
		"limit of a cluster":    {func(c *Config) { c.Store, c.StoreLimit = c.Store+"?cluster=main", 1<<30 }, "storeLimit"},
		"address":               {func(c *Config) { c.GRPC = "4317" }, "grpc"},
		"too little queue":      {func(c *Config) { c.QueueItems = 10 }, "queueItems"},
		"too little room":       {func(c *Config) { c.MemoryMiB = 1 }, "memoryMiB"},
		"connections":           {func(c *Config) { c.Connections = -1 }, "connections"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			err := c.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.names+":") {
				t.Errorf("Validate: %v, want it to name %s", err, tt.names)
			}
			if _, err := New(c, Deps{}); err == nil {
				t.Error("New takes it")
			}
		})
	}
}
