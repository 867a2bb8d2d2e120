package limits

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Read reads limits from a YAML file.
func Read(file string) (Config, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read limits: %w", err)
	}
	c, err := Parse(b)
	if err != nil {
		return Config{}, fmt.Errorf("limits in %s: %w", file, err)
	}
	return c, nil
}

// Parse reads limits from YAML, and checks them. A field that there is none of is an
// error, and so is one that is there twice.
func Parse(b []byte) (Config, error) {
	var all any
	if err := yaml.UnmarshalStrict(b, &all); err != nil {
		return Config{}, err
	}
	var (
		c Config
		d decoder
	)
	d.section("", all, map[string]take{
		"tenant":  d.rates(&c.Tenant),
		"tenants": d.tenants(&c),
		"caps":    d.caps(&c.Caps),
	})
	return c, errors.Join(errors.Join(d.bad...), c.Validate())
}

// Amount is a whole number of something; 0 says nothing and None is no limit. In a file
// it is a number, one with a unit such as 64MiB, or "none".
type Amount int64

// Duration is a time, in a file as Go writes it: "10s".
type Duration time.Duration

// take reads the value at a place of the file.
type take func(at string, v any)

// decoder reads a file and notes every fault of it, by the place.
type decoder struct{ bad []error }

func (d *decoder) fault(at string, v any, want string) {
	d.bad = append(d.bad, fmt.Errorf("%s: %v: want %s", at, v, want))
}

func (d *decoder) section(at string, v any, fields map[string]take) {
	if v == nil {
		return
	}
	names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
	m, ok := v.(map[string]any)
	if !ok {
		d.fault(strings.TrimSuffix(at, "."), v, "a section with "+names)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if read := fields[name]; read != nil {
			read(at+name, m[name])
		} else {
			d.bad = append(d.bad, fmt.Errorf("%s%s: there is no such field; want one of %s", at, name, names))
		}
	}
}

func (d *decoder) tenants(c *Config) take {
	return func(at string, v any) {
		m, ok := v.(map[string]any)
		if !ok && v != nil {
			d.fault(at, v, "a section with tenants by their names")
		}
		c.Tenants = map[string]Rates{}
		for name, one := range m {
			var r Rates
			d.rates(&r)(at+"."+name, one)
			c.Tenants[name] = r
		}
	}
}

func (d *decoder) rates(r *Rates) take {
	return func(at string, v any) {
		d.section(at+".", v, map[string]take{
			"traces": d.rate(&r.Traces), "logs": d.rate(&r.Logs), "metrics": d.rate(&r.Metrics),
		})
	}
}

func (d *decoder) rate(r *Rate) take {
	return func(at string, v any) {
		d.section(at+".", v, map[string]take{
			"items": d.amount(&r.Items), "bytes": d.amount(&r.Bytes), "burst": d.duration(&r.Burst),
		})
	}
}

func (d *decoder) caps(c *Caps) take {
	return func(at string, v any) {
		fields := map[string]take{}
		for _, f := range c.fields() {
			fields[f.name] = d.amount(f.amount)
		}
		d.section(at+".", v, fields)
	}
}

const maxAmount = 1 << 50

func (d *decoder) amount(to *Amount) take {
	return func(at string, v any) {
		text := textOf(v)
		if text == "none" {
			*to = None
			return
		}
		digits := strings.TrimRight(text, "KMGiB")
		unit, known := map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[text[len(digits):]]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || !known || n <= 0 || n > maxAmount/unit {
			d.fault(at, v, "a whole number above 0, also with KiB, MiB or GiB, or none")
			return
		}
		*to = Amount(n * unit)
	}
}

// textOf is a scalar as it stands in the file: YAML's numbers come as floats.
func textOf(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (d *decoder) duration(to *Duration) take {
	return func(at string, v any) {
		text, _ := v.(string)
		parsed, err := time.ParseDuration(text)
		if err != nil || parsed <= 0 {
			d.fault(at, v, "a time such as 10s")
			return
		}
		*to = Duration(parsed)
	}
}
