package main

import (
	"testing"
	"time"
)

func TestAgeFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "2d": 48 * time.Hour, "90m": 90 * time.Minute,
		"": 0, "0d": 0, "0h": 0, "-1h": 0, "-1d": 0, "1.5d": 0, "soon": 0, "99999999d": 0,
	} {
		var a ageFlag
		if err := a.Set(text); (err != nil) != (want == 0) || time.Duration(a) != want {
			t.Errorf("%q: %s, %v; want %s", text, time.Duration(a), err, want)
		}
	}
	var none, some ageFlag
	if err := some.Set("2d"); err != nil || none.String() != "" || some.String() != "48h0m0s" {
		t.Errorf("they read %q and %q", none.String(), some.String())
	}
}

func TestSignedSizeFlag(t *testing.T) {
	for text, want := range map[string]int64{"10GiB": 10 << 30, "4096B": 4096, "": 0, "10EiB": 0, "much": 0} {
		var s signedSizeFlag
		if err := s.Set(text); (err != nil) != (want == 0) || int64(s) != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
	}
}
