// Package outlier takes out the members of a group that answer worse than they should,
// by the rules of Envoy's outlier detection, which Istio's DestinationRules are written
// for: errors in a row, counted apart by sort; a rest that grows with each time; a share
// of the group that stays in any case. It knows no protocol.
//
// A member that was taken out comes back at the first sweep after its rest, without a
// probe. A sweep passes every Config.Interval. Nothing runs in the background: who looks
// at a Detector calls Sweep, and sweeps that were due meanwhile are made up for, with the
// same result as if each had run in its time.
package outlier
