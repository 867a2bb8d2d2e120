package retry

import (
	"strings"
	"testing"
	"time"
)

func FuzzParse(f *testing.F) {
	f.Add(2, int64(time.Second), "5xx,503,unavailable")
	f.Add(0, int64(0), "")
	f.Add(-1, int64(-1), "0x1f7")
	f.Fuzz(func(t *testing.T, attempts int, perTry int64, on string) {
		p, err := Parse(attempts, time.Duration(perTry), strings.Split(on, ","))
		if err != nil {
			return
		}
		if p.Retries(Outcome{End: Withheld}) {
			t.Error("what the sender's own limits withheld is retried")
		}
		if p.Attempts == 0 && p.Retries(Outcome{End: ConnectFailed}) {
			t.Error("retries without attempts")
		}
	})
}
