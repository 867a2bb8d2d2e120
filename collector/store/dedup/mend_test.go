package dedup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table makes a table's directory below data.
func table(t *testing.T, data, id string, parts []string, logs map[string]string) string {
	t.Helper()
	dir := filepath.Join(data, "store", id[:3], id)
	for _, p := range append(parts, "detached", "deduplication_logs") {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{"format_version.txt": "1"}
	for name, text := range logs {
		files["deduplication_logs/"+name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "deduplication_logs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(n)] = string(b)
	}
	return all
}

func TestMend(t *testing.T) {
	const log = "deduplication_log_1.txt"
	for _, c := range []struct {
		name      string
		parts     []string
		log       string
		want      string
		forgotten int
	}{
		{name: "empty"},
		{
			name:  "all there",
			parts: []string{"20261127_1_1_0", "20261127_2_2_1"},
			log:   "1\t20261127_1_1_0\ta\n1\t20261127_2_2_1\tb\n",
			want:  "1\t20261127_1_1_0\ta\n1\t20261127_2_2_1\tb\n",
		},
		{
			name:      "killed before the part was in place",
			parts:     []string{"20261127_1_1_0", "tmp_insert_20261127_2_2_0", "delete_tmp_20261127_2_2_0"},
			log:       "1\t20261127_1_1_0\ta\n1\t20261127_2_2_0\tb\n",
			want:      "1\t20261127_1_1_0\ta\n",
			forgotten: 1,
		},
		{
			name:  "merged and mutated",
			parts: []string{"20261127_1_9_2_12", "20261127_10_10_0_12"},
			log:   "1\t20261127_1_1_0\ta\n1\t20261127_9_9_1\tb\n1\t20261127_10_10_0\tc\n",
			want:  "1\t20261127_1_1_0\ta\n1\t20261127_9_9_1\tb\n1\t20261127_10_10_0\tc\n",
		},
		{
			name:      "the same numbers on another day",
			parts:     []string{"20261126_1_9_2"},
			log:       "1\t20261127_1_1_0\ta\n",
			forgotten: 1,
		},
		{
			name:  "dropped by the engine, and tried again since",
			parts: []string{"20261127_3_3_0"},
			log:   "1\t20261127_1_1_0\ta\n2\t20261127_1_1_0\ta\n1\t20261127_2_2_0\tb\n2\t20261127_2_2_0\tb\n1\t20261127_3_3_0\tb\n",
			want:  "1\t20261127_1_1_0\ta\n2\t20261127_1_1_0\ta\n1\t20261127_2_2_0\tb\n2\t20261127_2_2_0\tb\n1\t20261127_3_3_0\tb\n",
		},
		{
			name:  "torn at the end",
			parts: []string{"20261127_1_1_0"},
			log:   "1\t20261127_1_1_0\ta\n1\t20261127_2_2_0\t202611",
			want:  "1\t20261127_1_1_0\ta\n",
		},
		{
			name:  "torn, and gone on behind",
			parts: []string{"20261127_1_1_0", "20261127_3_3_0"},
			log:   "1\t20261127_1_1_0\ta\n1\t20261127_21\t20261127_3_3_0\tc\n",
			want:  "1\t20261127_1_1_0\ta\n1\t20261127_3_3_0\tc\n",
		},
		{
			name:  "torn after one number, and gone on behind",
			parts: []string{"20261127_3_3_0"},
			log:   "11\t20261127_3_3_0\tc\n",
			want:  "1\t20261127_3_3_0\tc\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := t.TempDir()
			dir := table(t, data, "0123", c.parts, map[string]string{log: c.log})
			for _, want := range []int{c.forgotten, 0} { // a second run has nothing to do
				if got, err := Mend(data); err != nil || got != want {
					t.Errorf("forgot %d (%v), want %d", got, err, want)
				}
			}
			if diff := cmp.Diff(map[string]string{log: c.want}, read(t, dir)); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// A block may have been dropped or added again in a later file than the first.
func TestMendReadsFilesInOrder(t *testing.T) {
	data := t.TempDir()
	dir := table(t, data, "0123", []string{"20261127_4_4_0"}, map[string]string{
		"deduplication_log_9.txt":  "1\t20261127_1_1_0\ta\n1\t20261127_2_2_0\tb\n",
		"deduplication_log_10.txt": "2\t20261127_1_1_0\ta\n1\t20261127_4_4_0\ta\n",
		"deduplication_log_11.txt": "",
	})
	if got, err := Mend(data); err != nil || got != 1 {
		t.Errorf("forgot %d (%v), want 1", got, err)
	}
	if diff := cmp.Diff(map[string]string{
		"deduplication_log_9.txt":  "1\t20261127_1_1_0\ta\n",
		"deduplication_log_10.txt": "2\t20261127_1_1_0\ta\n1\t20261127_4_4_0\ta\n",
		"deduplication_log_11.txt": "",
	}, read(t, dir)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// What is not understood is left alone, and keeps no other table from being mended.
func TestMendLeavesWhatItDoesNotKnow(t *testing.T) {
	const name = "deduplication_log_1.txt"
	for what, logs := range map[string]map[string]string{
		"operation": {name: "3\t20261127_1_1_0\ta\n1\t20261127_2_2_0\tb\n"},
		"part":      {name: "1\tpatch-20261127\ta\n1\t20261127_2_2_0\tb\n"},
		"fields":    {name: "1\t20261127_1_1_0\ta\tsince\n1\t20261127_2_2_0\tb\n"},
		"file":      {name: "1\t20261127_1_1_0\ta\n", "deduplication_log_1.bin": "x"},
	} {
		t.Run(what, func(t *testing.T) {
			data := t.TempDir()
			odd := table(t, data, "0123", nil, logs)
			plain := table(t, data, "4567", nil, map[string]string{name: "1\t20261127_1_1_0\ta\n"})
			if got, err := Mend(data); !errors.Is(err, errFormat) || got != 1 {
				t.Errorf("forgot %d (%v), want 1 and an unknown format", got, err)
			}
			if diff := cmp.Diff(logs, read(t, odd)); diff != "" {
				t.Errorf("log that is not understood (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]string{name: ""}, read(t, plain)); diff != "" {
				t.Errorf("log beside it (-want +got):\n%s", diff)
			}
		})
	}
	data := t.TempDir()
	dir := table(t, data, "0123", nil, map[string]string{name: "1\t20261127_1_1_0\ta\n"})
	if err := os.WriteFile(filepath.Join(dir, "format_version.txt"), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Mend(data); !errors.Is(err, errFormat) || got != 0 {
		t.Errorf("another layout: forgot %d (%v), want none and an unknown format", got, err)
	}
}

// A part that was moved to another disk is stored.
func TestMendLooksOnOtherDisks(t *testing.T) {
	const name = "deduplication_log_1.txt"
	data, other := t.TempDir(), t.TempDir()
	dir := table(t, data, "0123", []string{"20261127_1_1_0"}, map[string]string{name: "1\t20261127_1_1_0\ta\n1\t20261120_2_2_0\tb\n1\t20261120_3_3_0\tc\n"})
	alone := table(t, data, "4567", nil, map[string]string{name: "1\t20261127_1_1_0\ta\n"}) // has nothing there
	if err := os.MkdirAll(filepath.Join(other, "store", "012", "0123", "20261120_2_2_0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := Mend(data, other); err != nil || got != 2 {
		t.Errorf("forgot %d (%v), want 2", got, err)
	}
	if diff := cmp.Diff(map[string]string{name: "1\t20261127_1_1_0\ta\n1\t20261120_2_2_0\tb\n"}, read(t, dir)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{name: ""}, read(t, alone)); diff != "" {
		t.Errorf("log of a table that has nothing there (-want +got):\n%s", diff)
	}
}

func TestMendWithoutTables(t *testing.T) {
	if got, err := Mend(filepath.Join(t.TempDir(), "none")); err != nil || got != 0 {
		t.Errorf("forgot %d (%v), want none", got, err)
	}
}
