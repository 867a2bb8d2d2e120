package wire_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/previous"
)

// To a sidecar of the previous version a prefix of whole elements is no path that it knows
// of, and a match without a path fits every request.
func TestElementsHoldInThePreviousVersion(t *testing.T) {
	t.Parallel()
	file, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	now := mesh.Snapshot{Service: "a", Routes: []mesh.Route{{Matches: []mesh.Match{{Path: &mesh.StringMatch{Elements: "/a.b/(c)"}}}}}}
	raw, err := proto.Marshal(wire.FromSnapshot(now))
	if err != nil {
		t.Fatal(err)
	}
	old := dynamicpb.NewMessage(file.Messages().ByName("Snapshot"))
	if err := proto.Unmarshal(raw, old); err != nil {
		t.Fatal(err)
	}
	old.SetUnknown(nil)
	first := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Message {
		return m.Get(m.Descriptor().Fields().ByName(name)).List().Get(0).Message()
	}
	match := first(first(old, "routes"), "matches")
	path := match.Get(match.Descriptor().Fields().ByName("path")).Message()
	pattern, err := regexp.Compile(`\A(?:` + path.Get(path.Descriptor().Fields().ByName("regex")).String() + `)\z`) // as sidecars do
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"/a.b/(c)": true, "/a.b/(c)/": true, "/a.b/(c)/d/e": true,
		"/a.b/(c)d": false, "/axb/(c)": false, "/a.b/c": false, "/": false, "": false, "/x/a.b/(c)": false,
	} {
		if got := pattern.MatchString(p); got != want {
			t.Errorf("%s fits %q: %v", pattern, p, got)
		}
	}
	var m wire.Snapshot
	if err := proto.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	got, err := wire.ToSnapshot(&m)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(now.Routes, got.Routes); d != "" {
		t.Errorf("changed for this version (-sent +got):\n%s", d)
	}
}
