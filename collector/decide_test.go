package collector

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// Of a process that is a collector to be killed: its directory and its store.
const (
	deciderDir   = "SIGHTLINE_TEST_DECIDER"
	deciderStore = "SIGHTLINE_TEST_DECIDER_STORE"
)

const (
	testBudget = 40
	testWait   = 2 * time.Second
)

// decideUntilKilled is the main function of such a process. It says its address, and then
// its books whenever it is asked.
func decideUntilKilled() {
	c, err := New(Config{
		Dir: os.Getenv(deciderDir), Store: os.Getenv(deciderStore), GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0",
		TraceBudget: testBudget, DecisionWait: testWait,
	}, Deps{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		<-c.Ready()
		address, _ := c.Addresses()
		fmt.Println(address)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			_ = json.NewEncoder(os.Stdout).Encode(c.Accounting()[0])
		}
	}()
	if err := c.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	os.Exit(1)
}

// decider is such a process.
type decider struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
	to  ptraceotlp.GRPCClient
}

func startDecider(t *testing.T, dir, store string) *decider {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &decider{t: t, cmd: exec.CommandContext(t.Context(), self)}
	d.cmd.Env = append(os.Environ(), deciderDir+"="+dir, deciderStore+"="+store)
	d.cmd.Stderr = t.Output()
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.out = bufio.NewScanner(out)
	if !d.out.Scan() {
		t.Fatal("the collector does not start")
	}
	conn, err := grpc.NewClient(d.out.Text(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	d.to = ptraceotlp.NewGRPCClient(conn)
	t.Cleanup(func() { conn.Close(); d.kill() })
	return d
}

func (d *decider) kill() {
	_ = d.cmd.Process.Kill() // it may be over
	_ = d.cmd.Wait()
}

func (d *decider) send(td ptrace.Traces) {
	d.t.Helper()
	if _, err := d.to.Export(d.t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *decider) books() (p signal.Pipeline) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.in); err != nil || !d.out.Scan() {
		d.t.Fatal("the collector is gone:", err)
	}
	if err := json.Unmarshal(d.out.Bytes(), &p); err != nil {
		d.t.Fatal(err)
	}
	return p
}

// told is a trace that was sent, in parts: the request, and what it led to a moment later.
type told struct {
	id          [16]byte
	kind        string // what is special about it
	first, last time.Time
}

// within reports whether all of it was sent before it could be decided about: a machine
// that is short of time sends the last part later.
func (o *told) within() bool { return o.last.Sub(o.first) < testWait }

const partsOfTrace = 3

// part is the n-th span of a trace. What is special is in the first or the last.
func (o told) part(td ptrace.Traces, n int) {
	rs := td.ResourceSpans()
	if rs.Len() == 0 {
		r := rs.AppendEmpty()
		r.Resource().Attributes().PutStr(signal.KeyService, []string{"web", "cart", "users"}[n])
		r.ScopeSpans().AppendEmpty()
	}
	span := rs.At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	span.SetTraceID(o.id)
	span.SetSpanID([8]byte{o.id[0], o.id[1], o.id[2], o.id[3], 7: byte(n + 1)})
	if n > 0 {
		span.SetParentSpanID([8]byte{o.id[0], o.id[1], o.id[2], o.id[3], 7: byte(n)})
	}
	span.SetKind(ptrace.SpanKindServer)
	span.SetName("GET")
	took := 10*time.Millisecond + time.Duration(o.id[0])*20*time.Microsecond
	switch {
	case o.kind == "slow" && n == 0:
		took = time.Second
	case o.kind == "first failed" && n == 0, o.kind == "last failed" && n == partsOfTrace-1:
		span.Status().SetCode(ptrace.StatusCodeError)
	case o.kind == "marked" && n == partsOfTrace-1:
		span.Attributes().PutInt("sampling.priority", 1)
	}
	end := time.Now()
	span.SetStartTimestamp(stamp(end.Add(-took)))
	span.SetEndTimestamp(stamp(end))
}

// What somebody would look for is whole, though the collector is killed while some parts
// are stored and others are not yet; of the rest as much is kept as may be, which stands for
// all, and nothing is stored twice.
func TestDecisionsSurviveAKill(t *testing.T) {
	storetest.NeedEngine(t)
	server := storetest.Open(t, t.TempDir())
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: server.DSN()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := startDecider(t, dir, server.DSN())
	const (
		every    = 100 * time.Millisecond
		each     = 50 // traces
		rounds   = 120
		killFrom = 50
	)
	killed := false
	r := rand.New(rand.NewPCG(1, 2))
	var sent [][]told
	pace := time.NewTicker(every)
	defer pace.Stop()
	for round := range rounds + (partsOfTrace-1)*5 {
		var now []told
		for n := range each {
			one := told{kind: kindOf(round*each + n)}
			binary.BigEndian.PutUint64(one.id[:], r.Uint64())
			binary.BigEndian.PutUint64(one.id[8:], r.Uint64())
			if round < rounds {
				now = append(now, one)
			}
		}
		sent = append(sent, now)
		for n := range partsOfTrace { // half a second apart
			td := ptrace.NewTraces()
			if from := round - 5*n; from >= 0 {
				for _, one := range sent[from] {
					one.part(td, n)
				}
			}
			if td.SpanCount() == 0 {
				continue
			}
			begun := time.Now()
			d.send(td)
			for i := range sent[round-5*n] {
				if one := &sent[round-5*n][i]; n == 0 {
					one.first = begun
				} else {
					one.last = time.Now()
				}
			}
		}
		if before := d.books(); round >= killFrom && !killed && before.Stored > 0 && before.Queued > 0 && before.Dropped[signal.Sampled] > 0 {
			d.kill()
			d = startDecider(t, dir, server.DSN())
			killed = true
		}
		<-pace.C
	}
	if !killed {
		t.Error("nothing was stored while it was sent")
	}
	var books signal.Pipeline
	for books = d.books(); books.Queued > 0; books = d.books() {
		<-pace.C
	}
	if books.Received != books.Stored+books.Dropped[signal.Sampled] || books.Lost() > 0 {
		t.Errorf("the books do not balance: %+v", books)
	}
	checkDecisions(t, s, sent)
}

func kindOf(n int) string {
	switch {
	case n%50 == 7:
		return "first failed"
	case n%50 == 9:
		return "last failed"
	case n%100 == 13:
		return "marked"
	case n > 500 && n%300 == 17:
		return "slow"
	}
	return ""
}

// kept is what is stored of a trace.
type kept struct {
	spans, different uint64
	weight           float64
}

func readKept(t *testing.T, s *clickhouse.Store) map[[16]byte]kept {
	t.Helper()
	rows, err := s.Query(t.Context(), "SELECT lower(hex(trace_id)), count(), uniqExact(span_id), toFloat64(max(weight)) FROM all_spans GROUP BY trace_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[[16]byte]kept{}
	for rows.Next() {
		var id string
		var k kept
		if err := rows.Scan(&id, &k.spans, &k.different, &k.weight); err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		all[[16]byte(raw)] = k
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func checkDecisions(t *testing.T, s *clickhouse.Store, sent [][]told) {
	t.Helper()
	stored := readKept(t, s)
	var special, ordinary, stays, parts int
	var weight, variance float64
	for round, traces := range sent {
		for _, one := range traces {
			k := stored[one.id]
			if k.spans != k.different {
				t.Errorf("%d rows of the %d spans of a trace", k.spans, k.different)
			}
			if one.kind != "" {
				if one.within() {
					special++
				}
				if k.spans != partsOfTrace && one.within() {
					t.Errorf("round %d: %d spans of a trace that is %s", round, k.spans, one.kind)
				}
				continue
			}
			ordinary++
			if k.spans == 0 {
				continue
			}
			stays++
			weight += k.weight
			variance += k.weight * (k.weight - 1)
			if k.spans < partsOfTrace && one.within() {
				parts++
			}
		}
	}
	t.Logf("%d traces that are to be kept, and %d ordinary traces, %d stored (%d in part), which stand for %.0f ± %.0f", special, ordinary, stays, parts, weight, math.Sqrt(variance))
	if off := math.Abs(weight - float64(ordinary)); off > 4*math.Sqrt(variance)+0.02*float64(ordinary) {
		t.Errorf("what is stored of %d ordinary traces stands for %.0f ± %.0f", ordinary, weight, math.Sqrt(variance))
	}
	if seconds := float64(len(sent)) / 10; float64(stays) > 1.3*testBudget*seconds+testBudget {
		t.Errorf("%d ordinary traces are stored of %.0f s, want %d a second at most", stays, seconds, testBudget)
	}
	if 50*parts > stays+50 { // those that were under way when it was killed, at most
		t.Errorf("%d of %d ordinary traces are there in part", parts, stays)
	}
}
