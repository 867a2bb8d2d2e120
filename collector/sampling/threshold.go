package sampling

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

const (
	all    = 1 << 56 // as many values has the randomness of a trace
	digits = 14      // that a threshold is written with, zeros at the end left out
	exact  = 4       // of a threshold made of a share, as OpenTelemetry's samplers write it
	bits   = 4       // of a digit
)

// Threshold is the least randomness of the traces that a sampler keeps. The zero Threshold
// keeps all.
type Threshold uint64

// MinShare is the least share that a threshold is made of.
const MinShare = 1.0 / (1 << 16)

// Of is the threshold that keeps a share of the traces, between MinShare and 1. It is
// rounded to what four digits hold beyond those that all say the same: within 0.01 % of
// the share.
func Of(share float64) Threshold {
	share = min(max(share, MinShare), 1)
	scale := exact
	if share < 1.0/16 { // leading digits f, that say little
		scale += int(-math.Log2(share)) / bits
	}
	step := uint64(1) << (bits * (digits - scale))
	exactly := uint64((1 - share) * all)
	return Threshold((exactly + step/2) / step * step)
}

// Share is the share of traces that reach t.
func (t Threshold) Share() float64 { return float64(all-uint64(t)) / all }

// Weight is how many traces one that is kept stands for.
func (t Threshold) Weight() float64 { return all / float64(all-uint64(t)) }

// Keeps reports whether a trace of that randomness is kept.
func (t Threshold) Keeps(randomness uint64) bool { return randomness >= uint64(t) }

// String is t as a tracestate has it.
func (t Threshold) String() string {
	s := strconv.FormatUint(all|uint64(t), 16)[1:]
	if s = strings.TrimRight(s, "0"); s == "" {
		return "0"
	}
	return s
}

// RandomnessOf is what a trace id has of it.
func RandomnessOf(trace [16]byte) uint64 { return binary.BigEndian.Uint64(trace[8:]) & (all - 1) }
