package store

import (
	"context"
	"log/slog"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// harmless are warnings and errors of every embedded start: that one member with
// no listener and no users is no cluster for production, and that a fresh
// directory has no schema yet.
var harmless = []string{
	"Running http and grpc server on single port. This is not recommended for production.",
	"simple token is not cryptographically signed",
	"Failed to detect schema version",
	"failed to update storage version",
	"setting up serving from embedded etcd failed.", // so it says when a member's listener is closed; a start that fails is an error of its own
}

// zapTo passes etcd's warnings and errors on to l; the rest is about etcd itself.
func zapTo(l *slog.Logger) *zap.Logger {
	return zap.New(bridge{l})
}

type bridge struct{ log *slog.Logger }

func (bridge) Enabled(l zapcore.Level) bool { return l >= zapcore.WarnLevel }

func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{b.log.With(attributes(fields)...)}
}

func (b bridge) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return c.AddCore(e, b)
	}
	return c
}

func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	level := slog.LevelWarn
	switch {
	case slices.Contains(harmless, e.Message):
		level = slog.LevelDebug
	case e.Level >= zapcore.ErrorLevel:
		level = slog.LevelError
	}
	b.log.Log(context.Background(), level, "etcd: "+e.Message, attributes(fields)...)
	return nil
}

func (bridge) Sync() error { return nil }

func attributes(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	out := make([]any, 0, len(enc.Fields))
	for k, v := range enc.Fields {
		out = append(out, slog.Any(k, v))
	}
	return out
}
