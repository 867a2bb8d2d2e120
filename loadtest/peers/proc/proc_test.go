package proc

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A master with a worker that has one of its own, as the kernel writes it.
func fixture() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	rollup := func(rss, pss string) *fstest.MapFile {
		return file("55d0-7ffc ---p 00000000 00:00 0      [rollup]\nRss:             " + rss + " kB\nPss:      " + pss + " kB\nPss_Dirty:  1 kB\n")
	}
	return fstest.MapFS{
		"10/task/10/children":  file("11 "),
		"10/task/15/children":  file(""),
		"11/task/11/children":  file("12"),
		"12/task/12/children":  file(""),
		"10/stat":              file("10 (nginx: (a) b) S 1 10 10 0 -1 4 1 0 0 0 150 50 9 9 20 0 1 0 100 0"),
		"11/stat":              file("11 (nginx) R 10 10 10 0 -1 4 1 0 0 0 7 3 0 0 20 0 1 0 100 0"),
		"12/stat":              file("12 (nginx) R 11 10 10 0 -1 4 1 0 0 0 1 0 0 0 20 0 1 0 100 0"),
		"10/smaps_rollup":      rollup("100", "50"),
		"11/smaps_rollup":      rollup("20", "10"),
		"12/smaps_rollup":      rollup("3", "1"),
		"stat":                 file("cpu  100 1 50 9999 77 2 3 0 0 0\ncpu0 100 1 50 9999 77 2 3 0 0 0\n"),
		"loadavg":              file("1.25 0.50 0.10 2/300 4242\n"),
		"cpuinfo":              file("processor\t: 0\nmodel name\t: Fast One\n\nprocessor\t: 1\nmodel name\t: Fast One\n"),
		"meminfo":              file("MemTotal:       1048576 kB\nMemFree: 1 kB\n"),
		"sys/kernel/osrelease": file("6.1.0\n"),
	}
}

func TestTreeIsAddedUp(t *testing.T) {
	table := Table{fixture()}
	tree, err := table.Tree(10)
	if diff := cmp.Diff([]int{10, 11, 12}, tree); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if cpu, err := table.CPU(10); cpu != 2110*time.Millisecond || err != nil {
		t.Errorf("CPU = %s, %v; want 2.11 s", cpu, err)
	}
	m, err := table.Memory(10)
	if diff := cmp.Diff(Memory{RSS: 123 << 10, PSS: 61 << 10}, m); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestMachineAndItsLoad(t *testing.T) {
	table := Table{fixture()}
	m, err := table.Machine()
	if diff := cmp.Diff(Machine{CPU: "Fast One", Cores: 2, Memory: 1 << 30, Kernel: "6.1.0"}, m); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if busy, err := table.Busy(); busy != 1560*time.Millisecond || err != nil {
		t.Errorf("Busy = %s, %v; want 1.56 s, without idle", busy, err)
	}
	if load, err := table.Load(); load != 1.25 || err != nil {
		t.Errorf("Load = %v, %v", load, err)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	read := map[string]func(Table) error{
		"10/task":              func(t Table) error { _, err := t.CPU(10); return err },
		"12/stat":              func(t Table) error { _, err := t.CPU(10); return err },
		"11/smaps_rollup":      func(t Table) error { _, err := t.Memory(10); return err },
		"stat":                 func(t Table) error { _, err := t.Busy(); return err },
		"loadavg":              func(t Table) error { _, err := t.Load(); return err },
		"cpuinfo":              func(t Table) error { _, err := t.Machine(); return err },
		"meminfo":              func(t Table) error { _, err := t.Machine(); return err },
		"sys/kernel/osrelease": func(t Table) error { _, err := t.Machine(); return err },
	}
	for name, get := range read {
		files := fixture()
		for path := range files {
			if strings.HasPrefix(path, name) {
				delete(files, path)
			}
		}
		if err := get(Table{files}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for name, junk := range map[string]string{
		"10/stat":             "10 (nginx) S 1 2 3",
		"11/stat":             "no name",
		"12/stat":             "12 (nginx) R 11 10 10 0 -1 4 1 0 0 0 x 0 0",
		"10/smaps_rollup":     "Rss: many kB\n",
		"11/smaps_rollup":     "Rss: 1 kB\n",
		"10/task/10/children": "eleven",
		"stat":                "intr 1 2 3",
		"loadavg":             "high",
		"meminfo":             "MemTotal: all\n",
	} {
		files := fixture()
		files[name] = &fstest.MapFile{Data: []byte(junk)}
		if everything(Table{files}) == nil {
			t.Errorf("%s = %q is taken", name, junk)
		}
	}
}

func everything(t Table) error {
	_, a := t.CPU(10)
	_, b := t.Memory(10)
	_, c := t.Busy()
	_, d := t.Load()
	_, e := t.Machine()
	for _, err := range []error{a, b, c, d, e} {
		if err != nil {
			return err
		}
	}
	return nil
}

// What is made up above is what this kernel writes.
func TestThisSystem(t *testing.T) {
	table := System()
	if _, err := fs.Stat(table.fs, "self/smaps_rollup"); err != nil {
		t.Skip("no /proc here")
	}
	m, err := table.Memory(os.Getpid())
	if err != nil || m.PSS <= 0 || m.RSS < m.PSS {
		t.Errorf("memory of this test %+v, %v", m, err)
	}
	if _, err := table.CPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	if busy, err := table.Busy(); busy <= 0 || err != nil {
		t.Errorf("busy %s, %v", busy, err)
	}
	if m, err := table.Machine(); err != nil || m.Cores < 1 {
		t.Errorf("machine %+v, %v", m, err)
	}
	if _, err := table.Load(); err != nil {
		t.Error(err)
	}
}
