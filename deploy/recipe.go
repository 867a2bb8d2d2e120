package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// stage is one image of a recipe.
type stage struct {
	name         string
	from         string // an image, or the name of an earlier stage
	instructions []instruction
}

// instruction is one line of a stage, after its FROM.
type instruction struct {
	name  string
	flags map[string]string // --from=build
	args  []string          // of the JSON form, or split at spaces
	line  int
}

// instructions that a recipe may use, with whether they take the JSON form only: a
// shell would stand between the container and its program.
var instructions = map[string]bool{
	"WORKDIR": false, "COPY": false, "RUN": false, "USER": false, "VOLUME": false,
	"EXPOSE": false, "ENV": false, "ENTRYPOINT": true, "CMD": true,
}

// parseRecipe reads a Containerfile of one instruction a line.
func parseRecipe(text string) ([]stage, error) {
	var stages []stage
	for n, line := range lines(text) {
		if line == "" || line[0] == '#' {
			continue
		}
		i, err := parseInstruction(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		i.line = n
		if i.name == "FROM" {
			if len(i.args) != 3 || i.args[1] != "AS" {
				return nil, fmt.Errorf("line %d: want FROM image AS stage", n)
			}
			stages = append(stages, stage{name: i.args[2], from: i.args[0]})
			continue
		}
		if len(stages) == 0 {
			return nil, fmt.Errorf("line %d: %s before any FROM", n, i.name)
		}
		last := &stages[len(stages)-1]
		last.instructions = append(last.instructions, i)
	}
	if len(stages) == 0 {
		return nil, errors.New("no FROM")
	}
	return stages, nil
}

func parseInstruction(line string) (instruction, error) {
	name, rest, _ := strings.Cut(line, " ")
	i := instruction{name: name, flags: map[string]string{}}
	exec, known := instructions[name]
	if !known && name != "FROM" {
		return i, fmt.Errorf("%q is not an instruction that recipes here use", name)
	}
	if strings.HasSuffix(rest, `\`) {
		return i, errors.New("goes on in the next line")
	}
	if exec {
		if err := json.Unmarshal([]byte(rest), &i.args); err != nil {
			return i, fmt.Errorf("%s: want the JSON form: %w", name, err)
		}
		return i, nil
	}
	for word := range strings.FieldsSeq(rest) {
		if flag, ok := strings.CutPrefix(word, "--"); ok && len(i.args) == 0 && name != "RUN" {
			k, v, _ := strings.Cut(flag, "=")
			i.flags[k] = v
			continue
		}
		i.args = append(i.args, word)
	}
	if len(i.args) == 0 {
		return i, fmt.Errorf("%s of nothing", name)
	}
	return i, nil
}

// command is what a container of the stage runs: entrypoint and default arguments.
func (s stage) command() (args []string, line int) {
	var tail []string
	for _, i := range s.instructions {
		switch i.name {
		case "ENTRYPOINT":
			args, line = i.args, i.line
		case "CMD":
			tail = i.args
		}
	}
	return append(append([]string(nil), args...), tail...), line
}
