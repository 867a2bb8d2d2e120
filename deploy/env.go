package deploy

import (
	"fmt"
	"io/fs"
	"strings"
)

// EnvFiles are the variables of every environment file, by file.
func EnvFiles() (map[string]map[string]string, error) {
	names, err := fs.Glob(Files, "examples/*/*.env")
	if err != nil {
		return nil, fmt.Errorf("find environment files: %w", err)
	}
	out := map[string]map[string]string{}
	for _, name := range names {
		b, err := Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = parseEnv(string(b)); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return out, nil
}

// parseEnv reads NAME=value lines that systemd and shells read alike: plain words,
// nothing quoted, nothing expanded.
func parseEnv(text string) (map[string]string, error) {
	vars := map[string]string{}
	for n, line := range lines(text) {
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || name == "" {
			return nil, fmt.Errorf("line %d: %q is not NAME=value", n, line)
		}
		if strings.ContainsAny(value, " \t\"'`$\\;&|<>()") {
			return nil, fmt.Errorf("line %d: systemd and shells read %q differently", n, value)
		}
		if _, twice := vars[name]; twice {
			return nil, fmt.Errorf("line %d: %s is set twice", n, name)
		}
		vars[name] = value
	}
	return vars, nil
}
