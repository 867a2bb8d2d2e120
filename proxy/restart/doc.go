// Package restart replaces a running sidecar by a new process, of a new program or with
// other flags, and loses no request by it.
//
// The process that was started first stays for good: it is the app's parent and the one
// that a service manager, a container or a shell knows. It is the sidecar itself, until
// it is asked for the first restart: then it starts an heir, hands everything over that
// is open (see proxy/handover), finishes what it has under way, and is from then on
// little more than a parent: it passes on what the app's life means for the sidecar, and
// starts the next heir when it is asked again. A sidecar that is never restarted costs
// no second process.
//
// The alternatives lose requests or relations. To execute the new program in place keeps
// the process and its child, but ends every request under way, as those are the old
// program's. To start the new process and end leaves the app without a parent that can
// wait for it, and the service manager without its main process. A supervisor from the
// start would cost every sidecar some megabytes for what few ever do.
//
// A restart goes like this:
//
//  1. The heir is started with the listening sockets, the lock on the state directory
//     and the state that the mesh knows the instance in. It takes certificate and last
//     good snapshot from disk, so that it needs no control plane to begin.
//  2. When it can carry requests it says so, and accepts beside its predecessor. An heir
//     that does not get there is ended, and everything is as before.
//  3. The predecessor leaves its feed without a goodbye and accepts no more. Idle
//     connections of the app go to the heir as they are: the app sees nothing of it.
//     Those of other sidecars are ended in order, by close_notify or GOAWAY, which says
//     that what crosses was not read. What is under way is finished, within the drain
//     time, and telemetry is sent to the end.
//
// What the sidecar learned of others begins anew: breakers, latencies, idle times.
package restart
