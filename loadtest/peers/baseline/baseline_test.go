package baseline

import (
	"context"
	"strings"
	"testing"
)

// The programs themselves are tested where pairs are made of them; see package peers.

func TestActNamesWhatIsWrong(t *testing.T) {
	for side, want := range map[string]string{
		"junk":                           "read side",
		`{"certificate":"/nonexistent"}`: "read certificate",
	} {
		if err := Act(context.Background(), RoleSplice, side); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", side, err, want)
		}
	}
}
