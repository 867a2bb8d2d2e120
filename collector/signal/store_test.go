package signal

import (
	"testing"
	"time"
)

func TestLacking(t *testing.T) {
	day := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	parts := []DamagedPart{
		{Table: "spans", Part: "a", Day: day},
		{Table: "spans", Part: "b", Day: day.AddDate(0, 0, -1)},
		{Table: "trace_index_local", Part: "c", Day: day},
		{Table: "logs", Part: "d"}, // its name does not say of when
	}
	for name, c := range map[string]struct {
		start, end time.Time
		tables     []string
		want       string
	}{
		"none of the day after":       {day.AddDate(0, 0, 1), day.AddDate(0, 0, 2), []string{"spans", "trace_index"}, ""},
		"none of the days before":     {day.AddDate(0, 0, -3), day.AddDate(0, 0, -1), []string{"spans"}, ""},
		"none of other tables":        {day, day.Add(time.Hour), []string{"red"}, ""},
		"of the day":                  {day, day.Add(time.Hour), []string{"spans"}, "one damaged part of 2026-11-03 was set aside"},
		"of two days and tables":      {time.Time{}, day.Add(time.Hour), []string{"spans", "trace_index"}, "3 damaged parts of 2026-11-02 and 2026-11-03 were set aside"},
		"perhaps of any day":          {day, day.Add(time.Hour), []string{"logs"}, "one damaged part was set aside"},
		"of the last moment of a day": {day.Add(24*time.Hour - 1), day.AddDate(0, 0, 3), []string{"trace_index"}, "one damaged part of 2026-11-03 was set aside"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Lacking(parts, Window{Start: c.start, End: c.end}, c.tables...); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
