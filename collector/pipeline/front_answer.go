package pipeline

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// tellRejected writes what was rejected into OTLP's answer, whose three kinds have one shape:
// field 1 is the partial success, of which 1 is the number and 2 the message. The types
// of the answers are the Collector's own; that they can be read from protobuf is what its
// codec needs of them, too.
func tellRejected(resp any, x *exchange) error {
	to, ok := resp.(interface{ UnmarshalProto(b []byte) error })
	if !ok {
		return status.Errorf(codes.Internal, "%s, which cannot be said in a %T", x.message, resp)
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(x.rejected))
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, x.message)
	b := protowire.AppendTag(nil, 1, protowire.BytesType)
	if err := to.UnmarshalProto(protowire.AppendBytes(b, partial)); err != nil {
		return status.Errorf(codes.Internal, "answer: %s", err)
	}
	return nil
}

// answer is the response to a request over HTTP. It lets through what the receiver
// writes, but for what the receiver cannot know.
type answer struct {
	http.ResponseWriter

	exchange *exchange
	kind     string // of OTLP; empty is another protocol
	instead  bool   // of the receiver's body, something else was written
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	x := a.exchange
	switch {
	case a.kind != "" && code == http.StatusOK && x.rejected > 0:
		body, err := partialSuccess(a.kind, a.Header().Get("Content-Type"), x)
		if err != nil {
			a.replace(http.StatusInternalServerError, []byte(err.Error()))
			return
		}
		a.Header().Del("Content-Length")
		a.replace(code, body)
	case a.kind == "" && code >= http.StatusBadRequest && x.failure != nil:
		a.failed()
	default:
		a.ResponseWriter.WriteHeader(code)
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.instead {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

func (a *answer) replace(code int, body []byte) {
	a.instead = true
	a.ResponseWriter.WriteHeader(code)
	_, _ = a.ResponseWriter.Write(body) // who went away does not want it
}

// failed says why, and when to come again, to clients of protocols whose receivers say
// neither.
func (a *answer) failed() {
	s, _ := status.FromError(a.exchange.failure)
	code := http.StatusServiceUnavailable
	switch s.Code() {
	case codes.InvalidArgument:
		code = http.StatusBadRequest
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			a.Header().Set("Retry-After", strconv.Itoa(int(info.GetRetryDelay().AsDuration()/time.Second)))
		}
	}
	a.Header().Set("Content-Type", "text/plain; charset=utf-8")
	a.Header().Del("Content-Length")
	a.replace(code, []byte(s.Message()+"\n"))
}

// partialSuccess is OTLP's answer over HTTP to a request of which some was rejected.
func partialSuccess(kind, contentType string, x *exchange) ([]byte, error) {
	var resp interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	switch kind {
	case "traces":
		r := ptraceotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedSpans(int64(x.rejected))
		r.PartialSuccess().SetErrorMessage(x.message)
		resp = r
	case "logs":
		r := plogotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedLogRecords(int64(x.rejected))
		r.PartialSuccess().SetErrorMessage(x.message)
		resp = r
	default:
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(int64(x.rejected))
		r.PartialSuccess().SetErrorMessage(x.message)
		resp = r
	}
	if t, _, err := mime.ParseMediaType(contentType); err == nil && t == "application/json" {
		return resp.MarshalJSON()
	}
	b, err := resp.MarshalProto()
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return b, nil
}
