package main

import "testing"

func TestSizeFlag(t *testing.T) {
	for text, want := range map[string]uint64{
		"50GiB": 50 << 30, "800MB": 800e6, "1.5TiB": 3 << 39, "4096": 4096,
		"": 0, "0": 0, "-1GiB": 0, "much": 0, "5 parsecs": 0, "99999999TiB": 0,
	} {
		var s sizeFlag
		if err := s.Set(text); (err != nil) != (want == 0) || uint64(s) != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
	}
	var none, some sizeFlag
	if err := some.Set("50GiB"); err != nil || none.String() != "" || some.String() != "50 GiB" {
		t.Errorf("they read %q and %q", none.String(), some.String())
	}
}
