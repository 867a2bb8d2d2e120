package token

import (
	"context"
	"crypto/elliptic"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// publisher is an issuer that publishes a key set, or fails.
type publisher struct {
	mu    sync.Mutex
	body  string
	fails bool
	hangs bool
	asked int
}

func (p *publisher) publish(body string, fails bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.fails = body, fails
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *publisher) get(ctx context.Context, _ string) ([]byte, error) {
	p.mu.Lock()
	p.asked++
	hangs := p.hangs
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails {
		return nil, errors.New("unreachable")
	}
	return []byte(p.body), nil
}

const keysURI = "https://issuer.example/keys"

// fetched is a verifier whose keys p publishes.
func fetched(t *testing.T, p *publisher) *Verifier {
	t.Helper()
	f := newFetcher(p.get, slog.New(slog.DiscardHandler))
	v, err := Compile([]mesh.TokenRule{{Issuer: issuer, JWKSURI: keysURI}}, f)
	if err != nil {
		t.Fatal(err)
	}
	f.Keep([]string{keysURI})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return v
}

func TestKeysAreFetchedAndRotated(t *testing.T) {
	first, second := ecSigner(t, "1", elliptic.P256(), jose.ES256), ecSigner(t, "2", elliptic.P256(), jose.ES256)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: set(t, first)}
		v := fetched(t, p)
		is := func(s *signer, want string) {
			t.Helper()
			start := time.Now()
			_, err := v.Verify(t.Context(), bearing(s.sign(t, with(nil))))
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("at %v: %v, want %q", time.Since(start), err, want)
			}
			if took := time.Since(start); took > KeyWait {
				t.Errorf("waited for %v", took)
			}
		}
		is(first, "") // waits for the first fetch
		is(second, "has no such key")
		if n := p.count(); n != 1 {
			t.Errorf("%d fetches while it cools down, want 1", n)
		}
		p.publish(set(t, first, second), false)
		time.Sleep(Cooldown)
		is(second, "") // asks for it
		is(first, "")
		if n := p.count(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
		p.publish(set(t, second), false)
		time.Sleep(refresh)
		synctest.Wait()
		is(first, "has no such key") // remembered, but its key was taken back
		is(second, "")
	})
}

func TestAFloodOfUnknownKeysFetchesLittle(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	stranger := ecSigner(t, "x", elliptic.P256(), jose.ES256)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{body: set(t, k)}
		v := fetched(t, p)
		const within = 60 * time.Second
		flood := bearing(stranger.sign(t, with(nil)))
		stop := time.Now().Add(within)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for time.Now().Before(stop) {
					if _, err := v.Verify(t.Context(), flood); err == nil {
						t.Error("a stranger's token was taken")
					}
					time.Sleep(500 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if n, most := p.count(), int(within/Cooldown)+2; n > most || n < 3 {
			t.Errorf("%d fetches in %v, want at most %d", n, within, most)
		}
		if _, err := v.Verify(t.Context(), bearing(k.sign(t, with(nil)))); err != nil {
			t.Error(err)
		}
	})
}

func TestLastGoodKeysStay(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{fails: true}
		v := fetched(t, p)
		tok := bearing(k.sign(t, with(map[string]any{"exp": nil})))
		start := time.Now()
		if _, err := v.Verify(t.Context(), tok); err == nil || !strings.Contains(err.Error(), "could not be fetched") {
			t.Errorf("without keys: %v", err)
		}
		if took := time.Since(start); took > KeyWait {
			t.Errorf("waited for %v", took)
		}
		time.Sleep(10 * time.Minute)
		if n := p.count(); n < 10 || n > 18 { // 1 2 4 … 60 60 60 s
			t.Errorf("%d tries in 10 minutes, want them to back off", n)
		}
		p.publish(set(t, k), false)
		time.Sleep(backoffMost)
		synctest.Wait()
		if _, err := v.Verify(t.Context(), tok); err != nil {
			t.Errorf("after it came back: %v", err)
		}
		for _, bad := range []string{"", "{}", `{"keys":[]}`} {
			p.publish(bad, bad == "")
			time.Sleep(2 * refresh)
			if _, err := v.Verify(t.Context(), tok); err != nil {
				t.Errorf("while it publishes %q: %v", bad, err)
			}
		}
	})
}

func TestAFetchThatHangsHoldsNobody(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{hangs: true}
		v := fetched(t, p)
		start := time.Now()
		if _, err := v.Verify(t.Context(), bearing(k.sign(t, with(nil)))); err == nil {
			t.Error("took a token without keys")
		}
		if took := time.Since(start); took != KeyWait {
			t.Errorf("waited for %v", took)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		start = time.Now()
		v.Verify(gone, bearing(k.sign(t, with(nil)))) //nolint:errcheck // it is refused
		if took := time.Since(start); took != 0 {
			t.Errorf("waited for %v for a client that is gone", took)
		}
	})
}

func TestSourcesThatNobodyWantsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{fails: true}
		f := newFetcher(p.get, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = f.Run(ctx) }()
		f.Keep([]string{"https://a", "https://b"})
		synctest.Wait()
		f.Keep(nil)
		f.Keep([]string{"https://b"}) // another one of the same name
		synctest.Wait()
		before := p.count()
		if before != 3 {
			t.Errorf("%d fetches, want one of each source", before)
		}
		f.Keep(nil)
		synctest.Wait()
		time.Sleep(time.Hour)
		if n := p.count(); n != before {
			t.Errorf("%d fetches for nobody", n-before)
		}
		cancel()
		<-done
	})
}

// The real thing: keys behind TLS, replaced while requests come.
func TestKeysRotateUnderLoad(t *testing.T) {
	old, young := rsaSigner(t, "old", jose.RS256), ecSigner(t, "young", elliptic.P256(), jose.ES256)
	p := &publisher{body: set(t, old)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := p.get(r.Context(), "")
		_, _ = w.Write(b)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of the client that does not trust it
	server.StartTLS()
	defer server.Close()
	f := NewFetcher(server.Client(), slog.New(slog.DiscardHandler))
	v, err := Compile([]mesh.TokenRule{{Issuer: issuer, JWKSURI: server.URL}}, f)
	if err != nil {
		t.Fatal(err)
	}
	f.Keep([]string{server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	defer func() { cancel(); <-done }()

	oldToken, youngToken := old.sign(t, with(nil)), young.sign(t, with(nil))
	if _, err := v.Verify(ctx, bearing(oldToken)); err != nil {
		t.Fatal(err)
	}
	p.publish(set(t, old, young), false)
	var taken, refused atomic.Int64
	over := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if _, err := v.Verify(ctx, bearing(oldToken)); err != nil {
					t.Errorf("a token of the old key: %v", err)
					return
				}
				if _, err := v.Verify(ctx, bearing(youngToken)); err != nil {
					refused.Add(1)
				} else {
					taken.Add(1)
				}
			}
		})
	}
	deadline := time.After(4 * Cooldown)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for taken.Load() == 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the new key is never taken")
		}
	}
	missed := refused.Load()
	close(over)
	all.Wait()
	if p.count() != 2 {
		t.Errorf("%d fetches (%d tokens refused while it cooled down), want 2", p.count(), missed)
	}
}

func TestWhoPublishesIsVerified(t *testing.T) {
	k := ecSigner(t, "k", elliptic.P256(), jose.ES256)
	big := strings.Repeat("x", maxKeySet)
	mux := http.NewServeMux()
	plain := httptest.NewServer(mux)
	defer plain.Close()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set(t, k)) })
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big+"x") })
	mux.HandleFunc("/gone", http.NotFound)
	mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
	mux.Handle("/open", http.RedirectHandler(plain.URL+"/keys", http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	f := NewFetcher(server.Client(), nil)
	for path, want := range map[string]string{
		"/keys": "", "/moved": "", "/big": "more than 1048576 bytes", "/gone": "status 404",
		"/open": "redirected to something else than https", "/round": "more than 3 redirects",
	} {
		_, err := f.get(t.Context(), server.URL+path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	stranger := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := NewFetcher(stranger, nil).get(t.Context(), server.URL+"/keys"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}
