package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/previous"
)

// broken names everything of old that is not in now, or is something else there.
func broken(old, now protoreflect.FileDescriptor) (out []string) {
	for s := range each(old.Services()) {
		out = append(out, brokenService(s, now.Services().ByName(s.Name()))...)
	}
	return append(out, brokenMessages(old.Messages(), now.Messages())...)
}

func brokenService(old, now protoreflect.ServiceDescriptor) (out []string) {
	if now == nil {
		return []string{fmt.Sprintf("%s is gone", old.FullName())}
	}
	for m := range each(old.Methods()) {
		is, was := shapeOfMethod(now.Methods().ByName(m.Name())), shapeOfMethod(m)
		if is != was {
			out = append(out, fmt.Sprintf("%s was %s and is %s", m.FullName(), was, is))
		}
	}
	return out
}

func brokenMessages(old, now protoreflect.MessageDescriptors) (out []string) {
	for m := range each(old) {
		next := now.ByName(m.Name())
		if next == nil {
			out = append(out, fmt.Sprintf("%s is gone", m.FullName()))
			continue
		}
		for f := range each(m.Fields()) {
			is, was := shape(next.Fields().ByNumber(f.Number())), shape(f)
			if is != was {
				out = append(out, fmt.Sprintf("%s, number %d, was %s and is %s", f.FullName(), f.Number(), was, is))
			}
		}
		out = append(out, brokenMessages(m.Messages(), next.Messages())...)
	}
	return out
}

func shapeOfMethod(m protoreflect.MethodDescriptor) string {
	if m == nil {
		return "gone"
	}
	return fmt.Sprintf("from %s (stream: %v) to %s (stream: %v)", m.Input().FullName(), m.IsStreamingClient(), m.Output().FullName(), m.IsStreamingServer())
}

// shape is all of a field that both ends have to agree on, and its name, which says what
// it means.
func shape(f protoreflect.FieldDescriptor) string {
	if f == nil {
		return "gone"
	}
	kind := f.Kind().String()
	switch {
	case f.IsMap():
		kind = fmt.Sprintf("map of %s to %s", shape(f.MapKey()), shape(f.MapValue()))
	case f.Message() != nil:
		kind = string(f.Message().FullName())
	}
	one := ""
	if o := f.ContainingOneof(); o != nil {
		one = " of " + string(o.Name())
	}
	return fmt.Sprintf("%s %s %s%s", f.Cardinality(), kind, f.Name(), one)
}

// each is what a list of descriptors holds.
func each[T any, L interface {
	Len() int
	Get(i int) T
}](l L) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for i := range l.Len() {
			if !yield(l.Get(i)) {
				return
			}
		}
	}
}

func TestPreviousWireStillHolds(t *testing.T) {
	t.Parallel()
	old, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range broken(old, wire.File_wire_proto) {
		t.Error(b)
	}
}

// The check itself has to notice what would break a sidecar of old.
func TestWhatBreaksTheWireIsNamed(t *testing.T) {
	t.Parallel()
	old, err := previous.File()
	if err != nil {
		t.Fatal(err)
	}
	field := func(f *descriptorpb.FileDescriptorProto, message, name string) *descriptorpb.FieldDescriptorProto {
		for _, m := range f.GetMessageType() {
			for _, have := range m.GetField() {
				if m.GetName() == message && have.GetName() == name {
					return have
				}
			}
		}
		t.Fatalf("no field %s.%s", message, name)
		return nil
	}
	for name, c := range map[string]struct {
		change func(f *descriptorpb.FileDescriptorProto)
		want   string
	}{
		"renumbered": {func(f *descriptorpb.FileDescriptorProto) { field(f, "Ack", "reason").Number = new(int32(77)) }, "sightline.wire.v1.Ack.reason, number 3, was optional string reason and is gone"},
		"retyped": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Ack", "sequence").Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
		}, "number 1, was optional uint64 sequence and is optional string sequence"},
		"made a list": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Push", "version").Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}, "was optional uint64 version and is repeated uint64 version"},
		"renamed": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Want", "services").Name = new("hosts")
		}, "was repeated string services and is repeated string hosts"},
		"removed": {func(f *descriptorpb.FileDescriptorProto) {
			for _, m := range f.GetMessageType() {
				if m.GetName() == "Hello" {
					m.Field = m.GetField()[:1]
				}
			}
		}, "sightline.wire.v1.Hello.build, number 2, was optional string build and is gone"},
		"another message": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Push", "inbound").TypeName = new(".sightline.wire.v1.Taps")
		}, "was optional sightline.wire.v1.Inbound inbound and is optional sightline.wire.v1.Taps inbound"},
		"out of its oneof": {func(f *descriptorpb.FileDescriptorProto) {
			field(f, "SubscribeRequest", "goodbye").OneofIndex = nil
		}, "was optional sightline.wire.v1.Goodbye goodbye of message and is optional sightline.wire.v1.Goodbye goodbye"},
		"another map": {func(f *descriptorpb.FileDescriptorProto) {
			for _, m := range f.GetMessageType() {
				if m.GetName() == "Instance" {
					m.GetNestedType()[0].GetField()[1].Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
				}
			}
		}, "Instance.labels, number 6"},
		"a method gone": {func(f *descriptorpb.FileDescriptorProto) {
			s := f.GetService()[0]
			s.Method = slices.DeleteFunc(s.GetMethod(), func(m *descriptorpb.MethodDescriptorProto) bool { return m.GetName() == "Renew" })
		}, "sightline.wire.v1.ControlPlane.Renew was"},
		"no stream any more": {func(f *descriptorpb.FileDescriptorProto) {
			for _, m := range f.GetService()[0].GetMethod() {
				m.ClientStreaming = nil
			}
		}, "Subscribe was from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := protodesc.ToFileDescriptorProto(old)
			c.change(changed)
			now, err := protodesc.NewFile(changed, protoregistry.GlobalFiles)
			if err != nil {
				t.Fatal(err)
			}
			if got := broken(old, now); len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
