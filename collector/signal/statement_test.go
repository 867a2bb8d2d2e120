package signal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatementsAreReadBack(t *testing.T) {
	s := Statement{Process: "p", Instance: "web-1", Signals: map[string]Told{
		"traces": {Made: 9, Acknowledged: 4, Dropped: map[string]uint64{"queue full": 2}}, "logs": {},
	}}
	got, err := ParseStatement(s.String())
	if diff := cmp.Diff(s, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if strings.ContainsAny(s.String(), "\r\n") {
		t.Error("no header")
	}
}

// Whatever a header says, it is refused or adds up.
func FuzzParseStatement(f *testing.F) {
	f.Add(Statement{Process: "p", Signals: map[string]Told{"traces": {Made: 9, Acknowledged: 4}}}.String())
	f.Add(`{"process":"p","signals":{"traces":{"made":3,"acknowledged":18446744073709551615,"dropped":{"a":18446744073709551615}}}}`)
	f.Add(`{"process":"p","signals":{"traces":{"made":1,"dropped":{"a":18446744073709551615,"b":2}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatement(text)
		if err != nil {
			return
		}
		for name, told := range s.Signals {
			if left := told.Made - told.Acknowledged - told.Lost(); left > told.Made {
				t.Errorf("%s: %+v", name, told)
			}
			for reason, n := range told.Dropped {
				if n > told.Made {
					t.Errorf("%s: %d dropped because %s of %d", name, n, reason, told.Made)
				}
			}
		}
	})
}
