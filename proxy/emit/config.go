package emit

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/sightline-mesh/sightline/proxy/redact"
)

// Config says whose requests are told of, to whom, and how much memory that may take.
// A zero field means its default.
type Config struct {
	// Collector is the base URL of the collector's OTLP/HTTP port,
	// "https://10.0.0.5:4318". Empty makes an Emitter that forgets what it is told.
	Collector string
	// Service, Namespace, Version and Instance name the workload the sidecar stands
	// beside. Service is required.
	Service, Namespace, Version, Instance string
	// Buffer bounds the bytes of requests that wait to be encoded, each of which becomes
	// one access-log row and at least one span. They take less than 1 KiB as a rule, and
	// at a moderate rate a few hundred of them wait at most: what the buffer does not
	// hold, it does not take. Default 4 MiB.
	Buffer int
	// SecretParams are query parameters whose values are not told, beside those whose
	// names look like a secret\'s. Default redact.Defaults; an empty list that is not nil
	// has all values told.
	SecretParams []string
	// LabelSets caps the RED rows kept at once; requests of further label sets go to
	// one overflow row per reporter and status class. Default 1000.
	LabelSets int
	// Idle is how long a label set that sees no request is remembered. Default 10 min.
	Idle time.Duration
	// Interval is how often RED rows are made and everything is sent. Default 1 s.
	Interval time.Duration
	// Retain bounds the compressed bytes that wait for the collector's
	// acknowledgement; beyond it the oldest batches go. Default 16 MiB, which is some
	// minutes of a few hundred requests per second.
	Retain int
	// Grace is how long Run may go on sending after its context ended. Default 5 s.
	Grace time.Duration
}

// Deps is what an Emitter uses of its surroundings.
type Deps struct {
	// TLS presents the workload's certificate and verifies the collector's. It is
	// cloned; its callbacks see every handshake, so certificates rotate live. Nil for
	// a plain-HTTP collector on loopback.
	TLS *tls.Config
	// Logger is told when sending starts to fail and when it works again, not of every
	// failure. Nil discards.
	Logger *slog.Logger
}

// Validate reports every field that cannot be used.
func (c Config) Validate() error {
	var bad []error
	if err := validCollector(c.Collector); err != nil {
		bad = append(bad, err)
	}
	if c.Service == "" {
		bad = append(bad, errors.New("service: must be set"))
	}
	if c.Buffer < 0 || c.LabelSets < 0 || c.Retain < 0 {
		bad = append(bad, errors.New("buffer, labelSets, retain: must not be negative"))
	}
	if c.Idle < 0 || c.Interval < 0 || c.Grace < 0 {
		bad = append(bad, errors.New("idle, interval, grace: must not be negative"))
	}
	return errors.Join(bad...)
}

func validCollector(at string) error {
	u, err := url.Parse(at)
	switch {
	case err != nil:
		return fmt.Errorf("collector: %w", err)
	case at != "" && (u.Scheme != "https" && u.Scheme != "http" || u.Host == ""):
		return fmt.Errorf("collector: %q is not an http or https URL", at)
	}
	return nil
}

// withDefaults is c with every zero field set to its default.
func (c Config) withDefaults() Config {
	if c.SecretParams == nil {
		c.SecretParams = redact.Defaults()
	}
	orInt := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	orTime := func(v *time.Duration, to time.Duration) {
		if *v == 0 {
			*v = to
		}
	}
	orInt(&c.Buffer, 4<<20)
	orInt(&c.LabelSets, 1000)
	orInt(&c.Retain, 16<<20)
	orTime(&c.Idle, 10*time.Minute)
	orTime(&c.Interval, time.Second)
	orTime(&c.Grace, 5*time.Second)
	return c
}
