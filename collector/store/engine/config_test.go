package engine

import (
	"os"
	"strings"
	"testing"
)

func TestConfigurationOfColdDisks(t *testing.T) {
	for _, tt := range []struct {
		name      string
		cold      *Cold
		want, not []string
	}{
		{"none", nil, []string{"<tiered>"}, []string{"<type>", "<cold>"}},
		{"a directory", &Cold{Dir: "/mnt/cold"}, []string{"<path>/mnt/cold/</path>", "<perform_ttl_move_on_insert>0<"}, []string{"s3"}},
		{"a directory that is left", &Cold{Dir: "/mnt/cold", Leaving: true}, []string{"<cold>", "<move_factor>0</move_factor>"}, nil},
		{"a bucket, the environment's key", &Cold{URL: "https://s3/b/p/", Known: true}, []string{
			"<endpoint>https://s3/b/p/</endpoint>", "<use_environment_credentials>true<", "<skip_access_check>true<", "<max_size>10737418240<",
		}, []string{"secret_access_key"}},
		{"a bucket, a key", &Cold{URL: "https://s3/b/p/", Credentials: &Credentials{ID: "me", Secret: "a<b"}, CacheBytes: 5}, []string{
			"<access_key_id>me<", "<secret_access_key>a&lt;b<", "<use_environment_credentials>false<", "<skip_access_check>false<", "<max_size>5<",
		}, []string{"session_token"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Dir: t.TempDir(), Cold: tt.cold}
			path, err := c.write()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := c.write(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("others may read it: %v, %v", info.Mode(), err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(b), want) {
					t.Errorf("want %s in\n%s", want, b)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(string(b), not) {
					t.Errorf("want no %s in\n%s", not, b)
				}
			}
		})
	}
}
