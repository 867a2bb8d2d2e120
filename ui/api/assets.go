package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"
)

// assets is the web app in memory, each file also compressed, once.
type assets struct {
	files map[string]asset // by path without the leading slash
}

type asset struct {
	kind        string
	plain, zip  []byte // zip is nil where it would save nothing
	etag        string
	neverChange bool // its name holds a hash of its content
}

func newAssets(app fs.FS) (*assets, error) {
	all := &assets{files: map[string]asset{}}
	err := fs.WalkDir(app, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(app, name)
		if err != nil {
			return err
		}
		all.files[name] = newAsset(name, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read web app: %w", err)
	}
	if _, ok := all.files["index.html"]; !ok {
		return nil, errors.New("read web app: it has no index.html")
	}
	return all, nil
}

func newAsset(name string, b []byte) asset {
	sum := sha256.Sum256(b)
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	f := asset{
		kind: kind, plain: b, etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		neverChange: strings.HasPrefix(name, "assets/"),
	}
	if z := zipped(b, gzip.BestCompression); len(z) < len(b)*9/10 {
		f.zip = z
	}
	return f
}

// serve answers with a file of the app, and with the app itself for the paths of its
// pages. A missing file of the build is an error, not a page.
func (a *assets) serve(c *gin.Context) {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		c.Data(http.StatusMethodNotAllowed, "text/plain; charset=utf-8", []byte("only GET\n"))
		return
	}
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	f, ok := a.files[name]
	if !ok {
		if path.Ext(name) != "" && strings.HasPrefix(name, "assets/") {
			c.Data(http.StatusNotFound, "text/plain; charset=utf-8", []byte("no such file in this build\n"))
			return
		}
		f = a.files["index.html"]
	}
	h := c.Writer.Header()
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if f.neverChange {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if c.GetHeader("If-None-Match") == f.etag {
		c.Status(http.StatusNotModified)
		return
	}
	send(c, f.kind, f.plain, f.zip)
}

// send writes the compressed form to those who take it.
func send(c *gin.Context, kind string, plain, zip []byte) {
	body := plain
	if zip != nil {
		c.Header("Vary", "Accept-Encoding")
		if takesGzip(c.GetHeader("Accept-Encoding")) {
			c.Header("Content-Encoding", "gzip")
			body = zip
		}
	}
	c.Data(http.StatusOK, kind, body)
}

func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}

func zipped(b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil // a level that does not exist: nothing is compressed
	}
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
