package engine

import (
	"cmp"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"unsafe"
)

// conn is one session of the engine. The engine runs one statement at a time on it,
// so a conn belongs to one goroutine between taking it from its pool and giving it
// back. What SET and USE did to the session stays until undone.
type conn struct {
	lib    *library
	handle uintptr // chdb_connection *

	database string            // the session's current one
	base     map[string]string // settings it began with; never changed
	settings map[string]string // what the session was told beyond base
	tainted  bool              // a statement changed the session in ways not tracked here
}

const defaultDatabase = "default"

// open starts a session. The first one boots the engine and reads the options that
// concern the whole process from args; base are settings of this session.
func (l *library) open(args []string, base map[string]string) (*conn, error) {
	for name, value := range base {
		args = append(slices.Clip(args), "--"+name+"="+value)
	}
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		argv[i] = unsafe.StringData(a + "\x00")
	}
	handle := l.connect(int32(len(args)), &argv[0])
	runtime.KeepAlive(argv)
	if handle == 0 {
		return nil, errors.New("connect to engine: refused (its own message, if any, is on standard error)")
	}
	return &conn{lib: l, handle: handle, base: base, database: defaultDatabase}, nil
}

func (c *conn) close() { c.lib.closeConn(c.handle) }

// raw is the chdb_connection that the C functions want.
func (c *conn) raw() uintptr { return *(*uintptr)(pointer(c.handle)) }

// prepare brings the session to the database and settings that the statement wants.
func (c *conn) prepare(s *Statement) error {
	if want := cmp.Or(s.Database, defaultDatabase); want != c.database {
		if err := c.run("USE " + quoteName(want)); err != nil {
			return err
		}
		c.database = want
	}
	changes := c.changes(s.Settings)
	if len(changes) == 0 {
		return nil
	}
	c.tainted = true // until the statement below has gone through whole
	if err := c.run("SET " + strings.Join(changes, ", ")); err != nil {
		return err
	}
	c.tainted = false
	c.settings = maps.Clone(s.Settings)
	return nil
}

// changes lists the assignments that lead from the session's settings to want.
func (c *conn) changes(want map[string]string) []string {
	var out []string
	for name := range c.settings {
		if _, keep := want[name]; keep {
			continue
		}
		if value, ok := c.base[name]; ok {
			out = append(out, name+" = "+quoteText(value))
		} else {
			out = append(out, name+" = DEFAULT")
		}
	}
	for name, value := range want {
		if old, ok := c.settings[name]; !ok || old != value {
			out = append(out, name+" = "+quoteText(value))
		}
	}
	slices.Sort(out)
	return out
}

// run executes a statement of our own that returns nothing.
func (c *conn) run(sql string) error {
	r := c.query(&Statement{SQL: sql, Format: "Null"})
	defer r.destroy()
	return r.err()
}

func (c *conn) query(s *Statement) result {
	return result{c.lib, c.call(c.lib.queryParams, s)}
}

func (c *conn) stream(s *Statement) result {
	return result{c.lib, c.call(c.lib.streamParams, s)}
}

// call passes a statement with its parameters to one of the three C functions that
// share this signature.
func (c *conn) call(fn func(uintptr, *byte, uintptr, *byte, uintptr, **byte, *uintptr, **byte, *uintptr, uintptr) uintptr, s *Statement) uintptr {
	n := len(s.Params)
	names, nameLens := make([]*byte, n+1), make([]uintptr, n+1)
	values, valueLens := make([]*byte, n+1), make([]uintptr, n+1)
	i := 0
	for name, value := range s.Params {
		names[i], nameLens[i] = data(name), uintptr(len(name))
		values[i], valueLens[i] = data(value), uintptr(len(value))
		i++
	}
	got := fn(c.raw(), data(s.SQL), uintptr(len(s.SQL)), data(s.Format), uintptr(len(s.Format)),
		&names[0], &nameLens[0], &values[0], &valueLens[0], uintptr(n))
	runtime.KeepAlive(s)
	runtime.KeepAlive(names)
	runtime.KeepAlive(values)
	return got
}

// Classes of statements, as the engine's parser sees them.
const (
	classReadOnly = 0
	classControl  = 3 // SET, USE, temporary tables…: may leave its mark on the session
	classUnknown  = 4
)

// classify says what kind of statement sql is and how many statements it holds.
func (c *conn) classify(sql string) (class, statements uint32) {
	a := analysis{structSize: uint32(unsafe.Sizeof(analysis{}))}
	if c.lib.classify(c.raw(), data(sql), uintptr(len(sql)), data(""), 0, &a) != 0 {
		return classUnknown, 0
	}
	runtime.KeepAlive(sql)
	return a.class, a.statements
}

// result is a chdb_result and must be destroyed.
type result struct {
	lib    *library
	handle uintptr
}

func (r result) destroy() { r.lib.resultDestroy(r.handle) }

func (r result) err() error {
	if text := r.lib.resultError(r.handle); text != "" {
		return parseError(text)
	}
	return nil
}

// bytes is the engine's own memory, valid until destroy.
func (r result) bytes() []byte {
	n := r.lib.resultLength(r.handle)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(r.lib.resultBuffer(r.handle))), n)
}

func (r result) summary() Summary {
	l := r.lib
	return Summary{
		ReadRows: l.storageRowsRead(r.handle), ReadBytes: l.storageBytesRead(r.handle),
		WrittenRows: l.resultRowsWritten(r.handle), WrittenBytes: l.resultBytesWrit(r.handle),
		ResultRows: l.resultRowsRead(r.handle), ResultBytes: l.resultBytesRead(r.handle),
	}
}

// data is the first byte of s, for C: a pointer to a zero byte for an empty string,
// which the engine takes better than a null one.
func data(s string) *byte {
	if s == "" {
		return new(byte)
	}
	return unsafe.StringData(s)
}

// pointer turns an address that C handed out into a pointer. The detour keeps vet's
// check for Go pointers kept as integers, which this is not, quiet.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
