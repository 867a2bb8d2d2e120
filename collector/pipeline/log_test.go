package pipeline

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestLog(t *testing.T) {
	var out strings.Builder
	log := zap.New(core{handler: slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})}).With(zap.String("component", "otlp"))
	log.Info("started")
	log.Warn("queue is full", zap.Int("size", 5))
	log.Error("Dropping data", zap.Error(errors.New("malformed")))
	want := "level=WARN msg=\"queue is full\" component=otlp size=5\n" +
		"level=ERROR msg=\"Dropping data\" component=otlp error=malformed\n"
	if out.String() != want {
		t.Errorf("logged %q", out.String())
	}
}
