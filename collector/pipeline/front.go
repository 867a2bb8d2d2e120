package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
)

const frontType = "sightline_front"

// frontFactory makes the extension that stands before the receivers: it knows what they
// do not hand on to processors, who is at the other end of a connection, and can say what
// they cannot, that a request was taken in part.
func frontFactory(f *front) extension.Factory {
	return extension.NewFactory(
		component.MustNewType(frontType),
		func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return f, nil
		},
		component.StabilityLevelStable,
	)
}

func newFront(a *admit.Admission, l *account.Ledger) *front {
	return &front{admission: a, ledger: l, intake: newIntake(waiting), room: semaphore.NewWeighted(inFlight), turns: newTurns()}
}

// exchange is a request and what its sender is told.
type exchange struct {
	sender  admit.Sender
	partial bool // its protocol has a word for what was rejected

	decided  bool // what of it is taken, and so what it costs
	rejected int
	message  string
	failure  error // that the receiver answers with, nil if it was taken
}

// answer notes how a request fails.
func (x *exchange) answer(err error) error {
	x.failure = err
	return err
}

type exchangeKey struct{}

// exchangeOf is the request's in whose context a processor runs.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// orgID is the header in which clients of Cortex, Mimir, Loki and Tempo say who they are.
const orgID = "X-Scope-OrgID"

// senderPrefix begins the names of the sockets on which gates pass on what came with a
// certificate; its namespace follows a slash at the end.
const senderPrefix = "@sightline-sender/"

// SenderSocket is the name that a connection to the pipeline's sockets must have on its
// own side to be one of a sender whose certificate proves a namespace. N makes it unique
// on the machine.
func SenderSocket(n, namespace string) string { return senderPrefix + n + "/" + namespace }

// provedBy is the namespace that the other end of a connection has proved.
func provedBy(address string) string {
	name, ok := strings.CutPrefix(address, senderPrefix)
	if !ok {
		return ""
	}
	_, namespace, _ := strings.Cut(name, "/")
	return namespace
}

type front struct {
	component.StartFunc
	component.ShutdownFunc

	admission *admit.Admission
	ledger    *account.Ledger
	intake    *intake             // for the bodies of requests over HTTP that are read or wait for room
	room      *semaphore.Weighted // for requests over HTTP while they are decoded and until they are on disk
	turns     *turns              // of calls over gRPC
}

var (
	_ extensionmiddleware.HTTPServer = (*front)(nil)
	_ extensionmiddleware.GRPCServer = (*front)(nil)
)

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer.
func (f *front) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(frontUnary), grpc.StatsHandler(f.turns)}, nil
}

func frontUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := ctx.Err(); err != nil { // who went while it waited sends it again
		return nil, status.FromContextError(err).Err()
	}
	x := &exchange{partial: strings.HasPrefix(info.FullMethod, "/opentelemetry.proto.collector.")}
	if p, ok := peer.FromContext(ctx); ok {
		x.sender.Namespace = provedBy(p.Addr.String())
	}
	if claims := metadata.ValueFromIncomingContext(ctx, orgID); len(claims) > 0 {
		x.sender.Claim = claims[0]
	}
	resp, err := handler(context.WithValue(ctx, exchangeKey{}, x), req)
	if err != nil || x.rejected == 0 {
		return resp, err
	}
	return resp, tellRejected(resp, x)
}

// GetHTTPHandler implements extensionmiddleware.HTTPServer.
func (f *front) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{sender: admit.Sender{Namespace: provedBy(r.RemoteAddr), Claim: r.Header.Get(orgID)}}
			kind := otlpKind(r.URL.Path)
			x.partial = kind != ""
			r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
			in := &body{ReadCloser: r.Body, request: r, front: f, exchange: x, tenant: x.sender.Tenant(), signal: cmp.Or(kind, account.Traces)}
			if kind != "" && r.Header.Get("Content-Type") == "application/x-protobuf" {
				in.tally = &tally{path: paths[kind]}
			}
			// The server takes the deadline away where the body has come, which may wait for longer.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTime)) // its connections have one
			defer in.release()
			r.Body = in
			to := &answer{ResponseWriter: w, exchange: x, kind: kind}
			if kind == "" && !readable(to, r) {
				return
			}
			next.ServeHTTP(to, r)
		}), nil
	}, nil
}

// readable reports whether JSON of another protocol is UTF-8, and answers where it is not:
// its receiver would put other characters in the place of what is not, and tell nobody.
func readable(w http.ResponseWriter, r *http.Request) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind != "application/json" {
		return true
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return false
	}
	if !utf8.Valid(body) {
		at := 0
		for c, n := utf8.DecodeRune(body); c != utf8.RuneError || n > 1; c, n = utf8.DecodeRune(body[at:]) {
			at += n
		}
		http.Error(w, fmt.Sprintf("body: byte %d is not UTF-8; nothing of it is taken", at), http.StatusBadRequest)
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// otlpKind is the signal of a path of OTLP over HTTP, empty for another protocol's.
func otlpKind(path string) string {
	switch kind := strings.TrimPrefix(path, "/v1/"); kind {
	case "traces", "logs", "metrics":
		return kind
	}
	return ""
}
