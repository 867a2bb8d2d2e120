package deploy

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Command is a command line of one of Sightline's programs, as a shipped file has a
// person or a machine run it.
type Command struct {
	File string // in Files
	Line int
	// Args begins with the program's name, without its directory. What a shell expands
	// stands as it is written; a unit's %i is "orders".
	Args []string
}

// String is where the command stands and what it is.
func (c Command) String() string {
	return fmt.Sprintf("%s:%d: %s", c.File, c.Line, strings.Join(c.Args, " "))
}

// Commands are the command lines of all units, recipes and pages.
func Commands() ([]Command, error) {
	var all []Command
	err := fs.WalkDir(Files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := Files.ReadFile(name)
		if err != nil {
			return err
		}
		found, err := commandsOf(name, string(b))
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		for _, c := range found {
			c.File, c.Args[0] = name, path.Base(c.Args[0])
			all = append(all, c)
		}
		return nil
	})
	return all, err
}

// commandsOf reads the command lines of one file; their programs are paths still.
func commandsOf(name, text string) ([]Command, error) {
	switch {
	case strings.HasSuffix(name, ".service"):
		u, err := parseUnit(text)
		if err != nil {
			return nil, err
		}
		d, err := u.get("Service", "ExecStart")
		if err != nil {
			return nil, err
		}
		return []Command{{Line: d.line, Args: strings.Fields(strings.ReplaceAll(d.value, "%i", "orders"))}}, nil
	case path.Base(name) == "Containerfile":
		stages, err := parseRecipe(text)
		if err != nil {
			return nil, err
		}
		var out []Command
		for _, s := range stages {
			if args, line := s.command(); len(args) > 0 {
				out = append(out, Command{Line: line, Args: args})
			}
		}
		return out, nil
	case strings.HasSuffix(name, ".md"):
		return pageCommands(text), nil
	}
	return nil, nil
}

// A command stands alone, after a shell's operator, or in backquotes in a sentence; it
// ends where its line does, or at the next operator.
var shell = regexp.MustCompile("(?:^|[;&|(`$] *)((?:sightline|sightline-proxy) [^;&|>)`#]+)")

// pageCommands reads the command lines of a Markdown page.
func pageCommands(text string) []Command {
	var out []Command
	for n, line := range lines(text) {
		for _, m := range shell.FindAllStringSubmatch(line, -1) {
			out = append(out, Command{Line: n, Args: strings.Fields(m[1])})
		}
	}
	return out
}
