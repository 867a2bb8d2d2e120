// Package http1 reads and writes HTTP/1.1 messages for a proxy that passes most of
// their bytes on as they came.
//
// A head stays bytes: [Reader] keeps it in one borrowed buffer and [Head] is an
// index of its fields. Nobody pays for a header map; a field that is removed or
// replaced is spliced out when [Writer] copies the head to the other side. Bodies
// are handed on piece by piece as they arrive, so the slower side sets the pace.
//
// Framing is strict (RFC 9112): a message that two readers could understand
// differently is refused with an [*Error] that names the status to answer with.
// That covers a length next to a transfer coding, two lengths, folded lines, bare
// CR or LF, blanks before a colon, NUL, and chunk sizes that are not plain hex.
//
// A Reader borrows its buffers only from the first byte of a message until
// [Reader.Finish], so an idle connection holds none. Strings and slices that a Head
// gives out alias those buffers and are valid for the same time.
//
// Nothing here starts a goroutine or knows of net.Conn beyond io.Reader and
// io.Writer (and syscall.Conn, to wait without a buffer).
package http1
