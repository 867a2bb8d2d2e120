package backup

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

type note struct{ Text string }

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mesh is a store with something in every kind of table.
func mesh(t *testing.T) *store.Store {
	t.Helper()
	s := open(t)
	lease, err := s.Grant(t.Context(), 1e10)
	if err != nil {
		t.Fatal(err)
	}
	table := func(name string) store.Table[note] { return store.TableOf[note](s, name) }
	ops := []store.Op{
		table(store.Instances).PutLeased("web-1", note{"gone by then"}, lease), table(store.Resources).Mark(),
		table(store.Authority).Put("state", note{"the key"}), table(store.Tokens).Put("t1", note{"a grant"}),
		table(store.Settings).Put("mesh", note{"BASE"}), table(store.Verdicts).Put("v-1", note{"tripped"}),
	}
	for i := range 1200 { // more than a page, and more than a step
		ops = append(ops, table(store.Resources).Put("VirtualService/default/"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+strings.Repeat("y", i/26), note{strings.Repeat("z", i)}))
	}
	if err := s.Commit(t.Context(), nil, ops...); err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, s *store.Store, o Order) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(t.Context(), &out, s, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, raw []byte) *Backup {
	t.Helper()
	b, err := Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents is all that a store holds of some tables.
func contents(t *testing.T, s *store.Store, tables []string) []store.Record {
	t.Helper()
	var out []store.Record
	if _, err := s.Dump(t.Context(), func(r store.Record) error {
		if slices.Contains(tables, r.Table) {
			r.Value = slices.Clone(r.Value)
			out = append(out, r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	from, to := mesh(t), open(t)
	raw := write(t, from, Order{Mesh: "mesh.local", Passphrase: "open sesame", KeyFile: []byte("key")})
	if bytes.Contains(raw, []byte("the key")) || bytes.Contains(raw, []byte("a grant")) {
		t.Error("what is secret is there to be read")
	}
	before, err := to.Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(t, raw).Restore(t.Context(), Target{Store: to, Mesh: "mesh.local", Passphrase: "open sesame"})
	if err != nil || !got.Secrets || string(got.KeyFile) != "key" {
		t.Fatalf("restored %+v, %v", got, err)
	}
	all := slices.Concat(plain, secret)
	if diff := cmp.Diff(contents(t, from, all), contents(t, to, all)); diff != "" {
		t.Error(diff)
	}
	if held, err := to.Holds(t.Context(), store.Instances); err != nil || held != nil {
		t.Errorf("instances of before are back: %v, %v", held, err)
	}
	if after, err := to.Epoch(t.Context()); err != nil || after == before {
		t.Errorf("a restored store is taken for the same: %v", err)
	}
	if again := write(t, to, Order{Mesh: "mesh.local"}); len(read(t, again).Records) != len(read(t, raw).Records) {
		t.Error("a backup of the restored has other records")
	}
}

func TestTheCAStaysOutUnlessAskedFor(t *testing.T) {
	t.Parallel()
	from, to := mesh(t), open(t)
	authority := store.TableOf[note](to, store.Authority)
	if err := authority.Create(t.Context(), "state", note{"its own"}); err != nil {
		t.Fatal(err)
	}
	b := read(t, write(t, from, Order{Mesh: "mesh.local"}))
	if _, err := b.Restore(t.Context(), Target{Store: to, Mesh: "mesh.local", Passphrase: "x"}); err == nil {
		t.Error("took a passphrase for a backup without the CA")
	}
	if _, err := b.Restore(t.Context(), Target{Store: to, Mesh: "mesh.local"}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a mesh that is there: got %v, want ErrNotEmpty", err)
	}
	if _, err := b.Restore(t.Context(), Target{Store: to, Mesh: "mesh.local", Force: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := authority.Get(t.Context(), "state"); err != nil || got.Text != "its own" {
		t.Errorf("authority is %+v, %v, want the one that was there", got, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	from, to := mesh(t), open(t)
	b := read(t, write(t, from, Order{Mesh: "mesh.local", Passphrase: "open sesame"}))
	ctx := t.Context()
	if _, err := b.Restore(ctx, Target{Store: to, Mesh: "other.local"}); !errors.Is(err, ErrMesh) {
		t.Errorf("another mesh: got %v, want ErrMesh", err)
	}
	if _, err := b.Restore(ctx, Target{Store: to, Mesh: "mesh.local", Passphrase: "guess"}); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("wrong passphrase: got %v, want ErrWrongKey", err)
	}
	replicas := store.TableOf[note](to, store.Replicas)
	if err := replicas.Create(ctx, "cp-1", note{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Restore(ctx, Target{Store: to, Mesh: "mesh.local", Force: true}); !errors.Is(err, ErrRunning) {
		t.Errorf("under a control plane: got %v, want ErrRunning", err)
	}
	if held, err := to.Holds(ctx, plain...); err != nil || held != nil {
		t.Errorf("a refused restore has left %v, %v", held, err)
	}
}

func TestRestoreThatWasNotFinishedIsDoneAgain(t *testing.T) {
	t.Parallel()
	from, to := mesh(t), open(t)
	b := read(t, write(t, from, Order{Mesh: "mesh.local"}))
	dying, die := context.WithCancel(t.Context())
	die()
	if err := to.Restore(dying, nil, b.Records); err == nil {
		t.Fatal("a restore that was ended is no error")
	}
	marks := store.TableOf[note](to, store.Marks)
	if err := to.Commit(t.Context(), nil, marks.Put("restore", note{}), store.TableOf[note](to, store.Events).Put("e", note{})); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), &bytes.Buffer{}, to, Order{Mesh: "mesh.local"}); !errors.Is(err, store.ErrRestoring) {
		t.Errorf("backup of half a restore: got %v, want ErrRestoring", err)
	}
	if _, err := b.Restore(t.Context(), Target{Store: to, Mesh: "mesh.local"}); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := to.Restored(t.Context()); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	raw := write(t, mesh(t), Order{Mesh: "mesh.local", Passphrase: "open sesame"})
	lines := bytes.SplitAfter(raw, []byte("\n"))
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	for name, test := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":         {nil, ErrNoBackup},
		"something else":  {[]byte("kind: VirtualService\n"), ErrNoBackup},
		"other JSON":      {[]byte("{}\n"), ErrNoBackup},
		"newer":           {bytes.Replace(raw, []byte(`"version":1`), []byte(`"version":2`), 1), ErrVersion},
		"cut in a line":   {raw[:len(raw)/2], ErrTruncated},
		"cut at a line":   {join(lines[:len(lines)/2]...), ErrTruncated},
		"no end":          {join(lines[:len(lines)-2]...), ErrTruncated},
		"another mesh":    {bytes.Replace(raw, []byte("mesh.local"), []byte("mesh.lokal"), 1), ErrChecksum},
		"a changed value": {bytes.Replace(raw, []byte("tripped"), []byte("trapped"), 1), ErrChecksum},
		"a lost line":     {join(append(slices.Clone(lines[:5]), lines[6:]...)...), ErrChecksum},
		"a line more":     {join(raw, lines[5]), ErrChecksum},
		"a line in place": {join(append(append(slices.Clone(lines[:5]), []byte("{}\n")), lines[6:]...)...), ErrChecksum},
	} {
		if b, err := Read(bytes.NewReader(test.raw)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v, want %v", name, b != nil, err, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":"sightline-backup","version":1,"mesh":"mesh.local"}` + "\n" + `{"end":{"records":0,"sha256":""}}` + "\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, err := Read(bytes.NewReader(raw)); err == nil && b == nil {
			t.Error("neither a backup nor an error")
		}
	})
}
