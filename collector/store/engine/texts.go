package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// asked is what Texts needs of an Engine.
type asked interface {
	Query(ctx context.Context, s Statement) (*Rows, error)
}

// Texts gives the rows of a statement, each column as text. It holds all of them in memory, and
// is for answers that are known to be small.
func Texts(ctx context.Context, e asked, sql string, params map[string]string) ([][]string, error) {
	rows, err := e.Query(ctx, Statement{SQL: sql, Params: params, Format: "JSONCompactStringsEachRow"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var text strings.Builder
	for {
		chunk, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		text.Write(chunk)
	}
	var all [][]string
	for line := range strings.Lines(text.String()) {
		var row []string
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, fmt.Errorf("read %.40q: %w", line, err)
		}
		all = append(all, row)
	}
	return all, nil
}
