package chhttp_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// client speaks to a store as curl does.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

type reply struct {
	status int
	header http.Header
	body   string
}

func newClient(t *testing.T) client {
	s := storetest.Open(t, t.TempDir())
	h := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(h.CloseIdleConnections)
	return client{t, "http://" + s.Addr, h}
}

func (c client) do(method, path, body string, header ...string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(storetest.User, storetest.Password)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func (c client) post(query, body string, header ...string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, "/?query="+url.QueryEscape(query), body, header...)
}

func TestHTTP(t *testing.T) {
	c := newClient(t)
	for name, test := range map[string]func(*testing.T, client){
		"answers in the format asked for": formats,
		"finds the statement":             statements,
		"reads compressed bodies":         bodies,
		"writes compressed results":       results,
		"maps exceptions to statuses":     statuses,
		"changes nothing on GET":          readOnly,
		"checks who is there":             credentials,
	} {
		t.Run(name, func(t *testing.T) { c.t = t; test(t, c) })
	}
}

func formats(t *testing.T, c client) {
	for _, f := range []struct{ path, sql, body, contentType, format string }{
		{"/", "SELECT 1 AS a, 'x' AS b", "1\tx\n", "text/tab-separated-values; charset=UTF-8", "TabSeparated"},
		{"/?default_format=CSVWithNames", "SELECT 1 AS a", "\"a\"\n1\n", "text/csv; charset=UTF-8; header=present", "CSVWithNames"},
		{"/?default_format=CSV", "SELECT 1 AS a FORMAT JSONEachRow", "{\"a\":1}\n", "application/x-ndjson; charset=UTF-8", "JSONEachRow"},
		{"/?wait_end_of_query=1", "SELECT 1", "1\n", "text/tab-separated-values; charset=UTF-8", "TabSeparated"},
		{"/?database=system", "SELECT currentDatabase()", "system\n", "text/tab-separated-values; charset=UTF-8", "TabSeparated"},
		{"/?param_a=7&max_threads=1", "SELECT {a:UInt8}, getSetting('max_threads')", "7\t1\n", "text/tab-separated-values; charset=UTF-8", "TabSeparated"},
	} {
		got := c.do(http.MethodPost, f.path, f.sql)
		if got.status != 200 || got.body != f.body || got.header.Get("Content-Type") != f.contentType || got.header.Get("X-ClickHouse-Format") != f.format {
			t.Errorf("%s %s: got %+v", f.path, f.sql, got)
		}
		if !strings.Contains(got.header.Get("X-ClickHouse-Summary"), `"read_rows":"`) || got.header.Get("X-ClickHouse-Timezone") != "UTC" {
			t.Errorf("%s: headers %v", f.sql, got.header)
		}
	}
}

func statements(t *testing.T, c client) {
	c.post("CREATE TABLE found (n UInt64, s String) ENGINE = MergeTree ORDER BY n", "")
	for _, in := range []reply{
		c.do(http.MethodPost, "/", "INSERT INTO found VALUES (1, 'a;b')"),
		c.do(http.MethodPost, "/?async_insert=1&wait_for_async_insert=0", "INSERT INTO found FORMAT JSONEachRow\n{\"n\":2,\"s\":\";\"}"),
		c.post("INSERT INTO found FORMAT CSV", "3,\"x\n;\"\n"),
		c.post("INSERT INTO found (n, s) VALUES", "(4, 'd')"),
		c.post("INSERT INTO found", "SELECT 5, 'e'"),
		c.post("SELECT", "1"),
	} {
		if in.status != 200 {
			t.Errorf("got %+v", in)
		}
	}
	got := c.do(http.MethodGet, "/?query="+url.QueryEscape("SELECT groupArray((n, s)) FROM (SELECT * FROM found ORDER BY n)"), "")
	if want := "[(1,'a;b'),(2,';'),(3,'x\\n;'),(4,'d'),(5,'e')]\n"; got.body != want {
		t.Errorf("got %q, want %q", got.body, want)
	}
	for _, name := range []string{"/ping", "/replicas_status", "/"} {
		if got := c.do(http.MethodGet, name, ""); got.body != "Ok.\n" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func bodies(t *testing.T, c client) {
	c.post("CREATE TABLE packed (n UInt64) ENGINE = MergeTree ORDER BY n", "")
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, _ = g.Write([]byte("1\n"))
	_ = g.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write([]byte("2\n"))
	_ = z.Close()
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	if err := w.Compress([]byte("4\n")); err != nil {
		t.Fatal(err)
	}
	frame := string(w.Data)
	for body, header := range map[string]string{gz.String(): "gzip", zs.String(): "zstd"} {
		if got := c.post("INSERT INTO packed FORMAT TSV", body, "Content-Encoding", header); got.status != 200 {
			t.Errorf("%s: got %+v", header, got)
		}
		if got := c.post("INSERT INTO packed FORMAT TSV", body[:len(body)-3], "Content-Encoding", header); got.status != 400 {
			t.Errorf("%s cut short: got %+v", header, got)
		}
	}
	framed := "/?decompress=1&query=" + url.QueryEscape("INSERT INTO packed FORMAT TSV")
	if got := c.do(http.MethodPost, framed, frame+frame); got.status != 200 {
		t.Errorf("framed: got %+v", got)
	}
	for _, cut := range []string{frame + frame[:25], frame + frame[:3], frame + "x" + frame[1:]} {
		if got := c.do(http.MethodPost, framed, cut); got.status == 200 {
			t.Errorf("a broken frame went through: %+v", got)
		}
	}
	if got := c.post("SELECT groupArray(n) FROM (SELECT n FROM packed ORDER BY n)", ""); got.body != "[1,2,4,4]\n" {
		t.Errorf("got %q: nothing of a broken body may be stored", got.body)
	}
	if got := c.post("SELECT 1", "", "Content-Encoding", "rot13"); got.status != 501 {
		t.Errorf("unknown encoding: got %+v", got)
	}
}

func results(t *testing.T, c client) {
	got := c.post("SELECT 1", "", "Accept-Encoding", "gzip;q=1, deflate")
	g, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(g); err != nil || string(b) != "1\n" || got.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("gzip: got %q, %v, %v", b, err, got.header)
	}
	for _, method := range []string{"LZ4", "ZSTD"} {
		got := c.do(http.MethodPost, "/?compress=1&network_compression_method="+method, "SELECT 2")
		b := make([]byte, 2)
		if _, err := io.ReadFull(compress.NewReader(strings.NewReader(got.body)), b); err != nil || string(b) != "2\n" {
			t.Errorf("%s: got %q, %v", method, b, err)
		}
	}
}

func statuses(t *testing.T, c client) {
	for sql, want := range map[string]struct {
		status int
		code   string
	}{
		"SELEKT":                           {400, "62"},
		"":                                 {400, "62"},
		"SELECT * FROM nowhere":            {404, "60"},
		"SELECT throwIf(1)":                {500, "395"},
		"SELECT 1 SETTINGS no_such = 1":    {404, "115"},
		strings.Repeat("SELECT ", 200_000): {400, "62"},
	} {
		got := c.do(http.MethodPost, "/", sql)
		if got.status != want.status || got.header.Get("X-ClickHouse-Exception-Code") != want.code || !strings.HasPrefix(got.body, "Code: "+want.code+". DB::Exception: ") {
			t.Errorf("%.20q: got %d %s %.200s", sql, got.status, got.header.Get("X-ClickHouse-Exception-Code"), got.body)
		}
	}
	if got := c.do(http.MethodPost, "/?"+url.QueryEscape("a b; DROP")+"=1", "SELECT 1"); got.status != 400 {
		t.Errorf("a setting that is no name: got %+v", got)
	}
	if got := c.do(http.MethodPost, "/", "--x\r\n", "Content-Type", "multipart/form-data; boundary=x"); got.status != 501 {
		t.Errorf("external tables: got %+v", got)
	}
}

func readOnly(t *testing.T, c client) {
	for _, sql := range []string{"CREATE TABLE x (n Int8) ENGINE = Memory", "INSERT INTO x VALUES (1)", "SET max_threads = 1", "DROP DATABASE default"} {
		got := c.do(http.MethodGet, "/?query="+url.QueryEscape(sql), "")
		if got.header.Get("X-ClickHouse-Exception-Code") != "164" {
			t.Errorf("GET %s: got %+v", sql, got)
		}
	}
	if got := c.do(http.MethodPost, "/?readonly=1", "CREATE TABLE x (n Int8) ENGINE = Memory"); got.header.Get("X-ClickHouse-Exception-Code") != "164" {
		t.Errorf("readonly=1: got %+v", got)
	}
}

func credentials(t *testing.T, c client) {
	for name, f := range map[string]struct {
		path   string
		header []string
		status int
		code   string
	}{
		"basic":          {"/?query=SELECT+1", nil, 200, ""},
		"wrong":          {"/?query=SELECT+1", []string{"Authorization", "Basic ZGVmYXVsdDp4"}, 403, "516"},
		"none":           {"/?query=SELECT+1", []string{"Authorization", ""}, 401, "194"},
		"headers":        {"/?query=SELECT+1", []string{"Authorization", "", "X-ClickHouse-User", storetest.User, "X-ClickHouse-Key", storetest.Password}, 200, ""},
		"URL":            {"/?query=SELECT+1&password=" + storetest.Password, []string{"Authorization", ""}, 200, ""},
		"ping needs not": {"/ping", []string{"Authorization", ""}, 200, ""},
	} {
		got := c.do(http.MethodGet, f.path, "", f.header...)
		if got.status != f.status || got.header.Get("X-ClickHouse-Exception-Code") != f.code {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
