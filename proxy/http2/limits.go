package http2

import "time"

// The bounds of a connection that doc.go speaks of.
const (
	maxStreams       = 1000
	streamWindow     = 256 << 10
	connectionWindow = 16 << 20
	maxHeadBytes     = 64 << 10 // as RFC 9113 counts it, 32 bytes for each field included
	maxOpenHeads     = 4 << 20
	maxGathered      = 64 << 10
	maxInterims      = 16
	tableSize        = 4 << 10
	maxFrame         = 16 << 10
)

// The bounds of one header block before it is decoded. One that is too large as a
// list, but not by much, is read to its end and answered with 431.
const (
	maxHeadString    = 128 << 10
	maxBlockBytes    = 128 << 10
	maxContinuations = 32
)

// What a peer may do in vain. Tokens come back over time; frames that further a
// request bring back chatter's, as the pings of a peer that measures its bandwidth
// come with data. The figures follow nghttp2's and are higher where gRPC clients, whose
// deadlines pass, reset many streams at once.
const (
	maxChatter    = 1000
	chatterRate   = 100 // a second
	maxResets     = 1000
	resetRate     = 200 // a second
	prematureLife = time.Second
)

// How long a peer may take.
const (
	tickEvery     = 2 * time.Second
	prefaceTime   = 10 * time.Second
	blockTime     = 10 * time.Second // from the first to the last frame of a header block
	writeTime     = 30 * time.Second // until the socket takes what is written
	stallTime     = 5 * time.Minute  // until a window opens; Envoy's idle time of a stream
	goAwayTime    = time.Second      // for requests that cross the first GOAWAY, if no PING is answered
	pongTime      = 5 * time.Second
	farewellTime  = time.Second // to write a last GOAWAY
	lastStreamAny = 1<<31 - 1
	maxWindow     = 1<<31 - 1
	initialWindow = 1<<16 - 1 // of both sides until they say otherwise
)
