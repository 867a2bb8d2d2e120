package engine

// Statement is one SQL statement and what to run it with.
type Statement struct {
	SQL      string
	Params   map[string]string // values of {name:Type} in SQL, as text
	Format   string            // of the result where SQL names none, or of inserted data; "" is TabSeparated
	Database string            // "" is "default"
	Settings map[string]string // for this statement only
	ReadOnly bool              // refuse what may change anything
}

// Summary counts what a statement did.
type Summary struct {
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
	ResultRows, ResultBytes   uint64
}

// add sums two parts of one statement's work.
func (s Summary) add(o Summary) Summary {
	return Summary{
		ReadRows: s.ReadRows + o.ReadRows, ReadBytes: s.ReadBytes + o.ReadBytes,
		WrittenRows: s.WrittenRows + o.WrittenRows, WrittenBytes: s.WrittenBytes + o.WrittenBytes,
		ResultRows: s.ResultRows + o.ResultRows, ResultBytes: s.ResultBytes + o.ResultBytes,
	}
}
