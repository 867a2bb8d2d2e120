// Package engine runs the ClickHouse engine inside this process: the C library
// libchdb, loaded without cgo.
//
// The library holds one engine per process and one process per data directory. It
// boots with the first session and cannot be booted again after Close. A session
// runs one statement at a time, so an Engine keeps pools of them: readers for
// SELECTs, writers for the rest, and one for administration that also keeps the
// engine up while the pools are empty.
package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Engine is a running ClickHouse engine. Its methods may be called from any
// goroutine.
type Engine struct {
	lib     *library
	readers *pool
	writers *pool
	tags    atomic.Uint64
	killers sync.WaitGroup

	mu    sync.Mutex // guards admin
	admin *conn
}

// killEvery is how long a cancelled statement gets to notice before it is told again:
// the first word may come before the engine has registered the statement.
const killEvery = 100 * time.Millisecond

// Open loads the library and boots the engine. A missing or unloadable library is a
// *LibraryError.
func Open(c Config) (*Engine, error) {
	c = c.withDefaults()
	lib, err := loadLibrary(c.Library)
	if err != nil {
		return nil, err
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil { // a cache's path must be
		return nil, fmt.Errorf("find engine directory: %w", err)
	}
	file, err := c.write()
	if err != nil {
		return nil, err
	}
	args := []string{"clickhouse", "--path=" + c.DataDir(), "--config-file=" + file}
	open := func() (*conn, error) { return lib.open(args, c.sessionSettings()) }
	admin, err := open()
	if err != nil {
		return nil, fmt.Errorf("boot engine in %s: %w", c.Dir, err)
	}
	return &Engine{
		lib:     lib,
		admin:   admin,
		readers: newPool(c.Readers, open),
		writers: newPool(c.Writers, open),
	}, nil
}

// Version is the library's version.
func (e *Engine) Version() string { return e.lib.version() }

// Close ends the statements that still run, closes every session and stops the
// engine for the rest of the process's life. It gives up when ctx ends; what was
// acknowledged is on disk either way.
func (e *Engine) Close(ctx context.Context) error {
	e.administer("KILL QUERY WHERE 1 ASYNC")
	err := errors.Join(e.readers.close(ctx), e.writers.close(ctx))
	e.killers.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.admin.close()
	if err == nil {
		e.lib.shutdown() // threads that will not stop do no harm: the process is about to end
	}
	return err
}

// Query runs a statement. A SELECT is streamed: the engine is at most a few blocks
// ahead of the reader. Cancelling ctx ends the statement. The caller closes the Rows.
// What the engine refuses is an *Error.
func (e *Engine) Query(ctx context.Context, s Statement) (*Rows, error) {
	kind, err := e.classify(s.SQL)
	if err != nil {
		return nil, err
	}
	if s.ReadOnly && kind != classReadOnly {
		return nil, NewError(CodeReadOnly, "READONLY", "Cannot execute query in readonly mode")
	}
	from := e.writers
	if kind == classReadOnly {
		from = e.readers
	}
	c, err := from.get(ctx, &s)
	if err != nil {
		return nil, err
	}
	r := &Rows{ctx: ctx, conn: c, from: from}
	r.release = e.guard(ctx, &s)
	if kind == classControl {
		c.tainted = true
	}
	if kind == classReadOnly && streamable(s.SQL) {
		r.stream = c.stream(&s)
		err = r.stream.err()
	} else {
		r.whole = c.query(&s)
		err = r.whole.err()
	}
	if err != nil {
		err = r.cause(err)
		r.Close()
		return nil, err
	}
	return r, nil
}

// Exec runs a statement and discards what it returns.
func (e *Engine) Exec(ctx context.Context, s Statement) (Summary, error) {
	rows, err := e.Query(ctx, s)
	if err != nil {
		return Summary{}, err
	}
	defer rows.Close()
	for {
		if _, err := rows.Next(); err != nil {
			return rows.Summary(), notEOF(err)
		}
	}
}

// classify refuses what is not one statement.
func (e *Engine) classify(sql string) (uint32, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	class, n := e.admin.classify(sql)
	if n > 1 {
		return class, NewError(CodeSyntax, "SYNTAX_ERROR", "Multi-statements are not allowed")
	}
	return class, nil
}

// guard tags the statement and kills it when ctx ends before release is called.
func (e *Engine) guard(ctx context.Context, s *Statement) (release func()) {
	tag := "/*sightline:" + strconv.FormatUint(e.tags.Add(1), 10) + "*/"
	s.SQL = tagged(s.SQL, tag)
	done := make(chan struct{})
	e.killers.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer e.killers.Done()
		e.kill(tag, done)
	})
	return func() {
		close(done)
		if stop() {
			e.killers.Done()
		}
	}
}

func (e *Engine) kill(tag string, done <-chan struct{}) {
	again := time.NewTicker(killEvery)
	defer again.Stop()
	for {
		e.administer("KILL QUERY WHERE startsWith(query, " + quoteText(tag) + ") OR endsWith(query, " + quoteText(tag) + ") ASYNC")
		select {
		case <-done:
			return
		case <-again.C:
		}
	}
}

// administer runs a statement of which nothing depends: those who use it look at
// what became of the statements that it was meant for.
func (e *Engine) administer(sql string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.admin.run(sql)
}

// tagged puts the tag at the end, so that positions in error messages are true, but
// before an INSERT, whose end may be data.
func tagged(sql, tag string) string {
	if strings.EqualFold(firstWord(sql), "INSERT") {
		return tag + sql
	}
	return strings.TrimRight(sql, "; \t\r\n") + "\n" + tag
}

// streamable reports whether the library can stream the statement's result: only
// what begins as a query does.
func streamable(sql string) bool {
	word := strings.ToUpper(firstWord(sql))
	return word == "SELECT" || word == "WITH" || word == "("
}
