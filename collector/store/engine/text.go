package engine

import "strings"

// firstWord is the first word of a statement, or its first sign if that is no
// letter, past white space and comments.
func firstWord(sql string) string {
	sql = skipSpace(sql)
	end := 0
	for end < len(sql) && isLetter(sql[end]) {
		end++
	}
	return sql[:min(max(end, 1), len(sql))]
}

// skipSpace drops white space and comments in front of sql.
func skipSpace(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v")
		var end string
		switch {
		case strings.HasPrefix(sql, "--"), strings.HasPrefix(sql, "#!"), strings.HasPrefix(sql, "# "):
			end = "\n"
		case strings.HasPrefix(sql, "/*"):
			end = "*/"
		default:
			return sql
		}
		_, rest, found := strings.Cut(sql[2:], end)
		if !found {
			return ""
		}
		sql = rest
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
