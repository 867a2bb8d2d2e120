// Package file has the instances of a registry from a file that a person, or their
// tools, keep: WorkloadEntries, and the Services that select them, as in manifests.
//
// The file is read whole and strictly. One that has become wrong, is half written or
// gone is told of, and what it said last stays in force.
package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
)

// look is how often the file is looked at. Looking, unlike being notified, sees a file on
// any file system, and one that a link was turned to.
const look = 500 * time.Millisecond

// Source is a file. It implements registry.Source.
type Source struct {
	path   string
	domain string
}

// New is the source of a file in a mesh of that trust domain. It reads nothing.
func New(path, trustDomain string) *Source { return &Source{path: path, domain: trustDomain} }

// Name implements registry.Source.
func (*Source) Name() string { return "file" }

// Run implements registry.Source.
func (s *Source) Run(ctx context.Context, to registry.Listener) error {
	var seen, read stamp
	tick := time.NewTicker(look)
	defer tick.Stop()
	for first := true; ; first = false {
		now, err := stat(s.path)
		switch {
		case err != nil:
			to.Trouble(err)
			read = stamp{}
		case now != read && (first || now == seen): // else it is still being written
			read = now
			s.tell(to)
		}
		seen = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Source) tell(to registry.Listener) {
	all, err := Read(s.path, s.domain)
	if err != nil {
		to.Trouble(err)
		return
	}
	to.Replace(all)
	to.Trouble(nil)
}

// stamp tells one content of a file from another.
type stamp struct {
	changed time.Time
	size    int64
	file    uint64 // which one it is, where a name leads to another
}

// Read is what a file says.
func Read(path, trustDomain string) ([]mesh.Instance, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > config.MaxManifest {
		return nil, fmt.Errorf("%s: has %d bytes; at most %d are read", path, info.Size(), config.MaxManifest)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := Parse(raw, trustDomain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// Parse is what the content of a file says. The error names everything that is wrong.
func Parse(raw []byte, trustDomain string) ([]mesh.Instance, error) {
	objects, err := config.Parse(raw)
	if err != nil {
		return nil, plain(err)
	}
	var bad []mesh.Finding
	for _, o := range objects {
		if o.Service == nil && o.WorkloadEntry == nil {
			bad = append(bad, config.CodeKind.On(o.Key(), "", "is no kind of a registry's file; want WorkloadEntry and Service, and apply others"))
		}
	}
	for _, f := range config.Validate(objects, config.NewWorld(nil)) {
		// A service may have nobody now; a workload that nobody can call is a slip.
		if f.Severity == config.SeverityError || f.Code == string(config.CodeUnselected) {
			bad = append(bad, f)
		}
	}
	if len(bad) > 0 {
		return nil, plain(&config.Error{Findings: bad})
	}
	return config.EntryInstances(objects, trustDomain), nil
}

// plain is an error about a manifest with its lines, on one line of a log.
func plain(err error) error {
	several, ok := errors.AsType[*config.Error](err)
	if !ok {
		return err
	}
	lines := make([]string, len(several.Findings))
	for i, f := range several.Findings {
		lines[i] = config.Line(f)
		if f.Line > 0 {
			lines[i] = fmt.Sprintf("line %d: %s", f.Line, lines[i])
		}
	}
	return errors.New(strings.Join(lines, "; "))
}
