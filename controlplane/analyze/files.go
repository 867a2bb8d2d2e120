package analyze

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Skipped is a document of a kind that is not the mesh's to read.
type Skipped struct {
	Resource string `json:"resource"` // "Deployment default/reviews-v1"
	File     string `json:"file,omitempty"`
	Line     int    `json:"line"`
}

// Files is what the files of a repository say, taken apart.
type Files struct {
	// Manifest is as it was but for the skipped documents, of which only empty lines are
	// left: lines are still those of the file.
	Manifest []byte
	Skipped  []Skipped
	// World is what they say will run: the services, and the labels of their pods. Without
	// a Service nothing is known of that.
	World config.World
}

// ReadFiles takes a manifest apart. Documents that are of no Kubernetes kind, or cannot
// be read, stay in the manifest, for others to say what is wrong with them.
func ReadFiles(manifest []byte) Files {
	out := Files{Manifest: slices.Clone(manifest)}
	var services, pods []foreign
	for _, s := range config.Sections(manifest) {
		var f foreign
		if err := yaml.Unmarshal(s.Text, &f); err != nil || !f.skips() {
			continue
		}
		f.Metadata.Namespace = orDefault(f.Metadata.Namespace)
		switch {
		case f.Kind == "Service" && f.APIVersion == "v1":
			services = append(services, f)
			if _, err := config.Parse(s.Text); err == nil {
				continue // else it asks for what only Kubernetes does
			}
		case f.labels() != nil:
			pods = append(pods, f)
		}
		blank(out.Manifest, s)
		out.Skipped = append(out.Skipped, f.skipped(s.Line))
	}
	out.World = worldOf(services, pods)
	return out
}

// ForMesh is a manifest without the documents of kinds that the mesh has no part in, as a
// repository keeps Deployments beside their Services. Lines stay as they were. Kinds of the
// mesh's languages stay too, for others to say what is wrong with them.
func ForMesh(manifest []byte) ([]byte, []Skipped) {
	out, kinds := slices.Clone(manifest), config.Kinds()
	var skipped []Skipped
	for _, s := range config.Sections(manifest) {
		var f foreign
		if err := yaml.Unmarshal(s.Text, &f); err != nil || !f.skips() || slices.Contains(kinds, f.Kind) {
			continue
		}
		blank(out, s)
		skipped = append(skipped, f.skipped(s.Line))
	}
	return out, skipped
}

// foreign is as much of a Kubernetes resource as says what will run.
type foreign struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Spec       struct {
		Selector selector
		Template struct{ Metadata metadata }
	}
}

type metadata struct {
	Name, Namespace string
	Labels          map[string]string
}

// selector is that of a Service. Those of other kinds have more than labels in them, and
// are of no interest.
type selector map[string]string

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *selector) UnmarshalYAML(n *yaml.Node) error {
	var labels map[string]string
	if n.Decode(&labels) == nil {
		*s = labels
	}
	return nil
}

// groups are those of the kinds that the mesh reads, or refuses by name.
var groups = []string{"istio.io", "gateway.networking.k8s.io", "openslo", "sightline.dev"}

// skips reports whether the document is a resource of somebody else.
func (f foreign) skips() bool {
	group, _, _ := strings.Cut(f.APIVersion, "/")
	ours := slices.ContainsFunc(groups, func(g string) bool { return group == g || strings.HasSuffix(group, "."+g) })
	return f.APIVersion != "" && f.Kind != "" && f.Kind != "List" && !ours
}

func (f foreign) skipped(line int) Skipped {
	return Skipped{Resource: f.Kind + " " + orDefault(f.Metadata.Namespace) + "/" + f.Metadata.Name, Line: line}
}

// labels are those of the pods that the resource makes, or is.
func (f foreign) labels() map[string]string {
	if f.Kind == "Pod" {
		return f.Metadata.Labels
	}
	return f.Spec.Template.Metadata.Labels
}

// blank leaves only the lines' ends of a document.
func blank(manifest []byte, s config.Section) {
	at := 0
	for line := 1; line < s.Line; line++ {
		at += bytes.IndexByte(manifest[at:], '\n') + 1
	}
	for i := range s.Text {
		if manifest[at+i] != '\n' {
			manifest[at+i] = ' '
		}
	}
}

func orDefault(namespace string) string {
	if namespace == "" {
		return mesh.DefaultNamespace
	}
	return namespace
}

// worldOf has the pods that each service selects. A service that selects none of them
// has its pods from elsewhere.
func worldOf(services, pods []foreign) config.World {
	w := config.World{
		Files: true, Unknown: len(services) == 0,
		Services: map[mesh.ServiceName][]map[string]string{}, Unseen: map[mesh.ServiceName]bool{},
	}
	for _, s := range services {
		name := mesh.NewServiceName(s.Metadata.Name, s.Metadata.Namespace)
		w.Services[name] = nil
		for _, p := range pods {
			if p.Metadata.Namespace == s.Metadata.Namespace && selects(s.Spec.Selector, p.labels()) {
				w.Services[name] = append(w.Services[name], p.labels())
			}
		}
		w.Unseen[name] = len(w.Services[name]) == 0
	}
	return w
}

func selects(wanted selector, have map[string]string) bool {
	for k, v := range wanted {
		if have[k] != v {
			return false
		}
	}
	return len(wanted) > 0
}
