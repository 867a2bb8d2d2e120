package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	gap = 2 // between columns
	// roomy and narrow are what a column keeps, if it has as much: before others are left
	// out, and when there is nothing more to leave out.
	roomy, narrow = 20, 8
)

// table writes aligned columns. What has a head is a list, and its cells are cut where a
// person looks at it on a terminal; facts and sentences, which have none, are whole.
type table struct {
	out    *tabwriter.Writer
	width  int // of the terminal; 0 is none, and nothing is cut
	rows   [][]string
	spared []string // columns of the list that may be left out, the first one first
}

func newTable(w io.Writer, width int) *table {
	return &table{out: tabwriter.NewWriter(w, 0, 8, gap, ' ', 0), width: width}
}

// head begins a list, which an empty row ends.
func (t *table) head(names ...string) {
	t.end()
	t.rows = [][]string{names}
}

// spare names the columns of the list that may be left out where there is no room, in that
// order.
func (t *table) spare(names ...string) { t.spared = names }

func (t *table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = cell(c)
		if len(cells) > 1 { // else it is a sentence, which may have several lines
			text[i] = oneLine.Replace(text[i])
		}
	}
	if t.rows != nil && len(cells) > 0 {
		t.rows = append(t.rows, text)
		return
	}
	t.end()
	t.line(text)
}

func (t *table) line(cells []string) {
	_, _ = fmt.Fprintln(t.out, strings.Join(cells, "\t")) // the buffer's error comes with Flush
}

// oneLine keeps what is in a cell from breaking the table.
var oneLine = strings.NewReplacer("\r\n", "; ", "\n", "; ", "\t", " ")

// end writes the list that was begun.
func (t *table) end() {
	rows, left := t.rows, []string(nil)
	if t.width > 0 && len(rows) > 0 {
		rows, left = fit(rows, t.width, t.spared)
	}
	for _, r := range rows {
		t.line(r)
	}
	if len(left) > 0 {
		t.line([]string{"No room for " + strings.Join(left, ", ") + ": -o yaml has all."})
	}
	t.rows, t.spared = nil, nil
}

func (t *table) flush() error {
	t.end()
	return t.out.Flush()
}

// fit makes a list as narrow as a terminal: by cutting what is long, then by leaving out
// columns that can be spared, whose names it returns.
func fit(rows [][]string, width int, spared []string) (fitting [][]string, left []string) {
	for {
		widths := widthsOf(rows)
		if shrink(widths, width, roomy) || len(spared) == 0 {
			shrink(widths, width, narrow)
			return cutTo(rows, widths), left
		}
		if i := slices.Index(rows[0], spared[0]); i >= 0 {
			rows, left = without(rows, i), append(left, spared[0])
		}
		spared = spared[1:]
	}
}

func widthsOf(rows [][]string) []int {
	var out []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(out) {
				out = append(out, 0)
			}
			out[i] = max(out[i], utf8.RuneCountInString(c))
		}
	}
	return out
}

// shrink takes from the widest columns until all fit, or none has more than least.
func shrink(widths []int, width, least int) bool {
	sum := gap * (len(widths) - 1)
	for i, w := range widths {
		widths[i] = min(w, max(width, least))
		sum += widths[i]
	}
	for sum > width {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= least {
			return false
		}
		widths[widest]--
		sum--
	}
	return true
}

func cutTo(rows [][]string, widths []int) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = make([]string, len(r))
		for j, c := range r {
			out[i][j] = cut(c, widths[j])
		}
	}
	return out
}

func without(rows [][]string, column int) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = slices.Delete(slices.Clone(r), min(column, len(r)), min(column+1, len(r)))
	}
	return out
}

// cut shortens a text: words at their end, a name in its midst, as both its ends tell it
// from others.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	tail := 0
	if !strings.Contains(s, " ") {
		tail = (width - 1) / 2
	}
	return string(r[:width-1-tail]) + "…" + string(r[len(r)-tail:])
}

func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04:05")
	case string:
		if v == "" {
			return "-"
		}
		return v
	}
	return fmt.Sprint(v)
}

// terminal reports whether a person sees at once what is written.
func terminal(w io.Writer) bool { return terminalWidth(w) > 0 }

// terminalWidth is how many columns a terminal has; 0 is no terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 { // of one that does not say
		return 80
	}
	return int(size.Col)
}
