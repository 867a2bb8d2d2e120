package mesh_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestParseLocality(t *testing.T) {
	for _, s := range []string{"eu-west", "eu-west/a", "eu-west/a/rack-7"} {
		if got, err := mesh.ParseLocality(s); err != nil || string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "/", "eu/", "eu//x", "a/b/c/d", "eu/*", "eu west"} {
		if got, err := mesh.ParseLocality(s); err == nil {
			t.Errorf("%q was taken for %q", s, got)
		}
	}
	l := mesh.Locality("eu/a/7")
	if l.Region() != "eu" || l.Zone() != "a" || l.Subzone() != "7" || mesh.Locality("eu").Zone() != "" || mesh.Locality("").Region() != "" {
		t.Errorf("parts of %q: %q %q %q", l, l.Region(), l.Zone(), l.Subzone())
	}
}

func TestLocalityWithin(t *testing.T) {
	for _, tt := range []struct {
		locality mesh.Locality
		place    string
		want     bool
	}{
		{"eu/a/7", "*", true},
		{"", "*", true},
		{"eu/a/7", "eu", true},
		{"eu/a/7", "eu/*", true},
		{"eu", "eu/*", true},
		{"eu/a/7", "eu/a", true},
		{"eu/a/7", "eu/a/*", true},
		{"eu/a/7", "eu/a/7", true},
		{"eu/a/7", "eu/a/8", false},
		{"eu/a/7", "eu/b/*", false},
		{"eu/a", "eu/a/7", false},
		{"", "eu/*", false},
		{"europe", "eu/*", false},
	} {
		if got := tt.locality.Within(tt.place); got != tt.want {
			t.Errorf("%q within %q: %v", tt.locality, tt.place, got)
		}
	}
}

func FuzzParseLocality(f *testing.F) {
	f.Add("eu-west/a/rack-7", "eu-west/*")
	f.Fuzz(func(t *testing.T, s, place string) {
		l, err := mesh.ParseLocality(s)
		if err != nil {
			return
		}
		if !l.Within(s) || l.Region() == "" || l.Subzone() != "" && l.Zone() == "" {
			t.Errorf("%q is not within itself, or has a hole", s)
		}
		l.Within(place)
	})
}
