package chhttp

import (
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// Version is what the interface says it is: the ClickHouse release inside the
// embedded library.
const Version = "26.7.2.1"

// helloSQL is what clickhouse-go asks first on each connection.
const helloSQL = "SELECT displayName(), version(), revision(), timezone()"

// isHello reports whether this is that question. The engine must not answer it: it
// writes Native without a revision, whereas the client reads this one answer at its
// own and every later one at the revision that the answer names.
func (q *request) isHello() bool {
	return q.revision > 0 && q.format == "Native" && strings.TrimSpace(q.statement.SQL) == helloSQL
}

// helloBlock is the answer, encoded as clickhouse-go reads its first one. Revision 0
// makes it read what follows as the engine writes it.
func helloBlock(revision int) ([]byte, error) {
	text := func(s string) *proto.ColStr {
		c := new(proto.ColStr)
		c.Append(s)
		return c
	}
	number := new(proto.ColUInt32)
	number.Append(0)
	var buf proto.Buffer
	block := proto.Block{Columns: 4, Rows: 1, Info: proto.BlockInfo{BucketNum: -1}}
	err := block.EncodeBlock(&buf, revision, []proto.InputColumn{
		{Name: "displayName()", Data: text("sightline")},
		{Name: "version()", Data: text(Version)},
		{Name: "revision()", Data: number},
		{Name: "timezone()", Data: text("UTC")},
	})
	return buf.Buf, err
}

// hello answers that question.
func (a *answer) hello(revision int) error {
	b, err := helloBlock(revision)
	if err != nil {
		return err
	}
	a.begin("Native", engine.Summary{ResultRows: 1})
	if _, err := a.out.Write(b); err != nil {
		return err
	}
	return a.end()
}
