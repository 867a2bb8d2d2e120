package cold

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// Config says which disk it is; the zero value is none.
type Config struct {
	Path string // a directory that is there, of another file system; or
	S3   string // a bucket and what keys in it begin with: https://host/bucket/prefix

	CredentialsFile string // of S3, as AWS' own tools read it; "" is the environment's AWS_…
	CacheBytes      int64  // most of S3's answers that is kept here; 0 is engine.DefaultColdCache
}

// Validate names every fault at once, by the flags.
func (c Config) Validate() error {
	var bad []error
	if c.Path != "" && c.S3 != "" {
		bad = append(bad, errors.New("cold-path, cold-s3: want one of them: there is one cold disk"))
	}
	if c.S3 != "" {
		bad = append(bad, bucketFault(c.S3)) // nil is left out
	}
	if c.S3 == "" && c.CredentialsFile != "" {
		bad = append(bad, errors.New("cold-s3-credentials-file: want cold-s3 with it"))
	}
	if c.S3 == "" && c.CacheBytes != 0 {
		bad = append(bad, errors.New("cold-s3-cache: want cold-s3 with it"))
	}
	return errors.Join(bad...)
}

// bucketFault is without what was said, which may hold a key.
func bucketFault(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", strings.Trim(u.Path, "/") == "":
		return errors.New("cold-s3: want the URL of a bucket and a prefix, such as https://s3.eu-central-1.amazonaws.com/bucket/sightline")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("cold-s3: want no key and nothing else behind the path: cold-s3-credentials-file and the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) say it")
	}
	return nil
}

// readKey reads the first profile of a file as AWS' own tools have it. What is wrong is told
// without what is in the file.
func readKey(path string) (*engine.Credentials, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var k engine.Credentials
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") && k.ID != "" {
			break // another profile
		}
		name, value, _ := strings.Cut(line, "=")
		for of, to := range map[string]*string{"aws_access_key_id": &k.ID, "aws_secret_access_key": &k.Secret, "aws_session_token": &k.Token} {
			if strings.TrimSpace(name) == of {
				*to = strings.TrimSpace(value)
			}
		}
	}
	if k.ID == "" || k.Secret == "" {
		return nil, fmt.Errorf("%s: want lines aws_access_key_id = … and aws_secret_access_key = …", path)
	}
	return &k, nil
}
