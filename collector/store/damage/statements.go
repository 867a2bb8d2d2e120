package damage

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	//go:embed sql/failures.sql
	failures string
	//go:embed sql/parts_named.sql
	partsNamed string
	//go:embed sql/set_aside.sql
	setAside string
	//go:embed sql/where_detached.sql
	whereDetached string
)

// blames reports whether an exception of this code may be a part's own files' fault. A file
// that cannot be opened, and what a remote disk answers, are not: they may be sound.
func blames(code int) bool {
	return slices.Contains([]int{
		23,  // CANNOT_READ_FROM_ISTREAM
		27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
		32,  // ATTEMPT_TO_READ_AFTER_EOF
		33,  // CANNOT_READ_ALL_DATA
		40,  // CHECKSUM_DOESNT_MATCH
		74,  // CANNOT_READ_FROM_FILE_DESCRIPTOR: the disk's own error
		107, // FILE_DOESNT_EXIST
		117, // INCORRECT_DATA
		171, // CANNOT_DECOMPRESS's predecessor: a size that cannot be
		226, // NO_FILE_IN_DATA_PART
		228, // BAD_SIZE_OF_FILE_IN_DATA_PART
		246, // CORRUPTED_DATA
		271, // CANNOT_DECOMPRESS
		432, // UNKNOWN_CODEC
	}, code)
}

var codes = regexp.MustCompile(`Code: (\d+)\.`)

// codeOf is the code in the text of an exception, 0 where there is none.
func codeOf(text string) int {
	if m := codes.FindStringSubmatch(text); m != nil {
		return number(m[1])
	}
	return 0
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// plain is text without what would mean something in the value of a parameter.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' {
			return ' '
		}
		return r
	}, text)
}

func quoted(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}
