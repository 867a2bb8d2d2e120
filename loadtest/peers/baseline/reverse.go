package baseline

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// reverse is httputil.ReverseProxy as its documentation says, with connections kept
// and a buffer pool, and a row for each request.
func (s Side) reverse(ctx context.Context, l net.Listener, conf *tls.Config) (err error) {
	rows, err := openRows(s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = 0, 1024, 10*time.Minute
	transport.DisableCompression, transport.ForceAttemptHTTP2 = true, false
	target := url.URL{Scheme: "http", Host: s.Next.String()}
	if !s.Inner {
		target.Scheme, transport.TLSClientConfig = "https", conf
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(&target); r.Out.Host = r.In.Host },
		Transport:  transport,
		BufferPool: new(buffers),
		ErrorLog:   log.New(io.Discard, "", 0), // the comparison counts failures itself
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: rows.of(proxy), ErrorLog: proxy.ErrorLog}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// buffers lends what bodies are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// rows is an access log: one write for each row, as nginx does by default.
type rows struct {
	mu   sync.Mutex // guards file
	file *os.File
}

func openRows(path string) (*rows, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("open access log: %w", err)
	}
	return &rows{file: f}, nil
}

// of writes a row for each request of h.
func (r *rows) of(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		start := time.Now()
		h.ServeHTTP(w, req)
		r.mu.Lock()
		defer r.mu.Unlock()
		_, _ = fmt.Fprintf(r.file, `{"time":%q,"client":%q,"method":%q,"path":%q,"seconds":%.6f,"agent":%q,"trace":%q}`+"\n",
			start.Format(time.RFC3339), req.RemoteAddr, req.Method, req.RequestURI, time.Since(start).Seconds(),
			req.UserAgent(), req.Header.Get("Traceparent"))
	})
}

func (r *rows) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Close()
}
