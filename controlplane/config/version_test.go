package config

import "testing"

func TestUnversioned(t *testing.T) {
	const head, spec = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n", "spec: {host: a}\n"
	for manifest, want := range map[string]string{
		head + "metadata:\n  name: a\n  resourceVersion: \"12\" # of today\n  labels: {x: y}\n" + spec:                                        head + "metadata:\n  name: a\n  labels: {x: y}\n" + spec,
		head + "metadata:\n  'resourceVersion': '12'\n  name: a\n" + spec:                                                                     head + "metadata:\n  name: a\n" + spec,
		head + spec + "metadata:\n  name: a\n  resourceVersion: \"12\"":                                                                       head + spec + "metadata:\n  name: a\n",
		head + "metadata: {name: a, resourceVersion: \"12\"}\n" + spec:                                                                        head + "metadata: {name: a}\n" + spec,
		head + "metadata: {resourceVersion: \"12\", name: a}\n" + spec:                                                                        head + "metadata: {name: a}\n" + spec,
		head + "metadata: {labels: {\"ä\": ü}, resourceVersion: \"12\",\n  name: a}\n" + spec:                                                 head + "metadata: {labels: {\"ä\": ü}, name: a}\n" + spec,
		`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"a","resourceVersion":"12"},"spec":{"host":"a"}}`: `{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"a"},"spec":{"host":"a"}}`,
	} {
		o := mustParse(t, manifest)[0]
		if got := string(o.Unversioned()); o.ResourceVersion != "12" || got != want {
			t.Errorf("%s\nhas version %q, and without it is\n%s\nwant\n%s", manifest, o.ResourceVersion, got, want)
		}
		again := o
		again.Source = o.Unversioned()
		if next := mustParse(t, string(again.Source))[0]; next.ResourceVersion != "" || next.Name != "a" {
			t.Errorf("%s: without its version it is read as %+v", manifest, next)
		}
	}
	served := head + "metadata: {name: a, uid: 1-2, resourceVersion: \"12\"}\n" + spec
	if o := mustParse(t, served)[0]; o.ResourceVersion != "" || string(o.Unversioned()) != served {
		t.Errorf("the version of another server is taken for ours: %+v", o)
	}
	if o := mustParse(t, head+"metadata: {name: a}\n"+spec)[0]; string(o.Unversioned()) != string(o.Source) {
		t.Error("a manifest without a version is changed")
	}
}
