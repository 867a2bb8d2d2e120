// Package previous is the wire as the previous minor version of the mesh spoke it, for
// tests: a control plane has to understand sidecars of that version and they it, in
// either order of upgrade. freeze.sh takes the next one.
package previous

import (
	_ "embed"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

//go:embed wire.binpb
var frozen []byte

const (
	file    = "wire.proto"
	service = "sightline.wire.v1.ControlPlane"
)

// File is the frozen schema.
func File() (protoreflect.FileDescriptor, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(frozen, &set); err != nil {
		return nil, fmt.Errorf("read frozen wire: %w", err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("read frozen wire: %w", err)
	}
	return files.FindFileByPath(file)
}

// Method is one of the service's as it was, for connect.WithSchema.
func Method(f protoreflect.FileDescriptor, name protoreflect.Name) (protoreflect.MethodDescriptor, error) {
	s := f.Services().ByName(protoreflect.FullName(service).Name())
	if s == nil || s.Methods().ByName(name) == nil {
		return nil, fmt.Errorf("frozen wire: no method %s of %s", name, service)
	}
	return s.Methods().ByName(name), nil
}

// Procedure is the path of a method.
func Procedure(m protoreflect.MethodDescriptor) string { return "/" + service + "/" + string(m.Name()) }

// Initialize makes a received message one of the frozen schema: of a method's input for
// who serves it, of its output for who calls it.
func Initialize(spec connect.Spec, message any) error {
	m, isMethod := spec.Schema.(protoreflect.MethodDescriptor)
	to, isDynamic := message.(*dynamicpb.Message)
	if !isMethod || !isDynamic {
		return errors.New("frozen wire: the method was given no schema")
	}
	kind := m.Input()
	if spec.IsClient {
		kind = m.Output()
	}
	*to = *dynamicpb.NewMessage(kind)
	return nil
}
