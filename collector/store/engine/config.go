package engine

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Config says where the engine keeps its data and what it may use.
type Config struct {
	Library     string // path of libchdb.so; see FindLibrary
	Dir         string // made if missing; one process at a time
	MemoryLimit int64  // bytes for all statements, merges and caches together; 0 is 2 GiB
	Readers     int    // SELECTs at a time; 0 is 16
	Writers     int    // other statements at a time; 0 is 4

	// SyncInserts has what is inserted on the disk itself, and not in the system's cache
	// alone, before an insert returns: it survives a loss of power then.
	SyncInserts bool

	Cold *Cold // a second disk; nil is none
}

const (
	defaultMemoryLimit = 2 << 30
	defaultReaders     = 16
	defaultWriters     = 4
	mergeThreads       = 2 // merges must not starve the two cores that a small host has
)

// DataDir is where the tables' files lie, below Dir.
func (c Config) DataDir() string { return filepath.Join(c.Dir, "data") }

func (c Config) withDefaults() Config {
	if c.MemoryLimit == 0 {
		c.MemoryLimit = defaultMemoryLimit
	}
	if c.Readers == 0 {
		c.Readers = defaultReaders
	}
	if c.Writers == 0 {
		c.Writers = defaultWriters
	}
	return c
}

// serverConfig is the engine's configuration file: what concerns the whole process.
type serverConfig struct {
	XMLName xml.Name `xml:"clickhouse"`

	LogLevel       string `xml:"logger>level"`
	DisplayName    string `xml:"display_name"`
	Timezone       string `xml:"timezone"`
	MaxMemory      int64  `xml:"max_server_memory_usage"`
	MarkCache      int64  `xml:"mark_cache_size"`
	UncompressedC  int64  `xml:"uncompressed_cache_size"`
	QueryCache     int64  `xml:"query_cache>max_size_in_bytes"`
	MaxThreads     int    `xml:"max_thread_pool_size"`
	MaxConcurrency int    `xml:"max_concurrent_queries"`
	MergeThreads   int    `xml:"background_pool_size"`
	MergeRatio     int    `xml:"background_merges_mutations_concurrency_ratio"`
	MoveThreads    int    `xml:"background_move_pool_size"`
	ScheduleSize   int    `xml:"background_schedule_pool_size"`

	// The pool is small, so the shares of it that ClickHouse keeps free for one
	// purpose or another must be small too, or large merges would never start.
	FreeForMerge    int `xml:"merge_tree>number_of_free_entries_in_pool_to_lower_max_size_of_merge"`
	FreeForMutation int `xml:"merge_tree>number_of_free_entries_in_pool_to_execute_mutation"`
	FreeForOptimize int `xml:"merge_tree>number_of_free_entries_in_pool_to_execute_optimize_entire_partition"`

	// Damaged parts are set aside as the engine starts. Its own limit, 1 GiB, is one large
	// part, and beyond it nothing of the table would be there.
	DamagedBytes int64 `xml:"merge_tree>max_suspicious_broken_parts_bytes"`

	// Merges are flushed with inserts. What a loss of power leaves of one that is not is made
	// again from the parts that it replaced, but looks like damage.
	SyncInserts bool `xml:"merge_tree>fsync_after_insert"`
	SyncNames   bool `xml:"merge_tree>fsync_part_directory"`
	SyncMerges  int  `xml:"merge_tree>min_rows_to_fsync_after_merge"` // 0 is never

	Storage storage `xml:"storage_configuration"`
}

// write puts the engine's configuration file into the directory.
func (c Config) write() (string, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", fmt.Errorf("make engine directory: %w", err)
	}
	syncMerges := 0
	if c.SyncInserts {
		syncMerges = 1
	}
	text, err := xml.MarshalIndent(serverConfig{
		LogLevel:        "none",
		DisplayName:     "sightline",
		Timezone:        "UTC",
		MaxMemory:       c.MemoryLimit,
		MarkCache:       c.MemoryLimit / 16,
		UncompressedC:   c.MemoryLimit / 16,
		QueryCache:      c.MemoryLimit / 64,
		MaxThreads:      512,
		MaxConcurrency:  2 * (c.Readers + c.Writers),
		MergeThreads:    mergeThreads,
		MergeRatio:      2,
		MoveThreads:     movesAtATime,
		ScheduleSize:    8,
		FreeForMerge:    1,
		FreeForMutation: 1,
		FreeForOptimize: 1,
		DamagedBytes:    math.MaxInt64,
		SyncInserts:     c.SyncInserts,
		SyncNames:       c.SyncInserts,
		SyncMerges:      syncMerges,
		Storage:         c.storage(),
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode engine configuration: %w", err)
	}
	path := filepath.Join(c.Dir, "config.xml")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // whatever others may do with the last one
		return "", fmt.Errorf("write engine configuration: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return "", fmt.Errorf("write engine configuration: %w", err)
	}
	return path, nil
}

// sessionSettings are what every session begins with: one statement may take most of
// the memory, never all, and spills to disk before that. Its threads are as many as there
// are processors, where there is room for some blocks of each: by the engine's default, a
// gibibyte for each, none would ever have a second one within a limit as small as this.
func (c Config) sessionSettings() map[string]string {
	bytes := func(n int64) string { return strconv.FormatInt(n, 10) }
	return map[string]string{
		"implicit_select":                    "0", // "bogus" is a syntax error, as on a server
		"max_memory_usage":                   bytes(c.MemoryLimit / 10 * 7),
		"max_bytes_before_external_group_by": bytes(c.MemoryLimit / 10 * 3),
		"max_bytes_before_external_sort":     bytes(c.MemoryLimit / 10 * 3),

		"max_threads_min_free_memory_per_thread": bytes(c.MemoryLimit / 32),
	}
}
