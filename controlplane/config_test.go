package controlplane

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/remedy"
)

func TestDefaultConfigIsGood(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig("/somewhere").Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	c := Config{
		Listen: "nowhere", TrustDomain: "Not A Domain", CertificateTTL: time.Millisecond, InstanceTTL: time.Second,
		Quiet: time.Second, MostQuiet: time.Millisecond, Remedy: remedy.Config{Mode: "maybe"}, PathNormalization: "SOME",
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("took a configuration that is wrong throughout")
	}
	for _, want := range []string{"dir:", "listen:", "trust domain:", "certificate ttl:", "instance ttl:", "most quiet:", "remedy:", `path normalization: "SOME" is not`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
	if _, err := New(c, Deps{}); err == nil {
		t.Error("New took it")
	}
}
