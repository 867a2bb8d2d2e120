package proc

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Machine is what the comparison ran on.
type Machine struct {
	CPU    string // model
	Cores  int
	Memory int64 // bytes
	Kernel string
}

// Machine describes this machine.
func (t Table) Machine() (Machine, error) {
	cpus, err := fs.ReadFile(t.fs, "cpuinfo")
	if err != nil {
		return Machine{}, fmt.Errorf("read processors: %w", err)
	}
	var m Machine
	for line := range strings.Lines(string(cpus)) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "processor":
			m.Cores++
		case "model name":
			m.CPU = strings.TrimSpace(value)
		}
	}
	memory, err := fs.ReadFile(t.fs, "meminfo")
	if err != nil {
		return Machine{}, fmt.Errorf("read memory: %w", err)
	}
	if m.Memory, err = kibibytes(string(memory), "MemTotal:"); err != nil {
		return Machine{}, fmt.Errorf("read memory: %w", err)
	}
	kernel, err := fs.ReadFile(t.fs, "sys/kernel/osrelease")
	if err != nil {
		return Machine{}, fmt.Errorf("read kernel release: %w", err)
	}
	m.Kernel = strings.TrimSpace(string(kernel))
	return m, nil
}

// Busy is the processor time that all cores together have spent on anything.
func (t Table) Busy() (time.Duration, error) {
	b, err := fs.ReadFile(t.fs, "stat")
	if err != nil {
		return 0, fmt.Errorf("read processor times: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 8 || f[0] != "cpu" {
		return 0, fmt.Errorf("read processor times: line %q", line)
	}
	// user, nice, system, then idle and waiting for disks, then interrupts.
	return ticks(f[1], f[2], f[3], f[6], f[7])
}

// Load is the load average of the last minute.
func (t Table) Load() (float64, error) {
	b, err := fs.ReadFile(t.fs, "loadavg")
	if err != nil {
		return 0, fmt.Errorf("read load average: %w", err)
	}
	first, _, _ := strings.Cut(string(b), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("read load average: %w", err)
	}
	return load, nil
}
