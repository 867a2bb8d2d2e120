package chhttp

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

const (
	codeBadArguments   = 36
	codeNotImplemented = 48
	codeBadRequestBody = 33  // CANNOT_READ_ALL_DATA
	codeTooLarge       = 307 // TOO_MANY_BYTES
)

// request is what a client asked for.
type request struct {
	statement engine.Statement
	format    string    // of the result
	data      io.Reader // to insert; nil where the statement is no such insert
	wait      bool      // answer only when all is done
	revision  int       // of the native protocol that the client would like
}

// parse reads the request up to the data to insert.
func parse(r *http.Request) (*request, error) {
	values := r.URL.Query()
	q := &request{
		wait:   truthy(values.Get("wait_end_of_query")),
		format: cmp.Or(values.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), "TabSeparated"),
	}
	q.revision, _ = strconv.Atoi(values.Get("client_protocol_version")) // 0 where it is none
	if err := q.settings(values); err != nil {
		return nil, err
	}
	q.statement.Database = cmp.Or(values.Get("database"), r.Header.Get("X-ClickHouse-Database"))
	q.statement.ReadOnly = q.statement.ReadOnly || r.Method != http.MethodPost
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, engine.NewError(codeNotImplemented, "NOT_IMPLEMENTED", "External tables are not supported")
	}
	body, err := decode(r, values)
	if err != nil {
		return nil, err
	}
	return q, q.split(values.Get("query"), body)
}

// settings sorts the URL's parameters into parameters of the statement, settings of
// the engine, and what concerns only this interface.
func (q *request) settings(values url.Values) error {
	for name, all := range values {
		value := all[len(all)-1]
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			set(&q.statement.Params, param, value)
			continue
		}
		switch {
		case name == "readonly":
			q.statement.ReadOnly = value != "0"
		case ours(name):
		case !isName(name):
			return engine.NewError(codeBadArguments, "BAD_ARGUMENTS", "Setting name "+strconv.Quote(name)+" is not an identifier")
		default:
			set(&q.statement.Settings, name, value)
		}
	}
	return nil
}

func set(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

// ours reports whether a parameter is read here, or dropped on purpose, instead of
// being a setting of the engine. Inserts are never asynchronous: an acknowledgement
// must mean stored, and our senders batch.
func ours(name string) bool {
	switch name {
	case "query", "database", "default_format", "user", "password", "query_id", "quota_key",
		"compress", "decompress", "buffer_size", "wait_end_of_query", "client_protocol_version",
		"session_id", "session_timeout", "session_check", "stacktrace", "role", "profile",
		"add_http_cors_header", "http_write_exception_in_output_format",
		"enable_http_compression", "http_zlib_compression_level",
		"send_progress_in_http_headers", "http_headers_progress_interval_ms",
		"cancel_http_readonly_queries_on_client_close",
		"network_compression_method", "network_zstd_compression_level", "wait_for_async_insert":
		return true
	}
	return strings.HasPrefix(name, "async_insert") || strings.HasPrefix(name, "wait_for_async_insert")
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// split finds where the statement ends and the data to insert begins. A statement in
// the URL goes on in the body.
func (q *request) split(query string, body io.Reader) error {
	if query != "" {
		query += "\n"
	}
	all := bufio.NewReaderSize(io.MultiReader(strings.NewReader(query), body), maxStatement)
	head, err := all.Peek(maxStatement)
	if err != nil && !errors.Is(err, io.EOF) {
		return badBody(err)
	}
	whole := errors.Is(err, io.EOF)
	ins, ok := parseInsert(string(head))
	bound := ins.format == "Values" && whole && len(q.statement.Params) > 0 // values name parameters
	if ok && !bound {
		_, _ = all.Discard(ins.dataAt) // within what was peeked
		q.statement.SQL, q.statement.Format, q.data = ins.sql, ins.format, all
		return q.mayInsert()
	}
	if !whole {
		return engine.NewError(engine.CodeSyntax, "SYNTAX_ERROR", fmt.Sprintf("Statement is longer than %d bytes", maxStatement))
	}
	q.statement.SQL, q.statement.Format = string(head), q.format
	q.format = cmp.Or(outputFormat(q.statement.SQL), q.format)
	if strings.TrimSpace(q.statement.SQL) == "" {
		return engine.NewError(engine.CodeSyntax, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

func (q *request) mayInsert() error {
	if q.statement.ReadOnly {
		return engine.NewError(engine.CodeReadOnly, "READONLY", "Cannot insert in readonly mode: use POST")
	}
	return nil
}

func truthy(s string) bool { return s == "1" || s == "true" }

// badBody is the exception for a body that cannot be read to its end.
func badBody(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return engine.NewError(codeTooLarge, "TOO_MANY_BYTES", fmt.Sprintf("Request body is larger than %d bytes", e.Limit))
	}
	return engine.NewError(codeBadRequestBody, "CANNOT_READ_ALL_DATA", "Cannot read request body: "+err.Error())
}
