// Package loop holds the tests of the closed loop as a whole: a model of a mesh whose
// rows arrive late, topology that reads them, and remedy that acts on the model. They
// run on a fake clock, so they say what the loop's own decisions cost in time, not
// what a machine adds.
package loop
