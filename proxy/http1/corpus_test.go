package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/proxy/http1/corpus"
)

// serveAll reads requests until there are no more, or a bad one.
func serveAll(src io.Reader) (o corpus.Outcome) {
	var r Reader
	r.Reset(src)
	defer r.Close()
	var q Request
	for {
		if err := r.Await(); err != nil {
			o.Kept = o.Requests > 0
			return o
		}
		err := r.ReadRequest(&q)
		for err == nil && !r.Done() {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) { // of the body, as Next says it
			err = nil
		}
		e, bad := errors.AsType[*Error](err)
		switch {
		case bad:
			o.Statuses = append(o.Statuses, e.Status)
			return o
		case err != nil:
			return o
		}
		o.Statuses = append(o.Statuses, http.StatusOK)
		o.Requests++
		r.Finish()
		if !q.KeepAlive {
			return o
		}
	}
}

func TestCorpus(t *testing.T) {
	cases, err := corpus.Load("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if diff := cmp.Diff(c.Codec, serveAll(bytes.NewReader(c.Sent))); diff != "" {
				t.Errorf("at once: %s", diff)
			}
			if diff := cmp.Diff(c.Codec, serveAll(iotest.OneByteReader(bytes.NewReader(c.Sent)))); diff != "" {
				t.Errorf("byte by byte: %s", diff)
			}
		})
	}
}
