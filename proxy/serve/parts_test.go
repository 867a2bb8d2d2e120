package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

func TestFaultOf(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("while at it: %w", err) }
	cases := []struct {
		err    error
		status int
		flags  string
		grpc   int
	}{
		{route.ErrUnknownService, 404, "NR", 12},
		{route.ErrNoRoute, 404, "NR", 12},
		{errBadHostName, 404, "NR", 12},
		{errNotDone, 501, "NR", 12},
		{upstream.ErrNoInstance, 503, "UH", 14},
		{upstream.ErrTripped, 503, "UH", 14},
		{upstream.ErrOverflow, 503, "UO", 14},
		{&broken{end: retry.Withheld, cause: errors.New("x")}, 503, "UO", 14},
		{&broken{end: retry.ConnectFailed, cause: errors.New("x")}, 503, "UF", 14},
		{&broken{end: retry.ConnectFailed, cause: context.DeadlineExceeded}, 503, "UF", 14},
		{&broken{end: retry.Reset, cause: errors.New("x")}, 503, "UC", 14},
		{&broken{end: retry.Unsent, cause: errors.New("x")}, 503, "UC", 14},
		{&broken{end: retry.TimedOut, cause: errors.New("x")}, 504, "UT", 4},
		{&broken{end: retry.Reset, cause: errors.New("x"), garbled: true}, 502, "UPE", 14},
		{errTimeout, 504, "UT", 4},
		{context.DeadlineExceeded, 504, "UT", 4},
		{errClientGone, 0, "DC", 14},
		{errAnswerCut, 0, "UC", 14},
		{&http1.Error{Status: 431, Reason: "x"}, 431, "DPE", 14},
		{&http1.Error{Status: 400, Reason: "x"}, 400, "DPE", 13},
		{errors.New("anything else"), 502, "UF", 14},
	}
	for _, c := range cases {
		f := faultOf(wrap(c.err))
		if f.status != c.status || f.flags != c.flags || f.grpcCode() != c.grpc || !strings.Contains(f.reason, c.err.Error()) {
			t.Errorf("%v: %+v, gRPC %d", c.err, f, f.grpcCode())
		}
	}
}

func TestHosts(t *testing.T) {
	h := hosts{namespace: "shop"}
	for host, want := range map[string]mesh.ServiceName{
		"cart": "cart.shop", "cart:8080": "cart.shop", "cart.default": "cart",
		"cart.other.svc.cluster.local:80": "cart.other", "CART": "cart.shop",
	} {
		for range 2 { // worked out, and remembered
			if got, err := h.service(host); err != nil || got != want {
				t.Errorf("%s: %q, %v", host, got, err)
			}
		}
	}
	for _, host := range []string{"", "a..b", "example.com.au"} {
		if _, err := h.service(host); !errors.Is(err, errBadHostName) {
			t.Errorf("%q: %v", host, err)
		}
	}
	for i := range 2 * maxHosts {
		if _, err := h.service(fmt.Sprintf("h%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.known) > maxHosts {
		t.Errorf("%d hosts are remembered", len(h.known))
	}
}

func TestRepeatBodyReadsTheSameEachTime(t *testing.T) {
	want := strings.Repeat("0123456789", 6000)
	b := newRepeatBody(io.NopCloser(iotest.HalfReader(strings.NewReader(want))))
	defer b.end()
	first := b.try()
	part := make([]byte, 1000)
	if _, err := io.ReadFull(first, part); err != nil {
		t.Fatal(err)
	}
	second := b.try()
	if n, err := first.Read(part); n != 0 || err == nil {
		t.Errorf("an ended try reads %d, %v", n, err)
	}
	for range 2 {
		got, err := io.ReadAll(second)
		if err != nil || string(got) != want {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		if second, err = b.again(); err != nil {
			t.Fatal(err)
		}
	}
	if b.size() != uint64(len(want)) {
		t.Errorf("size %d", b.size())
	}
}

func TestRepeatBodyKnowsWhenItIsTooLate(t *testing.T) {
	b := newRepeatBody(io.NopCloser(strings.NewReader(strings.Repeat("x", maxReplay+1))))
	defer b.end()
	if got, err := io.ReadAll(b.try()); err != nil || len(got) != maxReplay+1 {
		t.Fatalf("read %d, %v", len(got), err)
	}
	if b.whole() {
		t.Error("says it is whole")
	}
	if _, err := b.again(); err == nil {
		t.Error("read again")
	}
}

// What a try was reading when it ended reaches the one after it.
func TestRepeatBodyLosesNothingBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := io.Pipe()
		b := newRepeatBody(src)
		first := b.try()
		firstRead := make(chan error)
		go func() {
			_, err := first.Read(make([]byte, 10))
			firstRead <- err
		}()
		synctest.Wait() // it waits for the client
		first.Close()
		second := b.try()
		go func() {
			fmt.Fprint(sink, "hello")
			fmt.Fprint(sink, " world")
			sink.Close()
		}()
		got, err := io.ReadAll(second)
		if diff := cmp.Diff("hello world", string(got)); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
		if err := <-firstRead; !errors.Is(err, errTryEnded) {
			t.Errorf("first: %v", err)
		}
		b.end()
	})
}

func TestLinksThatNobodyUsesAreForgotten(t *testing.T) {
	var ls links[string]
	opened := 0
	open := func() *link {
		opened++
		return newLink(pool.Config{IdleTime: time.Second}, time.Second, func(context.Context, string) (net.Conn, error) {
			return nil, errors.New("unreachable")
		})
	}
	kept, left := ls.to("kept", open), ls.to("left", open)
	for range forgotten + 1 {
		ls.to("kept", open)
		ls.sweepAt(time.Now())
	}
	if ls.to("kept", open) != kept || ls.to("left", open) == left || opened != 3 {
		t.Errorf("%d links were opened", opened)
	}
	ls.remove("kept")
	if _, err := kept.h1.Get(t.Context()); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("a removed link: %v", err)
	}
	ls.closeAll()
}
