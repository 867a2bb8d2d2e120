package chhttp

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// maxBuffered is how large a result may be that is to be held back until all of it
// is there (wait_end_of_query).
const maxBuffered = 64 << 20

// answer writes one response.
type answer struct {
	w       http.ResponseWriter
	r       *http.Request
	began   time.Time
	queryID string
	tag     string // marks an exception in the midst of a result
	out     io.WriteCloser
}

func newAnswer(w http.ResponseWriter, r *http.Request) *answer {
	return &answer{
		w: w, r: r, began: time.Now(),
		queryID: cmp.Or(r.URL.Query().Get("query_id"), rand.Text()),
		tag:     rand.Text()[:16],
	}
}

// summary is ClickHouse's X-ClickHouse-Summary: numbers as text.
type summary struct {
	ReadRows     uint64 `json:"read_rows,string"`
	ReadBytes    uint64 `json:"read_bytes,string"`
	WrittenRows  uint64 `json:"written_rows,string"`
	WrittenBytes uint64 `json:"written_bytes,string"`
	ToRead       uint64 `json:"total_rows_to_read,string"`
	ResultRows   uint64 `json:"result_rows,string"`
	ResultBytes  uint64 `json:"result_bytes,string"`
	ElapsedNS    int64  `json:"elapsed_ns,string"`
}

// begin sends the headers of a success.
func (a *answer) begin(format string, done engine.Summary) {
	h := a.w.Header()
	text, err := json.Marshal(summary{
		ReadRows: done.ReadRows, ReadBytes: done.ReadBytes,
		WrittenRows: done.WrittenRows, WrittenBytes: done.WrittenBytes,
		ResultRows: done.ResultRows, ResultBytes: done.ResultBytes,
		ElapsedNS: time.Since(a.began).Nanoseconds(),
	})
	if err == nil {
		h.Set("X-ClickHouse-Summary", string(text))
	}
	a.common()
	h.Set("Content-Type", contentType(format))
	h.Set("X-ClickHouse-Format", format)
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	a.out = encoder(a.w, a.r)
	a.w.WriteHeader(http.StatusOK)
}

func (a *answer) common() {
	h := a.w.Header()
	h.Set("X-ClickHouse-Query-Id", a.queryID)
	h.Set("X-ClickHouse-Server-Display-Name", "sightline")
	h.Set("X-ClickHouse-Timezone", "UTC")
}

func (a *answer) end() error { return a.out.Close() }

// streamed passes the result on as it comes. The first chunk decides the status.
func (a *answer) streamed(rows *engine.Rows, format string) error {
	for {
		chunk, err := rows.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if a.out == nil {
			a.begin(format, rows.Summary())
		}
		if err != nil {
			return a.end()
		}
		if _, err := a.out.Write(chunk); err != nil {
			return err
		}
	}
}

// buffered holds the result back until the statement has ended well.
func (a *answer) buffered(rows *engine.Rows, format string) error {
	var whole []byte
	for {
		chunk, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(whole)+len(chunk) > maxBuffered {
			return engine.NewError(396, "TOO_MANY_ROWS_OR_BYTES", "Result is too large to be held back: ask without wait_end_of_query")
		}
		whole = append(whole, chunk...)
	}
	a.begin(format, rows.Summary())
	if _, err := a.out.Write(whole); err != nil {
		return err
	}
	return a.end()
}

func contentType(format string) string {
	switch format {
	case "JSON", "JSONCompact", "JSONStrings", "JSONCompactStrings":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONCompactEachRow", "JSONStringsEachRow":
		return "application/x-ndjson; charset=UTF-8"
	case "TabSeparated", "TabSeparatedWithNames", "TabSeparatedWithNamesAndTypes", "TSV", "TSVWithNames", "TSVWithNamesAndTypes":
		return "text/tab-separated-values; charset=UTF-8"
	case "CSV", "CSVWithNames", "CSVWithNamesAndTypes":
		return "text/csv; charset=UTF-8; header=" + header(format)
	case "XML":
		return "application/xml; charset=UTF-8"
	case "Native", "RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "Parquet", "Arrow", "ArrowStream", "ORC", "Avro", "MsgPack", "Protobuf":
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

// header is the header parameter of RFC 7111's text/csv.
func header(format string) string {
	if format == "CSV" {
		return "absent"
	}
	return "present"
}

// fail reports an exception: by status where nothing has been sent yet, else in the
// midst of the result in the frame that clients look for.
func (a *answer) fail(err error) {
	e := exceptionOf(err)
	if a.out == nil {
		a.refuse(e)
		return
	}
	frame := "\r\n__exception__\r\n" + a.tag + "\r\n" + e.Text + "\n" +
		strconv.Itoa(len(e.Text)+1) + " " + a.tag + "\r\n__exception__\r\n"
	a.interrupt([]byte(frame))
}

func (a *answer) refuse(e *engine.Error) {
	status := statusOf(e.Code)
	h := a.w.Header()
	a.common()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	a.w.WriteHeader(status)
	_, _ = io.WriteString(a.w, e.Text+"\n") // a client that has gone needs no reason
}

// interrupt writes the frame and breaks the connection off, so that no client takes
// the result for a whole one. ClickHouse's own framing does not cover the frame.
func (a *answer) interrupt(frame []byte) {
	if _, ok := a.out.(*blockWriter); ok {
		_, _ = a.w.Write(frame)
	} else {
		_, _ = a.out.Write(frame)
		_ = a.out.Close()
	}
	if http.NewResponseController(a.w).Flush() == nil {
		panic(http.ErrAbortHandler)
	}
}
