package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

const storeLimitHelp = "how much of the disk the store may take, such as 50GiB, before the oldest day of what takes most is given up, or goes where old days go if that is said (--cold-path, --cold-s3, --storage-policy), but for today's (default: no limit, rows go by their age)"

// sizeFlag is a number of bytes, as people write them; the zero value is not set.
type sizeFlag uint64

// Set implements pflag.Value.
func (s *sizeFlag) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no size: want a number and its unit, such as 50GiB or 800MB", text)
	}
	*s = sizeFlag(n)
	return nil
}

// String implements pflag.Value.
func (s *sizeFlag) String() string {
	if *s == 0 {
		return ""
	}
	return humanize.IBytes(uint64(*s))
}

// Type implements pflag.Value.
func (*sizeFlag) Type() string { return "size" }
