package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ebitengine/purego"
)

// EnvLibrary names the environment variable that overrides where the engine's
// library is looked for.
const EnvLibrary = "SIGHTLINE_ENGINE"

// LibraryError says that the engine's library is missing or cannot be loaded, and
// what to run to get it.
type LibraryError struct {
	Path string
	Err  error
}

func (e *LibraryError) Error() string {
	return fmt.Sprintf("load ClickHouse engine %s: %v (run `make engine` to install it, or set %s to a libchdb.so)", e.Path, e.Err, EnvLibrary)
}

func (e *LibraryError) Unwrap() error { return e.Err }

// FindLibrary is the path of the engine's library: what SIGHTLINE_ENGINE says, else
// where `make engine` puts it below the user's cache directory. The error is a
// *LibraryError when there is no such file.
func FindLibrary() (string, error) {
	path := os.Getenv(EnvLibrary)
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", &LibraryError{Path: "below the user's cache directory", Err: err}
		}
		path = filepath.Join(cache, "sightline", "engine", "node_modules", "@chdb", npmPackage(), "libchdb.so")
	}
	if _, err := os.Stat(path); err != nil {
		return "", &LibraryError{Path: path, Err: err}
	}
	return path, nil
}

// npmPackage is the package that carries the library for this machine.
func npmPackage() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	if runtime.GOOS == "linux" {
		return "lib-linux-" + arch + "-gnu"
	}
	return "lib-" + runtime.GOOS + "-" + arch
}

// library is the part of the engine's C interface (chdb.h) that this package calls.
// Every pointer that C hands out is a uintptr here: Go's collector never sees it.
type library struct {
	version           func() string
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv **byte) uintptr
	closeConn         func(conn uintptr)
	shutdown          func() int32

	queryParams func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, n uintptr) uintptr
	streamParams func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, n uintptr) uintptr
	streamFetch  func(conn, stream uintptr) uintptr
	streamCancel func(conn, stream uintptr)

	insertParams func(conn uintptr, sql *byte, sqlLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, n uintptr) uintptr
	insertAppend  func(stream uintptr, data *byte, n uintptr) int32
	insertDone    func(stream uintptr) uintptr
	insertCancel  func(stream uintptr)
	insertError   func(stream uintptr) string
	insertDestroy func(stream uintptr)

	classify func(conn uintptr, sql *byte, sqlLen uintptr, database *byte, databaseLen uintptr, out *analysis) int32

	resultBuffer      func(result uintptr) uintptr
	resultLength      func(result uintptr) uintptr
	resultElapsed     func(result uintptr) float64
	resultRowsRead    func(result uintptr) uint64
	resultBytesRead   func(result uintptr) uint64
	storageRowsRead   func(result uintptr) uint64
	storageBytesRead  func(result uintptr) uint64
	resultRowsWritten func(result uintptr) uint64
	resultBytesWrit   func(result uintptr) uint64
	resultError       func(result uintptr) string
	resultDestroy     func(result uintptr)
}

// loadLibrary loads the engine and takes signal handling away from it: the Go
// runtime owns the process's signals.
func loadLibrary(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, &LibraryError{Path: path, Err: err}
	}
	l := &library{}
	for name, fn := range l.symbols() {
		addr, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, &LibraryError{Path: path, Err: fmt.Errorf("symbol %s: %w", name, err)}
		}
		purego.RegisterFunc(fn, addr)
	}
	l.setSignalHandlers(0)
	return l, nil
}

func (l *library) symbols() map[string]any {
	return map[string]any{
		"chdb_version":                     &l.version,
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_shutdown":                    &l.shutdown,
		"chdb_query_with_params_n":         &l.queryParams,
		"chdb_stream_query_with_params_n":  &l.streamParams,
		"chdb_stream_fetch_result":         &l.streamFetch,
		"chdb_stream_cancel_query":         &l.streamCancel,
		"chdb_stream_insert_with_params_n": &l.insertParams,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.insertDestroy,
		"chdb_classify_query_n":            &l.classify,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_elapsed":              &l.resultElapsed,
		"chdb_result_rows_read":            &l.resultRowsRead,
		"chdb_result_bytes_read":           &l.resultBytesRead,
		"chdb_result_storage_rows_read":    &l.storageRowsRead,
		"chdb_result_storage_bytes_read":   &l.storageBytesRead,
		"chdb_result_rows_written":         &l.resultRowsWritten,
		"chdb_result_bytes_written":        &l.resultBytesWrit,
		"chdb_result_error":                &l.resultError,
		"chdb_destroy_query_result":        &l.resultDestroy,
	}
}

// analysis is chdb_query_analysis_v1.
type analysis struct {
	structSize, statements, _, class uint32
}
