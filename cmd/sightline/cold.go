package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sightline-mesh/sightline/collector/store/cold"
)

const (
	coldPathHelp = "directory of another file system that the embedded store's old days go to; it must be there. Without it at a later start they are brought back. A collector sends them there: sightline store alone needs one with --storage-policy tiered"
	coldS3Help   = "S3 bucket, and what keys in it begin with, that the embedded store's old days go to, such as https://s3.eu-central-1.amazonaws.com/bucket/sightline; the key is in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a file"
	coldKeyHelp  = "file with the key for --cold-s3, as AWS' own tools read it: aws_access_key_id = …, aws_secret_access_key = …"
	coldSizeHelp = "most of --cold-s3's answers to keep on the store's own disk (default 10 GiB)"

	storagePolicyHelp = "storage policy of the server or cluster of --clickhouse that its tables are to have: old days go to the policy's volume \"cold\"; it must have all volumes of the policy that they have so far"
	coldAfterHelp     = "how long a day stays on the fast disk, from its end on, such as 24h or 7d, before it goes to --cold-path, --cold-s3 or the volume of --storage-policy (default 2d); sooner where less than a tenth of the fast disk is free"
	coldLimitHelp     = "as --store-limit, for what lies there: its oldest day is given up"
)

// coldFlags are the embedded store's, for what runs it alone and a whole mesh alike.
func coldFlags(f *pflag.FlagSet, c *cold.Config) {
	f.StringVar(&c.Path, "cold-path", "", coldPathHelp)
	f.StringVar(&c.S3, "cold-s3", "", coldS3Help)
	f.StringVar(&c.CredentialsFile, "cold-s3-credentials-file", "", coldKeyHelp)
	f.Var((*signedSizeFlag)(&c.CacheBytes), "cold-s3-cache", coldSizeHelp)
}

// signedSizeFlag is a sizeFlag for what counts bytes in an int64.
type signedSizeFlag int64

// Set implements pflag.Value.
func (s *signedSizeFlag) Set(text string) error {
	var n sizeFlag
	if err := n.Set(text); err != nil {
		return err
	}
	if int64(n) < 0 {
		return fmt.Errorf("%q is more than can be counted", text)
	}
	*s = signedSizeFlag(n)
	return nil
}

// String implements pflag.Value.
func (s *signedSizeFlag) String() string { return (*sizeFlag)(new(uint64(*s))).String() }

// Type implements pflag.Value.
func (*signedSizeFlag) Type() string { return "size" }

// ageFlag is a time that may be said in days; the zero value is not set.
type ageFlag time.Duration

// Set implements pflag.Value.
func (a *ageFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no age: want hours or days, such as 36h or 2d", text)
	}
	*a = ageFlag(d)
	return nil
}

// String implements pflag.Value.
func (a *ageFlag) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type implements pflag.Value.
func (*ageFlag) Type() string { return "age" }
