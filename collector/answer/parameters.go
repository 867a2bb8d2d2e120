package answer

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// Bad says that a parameter is wrong, and what would be right.
func Bad(name, value, want string) error {
	return fmt.Errorf("%w: parameter %s is %q; want %s", clickhouse.ErrBadQuery, name, value, want)
}

// Whole reads a whole number from 0 to most; otherwise is it where there is none.
func Whole(p url.Values, name string, otherwise, most int64) (int64, error) {
	v := p.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, Bad(name, v, "a whole number, not below 0")
	}
	return n, nil
}

// Length reads a duration as Go writes it; 0 where there is none.
func Length(p url.Values, name string) (time.Duration, error) {
	v := p.Get(name)
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, Bad(name, v, "a duration such as 250ms")
	}
	return d, nil
}
