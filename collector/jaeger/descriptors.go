//go:build ignore

// This program writes the descriptors of OTLP's trace messages, as the Go module has
// them, for generate.sh: the module comes without its .proto files.
package main

import (
	"os"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	add(set, tracev1.File_opentelemetry_proto_trace_v1_trace_proto)
	b, err := proto.Marshal(set)
	if err != nil {
		panic(err)
	}
	if _, err := os.Stdout.Write(b); err != nil {
		panic(err)
	}
}

// add puts what a file imports before it.
func add(set *descriptorpb.FileDescriptorSet, f protoreflect.FileDescriptor) {
	for i := range f.Imports().Len() {
		add(set, f.Imports().Get(i).FileDescriptor)
	}
	for _, known := range set.GetFile() {
		if known.GetName() == f.Path() {
			return
		}
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
}
